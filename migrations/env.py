"""Alembic's entry: migrates the database of the running application, one process at a time."""

from alembic import context
from flask import current_app
from sqlalchemy import text

db = current_app.extensions["migrate"].db

# Any number, as long as every process that migrates takes the same.
LOCK = 7_301_988


def run() -> None:
    """Runs the migrations in one transaction that holds an advisory lock, so that two starts do not race."""
    with db.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_type=True,
            transactional_ddl=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
