"""`campaign run`: it serves, heals what is killed, and stops all that it started and nothing else."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from campaign.engines import MARK
from campaign.engines.places import temporary_folder
from tests.engines.conftest import bare_environment

ROOT = Path(__file__).resolve().parents[2]


class Site:
    """A `campaign run` on a spare port."""

    def __init__(self, environment: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as spare:
            self.port = spare.getsockname()[1]
        self.environment = environment | {"PORT": str(self.port)}
        self.data = Path(environment["DATA"])
        self.start()

    def start(self) -> float:
        """Start and wait until it serves; how many seconds that took."""
        began = time.monotonic()
        command = [sys.executable, "-c", "from campaign.cli import main; main()", "run"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        self.said = ""
        self.reader = threading.Thread(target=self.listen, args=(self.process,), daemon=True)
        self.reader.start()
        assert self.serves(60)
        return time.monotonic() - began

    def listen(self, process: "subprocess.Popen[str]") -> None:
        """Keep what the terminal shows."""
        assert process.stdout
        for line in process.stdout:
            self.said += line

    def says(self, text: str, seconds: float = 30) -> bool:
        """Whether the terminal shows this text by then."""
        deadline = time.monotonic() + seconds
        while text not in self.said and time.monotonic() < deadline:
            time.sleep(0.05)
        return text in self.said

    def serves(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                address = f"http://127.0.0.1:{self.port}/readyz"
                with urllib.request.urlopen(address, timeout=5) as answer:
                    return answer.status == 200
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        return False

    def child(self, name: str) -> int:
        """The pid of a child whose command line holds the name."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            for child in psutil.Process(self.process.pid).children():
                with contextlib.suppress(psutil.Error):
                    if any(name in word for word in child.cmdline()):
                        return child.pid
            time.sleep(0.05)
        raise AssertionError(f"{name} does not run")

    def started(self) -> list[int]:
        """What this site started and still runs, engines included."""
        found = []
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
                ours = process.environ().get(MARK) and process.environ()["DATA"] == str(self.data)
            except psutil.Error:
                continue
            if ours or any(str(self.data) in word for word in words):
                found.append(process.pid)
        return found

    def stop(self, number: int) -> float:
        """Stop it by a signal; how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=30)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def one_site() -> Iterator[Site]:
    """One data folder for all tests here: the first start takes the longest."""
    folder = temporary_folder()
    site = Site(bare_environment(folder))
    yield site
    if site.process.poll() is None:
        site.stop(signal.SIGTERM)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def site(one_site: Site) -> Site:
    """The site, running."""
    if one_site.process.poll() is not None:
        one_site.start()
    return one_site


def test_it_says_where_it_is_and_stops_in_order(site: Site) -> None:
    site.child("worker.py")
    assert site.says(f"http://127.0.0.1:{site.port}/desk/")
    assert site.says("administrator@")
    assert site.says("/desk/inbox")
    assert site.stop(signal.SIGINT) < 10
    assert site.process.returncode == 0
    assert site.started() == []
    assert site.start() < 15  # under 3 s on a machine that does nothing else
    assert site.stop(signal.SIGTERM) < 10
    assert site.started() == []


def test_what_is_killed_comes_back(site: Site) -> None:
    killed = [site.child("worker.py"), site.child("granian")]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    time.sleep(1)
    assert site.serves(20)
    assert site.child("worker.py") not in killed
    os.kill(int((site.data / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    os.kill(int((site.data / "valkey" / "valkey.pid").read_text()), signal.SIGKILL)
    time.sleep(0.3)
    assert site.serves(20)
    for name in ("postgres", "valkey"):
        os.kill(int((site.data / "engines" / f"{name}.keeper").read_text()), signal.SIGKILL)
    time.sleep(0.3)
    assert site.serves(20)


def test_a_kill_of_the_run_itself_leaves_nothing_in_the_way(site: Site) -> None:
    site.child("worker.py")
    site.process.kill()
    site.process.wait()
    deadline = time.monotonic() + 10
    while site.started() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert site.started() == []
    assert site.start() < 20
    assert site.child("granian")


def test_a_data_folder_is_served_once(site: Site) -> None:
    command = [sys.executable, "-c", "from campaign.cli import main; main()", "run"]
    again = subprocess.run(
        command,
        cwd=ROOT,
        env=site.environment | {"PORT": str(site.port + 1)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert again.returncode == 1
    assert f"port {site.port}" in again.stderr
    assert len(again.stderr.strip().splitlines()) == 1
