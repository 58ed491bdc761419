"""What a letter must be to be taken: every rule in one place, as validators with an honest message each.

They look at the form of a letter, never at what it says. Whatever is refused stays in the form as it was typed.
"""

import re
import string
import unicodedata
from typing import Any

from flask_babel import format_decimal, gettext, ngettext
from flask_babel import lazy_gettext as _l
from wtforms import Form, ValidationError
from wtforms.fields import Field

from campaign.web.forms import line_ends

SUBJECT_LENGTH = (5, 120)
BODY_LENGTH = (40, 5000)
"""Characters; regulations.gov takes comments of 5,000 (its API's limit for ``comment``)."""
LINKS = 2
DIFFERENT_WORDS = 8
"""Different words a letter has at least: fewer are no letter."""

_ENDINGS = "com|net|org|info|biz|xyz|shop|site|online|top|io|ru|cn"
LINK = re.compile(
    rf"(?:https?://|\bwww\.[a-z0-9]|(?<![@\w.-])(?:[a-z0-9-]+\.)+(?:(?:{_ENDINGS})\b|[a-z]{{2,}}/[a-z0-9]))[^\s,;<>()]*",
    re.IGNORECASE,
)
"""A web address, also one without a beginning where mail programs make a link of it (bit.ly/abc); not a mail address."""
_ENDED = re.compile(rf"\.(?:(?:{_ENDINGS})\b|[a-z]{{2,}}/[a-z0-9])", re.IGNORECASE)
# Chinese, Japanese, Thai, Lao and Khmer put no blanks between words: there each sign counts.
_WORD = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]{2,}")


def normal(value: Any) -> Any:
    """Filter: composed characters (NFC), Unix line ends, no white space around the text."""
    if not isinstance(value, str):
        return value
    return unicodedata.normalize("NFC", line_ends(value)).strip()


class Length:
    """Validator: between ``min`` and ``max`` characters, and by how many it misses."""

    def __init__(self, min: int, max: int) -> None:
        self.min = min
        self.max = max

    def __call__(self, form: Form, field: Field) -> None:
        n = len(field.data or "")
        if 0 < n < self.min:
            raise ValidationError(
                gettext("This is too short: please write at least %(n)s characters.", n=self.min)
            )
        if n > self.max:
            over = n - self.max
            raise ValidationError(
                ngettext(
                    "This is %(over)s character too long: %(most)s is the most.",
                    "This is %(over)s characters too long: %(most)s is the most.",
                    over,
                    over=format_decimal(over),
                    most=format_decimal(self.max),
                )
            )


class Required:
    """Validator: something was typed; stops the others where nothing was."""

    field_flags = {"required": True}

    def __init__(self, message: Any = None) -> None:
        self.message = message or _l("Please fill this in.")

    def __call__(self, form: Form, field: Field) -> None:
        if not field.data:
            from wtforms.validators import StopValidation

            raise StopValidation(self.message)


def links(text: str) -> list[str]:
    """The web addresses in a text."""
    # Nearly every letter has none, and looking for what they all have takes a hundredth of the time.
    if "://" in text or "www." in text.lower() or _ENDED.search(text):
        return LINK.findall(text)
    return []


def few_links(form: Form, field: Field) -> None:
    """Validator: at most LINKS web addresses. Letters full of links are taken for advertising."""
    if len(links(field.data or "")) > LINKS:
        raise ValidationError(
            gettext(
                "Please keep to %(n)s links at most: mail with many links is often thrown away unread.",
                n=LINKS,
            )
        )


def no_links(form: Form, field: Field) -> None:
    """Validator: no web address."""
    if links(field.data or ""):
        raise ValidationError(gettext("Please put links into the letter, not here."))


def not_shouting(form: Form, field: Field) -> None:
    """Validator: not in capitals throughout, where there are enough letters to say so."""
    large, small = _cases(field.data or "")
    letters = large + small
    if letters >= 12 and large > 0.7 * letters:
        raise ValidationError(
            gettext(
                "Please do not write everything in capitals: it reads like shouting, and filters stop it."
            )
        )


def _cases(text: str) -> tuple[int, int]:
    """How many capital and how many small letters."""
    if not text.isascii():
        return sum(map(str.isupper, text)), sum(map(str.islower, text))
    raw = text.encode()
    large, small = (
        len(raw) - len(raw.translate(None, letters.encode()))
        for letters in (string.ascii_uppercase, string.ascii_lowercase)
    )
    return large, small


def a_letter(form: Form, field: Field) -> None:
    """Validator: words, not one of them over and over."""
    if not BODY_LENGTH[0] <= len(field.data or "") <= BODY_LENGTH[1]:
        return  # Length says so, and one message is enough.
    words: set[str] = set()
    for found in _WORD.finditer(field.data or ""):
        words.add(found[0].casefold())
        if len(words) == DIFFERENT_WORDS:
            return
    raise ValidationError(gettext("Please write a few sentences that the office can read."))
