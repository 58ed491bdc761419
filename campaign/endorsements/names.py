"""When two names, or two websites, are one signer's."""

import re
import unicodedata
from urllib.parse import urlsplit

_APOSTROPHES = str.maketrans("", "", "'’‘ʼ`´")
_ARTICLES = {"the", "a", "an", "el", "la", "los", "las"}
_LEGAL = {"inc", "incorporated", "llc", "ltd", "corp", "corporation"}


def name_key(name: str) -> str:
    """The name as compared: case, accents, articles and punctuation folded, and a legal form at the end dropped.

    ``name_key(name_key(x)) == name_key(x)``; two names with the same key are the same signer to us.
    """
    words = _words(name)
    kept = words[:]
    while len(kept) > 1 and kept[0] in _ARTICLES:
        kept.pop(0)
    while len(kept) > 1 and kept[-1] in _LEGAL:
        kept.pop()
    return " ".join(kept) or " ".join(name.casefold().split())


def _words(name: str) -> list[str]:
    text = name
    # Twice: folding the case of some letters takes them apart, and what comes apart has a case of its own.
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(c for c in text if not unicodedata.combining(c))
        text = text.translate(_APOSTROPHES).replace("&", " and ")
    return re.findall(r"[^\W_]+", text)


def domain_of(website: str) -> str:
    """The host of a website without ``www.`` and port, in lower case; empty where there is none."""
    try:
        host = urlsplit(website if "//" in website else f"//{website}").hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.").rstrip(".")


def tidy_website(typed: str) -> str:
    """A website as we keep it: https:// where no scheme was typed. Raises ValueError for what is no web address."""
    text = typed.strip()
    if not text:
        return ""
    if "://" not in text:
        text = f"https://{text}"
    parts = urlsplit(text)
    host = parts.hostname or ""
    plain = re.fullmatch(r"[\w-]+(\.[\w-]+)+", host, re.UNICODE)
    if parts.scheme not in ("http", "https") or not plain or parts.username or parts.password:
        raise ValueError("not a web address")
    if (
        len(text) > 500
        or any(c.isspace() or ord(c) < 32 for c in text)
        or set(text) & set('<>"`\\')
    ):
        raise ValueError("not a web address")
    parts.port  # noqa: B018  # reading it checks it: raises ValueError
    return text
