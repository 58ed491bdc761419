"""The PDFs of bundles, set one after the other by whichever job holds the row, and how far the one at work is."""

import contextlib
import logging

from redis.exceptions import RedisError
from sqlalchemy import select

from campaign.engines.away import is_away, roll_back
from campaign.extensions import db, rq
from campaign.mail import wake
from campaign.papers import commands, digests, paper, taken_out
from campaign.papers.models import Bundle

log = logging.getLogger(__name__)


def make_next() -> bool:
    """Sets the PDF of the next bundle that waits for it, and commits; False where none does."""
    query = (
        select(Bundle)
        .where(Bundle.state == "making")
        .order_by((Bundle.kind == "packet"), Bundle.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    bundle = db.session.execute(query, execution_options={"populate_existing": True}).scalar()
    if bundle is None:
        db.session.rollback()
        return False
    number = bundle.id
    left_out = taken_out.leave_out_in_transaction(bundle)
    if (left_out and not bundle.letters) or _must_not_go(bundle):
        commands.undo(number)
        return True
    try:
        bundle.content, bundle.pages, bundle.problem = paper.set_bundle(
            bundle, lambda n: _tell(number, n)
        )
    except Exception as error:
        roll_back()
        if is_away(error) or isinstance(error, OSError):
            raise  # it says nothing of this paper
        # Whatever it is, the others are to be set. What it says may quote the letters, and stays out of the log.
        log.error("the PDF of bundle %d could not be set: %s", number, type(error).__name__)
        commands.undo(number, "broken")
        return True
    bundle.done = bundle.letters
    if _must_not_go(bundle):
        commands.undo(number)
        return True
    if bundle.kind == "packet":
        bundle.state = "ready"
    else:
        bundle.state = "queued"
        digests.enqueue_in_transaction(bundle)
    db.session.commit()
    _forget(number)
    wake.wake("letters")
    return True


def _must_not_go(bundle: Bundle) -> bool:
    """Whether it is a packet whose letters were cancelled, perhaps while it was being made."""
    return bundle.kind == "packet" and commands.is_cancelled(bundle)


def _key(bundle_id: int) -> str:
    return f"campaign:paper:{bundle_id}"


def _tell(bundle_id: int, done: int) -> None:
    """Leaves word how far a paper is; its row is locked meanwhile, and with Valkey away nobody needs to know."""
    with contextlib.suppress(RedisError):
        next(iter(rq.queues.values())).connection.set(_key(bundle_id), done, ex=600)


def _forget(bundle_id: int) -> None:
    """A paper that is made again begins at nothing."""
    with contextlib.suppress(RedisError):
        next(iter(rq.queues.values())).connection.delete(_key(bundle_id))


def progress(bundle: Bundle) -> int:
    """How many of a bundle's letters are set so far."""
    if bundle.state != "making":
        return bundle.done
    with contextlib.suppress(RedisError):
        told = next(iter(rq.queues.values())).connection.get(_key(bundle.id))
        return int(told or 0)
    return 0
