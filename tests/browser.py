"""A real browser, where Debian's chromium is installed; without it these tests skip and say so.

With SHOTS set to a folder what the tests look at is kept there as pictures.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
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
    "--in-process-gpu",
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
    # It looks this often, in seconds, whether it is to end.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    before = app.config["SITE_URL"]
    address = f"http://127.0.0.1:{server.server_port}"
    app.config["SITE_URL"] = address
    yield address
    app.config["SITE_URL"] = before
    server.shutdown()
    thread.join()


@pytest.fixture(params=[(360, "light"), (1280, "dark")], ids=["phone", "desk-dark"])
def window(request: pytest.FixtureRequest, new_context: Any) -> Any:
    """A page as a phone shows it, and as a wide screen in the dark does."""
    width, scheme = request.param
    context = new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(15_000)
    return page


def axe(page: Any, **options: Any) -> list[dict[str, Any]]:
    """What axe finds wrong with a page as it is now. Nothing else of its long answer is fetched."""
    from axe_playwright_python.base import AXE_SCRIPT

    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
        # The pages that follow come with it: so the browser keeps what it has compiled.
        page.add_init_script(AXE_SCRIPT)
    command = "async options => (await axe.run(options)).violations"
    found: list[dict[str, Any]] = page.evaluate(command, {"resultTypes": ["violations"], **options})
    return found


def look(page: Any, name: str) -> None:
    """Fits its width, and axe finds nothing."""
    page.wait_for_load_state()
    if folder := os.environ.get("SHOTS"):
        width = page.viewport_size["width"]
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0, f"{name} is {wide}px too wide"
    found = axe(page)
    assert not found, (name, [(one["id"], one["nodes"][0]["html"]) for one in found])
