"""What finds the letters whose network's mark is to be forgotten, and the messages that wait for a person"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Databases of the last days before 0002 have it from 0001 already.
    op.create_index(
        "ix_letter_network_age",
        "letter",
        ["id"],
        unique=False,
        postgresql_where=sa.text("network <> ''"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_message_undecided",
        "message",
        ["stream", "id"],
        unique=False,
        postgresql_where=sa.text(
            "state IN ('held', 'uncertain') AND (hold_reason IS NULL OR hold_reason <> 'paused')"
        ),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_index("ix_message_undecided", table_name="message")
    op.drop_index("ix_letter_network_age", table_name="letter")
