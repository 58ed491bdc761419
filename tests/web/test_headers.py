"""What browsers may keep."""

import re

from flask import Flask
from flask.testing import FlaskClient


def test_static_files_are_kept_and_a_changed_one_has_another_address(
    app: Flask, client: FlaskClient
) -> None:
    page = client.get("/").get_data(as_text=True)
    sheet = re.search(r'href="(/static/campaign\.css\?v=[0-9a-f]+)"', page)
    assert sheet
    assert "immutable" in client.get(sheet.group(1)).headers["Cache-Control"]
    font = client.get("/static/fonts/text.woff2").headers["Cache-Control"]
    assert "max-age=604800" in font
    assert client.get("/static/nothing.css").headers["Cache-Control"] == "no-store"


def test_desk_pages_are_not_kept(app: Flask, client: FlaskClient) -> None:
    assert client.get("/desk/login").headers["Cache-Control"] == "no-store"
