"""Rules that put a letter on hold until a person has read it. They change nothing in it.

Organizers set them at the desk. A letter is looked at once, when its writer confirms it; a held one never keeps others.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select

from campaign import settings
from campaign.extensions import db
from campaign.letters import nearly
from campaign.letters.models import Letter
from campaign.letters.rules import links as links_in

SETTING = "letters.rules"
OWN = 0.3
"""Letters with at least this share of own words should not be the same; unchanged templates are, and are welcome."""


@dataclass(frozen=True)
class Rules:
    """What is held. A number of 0 switches its rule off."""

    links_from: int = 2
    """So many links or more."""
    words: tuple[str, ...] = ()
    """Letters that contain one of these words, whatever their case."""
    same: int = 10
    """The same own words, or nearly the same, from so many other addresses."""
    longest: int = 0
    """Longer than so many characters."""
    network: int = 100
    """So many others from the same network on the same day."""


def rules() -> Rules:
    """The rules in force."""
    kept: dict[str, Any] = settings.get(SETTING) or {}
    known = {name: kept[name] for name in Rules.__dataclass_fields__ if name in kept}
    known["words"] = tuple(known.get("words", ()))
    return Rules(**known)


def words_of(campaign_id: int) -> tuple[str, ...]:
    """The words that hold a letter in this campaign alone."""
    return tuple(settings.get(f"{SETTING}.words.{campaign_id}") or ())


def save_words(campaign_id: int, words: Sequence[str], by: str) -> None:
    """Sets them for letters confirmed from now on."""
    settings.put(f"{SETTING}.words.{campaign_id}", list(words), by)
    db.session.commit()


def save(new: Rules, by: str) -> None:
    """Sets the rules for letters confirmed from now on."""
    settings.put(SETTING, asdict(new) | {"words": list(new.words)}, by)
    db.session.commit()


def reason_to_hold(letter: Letter) -> str:
    """Why a person should read this letter first, in English; empty where no rule says so."""
    found = rules()
    text = f"{letter.subject}\n{letter.body}"
    links = len(links_in(text))
    if found.links_from and links >= found.links_from:
        return "It has a link." if links == 1 else f"It has {links} links."
    if found.longest and len(letter.body) > found.longest:
        return f"It is longer than {found.longest} characters."
    shown = _as_seen(f"{letter.given_name} {letter.family_name}\n{text}")
    for word in (*found.words, *words_of(letter.campaign_id)):
        if re.search(rf"(?<!\w){re.escape(_as_seen(word))}(?!\w)", shown):
            return f"It contains “{word}”."
    if found.same and letter.own_share >= OWN:
        others = _same(letter, found.same)
        if others >= found.same:
            return f"The same own words came from at least {others} other addresses."
        others = nearly.others(letter)
        if others >= found.same:
            return f"Nearly the same own words came from at least {others} other addresses."
    if found.network and letter.network and _near(letter, found.network) >= found.network:
        return f"At least {found.network} others came from the same network that day."
    return ""


def _as_seen(text: str) -> str:
    """Words as a reader sees them: a soft hyphen, a joiner or another form of a letter makes no other word."""
    visible = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return unicodedata.normalize("NFKC", visible).casefold()


def _near(letter: Letter, most: int) -> int:
    """How many letters of other people came from the same network that day, counted no further than ``most``.

    The network's name is a keyed hash of the day (campaign.web.limits); only confirmed letters count, so that whoever
    floods the form does not hold up the neighbours.
    """
    others = (
        select(Letter.id)
        .where(
            Letter.network != "",  # as its index says
            Letter.network == letter.network,
            Letter.supporter_id != letter.supporter_id,
            Letter.state.in_(("confirmed", "held")),
        )
        .limit(most)
    )
    return int(db.session.scalar(select(func.count()).select_from(others.subquery())) or 0)


def _same(letter: Letter, most: int) -> int:
    """How many other people's letters in this campaign say the very same, counted no further than ``most``.

    Only confirmed letters count, here too: whoever sends off someone's words from addresses that are not theirs does not
    hold that person's letter up, and what the desk says of so many addresses is proved.
    """
    others = (
        select(Letter.supporter_id)
        .where(
            Letter.campaign_id == letter.campaign_id,
            Letter.fingerprint == letter.fingerprint,
            Letter.own_share > 0,
            Letter.supporter_id != letter.supporter_id,
            Letter.state.in_(("confirmed", "held")),
        )
        .distinct()
        .limit(most)
    )
    return int(db.session.scalar(select(func.count()).select_from(others.subquery())) or 0)
