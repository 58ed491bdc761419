"""An office's queue is each campaign's own, and whether a campaign is urgent is looked up when a slot comes"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.drop_index("ix_delivery_waiting", "delivery")
    op.drop_column("delivery", "priority")
    op.create_index(
        "ix_delivery_waiting", "delivery", ["target_id", "campaign_id", "id"], postgresql_where=WAITING
    )


def downgrade() -> None:
    op.drop_index("ix_delivery_waiting", "delivery")
    op.add_column("delivery", sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False))
    op.execute(
        """
        UPDATE delivery d SET priority = -1 FROM campaign_target ct WHERE d.state = 'waiting' AND ct.urgent
        AND (ct.campaign_id, ct.target_id) = (d.campaign_id, d.target_id)
        """
    )
    op.create_index(
        "ix_delivery_waiting", "delivery", ["target_id", "priority", "id"], postgresql_where=WAITING
    )
