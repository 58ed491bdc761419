"""Messages that wait for a person, and what the person decides: nobody knows whether they arrived, or nobody could write them.

An uncertain one also goes again by itself when its time has come; a held one never does. What an order holds
(:mod:`campaign.mail.orders`) is not among them: it goes with the order. Some origins have a page of their own for this.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, TextClause, func, select, text, tuple_

from campaign.extensions import db
from campaign.mail import states, wake
from campaign.mail.answers import Answer
from campaign.mail.models import UNDECIDED, Message
from campaign.mail.settling import DOUBT
from campaign.web.pages import Page, page_by_key

Decision = Literal["arrived", "again", "drop"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
AT_ONCE = 5000
"""Messages that one decision about a whole stream moves at most."""
COUNTED = 100
"""Where :func:`count` stops."""

_elsewhere: dict[str, str] = {}


def decided_elsewhere(origin: str, endpoint: str) -> None:
    """Leaves the messages of ``origin`` to the desk page ``endpoint``, which knows more of them."""
    _elsewhere[origin] = endpoint


def page(stream: str) -> Page[Any]:
    """A page of a stream's messages that wait for a person, newest first; each row has one Message."""
    return page_by_key(select(Message).where(*_waiting(stream)), Message.id)


def listed(stream: str, at_most: int) -> list[Message]:
    """The first of a stream's messages that wait for a person."""
    query = select(Message).where(*_waiting(stream)).order_by(Message.id).limit(at_most)
    return list(db.session.scalars(query))


def count(stream: str, doubtful: bool = True) -> int:
    """How many of a stream's messages go no further without a person, counted no further than COUNTED.

    ``doubtful`` False leaves out those of which nobody knows whether they arrived.
    """
    query = select(Message.id).where(*_waiting(stream), Message.state == "held")
    if not doubtful:
        query = query.where(Message.hold_reason != DOUBT)
    some = query.limit(COUNTED).subquery()
    return db.session.execute(select(func.count()).select_from(some)).scalar_one()


def again_at(origin: str, units: Mapping[int, int]) -> dict[int, datetime]:
    """When what nobody knows to have arrived goes again by itself, for those of an origin's ``units`` {unit: origin_id}
    that do: the others wait for a person."""
    keys = [(origin, origin_id, unit) for unit, origin_id in units.items()]
    query = select(Message.unit_id, Message.next_attempt_at).where(
        tuple_(Message.origin, Message.origin_id, Message.unit_id).in_(keys),
        Message.state == "uncertain",
    )
    return {row.unit_id: row.next_attempt_at for row in db.session.execute(query)} if keys else {}


def wait_for_person(origin: str, units: Mapping[int, int]) -> set[int]:
    """Those of an origin's ``units`` {unit: origin_id} that go no more before a person has decided."""
    keys = [(origin, origin_id, unit) for unit, origin_id in units.items()]
    query = select(Message.unit_id).where(
        tuple_(Message.origin, Message.origin_id, Message.unit_id).in_(keys),
        Message.state == "held",
    )
    return set(db.session.scalars(query)) if keys else set()


def may_have_arrived(message: Message) -> bool:
    """Whether a person can say that the message arrived: a connection broke after its last byte."""
    return message.state == "uncertain" or message.hold_reason == DOUBT


def decide(stream: str, decision: Decision, by: str, ids: Sequence[int] | None = None) -> int:
    """A person says what becomes of a stream's waiting messages (those with ``ids``, or all); commits, returns how many.

    ``arrived``: the server has taken them. ``again``: they go once more. ``drop``: never. Those about which somebody, or
    the next attempt, has decided already are passed over, and so is what cannot have arrived where it is said to have.
    """
    where = f"m.stream = :stream AND ({UNDECIDED}) AND m.origin <> ALL(:elsewhere)"
    values: dict[str, Any] = {"stream": stream, "elsewhere": list(_elsewhere), "by": by}
    if ids is not None:
        where += " AND m.id = ANY(:ids)"
        values["ids"] = list(ids)
    moved = _MOVES[decision](where, values, AT_ONCE if ids is None else None)
    db.session.commit()
    if moved:
        wake.wake(stream)
    return len(moved)


def _arrived(where: str, values: dict[str, Any], limit: int | None) -> list[states.Row]:
    said = f"{values['by']} found out that it arrived"
    return states.move(
        "sent", f"{where} AND (m.state = 'uncertain' OR m.hold_reason = :doubt)",
        {**values, "doubt": DOUBT, "said": said}, old=_OLD, limit=limit, set_="smtp_text = :said",
        answer=Answer(None, None, said, None),
    )  # fmt: skip


def _again(where: str, values: dict[str, Any], limit: int | None) -> list[states.Row]:
    return states.move(
        "queued", where, values, old=_OLD, limit=limit,
        # Once more, and with the whole patience again for a server that says "later".
        set_="doubts = CASE WHEN m.state = 'held' THEN greatest(m.doubts - 1, 0) ELSE m.doubts END, "
        "attempts = 0, first_attempt_at = NULL, next_attempt_at = :now",
    )  # fmt: skip


def _drop(where: str, values: dict[str, Any], limit: int | None) -> list[states.Row]:
    said = f"{values['by']} dropped it"
    return states.move(
        "cancelled", where, {**values, "said": said}, old=_OLD, limit=limit, set_="smtp_text = :said",
        answer=Answer(None, None, said, None),
    )  # fmt: skip


_OLD = ("held", "uncertain")
_MOVES = {"arrived": _arrived, "again": _again, "drop": _drop}


def _waiting(stream: str) -> tuple[ColumnElement[bool] | TextClause, ...]:
    """As in the index ix_message_undecided."""
    return (
        Message.stream == stream,
        Message.state.in_(_OLD),
        text(f"({UNDECIDED})"),
        Message.origin.not_in(list(_elsewhere)),
    )


def elsewhere() -> dict[str, str]:
    """The origins that have a page of their own, and its endpoint."""
    return dict(_elsewhere)
