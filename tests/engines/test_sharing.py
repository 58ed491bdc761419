"""The embedded engines are shared, survive a kill -9 of anything, and leave nothing running."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from campaign import engines
from campaign.engines import places, processes
from campaign.engines.postgres import programs
from tests.engines.conftest import Holder


def answers(holder: Holder) -> bool:
    try:
        with psycopg.connect(holder.database_url, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
        return bool(redis.Redis.from_url(holder.redis_url).ping())
    except (psycopg.OperationalError, redis.RedisError):
        return False


def eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def engine_pids(data: Path) -> dict[str, int]:
    return {
        "postgres": int((data / "postgres" / "postmaster.pid").read_text().split()[0]),
        "valkey": int((data / "valkey" / "valkey.pid").read_text()),
    }


def running(data: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(data) in line and process.pid != os.getpid():
            found.append(line)
    return found


def test_a_second_process_joins_the_same_engines(hold: Callable[[], Holder], data: Path) -> None:
    first, second = hold(), hold()
    assert first.database_url == second.database_url
    assert first.redis_url == second.redis_url
    pids = engine_pids(data)
    first.end()
    assert answers(second)
    assert engine_pids(data) == pids
    second.end()
    assert running(data) == []


def test_killed_engines_come_back_with_what_was_written(
    hold: Callable[[], Holder], data: Path
) -> None:
    holder = hold()
    with psycopg.connect(holder.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    redis.Redis.from_url(holder.redis_url).set("kept", "42")
    time.sleep(1.1)  # Valkey writes its file out once a second
    for pid in engine_pids(data).values():
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: answers(holder))
    with psycopg.connect(holder.database_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert redis.Redis.from_url(holder.redis_url).get("kept") == b"42"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process' children")
def test_a_killed_recovery_is_begun_again(hold: Callable[[], Holder], data: Path) -> None:
    holder = hold()
    server = engine_pids(data)["postgres"]

    def recovering() -> int | None:
        numbers = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return next((n for n in map(int, numbers) if "startup" in processes.command_line(n)), None)

    def kill_the_recovery() -> bool:
        if pid := recovering():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pid is not None

    for _ in range(10):  # it may be over before it is seen
        with contextlib.suppress(psycopg.OperationalError):
            with psycopg.connect(holder.database_url) as connection:
                os.kill(connection.info.backend_pid, signal.SIGKILL)
        if eventually(kill_the_recovery, 3) and not eventually(lambda: answers(holder), 2):
            break
    assert eventually(lambda: answers(holder), 30)


def test_a_killed_holder_does_not_keep_the_engines_running(
    hold: Callable[[], Holder], data: Path
) -> None:
    hold().kill()
    assert eventually(lambda: running(data) == [])
    assert answers(hold())


def test_killed_keepers_are_replaced_by_the_next_start(
    hold: Callable[[], Holder], data: Path
) -> None:
    first = hold()
    for name in ("postgres", "valkey"):
        os.kill(int((data / "engines" / f"{name}.keeper").read_text()), signal.SIGKILL)
    second = hold()
    assert answers(second)
    first.end()
    assert answers(second)
    second.end()
    assert running(data) == []


def test_everything_killed_at_once_starts_again(hold: Callable[[], Holder], data: Path) -> None:
    holder = hold()
    pids = list(engine_pids(data).values())
    pids += [
        int((data / "engines" / f"{name}.keeper").read_text()) for name in ("postgres", "valkey")
    ]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    holder.kill()
    assert answers(hold())


def test_files_that_name_another_program_are_no_hindrance(
    hold: Callable[[], Holder], data: Path
) -> None:
    hold().end()
    who = places.owner()
    other = subprocess.Popen(["sleep", "60"], **({"user": who.uid} if who.is_other else {}))
    lines = [other.pid, data / "postgres", 1, 5432, data / "postgres", "", "1 1", "ready"]
    stale = "\n".join(str(line) for line in lines) + "\n"
    (data / "postgres" / "postmaster.pid").write_text(stale)
    (data / "postgres" / ".s.PGSQL.5432.lock").write_text(stale)
    (data / "valkey" / "valkey.pid").write_text(f"{other.pid}\n")
    try:
        assert answers(hold())
        assert other.poll() is None, "and it was left alone"
    finally:
        other.kill()
        other.wait()


def test_temporary_engines_leave_nothing() -> None:
    with engines.temporary() as urls:
        folder = Path(urls.redis_url.removeprefix("unix://")).parent.parent
        with psycopg.connect(urls.database_url.replace("+psycopg", "")) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("off",)
        assert redis.Redis.from_url(urls.redis_url).ping()
    assert not folder.exists()
    assert running(folder) == []


def test_a_deep_data_folder_gets_short_sockets(bare: dict[str, str], data: Path) -> None:
    deep = data / ("deep" * 30)
    holder = Holder(bare | {"DATA": str(deep)})
    assert answers(holder)
    socket = Path(holder.redis_url.removeprefix("unix://").partition("?")[0])
    assert len(str(socket)) < 100
    holder.end()
    for folder in (socket.parent, Path(holder.database_url.partition("host=")[2])):
        folder.rmdir()


def test_the_programs_for_backups_are_there() -> None:
    assert {"pg_dump", "pg_restore", "psql"} <= {path.name for path in programs().iterdir()}
