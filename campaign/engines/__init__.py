"""Embedded PostgreSQL and Valkey, shared by all processes that use one DATA folder.

`ensure` starts or joins what no URL names; the last process that goes stops it. See keeper.py.
"""

import atexit
import contextlib
import fcntl
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from campaign import config as configuration
from campaign.engines.places import EngineError, temporary_folder

__all__ = ["EngineError", "Urls", "ensure", "heal", "release", "temporary"]

_KEEPER = Path(__file__).with_name("keeper.py")
_START_SECONDS = 120
_held: dict[tuple[str, Path], IO[str]] = {}
_keepers: dict[tuple[str, Path], subprocess.Popen[str]] = {}
_holder_pid = 0

# In the environment of what `campaign run` starts; keepers outlive it and must not carry it.
MARK = "CAMPAIGN_RUN"


class Urls(NamedTuple):
    """Where the engines are, as DATABASE_URL and REDIS_URL."""

    database_url: str
    redis_url: str


def ensure(config: dict[str, Any]) -> None:
    """Start or join the embedded engines where no URL is set, and fill in where they are.

    Raises ConfigError or EngineError with one sentence that says how to mend it.
    """
    data = Path(config["DATA"])
    names = _embedded(config)
    if not names:
        return
    configuration.writable(data)
    urls = _hold(data, names)
    if "postgres" in urls:
        config["SQLALCHEMY_DATABASE_URI"] = urls["postgres"]
    if "valkey" in urls:
        config.update(configuration.redis_settings(urls["valkey"]))


def _embedded(config: dict[str, Any]) -> list[str]:
    wanted = {"postgres": "SQLALCHEMY_DATABASE_URI", "valkey": "RQ_CONNECTION"}
    return [name for name, key in wanted.items() if not config.get(key)]


def heal(data: Path) -> None:
    """Start the keepers that died of the engines held here; cheap when there is nothing to do."""
    names = [name for name, folder in _held if folder == data]
    _reap()
    if names:
        _hold(data, names)


def release(data: Path | None = None) -> None:
    """Let go of the engines (of one DATA, or of all) and, as the last holder, see them stopped."""
    going = [key for key in _held if data is None or key[1] == data]
    files = [_held.pop(key) for key in going]
    for file in files:
        fcntl.flock(file, fcntl.LOCK_UN)
    deadline = time.monotonic() + 20
    for file in files:
        _await_stop(file, deadline)
        file.close()
    _reap()


def _reap() -> None:
    for key, keeper in list(_keepers.items()):
        if keeper.poll() is not None:
            del _keepers[key]


def _await_stop(holders: IO[str], deadline: float) -> None:
    """Wait while the keeper stops its engine; return at once where somebody else still holds it."""
    while time.monotonic() < deadline:
        try:
            # Nobody holds it and the keeper has not noticed yet, or has stopped and gone.
            fcntl.flock(holders, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                fcntl.flock(holders, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(0.02)  # the keeper has it exclusively: it is stopping the engine
                continue
        fcntl.flock(holders, fcntl.LOCK_UN)
        if not _kept(Path(holders.name).with_suffix(".keeper")):
            return
        time.sleep(0.01)


@contextlib.contextmanager
def temporary(fsync: bool = False) -> Iterator[Urls]:
    """A PostgreSQL and a Valkey of one's own for tests and demonstrations, deleted afterwards.

    Without fsync they are faster and a crash of the machine may lose their data.
    """
    folder = temporary_folder()
    try:
        urls = _hold(folder, ["postgres", "valkey"], fast=not fsync, delete=True)
        yield Urls(urls["postgres"], urls["valkey"])
    finally:
        ours = [keeper for key, keeper in _keepers.items() if key[1] == folder]
        release(folder)
        for keeper in ours:
            keeper.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _hold(
    data: Path, names: Sequence[str], fast: bool = False, delete: bool = False
) -> dict[str, str]:
    """Hold the engines, starting a keeper for each that has none, and say where they are."""
    global _holder_pid
    if _holder_pid != os.getpid():
        # After a fork the parent's files are not ours to let go of.
        _held.clear()
        _keepers.clear()
        _holder_pid = os.getpid()
        atexit.register(_release_at_exit, _holder_pid)
    control = data / "engines"
    control.mkdir(mode=0o700, exist_ok=True)
    starting: list[tuple[str, subprocess.Popen[str]]] = []
    options = ["--fast"] * fast + ["--delete"] * delete
    with contextlib.ExitStack() as locks:
        for name in names:
            if (name, data) not in _held:
                _held[name, data] = (control / f"{name}.holders").open("a+")
                # Waits while a keeper that lost its last holder stops the engine.
                fcntl.flock(_held[name, data], fcntl.LOCK_SH)
            start = locks.enter_context((control / f"{name}.start").open("a+"))
            fcntl.flock(start, fcntl.LOCK_EX)
            if not _kept(control / f"{name}.keeper"):
                starting.append((name, _start_keeper(name, data, options)))
        for name, keeper in starting:
            _await_ready(name, keeper)
            _keepers[name, data] = keeper
    return {name: (control / f"{name}.url").read_text().strip() for name in names}


def _kept(path: Path) -> bool:
    """Whether a keeper lives: it has a lock on this file for as long as it does."""
    try:
        file = path.open("a+")
    except FileNotFoundError:  # the keeper of a temporary folder has deleted it behind itself
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _start_keeper(name: str, data: Path, options: list[str]) -> subprocess.Popen[str]:
    with (data / "engines" / f"{name}.log").open("a") as log:
        # A session of its own: Ctrl-C in the terminal is for us, who stop it in order.
        return subprocess.Popen(
            [sys.executable, str(_KEEPER), name, str(data), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if key != MARK},
        )


def _await_ready(name: str, keeper: subprocess.Popen[str]) -> None:
    assert keeper.stdout is not None
    with keeper.stdout as answer:
        readable = select.select([answer], [], [], _START_SECONDS)[0]
        line = answer.readline().strip() if readable else ""
    if line == "ready":
        return
    keeper.kill()
    keeper.wait()
    log = f"engines/{name}.log in the data folder"
    raise EngineError(
        line.removeprefix("error ") or f"The built-in {name} did not start: see {log}."
    )


def _release_at_exit(pid: int) -> None:
    if os.getpid() == pid:
        release()
