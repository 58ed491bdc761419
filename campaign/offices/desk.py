"""/desk/targets: the directory of offices, who holds them, and whether letters to them go on."""

from collections.abc import Callable
from datetime import date

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from flask_wtf import FlaskForm

from campaign.clock import utcnow
from campaign.coalition.commands import Stale, mark
from campaign.coalition.desk import someone_else
from campaign.counts import queries as counts
from campaign.offices import commands, digest_plan, office_page, plan, queries, retiring, waiting
from campaign.offices.forms import CHANNEL_LABELS, HolderForm, ReasonForm, TargetForm
from campaign.offices.hours import office_of, say_days
from campaign.offices.models import Target
from campaign.offices.stating import changed_labels
from campaign.web import access, languages, pages

bp = Blueprint("offices_desk", __name__, url_prefix="/desk/targets")

RETIRE = "retire-"
"""What the names of that form's fields begin with, beside those of pausing."""


def _today(target: Target | None = None) -> date:
    """The day at an office, where its holders change; without one, of UTC."""
    return plan.local_day(office_of(target), utcnow()) if target is not None else utcnow().date()


def _found(target_id: int) -> Target:
    return pages.or_404(queries.target(target_id))


@bp.get("")
@access.organizer
def index() -> ResponseReturnValue:
    """The directory, a page at a time."""
    unchecked = "unchecked" in request.args
    page = queries.page_of_targets(request.args.get("agency", ""), unchecked=unchecked)
    waits = waiting.at_offices([one.target for one in page.rows])
    today = _today()
    rows = [
        {
            "target": one.target,
            "holder": one.holder_name,
            "waiting": waits[one.target.id],
            "stale": commands.is_stale(one.target, today),
        }
        for one in page.rows
    ]
    return render_template(
        "offices/desk_list.html",
        page=page,
        rows=rows,
        agencies=queries.agencies(),
        unchecked=unchecked,
        agency=request.args.get("agency", ""),
        channels=CHANNEL_LABELS,
    )


@bp.route("/new", methods=["GET", "POST"])
@access.organizer
def new() -> ResponseReturnValue:
    """A new office."""
    form = TargetForm()
    if form.validate_on_submit():
        target_id = commands.save(None, form.values(), current_user.email)
        commands.mark_checked(target_id, current_user.email, _today())
        flash(
            gettext(
                "The office is in the directory. Choose it in a campaign to have letters go there."
            ),
            "success",
        )
        return redirect(url_for(".target", target_id=target_id), 303)
    if request.method == "GET":
        form.days.data = ["1", "2", "3", "4", "5"]
        form.opens.data, form.closes.data = queries.OFFICE_HOURS
    return render_template("offices/desk_edit.html", form=form, target=None), _status(form)


@bp.get("/<int:target_id>")
@access.organizer
def target(target_id: int) -> ResponseReturnValue:
    """One office: its entry, its holders, its queue."""
    return _page(_found(target_id))


def _page(target: Target, **typed: FlaskForm) -> ResponseReturnValue:
    """The page; after a mistake with the form that it was ``typed`` into, by its name in the template."""
    forms = {
        "holder_form": HolderForm(formdata=None, since=_today(target)),
        "pause_form": ReasonForm(formdata=None),
        "retire_form": ReasonForm(formdata=None, prefix=RETIRE),
        **typed,
    }
    states = counts.states("deliveries", campaign_id=None, part=str(target.id))
    body = render_template(
        "offices/desk_office.html",
        target=target,
        holders=queries.holders(target.id),
        states=states,
        waiting=waiting.at_office(target),
        campaigns=[
            (languages.pick(one.title), one.slug) for one in queries.campaigns_writing_to(target.id)
        ],
        stale=commands.is_stale(target, _today()),
        days=say_days(list(target.days)),
        channels=CHANNEL_LABELS,
        undecided=_undecided(target),
        older=queries.changes(target.id),
        labels=changed_labels(),
        today=_today(target),
        digest_hour=digest_plan.hour(office_of(target)),
        most=digest_plan.MOST,
        **forms,
        **office_page.context(target),
    )
    return body, 422 if typed else 200


def _change(
    target: Target, name: str, form: FlaskForm, act: Callable[[], object], said: str
) -> ResponseReturnValue:
    """Does what one of the page's forms asks for, and says so; where something in it is wrong, the page says what."""
    if not form.validate():
        return _page(target, **{name: form})
    act()
    flash(said, "success")
    return redirect(url_for(".target", target_id=target.id), 303)


def _undecided(target: Target) -> int:
    """How many letters wait for an office that is retired, also right after somebody has decided about them."""
    if target.retired_at is None:
        return 0
    return counts.exact(["deliveries.waiting", "deliveries.held"], part=str(target.id))


@bp.route("/<int:target_id>/edit", methods=["GET", "POST"])
@access.organizer
def edit(target_id: int) -> ResponseReturnValue:
    """Changes an office; letters that wait follow."""
    target = _found(target_id)
    form = TargetForm(obj=target)
    form.target_id = target.id
    if form.validate_on_submit():
        try:
            commands.save(target.id, form.values(), current_user.email, form.seen.data or "")
        except Stale:
            target = _found(target_id)
            form.seen.data = mark(target, commands.FIELDS)
            form.form_errors.append(someone_else())
            return render_template("offices/desk_edit.html", form=form, target=target), 409
        commands.mark_checked(target.id, current_user.email, _today())
        flash(gettext("Saved. Letters that wait go by the new entry."), "success")
        return redirect(url_for(".target", target_id=target.id), 303)
    if request.method == "GET":
        form.seen.data = mark(target, commands.FIELDS)
        form.days.data = [str(day) for day in target.days]
    return render_template("offices/desk_edit.html", form=form, target=target), _status(form)


@bp.post("/<int:target_id>/holders")
@access.organizer
def set_holder(target_id: int) -> ResponseReturnValue:
    """Someone takes the office over."""
    form = HolderForm()
    return _change(
        _found(target_id), "holder_form", form,
        lambda: commands.set_holder(target_id, form.name.data, form.since.data, current_user.email),
        gettext("Saved. Salutations go by whoever holds the office on the day."),
    )  # fmt: skip


@bp.post("/<int:target_id>/holders/<int:holder_id>")
@access.organizer
def change_holder(target_id: int, holder_id: int) -> ResponseReturnValue:
    """Ends someone's time in the office, or takes a mistaken entry out."""
    target = _found(target_id)
    if holder_id not in {holder.id for holder in queries.holders(target.id)}:
        abort(404)
    if "remove" in request.form:
        commands.remove_holder(holder_id, current_user.email)
        flash(gettext("The entry is removed."), "success")
    else:
        commands.end_holder(holder_id, _today(target), current_user.email)
        flash(gettext("The office is vacant from today on."), "success")
    return redirect(url_for(".target", target_id=target_id), 303)


@bp.post("/<int:target_id>/checked")
@access.organizer
def checked(target_id: int) -> ResponseReturnValue:
    """A person has looked whether the entry is right."""
    commands.mark_checked(_found(target_id).id, current_user.email, _today())
    flash(gettext("Noted: the entry was checked today."), "success")
    return redirect(url_for(".target", target_id=target_id), 303)


@bp.post("/<int:target_id>/pause")
@access.organizer
def pause(target_id: int) -> ResponseReturnValue:
    """Stops letters to the office; those that wait go on waiting."""
    form = ReasonForm()
    return _change(
        _found(target_id), "pause_form", form,
        lambda: commands.pause(target_id, form.reason.data, current_user.email),
        gettext("Letters to this office are paused and keep their places."),
    )  # fmt: skip


@bp.post("/<int:target_id>/retire")
@access.organizer
def retire(target_id: int) -> ResponseReturnValue:
    """The office is no more: no campaign offers it."""
    form = ReasonForm(prefix=RETIRE)
    return _change(
        _found(target_id), "retire_form", form,
        lambda: retiring.retire(target_id, form.reason.data, current_user.email),
        gettext("The office is retired: no campaign offers it any more."),
    )  # fmt: skip


@bp.post("/<int:target_id>/bring-back")
@access.organizer
def bring_back(target_id: int) -> ResponseReturnValue:
    """A retired office is one again, paused at first and in no campaign."""
    retiring.bring_back(_found(target_id).id, current_user.email)
    flash(
        gettext("The office is back in the directory. Choose it in a campaign, and let letters go on."),
        "success",
    )  # fmt: skip
    return redirect(url_for(".target", target_id=target_id), 303)


@bp.post("/<int:target_id>/resume")
@access.organizer
def resume(target_id: int) -> ResponseReturnValue:
    """Letters go on."""
    if _found(target_id).retired_at is not None:
        flash(gettext("This office is retired: bring it back first."), "error")
    elif commands.resume(_found(target_id).id, current_user.email):
        flash(gettext("Letters to this office go on at its pace."), "success")
    else:
        flash(
            gettext(
                "This office has called a letter unwanted: an administrator lifts that first, under “Not mailed”."
            ),
            "error",
        )
    return redirect(url_for(".target", target_id=target_id), 303)


def _status(form: TargetForm) -> int:
    return 422 if form.errors else 200
