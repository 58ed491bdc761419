"""Confirming an address: one mail an hour, whoever asks, and one page for all that waits for it.

The mail carries no word that the form's user typed, so that the form cannot be used to send words to strangers.
Its link leads to a page that lists every pending act of the address: letters, a sign-up, endorsements. The features
that have such acts register a Provider; this module knows none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import func, literal_column
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import ledger, wake
from campaign.supporters.models import Confirmation
from campaign.web import tokens

INTERVAL = timedelta(hours=1)
"""At most one confirmation mail an address in this time."""

LINK_AGE = 7 * 24 * 3600
"""Seconds for which a confirmation link works."""

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


class Provider(Protocol):
    """What a feature with acts to confirm offers. Both take the address in any case; neither commits."""

    def pending(self, address: str) -> Sequence[PendingAct]:
        """The acts that wait for this address, newest first."""

    def confirm(self, address: str, ids: Sequence[int]) -> Sequence[Outcome]:
        """Makes those acts of this address count; what is confirmed already stays as it is."""

    def done(self, address: str) -> Sequence[Outcome]:
        """What this address has confirmed before, for someone who opens the link again."""


_providers: dict[str, Provider] = {}


def register(kind: str, provider: Provider) -> None:
    """Has the confirmation page show and confirm this kind of act."""
    _providers[kind] = provider


def ask(address: str, language: str, campaign_id: int | None) -> bool:
    """Asks for a confirmation mail in the caller's transaction; returns whether one will go.

    ``campaign_id`` is the campaign that the mail names; None names none. Atomic, since the row of the address, whatever
    its case, is inserted or, when an hour has passed, updated by one statement.

    The caller says the same to the person either way, and calls ``wake.wake("confirmations")`` after its commit.
    """
    now = utcnow()
    values = {
        "address": address,
        "language": language,
        "campaign_id": campaign_id,
        "asked_at": now,
        "round": 1,
    }
    statement = insert(Confirmation).values(**values)
    row = db.session.execute(
        statement.on_conflict_do_update(
            index_elements=[func.lower(literal_column("address"))],
            set_={
                "language": language,
                "campaign_id": campaign_id,
                "asked_at": now,
                "round": Confirmation.round + 1,
            },
            where=Confirmation.asked_at <= now - INTERVAL,
        ).returning(Confirmation.id, Confirmation.round)
    ).first()
    if row is None:
        return False
    ledger.enqueue(
        "confirmations",
        [
            ledger.Draft(
                origin=ORIGIN,
                unit_id=unit(row.id, row.round),
                to_address=address,
                language=language,
                campaign_id=campaign_id or 0,
            )
        ],
    )
    return True


def unit(confirmation_id: int, round_: int) -> int:
    """The mail ledger's unit of one mail."""
    return confirmation_id * _ROUNDS + round_


def confirmation_of(unit_id: int) -> int:
    """The number of the confirmation that a ledger unit belongs to."""
    return unit_id // _ROUNDS


def link_token(confirmation_id: int) -> str:
    """The key in a confirmation mail's link."""
    return tokens.sign(PURPOSE, confirmation_id)


def read_link(token: str) -> Confirmation | None:
    """The confirmation that a link belongs to; raises tokens.BadToken, tokens.ExpiredToken."""
    payload = tokens.read(PURPOSE, token, LINK_AGE)
    return db.session.get(Confirmation, payload) if isinstance(payload, int) else None


def pending(confirmation: Confirmation) -> list[PendingAct]:
    """All that waits for the link's address, newest first."""
    acts = [
        act for provider in _providers.values() for act in provider.pending(confirmation.address)
    ]
    return sorted(acts, key=lambda act: act.at, reverse=True)


def done(confirmation: Confirmation) -> list[Outcome]:
    """What the link's address has confirmed before."""
    return done_by(confirmation.address)


def done_by(address: str) -> list[Outcome]:
    """What this address has confirmed, by feature."""
    return [outcome for provider in _providers.values() for outcome in provider.done(address)]


def confirm(confirmation: Confirmation, chosen: dict[str, list[int]]) -> list[Outcome]:
    """Makes the chosen acts (ids by kind) count, in one transaction; twice is the same as once."""
    outcomes: list[Outcome] = []
    for kind, provider in _providers.items():
        if chosen.get(kind):
            outcomes.extend(provider.confirm(confirmation.address, chosen[kind]))
    db.session.commit()
    for stream in ("confirmations", "letters"):
        wake.wake(stream)
    return outcomes
