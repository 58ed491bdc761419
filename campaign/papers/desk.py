"""/desk/targets/<n>/bundles: an office's packets and digests; making a packet, printing it, handing it over."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_login import current_user

from campaign.clock import utcnow
from campaign.counts import queries as counts
from campaign.letters import stopping
from campaign.offices import queries as offices
from campaign.offices.models import Target
from campaign.papers import checking, commands, daily, making, queries, taken_out
from campaign.papers.forms import HandOverForm
from campaign.papers.models import Bundle
from campaign.papers.stating import bundle_label, sent_sentence
from campaign.web import access, pages
from campaign.web.languages import pick

bp = Blueprint("papers_desk", __name__, url_prefix="/desk/targets/<int:target_id>/bundles")


class Offer(NamedTuple):
    """A campaign of whose letters to an office a packet can be made, or why it cannot."""

    campaign_id: int
    title: str
    waiting: int
    alone: bool
    """Whether the petition may go without any letter."""
    points: list[checking.Point]
    """What the agency asks for."""
    ready: bool
    """Whether nothing of that is missing."""
    stopped: str
    """``pause`` or ``cancel`` where the campaign's letters are stopped."""


def _target(target_id: int) -> Target:
    return pages.or_404(offices.target(target_id))


def _bundle(target_id: int, bundle_id: int) -> Bundle:
    return pages.or_404(queries.bundle(bundle_id), target_id=target_id)


@bp.get("")
@access.organizer
def index(target_id: int) -> ResponseReturnValue:
    """What has been put together for an office, and what could be."""
    return _page(_target(target_id))


def _page(target: Target, typed: Mapping[int, HandOverForm] | None = None) -> ResponseReturnValue:
    """The page; after a mistake with what was ``typed`` into a packet's form."""
    page = queries.page_of_bundles(target.id)
    found = page.rows
    in_work = queries.in_work(target.id)
    gone = taken_out.since_made([one.id for one in found if one.state == "ready"])
    stopped = stopping.states()
    offers = []
    for campaign in offices.campaigns_writing_to(target.id):
        waiting = counts.states("deliveries", campaign.id, str(target.id)).get("waiting", 0)
        points = checking.check(campaign.id, target)
        alone = checking.petition_for(campaign.id, target) is not None
        offers.append(
            Offer(
                campaign.id,
                pick(campaign.title),
                waiting,
                alone,
                points,
                checking.ready(points),
                stopped.get(campaign.id, ""),
            )
        )
    body = render_template(
        "papers/desk_bundles.html",
        target=target,
        bundles=[(one, bundle_label(one.state), gone.get(one.id, 0)) for one in found],
        page=page,
        here=pages.place(),
        making=[one for one in in_work if one.state == "making"],
        done=sum(making.progress(one) for one in in_work),
        total=sum(one.letters for one in in_work),
        offers=offers,
        paused={n for n, action in stopped.items() if action == "pause"},
        forms={
            one.id: HandOverForm(one.id, _today(target), formdata=None)
            for one in found
            if one.state == "ready"
        }
        | dict(typed or {}),
    )
    return body, 422 if typed else 200


def _back(target_id: int) -> ResponseReturnValue:
    return redirect(url_for(".index", target_id=target_id, **pages.place()), 303)


def _today(target: Target) -> date:
    """The day at the office, where a packet is handed over."""
    return utcnow().astimezone(ZoneInfo(target.timezone)).date()


@bp.post("")
@access.organizer
def make(target_id: int) -> ResponseReturnValue:
    """Makes a packet of all letters that wait; refuses where the agency's check list is not met."""
    target = _target(target_id)
    campaign_id = request.form.get("campaign", type=int)
    if campaign_id not in {one.id for one in offices.campaigns_writing_to(target.id)}:
        abort(400)
    if target.channel != "packet":
        flash(
            gettext("Letters to this office do not go by packet: change its entry first."), "error"
        )
    elif not checking.ready(checking.check(campaign_id, target)):
        flash(gettext("Something that the agency asks for is missing: nothing was made."), "error")
    elif stopping.is_cancelled(campaign_id) and "alone" not in request.form:
        flash(_cancelled(), "error")
    else:
        made = commands.begin_packet(
            target.id, campaign_id, current_user.email, petition_alone="alone" in request.form
        )
        if made:
            text = ngettext(
                "A packet is being made.", "A packet in %(num)s pieces is being made.", len(made)
            )
            flash(text, "success")
        else:
            flash(gettext("No letter waits for this office."), "error")
    return redirect(url_for(".index", target_id=target.id), 303)


@bp.post("/digest")
@access.organizer
def send_digest(target_id: int) -> ResponseReturnValue:
    """Sends the day's digest now, with all letters that wait; says why where nothing leaves."""
    sent = daily.send_now(_target(target_id).id, current_user.email)
    target = _target(target_id)
    next_one = daily.next_digest(target)
    fine = sent.letters or sent.why_not == "leaving"
    flash(sent_sentence(sent, target, next_one), "success" if fine else "error")
    return redirect(url_for("offices_desk.target", target_id=target_id), 303)


def _must_stay(bundle: Bundle) -> str:
    """Why a packet that is ready must not leave as it is; empty where it may."""
    if bundle.state == "ready" and commands.is_cancelled(bundle):
        return _cancelled()
    n = taken_out.since_made([bundle.id]).get(bundle.id, 0) if bundle.state == "ready" else 0
    if not n:
        return ""
    return ngettext(
        "%(num)s letter was taken out since this packet was made: make it again first.",
        "%(num)s letters were taken out since this packet was made: make it again first.",
        n,
    )


@bp.get("/<int:bundle_id>.pdf")
@access.organizer
def pdf(target_id: int, bundle_id: int) -> ResponseReturnValue:
    """The paper."""
    bundle = _bundle(target_id, bundle_id)
    if not bundle.content:
        abort(404)
    if why := _must_stay(bundle):
        flash(why, "error")
        return _back(target_id)
    answer = Response(bundle.content, mimetype="application/pdf")
    part = f"-piece-{bundle.piece}-of-{bundle.pieces}" if bundle.pieces > 1 else ""
    name = f"{bundle.kind}-{bundle.day.isoformat()}{part or f'-{bundle.piece}'}.pdf"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.post("/<int:bundle_id>/handed")
@access.organizer
def handed(target_id: int, bundle_id: int) -> ResponseReturnValue:
    """A person has handed the packet over; refused while the agency's check list is not met, keeping what was typed."""
    bundle = _bundle(target_id, bundle_id)
    target = _target(target_id)
    form = HandOverForm(bundle.id, _today(target))
    form.made = bundle.day
    if form.validate():
        why = _cannot_be_handed(bundle, target)
        if not why and commands.hand_over(
            bundle.id, form.on.data, current_user.email, form.note.data or ""
        ):
            flash(gettext("Noted. Its writers see it on their own pages."), "success")
            return _back(target_id)
        form.form_errors.append(
            why or gettext("This packet is in another state now: nothing was changed.")
        )
    return _page(target, {bundle.id: form})


def _cancelled() -> str:
    return gettext(
        "The letters of this campaign were cancelled: no packet of them is made or handed over."
    )


def _cannot_be_handed(bundle: Bundle, target: Target) -> str:
    if commands.is_cancelled(bundle):
        return _cancelled()  # also where that took it apart a moment ago
    if not checking.ready(checking.check(bundle.campaign_id, target)):
        return gettext(
            "Something that the agency asks for is missing: it cannot be called handed over."
        )
    return _must_stay(bundle)


@bp.post("/<int:bundle_id>/again")
@access.organizer
def again(target_id: int, bundle_id: int) -> ResponseReturnValue:
    """Makes a packet again, without the letters that were taken out since."""
    left = taken_out.make_again(_bundle(target_id, bundle_id).id)
    if left is None:
        flash(gettext("This packet is in another state now: nothing was changed."), "error")
    elif left:
        flash(gettext("The packet is being made again, without them."), "success")
    else:
        flash(gettext("No letter was left in the packet: it is taken apart."), "success")
    return _back(target_id)


@bp.post("/<int:bundle_id>/undo")
@access.organizer
def undo(target_id: int, bundle_id: int) -> ResponseReturnValue:
    """Takes a packet apart, or a digest that failed: the letters wait again."""
    bundle = _bundle(target_id, bundle_id)
    allowed = bundle.state in ("ready", "making", "failed", "broken") and not (
        bundle.kind == "digest" and bundle.state == "making"
    )
    if allowed and commands.undo(bundle.id):
        flash(gettext("The letters wait again."), "success")
    else:
        flash(gettext("This packet is in another state now: nothing was changed."), "error")
    return _back(target_id)
