"""Which migration the database is at, and which one this version of the code expects."""

import re
from functools import cache
from pathlib import Path

VERSIONS = Path(__file__).resolve().parents[2] / "migrations" / "versions"
_HEADER = re.compile(r"^(revision|down_revision)[^=\n]*=\s*(.+)$", re.MULTILINE)


@cache
def head() -> str:
    """The newest migration's name, read off the files, since loading Alembic takes longer than the answer is worth."""
    revisions, parents = set(), set()
    for path in VERSIONS.glob("*.py"):
        found = dict(_HEADER.findall(path.read_text(encoding="utf-8")))
        revisions.add(found["revision"].strip("\"' "))
        parents.add(found["down_revision"].strip("\"' "))
    heads = revisions - parents
    if len(heads) != 1:
        raise RuntimeError(
            f"migrations/versions has {len(heads)} heads instead of one: {sorted(heads)}"
        )
    return heads.pop()


def at_migration() -> str | None:
    """The migration that the database is at; None for an empty one. Raises OperationalError where none answers."""
    # `campaign run` asks for head() alone, and starts sooner without SQLAlchemy.
    from sqlalchemy import text
    from sqlalchemy.exc import ProgrammingError

    from campaign.extensions import db

    try:
        row = db.session.execute(text("SELECT version_num FROM alembic_version")).first()
        return row[0] if row else None
    except ProgrammingError:
        return None
    finally:
        db.session.rollback()
