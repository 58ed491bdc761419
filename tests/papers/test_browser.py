"""A packet, and a docket with its comments, in a real browser and in the words of those who make them."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from campaign.clock import utcnow
from campaign.petitions.docketing import WASHINGTON
from tests.browser import look
from tests.letters.conftest import Writer


@pytest.fixture
def desk(demo: Any, site: str, page: Any, client: Any, staff: Any, app: Any) -> Any:
    """An organizer at the desk of the founding case, in which one letter is confirmed."""
    from tests.conftest import PASSWORD

    Writer(client, "wait-in-freedom").send()
    with app.app_context():
        from campaign.extensions import db
        from campaign.letters import confirming

        confirming.confirm_in_transaction(1)
        db.session.commit()
    staff("organizer")
    page.set_default_timeout(15_000)
    page.goto(f"{site}/desk/login")
    page.get_by_label("Email").fill("organizer@staff.example")
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("main button").first.click()
    expect(page.get_by_role("link", name="Offices")).to_be_visible()
    return page


def test_an_organizer_makes_a_packet_and_hands_it_over(
    desk: Any, site: str, deliver: Any, sql: Any
) -> None:
    sql("UPDATE target SET channel = 'packet' WHERE id = 1")
    sql("UPDATE petition_version SET facts = facts - 'submit_to' WHERE petition_id = 1")
    desk.goto(f"{site}/desk/targets/1/bundles")
    expect(desk.get_by_text("A packet can be made once nothing is missing.")).to_be_visible()
    expect(desk.get_by_role("button", name="Make a packet of them")).to_have_count(0)
    sql(
        'UPDATE petition_version SET facts = facts || \'{"submit_to": "245 Murray Lane SW, 20528-0485"}\' WHERE petition_id = 1'
    )
    deliver()
    desk.reload()
    desk.get_by_role("button", name="Make a packet of them").click()
    expect(desk.get_by_role("progressbar")).to_be_visible()
    look(desk, "packet-making")
    deliver()
    # The page looks again by itself, and no more once it is made.
    expect(desk.get_by_role("progressbar")).to_have_count(0)
    with desk.expect_download() as told:
        desk.get_by_role("link", name="Download the PDF").click()
    assert told.value.path().read_bytes().startswith(b"%PDF")
    today = utcnow().astimezone(WASHINGTON).date().isoformat()
    expect(desk.get_by_label("Handed over on")).to_have_value(today)
    desk.get_by_label("Note").fill("Certified mail 7019")
    desk.get_by_label("Handed over on").fill("")
    desk.get_by_role("button", name="It was handed over").click()
    expect(desk.locator("#on-1-error")).to_have_text("Please fill this in.")
    look(desk, "packet-without-a-day")
    expect(desk.get_by_label("Note")).to_have_value("Certified mail 7019")
    desk.get_by_label("Handed over on").fill(today)
    desk.get_by_role("button", name="It was handed over").click()
    expect(desk.get_by_text("Certified mail 7019")).to_be_visible()
    look(desk, "packet-handed")


def test_without_scripts_there_is_a_link_to_look_again(
    desk: Any, site: str, deliver: Any, sql: Any, new_context: Any
) -> None:
    """Where nothing reloads by itself, the press of the link cannot come too late."""
    sql("UPDATE target SET channel = 'packet' WHERE id = 1")
    deliver()
    plain = new_context(java_script_enabled=False, storage_state=desk.context.storage_state())
    page = plain.new_page()
    page.goto(f"{site}/desk/targets/1/bundles")
    page.get_by_role("button", name="Make a packet of them").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    again = page.get_by_role("link", name="Look again")
    with page.expect_navigation():
        again.click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    deliver()
    again.click()
    expect(page.get_by_role("link", name="Download the PDF")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_an_organizer_keeps_the_docket_and_makes_its_comments(
    desk: Any, site: str, deliver: Any
) -> None:
    desk.goto(f"{site}/desk/campaigns/petitions/1/docket")
    look(desk, "docket")
    # The agency's day: in Washington it is still yesterday when it is past midnight elsewhere.
    today = utcnow().astimezone(WASHINGTON).date()
    desk.get_by_label("What happened").select_option(label="Published in the Federal Register")
    desk.get_by_label("Federal Register citation").fill("91 FR 36075")
    desk.get_by_label("Note (English)").fill("Notice and request for comments.")
    desk.get_by_role("button", name="Add it").click()
    expect(desk.get_by_role("heading", name="Entry of the history")).to_be_visible()
    look(desk, "docket-entry")
    desk.get_by_role("link", name="Docket and history").click()
    desk.get_by_label("Docket number").fill("DHS-2026-0012")
    desk.get_by_label("Document that comments are made on").fill("DHS-2026-0012-0001")
    desk.get_by_label("Comments from").fill(today.isoformat())
    desk.get_by_label("Comments until").fill((today + timedelta(days=30)).isoformat())
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_text("comments are open")).to_be_visible()
    desk.get_by_role("link", name="Comments for the docket").click()
    desk.get_by_role("button", name="Make the files").click()
    expect(desk.get_by_role("progressbar")).to_be_visible()
    deliver()
    expect(desk.get_by_text("All of them fit the agency’s form.")).to_be_visible()
    look(desk, "docket-comments")
    with desk.expect_download() as told:
        desk.get_by_role("link", name="comments-DHS-2026-0012-0001").click()
    assert told.value.path().read_bytes().startswith(b"PK")
    desk.goto(f"{site}/c/wait-in-freedom/petitions/dhs")
    expect(desk.get_by_text("The agency takes comments now")).to_be_visible()
    expect(desk.get_by_role("link", name="91 FR 36075")).to_be_visible()
    look(desk, "docket-public")


def test_an_organizer_sees_when_the_digest_leaves_and_gives_it_an_hour(
    desk: Any, site: str, sql: Any
) -> None:
    sql("UPDATE target SET opens = '00:00', closes = '00:00', days = '{1,2,3,4,5,6,7}'")
    desk.goto(f"{site}/desk/targets/1/edit")
    hour = desk.get_by_label("The digest leaves at")
    expect(hour).to_be_hidden()
    desk.get_by_label("Once a day, all letters of the day").check()
    expect(hour).to_be_visible()
    hour.fill("23:58")
    desk.get_by_role("button", name="Save").click()
    expect(desk.locator("#digest_at-error")).to_contain_text("from 00:00 to 23:55")
    look(desk, "office-digest-hour")
    hour.fill("23:30")
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_text("11:30 PM (office time)")).to_be_visible()
    expect(desk.get_by_text("As things stand it will hold 1 letter.")).to_be_visible()
    look(desk, "office-digest")
    desk.get_by_role("button", name="Send the digest now").dblclick()
    expect(desk.get_by_text("No letter waits for it yet.")).to_be_visible()
    expect(desk.get_by_text("One has left today")).to_be_visible()
    look(desk, "office-digest-leaving")
