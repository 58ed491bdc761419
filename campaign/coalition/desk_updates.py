"""/desk/…/updates: writing, publishing and taking back news, and the documents attached to it."""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from campaign.clock import utcnow
from campaign.coalition import commands, documents, front, queries
from campaign.coalition.desk import found as campaign_found
from campaign.coalition.desk import previews, someone_else
from campaign.coalition.forms import REFUSED, DocumentForm, PublishForm, UpdateForm
from campaign.coalition.models import Campaign, Update
from campaign.web import access, pages
from campaign.web.languages import LANGUAGES

blueprint = Blueprint("updates_desk", __name__, url_prefix="/desk/campaigns")


def found(update_id: int) -> tuple[Update, Campaign]:
    """The update and its campaign, or a 404 page."""
    row = pages.or_404(queries.update(update_id))
    return row, pages.or_404(queries.campaign(row.campaign_id))


@blueprint.route("/<slug>/updates/new", methods=["GET", "POST"])
@access.organizer
def new(slug: str) -> ResponseReturnValue:
    """Begins a piece of news, as a draft."""
    campaign = campaign_found(slug)
    form = UpdateForm()
    shown = previews(form)
    if shown is None and form.validate_on_submit():
        row = commands.create_update(campaign, _values(form))
        return redirect(url_for("updates_desk.update", update_id=row.id))
    body = render_template(
        "coalition/desk/update_form.html",
        form=form,
        campaign=campaign,
        row=None,
        previews=shown,
        spoken=LANGUAGES,
    )
    return body, 422 if form.errors else 200


@blueprint.route("/updates/<int:update_id>", methods=["GET", "POST"])
@access.organizer
def update(update_id: int) -> ResponseReturnValue:
    """Changes a piece of news, and shows what is attached and whether it is public."""
    row, campaign = found(update_id)
    form = UpdateForm()
    if request.method == "GET":
        form.fill(title=row.title, body=row.body)
        form.seen.data = commands.mark(row, commands.UPDATE_FIELDS)
    shown = previews(form)
    if shown is None and form.validate_on_submit():
        try:
            commands.edit_update(update_id, _values(form), form.seen.data or "")
        except commands.Stale:
            row, campaign = found(update_id)
            form.seen.data = commands.mark(row, commands.UPDATE_FIELDS)
            form.form_errors.append(someone_else())
            return _page(row, campaign, form=form, status=409)
        flash(gettext("Saved."), "good")
        return redirect(url_for("updates_desk.update", update_id=update_id))
    return _page(row, campaign, form=form, shown=shown, status=422 if form.errors else 200)


def _values(form: Any) -> dict[str, Any]:
    return {"title": form.texts("title"), "body": form.texts("body")}


def _page(
    row: Update,
    campaign: Campaign,
    *,
    form: Any = None,
    attach: Any = None,
    shown: list[tuple[str, str, Any]] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    if form is None:
        form = UpdateForm(formdata=None)
        form.fill(title=row.title, body=row.body)
        form.seen.data = commands.mark(row, commands.UPDATE_FIELDS)
    publish = PublishForm(formdata=None)
    publish.day.data = utcnow().astimezone(ZoneInfo(campaign.timezone)).date()
    body = render_template(
        "coalition/desk/update_form.html",
        form=form,
        publish=publish,
        attach=attach or DocumentForm(formdata=None),
        campaign=campaign,
        row=row,
        day=queries.update_day(row, campaign),
        documents=front.papers(queries.documents_of_update(row.id), "petitions_desk.document"),
        previews=shown,
        spoken=LANGUAGES,
    )
    return body, status


@blueprint.post("/updates/<int:update_id>/publish")
@access.organizer
def publish(update_id: int) -> ResponseReturnValue:
    """Shows the news to the public, in every language of the campaign or not at all."""
    row, campaign = found(update_id)
    form = PublishForm()
    missing = [
        LANGUAGES[code]
        for code in campaign.languages
        if not (row.title.get(code) and row.body.get(code))
    ]
    today = utcnow().astimezone(ZoneInfo(campaign.timezone)).date()
    if missing:
        flash(
            gettext(
                "Not published: it is not written in %(language)s yet.", language=", ".join(missing)
            ),
            "bad",
        )
    elif not form.validate_on_submit() or form.day.data > today:
        flash(gettext("Not published: the date must be today or earlier."), "bad")
    else:
        commands.publish_update(update_id, form.day.data, campaign.timezone)
        flash(gettext("Published."), "good")
    return redirect(url_for("updates_desk.update", update_id=update_id))


@blueprint.post("/updates/<int:update_id>/take-back")
@access.organizer
def take_back(update_id: int) -> ResponseReturnValue:
    """Makes the news a draft again."""
    found(update_id)
    commands.take_back_update(update_id)
    flash(gettext("It is a draft again. Copies may be kept by others for some minutes."), "good")
    return redirect(url_for("updates_desk.update", update_id=update_id))


@blueprint.post("/updates/<int:update_id>/delete")
@access.organizer
def delete(update_id: int) -> ResponseReturnValue:
    """Deletes a draft."""
    _row, campaign = found(update_id)
    try:
        commands.delete_update(update_id)
    except commands.NotADraft:
        flash(gettext("It is published: take it back first."), "bad")
        return redirect(url_for("updates_desk.update", update_id=update_id))
    flash(gettext("The draft is deleted."), "good")
    return redirect(url_for("coalition_desk.campaign", slug=campaign.slug))


@blueprint.post("/updates/<int:update_id>/documents")
@access.organizer
def attach(update_id: int) -> ResponseReturnValue:
    """Attaches a document to a draft."""
    row, campaign = found(update_id)
    form = DocumentForm()
    file = checked(form)
    if file is None:
        return _page(row, campaign, attach=form, status=422)
    try:
        commands.attach_to_update(update_id, file, form.texts("title"), form.language.data)
    except commands.NotADraft:
        flash(gettext("It is published: take it back first."), "bad")
    else:
        flash(gettext("The document is attached."), "good")
    return redirect(url_for("updates_desk.update", update_id=update_id))


@blueprint.post("/updates/<int:update_id>/documents/<int:document_id>/remove")
@access.organizer
def remove(update_id: int, document_id: int) -> ResponseReturnValue:
    """Takes a document off a draft."""
    found(update_id)
    try:
        commands.remove_from_update(update_id, document_id)
    except commands.NotADraft:
        flash(gettext("It is published: take it back first."), "bad")
    return redirect(url_for("updates_desk.update", update_id=update_id))


def checked(form: Any) -> documents.Checked | None:
    """The uploaded file if the form and the file are good; None with the reason beside the field."""
    if not form.validate_on_submit():
        return None
    storage = form.file.data
    try:
        return documents.check(storage.filename or "", storage.read(documents.LARGEST + 1))
    except documents.DocumentRefused as error:
        form.file.errors = [REFUSED[error.reason]]
        return None
