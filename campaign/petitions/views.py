"""The public pages of petitions, and the documents."""

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaign.coalition import front as campaign_front
from campaign.coalition.views import YEAR, found
from campaign.petitions import files, front, queries
from campaign.web import access, pages

blueprint = Blueprint("petitions", __name__)


@blueprint.get("/c/<slug>/petitions/<petition>")
@access.public
def petition(slug: str, petition: str) -> ResponseReturnValue:
    """A petition as it stands, or with ``?version=N`` as it stood."""
    campaign = found(slug)
    row = queries.by_slug(campaign.id, petition)
    versions = queries.versions(row.id) if row is not None else []
    if row is None or not versions:
        abort(404)
    asked = request.args.get("version")
    shown = versions[0]
    if asked is not None:
        shown = next((one for one in versions if str(one.number) == asked), None) or abort(404)
    return pages.cacheable(
        render_template(
            "petitions/petition.html",
            **campaign_front.frame(campaign, "petitions.petition", slug=slug, petition=petition),
            petition=front.described(row, shown, campaign),
            documents=campaign_front.papers(queries.documents(shown.id)),
            current_number=versions[0].number,
            docket=front.docket(row),
            history=front.history(row),
            versions=[
                {"number": one.number, "day": front.day(one, campaign), "material": one.material}
                for one in versions
            ],
        )
    )


@blueprint.get("/documents/<int:document_id>/<filename>")
@access.public
def document(document_id: int, filename: str) -> ResponseReturnValue:
    """A document's bytes. They never change under their address, so that every cache may keep them."""
    row = pages.or_404(queries.published_document(document_id))
    if filename != row.filename:
        return redirect(url_for("petitions.document", document_id=row.id, filename=row.filename))
    return files.response(row, f"public, max-age={YEAR}, immutable")
