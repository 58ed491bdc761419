"""What a message that came in is: a bounce, a complaint, an automatic answer, or someone's words.

Delivery status notifications (RFC 3464, and RFC 6533 for internationalized addresses), abuse reports (RFC 5965), the
bounces that follow no standard (flufl.bounce knows them), automatic answers (RFC 3834), receipts (RFC 8098).
"""

import logging
import re
from dataclasses import dataclass
from email.message import Message
from typing import Literal

from flufl.bounce import all_failures

from campaign.mail import answers, bounces
from campaign.mail.answers import Answer
from campaign.mail.inbound import reading
from campaign.mail.inbound.incoming import Incoming

Kind = Literal["bounce", "delayed", "complaint", "automatic", "plain"]

SCANNED = 400_000
"""Bytes that are looked through for what a report quotes."""
FLUFL_LIMIT = 200_000

_CODE = re.compile(r"(?<![\d.])([245]\d\d)(?=-(?!\d\d)|[\s#<:]|$)")
_ANSWERED = re.compile(r"(?:smtp;\s*)?[45]\d\d[\s-]")
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_DAEMON = re.compile(
    r"^(?:mailer-?daemon|postmaster|mail-?daemon|mdaemon|bounces?|mail-?delivery\S*)@", re.I
)
_RETURNED = re.compile(
    r"undeliver|delivery (?:status|fail|has failed|notification)|returned mail|failure notice|mail delivery|"
    r"could not be delivered|no se pudo entregar|unzustellbar",
    re.I,
)
_QUOTED = re.compile(rb"[a-z]{2,20}\+[0-9]{1,18}-[a-z2-7]{16}@[a-z0-9.-]{1,253}", re.I)
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\n[ \t]+)?(<[^<>\s]{3,400}>)", re.I | re.M)
_UNWANTED = {"abuse", "fraud", "virus", "other", "miscategorized"}
"""RFC 5965 section 7.3 (and ``not-spam``, RFC 6591's ``auth-failure``, which are no complaints)."""

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)

NOTHING = Answer(None, None, None, None)


@dataclass(frozen=True)
class Report:
    """What a message is, and of a bounce or a complaint what it says."""

    kind: Kind
    answer: Answer = NOTHING
    note: str = ""


def report(mail: Incoming) -> Report:
    """What ``mail`` is; never raises."""
    if "report" not in mail.known:
        mail.known["report"] = _report(mail)
    found: Report = mail.known["report"]
    return found


def _report(mail: Incoming) -> Report:
    opened = mail.reading
    # Not those of an enclosed message: a person may pass on a bounce.
    parts = list(opened.parts(quoted=False))
    types = [reading.content_type(part) for part in parts]
    for part, kind in zip(parts, types, strict=True):
        if kind == "message/feedback-report":
            return _complaint(part)
        if kind in ("message/delivery-status", "message/global-delivery-status"):
            return _status(part) or _unstandard(mail) or Report("automatic")
        if kind in ("message/disposition-notification", "message/global-disposition-notification"):
            # Dovecot says in one that a mailbox is full.
            return _unstandard(mail) or Report("automatic")
    signed = bool(_DAEMON.match(opened.address("From")))
    daemon = signed or not mail.envelope_from
    # An out-of-office answer comes in its owner's name, a bounce mostly in its server's.
    if signed or (
        daemon and (not opened.automatic() or _RETURNED.search(opened.text_header("Subject")))
    ):
        found = _unstandard(mail)
        if found:
            return found
    return Report("automatic" if daemon or mail.automatic else "plain")


def quoted(mail: Incoming) -> tuple[list[str], list[str]]:
    """The signed addresses and the Message-IDs that a report repeats from the message it is about, in order."""
    raw = mail.raw[:SCANNED].replace(b"\r\n", b"\n")
    # Folded quoted-printable lines would cut an address in two.
    raw += b"\n" + raw.replace(b"=\n", b"")
    addresses = [found.decode() for found in _QUOTED.findall(raw)]
    ids = [found.decode("ascii", "replace") for found in _MESSAGE_ID.findall(raw)]
    return list(dict.fromkeys(addresses))[:20], list(dict.fromkeys(ids))[:20]


def _fields(part: Message) -> list[Message]:
    """The blocks of fields of a delivery status: of the message, then of each recipient."""
    blocks = reading.enclosed(part)
    if len(blocks) == 1 and not blocks[0].is_multipart():
        # A type that the parser does not know as one: the first block became a header, the others its body.
        rest = reading.content(blocks[0])
        blocks += [
            reading.read(text.encode()).message
            for text in re.split(r"\n\s*\n", rest)[:20]
            if text.strip()
        ]
    return blocks[:50]


def _field(block: Message, name: str) -> str:
    return reading.Reading(block, False).text_header(name)


def _status(part: Message) -> Report | None:
    """What a delivery status says (RFC 3464 section 2.3); None where it says nothing that can be read."""
    blocks = _fields(part)
    server = next((name for one in blocks if (name := _field(one, "Reporting-MTA"))), "")
    found: dict[str, Report] = {}
    for block in blocks:
        action = _field(block, "Action").partition(" ")[0].strip(";,").lower()
        if action not in ("failed", "delayed", "delivered", "relayed", "expanded"):
            continue
        diagnostic = _field(block, "Diagnostic-Code").partition(";")
        text = diagnostic[2] or diagnostic[0]
        told = answer(text, _field(block, "Status"), _field(block, "Remote-MTA") or server)
        kinds: dict[str, Kind] = {"failed": "bounce", "delayed": "delayed"}
        found.setdefault(action, Report(kinds.get(action, "automatic"), told))
    return next((found[one] for one in ("failed", "delayed", *found) if one in found), None)


def answer(text: str, status: str, server: str) -> Answer:
    """A diagnostic as an answer: addresses left out, trimmed; the status field's word where the text has none."""
    text = reading.one_line(text)
    code = _CODE.match(text)
    number = int(code[1]) if code else None
    if code:
        text = text[code.end() :].lstrip(" -:")
    parsed = answers.parse(number or 0, text, None)
    given = _ENHANCED.search(status) or _ENHANCED.search(text)
    # "5.0.0" in the field says less than what the server answered.
    enhanced = given[1] if given else None
    if parsed.enhanced and (enhanced is None or enhanced.endswith(".0.0")):
        enhanced = parsed.enhanced
    server = reading.one_line(server.rpartition(";")[2])[:100] or ""
    return Answer(number, enhanced, parsed.text, server or None)


def _unstandard(mail: Incoming) -> Report | None:
    """A bounce that follows no standard, where flufl.bounce knows its words."""
    if len(mail.raw) > FLUFL_LIMIT or mail.reading.limited:
        return None
    try:
        temporary, permanent = all_failures(mail.reading.message)
    except Exception:  # its detectors meet whatever a stranger wrote
        return None
    if not permanent:
        return Report("delayed") if temporary else None
    return Report("bounce", in_words(mail.text))


def in_words(text: str) -> Answer:
    """The line of a bounce's text that holds the server's answer."""
    lines = [line.strip() for line in text.splitlines() if line.strip()][:200]
    for pattern in (_ENHANCED, _CODE):
        for line in lines:
            match = pattern.search(line)
            if match and match[1][0] != "2":
                if _ANSWERED.match(line):
                    return answer(re.sub(r"^smtp;\s*", "", line), "", "")
                code = _CODE.search(line)
                number = int(code[1]) if code and code[1][0] in "45" else None
                enhanced = _ENHANCED.search(line)
                parsed = answers.parse(number or 0, line, None)
                return Answer(number, enhanced[1] if enhanced else None, parsed.text, None)
    # Exchange and Domino of old say it in words alone.
    told = next((line for line in lines if bounces.says_nobody(line)), " ".join(lines[:6]))
    return Answer(None, None, answers.parse(0, told, None).text, None)


def _complaint(part: Message) -> Report:
    """What an abuse report says (RFC 5965 section 3.1)."""
    blocks = _fields(part)
    kind = next((found for one in blocks if (found := _field(one, "Feedback-Type"))), "").lower()
    if kind and kind not in _UNWANTED:
        return Report("automatic")
    agent = next((found for one in blocks if (found := _field(one, "User-Agent"))), "")
    return Report(
        "complaint", note=answers.parse(0, f"{kind or 'abuse'} {agent}".strip(), None).text or ""
    )
