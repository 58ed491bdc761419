"""HEAD answers like GET and never counts as a press."""

from flask import Flask, request, request_started
from flask.testing import FlaskClient


def test_head_is_get_without_the_body(demo: Flask, client: FlaskClient) -> None:
    for path in ("/", "/c/wait-in-freedom/letter", "/es/c/wait-in-freedom/signup", "/nothing"):
        got, head = client.get(path), client.head(path)
        assert head.status_code == got.status_code
        assert head.data == b""
        assert head.headers["Content-Type"] == got.headers["Content-Type"]


def test_no_view_sees_a_head(demo: Flask, client: FlaskClient) -> None:
    seen: list[str] = []

    def watch(sender: Flask, **_: object) -> None:
        seen.append(request.method)

    with request_started.connected_to(watch, demo):
        client.head("/c/wait-in-freedom/endorse")
    assert seen == ["GET"]
