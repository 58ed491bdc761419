"""PostgreSQL's own programs: which ones fit a server, and how they are told where it is."""

import contextlib
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from psycopg import pq

from campaign.engines import postgres
from campaign.engines.places import EngineError

NEEDED = ("pg_dump", "pg_restore", "psql")


class ProgramsMissing(Exception):
    """No fitting programs are installed. The text is one sentence with the mend."""


def folder(at_least: int) -> Path:
    """The folder with the oldest installed programs of major version ``at_least`` or later.

    pg_dump reads servers of its own version and older ones; pg_restore reads archives of its own and older ones.
    The oldest that fits speaks the language of the server best. Raises ProgramsMissing.
    """
    found = sorted((major, place) for place in _places() if (major := _major(place)) >= at_least)
    if not found:
        raise ProgramsMissing(
            f"pg_dump, pg_restore and psql of PostgreSQL {at_least} or later are not installed: "
            f"install them (on Debian: postgresql-client-{at_least})."
        )
    return found[0][1]


def major_of(place: Path) -> int:
    """The major version of the programs in a folder."""
    return _major(place)


def environment(url: str) -> dict[str, str]:
    """The variables that tell libpq's programs where the database is; the command line, which all can read, does not.

    ``url`` is SQLAlchemy's.
    """
    libpq = url.replace("postgresql+psycopg://", "postgresql://", 1).encode()
    values = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    values["PGCONNECT_TIMEOUT"] = "10"
    values["PGAPPNAME"] = "campaign"
    for option in pq.Conninfo.parse(libpq):
        if option.val is not None and option.envvar:
            values[option.envvar.decode()] = option.val.decode()
    return values


def _places() -> list[Path]:
    places = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    places += Path("/usr/lib/postgresql").glob("*/bin")
    with contextlib.suppress(EngineError):
        places.append(postgres.programs())
    return [
        place for place in dict.fromkeys(places) if all((place / name).exists() for name in NEEDED)
    ]


@cache
def _major(place: Path) -> int:
    try:
        done = subprocess.run(
            [str(place / "pg_dump"), "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", done.stdout)
    return int(found[1]) if found and shutil.which("psql", path=str(place)) else 0
