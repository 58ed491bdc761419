"""Letters that reach an office together, in a digest or a packet: what the feature above that puts them together tells and does.

together.use(Keeper(of, take_out, take_back, again, stop, forget))
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import NamedTuple


class Together(NamedTuple):
    """The ``digest`` or ``packet`` that a delivery is in, and the day on which a packet was handed over."""

    kind: str
    handed_on: date | None
    gives_back: bool
    """Whether a writer can still take a letter out of it."""


class Keeper(NamedTuple):
    """What that feature gives; what it changes is in the caller's transaction."""

    of: Callable[[Iterable[int]], Mapping[int, Together]]
    """By Delivery.bundle_id."""
    take_out: Callable[[int], None]
    """A letter must not go any more: what it is in and has not left is taken apart, and its deliveries wait again."""
    take_back: Callable[[int], None]
    """A letter's writer takes it back: it is out of what gives it back, and what others wrote stays in there."""
    again: Callable[[int], int]
    """What came back from an office (Target.id) with several letters in it is taken apart; how many letters wait again."""
    stop: Callable[[int], None]
    """A campaign's letters were cancelled: what they are in and nobody has handed over is taken apart."""
    forget: Callable[[int, int], None]
    """A letter (of a campaign) loses its words: no file that is kept holds them any longer."""


_keeper: list[Keeper] = []


def use(keeper: Keeper) -> None:
    """Has letters ask ``keeper``."""
    _keeper[:] = [keeper]


def of(bundle_ids: Collection[int]) -> Mapping[int, Together]:
    """What deliveries are in, by Delivery.bundle_id."""
    return _keeper[0].of(bundle_ids) if _keeper and bundle_ids else {}


def take_out(letter_id: int) -> None:
    """Takes a letter out of whatever has not left."""
    for keeper in _keeper:
        keeper.take_out(letter_id)


def take_back(letter_id: int) -> None:
    """Has a letter out of whatever gives it back."""
    for keeper in _keeper:
        keeper.take_back(letter_id)


def again(target_id: int) -> int:
    """Takes apart what came back from an office; how many letters wait again."""
    return sum(keeper.again(target_id) for keeper in _keeper)


def stop(campaign_id: int) -> None:
    """Takes apart what holds letters of a campaign whose letters were cancelled."""
    for keeper in _keeper:
        keeper.stop(campaign_id)


def forget(letter_id: int, campaign_id: int) -> None:
    """Has no kept file hold a letter's words."""
    for keeper in _keeper:
        keeper.forget(letter_id, campaign_id)
