"""The whole loop in a real browser, told in the words of the people who use it: a supporter with a phone, the
signer of an organization, an organizer at the desk. Mail stays in the practice inbox, where the organizer reads it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from campaign.demo import LOGINS, add_logins

CAMPAIGN = "/c/wait-in-freedom"
OWN_WORDS = (
    "My neighbor waited eleven months behind a locked door for a hearing that took one morning. "
    "Nobody was safer for it. Please let people wait at home."
)


class Supporter:
    """Someone with a phone."""

    def __init__(self, page: Any, site: str) -> None:
        self.page = page
        self.site = site

    def writes_a_letter(self, name: str, email: str, path: str = f"{CAMPAIGN}/letter") -> None:
        self.page.goto(path if path.startswith("http") else self.site + path)
        self.page.get_by_label("Your letter", exact=True).fill(OWN_WORDS)
        self.page.get_by_label("Given name").fill(name)
        self.page.get_by_label("Family name").fill("Okafor")
        if email:
            self.page.locator("#email").fill(email)
        self.page.get_by_role("button", name="Look at it first").click()
        expect(self.page.locator("main")).to_contain_text(OWN_WORDS)
        self.page.get_by_role("button", name="Send").first.click()

    def agrees_to_hear_more(self, name: str, email: str) -> None:
        self.page.goto(f"{self.site}{CAMPAIGN}/signup")
        self.page.get_by_label("Given name").fill(name)
        self.page.get_by_label("Family name").fill("Okafor")
        self.page.locator("#email").fill(email)
        self.page.locator("#consent").check()
        self.page.locator("main form button").first.click()

    def confirms(self, link: str) -> None:
        self.page.goto(link)
        self.page.get_by_role("button", name="Yes, I confirm").click()

    def sees(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.locator("main")).to_contain_text(text)


class Organizer:
    """Someone at the desk."""

    def __init__(self, page: Any, site: str) -> None:
        self.page = page
        self.site = site

    def signs_in(self) -> None:
        _, email, password = next(one for one in LOGINS if one[0] == "organizer")
        self.page.goto(f"{self.site}/desk/")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()

    def finds_the_link_in_mail_to(self, address: str, part: str) -> str:
        self.page.goto(f"{self.site}/desk/inbox?to={address}")
        self.page.locator("main table a").first.click()
        links = self.page.locator(".mail-text a").all()
        return next(
            str(a.get_attribute("href")) for a in links if part in str(a.get_attribute("href"))
        )

    def approves_every_signature(self) -> None:
        self.page.goto(f"{self.site}/desk/endorsements/")
        for box in self.page.locator("input[name=ids]").all():
            box.check()
        self.page.get_by_role("button", name="Approve").first.click()

    def sends_an_alert(self) -> None:
        self.page.goto(f"{self.site}/desk/alerts/")
        self.page.get_by_role("link", name="First week").click()
        self.page.get_by_role("button", name="Schedule").click()


@pytest.fixture
def loop(demo: Flask, sql: Callable[..., Any]) -> Flask:
    """The founding case with its staff, and offices that are open now."""
    sql(
        "UPDATE target SET opens = '00:00', closes = '00:00', days = '{1,2,3,4,5,6,7}', per_hour = NULL"
    )
    with demo.app_context():
        add_logins()
    return demo


def test_letter_endorsement_and_alert_from_the_first_page_to_the_last(
    loop: Flask, site: str, new_context: Any, deliver: Callable[[], None]
) -> None:
    phone = new_context(viewport={"width": 360, "height": 740})
    phone.set_default_timeout(15_000)
    ada = Supporter(phone.new_page(), site)
    organizer = Organizer(new_context(viewport={"width": 1280, "height": 900}).new_page(), site)
    organizer.signs_in()

    ada.writes_a_letter("Ada", "ada@people.example")
    deliver()
    ada.confirms(organizer.finds_the_link_in_mail_to("ada@people.example", "/confirm/"))
    deliver()
    ada.page.locator("main a[href*='/me/']").first.click()
    ada.sees("Kept in the practice inbox", "Secretary of Homeland Security", "Attorney General")
    ada.page.goto(f"{site}{CAMPAIGN}")
    assert phone.cookies() == [], "public pages set no cookie"

    signer = ada.page
    signer.goto(f"{site}{CAMPAIGN}/endorse")
    signer.locator("#organization_name").fill("Harbor Street Legal Aid")
    signer.locator("#organization_kind").select_option("local")
    signer.locator("#signer_name").fill("Ines Valdez")
    signer.locator("#signer_title").fill("Director")
    signer.locator("#signer_email").fill("ines@harborstreet.example")
    signer.locator("main form button").first.click()
    deliver()
    ada.confirms(organizer.finds_the_link_in_mail_to("ines@harborstreet.example", "/confirm/"))
    organizer.approves_every_signature()
    deliver()
    signer.goto(f"{site}{CAMPAIGN}/endorsements")
    ada.sees("Harbor Street Legal Aid")

    ada.agrees_to_hear_more("Bo", "bo@people.example")
    deliver()
    ada.confirms(organizer.finds_the_link_in_mail_to("bo@people.example", "/confirm/"))
    organizer.sends_an_alert()
    deliver()
    ada.writes_a_letter(
        "Bo", "", organizer.finds_the_link_in_mail_to("bo@people.example", "/letter?k=")
    )
    deliver()
    organizer.page.goto(f"{site}/desk/alerts/1")
    results = organizer.page.inner_text("main")
    assert "Letters it brought" in results and "Sent" in results

    # Someone who has not been there before: a browser may keep the page for a minute.
    visitor = Supporter(new_context().new_page(), site)
    visitor.page.goto(f"{site}{CAMPAIGN}")
    visitor.sees("32", "Harbor Street Legal Aid")
    visitor.page.goto(f"{site}/es{CAMPAIGN}")
    visitor.sees("32")
