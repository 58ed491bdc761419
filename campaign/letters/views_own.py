"""What a writer wants of a letter, from their own page: a mail at the end, their name in a public docket, replies kept."""

from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from campaign.letters import telling
from campaign.supporters import keys
from campaign.supporters import queries as supporters
from campaign.web import access, tokens

bp = Blueprint("letters_own", __name__)


@bp.post("/me/<token>/letters/<int:letter_id>/wishes")
@access.link
def wishes(token: str, letter_id: int) -> ResponseReturnValue:
    """Keeps the writer's wishes; a box that is left alone means no."""
    try:
        person = supporters.supporter(keys.read_own_page(token))
    except tokens.BadToken:
        person = None
    ticked = {name: bool(request.form.get(name)) for name in ("tell", "named", "keep")}
    if person is None or not telling.want(letter_id, person.id, **ticked):
        abort(404)
    return redirect(url_for("supporters.own_page", token=token, _anchor=f"letter-{letter_id}"), 303)
