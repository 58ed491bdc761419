"""/desk/organizations: who belongs to the coalition or signs with it, and the codes in their links."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_security import current_user

from campaign.coalition import commands, queries
from campaign.coalition.desk import someone_else
from campaign.coalition.models import KINDS, Organization
from campaign.coalition.organization_forms import KIND_LABELS, OrganizationForm, SourceCodeForm
from campaign.web import access, languages, pages

blueprint = Blueprint("organizations_desk", __name__, url_prefix="/desk/organizations")


def found(organization_id: int) -> Organization:
    """The organization, or a 404 page; for leads their own alone."""
    if current_user.role == "lead" and current_user.organization_id != organization_id:
        abort(403)
    return pages.or_404(queries.organization(organization_id))


@blueprint.get("/")
@access.lead
def organizations() -> ResponseReturnValue:
    """All organizations, newest first, or those that a search finds; a lead is taken to their own."""
    if current_user.role == "lead":
        return redirect(
            url_for("organizations_desk.organization", organization_id=current_user.organization_id)
        )
    text = request.args.get("q", "").strip()[:100]
    kind = request.args.get("kind", "")
    page = queries.organizations(text, kind if kind in KINDS else "")
    return render_template(
        "coalition/desk/organizations.html",
        page=page,
        rows=[row[0] for row in page.rows],
        text=text,
        kind=kind,
        kinds=KIND_LABELS,
    )


@blueprint.route("/new", methods=["GET", "POST"])
@access.organizer
def new() -> ResponseReturnValue:
    """Adds an organization."""
    form = OrganizationForm()
    if request.method == "GET":
        form.country.data = "US"
    if form.validate_on_submit():
        try:
            row = commands.create_organization(_values(form))
        except commands.Taken:
            form.name.errors = [gettext("An organization of this name is there already.")]
        else:
            flash(gettext("The organization is added."), "good")
            return redirect(url_for("organizations_desk.organization", organization_id=row.id))
    body = render_template("coalition/desk/organization_form.html", form=form, row=None)
    return body, 422 if form.errors else 200


@blueprint.get("/<int:organization_id>")
@access.lead
def organization(organization_id: int) -> ResponseReturnValue:
    """One organization and its source codes."""
    return _page(found(organization_id), SourceCodeForm())


def _page(row: Organization, form: SourceCodeForm, status: int = 200) -> ResponseReturnValue:
    campaigns = queries.published_campaigns()[:10]
    codes = [
        {
            "code": one.code,
            "note": one.note,
            "since": one.created_at,
            "links": [
                languages.external(
                    "coalition.campaign", languages.DEFAULT, slug=campaign.slug, source=one.code
                )
                for campaign in campaigns
            ],
        }
        for one in queries.source_codes(row.id)
    ]
    body = render_template(
        "coalition/desk/organization.html", row=row, codes=codes, form=form, kinds=KIND_LABELS
    )
    return body, status


@blueprint.route("/<int:organization_id>/edit", methods=["GET", "POST"])
@access.organizer
def edit(organization_id: int) -> ResponseReturnValue:
    """Changes what is known of an organization."""
    row = found(organization_id)
    form = OrganizationForm(obj=row)
    if request.method == "GET":
        form.seen.data = commands.mark(row, commands.ORGANIZATION_FIELDS)
    if form.validate_on_submit():
        try:
            commands.edit_organization(row.id, _values(form), form.seen.data or "")
        except commands.Stale:
            row = found(organization_id)
            form.seen.data = commands.mark(row, commands.ORGANIZATION_FIELDS)
            form.form_errors.append(someone_else())
            return render_template("coalition/desk/organization_form.html", form=form, row=row), 409
        flash(gettext("Saved."), "good")
        return redirect(url_for("organizations_desk.organization", organization_id=row.id))
    body = render_template("coalition/desk/organization_form.html", form=form, row=row)
    return body, 422 if form.errors else 200


def _values(form: OrganizationForm) -> dict[str, str]:
    return {name: form[name].data or "" for name in commands.ORGANIZATION_FIELDS}


@blueprint.post("/<int:organization_id>/codes")
@access.lead
def add_code(organization_id: int) -> ResponseReturnValue:
    """Gives the organization a source code; leads for their own organization."""
    row = found(organization_id)
    form = SourceCodeForm()
    if form.validate_on_submit():
        try:
            commands.add_source_code(row.id, form.code.data, form.note.data)
        except commands.Taken:
            form.code.errors = [gettext("This code is in use. Please choose another.")]
        else:
            flash(gettext("The code is ready."), "good")
            return redirect(url_for("organizations_desk.organization", organization_id=row.id))
    return _page(row, form, 422)
