"""The message table's keys leave room for what becomes of a message; refused ones have an index"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEYS = ("pk_message", "uq_message_unit")


def upgrade() -> None:
    # A row is written three times (queued, leased, sent), and each version has its entry in both keys, beside the one before.
    # In full pages (90 is the default) nearly every page would have to be cleaned and split while an alert leaves.
    for key in KEYS:
        op.execute(f"ALTER INDEX {key} SET (fillfactor = 33)")
    op.create_index(
        "ix_message_failed", "message", ["origin", "origin_id", "id"], postgresql_where=sa.text("state = 'failed'")
    )


def downgrade() -> None:
    op.drop_index("ix_message_failed", "message")
    for key in KEYS:
        op.execute(f"ALTER INDEX {key} RESET (fillfactor)")
