"""/desk/letters and /desk/deliveries: what was written, what became of it, and decisions about both.

A search names people, so it is sent as a form's body: addresses and names do not belong in a log of URLs.
"""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_login import current_user

from campaign.coalition.desk import found
from campaign.counts import queries as counts
from campaign.letters import deciding, desk_queries, moderation, queries, similarity
from campaign.letters.desk_forms import RulesForm, WordsForm
from campaign.letters.models import DELIVERY_STATES, LETTER_STATES
from campaign.letters.stating import REASONS, delivery_label, letter_label, why_held
from campaign.offices import queries as offices
from campaign.offices.forms import ReasonForm
from campaign.web import access, pages
from campaign.web.languages import LANGUAGES, pick

bp = Blueprint("letters_desk", __name__, url_prefix="/desk")


@bp.route("/letters", methods=["GET", "POST"])
@access.organizer
def letters() -> ResponseReturnValue:
    """The list, newest first; held ones first of all where there are any and nothing was asked for."""
    args = request.form if request.method == "POST" else request.args
    states = counts.states("letters", campaign_id=None)
    return _list(args, args.get("state", "held" if states.get("held") else ""))


def _list(
    args: Any,
    state: str,
    form: ReasonForm | None = None,
    chosen: Mapping[int, str] | None = None,
) -> Response:
    """The list as ``args`` ask for it; after a mistake with what was typed, and ``chosen`` {letter: mark of what was read}."""
    states = counts.states("letters", campaign_id=None)
    text = args.get("q", "").strip() if request.method == "POST" else ""
    campaign_id = args.get("campaign", type=int)
    people, too_many = desk_queries.people(text) if text else (None, False)
    page = desk_queries.page_of_letters(args, state=state, people=people, campaign_id=campaign_id)
    body = render_template(
        "letters/desk_letters.html",
        page=page,
        state=state,
        q=text,
        too_many=desk_queries.FOUND if too_many else 0,
        before=args.get("before", type=int),
        after=args.get("after", type=int),
        campaign_id=campaign_id,
        campaigns=[(one.id, pick(one.title)) for one in desk_queries.campaigns()],
        states=[(name, letter_label(name), states.get(name, 0)) for name in LETTER_STATES],
        label=letter_label,
        pick=pick,
        seen=deciding.seen,
        why_held=why_held,
        reasons=REASONS,
        form=form or ReasonForm(formdata=None),
        chosen=chosen or {},
        all_chosen=bool(chosen is not None and request.form.get("all")),
    )
    return pages.private(body, 422 if form else 200)


@bp.get("/letters/<int:letter_id>")
@access.organizer
def letter(letter_id: int) -> ResponseReturnValue:
    """One letter with its deliveries, and what may be decided."""
    return _letter(letter_id)


def _letter(letter_id: int, form: ReasonForm | None = None) -> Response:
    found = pages.or_404(desk_queries.letter(letter_id))
    row, campaign, supporter = found
    return pages.private(
        render_template(
            "letters/desk_letter.html",
            letter=row,
            campaign=campaign,
            supporter=supporter,
            title=pick(campaign.title),
            receipts=queries.receipts(row.id),
            seen=deciding.seen,
            why_held=why_held,
            label=letter_label(row.state),
            delivery_label=delivery_label,
            reasons=REASONS,
            can_be_stopped=deciding.can_be_stopped(row.id),
            writer_language=LANGUAGES.get(row.language, row.language),
            form=form or ReasonForm(formdata=None),
        ),
        422 if form else 200,
    )


@bp.post("/letters/<int:letter_id>/<any(hold, release, reject):decision>")
@access.organizer
def decide(letter_id: int, decision: str) -> ResponseReturnValue:
    """Holds, lets go or rejects a letter; the first and the last with a reason."""
    form = ReasonForm()
    if decision != "release" and not form.validate():
        return _letter(letter_id, form)
    by = current_user.email
    if decision == "release":
        done = deciding.release(letter_id, by, request.form.get("seen", ""))
    elif decision == "hold":
        done = deciding.hold(letter_id, form.reason.data, by)
    else:
        done = deciding.reject(letter_id, form.reason.data, by, request.form.get("seen", ""))
    if not done:
        form.form_errors.append(
            gettext(
                "This letter has changed meanwhile, and nothing was done: please look at it again."
            )
        )
        return _letter(letter_id, form)
    flash(gettext("Done."), "success")
    return redirect(url_for(".letter", letter_id=letter_id), 303)


@bp.post("/letters/decide")
@access.organizer
def decide_many() -> ResponseReturnValue:
    """Lets the chosen held letters, or all that the page showed, go, or rejects them with one reason.

    Where something is missing the page comes again as it was, with all that was ticked and typed.
    """
    form = ReasonForm()
    read = {
        int(name[5:]): mark
        for name, mark in request.form.items()
        if name.startswith("seen-") and name[5:].isdecimal()
    }
    ids = list(read) if request.form.get("all") else request.form.getlist("id", type=int)
    decision = request.form.get("decision", "")
    if decision not in ("release", "reject"):
        abort(400)
    if decision == "reject":
        form.validate()
    if not ids:
        form.form_errors.append(gettext("Choose the letters first."))
    if form.errors:
        return _list(request.form, "held", form, {one: read.get(one, "") for one in ids})
    by = current_user.email
    chosen = {one: read.get(one, "") for one in ids}
    if decision == "release":
        n = deciding.release_many(chosen, by)
    else:
        n = deciding.reject_many(chosen, form.reason.data or "", by)
    flash(ngettext("%(num)s letter changed.", "%(num)s letters changed.", n), "success")
    if n < len(set(ids)):
        flash(
            gettext(
                "Some were changed meanwhile by their writers or by someone else, and stay as they are."
            ),
            "error",
        )
    return redirect(url_for(".letters", state="held"), 303)


@bp.route("/letters/rules", methods=["GET", "POST"])
@access.organizer
def rules() -> ResponseReturnValue:
    """Which letters a person reads before they leave."""
    form = RulesForm()
    if form.validate_on_submit():
        new = moderation.Rules(
            form.links.data, form.listed(), form.same.data, form.longest.data, form.network.data
        )
        moderation.save(new, current_user.email)
        flash(gettext("Saved. The rules hold for letters confirmed from now on."), "success")
        return redirect(url_for(".letters"), 303)
    if request.method == "GET":
        now = moderation.rules()
        form.links.data, form.same.data, form.longest.data = now.links_from, now.same, now.longest
        form.network.data, form.words.data = now.network, "\n".join(now.words)
    campaigns = [
        (one.slug, pick(one.title), len(moderation.words_of(one.id)))
        for one in desk_queries.campaigns()
    ]
    body = render_template("letters/desk_rules.html", form=form, campaigns=campaigns)
    return body, 422 if form.errors else 200


@bp.route("/letters/rules/<slug>", methods=["GET", "POST"])
@access.organizer
def words(slug: str) -> ResponseReturnValue:
    """Which words hold the letters of one campaign."""
    campaign = found(slug)
    form = WordsForm()
    if form.validate_on_submit():
        moderation.save_words(campaign.id, form.listed(), current_user.email)
        flash(gettext("Saved. The rules hold for letters confirmed from now on."), "success")
        return redirect(url_for(".rules"), 303)
    if request.method == "GET":
        form.words.data = "\n".join(moderation.words_of(campaign.id))
    body = render_template("letters/desk_words.html", form=form, title=pick(campaign.title))
    return body, 422 if form.errors else 200


@bp.get("/letters/alike")
@access.organizer
def alike() -> ResponseReturnValue:
    """How personal a campaign's letters are, and which say nearly the same: what an agency will see."""
    campaigns = desk_queries.campaigns()
    campaign_id = request.args.get("campaign", type=int) or (campaigns[0].id if campaigns else 0)
    return pages.private(
        render_template(
            "letters/desk_alike.html",
            campaigns=[(one.id, pick(one.title)) for one in campaigns],
            campaign_id=campaign_id,
            found=similarity.report(campaign_id),
        )
    )


@bp.get("/deliveries")
@access.organizer
def deliveries() -> ResponseReturnValue:
    """Deliveries by state, with the last word of the office's mail server."""
    states = counts.states("deliveries", campaign_id=None)
    state = request.args.get("state", "")
    if state not in DELIVERY_STATES:
        troubled = [name for name in ("failed", "uncertain", "deferred") if states.get(name)]
        state = troubled[0] if troubled else "sent"
    target_id = request.args.get("target", type=int)
    page = desk_queries.page_of_deliveries(state, target_id)
    targets, more_targets = offices.directory(target_id)
    return pages.private(
        render_template(
            "letters/desk_deliveries.html",
            page=page,
            state=state,
            target_id=target_id,
            targets=targets,
            more_targets=more_targets,
            states=[(name, delivery_label(name), states.get(name, 0)) for name in DELIVERY_STATES],
            again_at=desk_queries.again_at(page) if state == "uncertain" else {},
        )
    )


@bp.post("/deliveries")
@access.organizer
def decide_deliveries() -> ResponseReturnValue:
    """Tries chosen deliveries again, gives them up, or notes that they arrived."""
    ids = request.form.getlist("id", type=int)
    action = request.form.get("action", "")
    if action == "again":
        n = deciding.try_again(ids)
    elif action == "give_up":
        n = deciding.give_up(ids)
    elif action == "arrived":
        n = deciding.arrived(ids, current_user.email)
    else:
        abort(400)
    flash(ngettext("%(num)s delivery changed.", "%(num)s deliveries changed.", n), "success")
    return redirect(url_for(".deliveries", state=request.form.get("state", "failed")), 303)


@bp.post("/targets/<int:target_id>/cancel-waiting")
@access.organizer
def cancel_waiting(target_id: int) -> ResponseReturnValue:
    """Ends the letters that wait for a retired office."""
    target = pages.or_404(offices.target(target_id))
    if target.retired_at is None:
        flash(gettext("This office is not retired: nothing was cancelled."), "error")
    else:
        n = deciding.cancel_waiting(target_id)
        flash(
            ngettext(
                "%(num)s letter does not go to this office.", "%(num)s letters do not go to this office.", n
            ),
            "success",
        )  # fmt: skip
    return redirect(url_for("offices_desk.target", target_id=target_id), 303)


@bp.post("/targets/<int:target_id>/again")
@access.organizer
def again(target_id: int) -> ResponseReturnValue:
    """What failed at this office waits once more."""
    target = pages.or_404(offices.target(target_id))
    if target.retired_at is not None:
        flash(gettext("This office is retired: bring it back first."), "error")
    else:
        n = deciding.try_all_again(target_id)
        flash(ngettext("%(num)s letter waits again.", "%(num)s letters wait again.", n), "success")
    return redirect(url_for("offices_desk.target", target_id=target_id), 303)
