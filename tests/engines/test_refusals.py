"""A wrong setting: one sentence that says how to mend it, and exit code 1."""

import subprocess
import sys
from pathlib import Path

import pytest

from campaign import config, engines

ROOT = Path(__file__).resolve().parents[2]
SITE = [sys.executable, "-m", "flask", "--app", "wsgi", "routes"]
RUN = [sys.executable, "-c", "from campaign.cli import main; main()", "run"]
KEY = {"SECRET_KEY": "a key"}


def refused(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PORT": "many"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"MAIL_PORT": "-1"}, "MAIL_PORT"),
        ({"MAIL_USE_TLS": "perhaps"}, "MAIL_USE_TLS"),
        ({"MAIL_DEFAULT_SENDER": "not an address"}, "MAIL_DEFAULT_SENDER"),
        ({"MAIL_USERNAME": "only"}, "MAIL_PASSWORD"),
        ({"MAIL_USE_TLS": "1", "MAIL_USE_SSL": "1"}, "MAIL_USE_SSL"),
        ({"SITE_URL": "act.example.org"}, "SITE_URL"),
        ({"SITE_URL": "https://[::1"}, "SITE_URL"),
        ({"SITE_URL": "https://act.example.org/path"}, "SITE_URL"),
        ({"SITE_URL": "https://act.example.org:99999"}, "SITE_URL"),
        ({"SITE_URL": "https://act.exa mple.org"}, "SITE_URL"),
        ({"SITE_URL": "https://me:secret@act.example.org"}, "SITE_URL"),
        ({"MAIL_SERVER": "mail.example.org:587"}, "MAIL_PORT"),
        ({"MAIL_SERVER": "http://mail.example.org"}, "MAIL_SERVER"),
        ({"MAIL_DEFAULT_SENDER": "us@example..org"}, "MAIL_DEFAULT_SENDER"),
        ({"MAIL_DEFAULT_SENDER": "us@example.org, them@example.org"}, "MAIL_DEFAULT_SENDER"),
        ({"MAIL_DEFAULT_SENDER": "We\nUs <us@example.org>"}, "MAIL_DEFAULT_SENDER"),
        ({"MAIL_DKIM_SELECTOR": "two words"}, "MAIL_DKIM_SELECTOR"),
        ({"MAIL_DOMAIN_LIMITS": "a.example=1/1, A.example=2/2"}, "a.example twice"),
        ({"MAIL_INBOUND_SMTP": "[::1:25"}, "MAIL_INBOUND_SMTP"),
        ({"HOOK_SES_TOPICS": "arn:aws:sqs:us-east-1:1:x"}, "HOOK_SES_TOPICS"),
        ({"HOOK_POSTMARK": "password"}, "HOOK_POSTMARK"),
        ({"HOOK_SENDGRID_KEY": "MFkw"}, "HOOK_SENDGRID_KEY"),
        ({"REDIS_URL": "redis://localhost/main"}, "REDIS_URL"),
        ({"DATABASE_URL": "mysql://localhost/x"} | KEY, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://u:p@localhost:port/x"} | KEY, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://localhost/x"}, "SECRET_KEY"),
        ({"REDIS_URL": "http://localhost"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://localhost:port/0"}, "REDIS_URL"),
        ({"DATA": "/proc/nowhere"}, "DATA"),
        ({"DATA": __file__}, "is a file"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    bare: dict[str, str], settings: dict[str, str], said: str
) -> None:
    with pytest.raises(config.ConfigError) as found:
        engines.ensure(config.load(bare | settings))
    sentence = str(found.value)
    assert said in sentence
    assert "\n" not in sentence
    assert sentence.endswith((".", "'"))


@pytest.mark.parametrize(
    "settings",
    [
        {"SITE_URL": "https://act.example.org:8443/"},
        {"SITE_URL": "http://[::1]:5000"},
        {"SITE_URL": "https://Act.Example.org"},
        {"MAIL_SERVER": "::1"},
        {"MAIL_SERVER": "mail_1.internal"},
        {"MAIL_DEFAULT_SENDER": '"Us, and Them" <us@localhost>'},
        {"MAIL_DKIM_SELECTOR": "2026.k1"},
        {"MAIL_INBOUND_LMTP": "[::]:24"},
        {"HOOK_SES_TOPICS": "arn:aws-us-gov:sns:us-gov-west-1:123456789012:Bounces_1 arn:aws:sns:eu-west-1:1:b"},
        {"HOOK_POSTMARK": "user:a:b"},
        {"REDIS_URL": "redis://localhost"},
    ],
)  # fmt: skip
def test_right_settings_are_taken(bare: dict[str, str], settings: dict[str, str]) -> None:
    config.load(bare | settings)


def test_every_door_says_it(bare: dict[str, str]) -> None:
    for command in ([sys.executable, "worker.py"], RUN, SITE, [*RUN[:-1], "status", "--json"]):
        assert "PORT" in refused(command, bare | {"PORT": "many"})


def test_a_taken_port(bare: dict[str, str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert port in refused(RUN, bare | {"PORT": port})


def test_servers_that_do_not_answer(bare: dict[str, str]) -> None:
    bare |= {"PORT": "5993"}
    mail = refused(RUN, bare | {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": "9"})
    assert "127.0.0.1:9" in mail
    assert "MAIL_SERVER" in mail
    silent = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": "9", "REDIS_URL": "redis://127.0.0.1:9/0"}
    assert "REDIS_URL" in refused(RUN, bare | {"REDIS_URL": silent["REDIS_URL"]})
    # A site that has run before starts without its mail server, and says so.
    (Path(bare["DATA"]) / "prepared").write_text("")
    done = subprocess.run(
        RUN, cwd=ROOT, env=bare | silent, capture_output=True, text=True, timeout=60
    )
    said, refusal = done.stderr.strip().splitlines()
    assert "127.0.0.1:9 does not answer" in said and said.endswith("mail waits until it does.")
    assert "REDIS_URL" in refusal
    database = {"DATABASE_URL": "postgresql://u:geheim@127.0.0.1:9/x"} | KEY
    sentence = refused(RUN, bare | database)
    assert "DATABASE_URL" in sentence
    assert "geheim" not in sentence


def test_a_key_that_cannot_sign_stops_the_start(bare: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    for command in ([sys.executable, "worker.py"], [*RUN[:-1], "doctor"]):
        assert "MAIL_DKIM_KEY" in refused(command, bare | {"MAIL_DKIM_KEY": str(tmp_path / "key")})
