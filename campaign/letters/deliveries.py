"""The one place where deliveries come to be and change their state, each change counted. Nothing here commits.

Rows are always locked in the order message (the mail ledger's), delivery, target, so that the drip, the senders and
people who withdraw never wait for each other in a circle.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import text

from campaign.clock import utcnow
from campaign.counts import journal
from campaign.extensions import db
from campaign.letters import together
from campaign.mail import ledger

ORIGIN = "delivery"
"""The mail ledger's name for letters to officials; ``origin_id`` is the delivery's round, ``unit_id`` its number."""

BEFORE_LEAVING = ("waiting", "held", "queued", "deferred")
"""States in which nothing has reached the office for certain."""


class Moved(NamedTuple):
    """A delivery that changed its state."""

    id: int
    letter_id: int
    target_id: int
    campaign_id: int
    old: str
    new: str


_OPEN = text(
    """
    INSERT INTO delivery (letter_id, target_id, campaign_id, state)
    SELECT :letter_id, ct.target_id, ct.campaign_id, :state
    FROM campaign_target ct WHERE ct.campaign_id = :campaign_id
    ORDER BY ct.position, ct.target_id
    ON CONFLICT (letter_id, target_id) DO NOTHING
    RETURNING target_id
    """
)


def open_for(letter_id: int, campaign_id: int, state: str = "waiting") -> int:
    """Makes a delivery to each office of the campaign and returns how many."""
    values = {"letter_id": letter_id, "campaign_id": campaign_id, "state": state}
    targets = db.session.scalars(_OPEN, values).all()
    journal.record(
        journal.Change(f"deliveries.{state}", 1, campaign_id, str(target)) for target in targets
    )
    return len(targets)


def move(
    new: str,
    where: str,
    values: dict[str, Any],
    *,
    old: Sequence[str],
    set_: str = "",
    limit: int | None = None,
    given_up: bool = False,
) -> list[Moved]:
    """Moves the deliveries that ``where`` (our own SQL over alias ``d``) finds in the ``old`` states to ``new``.

    Of one that may have reached its office nobody can say that it was not sent: where it should be ``cancelled`` it is
    uncertain, and goes no more, until a person has ``given_up``.
    """
    listed = ", ".join(f"'{state}'" for state in old)
    state = f"'{new}'"
    if new == "cancelled" and not given_up:
        state = "CASE WHEN d.doubted THEN 'uncertain' ELSE 'cancelled' END"
    if new in ("sent", "uncertain"):
        set_ += f"{', ' if set_ else ''}doubted = {new == 'uncertain'}"
    statement = text(
        f"""
        WITH picked AS MATERIALIZED (
            SELECT d.id, d.state FROM delivery d WHERE d.state IN ({listed}) AND {where}
            ORDER BY d.id {"LIMIT :limit" if limit else ""} FOR UPDATE
        )
        UPDATE delivery d SET state = {state}{", " + set_ if set_ else ""}
        FROM picked p WHERE d.id = p.id
        RETURNING d.id, d.letter_id, d.target_id, d.campaign_id, p.state, d.state
        """  # noqa: S608  # words of this package, no one's input
    )
    rows = [Moved(*row) for row in db.session.execute(statement, {"limit": limit, **values})]
    count((row.campaign_id, row.target_id, row.old, row.new) for row in rows)
    return rows


def count(moves: Iterable[tuple[int, int, str, str]]) -> None:
    """Journals moves (campaign, target, old state, new state)."""
    deltas: Counter[tuple[str, int, str]] = Counter()
    for campaign_id, target_id, old, new in moves:
        deltas[f"deliveries.{old}", campaign_id, str(target_id)] -= 1
        deltas[f"deliveries.{new}", campaign_id, str(target_id)] += 1
    journal.record(
        journal.Change(name, delta, campaign_id, part)
        for (name, campaign_id, part), delta in sorted(deltas.items())
    )


_OF_LETTER = text("SELECT id, state FROM delivery WHERE letter_id = :letter_id ORDER BY id")


def states_of(letter_id: int) -> dict[int, str]:
    """The states of a letter's deliveries by their numbers."""
    return {row.id: row.state for row in db.session.execute(_OF_LETTER, {"letter_id": letter_id})}


def take_back(letter_id: int, new: str = "cancelled") -> bool:
    """Moves all of a letter's deliveries that have not left to ``new`` (``cancelled`` or ``held``); returns whether
    none had left.

    What the mail engine has is taken from it first. A message in that very moment on its way counts as left; what is in a
    packet on paper has left once a person says that it was handed over.
    """
    end = "finished_at = :now" if new == "cancelled" else "due_at = NULL"
    old = ("waiting", "held") if new == "cancelled" else ("waiting",)
    values = {"letter_id": letter_id, "now": utcnow()}
    for _ in range(3):
        engaged = _disengage(letter_id)
        move(new, "d.letter_id = :letter_id AND d.bundle_id IS NULL", values, old=old, set_=end)
        # After what waits, which a packet may just have taken.
        together.take_out(letter_id, new)
        states = set(states_of(letter_id).values())
        # The drip may have taken one between our look and our move: then once more.
        if not states & set(old) and not (states & {"queued", "deferred"} and not engaged):
            break
    return states <= {new, "cancelled"}


def _disengage(letter_id: int) -> bool:
    """Takes from the mail engine what it has of a letter and has not begun to send; says whether there was any.

    The engine's listener (campaign.letters.results) puts each one that could be stopped back to waiting.
    """
    found = states_of(letter_id)
    engaged = [n for n, state in found.items() if state in ("queued", "deferred", "held")]
    if engaged:
        ledger.cancel(ORIGIN, unit_ids=engaged)
    return bool(set(found.values()) & {"queued", "deferred"})


def leave_in_doubt(letter_id: int) -> None:
    """What nobody knows to have arrived is not tried again; it stays uncertain where the letter was taken back."""
    doubtful = [n for n, state in states_of(letter_id).items() if state == "uncertain"]
    if doubtful:
        ledger.cancel(ORIGIN, unit_ids=doubtful, uncertain=True)


def release(letter_id: int) -> int:
    """Lets a letter's held deliveries wait for their turn, or be in the packet whose paper still has them; returns how many."""
    _disengage(letter_id)
    values = {"letter_id": letter_id}
    of_it = "d.letter_id = :letter_id AND d.bundle_id"
    moved = move("waiting", f"{of_it} IS NULL", values, old=("held",))
    return len(moved) + len(move("queued", f"{of_it} IS NOT NULL", values, old=("held",)))


_LOCK_WAITING = text(
    """
    SELECT id FROM delivery WHERE letter_id = :letter_id AND state IN ('waiting', 'held')
    AND bundle_id IS NULL ORDER BY id FOR UPDATE
    """
)


def all_wait(letter_id: int) -> bool:
    """Has every delivery of a letter wait, locked against the drip until the caller's commit.

    False where one has left or is on its way: then the caller rolls back.
    """
    _disengage(letter_id)
    locked = set(db.session.scalars(_LOCK_WAITING, {"letter_id": letter_id}))
    return bool(locked) and locked == set(states_of(letter_id))
