"""The API in the words of OpenAPI 3.1, written by hand; tests compare it with the routes and with real answers."""

from typing import Any

from campaign.coalition.models import KINDS
from campaign.web import languages


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any], description: str = "") -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"description": description, **schema} if description else schema


def _number(description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "description": description}


def _text(description: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "string", **({"description": description} if description else {}), **more}


def _url(description: str) -> dict[str, Any]:
    return _text(description, format="uri")


_COUNTS = {
    "letters": _number("Letters that their writers have confirmed."),
    "supporters": _number(
        "People of this campaign: those who confirmed a sign-up or a letter, and those whom the coalition imported with their consent."
    ),
    "endorsements": _number("Distinct organizations and experts whose signatures are approved."),
}

_SHORT = {
    "slug": _text("The campaign's name in addresses."),
    "title": _ref("Texts"),
    "tagline": _ref("Texts"),
    "languages": {"type": "array", "items": _text("ISO 639-1."), "minItems": 1},
    "goal": _number("Letters that the campaign hopes for."),
    "opens_at": _text("UTC (RFC 3339).", format="date-time"),
    "closes_at": {
        "type": ["string", "null"],
        "format": "date-time",
        "description": "The moment from which nothing is taken any more; null where there is none.",
    },
    "open": {"type": "boolean", "description": "Whether letters and signatures are taken now."},
    "url": _url("The campaign's public page; other languages are below /<language>/."),
}

_SCHEMAS: dict[str, Any] = {
    "Texts": {
        "type": "object",
        "description": "One text by language.",
        "additionalProperties": {"type": "string"},
    },
    "CampaignInList": _object({**_SHORT, **_COUNTS}),
    "CampaignList": _object({"campaigns": {"type": "array", "items": _ref("CampaignInList")}}),
    "Campaign": _object(
        {
            **_SHORT,
            **_COUNTS,
            "endorsements_by_kind": _object({kind: _number("") for kind in KINDS}),
            "petitions": {"type": "array", "items": _ref("Petition")},
            "summary": _ref("Texts"),
            "lead": _object(
                {
                    "name": _text(),
                    "slug": _text(),
                    "website": _text("Empty where it is unknown."),
                },
                "The organization that leads the coalition.",
            ),
            "urls": _object(
                {
                    "campaign": _url("The public page."),
                    "letter": _url("Where a person writes a letter."),
                    "signup": _url("Where a person signs up for news."),
                    "endorse": _url("Where an organization or expert co-signs."),
                    "endorsements": _url("The co-signers."),
                    "updates": _url("The news."),
                }
            ),
        }
    ),
    "Petition": _object(
        {
            "slug": _text(),
            "agency": _text("Whom it is addressed to."),
            "title": _ref("Texts"),
            "version": {"type": "integer", "minimum": 1},
            "endorsements": _number("Approved signatures of this petition."),
            "url": _url("Its public page."),
        }
    ),
    "Error": _object({"error": _text("A word such as not_found.")}),
}


def _answers(schema: str, *, can_miss: bool = False) -> dict[str, Any]:
    answers: dict[str, Any] = {
        "200": {
            "description": "As asked.",
            "headers": {
                "ETag": {"schema": {"type": "string"}, "description": "For If-None-Match."}
            },
            "content": {
                "application/json": {"schema": _ref(schema) if schema else {"type": "object"}}
            },
        },
        "304": {"description": "Unchanged since the ETag that If-None-Match names."},
    }
    if can_miss:
        answers["404"] = {
            "description": "There is no such public campaign.",
            "content": {"application/json": {"schema": _ref("Error")}},
        }
    return answers


def _operation(name: str, summary: str, answers: str, *, slug: bool = False) -> dict[str, Any]:
    """A GET; with ``slug``, of one campaign, which may not exist."""
    parameter = {"name": "slug", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            **({"parameters": [parameter]} if slug else {}),
            "responses": _answers(answers, can_miss=slug),
        }
    }


def document() -> dict[str, Any]:
    """The whole description, with this site's address."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Campaign",
            "version": "1",
            "summary": "Public counts of a coalition's campaigns.",
            "description": "Numbers are as of a second ago or so, and count confirmed people only. No key is needed; "
            "please keep to the caching headers.",
        },
        "servers": [{"url": languages.external("coalition.index", languages.DEFAULT).rstrip("/")}],
        "paths": {
            "/api/v1/": _operation("index", "Where the description and the campaigns are", ""),
            "/api/v1/openapi.json": _operation("openapi", "This description", ""),
            "/api/v1/campaigns": _operation("campaigns", "All public campaigns", "CampaignList"),
            "/api/v1/campaigns/{slug}": _operation(
                "campaign", "One campaign and its counts", "Campaign", slug=True
            ),
        },
        "components": {"schemas": _SCHEMAS},
    }
