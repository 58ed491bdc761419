"""Many people at once: each form that is sent off is followed by a look into the mail."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from campaign.demonstration import people
from campaign.demonstration.failing import Failed, stopping
from campaign.demonstration.people import Cast
from campaign.demonstration.public import Public
from campaign.demonstration.report import Progress

THREADS = 4
"""At forms, and as many again at their mail."""
EVERY_S = 3.0
SECONDS = 240.0

Act = Callable[[], None]


def acts(public: Public, cast: Cast) -> list[tuple[Act, Act | None]]:
    """What each person does at the form, and then with the mail; None: nothing."""
    found: list[tuple[Act, Act | None]] = []
    for person in [*cast.mistaken, *cast.forgetful, *cast.writers]:
        then = partial(public.confirm, person) if person.fate == people.CONFIRMS else None
        found.append((partial(public.write, person), then))
    for person in [*cast.sign_ups, *cast.quiet]:
        found.append((partial(public.sign_up, person), partial(public.confirm, person)))
    for one in cast.endorsers:
        found.append((partial(public.endorse, one), partial(public.confirm_signature, one)))
    return _mixed(found)


def _mixed(found: list[tuple[Act, Act | None]]) -> list[tuple[Act, Act | None]]:
    """Letters, sign-ups and signatures side by side, the same order in every run."""
    step = 7  # has no factor in common with most lengths; where it has, the rest follows
    return [found[n] for start in range(step) for n in range(start, len(found), step)]


def play(
    todo: Sequence[tuple[Act, Act | None]], progress: Progress, mood: Callable[[], str]
) -> None:
    """Has everybody act, and says now and then how far it is. Raises the first Failed."""
    forms = ThreadPoolExecutor(THREADS, "form")
    mails = ThreadPoolExecutor(THREADS, "mail")

    def both(first: Act, then: Act | None) -> Future[Any] | None:
        first()
        return mails.submit(then) if then else None

    try:
        firsts = [forms.submit(both, first, then) for first, then in todo]
        _await(firsts, progress, mood)
        _await([one for future in firsts if (one := future.result())], progress, mood)
    finally:
        for pool in (forms, mails):
            pool.shutdown(wait=False, cancel_futures=True)


def _await(futures: Sequence[Future[Any]], progress: Progress, mood: Callable[[], str]) -> None:
    deadline = progress.seconds + SECONDS
    left = set(futures)
    while left:
        finished, left = wait(left, EVERY_S, FIRST_EXCEPTION if len(left) > 1 else FIRST_COMPLETED)
        for future in finished:
            future.result()
        progress.say(mood())
        if progress.seconds > deadline or stopping.is_set():
            raise Failed(f"After {SECONDS:g} s {len(left)} people were still busy.")
