"""The picture in the README is the demo campaign's page as it is: ``WRITE_DOCS=1`` takes it anew."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "campaign-page.png"


def test_the_readme_shows_the_campaign_page(
    demo: Flask, site: str, new_context: Any, deliver: Callable[[], None]
) -> None:
    deliver()
    page = new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{site}/c/wait-in-freedom")
    page.evaluate("document.fonts.ready")
    picture = page.screenshot()
    if os.environ.get("WRITE_DOCS"):
        PICTURE.write_bytes(picture)
    assert PICTURE.exists(), "take it with WRITE_DOCS=1"
    assert PICTURE.stat().st_size < 300_000
    assert page.get_by_role("link", name="Write your letter").is_visible()
