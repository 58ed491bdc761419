"""The mail providers' webhooks: ``/hooks/mail/<provider>``, each with its own proof of who calls.

A door is there only where its secret is configured (404 otherwise), and what it tells happens once. A provider that is
to try again later (503) does so; a call whose proof is wrong is refused and counted.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from flask import Blueprint, Flask, Response, abort, current_app, request
from flask.typing import ResponseReturnValue

from campaign.extensions import db
from campaign.mail import verp
from campaign.mail.answers import Answer
from campaign.mail.bounces import Severity
from campaign.mail.inbound import events, receiving
from campaign.mail.inbound.kinds import NOTHING
from campaign.web import pages

Kind = TypeVar("Kind", dict[str, Any], list[Any])

SIZE = 2_000_000
"""Bytes of a call: SendGrid's batches are the largest, and under 1 MB."""
EVENTS = 2000
RATE = "3000 per minute"


class NotProved(Exception):
    """The call does not carry its provider's proof."""


class Malformed(Exception):
    """The call is proved, and not of the form that its provider documents."""


class NotJson(Malformed):
    """It is no JSON at all."""


class Told(NamedTuple):
    """One thing that a provider tells about one of our messages."""

    kind: str
    """``bounce``, ``complaint``, ``unsubscribe``; anything else is counted only."""
    key: str
    """The provider's own number of the event, the same when it is told again."""
    message_ids: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Envelope senders, which may be our signed ones."""
    answer: Answer = NOTHING
    severity: Severity | None = None
    """What the provider's own classes say, where they say more than the server's answer."""
    note: str = ""


def answer(source: str, read: Callable[[bytes], Iterable[Told]]) -> ResponseReturnValue:
    """Answers a call: ``read`` checks its proof and says what it tells."""
    request.max_content_length = SIZE
    try:
        told = list(read(request.get_data()))[:EVENTS]
        for one in told:
            _apply(one, source)
        db.session.commit()
    except NotProved:
        db.session.rollback()
        events.count("forged", source)
        db.session.commit()
        # Mailgun takes 406 as "do not try again"; to the others it is a refusal like any.
        return _said("The signature is not right.", 406)
    except Malformed:
        db.session.rollback()
        return _said("This is not of the form that the provider documents.", 400)
    except receiving.Later:
        db.session.rollback()
        response = _said("Not yet: try again.", 503)
        response.headers["Retry-After"] = "60"
        return response
    return _said("ok", 200)


def secret(name: str) -> Any:
    """The configured secret of a door; without one there is no door (404)."""
    found = current_app.config.get(name)
    if not found:
        abort(404)
    return found


def text(value: Any, *path: str | int) -> str:
    """The text (or number, as text) at a path of a JSON document; empty where there is none, whatever it holds instead."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    # Half characters and NUL are valid in JSON, and in no table.
    return str(value)[:4000].encode("utf-8", "replace").decode().replace("\x00", "")


def parsed(body: bytes, kind: type[Kind]) -> Kind:
    """A JSON document that is a ``kind``. Raises NotJson, also for one that is nested too deep; Malformed for another kind."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotJson from error
    if not isinstance(found, kind):
        raise Malformed
    return found


def with_status(answer: Answer, status: str) -> Answer:
    """The answer with the enhanced status code (RFC 3463) that a provider tells beside it, where that is one."""
    is_one = status[:2] in ("4.", "5.") and len(status) < 12
    return answer._replace(enhanced=status) if is_one else answer


def _apply(told: Told, source: str) -> None:
    if told.kind not in ("bounce", "complaint", "unsubscribe"):
        events.count(told.kind, source)
        return
    number = _number(told)
    if number is None:
        events.count("unknown", source)
    elif told.kind == "bounce":
        receiving.bounced(number, told.answer, source, told.severity)
    elif told.kind == "complaint":
        receiving.complained(number, told.note, source)
    else:
        receiving.unsubscribed(number, told.key, source)


def _number(told: Told) -> int | None:
    """The message's row: by our signed envelope sender where the provider kept it, else by our Message-ID."""
    for address in told.addresses:
        found = verp.read(address)
        if found and found[0] == verp.BOUNCE:
            return found[1]
    return receiving.by_message_id([one for one in told.message_ids if one])


def _said(words: str, status: int) -> Response:
    response = pages.private(words + "\n", status)
    response.mimetype = "text/plain"
    return response


def init_app(app: Flask) -> None:
    """Adds the doors."""
    from campaign.mail.inbound.hooks import mailgun, postmark, sendgrid, ses

    blueprint = Blueprint("mail_hooks", __name__, url_prefix="/hooks/mail")
    for view in (ses.ses, postmark.postmark, sendgrid.sendgrid, mailgun.mailgun):
        blueprint.add_url_rule(f"/{view.__name__}", view.__name__, view, methods=["POST"])
    app.register_blueprint(blueprint)
