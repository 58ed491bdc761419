"""/desk/endorsements: who wants to sign, who has, and who has not yet."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_security import current_user

from campaign.coalition import queries as coalition
from campaign.endorsements import commands, deciding, desk_queries, kinds, queries
from campaign.endorsements.forms import DeclineForm, DeskSignerForm, ListingForm
from campaign.endorsements.models import UNPLACED, Endorsement
from campaign.petitions import queries as petitions
from campaign.web import access, languages, pages
from campaign.web.forms import options

blueprint = Blueprint("endorsements_desk", __name__, url_prefix="/desk/endorsements")

NEEDS_A_PERSON = "confirmed"


def _scope() -> desk_queries.Scope:
    return desk_queries.scope(current_user.role, current_user.organization_id)


def _organizer() -> bool:
    return access.admits(access.ORGANIZER, current_user.role)


@blueprint.get("/")
@access.lead
def index() -> ResponseReturnValue:
    """The list; without a choice, those that wait for a person."""
    limits = _scope()
    choices = desk_queries.choices(limits)
    chosen = _chosen(choices)
    state = request.args.get("state", NEEDS_A_PERSON)
    text = request.args.get("q", "").strip()
    campaign_id = chosen.campaign.id if chosen else None
    petition_id = chosen.petition.id if chosen and "/" in request.args.get("petition", "") else None
    found = desk_queries.page(
        limits, state=state, campaign_id=campaign_id, petition_id=petition_id, text=text
    )
    part = chosen.petition.slug if chosen and petition_id else None
    return render_template(
        "endorsements/desk_list.html",
        page=found,
        state=state,
        text=text,
        states=kinds.STATES,
        kind_label=kinds.label,
        counts=desk_queries.state_counts(limits, campaign_id, part),
        choices=_options(choices),
        chosen=request.args.get("petition", "") if chosen else "",
        can_decide=_organizer(),
        chase=[one.campaign for one in _campaigns(choices) if limits.leads(one.campaign.id)],
        pick=languages.pick,
    )


def _chosen(choices: list[desk_queries.Choice]) -> desk_queries.Choice | None:
    """The choice that ``petition`` names, as ``campaign/petition`` or ``campaign`` alone."""
    campaign, _slash, petition = request.args.get("petition", "").partition("/")
    for one in choices:
        if one.campaign.slug == campaign and petition in ("", one.petition.slug):
            return one
    return None


def _campaigns(choices: list[desk_queries.Choice]) -> list[desk_queries.Choice]:
    return list({one.campaign.id: one for one in reversed(choices)}.values())[::-1]


def _options(choices: list[desk_queries.Choice]) -> list[tuple[str, str]]:
    options = []
    for first in _campaigns(choices):
        slug, title = first.campaign.slug, languages.pick(first.campaign.title)
        options.append((slug, title))
        options += [
            (f"{slug}/{one.petition.slug}", f"{title}: {one.petition.agency}")
            for one in choices
            if one.campaign.id == first.campaign.id
        ]
    return options


@blueprint.get("/missing/<slug>")
@access.lead
def missing(slug: str) -> ResponseReturnValue:
    """The organizations of the coalition that have not co-signed yet, to be asked."""
    campaign = pages.or_404(coalition.campaign_by_slug(slug))
    if not _scope().leads(campaign.id):
        abort(403)
    found = desk_queries.missing(campaign.id)
    ids = [row[0].id for row in found.rows]
    return render_template(
        "endorsements/desk_missing.html",
        page=found,
        campaign=campaign,
        title=languages.pick(campaign.title),
        kind_label=kinds.label,
        waiting=desk_queries.waiting_for(ids, campaign.id),
    )


@blueprint.get("/<int:endorsement_id>")
@access.lead
def endorsement(endorsement_id: int) -> ResponseReturnValue:
    """One signature, with the others of the same signer in the campaign."""
    return _detail(_found(endorsement_id), DeclineForm())


def _found(endorsement_id: int) -> Endorsement:
    return pages.or_404(desk_queries.by_id(endorsement_id, _scope()))


def _detail(row: Endorsement, form: DeclineForm, status: int = 200) -> ResponseReturnValue:
    limits = _scope()
    signed = queries.signatures_of(row.campaign_id, row.name_key, row.signer_email)
    this = next(one for one in signed if one.endorsement.id == row.id)
    # The signatures that one decision can cover: those of the same sending of the form.
    together = [one for one in signed if one.endorsement.submission == row.submission]
    page = render_template(
        "endorsements/desk_one.html",
        row=row,
        signed=signed,
        together=together,
        campaign=this.campaign,
        pick=languages.pick,
        states=kinds.STATES,
        kind=kinds.label(row.kind),
        # Who else wants to sign is no other organization's affair.
        same_website=[one for one in queries.same_website(row) if limits.sees(one)],
        decided_by=desk_queries.staff_name(row.decided_by),
        unplaced=UNPLACED,
        form=form,
        can_decide=_organizer(),
    )
    return page, status


def _ids() -> list[int]:
    return [int(text) for text in request.form.getlist("ids") if text.isascii() and text.isdigit()][
        :500
    ]


@blueprint.post("/approve")
@access.organizer
def approve() -> ResponseReturnValue:
    """Approves the ticked signatures."""
    n = deciding.approve(_ids(), current_user.id)
    if n:
        flash(
            ngettext("%(num)s signature is public now.", "%(num)s signatures are public now.", n),
            "good",
        )
    else:
        flash(_("Nothing was left to approve: tick signatures that wait for approval."), "warn")
    return redirect(_back())


def _back() -> str:
    """The page of ours that the form names, or the list."""
    one = request.form.get("one", "")
    if one.isascii() and one.isdigit():
        return url_for(".endorsement", endorsement_id=int(one))
    return url_for(
        ".index", state=request.form.get("state") or None, petition=request.form.get("petition") or None,
        q=request.form.get("q") or None,
    )  # fmt: skip


@blueprint.post("/<int:endorsement_id>/decline")
@access.organizer
def decline(endorsement_id: int) -> ResponseReturnValue:
    """Declines the ticked signatures of one signer; the reason goes to them by mail."""
    row = _found(endorsement_id)
    form = DeclineForm()
    if not form.validate_on_submit():
        return _detail(row, form, 422)
    n = deciding.decline(_ids() or [row.id], form.reason.data, current_user.id)
    if n:
        flash(_("Declined. The signer gets your reason by mail."), "good")
    else:
        flash(_("Nothing was left to decline: it was decided meanwhile."), "warn")
    return redirect(url_for(".endorsement", endorsement_id=row.id))


@blueprint.post("/<int:endorsement_id>/withdraw")
@access.organizer
def withdraw(endorsement_id: int) -> ResponseReturnValue:
    """Takes the ticked signatures back, as their signer asked by another way."""
    row = _found(endorsement_id)
    if commands.withdraw(_ids() or [row.id], by=current_user.id):
        flash(_("Withdrawn: it no longer stands in the list or in the counts."), "good")
    else:
        flash(_("It was not in the list any more."), "warn")
    return redirect(url_for(".endorsement", endorsement_id=row.id))


@blueprint.route("/<int:endorsement_id>/listing", methods=["GET", "POST"])
@access.organizer
def listing(endorsement_id: int) -> ResponseReturnValue:
    """How the signer stands in the list."""
    row = _found(endorsement_id)
    form = ListingForm()
    if request.method == "GET":
        form.name.data, form.kind.data, form.website.data = row.name, row.kind, row.website
        form.title.data = row.signer_title
        form.position.data = None if row.position >= UNPLACED else row.position
    elif form.validate_on_submit():
        new = deciding.Listing(
            form.name.data, form.kind.data, form.website.data, form.title.data, form.position.data
        )
        try:
            deciding.change_listing(row.id, new)
        except deciding.Refused:
            form.name.errors = [_("Another signer of a petition here has this name.")]
        else:
            flash(_("The listing is changed."), "good")
            return redirect(url_for(".endorsement", endorsement_id=row.id))
    page = render_template("endorsements/desk_listing.html", form=form, row=row)
    return page, 422 if form.errors else 200


@blueprint.route("/add/<slug>", methods=["GET", "POST"])
@access.organizer
def add(slug: str) -> ResponseReturnValue:
    """Enters a signature that came on paper or by mail, with the proof."""
    campaign = pages.or_404(coalition.campaign_by_slug(slug))
    current = petitions.of_campaign(campaign.id)
    form = DeskSignerForm()
    form.petition.choices = options(
        (one.petition.slug, f"{languages.pick(one.version.title)} ({one.petition.agency})")
        for one in current
    )
    if request.method == "GET":
        form.petition.data = [one.petition.slug for one in current]
    elif form.validate_on_submit():
        chosen = [one for one in current if one.petition.slug in form.petition.data]
        try:
            made = deciding.enter(
                campaign.id, chosen, form.statement(), form.proof.data, current_user.id
            )
        except deciding.Refused:
            form.organization_name.errors = [_("This name has signed these petitions already.")]
        else:
            flash(_("Entered: it stands in the public list."), "good")
            return redirect(url_for(".endorsement", endorsement_id=made[0]))
    page = render_template(
        "endorsements/desk_add.html", form=form, title=languages.pick(campaign.title), slug=slug
    )
    return page, 422 if form.errors else 200
