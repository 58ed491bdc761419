"""The bounce rules, all of them: what an answer says of an address, and what follows.

Hard: bulk mail to the address stops at once. Soft: after SOFT_LIMIT messages within SOFT_DAYS. A complaint: for good (see
``lifting``). What a server refuses while we talk to it and what comes back days later go the same way.
Everything here happens in the caller's transaction.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Literal, NamedTuple, Protocol

from sqlalchemy import func, select

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import states, suppressions
from campaign.mail.answers import Answer
from campaign.mail.inbound import events
from campaign.mail.models import InboundEvent, Message, Suppression

SOFT_LIMIT = 5
SOFT_DAYS = timedelta(days=30)

Severity = Literal["hard", "soft", "ours"]
"""``ours``: the fault is in what we sent or how, and says nothing of the address."""

_NOBODY = re.compile(
    r"(?:user|addressee) (?:is |was )?(?:unknown|not known)|unknown (?:user|recipient|mailbox|local)|"
    r"no such (?:user|recipient|mailbox|person|address)|(?:does(?: not|n.t)) have an? \S{1,80} account|"
    r"(?:user|mailbox|recipient|address|account)[^.]{0,40}(?:does(?: not|n.t) exist|not found|unavailable|disabled|invalid|inactive)|"
    r"no mailbox (?:here )?by that name|invalid (?:recipient|mailbox|address)|"
    r"unrouteable address|unknown host|(?:host|domain)(?: name)? (?:not found|does not exist)|no longer (?:valid|in use|with)|"
    r"recipient name is not recognized|not listed in (?:the )?(?:domino directory|public name)|invalid final delivery userid",
    re.I,
)
_REJECTED = re.compile(r"recipient (?:address )?rejected", re.I)
_SENDER = re.compile(
    r"\bsender(?:'s)? (?:address|domain|verif|rejected)|(?:address|domain|verif\w+|callout)[^.]{0,20} (?:of|for) (?:the )?sender|"
    r"\breturn path\b|mail from\b",
    re.I,
)
"""It is our own address, or its domain, that the server does not find."""
_OURS = re.compile(
    r"\bsender\b|authenticat|relay(?:ing)?(?: access)? denied|not permitted to relay|(?:sending|daily) (?:limit|quota)",
    re.I,
)
_POLICY = re.compile(
    r"spam|block|black ?list|blocklist|dnsbl|reputation|policy|virus|too many|rate", re.I
)
_FULL = re.compile(
    r"(?:mailbox|quota|storage|inbox)[^.]{0,30}(?:full|exceed|over)|over ?(?:disk ?)?quota|exceed[^.]{0,30}(?:quota|storage)|"
    r"out of storage|receiving mail (?:at a rate|too)",
    re.I,
)
"""Also an account that gets more than its provider lets it get at once: Gmail's 5.2.1, and it is there."""

_HARD = {
    "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1", "5.4.4", "5.4.310", "5.7.13",
}  # fmt: skip
"""RFC 3463, and RFC 7505's null MX (5.1.10), RFC 5248's disabled account (5.7.13), Exchange's missing domain."""
_SENDERS = {"5.1.7", "5.1.8"}
_OURS_CODES = {500, 501, 502, 503, 504, 530, 534, 535, 538}
_HARD_CODES = {521, 550, 551, 553, 556}
"""RFC 5321 section 4.2.3, RFC 7504."""


def says_nobody(text: str) -> bool:
    """Whether a line of a bounce says in words that there is no such address."""
    return bool(_NOBODY.search(text))


def severity(answer: Answer) -> Severity:
    """What a refusal says of the address (RFC 3463; where a server gives no enhanced code, its words)."""
    text, enhanced = answer.text or "", answer.enhanced or ""
    if enhanced.startswith("4.") or (answer.code is not None and 400 <= answer.code < 500):
        return "soft"
    if _FULL.search(text):
        return "soft"
    if enhanced in _HARD:
        return "hard"
    if enhanced in _SENDERS or _SENDER.search(text):
        return "ours"
    subject = enhanced.split(".")[1] if enhanced else ""
    if _NOBODY.search(text) or (subject != "7" and _REJECTED.search(text)):
        return "hard"
    if subject in ("5", "6") or enhanced == "5.2.3" or _OURS.search(text):
        return "ours"
    if subject not in ("", "0") or _POLICY.search(text):
        return "soft"
    if answer.code in _OURS_CODES:
        return "ours"
    return "hard" if answer.code in _HARD_CODES else "soft"


class Sent(NamedTuple):
    """What the rules need of a message."""

    id: int
    stream: str
    to_address: str


def returned(message: Sent, answer: Answer, source: str, given: Severity | None = None) -> bool:
    """A message that a server had taken came back for good. False: that was known, and nothing changed."""
    if not _once(message, answer, source, given):
        return False
    states.move(
        "failed",
        "m.id = :id AND NOT m.captured",
        {
            "id": message.id,
            "code": answer.code,
            "enhanced": answer.enhanced,
            "text": answer.text,
            "server": answer.server,
        },
        set_="smtp_code = :code, smtp_enhanced = :enhanced, smtp_text = :text, smtp_server = :server",
        old=("sent", "uncertain"),
        answer=answer,
    )
    return True


class _Outcome(Protocol):
    """What became of a message that a sender tried (``settling.Outcome``)."""

    @property
    def row(self) -> states.Row: ...
    @property
    def state(self) -> str: ...
    @property
    def answer(self) -> Answer | None: ...


def settled(outcomes: Iterable[_Outcome]) -> None:
    """Applies the rules to what a server refused for good while it was handed over; their state is recorded already."""
    refused = [
        (Sent(one.row.id, one.row.stream, one.row.to_address), one.answer)
        for one in outcomes
        if one.state == "failed" and one.answer and (one.answer.code or one.answer.enhanced)
    ]
    # In the order of addresses, so that two senders never wait for each other in a circle.
    for message, answer in sorted(refused, key=lambda one: (one[0].to_address.lower(), one[0].id)):
        _once(message, answer, "answer")


def complained(message: Sent, note: str, source: str) -> bool:
    """The recipient called the message unwanted. False: that was known, and nothing changed.

    Of an alert it ends alerts; of a letter to an office, letters to it; of a message that somebody asked for in the
    recipient's name (a confirmation), everything.
    """
    if not events.once("complaint", message.id, source):
        return False
    scope = message.stream if message.stream in ("alerts", "letters") else "all"
    suppressions.suppress(message.to_address, scope, "complaint", message.id, note)
    return True


def _once(message: Sent, answer: Answer, source: str, given: Severity | None = None) -> bool:
    """Applies the rules to a message's first bounce of its kind: a copy that took another way differs in its header."""
    kind = given or severity(answer)
    address = message.to_address.strip().lower()
    if not events.once(kind, message.id, source, address=address if kind == "soft" else ""):
        return False
    # Bulk mail is what stops; a letter is to one office, whose letters stop.
    scope = "letters" if message.stream == "letters" else "alerts"
    if kind == "hard":
        suppressions.suppress(address, scope, "hard-bounce", message.id, words(answer))
    elif kind == "soft" and _soft_messages(address, scope) >= SOFT_LIMIT:
        suppressions.suppress(address, scope, "soft-bounces", message.id, words(answer))
    return True


def _soft_messages(address: str, scope: str) -> int:
    """How many messages to the address failed softly of late, since a person last lifted its suppression."""
    lifted = select(func.max(Suppression.lifted_at)).where(
        Suppression.address == address, Suppression.scope == scope
    )
    since = utcnow() - SOFT_DAYS
    query = (
        select(func.count(InboundEvent.about.distinct()))
        .join(Message, Message.id == InboundEvent.about)
        .where(
            InboundEvent.kind == "soft",
            InboundEvent.address == address,
            InboundEvent.at > func.greatest(since, func.coalesce(lifted.scalar_subquery(), since)),
            (Message.stream == "letters") if scope == "letters" else (Message.stream != "letters"),
        )
    )
    return db.session.execute(query).scalar_one()


def words(answer: Answer) -> str:
    """An answer as people read it."""
    parts = (str(answer.code or ""), answer.enhanced, answer.text)
    return " ".join(part for part in parts if part)
