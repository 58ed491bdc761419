"""What a writer may still do with a letter, from their own page: take it back, mend it, and what they want of it."""

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from campaign.coalition import front
from campaign.coalition.models import Campaign
from campaign.letters import commands, composing, confirming, merging, queries, telling
from campaign.letters import own as own_letters
from campaign.letters.forms import CorrectionForm
from campaign.letters.models import Letter
from campaign.supporters import keys
from campaign.supporters import queries as supporters
from campaign.web import access, languages, pages, tokens

bp = Blueprint("letters_own", __name__)


@bp.post("/me/<token>/letters/<int:letter_id>/wishes")
@access.link
def wishes(token: str, letter_id: int) -> ResponseReturnValue:
    """Keeps the writer's wishes; a box that is left alone means no."""
    ticked = {name: bool(request.form.get(name)) for name in ("tell", "named", "keep")}
    if not telling.want(letter_id, _owner(token), **ticked):
        abort(404)
    return pages.following(_own_page(token, letter_id))


@bp.post("/me/<token>/letters/<int:letter_id>/withdraw")
@access.link
def withdraw(token: str, letter_id: int) -> ResponseReturnValue:
    """The writer takes a letter back from the offices that it has not left for."""
    supporter_id = _owner(token)
    done = commands.withdraw(letter_id, supporter_id)
    # The button pressed twice, or too late: the page says what became of the letter.
    if done is None and queries.own_letter(letter_id, supporter_id) is None:
        abort(404)
    return pages.following(_own_page(token, letter_id))


@bp.route("/me/<token>/letters/<int:letter_id>/correct", methods=["GET", "POST"])
@access.link
def correct(token: str, letter_id: int) -> ResponseReturnValue:
    """The writer mends a letter while it waits at every office."""
    supporter_id = _owner(token)
    own = pages.or_404(queries.own_letter(letter_id, supporter_id))
    letter, campaign = own
    form = CorrectionForm()
    if request.method == "GET":
        if not own_letters.can_correct(letter, queries.receipts(letter.id)):
            return pages.following(_own_page(token, letter_id))
        form.subject.data, form.body.data = letter.subject, letter.body
        return _correction_page(token, letter, campaign, form)
    writer = merging.writer(letter.given_name, letter.family_name, letter.postal_code)
    if not form.validate() or not composing.put_in_fields(form, writer):
        return _correction_page(token, letter, campaign, form, 422)
    suggested = queries.suggested(queries.templates(campaign.id))
    if commands.correct(letter.id, supporter_id, form.subject.data, form.body.data, suggested):
        return pages.following(_own_page(token, letter_id))
    now = queries.own_letter(letter_id, supporter_id)
    form.form_errors.append(_why_not(now[0] if now else letter))
    return _correction_page(token, letter, campaign, form, 409)


def _why_not(letter: Letter) -> str:
    """Why a letter can no longer be changed, as it is now."""
    if letter.taken_back_at is not None:
        return gettext("You took this letter back: it can no longer be changed.")
    if letter.state not in confirming.ALIVE:
        return gettext("This letter is not sent any more: it can no longer be changed.")
    return gettext("This letter can no longer be changed: it has left for at least one office.")


def _correction_page(
    token: str, letter: Letter, campaign: Campaign, form: CorrectionForm, status: int = 200
) -> Response:
    page = render_template(
        "letters/correct.html",
        form=form,
        title=languages.pick(campaign.title),
        theme=front.theme_url(campaign),
        back=_own_page(token, letter.id),
    )
    return pages.private(page, status)


def _owner(token: str) -> int:
    try:
        person = supporters.supporter(keys.read_own_page(token))
    except tokens.BadToken:
        person = None
    return pages.or_404(person).id


def _own_page(token: str, letter_id: int) -> str:
    return url_for("supporters.own_page", token=token, _anchor=f"letter-{letter_id}")
