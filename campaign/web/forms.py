"""What public forms share: a signed token instead of a session, and messages in the page's language."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES
from flask import current_app, request
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import Form, HiddenField, ValidationError
from wtforms.fields import Field, SelectChoice
from wtforms.i18n import get_translations

from campaign.web import languages, tokens

EMAIL_LENGTH = 254
"""RFC 5321, 4.5.3.1.3: a path is at most 256 octets with its angle brackets."""


_OURS = {
    "Not a valid choice.": _l("Please choose one of those on the list."),
    "'%(value)s' is not a valid choice for this field.": _l("Please choose from the list."),
    "'%(value)s' are not valid choices for this field.": _l("Please choose from the list."),
}
"""Our own words where WTForms has others: it has its own, of its own kind, only for some languages."""


class _Messages:
    """What WTForms asks its translations for: our own words, else its own in this language."""

    def __init__(self, language: str) -> None:
        self.own = get_translations([language])

    def gettext(self, text: str) -> str:
        """The message."""
        return str(_OURS[text]) if text in _OURS else str(self.own.gettext(text))

    def ngettext(self, one: str, many: str, n: int) -> str:
        """The message for so many."""
        return str(_OURS[one]) if one in _OURS else str(self.own.ngettext(one, many, n))


@lru_cache
def _own_messages(language: str) -> Any:
    """What forms say by themselves, in this language; read once."""
    return _Messages(language)


class PublicForm(Form):
    """A form that anyone may send: no cookie, no session.

    Subclasses name themselves with ``purpose``; ``nonce`` is there after a successful ``validate``.
    """

    purpose = "form"

    class Meta:
        """WTForms settings: messages come from its own translations, in the page's language."""

        def get_translations(self, form: Form) -> Any:
            return _own_messages(languages.current())

    form_token = HiddenField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(request.form if request.method == "POST" else None, **kwargs)
        self.nonce = ""
        self.stale = False
        if request.method != "POST":
            self.form_token.data = tokens.form_token(self.purpose)

    def validate(self, extra_validators: Any = None) -> bool:
        """Checks the fields and the token. With a stale token the form gets a new one, so that the next press works."""
        fields_good = super().validate(extra_validators)
        try:
            self.nonce = tokens.read_form_token(self.purpose, self.form_token.data or "")
        except tokens.BadToken:
            self.stale = True
            self.form_token.data = tokens.form_token(self.purpose)
            self.form_errors.append(
                gettext(
                    "This page had been open for a long time. Nothing is lost: please send it again."
                )
            )
            return False
        return fields_good


class Address:
    """Validator: an email address that mail can be sent to, kept in normal form (RFC 5321, RFC 6531).

    The domain is not looked up: that would make the form slow and tell nothing about the mailbox.
    """

    def __init__(self, message: Any = None) -> None:
        self.message = message or _l(
            "Please check the address: it should look like name@example.org."
        )

    def __call__(self, form: Form, field: Field) -> None:
        text = (field.data or "").strip()
        if len(text) > EMAIL_LENGTH:
            raise ValidationError(self.message)
        try:
            field.data = _usual(text) or _normal(text)
        except EmailNotValidError as error:
            raise ValidationError(self.message) from error


def _normal(text: str) -> str:
    return validate_email(text, check_deliverability=False, test_environment=True).normalized


_LOCAL = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9]+[.-])+[A-Za-z]+")
_LOCAL_LENGTH = 64


def _usual(text: str) -> str:
    """``_normal`` of an address as nearly all are: their local part stays as it is, and few domains have most of them."""
    local, _, domain = text.partition("@")
    if len(local) > _LOCAL_LENGTH or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return ""
    if local.lower() in CASE_INSENSITIVE_MAILBOX_NAMES:
        return ""
    return f"{local}@{_known_domain(domain)}"


@lru_cache(maxsize=4096)
def _known_domain(domain: str) -> str:
    return _normal(f"a@{domain}").rpartition("@")[2]


class Lasting:
    """Validator: not an address of a throw-away mail service, by the list of the library disposable-email-domains.

    Nothing is looked up elsewhere; a new list comes with ``make lock``. DISPOSABLE_DOMAINS=off switches it off.
    """

    def __call__(self, form: Form, field: Field) -> None:
        if not current_app.config.get("DISPOSABLE_DOMAINS", True):
            return
        domain = (field.data or "").rpartition("@")[2].lower()
        while "." in domain:
            if domain in blocklist:
                raise ValidationError(
                    gettext(
                        "Mail to %(domain)s is thrown away after a short time, and answers of the offices with it. Please use an address that lasts.",
                        domain=domain,
                    )
                )
            domain = domain.partition(".")[2]


SHOWN = 30
"""Characters that show where in a text something is."""


def line_ends(text: str) -> str:
    """The text with ``\\n`` for whatever ends a line or a paragraph elsewhere, as Unicode's own separators do.

    Those come with what is pasted from some programs; nobody sees them in a form, and a printer would stretch a line at one.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\u2028", "\n").replace("\u2029", "\n\n")


class PlainText:
    """Validator: no control characters (Unicode Cc), and none of the invisible ones that reorder, hide or annotate text.

    ``lines`` allows line breaks. Such characters have no place in what people write, and are how headers and
    displays are tricked. Marks that scripts and emoji need (joiners, direction marks, a flag's tags) may stay.
    """

    # Lone surrogates and what is no character are among them: they cannot be encoded, or not be read.
    UNSEEN = "\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u206f\ud800-\udfff\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff\U000e0001"
    # Tags spell an invisible text, but for those that make a black flag a country's.
    _TAGS = "(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007f]+"

    def __init__(self, lines: bool = False) -> None:
        self.unseen = re.compile(f"[{self.UNSEEN}{'' if lines else chr(9) + chr(10)}]|{self._TAGS}")

    def __call__(self, form: Form, field: Field) -> None:
        text = line_ends(field.data or "")
        field.data = text
        found = self.unseen.search(text)
        if found is None:
            return
        before = self.unseen.sub("", text[: found.start()]).split("\n")[-1][-SHOWN:].strip()
        if before:
            raise ValidationError(
                gettext(
                    "There is an invisible character after “%(before)s” that we cannot send. Please delete the signs around that place and type them anew.",
                    before=before,
                )
            )
        raise ValidationError(
            gettext(
                "There is an invisible character here that we cannot send. Please type the text anew."
            )
        )


class MergeFields:
    """Validator: in braces only names that are put in, so that no slip of the pen reaches an office."""

    _FIELD = re.compile(r"\{([^{}\n]{0,80})\}")

    def __init__(self, *known: str) -> None:
        self.known = known

    def __call__(self, form: Form, field: Field) -> None:
        problem = self.problem(field.data or "")
        if problem:
            raise ValidationError(problem)

    def problem(self, text: str) -> str:
        """What is wrong with the fields of a text; empty where nothing is."""
        if re.search(r"\{[{%#]", text):
            return gettext(
                "Fields stand in single braces here, like {given_name}; there is nothing else to be programmed."
            )
        fields = ", ".join(f"{{{one}}}" for one in self.known)
        for name in self._FIELD.findall(text):
            if name not in self.known:
                return gettext(
                    "There is no field {%(name)s}. These can be used here: %(fields)s.",
                    name=name,
                    fields=fields,
                )
        if re.search("[{}]", self._FIELD.sub("", text)):
            return gettext(
                "A brace stands alone here: a field begins and ends with one. These can be used here: %(fields)s.",
                fields=fields,
            )
        return ""


def options(pairs: Iterable[tuple[Any, Any]]) -> list[SelectChoice]:
    """What a choice field offers, from (value, label)."""
    return [SelectChoice(value, label) for value, label in pairs]


def strip(value: str | None) -> str:
    """Filter: white space around the text goes, and None becomes an empty text."""
    return (value or "").strip()
