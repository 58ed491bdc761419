"""The desk's own pages in a real browser, at a phone's and a desk's width, light and dark, with axe over each."""

import re
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.browser import look
from tests.conftest import PASSWORD
from tests.letters.conftest import Writer


@pytest.fixture
def page(window: Any) -> Any:
    """A page of one of the two windows."""
    return window


def sign_in(page: Any, site: str, email: str, password: str = PASSWORD) -> None:
    """Signs in by the keyboard alone."""
    page.goto(f"{site}/desk/login")
    page.locator("#email").focus()
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def account(app: Flask, role: str) -> str:
    """Makes an account of that role; its address."""
    from campaign.accounts.commands import save_user

    with app.app_context():
        save_user(f"{role}@staff.example", role, PASSWORD)
    return f"{role}@staff.example"


def test_signing_in_says_aloud_what_is_wrong(app: Flask, site: str, page: Any) -> None:
    email = account(app, "organizer")
    page.goto(f"{site}/desk/login")
    look(page, "login")
    # Where there is nothing to choose from, the form has the page to itself.
    assert page.locator("#email").bounding_box()["width"] > 300
    sign_in(page, site, email, "not the passphrase")
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("do not belong together")
    expect(page.locator("#email")).to_have_value(email)
    look(page, "login with errors")
    sign_in(page, site, email)
    page.wait_for_url(f"{site}/desk/")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{site}/desk/login")


def test_a_newcomer_finds_the_confirmation_and_follows_its_link(
    demo: Flask, site: str, client: Any, page: Any, deliver: Any
) -> None:
    from campaign.mail import settings

    with demo.app_context():
        assert settings.delivery_mode() == "capture"
    assert Writer(client, "wait-in-freedom").send().status_code == 303
    deliver()
    sign_in(page, site, account(demo, "organizer"))
    page.wait_for_url(f"{site}/desk/")
    look(page, "overview")
    page.get_by_role("link", name="Read it").click()
    page.wait_for_url(f"{site}/desk/inbox")
    look(page, "inbox")
    page.get_by_role("link", name="Please confirm").first.click()
    page.wait_for_url(re.compile(r"/desk/inbox/\d+$"))
    look(page, "text")
    page.get_by_role("link", name="HTML", exact=True).click()
    page.wait_for_url("**?view=html")
    frame = page.frame_locator("iframe.mail-frame")
    expect(frame.locator("h1, h2").first, "the frame shows the message").to_be_visible()
    look(page, "html")
    page.get_by_role("link", name="Source").click()
    page.wait_for_url("**?view=source")
    look(page, "source")
    page.get_by_role("link", name="Text", exact=True).click()
    page.wait_for_url("**?view=text")
    with page.context.expect_page() as opened:
        page.locator(".mail-text a").first.click()
    confirmation = opened.value
    confirmation.wait_for_load_state()
    confirmation.locator("main form button").first.click()
    confirmation.wait_for_load_state()
    assert "error" not in confirmation.title().lower()


def test_every_page_of_the_frame(demo: Flask, site: str, page: Any) -> None:
    sign_in(page, site, account(demo, "administrator"))
    page.wait_for_url(f"{site}/desk/")
    for path in (
        "users/", "users/add", "users/1", "delivery", "site", "restored", "password", "verify",
    ):  # fmt: skip
        page.goto(f"{site}/desk/{path}")
        look(page, path)
        page.goto(f"{site}/es/desk/{path}")
        look(page, f"es {path}")
