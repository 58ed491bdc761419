"""Folding: the journal's new rows are added to the counters, each exactly once."""

from sqlalchemy import text

from campaign.clock import utcnow
from campaign.counts.models import ALL_DAYS
from campaign.extensions import db

FOLD_AT_ONCE = 20_000

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('campaign.counts.fold'))")

# One statement, so that a row is marked folded in the very transaction that adds it. The order of the
# upserts is fixed, so that two folds could never wait for each other.
_FOLD = text(
    """
    WITH taken AS (
        UPDATE journal SET folded_at = :now
        WHERE id IN (
            SELECT id FROM journal WHERE folded_at IS NULL
            ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
        )
        RETURNING campaign_id, name, part, (at AT TIME ZONE 'UTC')::date AS day, delta
    ), sums AS (
        SELECT campaign_id, name, part, day, sum(delta) AS value
        FROM (
            SELECT * FROM taken
            UNION ALL
            SELECT campaign_id, name, part, CAST(:all_days AS date), delta FROM taken
        ) AS both_days
        GROUP BY campaign_id, name, part, day
    ), added AS (
        INSERT INTO counter AS c (campaign_id, name, part, day, value)
        SELECT * FROM sums ORDER BY campaign_id, name, part, day
        ON CONFLICT (campaign_id, name, part, day) DO UPDATE SET value = c.value + excluded.value
    )
    SELECT count(*) FROM taken
    """
)


def fold() -> int:
    """Brings the counters up to date and returns how many journal rows it took (0: none, or another fold is at it)."""
    total = 0
    while True:
        if not db.session.execute(_LOCK).scalar():
            db.session.rollback()
            return total
        taken = db.session.execute(
            _FOLD, {"now": utcnow(), "limit": FOLD_AT_ONCE, "all_days": ALL_DAYS}
        ).scalar_one()
        db.session.commit()
        total += taken
        if taken < FOLD_AT_ONCE:
            return total
