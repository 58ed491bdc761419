"""Header fields that no typed text can break out of (RFC 5322, 2047, 6532)."""

import base64
import re
from functools import lru_cache

import idna

LINE = 76
"""Where header lines are folded; RFC 2047 allows encoded words only in lines so short."""
_WORD_BYTES = 42
"""Bytes an encoded word carries: 56 characters of base64 and the 12 around them, with room for a name."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SPECIALS = re.compile(r'[()<>\[\]:;@\\,."]')
_LOCAL = re.compile(r"[^\x00-\x20\x7f-\x9f()<>\[\]:;@\\,\"\u2028\u2029\u00a0\ud800-\udfff\s]{1,64}")
_USUAL = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
"""What most local parts are: none of the others' questions arises."""
_DOMAIN = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.I
)


class NotAnAddress(ValueError):
    """What should be an address is none; the text does not repeat it."""


def field_lines(name: str, value: str) -> str:
    """A header of free text, folded, with its CRLF. Raises ValueError where ``name`` is no field name."""
    _check_name(name)
    value = plain(value)
    ordinary = value.isascii() and "=?" not in value
    if ordinary and len(name) + 2 + len(value) <= LINE:
        return f"{name}: {value}\r\n"
    if ordinary:
        folded = _fold(name, value.split(" "))
        if folded is not None:
            return folded
    return f"{name}: {encoded_words(value, first=len(name) + 2)}\r\n"


def plain(value: str) -> str:
    """Text on one line: every control character, line ends among them, becomes a space; blanks are squeezed."""
    # What can all be printed has no control characters.
    return " ".join((value if value.isprintable() else _CONTROLS.sub(" ", value)).split())


@lru_cache(maxsize=256)
def _check_name(name: str) -> None:
    if not _TOKEN.fullmatch(name) or len(name) > 60:
        raise ValueError("not a header field name")


def encoded_words(value: str, first: int = 0) -> str:
    """RFC 2047 encoded words, folded; ``first``: how much of the first line is taken."""
    words: list[str] = []
    chunk = ""
    room = max(_WORD_BYTES - first * 3 // 4, 6) if first > 8 else _WORD_BYTES
    for character in value:
        while len((chunk + character).encode()) > room:
            # Between words where it can be, with the blank inside: some readers show a break as one.
            cut = chunk.rfind(" ")
            cut = cut if cut > 0 else len(chunk)
            words.append(_word(chunk[:cut].encode()))
            chunk, room = chunk[cut:], _WORD_BYTES
        chunk += character
    words.append(_word(chunk.encode()))
    return "\r\n ".join(words)


def mailbox(name: str, address: str) -> str:
    """``name <address>`` for a header, the name quoted or encoded as it needs."""
    name, address = plain(name), envelope_address(address)
    if not name:
        return address
    if not name.isascii() or "=?" in name or len(name) > LINE - 10:
        return f"{encoded_words(name, first=8)}\r\n <{address}>"
    if _SPECIALS.search(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        name = f'"{escaped}"'
    return (
        f"{name}\r\n <{address}>" if len(name) + len(address) > LINE - 12 else f"{name} <{address}>"
    )


def address_header(name: str, address: str) -> str:
    """A header that holds one address, already checked by :func:`envelope_address`."""
    return f"{name}: {address}\r\n"


def envelope_address(address: str) -> str:
    """An address as SMTP takes it: the domain in its ASCII form, the local part as it is.

    A local part beyond ASCII stays so: it needs SMTPUTF8 (RFC 6531). Quoted local parts and address literals
    are refused. Raises NotAnAddress.
    """
    local, at, domain = address.strip(" ").rpartition("@")
    if at and _USUAL.fullmatch(local):
        return f"{local}@{_domain(domain)}"
    if not at or not _LOCAL.fullmatch(local) or len(local.encode()) > 64:
        raise NotAnAddress("the address is not one that mail can go to")
    # "=?" begins an encoded word, which some readers decode even here, against RFC 2047 section 5.
    if local.startswith(".") or local.endswith(".") or ".." in local or "=?" in local:
        raise NotAnAddress("the address is not one that mail can go to")
    return f"{local}@{_domain(domain)}"


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    """A domain in its ASCII form. Raises NotAnAddress."""
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise NotAnAddress("the address's domain does not exist") from error
    if not _DOMAIN.fullmatch(domain) or len(domain) > 253:
        raise NotAnAddress("the address is not one that mail can go to")
    return domain


def _word(chunk: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(chunk).decode()}?="


def _fold(name: str, words: list[str]) -> str | None:
    """ASCII words folded at their spaces; None where one is too long for a line."""
    lines, line = [], f"{name}:"
    for word in words:
        if len(word) > LINE:
            return None
        if len(line) + 1 + len(word) > LINE and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]) + "\r\n"
