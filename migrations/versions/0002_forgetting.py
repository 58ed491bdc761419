"""What finds the letters whose network's mark is to be forgotten, and the messages that wait for a person; rows behind
two counters that had none"""

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
    op.add_column("reply", sa.Column("after_hours", sa.Integer(), nullable=True))
    op.create_table(
        "unsubscribe",
        sa.Column("alert_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("supporter_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["supporter_id"], ["supporter.id"], name=op.f("fk_unsubscribe_supporter_id_supporter")
        ),
        sa.PrimaryKeyConstraint("alert_id", "supporter_id", name=op.f("pk_unsubscribe")),
    )


def downgrade() -> None:
    op.drop_table("unsubscribe")
    op.drop_column("reply", "after_hours")
    op.drop_index("ix_message_undecided", table_name="message")
    op.drop_index("ix_letter_network_age", table_name="letter")
