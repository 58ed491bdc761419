"""Confirming an address: one mail an hour, whoever asks, and one page for all that waits for it.

The mail carries no word that the form's user typed, so that the form cannot be used to send words to strangers.
Its link leads to a page that lists every pending act of the address: letters, a sign-up, endorsements. The features
that have such acts register a Provider; this module knows none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from psycopg.types.json import Jsonb
from sqlalchemy import func, select, text

from campaign.clock import utcnow
from campaign.counts import journal
from campaign.extensions import db
from campaign.mail import ledger, wake
from campaign.supporters.models import Confirmation
from campaign.web import gate, tokens

INTERVAL = timedelta(hours=1)
"""At most one confirmation mail an address in this time."""

SKEW = timedelta(minutes=5)
"""By how much machines' clocks may differ: a mail "asked" later than that from now was asked before a clock was set back."""

LINK_AGE = 7 * 24 * 3600
"""Seconds for which a confirmation link works, and for which what was typed waits for it."""

SHOWN = 10
"""Acts of each kind on the page, newest first; more are a link away, and the link's own act comes before them all."""

MOST = 1000
"""Acts of each kind that the page shows at most."""

PURPOSE = "confirm"
ORIGIN = "confirmation"

_ROUNDS = 2**20
"""More mails than an address can be sent at one an hour in a hundred years: a ledger unit is row times this, plus round."""


@dataclass(frozen=True)
class PendingAct:
    """Something that counts once its address is confirmed, as the confirmation page shows it.

    Of several acts with the same non-empty ``group`` only one can be chosen (two letters in one campaign: the page
    shows both, because somebody else may have typed the newer one).
    """

    kind: str
    id: int
    at: datetime
    title: str
    template: str
    """The template that shows the act, given as ``act``."""
    details: dict[str, Any] = field(default_factory=dict)
    group: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of an act: a sentence for the person, and where their own page is."""

    kind: str
    text: str
    url: str = ""


@dataclass(frozen=True)
class Own:
    """The act for which a mail was asked: its link offers it first. An ``id`` of 0 is all that waits of this kind."""

    kind: str
    id: int = 0


@dataclass(frozen=True)
class Link:
    """A mail's link: whose address it proves, and what it was asked for."""

    confirmation: Confirmation
    own: Own | None = None

    @property
    def address(self) -> str:
        """The address that the mail went to."""
        return self.confirmation.address


class Provider(Protocol):
    """What a feature with acts to confirm offers. All take the address in any case; none commits."""

    def pending(self, address: str, limit: int, own: int) -> Sequence[PendingAct]:
        """The newest acts that wait for this address, about ``limit`` of them, and the act ``own`` however old it is."""

    def confirm(self, address: str, ids: Sequence[int]) -> Sequence[Outcome]:
        """Makes those acts of this address count; what is confirmed already stays as it is."""

    def done(self, address: str) -> Sequence[Outcome]:
        """What this address has confirmed before, for someone who opens the link again."""


_providers: dict[str, Provider] = {}


def register(kind: str, provider: Provider) -> None:
    """Has the confirmation page show and confirm this kind of act."""
    _providers[kind] = provider


_ASKING = f"""
    asked AS (
        INSERT INTO confirmation (address, language, campaign_id, asked_at, round)
        SELECT address, language, campaign_id, :now, 1 FROM act
        ON CONFLICT (lower(address)) DO UPDATE SET language = excluded.language,
            campaign_id = excluded.campaign_id, asked_at = excluded.asked_at, round = confirmation.round + 1
        WHERE confirmation.asked_at <= :an_interval_ago OR confirmation.asked_at > :clocks_differ
        RETURNING id, round, address
    ),
    draft AS (
        SELECT act.n, CAST('{ORIGIN}' AS text) AS origin, 0 AS origin_id, asked.id * {_ROUNDS} + asked.round AS unit_id,
            act.address AS to_address, act.language, coalesce(act.campaign_id, 0) AS campaign_id, 0 AS priority,
            CAST(:now AS timestamptz) AS due, act.data
        FROM asked JOIN act ON lower(act.address) = lower(asked.address)
    ),
    queued AS ({ledger.queueing("draft")}),
    queue_counted AS ({journal.INSERT}
        SELECT :now, 0, 'messages.queued', 'confirmations', count(*) FROM queued HAVING count(*) > 0),
    mail AS (SELECT draft.n FROM draft JOIN queued USING (unit_id))"""  # noqa: S608  # our own text


def asking(act: str) -> str:
    """``ask`` as part of a larger statement: ``act`` is a SELECT of n, address (no two the same, whatever their case), language,
    campaign_id, and the mail's ``data`` (Own as [kind, id], or null); ``mail`` has the ``n`` of those to whom a mail goes.
    Needs ``ask_values``."""
    return f"act AS ({act}), {_ASKING}"


def ask_values() -> dict[str, Any]:
    """What ``asking`` needs."""
    common = ledger.queue_values("confirmations")
    return common | {
        "an_interval_ago": common["now"] - INTERVAL,
        "clocks_differ": common["now"] + SKEW,
    }


_ONE = """
    SELECT 1 AS n, CAST(:address AS text) AS address, CAST(:language AS text) AS language,
        CAST(:campaign_id AS bigint) AS campaign_id, CAST(:data AS jsonb) AS data"""
_ASK = text(f"WITH {asking(_ONE)} SELECT count(*) FROM mail")  # noqa: S608  # our own text


def ask(address: str, language: str, campaign_id: int | None, own: Own | None = None) -> bool:
    """Asks for a confirmation mail in the caller's transaction; returns whether one will go.

    ``campaign_id`` is the campaign that the mail names; None names none. ``own`` is what its link offers first. Atomic,
    since the row of the address, whatever its case, is inserted or, when an hour has passed, updated by one statement.

    The caller says the same to the person either way, and calls ``wake.wake("confirmations")`` after its commit.
    """
    values = ask_values() | {
        "address": address,
        "language": language,
        "campaign_id": campaign_id,
        "data": None if own is None else Jsonb([own.kind, own.id]),
    }
    goes = bool(db.session.execute(_ASK, values).scalar())
    if goes:
        gate.mail_used()
    return goes


def unit(confirmation_id: int, round_: int) -> int:
    """The mail ledger's unit of one mail."""
    return confirmation_id * _ROUNDS + round_


def refusal(address: str) -> str:
    """What the mail server said where it refused the last confirmation mail to an address for good; empty where it did not."""
    query = select(Confirmation).where(func.lower(Confirmation.address) == address.lower())
    asked = db.session.scalar(query)
    return ledger.refusal(ORIGIN, 0, unit(asked.id, asked.round)) if asked else ""


def confirmation_of(unit_id: int) -> int:
    """The number of the confirmation that a ledger unit belongs to."""
    return unit_id // _ROUNDS


def link_token(confirmation_id: int, own: Sequence[Any] | None = None) -> str:
    """The key in a confirmation mail's link; ``own`` is the ledger row's data (Own's kind and id)."""
    return tokens.sign(PURPOSE, [confirmation_id, *(own or [])])


def read_link(token: str) -> Link | None:
    """What a link says; None where its address is gone. Raises tokens.BadToken, tokens.ExpiredToken."""
    payload = tokens.read(PURPOSE, token, LINK_AGE)
    if not isinstance(payload, list) or len(payload) not in (1, 3):
        raise tokens.BadToken
    row = db.session.get(Confirmation, payload[0])
    own = Own(payload[1], payload[2]) if len(payload) == 3 else None
    return Link(row, own) if row is not None else None


def oldest_waiting() -> datetime:
    """What was typed before this moment has lapsed with the links that could confirm it."""
    return utcnow() - timedelta(seconds=LINK_AGE)


@dataclass(frozen=True)
class Waiting:
    """What the page offers, and whether older acts were left out."""

    acts: list[PendingAct]
    more: bool


def pending(link: Link, shown: int = SHOWN) -> Waiting:
    """What waits for the link's address: first what the link was mailed for, then the newest of each kind.

    Whoever posts a flood of forms with an address can so neither hide its owner's own act nor come before it.
    """
    acts: list[PendingAct] = []
    more = False
    shown = min(max(shown, SHOWN), MOST)
    for kind, provider in _providers.items():
        own = link.own.id if link.own and link.own.kind == kind else 0
        found = provider.pending(link.address, shown + 1, own)
        rest = [act for act in found if act.id != own]
        more = more or (len(rest) > shown and shown < MOST)
        acts += [act for act in found if act.id == own] + rest[:shown]
    newest = sorted(acts, key=lambda act: act.at, reverse=True)
    return Waiting(sorted(newest, key=lambda act: not _is_own(act, link.own)), more)


def _is_own(act: PendingAct, own: Own | None) -> bool:
    return own is not None and act.kind == own.kind and own.id in (0, act.id)


def done(link: Link) -> list[Outcome]:
    """What the link's address has confirmed before."""
    return done_by(link.address)


def done_by(address: str) -> list[Outcome]:
    """What this address has confirmed, by feature."""
    return [outcome for provider in _providers.values() for outcome in provider.done(address)]


def confirm(link: Link, chosen: dict[str, list[int]]) -> list[Outcome]:
    """Makes the chosen acts (ids by kind) count, in one transaction; twice is the same as once."""
    outcomes: list[Outcome] = []
    for kind, provider in _providers.items():
        if chosen.get(kind):
            outcomes.extend(provider.confirm(link.address, chosen[kind]))
    db.session.commit()
    for stream in ("confirmations", "letters"):
        wake.wake(stream)
    return outcomes
