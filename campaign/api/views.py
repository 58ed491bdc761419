"""GET /api/v1/…: the routes, their caching, and that any page of the web may read them."""

import json
from typing import Any

from flask import Blueprint, Response, make_response, request, url_for
from flask.typing import ResponseReturnValue

from campaign.api import answers
from campaign.api.description import document
from campaign.coalition import queries as coalition
from campaign.web import access, pages

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

SECONDS = 30
"""For so long a cache may answer for us."""


@blueprint.get("/")
@access.public
def index() -> ResponseReturnValue:
    """Where to begin: the description and the list of campaigns."""
    return _answer(
        {"description": url_for(".openapi"), "campaigns": url_for(".campaigns")},
    )


@blueprint.get("/openapi.json")
@access.public
def openapi() -> ResponseReturnValue:
    """The API's description (OpenAPI 3.1)."""
    return _answer(document())


@blueprint.get("/campaigns")
@access.public
def campaigns() -> ResponseReturnValue:
    """The public campaigns."""
    return _answer(answers.campaign_list())


@blueprint.get("/campaigns/<slug>")
@access.public
def campaign(slug: str) -> ResponseReturnValue:
    """One campaign and its counts."""
    found = pages.or_404(coalition.published_campaign(slug))
    return _answer(answers.campaign(found))


def _answer(value: dict[str, Any]) -> ResponseReturnValue:
    response = make_response(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
    response.mimetype = "application/json"
    response.headers["Cache-Control"] = f"public, max-age={SECONDS}, stale-while-revalidate=60"
    response.add_etag()
    return response.make_conditional(request)


def open_to_all(response: Response) -> Response:
    """Lets scripts of any site read what is public anyway (CORS); there is no cookie to protect here."""
    if request.path.startswith("/api/v1/"):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "ETag"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
