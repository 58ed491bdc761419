"""What every page's HTML must be free of."""

import pytest
from flask import Flask
from flask.testing import FlaskClient


@pytest.mark.parametrize("page", ["", "/letter", "/signup", "/endorse"])
def test_no_attribute_holds_a_missing_value(demo: Flask, client: FlaskClient, page: str) -> None:
    html = client.get(f"/c/wait-in-freedom{page}").get_data(as_text=True)
    assert '="None"' not in html
