"""Short names: what stands in addresses for an organization, a campaign, a petition, an update."""

import re
import unicodedata

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SLUG_LENGTH = 100

_APOSTROPHES = str.maketrans("", "", "'’‘ʼ`´")


def slug_of(name: str) -> str:
    """The short name made of a name: lower case, apostrophes dropped, & as "and", accents removed, every other run of
    signs a hyphen. Empty for a name without Latin letters or digits."""
    text = name.translate(_APOSTROPHES).replace("&", " and ").lower()
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_LENGTH].strip("-")


def is_slug(text: str) -> bool:
    """Whether ``text`` can stand in an address: lower-case letters and digits, in groups joined by hyphens."""
    return len(text) <= SLUG_LENGTH and SLUG.fullmatch(text) is not None
