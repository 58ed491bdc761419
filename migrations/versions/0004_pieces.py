"""Of how many pieces a packet is one; letters that were withdrawn from a packet"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bundle", sa.Column("pieces", sa.SmallInteger(), server_default="1", nullable=False))
    op.execute(
        """
        UPDATE bundle b SET pieces = m.most FROM (
            SELECT kind, target_id, campaign_id, day, max(piece) AS most FROM bundle GROUP BY 1, 2, 3, 4) m
        WHERE b.kind = 'packet' AND m.most > 1 AND (b.kind, b.target_id, b.campaign_id, b.day) = (m.kind, m.target_id, m.campaign_id, m.day)
        """
    )
    op.create_index(
        "ix_delivery_taken_out",
        "delivery",
        ["bundle_id"],
        postgresql_where=sa.text("bundle_id IS NOT NULL AND state = 'cancelled'"),
    )


def downgrade() -> None:
    op.drop_index("ix_delivery_taken_out", "delivery")
    op.drop_column("bundle", "pieces")
