"""What staff decide about letters and deliveries: hold, let go, reject, try again. Each its own transaction.

A letter's words are never altered. Who decided and why is kept with the letter.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.letters import confirming, deliveries, notices, telling, together
from campaign.letters.models import Letter
from campaign.mail import ledger, wake

AT_ONCE = 1000
"""Deliveries that one press of a button moves at most."""
CANCEL_S = 8
"""So long a press of the button cancels what waits for a retired office."""


def can_be_stopped(letter_id: int) -> bool:
    """Whether a letter has not left for every office yet."""
    return bool(set(deliveries.states_of(letter_id).values()) & set(deliveries.BEFORE_LEAVING))


def hold(letter_id: int, reason: str, by: str) -> bool:
    """Keeps a letter from the offices that it has not left for; False where there are none."""
    letter = _in_state(letter_id, "confirmed")
    if letter is None or not can_be_stopped(letter_id):
        db.session.rollback()
        return False
    together.take_apart(letter_id)
    deliveries.take_back(letter_id, "held")
    if not can_be_stopped(letter_id):
        # A packet was handed over with it in this very moment.
        db.session.rollback()
        return False
    letter.hold_reason, letter.decided_by = reason, by
    confirming.set_state(letter, "held")
    db.session.commit()
    return True


def seen(letter: Letter) -> str:
    """What tells the words that somebody read from others that the writer put in their place meanwhile."""
    return hashlib.sha256(f"{letter.subject}\0{letter.body}".encode()).hexdigest()[:16]


def release(letter_id: int, by: str, read: str) -> bool:
    """Lets a held letter go; it takes the place in the queue that it came with.

    False where it is not held, or is no longer as it was read (``seen``): its writer may correct it at any time.
    """
    letter = _in_state(letter_id, "held")
    if letter is None:
        return False
    if read != seen(letter):
        db.session.rollback()
        return False
    deliveries.release(letter_id)
    letter.decided_by = by
    confirming.set_state(letter, "confirmed")
    db.session.commit()
    wake.wake("letters")
    return True


def reject(letter_id: int, reason: str, by: str, read: str) -> bool:
    """Ends a letter; its writer reads the reason.

    False where it has left for every office (nobody can say then that it is not sent), or is no longer as it was read.
    """
    letter = _in_state(letter_id, *confirming.ALIVE)
    if (
        letter is None
        or read != seen(letter)
        or (letter.state == "confirmed" and not can_be_stopped(letter_id))
    ):
        db.session.rollback()
        return False
    together.take_apart(letter_id)
    before = deliveries.states_of(letter_id)
    deliveries.take_back(letter_id)
    stopped = any(
        state != before.get(n) and state != "sent"
        for n, state in deliveries.states_of(letter_id).items()
    )
    if letter.state == "confirmed" and not stopped and not can_be_stopped(letter_id):
        # A packet was handed over with it in this very moment.
        db.session.rollback()
        return False
    letter.decision, letter.decided_by = reason, by
    confirming.set_state(letter, "rejected")
    notices.rejected(letter)
    db.session.commit()
    wake.wake("confirmations")
    return True


def release_many(read: Mapping[int, str], by: str) -> int:
    """``release`` for several letters, each in its own transaction; returns how many it let go."""
    return sum(release(letter_id, by, mark) for letter_id, mark in list(read.items())[:AT_ONCE])


def reject_many(read: Mapping[int, str], reason: str, by: str) -> int:
    """``reject`` for several letters, each in its own transaction; returns how many it ended."""
    return sum(
        reject(letter_id, reason, by, mark) for letter_id, mark in list(read.items())[:AT_ONCE]
    )


def _in_state(letter_id: int, *states: str) -> Letter | None:
    letter = confirming.lock(letter_id)
    if letter is None or letter.state not in states:
        db.session.rollback()
        return None
    return letter


_LETTER_ALIVE = """EXISTS (SELECT 1 FROM letter l WHERE l.id = d.letter_id AND l.state = 'confirmed'
    AND l.taken_back_at IS NULL)"""


def try_again(ids: Sequence[int]) -> int:
    """Failed, uncertain or held deliveries of letters that are not held wait for their turn once more; returns how many.

    The new round makes whatever the mail engine still has of the old one harmless.
    """
    return _decide(
        "waiting", ids, f"d.id = ANY(:ids) AND d.bundle_id IS NULL AND {_LETTER_ALIVE}",
        "round = d.round + 1, finished_at = NULL, due_at = NULL",
    )  # fmt: skip


def try_all_again(target_id: int) -> int:
    """All that failed at one office wait once more, at most AT_ONCE and its digests; returns how many."""
    together_with_others = together.again(target_id)
    moved = deliveries.move(
        "waiting", f"d.target_id = :target_id AND d.bundle_id IS NULL AND {_LETTER_ALIVE}",
        {"target_id": target_id}, old=("failed",), limit=AT_ONCE,
        set_="round = d.round + 1, finished_at = NULL, due_at = NULL",
    )  # fmt: skip
    db.session.commit()
    wake.wake("letters")
    return len(moved) + together_with_others


def cancel_waiting(target_id: int) -> int:
    """Ends what waits for a retired office, a chunk a transaction; returns how many deliveries.

    Letters that a person is to read first are not waited for either. What may have arrived stays uncertain.
    """
    n = 0
    until = time.monotonic() + CANCEL_S
    retired = (
        "EXISTS (SELECT 1 FROM target t WHERE t.id = d.target_id AND t.retired_at IS NOT NULL)"
    )
    while True:
        moved = deliveries.move(
            "cancelled", f"d.target_id = :target_id AND d.bundle_id IS NULL AND {retired}",
            {"target_id": target_id, "now": utcnow()}, old=("waiting", "held"), limit=AT_ONCE, set_="finished_at = :now",
        )  # fmt: skip
        told = telling.look_in_transaction([one.id for one in moved])
        ledger.cancel(deliveries.ORIGIN, unit_ids=[one.id for one in moved if one.old == "held"])
        db.session.commit()
        n += len(moved)
        if told:
            wake.wake("confirmations")
        if len(moved) < AT_ONCE or time.monotonic() > until:
            return n


def give_up(ids: Sequence[int]) -> int:
    """Ends failed, uncertain or held deliveries for good, but for those of held letters; returns how many."""
    return _decide(
        "cancelled", ids, f"d.id = ANY(:ids) AND (d.state <> 'held' OR {_LETTER_ALIVE})",
        "round = d.round + 1, finished_at = :now", given_up=True,
    )  # fmt: skip


def arrived(ids: Sequence[int], by: str) -> int:
    """A person has found out that uncertain deliveries reached the office; returns how many."""
    note = f"{by} found out that it arrived"
    return _decide(
        "sent", ids, "d.id = ANY(:ids)", "round = d.round + 1, finished_at = :now, answer = :note",
        old=("uncertain",), note=note,
    )  # fmt: skip


def _decide(
    new: str,
    ids: Sequence[int],
    where: str,
    set_: str,
    old: Sequence[str] = ("failed", "uncertain", "held"),
    given_up: bool = False,
    **more: str,
) -> int:
    chosen = list(ids)[:AT_ONCE]
    ledger.lock_in_transaction(deliveries.ORIGIN, chosen)
    moved = deliveries.move(
        new,
        where,
        {"ids": chosen, "now": utcnow(), **more},
        old=old,
        set_=set_,
        given_up=given_up,
    )
    told = 0 if new == "waiting" else telling.look_in_transaction([one.id for one in moved])
    # What the ledger has of the old round is settled with it, doubts too.
    ledger.cancel(deliveries.ORIGIN, unit_ids=[one.id for one in moved], uncertain=True)
    db.session.commit()
    wake.wake("letters")
    if told:
        wake.wake("confirmations")
    return len(moved)
