"""What arrived at the SMTP server, compared with what people wrote."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from campaign.demonstration.instance import SENDER
from campaign.demonstration.mailserver import Mail, MailServer
from campaign.demonstration.offices import (
    OFFICES,
    SPANISH_NOTE,
    SPANISH_SALUTATION,
    Office,
    requests,
)
from campaign.demonstration.people import LEAD, Cast
from campaign.demonstration.public import Public, Written

SIGN_OFF = {"en": "Sincerely,", "es": "Atentamente,"}
SLOT_SLACK = 2
"""Slots that jitter can bring forward."""


def problems_of_letters(mail: MailServer, letters: Iterable[Written]) -> list[str]:
    """What is wrong with the letters at the four offices; empty where each office has each letter once and whole."""
    asked = requests()
    found: list[str] = []
    written = {letter.person.email: letter for letter in letters}
    for office in OFFICES:
        by_writer: defaultdict[str, list[Mail]] = defaultdict(list)
        for one in mail.to(office.email):
            by_writer[str(one.message["Reply-To"])].append(one)
        for stranger in by_writer.keys() - written.keys():
            found.append(f"{office.email} got a letter of {stranger}, who has not confirmed one.")
        for email, letter in written.items():
            came = by_writer[email]
            if len(came) != 1:
                found.append(f"{office.email} got {len(came)} letters of {email} instead of one.")
                continue
            wrong = _wrong(came[0], letter, office, asked[office.agency, letter.person.language])
            found += [f"{office.email}, letter of {email}: {text}" for text in wrong]
    return found


def _wrong(came: Mail, letter: Written, office: Office, request: str) -> list[str]:
    person, message = letter.person, came.message
    spanish = person.language == "es"
    name, address = came.from_
    text = _flat(came.text)
    opening = SPANISH_SALUTATION if spanish else office.salutation
    signed = f"{SIGN_OFF[person.language]} {person.name} {person.state} {person.postal_code}"
    whole = f"{opening} {_flat(letter.body)} {_flat(request)} {signed}"
    truths = {
        "salutation": text.startswith(opening),
        "words": _flat(letter.body) in text,
        "request, place or sign-off": text.startswith(whole),
        "language note": (SPANISH_NOTE in text) == spanish,
        "Content-Language": message["Content-Language"] == person.language,
        "Subject": message["Subject"] == letter.subject,
        "name in From": name == f"{person.name} via {LEAD}",
        "From is the coalition's own address": address == SENDER,
        "envelope sender": not came.sender.endswith("@people.example"),
        "To": str(message["To"]) == office.email,
        "HTML part": message.get_body(("html",)) is not None,
    }
    return [f"wrong {what}" for what, true in truths.items() if not true]


def _flat(text: str) -> str:
    return " ".join(text.split())


def problems_of_pace(mail: MailServer, since: float) -> list[str]:
    """What is wrong with the pace: an office with a limit got letters sooner than its slots allow.

    ``since``: when the first letter was confirmed, seconds of time.monotonic().
    """
    found = []
    for office in OFFICES:
        if office.per_hour is None:
            continue
        for n, one in enumerate(sorted(mail.to(office.email), key=lambda one: one.at)):
            earliest = since + max(n - SLOT_SLACK, 0) * 3600 / office.per_hour
            if one.at < earliest:
                found.append(
                    f"{office.email} got letter {n + 1} {earliest - one.at:.1f} s before its turn."
                )
    return found


def problems_of_alerts(
    mail: MailServer, cast: Cast, subjects: dict[str, str], nth: int = 0
) -> list[str]:
    """What is wrong with an alert in the mailboxes of those who were to get it."""
    found = []
    for person in [*cast.imported, *cast.sign_ups]:
        came = mail.alerts_to(person.email)
        if len(came) <= nth:
            continue
        message = came[nth].message
        truths = {
            "language": message["Subject"] == subjects[person.language],
            "name": person.given_name in came[nth].text,
            "sender": came[nth].from_[0] == LEAD,
            "own link": "k=" in came[nth].link("/letter?"),
        }
        found += [
            f"alert to {person.email}: wrong {what}" for what, true in truths.items() if not true
        ]
    return found


def counted(mail: MailServer, public: Public) -> Counter[str]:
    """All messages that arrived, by stream."""
    offices = {office.email for office in OFFICES}
    found: Counter[str] = Counter()
    for address in mail.addresses():
        for one in mail.to(address):
            stream = (
                "letters" if address in offices else "alerts" if one.is_alert else "confirmations"
            )
            found[stream] += 1
    return found
