"""How a letter reads when it reaches an office: salutation, the writer's words, the request, the sign-off.

The preview, the mail, the digest and the packet all take their words from here, so that what a writer saw is what
an office gets.
"""

import html
import re
from dataclasses import dataclass

from flask_babel import gettext

from campaign.letters import merging, tongue
from campaign.letters.models import LetterTemplate
from campaign.names import full_name
from campaign.offices.holders import holder_name, surname
from campaign.offices.models import Target
from campaign.web.forms import line_ends
from campaign.web.languages import pick, speaking


@dataclass(frozen=True)
class Person:
    """Who wrote, as the office sees it."""

    given_name: str
    family_name: str
    postal_code: str
    us_state: str = ""

    @property
    def name(self) -> str:
        """The full name."""
        return full_name(self.given_name, self.family_name)

    @property
    def place(self) -> str:
        """ZIP code and state, as an office sorts its mail by them."""
        return " ".join(part for part in (self.us_state, self.postal_code) if part)


@dataclass(frozen=True)
class Message:
    """One letter to one office, in plain words."""

    office: tuple[str, str]
    """The holder or empty, and the role with its agency: the address lines of a letter."""
    subject: str
    salutation: str
    paragraphs: list[str]
    request: str
    signoff: str
    name: str
    place: str
    note: str
    """What language it is in, in English, where not all of it is English; else empty."""

    @property
    def own_and_request(self) -> list[str]:
        """The letter's paragraphs, the agency's request last."""
        return [*self.paragraphs, *([self.request] if self.request else [])]


_PLACEHOLDER = re.compile(r"\s*\{(holder|surname)\}")


def salutation(pattern: str, role: str, holder: str) -> str:
    """How a letter opens, with its colon; ``holder`` is empty while the office is vacant."""
    if not pattern.strip():
        return f"Dear {role}:"
    if holder:
        text = pattern.replace("{holder}", holder_name(holder)).replace(
            "{surname}", surname(holder)
        )
    else:
        text = _PLACEHOLDER.sub("", pattern)
        if text != pattern:
            text = _to_the_role(text.strip(), role)
    return f"{text.strip().rstrip(':,')}:"


_FOR_A_PERSON = re.compile(
    r"(?:^|\s+)(?:(?:the\s+)?hon(?:orable|\.)?|mr|mrs|ms|mx|miss|sir|madam|sra?|señora?|don|doña|el|la)\.?$",
    re.IGNORECASE,
)


def _to_the_role(text: str, role: str) -> str:
    """What is left of a salutation without the name: where it would greet nobody, or a person, the role stands there."""
    greeting = _FOR_A_PERSON.sub("", text).strip(" ,:")
    if greeting == text and " " in text:
        return text
    return f"{greeting or 'Dear'} {role}"


def paragraphs(text: str) -> list[str]:
    """Typed text, split at empty lines; what has no empty line stays together."""
    parts = re.split(r"\n[ \t]*\n", line_ends(text).strip())
    return [part.strip() for part in parts if part.strip()]


def message(
    target: Target,
    holder: str,
    template: LetterTemplate | None,
    person: Person,
    subject: str,
    body: str,
    language: str,
) -> Message:
    """The letter as this office gets it on a day on which ``holder`` holds it."""
    own_salutation = (template.salutation or {}).get(language, "") if template else ""
    with speaking(language):
        signoff = gettext("Sincerely,")
    return Message(
        office=(holder_name(holder), f"{target.role}, {target.agency}"),
        subject=subject,
        salutation=salutation(own_salutation or target.salutation, target.role, holder),
        paragraphs=paragraphs(body),
        request=_request(template, target, holder, person, language),
        signoff=signoff,
        name=person.name,
        place=person.place,
        note=tongue.note(body, language),
    )


def _request(
    template: LetterTemplate | None, target: Target, holder: str, person: Person, language: str
) -> str:
    if template is None:
        return ""
    values = merging.writer(person.given_name, person.family_name, person.postal_code)
    values |= {
        "agency": target.agency,
        "role": target.role,
        "holder": holder_name(holder) or target.role,
    }
    return line_ends(merging.merged(pick(template.request, language), values))


def foot(name: str, lead: str, passed_on: bool = False) -> str:
    """What a message says of itself below the letter, in English: the office's language.

    ``passed_on``: replies come to an address of the campaign, which passes them on.
    """
    reach = (
        "The writer confirmed an email address: a reply to this message is passed on to the writer by the campaign."
        if passed_on
        else "The writer confirmed this address: a reply to this message reaches the writer directly."
    )
    return f"{name} wrote this letter through a campaign of {lead}, which sent it at the writer's request. {reach}"


def as_text(letter: Message, lead: str, passed_on: bool = False) -> str:
    """The plain-text mail."""
    parts = [letter.salutation, *letter.own_and_request, f"{letter.signoff}\n\n{letter.name}"]
    parts[-1] += f"\n{letter.place}" if letter.place else ""
    # RFC 3676 section 4.3: what follows "-- " is not the letter.
    parts.append(
        "-- \n"
        + "\n".join(line for line in (letter.note, foot(letter.name, lead, passed_on)) if line)
    )
    return "\n\n".join(parts) + "\n"


_HTML = (
    '<!doctype html><html lang="{language}"><body style="margin:0;padding:24px 16px">'
    "<div style=\"max-width:38em;font-family:Georgia,'Times New Roman',serif;font-size:16px;line-height:1.5\">"
    "{letter}"
    '<p lang="en" style="margin:32px 0 0;padding-top:8px;border-top:1px solid #999;font-size:13px">{foot}</p>'
    "</div></body></html>"
)


def as_html(letter: Message, lead: str, language: str, passed_on: bool = False) -> str:
    """The same as simple HTML: no picture, no link, nothing that counts who opens it."""
    blocks = [letter.salutation, *letter.own_and_request, letter.signoff]
    sign = html.escape(letter.name) + (f"<br>{html.escape(letter.place)}" if letter.place else "")
    text = "".join(f'<p dir="auto">{block}</p>' for block in (*map(_lines, blocks), sign))
    notes = " ".join(part for part in (letter.note, foot(letter.name, lead, passed_on)) if part)
    return _HTML.format(language=html.escape(language), letter=text, foot=html.escape(notes))


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
