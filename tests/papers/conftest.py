"""What the papers' tests share with the letters' (an open office, a visitor who writes to it), and packets."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.letters.conftest import Writer, campaign_id, confirm, letters, office, writer  # noqa: F401  # fixtures
from tests.working import post


def pdf_text(content: bytes, tmp_path: Path) -> str:
    """What a reader finds in the PDF, if the machine has something that reads it."""
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext: install Debian's poppler-utils to look into the PDF")
    file = tmp_path / "paper.pdf"
    file.write_bytes(content)
    return subprocess.run(
        ["pdftotext", str(file), "-"], check=True, capture_output=True, text=True
    ).stdout


def made_on(sql: Any) -> str:
    """The office's day on which the newest packet was made: the first on which it can be handed over."""
    ((day,),) = sql("SELECT day::text FROM bundle ORDER BY id DESC LIMIT 1")
    return str(day)


@pytest.fixture
def desk(demo: Flask, staff: Callable[..., FlaskClient], sql: Any) -> FlaskClient:
    """An organizer's desk of the founding case, whose first office takes paper."""
    sql("UPDATE target SET channel = 'packet' WHERE id = 1")
    return staff("organizer")


@pytest.fixture
def packet(
    app: Flask,
    office: Callable[..., int],  # noqa: F811  # the fixture
    letters: Callable[..., None],  # noqa: F811  # the fixture
    deliver: Callable[[], None],
    sql: Any,
) -> Callable[..., None]:
    """Makes a packet of so many letters to one office; ``odd`` is added to the second one's words."""

    def make(n: int, odd: str = "") -> None:
        from campaign.papers import commands

        office(channel="packet")
        letters(n)
        if odd:
            sql("UPDATE letter SET body = body || %s WHERE id = 2", odd)
        with app.app_context():
            commands.begin_packet(1, 1, "someone")
        deliver()

    return make


@pytest.fixture
def one_in_a_packet(
    desk: FlaskClient,
    client: FlaskClient,
    confirm: Callable[..., Any],  # noqa: F811  # the fixture
    deliver: Callable[[], None],
) -> Any:
    """Someone's letter in the packet to the founding case's first office, which is ready; the page after the confirmation."""
    Writer(client, "wait-in-freedom").send()
    answer = confirm()
    post(desk, "/desk/targets/1/bundles", campaign="1")
    deliver()
    return answer
