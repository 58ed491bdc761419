"""status, recount, doctor, backup and restore, as an operator uses them."""

import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import dns.exception
import dns.resolver
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.letters.conftest import Writer

SLUG = "wait-in-freedom"


def test_status_says_what_happened_a_moment_ago(demo: Flask, client: FlaskClient, cli: Any) -> None:
    assert Writer(client, SLUG).send().status_code == 303
    done = cli("status", "--json")
    assert done.exit_code == 0
    assert done.output.count("\n") == 1
    found = json.loads(done.output)
    assert list(found) == [
        "delivery", "supporters", "letters", "deliveries", "outbox", "endorsements", "alerts", "queues",
        "oldest_due_s", "workers",
    ]  # fmt: skip
    assert found["delivery"] == "capture"
    assert found["letters"] == {"unconfirmed": 1}
    assert found["outbox"]["confirmations"] == {"queued": 1}
    assert found["endorsements"]["dhs"] == {"approved": 31}
    assert found["alerts"] == {"draft": 1}
    assert set(found["queues"]) == {"confirmations", "letters", "default", "alerts"}
    assert found["workers"] == 0


def test_status_for_people_names_the_oldest_due(
    demo: Flask, client: FlaskClient, cli: Any, sql: Any
) -> None:
    assert Writer(client, SLUG).send().status_code == 303
    sql("UPDATE message SET next_attempt_at = now() - interval '100 seconds'")
    text = cli("status").output
    assert "captured: nothing leaves" in text
    assert "Petition      dhs: 31 approved" in text
    assert "s late" in text
    assert 100 <= json.loads(cli("status", "--json").output)["oldest_due_s"] < 130


def test_status_without_valkey(demo: Flask, cli: Any) -> None:
    found = json.loads(cli("status", "--json", REDIS_URL="redis://127.0.0.1:1/0").output)
    assert found["queues"] is None
    assert found["workers"] == 0


@pytest.fixture
def busy(demo: Flask, client: FlaskClient, deliver: Any, sql: Any) -> Flask:
    """The founding case with a letter that was confirmed and one that was not."""
    import re

    for email in ("ana@people.example", "ben@people.example"):
        assert Writer(client, SLUG).send(email).status_code == 303
    deliver()
    (raw,) = sql("SELECT raw FROM captured_message WHERE envelope_to = 'ana@people.example'")[0]
    found = re.search(r"/confirm/([\w.-]+)", raw.decode().replace("=\r\n", "").replace("=3D", "="))
    assert found
    client.post(f"/confirm/{found[1]}")
    deliver()
    return demo


def test_recount_agrees_then_finds_and_mends_a_difference(busy: Flask, cli: Any, sql: Any) -> None:
    fine = cli("recount")
    assert fine.output == "Every counter is what the rows say.\n"
    assert fine.exit_code == 0
    sql("UPDATE letter SET state = 'rejected' WHERE state = 'unconfirmed'")
    sql(
        "UPDATE counter SET value = value + 3 WHERE name = 'endorsers.national' AND day = '0001-01-01'"
    )
    wrong = cli("recount")
    assert wrong.exit_code == 1
    assert "letters.rejected (campaign 1): 1 rows, the counter says 0" in wrong.output
    assert "endorsers.national" in wrong.output
    assert "3 numbers differ" in wrong.output
    assert json.loads(cli("recount", "--json").output)["fixed"] is False
    mended = cli("recount", "--fix")
    assert mended.exit_code == 0
    assert "3 numbers corrected." in mended.output
    assert cli("recount").exit_code == 0
    assert json.loads(cli("status", "--json").output)["letters"]["rejected"] == 1


def test_recount_takes_the_unfolded_journal_into_account(
    busy: Flask, client: FlaskClient, cli: Any
) -> None:
    assert Writer(client, SLUG).send("new@people.example").status_code == 303
    assert cli("recount").exit_code == 0


def test_doctor_says_one_line_each_and_fails_without_workers(busy: Flask, cli: Any) -> None:
    done = cli("doctor")
    assert done.exit_code == 1
    lines = dict(line[6:].split(":", 1) for line in done.output.splitlines())
    states = {line[6:].split(":", 1)[0]: line[:5].strip() for line in done.output.splitlines()}
    for name in (
        "PostgreSQL",
        "Tables",
        "Valkey",
        "Sweep",
        "Due mail",
        "Leases",
        "Clock",
        "Disk",
        "SITE_URL",
    ):
        assert states[name] == "ok", done.output
    assert states["Workers"] == "fail" and "worker.py" in lines["Workers"]
    assert states["SECRET_KEY"] == "fail" and "token_urlsafe" in lines["SECRET_KEY"]
    found = json.loads(cli("doctor", "--json").output)
    assert found["well"] is False


def test_doctor_names_old_tables_and_a_mail_server_that_is_away(
    busy: Flask, cli: Any, sql: Any
) -> None:
    (head,) = sql("SELECT version_num FROM alembic_version")[0]
    try:
        sql("UPDATE alembic_version SET version_num = '0000'")
        done = cli(
            "doctor",
            MAIL_SERVER="127.0.0.1",
            MAIL_PORT="1",
            MAIL_DEFAULT_SENDER="c@coalition.invalid",
        )
    finally:
        sql("UPDATE alembic_version SET version_num = %s", head)
    assert "Run `campaign db upgrade`." in done.output
    assert "warn  Mail server" in done.output and "cannot be reached" in done.output
    assert "SPF" in done.output and "DMARC" in done.output
    # Nobody outside ever sees this one.
    assert "v=spf1 ip4:<the public address that mail leaves from> ~all" in done.output
    # Receivers ask for SPF under the domain of the envelope sender, which is the inbound one where there is one.
    done = cli("doctor", MAIL_DEFAULT_SENDER="c@coalition.invalid", MAIL_INBOUND_DOMAIN="b.invalid")
    spf = next(line for line in done.output.splitlines() if "SPF" in line)
    assert "b.invalid." in spf and "coalition.invalid" not in spf


def test_doctor_shows_all_records_to_publish_where_no_dns_answers(
    busy: Flask, cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_text(base64.b64encode(bytes(range(32))).decode())

    def silent(*_: object, **__: object) -> None:
        raise dns.exception.Timeout

    monkeypatch.setattr(dns.resolver.Resolver, "resolve", silent)
    done = cli("doctor", MAIL_DEFAULT_SENDER="c@coalition.invalid", MAIL_DKIM_KEY=str(key))
    for record in (
        "v=spf1 ",
        "v=DMARC1; ",
        "campaign._domainkey.coalition.invalid.",
        "v=DKIM1; k=ed25519; p=",
    ):
        assert record in done.output


def test_doctor_says_once_that_the_database_is_away(cli: Any) -> None:
    done = cli("doctor", DATABASE_URL="postgresql://nobody@127.0.0.1:1/campaign")
    assert done.exit_code == 1
    assert [line for line in done.output.splitlines() if "DATABASE_URL" in line] == [
        "fail  PostgreSQL: does not answer. See that DATABASE_URL names a server that runs, "
        "or unset it to use the built-in one."
    ]
    assert "could not be looked at" not in done.output and "Disk" in done.output


def test_a_backup_comes_back_whole_and_held(
    busy: Flask, cli: Any, sql: Any, tmp_path: Path
) -> None:
    file = tmp_path / "campaign.backup"
    before = _picture(sql)
    done = cli("backup", file)
    assert done.exit_code == 0, done.output
    assert file.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(file) as packed:
        assert "secret_key" not in packed.namelist()
    refused = cli("restore", file)
    assert refused.exit_code == 1
    assert "not empty" in refused.stderr
    sql("DELETE FROM captured_message")
    sql("UPDATE supporter SET given_name = 'changed'")
    done = cli("restore", file, "--replace")
    assert done.exit_code == 0, done.output + done.stderr
    assert "Mail is held" in done.output
    assert _picture(sql) == before
    assert sql("SELECT stream, action FROM mail_order ORDER BY 1") == [
        ("alerts", "pause"), ("confirmations", "pause"), ("letters", "pause"),
    ]  # fmt: skip
    assert cli("recount").exit_code == 0


def test_what_is_open_in_a_restored_ledger_leaves_only_when_a_person_says_so(
    busy: Flask, client: FlaskClient, cli: Any, sql: Any, deliver: Any, smtp: Any, tmp_path: Path
) -> None:
    assert Writer(client, SLUG).send("open@people.example").status_code == 303
    file = tmp_path / "campaign.backup"
    assert cli("backup", file).exit_code == 0
    assert cli("restore", file, "--replace").exit_code == 0
    deliver()
    assert smtp.arrived == []
    assert Writer(client, SLUG).send("later@people.example").status_code == 303, (
        "the site goes on taking letters"
    )
    deliver()
    assert smtp.arrived == []
    assert cli("restore", "--release", "confirmations").output == "The confirmations go on.\n"
    deliver()
    assert len(smtp.to("open@people.example")) == len(smtp.to("later@people.example")) == 1
    assert "were not held" in cli("restore", "--release", "confirmations").output
    assert sql("SELECT count(*) FROM mail_order") == [(2,)]


@pytest.mark.parametrize("harm", ["cut", "flip", "other", "absent"])
def test_a_damaged_backup_changes_nothing(
    busy: Flask, cli: Any, sql: Any, tmp_path: Path, harm: str
) -> None:
    file = tmp_path / "campaign.backup"
    assert cli("backup", file).exit_code == 0
    whole = file.read_bytes()
    middle = len(whole) // 2
    if harm == "absent":
        file.unlink()
    else:
        harmed = {
            "cut": whole[:middle],
            "flip": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "other": b"a letter to grandmother",
        }[harm]
        file.write_bytes(harmed)
    before = _picture(sql)
    refused = cli("restore", file, "--replace")
    assert refused.exit_code == 1
    assert refused.stderr.count("\n") == 1, "one sentence"
    assert "Traceback" not in refused.output + refused.stderr
    assert _picture(sql) == before


def test_a_backup_from_a_later_version_is_refused(busy: Flask, cli: Any, tmp_path: Path) -> None:
    file, later = tmp_path / "campaign.backup", tmp_path / "later.backup"
    assert cli("backup", file, "--with-secret").exit_code == 0
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(later, "w") as new:
        assert old.read("secret_key") == b"only for tests"
        manifest = json.loads(old.read("manifest.json")) | {"migration": "9999"}
        new.writestr("database.dump", old.read("database.dump"))
        new.writestr("manifest.json", json.dumps(manifest))
    refused = cli("restore", later, "--replace")
    assert refused.exit_code == 1
    assert "later tables" in refused.stderr


def test_a_backup_that_cannot_be_written_says_so(busy: Flask, cli: Any, tmp_path: Path) -> None:
    refused = cli("backup", tmp_path / "no" / "such" / "folder")
    assert refused.exit_code == 1
    assert "cannot be written" in refused.stderr
    assert cli("restore").exit_code == 2


def _picture(sql: Any) -> dict[str, Any]:
    """Every table's rows, as one number, but for what a restore adds."""
    names = [row[0] for row in sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return {
        name: sql(f'SELECT count(*), sum(hashtext(t::text)::bigint) FROM "{name}" t')
        for name in names
        if name not in ("mail_order", "setting")
    }
