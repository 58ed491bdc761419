"""Pieces of packets, letters taken back out of them; comments filed, in a petition's history; the hour of an office's digest; of uncertain fate; offices that are no more; nearly the same words"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KINDS = (
    "'filed', 'received', 'docketed', 'published', 'extended', 'closed', 'hearing', 'answered', 'granted', 'denied', "
    "'withdrawn', 'other'"
)


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
    op.drop_constraint("ck_petition_event_kind_known", "petition_event")
    op.create_check_constraint(
        op.f("ck_petition_event_kind_known"), "petition_event", f"kind IN ({KINDS}, 'commented')"
    )
    op.add_column("petition_event", sa.Column("document_id", sa.String(), server_default="", nullable=False))
    op.add_column("petition_event", sa.Column("alone", sa.Integer(), nullable=True))
    op.add_column("petition_event", sa.Column("forms", sa.Integer(), nullable=True))
    op.add_column("target", sa.Column("digest_at", sa.Time(), nullable=True))
    op.add_column("target", sa.Column("digested_until", sa.DateTime(timezone=True), nullable=True))
    # An office that had its digest today gets no second one.
    op.execute(
        """
        UPDATE target t
        SET digested_until = (b.day + 1)::timestamp AT TIME ZONE t.timezone - interval '1 microsecond'
        FROM (SELECT target_id, max(day) AS day FROM bundle WHERE kind = 'digest' AND state <> 'undone' GROUP BY 1) b
        WHERE b.target_id = t.id
        """
    )
    op.add_column("delivery", sa.Column("doubted", sa.Boolean(), server_default="false", nullable=False))
    op.execute("UPDATE delivery SET doubted = true WHERE state = 'uncertain'")
    op.add_column("target", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    for shift in (0, 16, 32, 48):
        op.create_index(
            f"ix_letter_quarter_{shift}",
            "letter",
            ["campaign_id", sa.text(f"((fingerprint >> {shift}) & 65535)"), "id"],
            postgresql_where=sa.text("own_share >= 0.6 AND state IN ('confirmed', 'held')"),
        )


def downgrade() -> None:
    for shift in (0, 16, 32, 48):
        op.drop_index(f"ix_letter_quarter_{shift}", "letter")
    op.drop_column("target", "retired_at")
    op.drop_column("delivery", "doubted")
    op.drop_column("target", "digested_until")
    op.drop_column("target", "digest_at")
    for name in ("forms", "alone", "document_id"):
        op.drop_column("petition_event", name)
    op.execute("UPDATE petition_event SET kind = 'other' WHERE kind = 'commented'")
    op.drop_constraint("ck_petition_event_kind_known", "petition_event")
    op.create_check_constraint(
        op.f("ck_petition_event_kind_known"), "petition_event", f"kind IN ({KINDS})"
    )
    op.drop_index("ix_delivery_taken_out", "delivery")
    op.drop_column("bundle", "pieces")
