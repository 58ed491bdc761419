"""The desk's pages about supporters: a list with search, and one page a person.

Leads see those who let their organization write to them now, and nobody else. A search names people, so it is sent
as a form's body: addresses and names do not belong in a log of URLs.
"""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from campaign.counts import queries as counts
from campaign.supporters import commands, confirmation, erasing, own_page, queries
from campaign.supporters.models import Supporter
from campaign.supporters.places import states
from campaign.web import access, languages, pages

bp = Blueprint("supporters_desk", __name__, url_prefix="/desk/supporters")


def _own_organization() -> int | None:
    """The organization whose supporters this member of staff may see; None: everybody's."""
    if current_user.role != "lead":
        return None
    # A lead without an organization has nobody to see: no organization is number 0.
    return current_user.organization_id or 0


def _visible(supporter_id: int) -> Supporter:
    person = queries.supporter(supporter_id)
    own = _own_organization()
    if person is None or (own is not None and not queries.has_consented(supporter_id, own)):
        abort(404)
    return person


@bp.route("", methods=["GET", "POST"])
@access.lead
def supporters() -> ResponseReturnValue:
    """The list, newest first, a page at a time."""
    args = request.form if request.method == "POST" else request.args
    own = _own_organization()
    page = queries.page_of_supporters(args, organization_id=own)
    body = render_template(
        "supporters/desk_list.html",
        page=page,
        people=[row[0] for row in page.rows],
        q=args.get("q", "") if request.method == "POST" else "",
        state=args.get("state", ""),
        chosen_language=args.get("language", ""),
        states=states(),
        language_names=languages.LANGUAGES,
        confirmed=counts.total("supporters.confirmed") if own is None else None,
    )
    return pages.private(body)


@bp.get("/<int:supporter_id>")
@access.lead
def supporter(supporter_id: int) -> ResponseReturnValue:
    """What the site knows of one person."""
    person = _visible(supporter_id)
    own = _own_organization()
    agreed = queries.consents(person.id)
    if own is not None:
        agreed = [one for one in agreed if one.organization_id == own]
    return pages.private(
        render_template(
            "supporters/desk_supporter.html",
            person=person,
            consents=agreed,
            campaigns=queries.campaigns_of(person.id),
            # Other organizations' affairs are not a lead's.
            outcomes=confirmation.done_by(person.email) if own is None else [],
            sections=own_page.desk_sections(person) if own is None else [],
            stopped=queries.alert_suppression(person.email),
            refused="" if person.confirmed_at else confirmation.refusal(person.email),
            may_delete=access.admits(access.ORGANIZER, current_user.role),
        )
    )


@bp.post("/<int:supporter_id>/unsubscribe")
@access.lead
def unsubscribe(supporter_id: int) -> ResponseReturnValue:
    """Stops messages because the person asked staff to: a lead those of their own organization."""
    person = _visible(supporter_id)
    own = _own_organization()
    organization_id = own
    if own is None and "organization" in request.form:
        # From one organization, or without the field from all: never from all by a slip.
        organization_id = request.form.get("organization", type=int)
        if organization_id is None or queries.organization_name(organization_id) is None:
            abort(400)
    commands.unsubscribe(person.id, organization_id)
    flash(gettext("No more messages go to this person from there."), "success")
    if own is not None:
        return redirect(url_for("supporters_desk.supporters"), 303)
    return redirect(url_for("supporters_desk.supporter", supporter_id=person.id), 303)


@bp.route("/<int:supporter_id>/delete", methods=["GET", "POST"])
@access.organizer
def delete(supporter_id: int) -> ResponseReturnValue:
    """Deletes a person who asked staff for it; asks once before."""
    person = _visible(supporter_id)
    if request.method != "POST":
        return pages.private(render_template("supporters/desk_delete.html", person=person))
    erasing.erase(person.id)
    flash(gettext("The person's data is deleted."), "success")
    return redirect(url_for("supporters_desk.supporters"), 303)
