"""The public API: real answers, caching, and that its description is true."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.endorsements.arrange import two_petitions


@pytest.fixture(autouse=True)
def campaign_id(app: Flask) -> int:
    """A public campaign with two petitions, and one that is not public."""
    from campaign.counts import journal
    from campaign.counts.commands import fold
    from campaign.extensions import db

    with app.app_context():
        two_petitions("hidden", published=False)
        made = two_petitions()
        journal.record(
            [
                journal.Change("letters.confirmed", 7, made),
                journal.Change("supporters.joined", 5, made),
                journal.Change("endorsers.national", 2, made),
                journal.Change("endorsers.individual", 1, made),
                journal.Change("endorsements.approved", 3, made, "dhs"),
                journal.Change("endorsements.approved", 2, made, "doj"),
            ]
        )
        db.session.commit()
        fold()
        return made


def problems(
    value: Any, schema: dict[str, Any], document: dict[str, Any], at: str = ""
) -> list[str]:
    """Where a value is not what a schema says: the part of JSON Schema that our description uses."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = {
        "string": str,
        "integer": int,
        "boolean": bool,
        "object": dict,
        "array": list,
        "null": type(None),
    }
    wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(isinstance(value, kinds[one]) for one in wanted):
        return [f"{at}: {value!r} is no {wanted}"]
    found = []
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [
            f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value
        ]
        for name, item in value.items():
            more = known.get(name, schema.get("additionalProperties"))
            if not isinstance(more, dict):
                found.append(f"{at}.{name} is not described")
            else:
                found += problems(item, more, document, f"{at}.{name}")
    if isinstance(value, list):
        for number, item in enumerate(value):
            found += problems(item, schema["items"], document, f"{at}[{number}]")
    if isinstance(value, int) and value < schema.get("minimum", value):
        found.append(f"{at} is below the minimum")
    return found


def schema_of(document: dict[str, Any], path: str, status: str = "200") -> dict[str, Any]:
    """What the description says that a path answers."""
    return document["paths"][path]["get"]["responses"][status]["content"]["application/json"][
        "schema"
    ]


def test_the_description_names_every_route_and_no_other(app: Flask, client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert described == routes
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "http://campaign.example"}]


def test_answers_are_as_described(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    for path, name in (
        ("/api/v1/campaigns", "/api/v1/campaigns"),
        ("/api/v1/campaigns/test", "/api/v1/campaigns/{slug}"),
    ):
        assert problems(client.get(path).get_json(), schema_of(document, name), document) == []
    missing = client.get("/api/v1/campaigns/nope")
    assert missing.status_code == 404
    schema = schema_of(document, "/api/v1/campaigns/{slug}", "404")
    assert problems(missing.get_json(), schema, document) == []


def test_a_campaign_s_counts(client: FlaskClient) -> None:
    found = client.get("/api/v1/campaigns/test").get_json()
    assert (found["letters"], found["supporters"], found["endorsements"]) == (7, 5, 3)
    assert found["endorsements_by_kind"]["national"] == 2
    assert [(one["slug"], one["endorsements"]) for one in found["petitions"]] == [
        ("dhs", 3),
        ("doj", 2),
    ]
    assert found["title"] == {"en": "A test cause", "es": "Una causa de prueba"}
    assert found["goal"] == 1000 and found["open"] is True and found["closes_at"] is None
    assert found["urls"]["endorse"] == "http://campaign.example/c/test/endorse"
    listed = client.get("/api/v1/campaigns").get_json()["campaigns"]
    assert [one["slug"] for one in listed] == ["test"]
    assert listed[0]["letters"] == 7


def test_what_is_not_public_is_not_found(client: FlaskClient) -> None:
    for slug in ("hidden", "nope"):
        answer = client.get(f"/api/v1/campaigns/{slug}")
        assert answer.status_code == 404
        assert answer.get_json() == {"error": "not_found"}
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_caches_and_other_sites_may_use_it(client: FlaskClient) -> None:
    answer = client.get("/api/v1/campaigns/test", headers={"Host": "evil.example"})
    assert "public" in answer.headers["Cache-Control"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in answer.headers
    assert "evil" not in answer.get_data(as_text=True)
    again = client.get("/api/v1/campaigns/test", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and again.data == b""
    assert client.post("/api/v1/campaigns/test").status_code == 405
