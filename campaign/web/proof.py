"""Proof of work by ALTCHA (https://altcha.org, protocol version 2): a browser spends half a second, a flood spends days.

The form's script (static/proof.js) fetches a task when someone begins to type, so that pages stay the same for everyone
and a cache may keep them. Nothing is asked of a third party. Without JavaScript a form goes without, under tighter limits.
"""

import secrets
from typing import Any, NamedTuple

import altcha
from flask import Blueprint, Flask, Response, jsonify

from campaign.clock import utcnow
from campaign.web import access, tokens

FIELD = "altcha"
"""The form field that carries a solution, as ALTCHA's own widget names it."""
AGE = 2 * 3600
"""Seconds for which a task may be solved."""
LEAST, MOST = 10_000, 30_000
"""The answer's range: so many SHA-256 digests take a laptop 0.2 s and a small telephone about two."""

blueprint = Blueprint("proof", __name__)


class Solved(NamedTuple):
    """A good solution: ``mark`` is good for one use within ``kept`` seconds."""

    mark: str
    kept: int


def task() -> dict[str, Any]:
    """A new task, signed by us, as ALTCHA writes it in JSON."""
    return altcha.create_challenge(
        "SHA-256",
        1,
        counter=LEAST + secrets.randbelow(MOST - LEAST),
        expires_at=int(utcnow().timestamp()) + AGE,
        hmac_secret=tokens.key("altcha.task"),
        hmac_key_secret=tokens.key("altcha.answer"),
    ).to_dict()


def check(payload: str) -> Solved | None:
    """What a solution is worth; None where it is none, is wrong, too old, or not of our task."""
    if not payload or len(payload) > 4000:
        return None
    try:
        found = altcha.Payload.from_base64(payload)
        good = altcha.verify_solution(
            found, tokens.key("altcha.task"), hmac_key_secret=tokens.key("altcha.answer")
        ).verified
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not good:
        return None
    return Solved(str(found.challenge.signature)[:32], AGE)


@blueprint.get("/proof")
@access.public
def challenge() -> Response:
    """A task for one sending of a form."""
    answer = jsonify(task())
    answer.headers["Cache-Control"] = "no-store"
    return answer


def init_app(app: Flask) -> None:
    """Adds the address from which the script fetches its task."""
    app.register_blueprint(blueprint)
