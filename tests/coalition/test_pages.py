"""Campaigns, petitions, news and their desk in a real browser, at two widths: axe and the edges have no complaint."""

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.conftest import PASSWORD
from tests.supporters.test_pages import look


@pytest.mark.parametrize("prefix", ["", "/es"])
def test_public_pages(demo: Flask, site: str, page: Page, prefix: str) -> None:
    mark = prefix.strip("/") or "en"
    page.goto(f"{site}{prefix}/")
    look(page, f"campaigns-{mark}")
    page.click("main h2 a")
    look(page, f"campaign-{mark}")
    page.click(".docket a")
    look(page, f"petition-{mark}")
    page.go_back()
    page.click(".news a")
    look(page, f"update-{mark}")
    page.click(f"a[href='{prefix}/c/wait-in-freedom/updates']")
    look(page, f"updates-{mark}")
    page.click("a[href$='/privacy']")
    look(page, f"privacy-{mark}")


def test_the_desk_with_words_in_two_languages(
    demo: Flask, site: str, page: Page, staff: Callable
) -> None:
    staff("organizer")
    page.goto(f"{site}/desk/campaigns/")
    page.fill("[name=email]", "organizer@staff.example")
    page.fill("[name=password]", PASSWORD)
    page.click("main form button")
    look(page, "desk-campaigns")
    page.click("tbody a")
    look(page, "desk-campaign")
    page.click("text=Edit")
    look(page, "desk-edit")
    page.fill("#accent", "no colour")
    page.click("text=Save")
    look(page, "desk-edit-wrong")
    expect(page.locator("#errors")).to_be_focused()
    page.click("text=Preview")
    look(page, "desk-preview")
    page.goto(f"{site}/desk/campaigns/petitions/1")
    look(page, "desk-petition")
    page.click("text=Begin version 2")
    look(page, "desk-draft")
    page.click("text=Read and publish")
    look(page, "desk-publish")
    page.goto(f"{site}/desk/campaigns/wait-in-freedom/updates/new")
    page.fill("#title_en", "An answer")
    page.fill("#body_en", "It *came*.")
    page.click("text=Save as a draft")
    look(page, "desk-news")
    page.goto(f"{site}/desk/organizations/?q=rights")
    look(page, "desk-organizations")
    page.click("tbody a")
    look(page, "desk-organization")
