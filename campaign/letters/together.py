"""Letters that reach an office together, in a digest or a packet: what the feature above that puts them together tells and does.

together.use(Keeper(of, take_apart, take_out, again, stop, forget))
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import NamedTuple


class Together(NamedTuple):
    """The ``digest`` or ``packet`` that a delivery is in, and the day on which a packet was handed over."""

    kind: str
    handed_on: date | None
    gives_back: bool
    """Whether a letter can still be taken out of it."""


class Keeper(NamedTuple):
    """What that feature gives; what it changes is in the caller's transaction."""

    of: Callable[[Iterable[int]], Mapping[int, Together]]
    """By Delivery.bundle_id."""
    take_apart: Callable[[int], None]
    """A letter must not go any more: what it is in and does not give it back is taken apart, so that its deliveries wait again."""
    take_out: Callable[[int, str], None]
    """A letter's deliveries are ``cancelled`` or ``held``: it is out of what gives it back, and what others wrote stays in there."""
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


def take_apart(letter_id: int) -> None:
    """Takes apart what a letter is in, has not left, and does not give it back."""
    for keeper in _keeper:
        keeper.take_apart(letter_id)


def take_out(letter_id: int, new: str) -> None:
    """Has a letter, its deliveries now ``new`` (``cancelled`` or ``held``), out of whatever gives it back."""
    for keeper in _keeper:
        keeper.take_out(letter_id, new)


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
