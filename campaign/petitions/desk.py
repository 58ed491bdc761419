"""/desk/…/petitions: the versions of a petition, a draft of the next one, and its documents."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from campaign.coalition import front as campaign_front
from campaign.coalition import queries as campaigns
from campaign.coalition.desk import found as campaign_found
from campaign.coalition.desk import previews, someone_else
from campaign.coalition.desk_updates import checked
from campaign.coalition.forms import DocumentForm
from campaign.coalition.models import Campaign
from campaign.petitions import commands, files, front, queries
from campaign.petitions.forms import PetitionForm, PublishVersionForm, names_the_form
from campaign.petitions.models import Petition, PetitionVersion
from campaign.web import access, pages
from campaign.web.languages import LANGUAGES

blueprint = Blueprint("petitions_desk", __name__, url_prefix="/desk/campaigns")


def found(petition_id: int) -> tuple[Petition, Campaign]:
    """The petition and its campaign, or a 404 page."""
    petition = pages.or_404(queries.petition(petition_id))
    return petition, pages.or_404(campaigns.campaign(petition.campaign_id))


def found_draft(version_id: int) -> tuple[PetitionVersion, Petition, Campaign]:
    """A draft with its petition and campaign, or a 404 page."""
    version = queries.version(version_id)
    if version is None or version.published_at is not None:
        abort(404)
    return version, *found(version.petition_id)


@blueprint.get("/<slug>/petitions")
@access.organizer
def petitions(slug: str) -> ResponseReturnValue:
    """A campaign's petitions, also those that are drafts."""
    campaign = campaign_found(slug)
    rows = []
    for petition in queries.all_of_campaign(campaign.id):
        versions = queries.versions(petition.id, drafts=True)
        rows.append({"petition": petition, "newest": versions[0], "versions": versions})
    return render_template("petitions/desk/petitions.html", campaign=campaign, rows=rows)


@blueprint.route("/<slug>/petitions/new", methods=["GET", "POST"])
@access.organizer
def new(slug: str) -> ResponseReturnValue:
    """Begins a petition with a draft of its first version."""
    campaign = campaign_found(slug)
    form = PetitionForm()
    form.creating = True
    if request.method == "GET":
        form.legal_form_en.data = "Petition for Rulemaking"
    shown = previews(form)
    if shown is None and form.validate_on_submit():
        try:
            version = commands.create_petition(
                campaign.id, form.slug.data, form.agency.data, form.values()
            )
        except commands.Taken:
            form.slug.errors = [gettext("Another petition of this campaign has this short name.")]
        else:
            return redirect(url_for("petitions_desk.draft", version_id=version.id))
    body = render_template(
        "petitions/desk/draft.html",
        form=form,
        campaign=campaign,
        petition=None,
        previews=shown,
        spoken=LANGUAGES,
    )
    return body, 422 if form.errors else 200


@blueprint.get("/petitions/<int:petition_id>")
@access.organizer
def petition(petition_id: int) -> ResponseReturnValue:
    """One petition's versions."""
    row, campaign = found(petition_id)
    versions = queries.versions(row.id, drafts=True)
    return render_template(
        "petitions/desk/petition.html",
        petition=row,
        campaign=campaign,
        versions=[(one, front.day(one, campaign)) for one in versions],
        draft=versions[0] if versions[0].published_at is None else None,
    )


@blueprint.post("/petitions/<int:petition_id>/draft")
@access.organizer
def begin(petition_id: int) -> ResponseReturnValue:
    """Begins the next version as a copy of the newest, or goes on with the draft there is."""
    found(petition_id)
    version = commands.draft(petition_id)
    return redirect(url_for("petitions_desk.draft", version_id=version.id))


@blueprint.route("/petition-versions/<int:version_id>", methods=["GET", "POST"])
@access.organizer
def draft(version_id: int) -> ResponseReturnValue:
    """Writes a draft."""
    version, row, campaign = found_draft(version_id)
    form = PetitionForm()
    if request.method == "GET":
        form.show(version)
        form.seen.data = commands.mark(version, commands.FIELDS)
    shown = previews(form)
    if shown is None and form.validate_on_submit():
        try:
            commands.edit_draft(version_id, form.values(), form.seen.data or "")
        except commands.Stale:
            version, row, campaign = found_draft(version_id)
            form.seen.data = commands.mark(version, commands.FIELDS)
            form.form_errors.append(someone_else())
            return _page(version, row, campaign, form=form, status=409)
        except commands.NotADraft:
            return _published(row.id)
        flash(gettext("Saved."), "good")
        return redirect(url_for("petitions_desk.draft", version_id=version_id))
    return _page(version, row, campaign, form=form, shown=shown, status=422 if form.errors else 200)


def _page(
    version: PetitionVersion,
    row: Petition,
    campaign: Campaign,
    *,
    form: Any = None,
    attach: Any = None,
    shown: list[tuple[str, str, Any]] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    if form is None:
        form = PetitionForm(formdata=None)
        form.show(version)
        form.seen.data = commands.mark(version, commands.FIELDS)
    body = render_template(
        "petitions/desk/draft.html",
        form=form,
        attach=attach or DocumentForm(formdata=None),
        version=version,
        petition=row,
        campaign=campaign,
        documents=campaign_front.papers(queries.documents(version.id), "petitions_desk.document"),
        previews=shown,
        spoken=LANGUAGES,
    )
    return body, status


def _published(petition_id: int) -> ResponseReturnValue:
    flash(gettext("This version is published now and no longer changes."), "bad")
    return redirect(url_for("petitions_desk.petition", petition_id=petition_id))


@blueprint.route("/petition-versions/<int:version_id>/publish", methods=["GET", "POST"])
@access.organizer
def publish(version_id: int) -> ResponseReturnValue:
    """Shows the draft as everyone will see it, and publishes it for good."""
    version, row, campaign = found_draft(version_id)
    form = PublishVersionForm()
    missing = _missing(version, campaign)
    if form.validate_on_submit() and not missing:
        try:
            commands.publish(version_id, form.material.data, form.seen.data or "")
        except commands.NotADraft:
            return _published(row.id)
        except commands.Stale:
            version, row, campaign = found_draft(version_id)
            missing = _missing(version, campaign)
            form.form_errors.append(
                gettext(
                    "Someone else changed the draft. Please read it again before you publish it."
                )
            )
            return _publish_page(version, row, campaign, form, missing), 409
        flash(gettext("Published as version %(number)s.", number=version.number), "good")
        return redirect(url_for("petitions_desk.petition", petition_id=row.id))
    body = _publish_page(version, row, campaign, form, missing)
    return body, 422 if request.method == "POST" else 200


def _publish_page(
    version: PetitionVersion,
    row: Petition,
    campaign: Campaign,
    form: PublishVersionForm,
    missing: list[str],
) -> str:
    form.seen.data = commands.mark(version, commands.FIELDS)
    return render_template(
        "petitions/desk/publish.html",
        form=form,
        version=version,
        petition=row,
        campaign=campaign,
        shown=front.described(row, version, campaign),
        documents=campaign_front.papers(queries.documents(version.id), "petitions_desk.document"),
        missing=missing,
        legal=names_the_form(version),
    )


def _missing(version: PetitionVersion, campaign: Campaign) -> list[str]:
    texts = (version.title, version.summary, version.body)
    return [
        LANGUAGES[code] for code in campaign.languages if not all(one.get(code) for one in texts)
    ]


@blueprint.post("/petition-versions/<int:version_id>/discard")
@access.organizer
def discard(version_id: int) -> ResponseReturnValue:
    """Deletes a draft."""
    version, row, campaign = found_draft(version_id)
    slug, first, petition_id = campaign.slug, version.number == 1, row.id
    try:
        commands.discard(version_id)
    except commands.NotADraft:
        return _published(petition_id)
    flash(gettext("The draft is deleted."), "good")
    if first:
        return redirect(url_for("petitions_desk.petitions", slug=slug))
    return redirect(url_for("petitions_desk.petition", petition_id=petition_id))


@blueprint.post("/petition-versions/<int:version_id>/documents")
@access.organizer
def attach(version_id: int) -> ResponseReturnValue:
    """Attaches a document to a draft."""
    version, row, campaign = found_draft(version_id)
    form = DocumentForm()
    file = checked(form)
    if file is None:
        return _page(version, row, campaign, attach=form, status=422)
    try:
        commands.attach(version_id, file, form.texts("title"), form.language.data)
    except commands.NotADraft:
        return _published(row.id)
    flash(gettext("The document is attached."), "good")
    return redirect(url_for("petitions_desk.draft", version_id=version_id))


@blueprint.post("/petition-versions/<int:version_id>/documents/<int:document_id>/remove")
@access.organizer
def remove(version_id: int, document_id: int) -> ResponseReturnValue:
    """Takes a document off a draft."""
    _version, row, _campaign = found_draft(version_id)
    try:
        commands.remove(version_id, document_id)
    except commands.NotADraft:
        return _published(row.id)
    return redirect(url_for("petitions_desk.draft", version_id=version_id))


@blueprint.get("/documents/<int:document_id>/<filename>")
@access.organizer
def document(document_id: int, filename: str) -> ResponseReturnValue:
    """A document's bytes, also of a draft."""
    row = campaigns.document(document_id)
    if row is None or row.filename != filename:
        abort(404)
    return files.response(row, "private, no-store")
