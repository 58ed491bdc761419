"""The keeper: one small process that looks after one embedded engine of one DATA folder.

It starts the engine, starts it again when it dies, and stops it when its last holder is gone.
A holder is a process with a shared lock on `<engine>.holders`; the kernel lets go of the lock
however the process ends, so a kill -9 leaves nothing behind to be tidied up.
"""

import argparse
import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

if __name__ == "__main__":  # run as a file, so that it works from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from campaign.engines import processes
from campaign.engines.places import EngineError
from campaign.engines.postgres import Postgres
from campaign.engines.valkey import Valkey

ENGINES: dict[str, type[Postgres] | type[Valkey]] = {"postgres": Postgres, "valkey": Valkey}
FIRST_START_SECONDS = 90  # recovery after a crash reads back what was written since a checkpoint
BIGGEST_LOG = 5_000_000
LOOK_SECONDS = 3
"""How often an engine is looked at that nobody tells anything of; what is seen twice is believed."""


class Keeper:
    """Keeps one engine running while anybody holds it."""

    def __init__(self, engine: Postgres | Valkey, control: Path) -> None:
        self.engine = engine
        self.control = control
        self.log = control / f"{engine.name}.log"
        self.child: subprocess.Popen[bytes] | None = None
        self.ending = False
        self._wake_in, wake_out = os.pipe()
        os.set_blocking(wake_out, False)
        self._wake_out = wake_out
        signal.set_wakeup_fd(wake_out, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)

    def _end(self, *_: object) -> None:
        self.ending = True

    def first_start(self) -> None:
        """Make the data where there is none, end what a killed keeper left, and start."""
        self.engine.prepare()
        self._end_leftover()
        deadline = time.monotonic() + 5
        while not self._start(FIRST_START_SECONDS):
            # A killed server's children may hold its shared memory for a moment.
            if self.ending or time.monotonic() > deadline:
                raise EngineError(self._why())
            self._pause(0.3)

    def keep(self, holders: IO[str]) -> None:
        """Come back when the last holder is gone or we are told to end."""
        threading.Thread(target=self._await_last, args=(holders,), daemon=True).start()
        wait, since = 0.1, time.monotonic()
        stuck = False
        while not self.ending:
            if self.child is not None and self.child.poll() is None:
                if not self._pause(LOOK_SECONDS):
                    was_stuck, stuck = stuck, self.engine.stuck(self.child.pid)
                    if stuck and was_stuck:
                        self.child.send_signal(self.engine.kill_signal)
                continue
            stuck = False
            if time.monotonic() - since > 30:
                wait = 0.1
            self._pause(wait)
            wait, since = min(wait * 2, 5), time.monotonic()
            if not self.ending:
                self._end_leftover()
                self._start(FIRST_START_SECONDS)

    def stop(self) -> None:
        """Stop the engine; its own orderly end first."""
        child = self.child
        if child is None or child.poll() is not None:
            return
        for number, seconds in ((self.engine.stop_signal, 8), (self.engine.kill_signal, 3)):
            child.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(seconds)
                return
        child.kill()
        child.wait()

    def _await_last(self, holders: IO[str]) -> None:
        fcntl.flock(holders, fcntl.LOCK_EX)
        self.ending = True
        os.write(self._wake_out, b"x")

    def _start(self, seconds: float) -> bool:
        with self.log.open("ab") as log:
            try:
                self.child = subprocess.Popen(
                    self.engine.command(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    preexec_fn=processes.dies_with_parent(self.engine.stop_signal),
                    **self.engine.as_user(),
                )
            except OSError as error:
                raise EngineError(
                    f"The built-in {self.engine.title} cannot run here ({error.strerror}): "
                    f"set {self.engine.variable} to a server of your own."
                ) from error
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.ending:
            if self.child.poll() is not None:
                return False
            if self.engine.ready():
                return True
            time.sleep(0.02)
        return False

    def _end_leftover(self) -> None:
        pid = self.engine.leftover()
        if pid is not None:
            engine = self.engine
            processes.end(pid, asking=engine.stop_signal, forcing=engine.kill_signal, patience=8)

    def _pause(self, seconds: float) -> bool:
        """Waits; True: something happened meanwhile."""
        if select.select([self._wake_in], [], [], seconds)[0]:
            os.read(self._wake_in, 4096)
            return True
        return False

    def _why(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() or ["no reason given"]
        causes = [line for line in lines[-20:] if "FATAL" in line or "error" in line.lower()]
        return (
            f"The built-in {self.engine.title} did not start ({(causes or lines)[-1].strip()}): "
            f"see {self.log}, or set {self.engine.variable} to a server of your own."
        )


def main() -> int:
    """Keep the engine that the command line names; the first line printed is `ready` or why not."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("data", type=Path)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--delete", action="store_true")
    options = parser.parse_args()
    os.chdir("/")
    os.umask(0o077)
    control = options.data / "engines"
    lock = (control / f"{options.engine}.keeper").open("a+")
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.truncate(0)
    print(os.getpid(), file=lock, flush=True)
    try:
        engine = ENGINES[options.engine](options.data, options.fast)
        keeper = Keeper(engine, control)
        if keeper.log.exists() and keeper.log.stat().st_size > BIGGEST_LOG:
            keeper.log.replace(keeper.log.with_suffix(".log.1"))
        keeper.first_start()
        (control / f"{engine.name}.url").write_text(engine.url + "\n")
    except EngineError as error:
        print(f"error {error}", flush=True)
        return 1
    except OSError as error:
        print(f"error The data folder {options.data} cannot be used ({error}).", flush=True)
        return 1
    print("ready", flush=True)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    holders = (control / f"{engine.name}.holders").open("a+")
    keeper.keep(holders)
    keeper.stop()
    if options.delete:
        shutil.rmtree(options.data, ignore_errors=True)
    # The locks go with the process: whoever waits for them may count on its end.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
