"""A site of the demonstration's own: temporary data, spare ports, `campaign run` as a separate program."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from campaign.config import ROOT
from campaign.demonstration.failing import Failed, wait_until
from campaign.engines import MARK, processes
from campaign.engines.places import temporary_folder

COMMAND = [sys.executable, "-c", "from campaign.cli import main; main()"]
START_SECONDS = 120.0
COMMAND_SECONDS = 120.0
STOP_SECONDS = 30.0
SENDER = "letters@coalition.example"
_OTHERS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SITE_URL", "MAKELEVEL", MARK)
"""What would make it somebody else's site."""


class Instance:
    """The site, its command line and its log."""

    def __init__(self, mail_port: int) -> None:
        self.folder = temporary_folder()
        self.log = self.folder / "run.log"
        with socket.create_server(("127.0.0.1", 0)) as spare:
            self.port = int(spare.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in _OTHERS and not name.startswith(("MAIL_", "GRANIAN_"))
        }
        self.environment = kept | {
            "DATA": str(self.folder / "data"),
            "PORT": str(self.port),
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(mail_port),
            "MAIL_DEFAULT_SENDER": SENDER,
            # All the visitors come from one network.
            "PUBLIC_POSTS": "100000 per hour",
        }
        self._run: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._commands: set[subprocess.Popen[str]] = set()

    def campaign(self, *arguments: str | Path, stdin: str = "") -> str:
        """Runs `campaign …` on this instance and returns what it printed. Raises Failed where it refuses."""
        words = [str(one) for one in arguments]
        name = " ".join(("campaign", *words[:2]))
        process = subprocess.Popen(
            [*COMMAND, *words], cwd=ROOT, env=self.environment, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._commands.add(process)
        try:
            printed, complaint = process.communicate(stdin, timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failed(f"{name} took longer than {COMMAND_SECONDS:g} s.") from None
        finally:
            self._commands.discard(process)
        if process.returncode != 0:
            raise Failed(
                f"{name} ended with {process.returncode}: {(complaint or printed).strip()[-400:]}"
            )
        return printed

    def start(self) -> None:
        """Starts `campaign run`. Called from the main thread: with its end the site ends too."""
        self._log = self.log.open("wb")
        self._run = subprocess.Popen(
            [*COMMAND, "run"], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self._log, stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C is for us, who stop it in order.
            start_new_session=True, preexec_fn=processes.dies_with_parent(signal.SIGTERM),
        )  # fmt: skip

    def await_ready(self) -> None:
        """Waits until the site and its engines answer. Raises Failed with the log's last lines."""
        wait_until("the site to answer", self._ready, START_SECONDS, pause=0.1)

    def _ready(self) -> bool:
        if self._run is None or self._run.poll() is not None:
            raise Failed(f"campaign run ended by itself: {self.said(5)}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310  # our own address
                return bool(answer.status == 200)
        return False

    def said(self, lines: int) -> str:
        """The last lines of the site's log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text("utf-8", "replace").strip().splitlines()[-lines:])
        return ""

    def stop(self) -> None:
        """Stops all that was started, engines included."""
        for process in list(self._commands):
            process.kill()
        if self._run is not None and self._run.poll() is None:
            self._run.terminate()
            try:
                self._run.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._run.kill()
                self._run.wait()
        if self._log is not None:
            self._log.close()
        self._await_engines()

    def _await_engines(self) -> None:
        """The engines stop by themselves with the last process that uses them."""
        deadline = time.monotonic() + STOP_SECONDS
        notes = list((self.folder / "data" / "engines").glob("*.keeper"))
        while time.monotonic() < deadline and any(_keeper_lives(note) for note in notes):
            time.sleep(0.05)

    def remove(self) -> None:
        """Deletes the folder and all data in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _keeper_lives(note: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return processes.command_line_has(int(note.read_text()), "keeper.py")
    return False
