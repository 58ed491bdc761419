"""The README's picture is the demo campaign's page as a browser shows it.

`WRITE_DOCS=1 pytest tests/look/test_readme_picture.py` makes it again.
"""

import os
from typing import Any

from flask import Flask
from playwright.sync_api import expect

from tests.look.gallery import ROOT

PICTURE = ROOT / "docs" / "campaign-page.png"
SIZE = {"width": 1280, "height": 900}
HEAVIEST = 300_000


def test_the_readme_shows_the_campaign_page(demo: Flask, site: str, browser: Any) -> None:
    """The page renders with its fonts and style; the picture in the README exists and is light."""
    context = browser.new_context(viewport=SIZE, color_scheme="light")
    page = context.new_page()
    page.goto(f"{site}/c/wait-in-freedom", wait_until="networkidle")
    page.evaluate("document.fonts.ready")
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".tally .button").first).to_be_visible()
    picture = page.screenshot(full_page=False)
    context.close()
    assert len(picture) < HEAVIEST
    if os.environ.get("WRITE_DOCS"):
        PICTURE.write_bytes(picture)
    kept = PICTURE.read_bytes()
    assert kept.startswith(b"\x89PNG") and len(kept) < HEAVIEST
    assert PICTURE.name in (ROOT / "README.md").read_text(encoding="utf-8")
