"""A data folder of its own for a test, and programs that hold its engines."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from campaign.engines.places import temporary_folder

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import os, sys
from campaign import config, engines
settings = config.load(os.environ)
engines.ensure(settings)
print(settings["SQLALCHEMY_DATABASE_URI"], settings["RQ_CONNECTION"], flush=True)
sys.stdin.read()
"""


class Holder:
    """A process that holds the engines until it is told to end."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        assert len(words) == 2, "the engines did not start"
        self.database_url = words[0].replace("+psycopg", "")
        self.redis_url = words[1]

    def end(self) -> None:
        """End in order."""
        self.process.communicate(timeout=20)

    def kill(self) -> None:
        """End as `kill -9` does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that PostgreSQL's own user may enter also where the tests run as root."""
    folder = temporary_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bare(data: Path) -> dict[str, str]:
    """The environment of somebody who has set nothing but DATA."""
    return bare_environment(data)


def bare_environment(data: Path) -> dict[str, str]:
    """Our own environment without any setting of the application, but DATA."""
    names = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SITE_URL", "PORT", "MAKELEVEL")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in names and not name.startswith("MAIL_")
    }
    return kept | {"DATA": str(data)}


@pytest.fixture
def hold(bare: dict[str, str]) -> Iterator[Callable[[], Holder]]:
    """Starts a process that holds the engines; all are ended after the test."""
    holders: list[Holder] = []

    def start() -> Holder:
        holders.append(Holder(bare))
        return holders[-1]

    yield start
    for holder in holders:
        if holder.process.poll() is None:
            holder.end()
