"""One file with everything, taken while the site runs, and the way back.

The file is a ZIP: ``database.dump`` (pg_dump's custom format: compressed, one snapshot) and ``manifest.json`` with the
dump's SHA-256. Valkey holds nothing that the database does not, so it is not in it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from flask import current_app
from sqlalchemy import inspect, text

from campaign.clock import utcnow
from campaign.engines.tables import at_migration
from campaign.extensions import db
from campaign.mail.models import STREAMS
from campaign.reports import pg_programs, restored

FORMAT = "campaign-backup-1"
DUMP, MANIFEST, SECRET = "database.dump", "manifest.json", "secret_key"
CHUNK = 1 << 20
KEPT_EMPTY = {"alembic_version", "role"}
"""Tables that have rows in a database that is empty all the same."""


class BackupError(Exception):
    """It could not be done. The text is one sentence that says why and how to mend it."""


class Manifest(NamedTuple):
    """What a backup says of itself."""

    format: str
    taken_at: str
    migration: str
    postgresql: int
    """The major version of the pg_dump that wrote it."""
    sha256: str
    size: int
    secret: bool


def backup(path: Path, with_secret: bool = False) -> Manifest:
    """Writes everything to ``path``, readable by its owner alone; a file there is replaced only by a whole one.

    Raises BackupError.
    """
    taken_at = utcnow()
    programs = _programs(_server_major())
    part = path.with_name(path.name + ".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed,
        ):
            sha256, size = _dump(programs, packed)
            manifest = Manifest(
                FORMAT, taken_at.isoformat(), at_migration() or "",
                pg_programs.major_of(programs), sha256, size, with_secret,
            )  # fmt: skip
            if with_secret:
                packed.writestr(SECRET, str(current_app.config["SECRET_KEY"]))
            packed.writestr(MANIFEST, json.dumps(manifest._asdict(), indent=1))
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except OSError as error:
        raise BackupError(
            f"{path} cannot be written ({error.strerror}): choose another place."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """What the backup says of itself, after every byte of it has been checked. Raises BackupError."""
    damaged = f"{path} is damaged or is not a backup: take another copy of it."
    try:
        with zipfile.ZipFile(path) as packed:
            manifest = Manifest(**json.loads(packed.read(MANIFEST)))
            digest = hashlib.sha256()
            with packed.open(DUMP) as dump:
                for chunk in _chunks(dump):
                    digest.update(chunk)
    except OSError as error:
        raise BackupError(f"{path} cannot be read ({error.strerror}).") from error
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        EOFError,
        NotImplementedError,
    ) as error:
        raise BackupError(damaged) from error
    if manifest.format != FORMAT:
        raise BackupError(f"{path} was written by a later version: restore it with that one.")
    if digest.hexdigest() != manifest.sha256:
        raise BackupError(damaged)
    return manifest


def secret_of(path: Path) -> str | None:
    """The secret key in a backup; None where it was taken without."""
    with zipfile.ZipFile(path) as packed:
        return packed.read(SECRET).decode() if SECRET in packed.namelist() else None


def is_empty() -> bool:
    """Whether the database holds nobody's data."""
    tables = [name for name in inspect(db.engine).get_table_names() if name not in KEPT_EMPTY]
    quote = db.engine.dialect.identifier_preparer.quote
    with db.engine.connect() as connection:
        return not any(
            connection.execute(text(f"SELECT 1 FROM {quote(name)} LIMIT 1")).first()  # noqa: S608  # names of tables
            for name in tables
        )


def restore(path: Path, manifest: Manifest) -> None:
    """Puts a checked backup in place of what is in the database, and holds the ledger, in one transaction.

    Raises BackupError, and then nothing has changed.
    """
    _require_known(manifest)
    programs = _programs(max(manifest.postgresql, _server_major()))
    tables = inspect(db.engine).get_table_names()
    db.session.remove()
    environment = pg_programs.environment(_url())
    with zipfile.ZipFile(path) as packed, packed.open(DUMP) as dump:
        reader = subprocess.Popen(
            [str(programs / "pg_restore"), "--no-owner", "--no-privileges", "-f", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        )  # fmt: skip
        writer = subprocess.Popen(
            [str(programs / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment,
        )  # fmt: skip
        feeder = threading.Thread(target=_feed, args=(dump, reader.stdin), daemon=True)
        complaints: list[bytes] = []
        listener = threading.Thread(
            target=lambda: complaints.extend(writer.stderr or ()), daemon=True
        )
        feeder.start()
        listener.start()
        whole = _play(reader, writer, tables, manifest)
        feeder.join()
        writer.wait()
        listener.join()
    if not whole or writer.returncode:
        raise BackupError(
            f"The backup could not be restored ({_reason(complaints)}): nothing has changed."
        )


def _play(
    reader: "subprocess.Popen[bytes]",
    writer: "subprocess.Popen[bytes]",
    tables: list[str],
    manifest: Manifest,
) -> bool:
    """Sends psql the whole change as one transaction; commits only when the archive came through whole."""
    assert reader.stdout and reader.stderr and writer.stdin
    quote = db.engine.dialect.identifier_preparer.quote
    errors: list[bytes] = []
    listener = threading.Thread(target=lambda: errors.extend(reader.stderr or ()), daemon=True)
    listener.start()
    try:
        # Statements, not --single-transaction, which would commit what a broken archive began.
        writer.stdin.write(b"BEGIN;\nSET lock_timeout = '30s';\n")
        for name in tables:
            writer.stdin.write(f"DROP TABLE IF EXISTS public.{quote(name)} CASCADE;\n".encode())
        for line in reader.stdout:
            # What a newer pg_restore sets and an older server does not know.
            if not line.startswith(b"SET transaction_timeout"):
                writer.stdin.write(line)
            if line.startswith((b"CREATE TABLE", b"COPY ")):
                break
        shutil.copyfileobj(reader.stdout, writer.stdin, CHUNK)
        whole = reader.wait() == 0
        listener.join()
        writer.stdin.write(_hold_sql(manifest).encode() if whole else b"ROLLBACK;\n")
        writer.stdin.close()
    except BrokenPipeError:
        # psql has stopped at an error, which ends the transaction.
        reader.kill()
        reader.wait()
        return False
    return whole


def _hold_sql(manifest: Manifest) -> str:
    """Holds every stream before anything of the restored ledger can be claimed."""
    taken_at = datetime.fromisoformat(manifest.taken_at).isoformat()
    value = json.dumps({"held": list(STREAMS), "backup_of": taken_at})
    now = utcnow().isoformat()
    rows = ", ".join(f"('{stream}', '', 0, 'pause', '{now}', 'restore')" for stream in STREAMS)
    return f"""
SET search_path = public;
INSERT INTO mail_order (stream, origin, origin_id, action, since, by) VALUES {rows}
    ON CONFLICT (stream, origin, origin_id) DO UPDATE SET action = 'pause', since = excluded.since,
    by = excluded.by, done_at = NULL;
INSERT INTO setting (key, value, changed_at, changed_by) VALUES ('{restored.KEY}', '{value}', '{now}', 'restore')
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at,
    changed_by = excluded.changed_by;
COMMIT;
"""  # noqa: S608  # nothing in it comes from outside but a time, read and written anew above


def _require_known(manifest: Manifest) -> None:
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    folder = Path(current_app.config.get("ROOT") or Path(__file__).parents[2]) / "migrations"
    try:
        ScriptDirectory(str(folder)).get_revision(manifest.migration)
    except CommandError as error:
        raise BackupError(
            "The backup is of a version with later tables: restore it with that version of the program."
        ) from error


def _dump(programs: Path, packed: zipfile.ZipFile) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    process = subprocess.Popen(
        [str(programs / "pg_dump"), "-Fc", "--no-owner", "--no-privileges", "-t", "public.*"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=pg_programs.environment(_url()),
    )  # fmt: skip
    assert process.stdout and process.stderr
    complaints: list[bytes] = []
    listener = threading.Thread(target=lambda: complaints.extend(process.stderr or ()), daemon=True)
    listener.start()
    try:
        with packed.open(DUMP, "w", force_zip64=True) as dump:
            for chunk in _chunks(process.stdout):
                digest.update(chunk)
                size += len(chunk)
                dump.write(chunk)
    except BaseException:
        process.kill()
        raise
    finally:
        process.wait()
        listener.join()
    if process.returncode:
        raise BackupError(f"The database could not be read ({_reason(complaints)}).")
    return digest.hexdigest(), size


def _feed(dump: IO[bytes], to: IO[bytes] | None) -> None:
    assert to is not None
    try:
        with to:
            shutil.copyfileobj(dump, to, CHUNK)
    except (OSError, ValueError):
        return  # the reader has ended: its exit code says why


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _programs(at_least: int) -> Path:
    try:
        return pg_programs.folder(at_least)
    except pg_programs.ProgramsMissing as error:
        raise BackupError(str(error)) from error


def _url() -> str:
    return str(current_app.config["SQLALCHEMY_DATABASE_URI"])


def _server_major() -> int:
    number: Any = db.session.execute(text("SHOW server_version_num")).scalar_one()
    db.session.rollback()
    return int(number) // 10000


def _reason(complaints: list[bytes]) -> str:
    lines = [line.decode("utf-8", "replace").strip() for line in complaints]
    wrong = [line for line in lines if "error" in line.lower()] or lines or ["no reason given"]
    # A row's values may follow in a DETAIL line: only the first line is shown.
    return wrong[0][:200].rstrip(".")
