"""What is counted for an office or an alert is found without reading that of all others"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_counter_parts", "counter", ["name", "part"], postgresql_where=sa.text("day = '0001-01-01'")
    )


def downgrade() -> None:
    op.drop_index("ix_counter_parts", "counter")
