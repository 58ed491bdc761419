"""Which letters say nearly the same, of many."""

import random

from campaign.letters.grouping import NEAR, places
from campaign.letters.words import distance


def flipped(mark: int, bits: int, ghost: random.Random) -> int:
    for bit in ghost.sample(range(64), bits):
        mark ^= 1 << bit
    return mark


def unlike(n: int) -> list[int]:
    ghost = random.Random(3)
    return [ghost.getrandbits(64) - (1 << 63) for _ in range(n)]


def test_near_ones_come_together_whichever_bits_they_differ_in() -> None:
    ghost = random.Random(5)
    others = unlike(300)
    for bits in range(NEAR + 1):
        for one in others[:100]:
            found = places([*others, flipped(one, bits, ghost)])
            assert found[-1] == others.index(one)
    assert sorted(set(places(others))) == list(range(len(others)))


def test_leaders_are_never_near_one_another_even_in_a_crowd() -> None:
    ghost = random.Random(7)
    crowd = [flipped(0, ghost.randint(0, 12), ghost) for _ in range(600)]
    found = places(crowd)
    leaders = [crowd[found.index(group)] for group in range(max(found) + 1)]
    assert len(leaders) < len(crowd)
    assert all(
        distance(one, other) > NEAR
        for place, one in enumerate(leaders)
        for other in leaders[:place]
    )
    for mark, group in zip(crowd, found, strict=True):
        assert distance(mark, leaders[group]) <= 2 * NEAR
