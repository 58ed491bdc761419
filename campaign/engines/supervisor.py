"""The local process tree of `campaign run`: starts children, shows what they say, heals, stops.

honcho ends everything when one child ends; here the child is started again. Its printer does the
prefixed, coloured lines.
"""

import contextlib
import datetime
import fcntl
import json
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from honcho.printer import Message, Printer

from campaign.engines import MARK, EngineError, heal, processes

STOP_SECONDS = 7.0  # with the engines after it, all is gone within ten
LONGEST_PAUSE = 15.0


@dataclass
class Child:
    """A program to keep running, and where it stands."""

    name: str
    command: list[str]
    colour: str
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    failures: int = 0
    due: float = field(default=0.0)


class AlreadyRunning(EngineError):
    """Another `campaign run` serves this data folder."""


class Supervisor:
    """Keeps the children running until asked to stop. Signals go to `request_stop`."""

    def __init__(self, data: Path, port: int, folder: Path) -> None:
        self.data, self.folder = data, folder
        self.children: list[Child] = []
        self.stopping = threading.Event()
        self.mark = secrets.token_hex(8)
        self.note = data / "run.json"
        self._lock = (data / "run.lock").open("a+")
        self._printer = Printer(width=6)
        self._printing = threading.Lock()
        self._claim(port)

    def _claim(self, port: int) -> None:
        """Be the only one on this data folder, and end what a killed one left behind."""
        former = {}
        with contextlib.suppress(OSError, ValueError):
            former = json.loads(self.note.read_text())
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"{self.data} is in use by another campaign run (process {former.get('pid', '?')}, "
                f"port {former.get('port', '?')}): stop it, or set DATA and PORT to others."
            ) from None
        if former.get("mark"):
            processes.end_marked(MARK, former["mark"])
        self.note.write_text(json.dumps({"pid": os.getpid(), "port": port, "mark": self.mark}))

    def say(self, text: str, name: str = "run", colour: str | None = None) -> None:
        """Print a line under the name of who says it."""
        now = datetime.datetime.now(datetime.UTC).astimezone()
        with self._printing, contextlib.suppress(OSError):
            self._printer.write(Message("line", text, now, name, colour))

    def request_stop(self, *_: object) -> None:
        """Ask for the end; a signal handler."""
        self.stopping.set()

    def add(self, name: str, command: list[str], colour: str) -> Child:
        """Start a child and keep it."""
        child = Child(name, command, colour)
        self.children.append(child)
        self._start(child)
        return child

    def _start(self, child: Child) -> None:
        # A session of its own, so that Ctrl-C reaches only us and we stop all in order.
        child.process = subprocess.Popen(
            child.command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {MARK: self.mark, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=processes.dies_with_parent(signal.SIGTERM),
        )
        child.began = time.monotonic()
        assert child.process.stdout is not None
        reader = threading.Thread(
            target=self._show, args=(child, child.process.stdout), daemon=True
        )
        reader.start()

    def _show(self, child: Child, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                self.say(line.decode("utf-8", "replace").rstrip(), child.name, child.colour)

    def watch(self, until: Callable[[], bool] = lambda: False, seconds: float = 1e9) -> bool:
        """Look after children and engines; True when `until` holds, False at stop or time-out."""
        deadline = time.monotonic() + seconds
        next_heal = time.monotonic() + 2
        while not self.stopping.is_set() and time.monotonic() < deadline:
            if until():
                return True
            for child in self.children:
                self._look_after(child)
            if time.monotonic() >= next_heal:
                self._heal_engines()
                next_heal = time.monotonic() + 2
            self.stopping.wait(0.05 if seconds < 1e9 else 0.5)
        return False

    def _look_after(self, child: Child) -> None:
        process, now = child.process, time.monotonic()
        if process is not None and process.poll() is not None:
            self._end_group(process, signal.SIGKILL)
            child.failures = 0 if now - child.began > 30 else child.failures + 1
            pause = min(0.5 * 2 ** max(0, child.failures - 1), LONGEST_PAUSE)
            child.process, child.due = None, now + pause
            code = process.returncode
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            self.say(f"{child.name} ended ({how}); starting it again in {pause:g} s")
        elif process is None and now >= child.due:
            self._start(child)

    def _heal_engines(self) -> None:
        try:
            heal(self.data)
        except (EngineError, OSError) as error:
            self.say(str(error))

    def stop(self) -> None:
        """Stop the children in the order of their start, and what they started."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            self._end_group(process, signal.SIGKILL)
            process.wait()
        self.note.unlink(missing_ok=True)

    def _end_group(self, process: subprocess.Popen[bytes], number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
