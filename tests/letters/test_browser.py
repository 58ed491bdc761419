"""Writing a letter in a real browser, at a phone's and a desk's width, light and dark, with axe over every state."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import look

OWN = "My grandmother waited two years behind a locked door before a judge heard her. Please let people wait in freedom."


def fill(page: Any, email: str = "ana@people.example") -> None:
    page.get_by_label("Given name").fill("Ana")
    page.get_by_label("Family name").fill("Ruiz")
    page.get_by_label("ZIP code").fill("60604")
    page.locator("#email").fill(email)


def test_a_writer_looks_at_the_letter_confirms_it_and_sees_what_became_of_it(
    demo: Any, site: str, window: Any, smtp: Any, deliver: Any, sql: Any
) -> None:
    sql(
        "UPDATE target SET opens = '00:00', closes = '00:00', days = '{1,2,3,4,5,6,7}', per_hour = NULL"
    )
    sql(
        "UPDATE target SET per_hour = 10, opens = '09:00', closes = '17:00', days = '{1,2,3,4,5}' WHERE id = 2"
    )
    sql(
        "UPDATE target SET role = 'Undersecretary for Internationalization, Interdepartmental Responsibilities and Telecommunications' WHERE id = 4"
    )
    page = window
    page.goto(f"{site}/c/wait-in-freedom/letter")
    look(page, "form")
    expect(page.locator("#letter-own")).to_contain_text("0 percent")
    page.get_by_role("button", name="Send now").click()
    look(page, "errors")
    expect(page.get_by_role("alert")).to_be_visible()
    fill(page)
    page.locator("#body").fill(f"{OWN}\n\n{'w' * 90}")
    page.wait_for_function(
        "!document.querySelector('#letter-own').textContent.includes(' 0 percent')"
    )
    page.get_by_role("button", name="Look at it first").click()
    expect(page.get_by_text("Dear Secretary Napolitano:")).to_be_visible()
    look(page, "preview")
    page.get_by_role("button", name="Go on writing").click()
    expect(page.locator("#body")).to_have_value(f"{OWN}\n\n{'w' * 90}")
    page.locator("#body").fill(OWN)
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_role("heading", name="Please look into your mail")).to_be_visible()
    look(page, "sent")
    deliver()
    link = next(one for one in smtp.to("ana@people.example")[-1].links() if "/confirm/" in one)
    page.goto(link)
    look(page, "confirm")
    page.get_by_role("button", name=re.compile("confirm", re.I)).click()
    expect(page.get_by_text("Your letter is on its way")).to_be_visible()
    deliver()
    page.locator("a[href*='/me/']").first.click()
    expect(page.get_by_text("Accepted by the office’s mail server").first).to_be_visible()
    page.get_by_text("Read it").click()
    expect(page.get_by_text(OWN)).to_be_visible()
    look(page, "own")
    page.goto(page.url.replace(site, f"{site}/es"))
    expect(page.get_by_text("Aceptada por el servidor de correo").first).to_be_visible()
    look(page, "own-es")


def test_who_comes_back_from_the_preview_sees_what_is_their_own(
    demo: Any, site: str, page: Any
) -> None:
    page.goto(f"{site}/c/wait-in-freedom/letter")
    fill(page)
    page.locator("#body").fill(OWN)
    page.get_by_role("button", name="Look at it first").click()
    expect(page.get_by_role("heading", name="Your letter, as it arrives")).to_be_visible()
    page.go_back()
    expect(page.locator("#body")).to_have_value(OWN)
    expect(page.locator("#letter-own")).to_contain_text("100 percent")
    expect(page.locator("#body-count")).to_contain_text(f"{5000 - len(OWN):,}")


def test_the_desks_pages_fit_and_read_well(
    demo: Any,
    app: Any,
    site: str,
    window: Any,
    smtp: Any,
    deliver: Any,
    client: Any,
    staff: Any,
    sql: Any,
) -> None:
    from tests.conftest import PASSWORD
    from tests.letters.conftest import Writer

    smtp.answer = lambda address: (
        "550 5.1.1 No such user" if address.startswith("secretary") else "250 OK"
    )
    Writer(client, "wait-in-freedom").send()
    with app.app_context():
        from campaign.extensions import db
        from campaign.letters import confirming, deciding
        from campaign.offices import commands as offices
        from campaign.papers import commands as papers

        confirming.confirm_in_transaction(1)
        db.session.commit()
        offices.pause(1, "Ask the office first", "organizer@staff.example")
    sql("UPDATE target SET channel = 'packet' WHERE id = 2")
    long = "Donaudampfschifffahrt" * 7
    Writer(client, "wait-in-freedom").send("ben@people.example", given_name="Ben", subject=long)
    with app.app_context():
        confirming.confirm_in_transaction(2)
        db.session.commit()
        papers.begin_packet(2, 1, "organizer@staff.example")
        deciding.hold(2, "Names a child", "organizer@staff.example")
    deliver()
    staff("organizer")
    page = window
    page.goto(f"{site}/desk/login")
    page.get_by_label("Email").fill("organizer@staff.example")
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("main button").first.click()
    for name, path in (
        ("offices", "/desk/targets"), ("office", "/desk/targets/1"), ("office-edit", "/desk/targets/1/edit"),
        ("letters", "/desk/letters?state=confirmed"), ("letter", "/desk/letters/1"),
        ("deliveries", "/desk/deliveries?state=waiting"), ("choose", "/desk/campaigns/wait-in-freedom/targets"),
        ("templates", "/desk/campaigns/wait-in-freedom/templates"),
        ("template", "/desk/campaigns/wait-in-freedom/templates/DHS"),
        ("rules", "/desk/letters/rules"),
        ("alike", "/desk/letters/alike"),
        ("held", "/desk/letters?state=held"),
        ("packets", "/desk/targets/2/bundles"),
    ):  # fmt: skip
        page.goto(f"{site}{path}")
        look(page, f"desk-{name}")


def test_a_browser_solves_the_task_while_someone_writes(
    demo: Any, site: str, page: Any, client: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.letters.conftest import Writer

    page.goto(f"{site}/c/wait-in-freedom/letter")
    page.locator("#body").fill(OWN)
    solved = page.locator("form input[name=altcha]")
    expect(solved).to_have_value(re.compile(".{100}"), timeout=15_000)
    fill(page)
    with demo.app_context():
        from campaign.web import proof

        assert proof.check(solved.input_value())
    # With nothing left for those without a solution, this one goes through.
    monkeypatch.setitem(demo.config, "PUBLIC_MAILS", 2)
    plain = Writer(client, "wait-in-freedom")
    assert plain.send("ben@people.example").status_code == 303
    assert plain.send("cy@people.example").status_code == 429
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_role("heading", name="Please look into your mail")).to_be_visible()
    assert sql("SELECT count(*) FROM letter") == [(2,)]


def test_a_moderator_reads_lets_go_and_rejects(
    demo: Any, site: str, page: Any, client: Any, staff: Any, deliver: Any, smtp: Any, sql: Any
) -> None:
    from tests.conftest import PASSWORD
    from tests.letters.conftest import Writer

    with demo.app_context():
        from campaign.extensions import db
        from campaign.letters import confirming, moderation

        moderation.save(moderation.Rules(words=("threat",)), by="an organizer")
        for number, name in enumerate(("ana", "ben", "cy"), 1):
            body = f"{OWN} No threat here, says {name}."
            Writer(client, "wait-in-freedom").send(
                f"{name}@people.example", subject=f"Letter of {name}", body=body
            )
            confirming.confirm_in_transaction(number)
            db.session.commit()
    staff("organizer")
    page.goto(f"{site}/desk/login")
    page.get_by_label("Email").fill("organizer@staff.example")
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("main button").first.click()
    page.goto(f"{site}/desk/letters?state=held")
    expect(page.get_by_text("It contains “threat”.").first).to_be_visible()
    page.get_by_role("link", name="Letter of ana").click()
    expect(page.get_by_text("This letter waits for a person")).to_be_visible()
    page.get_by_role("button", name="Let it go").click()
    expect(page.get_by_text("Done.")).to_be_visible()
    page.goto(f"{site}/desk/letters?state=held")
    page.get_by_label("Choose “Letter of ben”").check()
    page.get_by_label("Choose “Letter of cy”").check()
    page.get_by_label(re.compile("^Reason")).fill("It threatens or insults someone.")
    page.get_by_role("button", name="Reject the chosen").click()
    expect(page.get_by_text("2 letters changed.")).to_be_visible()
    assert [state for (state,) in sql("SELECT state FROM letter ORDER BY id")] == [
        "confirmed", "rejected", "rejected",
    ]  # fmt: skip
    deliver()
    # The confirmation, queued before, may arrive after it.
    told = [mail.text() for mail in smtp.to("cy@people.example")]
    assert any("It threatens or insults someone." in words for words in told)
