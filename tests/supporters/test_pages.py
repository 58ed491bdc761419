"""Every page of a supporter in a real browser, at two widths: axe finds nothing, and nothing runs over the edge.

With SHOTS set to a folder the pages are kept there as pictures.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import ledger
from campaign.supporters import commands, keys
from tests.browser import axe
from tests.conftest import PASSWORD
from tests.mailbox import Mailbox
from tests.supporters.conftest import path
from tests.working import a_campaign, an_organization

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


OVER = """() => [...document.querySelectorAll('body *')]
    .filter(one => document.documentElement.scrollWidth > innerWidth
        && one.getBoundingClientRect().right > innerWidth + 1)
    .map(one => one.outerHTML.slice(0, 120))"""
"""The elements that run over the right edge of the page."""


def look(page: Page, name: str) -> None:
    """Checks the open page at 360 and 1280 px."""
    page.wait_for_load_state()
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        # The new size reaches the page's own reckoning a frame later.
        page.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
        over = page.evaluate(OVER)
        assert not over, (name, width, over)
        if width == 1280 or "-es" in name:
            # One width and one language are enough for axe, which takes its time.
            continue
        problems = [(one["id"], one["nodes"][0]["html"]) for one in axe(page, runOnly=RULES)]
        assert not problems, (name, width, problems)


@pytest.fixture
def cause(app_context: Flask) -> int:
    """A campaign with an accent and a long title."""
    return a_campaign(
        title={
            "en": "Wait in freedom: end the detention of people who ask for protection",
            "es": "Esperar en libertad: que termine la detención de quienes piden protección",
        },
        accent="#1d4f7c",
    )


@pytest.mark.parametrize("prefix", ["", "/es"])
def test_from_the_form_to_the_own_page(
    cause: int, site: str, page: Page, smtp: Mailbox, deliver: Callable[[], None], prefix: str
) -> None:
    mark = prefix.strip("/") or "en"
    page.goto(f"{site}{prefix}/c/test/signup")
    look(page, f"signup-{mark}")
    page.fill("#email", "not an address")
    page.click("main button")
    look(page, f"signup-wrong-{mark}")
    expect(page.locator("#errors")).to_be_focused()

    for name in ("Ana", "Mallory"):
        page.goto(f"{site}{prefix}/c/test/signup")
        for field, value in {
            "email": "ana@mail.example",
            "given_name": name,
            "family_name": "Ruiz",
            "postal_code": "60608",
        }.items():
            page.fill(f"#{field}", value)
        page.check("#consent")
        page.click("main button")
    look(page, f"check-mail-{mark}")
    deliver()

    [url] = [one for one in smtp.to("ana@mail.example")[-1].links() if "/confirm/" in one]
    page.goto(url)
    look(page, f"confirm-{mark}")
    page.locator("input[type=radio]").nth(0).check()
    page.click("main button")
    look(page, f"thanks-{mark}")
    expect(page.locator("h1")).to_contain_text("Ana")
    page.goto(url)
    look(page, f"confirmed-already-{mark}")
    page.click("main a[href*='/me/']")
    look(page, f"own-page-{mark}")
    page.click(".consents button")
    look(page, f"own-page-stopped-{mark}")
    page.click("a[href$='/delete']")
    look(page, f"delete-{mark}")
    page.click("main button")
    look(page, f"deleted-{mark}")
    if folder := os.environ.get("SHOTS"):
        page.goto("about:blank")
        page.set_content(smtp.arrived[0].html())
        page.screenshot(path=Path(folder) / f"mail-{mark}.png", full_page=True)


def test_unsubscribing_pages(cause: int, site: str, page: Page) -> None:
    supporter_id = commands.ensure_supporter("ana@mail.example")
    for name in ("Test Coalition", "Parish Network"):
        commands.give_consent(supporter_id, commands.Agreement(an_organization(name), "yes"))
    ledger.enqueue(
        "alerts", [ledger.Draft("alert", supporter_id, "ana@mail.example", "en", 7, cause)]
    )
    db.session.execute(
        db.text("UPDATE message SET state = 'sent', finished_at = :at"), {"at": utcnow()}
    )
    db.session.commit()
    page.goto(keys.unsubscribe_link(supporter_id, 1, 7, "en"))
    look(page, "unsubscribe")
    page.click("main button")
    look(page, "unsubscribe-once-more")
    page.click("main button")
    look(page, "unsubscribed")
    page.click("text=Subscribe me again")
    look(page, "mistake")
    page.goto(f"{site}/confirm/nonsense")
    look(page, "broken-link")


def test_desk_pages(cause: int, site: str, page: Page, staff: Callable) -> None:
    staff("organizer")
    for number in range(55):
        supporter_id = commands.ensure_supporter(f"person{number:02}@mail.example")
        person = commands.Person("Person", f"Number {number}", "60608", "en", "parish-supper")
        agreement = commands.Agreement(1, "Test Coalition may email me", "parish-supper")
        commands.confirm_person(supporter_id, person, [agreement], campaign_id=cause)
    page.goto(f"{site}/desk/supporters")
    page.fill("[name=email]", "organizer@staff.example")
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit], main button")
    page.goto(f"{site}/desk/supporters")
    look(page, "desk-list")
    page.fill("#q", "person07")
    page.click("form[role=search] button")
    look(page, "desk-found")
    page.click("table a")
    look(page, "desk-person")
    page.click(f"a[href='{path(page.url).replace(site, '')}/delete']")
    look(page, "desk-delete")
