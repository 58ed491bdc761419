"""What features above add to paper packets. The co-signers are the endorsements' to tell."""

from collections.abc import Callable

Cosigners = Callable[[int], list[tuple[str, str]]]
_cosigners: list[Cosigners] = []


def register_cosigners(tell: Cosigners) -> None:
    """Has packets list what ``tell(campaign_id)`` returns: (name, kind or title), in order."""
    _cosigners[:] = [tell]


def cosigners(campaign_id: int) -> list[tuple[str, str]]:
    """A campaign's co-signers for a packet; none where nobody tells."""
    return _cosigners[0](campaign_id) if _cosigners else []
