"""The states of letters and deliveries in words, for the desk, why letters are held, and the usual reasons of a rejection."""

import re
from collections.abc import Callable

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from campaign.mail import answers
from campaign.web import languages

REASONS = (
    _l("It is not about this campaign."),
    _l("It advertises something."),
    _l("It threatens or insults someone."),
    _l("It tells private things about a person who is not in office."),
    _l("The same letter came under several names."),
)
"""Offered to whoever rejects a letter; the writer reads them in the letter's language."""


EARLIER_HAD_LEFT = _l("An earlier letter of the same writer had left already.")


def reason(text: str, language: str | None = None) -> str:
    """A reason as a writer of ``language`` (default: the page's) reads it: one of REASONS, or the rule's, translated, others as they are."""
    wanted = language or languages.current()
    for one in (*REASONS, EARLIER_HAD_LEFT):
        texts = {}
        for code in languages.LANGUAGES:
            with languages.speaking(code):
                texts[code] = str(one)
        if text in texts.values():
            return texts.get(wanted, text)
    return text


_HELD: dict[str, Callable[[str], str]] = {
    r"It has (a) link\.": lambda n: gettext("It has a link."),
    r"It has (\d+) links\.": lambda n: gettext("It has %(n)s links.", n=n),
    r"It is longer than (\d+) characters\.": lambda n: gettext(
        "It is longer than %(n)s characters.", n=n
    ),
    r"It contains “(.+)”\.": lambda word: gettext("It contains “%(word)s”.", word=word),
    r"The same own words came from at least (\d+) other addresses\.": lambda n: gettext(
        "The same own words came from at least %(n)s other addresses.", n=n
    ),
    r"Nearly the same own words came from at least (\d+) other addresses\.": lambda n: gettext(
        "Nearly the same own words came from at least %(n)s other addresses.", n=n
    ),
    r"At least (\d+) others came from the same network that day\.": lambda n: gettext(
        "At least %(n)s others came from the same network that day.", n=n
    ),
}


def why_held(text: str) -> str:
    """Why a letter is held, in the page's language where a rule of campaign.letters.moderation said it."""
    for pattern, said in _HELD.items():
        found = re.fullmatch(pattern, text)
        if found:
            return said(found[1])
    return text


_FOUND_OUT = re.compile(r"(\S+) found out that it arrived")


def found_out(answer: str) -> str:
    """Who says that a delivery arrived, where a person does (deciding.arrived) and not the office's mail server; else empty."""
    found = _FOUND_OUT.fullmatch(answer)
    return found[1] if found else ""


def server_answer(answer: str) -> str:
    """A delivery's last answer as the desk reads it: the server's as it is, a person's word and ours in the page's language."""
    if answer == answers.BROKE:
        return gettext("the connection broke before the server answered")
    who = found_out(answer)
    return gettext("%(who)s found out that it arrived", who=who) if who else answer


def letter_label(state: str) -> str:
    """A letter's state."""
    texts = {
        "unconfirmed": gettext("not confirmed"),
        "confirmed": gettext("confirmed"),
        "held": gettext("on hold"),
        "rejected": gettext("rejected"),
        "replaced": gettext("replaced by a newer one"),
        "withdrawn": gettext("taken back by its writer"),
    }
    return texts.get(state, state)


def delivery_label(state: str, doubted: bool = False, captured: bool = False) -> str:
    """A delivery's state; ``doubted``: a message of it may have reached the office, ``captured``: it was kept here instead."""
    if captured and state == "sent":
        return gettext("kept in the practice inbox")
    if doubted and state == "cancelled":
        return gettext("given up: not certain")
    texts = {
        "waiting": gettext("waits for its turn"),
        "queued": gettext("about to leave"),
        "sent": gettext("accepted by the office’s mail server"),
        "deferred": gettext("refused for now, tried again"),
        "failed": gettext("returned"),
        "uncertain": gettext("not certain"),
        "held": gettext("on hold"),
        "cancelled": gettext("not sent"),
    }
    return texts.get(state, state)
