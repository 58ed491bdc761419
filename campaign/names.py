"""A person's name in one line, as pages and letters show it."""

import re

# Chinese, Japanese and Korean signs. Katakana alone is not among them: in it stand names from elsewhere, given name first.
_EAST = (
    r"\u3005\u3400-\u9fff\uf900-\ufaff\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f\U00020000-\U000323af"
)
_EASTERN = re.compile(rf"[{_EAST}\u3040-\u30ff]*[{_EAST}\u3040-\u309f][{_EAST}\u3040-\u30ff]*")


def eastern(name: str) -> bool:
    """Whether a part of a name is in Chinese, Japanese or Korean signs, in which the family's name comes first."""
    return _EASTERN.fullmatch(name) is not None


def full_name(given: str, family: str) -> str:
    """Given and family name; in Chinese, Japanese and Korean signs the family's stands first, without a blank.

    Written in Latin letters nobody can tell: there the given name comes first, as offices here read it.
    """
    given, family = given.strip(), family.strip()
    if eastern(given) and eastern(family):
        return f"{family}{given}"
    return f"{given} {family}".strip()
