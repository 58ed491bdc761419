"""How many other people wrote nearly the same words, asked when a letter is confirmed.

Four indexes hold a quarter of each fingerprint (campaign.letters.words): two that differ in three bits share a quarter for
certain, and of those that differ in seven every other pair does. Of one letter with a word more or less that finds six to
nine in ten of the others, and whoever copies many is found by some. Only the newest that share a quarter are looked at, so
that it costs the same however many letters there are.
"""

from sqlalchemy import text

from campaign.extensions import db
from campaign.letters.grouping import NEAR
from campaign.letters.models import OWN_WORDS, QUARTERS, Letter, quarter

LOOKED_AT = 200
"""Letters that share one quarter."""

# Letters that keep half of a suggestion resemble each other by right: those are not compared.
OWN = 0.6
"""So much of a letter must be its writer's own, as OWN_WORDS says in SQL."""

_SHARING = " UNION ALL ".join(
    f"""(SELECT supporter_id, fingerprint FROM letter
    WHERE campaign_id = :campaign_id AND {quarter(shift)} = :quarter{shift} AND {OWN_WORDS}
    ORDER BY id DESC LIMIT :looked_at)"""  # noqa: S608  # our own text
    for shift in QUARTERS
)
_COUNT = text(
    f"""
    SELECT count(DISTINCT supporter_id) FROM ({_SHARING}) AS sharing WHERE supporter_id <> :supporter_id
    AND bit_count((fingerprint # CAST(:fingerprint AS bigint))::bit(64)) <= :near
    """  # noqa: S608  # our own text
)


def others(letter: Letter) -> int:
    """How many other people's letters in its campaign say nearly the same; 0 for one that is mostly a suggestion's."""
    if letter.own_share < OWN:
        return 0
    values = {
        "campaign_id": letter.campaign_id, "supporter_id": letter.supporter_id, "fingerprint": letter.fingerprint,
        "looked_at": LOOKED_AT, "near": NEAR,
    }  # fmt: skip
    values |= {f"quarter{shift}": letter.fingerprint >> shift & 0xFFFF for shift in QUARTERS}
    return int(db.session.execute(_COUNT, values).scalar_one())
