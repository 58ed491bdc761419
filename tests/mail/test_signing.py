"""DKIM: what leaves carries a signature that verifies, with either kind of key."""

import base64
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dkim
import pytest
from nacl.signing import SigningKey

from campaign.mail import jobs, signing
from tests.mail.server import SmtpServer


@pytest.mark.parametrize("kind", ["rsa", "ed25519", "ed25519 in PEM"])
def test_signatures_verify(
    live: SmtpServer, queue: Callable[..., list[int]], engine: object, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "dkim.key"
    if kind == "rsa":
        subprocess.run(
            ["openssl", "genrsa", "-out", str(path), "2048"], check=True, capture_output=True
        )
        public = subprocess.run(
            ["openssl", "rsa", "-in", str(path), "-pubout", "-outform", "DER"],
            check=True,
            capture_output=True,
        ).stdout
        record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    else:
        seed = SigningKey.generate()
        written = base64.b64encode(bytes(seed))
        if kind == "ed25519 in PEM":  # as `openssl genpkey -algorithm ed25519` writes it
            der = bytes.fromhex("302e020100300506032b657004220420") + bytes(seed)
            written = (
                b"-----BEGIN PRIVATE KEY-----\n"
                + base64.b64encode(der)
                + b"\n-----END PRIVATE KEY-----\n"
            )
        path.write_bytes(written)
        record = b"v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(seed.verify_key))
    engine.config["MAIL_DKIM_KEY"] = str(path)  # type: ignore[attr-defined]  # the application
    assert (signing.published() or "").encode() == record
    queue(
        "alerts",
        1,
        data={"subject": "Señal", "html": "<p>é</p>", "list_unsubscribe": "https://a.example/u"},
    )
    jobs.deliver("alerts")
    [got] = live.got
    signed = got.raw.partition(b"From:")[0].lower().replace(b"\r\n", b"")
    assert b"list-unsubscribe-post" in signed
    assert (b"feedback-id" in signed) == (b"\r\nFeedback-ID:" in got.raw)
    asked = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record

    assert dkim.verify(got.raw, dnsfunc=dns)
    assert asked == [b"campaign._domainkey.coalition.example."]
    assert not dkim.verify(got.raw.replace(b"Subject:", b"Subject: x"), dnsfunc=dns)


def test_rsa_costs_a_fraction_of_what_dkimpy_s_own_arithmetic_does(
    engine: Any, tmp_path: Path
) -> None:
    """It was 6 ms a message, so that a worker with such a key sent 140 messages a second and no more."""
    path = tmp_path / "dkim.key"
    command = ["openssl", "genrsa", "-out", str(path), "2048"]
    subprocess.run(command, check=True, capture_output=True)
    engine.config["MAIL_DKIM_KEY"] = str(path)
    message = b"From: us@coalition.example\r\nSubject: x\r\n\r\n" + b"A line of text.\r\n" * 300
    ours = signing.signer()
    assert ours is not None
    key = path.read_bytes()

    def seconds(sign: Callable[[bytes], bytes]) -> float:
        sign(message)
        began = time.process_time()
        for _ in range(20):
            sign(message)
        return time.process_time() - began

    theirs = seconds(lambda one: dkim.sign(one, b"campaign", b"coalition.example", key))
    assert seconds(ours) < theirs / 2
