"""What a mail program sends to the address in List-Unsubscribe."""

import re
from typing import Any

import pytest

from tests.mail.inbound import letters as mails

DOMAIN = "in.coalition.example"


def test_a_mail_to_the_signed_address_unsubscribes_its_recipient_once(
    app: Any, organizer: Any, person: Any, smtp: Any, deliver: Any, sql: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from campaign.mail.inbound import receiving
    from campaign.mail.inbound.incoming import Incoming

    monkeypatch.setitem(app.config, "MAIL_INBOUND_DOMAIN", DOMAIN)
    ana, bea = person("Ana"), person("Bea")
    organizer.do(organizer.write(), "schedule", when="now")
    deliver()
    (mail,) = smtp.to("ana@people.example")
    header = re.sub(r"\s", "", str(mail.message["List-Unsubscribe"]))
    found = re.search(r"<mailto:(unsubscribe\+[^?>]+)\?subject=unsubscribe>", header)
    assert found, header
    raw = mails.plain("", "unsubscribe")
    others = found[1][:-1] + ("a" if found[1][-1] != "a" else "b")

    def come_in(address: str) -> Any:
        with app.app_context():
            return receiving.receive(Incoming(raw, "someone@else.example", address, "smtp"))

    arrived = len(smtp.arrived)
    assert come_in(others) is receiving.NOBODY
    assert come_in(found[1].replace("unsubscribe+", "bounce+")) is receiving.NOBODY
    query = "SELECT supporter_id FROM consent WHERE withdrawn_at IS NULL ORDER BY 1"
    assert sql(query) == [(ana,), (bea,)]
    for _ in range(2):
        assert come_in(found[1]) is receiving.DONE
    assert sql(query) == [(bea,)]
    deliver()
    assert len(smtp.arrived) == arrived, "nothing is answered"
    assert sql("SELECT sum(delta)::int FROM journal WHERE name = 'alert.unsubscribes'") == [(1,)]
