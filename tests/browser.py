"""A real browser, where Debian's chromium is installed; without it these tests skip and say so."""

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

# A page under three other tests on two cores may take its time; only a wrong one takes this long.
expect.set_options(timeout=20_000)

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Launches Debian's chromium."""
    if CHROMIUM is None:
        pytest.skip("no browser: install Debian's chromium to run this test")
    return {"executable_path": CHROMIUM, "args": ARGUMENTS}


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The application behind a real HTTP server; its address."""
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    before = app.config["SITE_URL"]
    address = f"http://127.0.0.1:{server.server_port}"
    app.config["SITE_URL"] = address
    yield address
    app.config["SITE_URL"] = before
    server.shutdown()
    thread.join()
