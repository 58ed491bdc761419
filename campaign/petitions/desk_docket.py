"""/desk/…/petitions/<n>/docket: the agency's numbers, the comment period and the history of a petition."""

from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from campaign.clock import utcnow
from campaign.coalition import front as campaign_front
from campaign.coalition.desk_updates import checked
from campaign.coalition.forms import DocumentForm
from campaign.coalition.models import Campaign
from campaign.petitions import docketing, front, queries
from campaign.petitions.desk import found
from campaign.petitions.docket_forms import DocketForm, EventForm
from campaign.petitions.models import Petition, PetitionEvent
from campaign.web import access, pages
from campaign.web.languages import LANGUAGES

blueprint = Blueprint("docket_desk", __name__, url_prefix="/desk/campaigns")


def _today() -> date:
    return utcnow().astimezone(docketing.WASHINGTON).date()


def found_event(event_id: int) -> tuple[PetitionEvent, Petition, Campaign]:
    """An entry with its petition and campaign, or a 404 page."""
    event = pages.or_404(queries.event(event_id))
    return event, *found(event.petition_id)


@blueprint.get("/petitions/<int:petition_id>/docket")
@access.organizer
def docket(petition_id: int) -> ResponseReturnValue:
    """The docket and the history, each with a form to change it."""
    row, campaign = found(petition_id)
    return _page(row, campaign)


def _page(
    row: Petition, campaign: Campaign, *, form: Any = None, adding: Any = None, status: int = 200
) -> ResponseReturnValue:
    if form is None:
        form = DocketForm(formdata=None, obj=row)
        form.opens.data, form.closes.data = row.comment_opens, row.comment_closes
    body = render_template(
        "petitions/desk/docket.html",
        petition=row,
        campaign=campaign,
        form=form,
        adding=adding or EventForm(formdata=None, on=_today()),
        history=front.history(row, "petitions_desk.document"),
        docket=front.docket(row),
        spoken=LANGUAGES,
    )
    return body, status


@blueprint.post("/petitions/<int:petition_id>/docket")
@access.organizer
def save(petition_id: int) -> ResponseReturnValue:
    """Keeps the agency's numbers and the comment period."""
    row, campaign = found(petition_id)
    form = DocketForm()
    if not form.validate_on_submit():
        return _page(row, campaign, form=form, status=422)
    docketing.set_docket(
        row.id,
        form.docket_number.data or "",
        form.document_id.data or "",
        form.opens.data,
        form.closes.data,
    )
    flash(gettext("Saved. The petition’s page shows it from now on."), "good")
    return redirect(url_for(".docket", petition_id=petition_id), 303)


@blueprint.post("/petitions/<int:petition_id>/history")
@access.organizer
def record(petition_id: int) -> ResponseReturnValue:
    """Adds an entry to the history."""
    row, campaign = found(petition_id)
    form = EventForm()
    if not form.validate_on_submit() or not _has_come(form):
        return _page(row, campaign, adding=form, status=422)
    event = docketing.record(row.id, form.values(), current_user.email)
    flash(gettext("Saved. The petition’s page shows it; documents can be attached below."), "good")
    return redirect(url_for(".event", event_id=event.id), 303)


def _has_come(form: Any) -> bool:
    if form.on.data <= _today():
        return True
    form.on.errors = [gettext("That day has not come yet.")]
    return False


@blueprint.route("/petition-events/<int:event_id>", methods=["GET", "POST"])
@access.organizer
def event(event_id: int) -> ResponseReturnValue:
    """Mends an entry, and shows what is attached to it."""
    row, petition, campaign = found_event(event_id)
    form = EventForm()
    if form.validate_on_submit() and _has_come(form):
        docketing.amend(event_id, form.values(), current_user.email)
        flash(gettext("Saved."), "good")
        return redirect(url_for(".docket", petition_id=petition.id), 303)
    if not form.is_submitted():
        form.show(row)
    return _event_page(row, petition, campaign, form=form, status=422 if form.errors else 200)


def _event_page(
    row: PetitionEvent,
    petition: Petition,
    campaign: Campaign,
    *,
    form: Any = None,
    attach: Any = None,
    status: int = 200,
) -> ResponseReturnValue:
    if form is None:
        form = EventForm(formdata=None)
        form.show(row)
    body = render_template(
        "petitions/desk/event.html",
        event=row,
        petition=petition,
        campaign=campaign,
        form=form,
        attach=attach or DocumentForm(formdata=None),
        documents=campaign_front.papers(
            queries.documents_of_event(row.id), "petitions_desk.document"
        ),
        spoken=LANGUAGES,
    )
    return body, status


@blueprint.post("/petition-events/<int:event_id>/strike")
@access.organizer
def strike(event_id: int) -> ResponseReturnValue:
    """Takes an entry that was a mistake out of the history."""
    _row, petition, _campaign = found_event(event_id)
    docketing.strike(event_id)
    flash(gettext("The entry is removed."), "good")
    return redirect(url_for(".docket", petition_id=petition.id), 303)


@blueprint.post("/petition-events/<int:event_id>/documents")
@access.organizer
def attach(event_id: int) -> ResponseReturnValue:
    """Attaches a document to an entry."""
    row, petition, campaign = found_event(event_id)
    form = DocumentForm()
    file = checked(form)
    if file is None:
        return _event_page(row, petition, campaign, attach=form, status=422)
    docketing.attach(event_id, file, form.texts("title"), form.language.data)
    flash(gettext("The document is attached."), "good")
    return redirect(url_for(".event", event_id=event_id), 303)


@blueprint.post("/petition-events/<int:event_id>/documents/<int:document_id>/remove")
@access.organizer
def remove(event_id: int, document_id: int) -> ResponseReturnValue:
    """Takes a document off an entry."""
    found_event(event_id)
    docketing.detach(event_id, document_id)
    return redirect(url_for(".event", event_id=event_id), 303)
