"""The fields of a comment on regulations.gov, their lengths, and what of a letter does not fit them.

The names, the lengths and what must be there are those of its API for commenters: "Post Comment API Validation" at
open.gsa.gov/api/regulationsgov and the schemas IndividualComment, OrganizationComment and AnonymousComment of its OpenAPI file, as
published on 24 June 2026. A length counts in characters and, separately, in bytes of UTF-8; emoji are refused. Nothing is
ever cut to fit: whoever files decides what to do. ``organizationType`` and ``category`` are lists of each agency's own.
"""

import re
from collections.abc import Mapping

LIMITS = {
    "comment": 5000,
    "firstName": 25,
    "lastName": 25,
    "organization": 120,
    "email": 100,
    "phone": 50,
    "city": 50,
    "stateProvinceRegion": 50,
    "country": 50,
    "zip": 10,
}
"""Characters at most, and bytes at most."""

ANONYMOUS, INDIVIDUAL, ORGANIZATION = "ANONYMOUS", "INDIVIDUAL", "ORGANIZATION"
_ALWAYS = ("commentOnDocumentId", "submissionType", "comment")
NEEDED = {
    ANONYMOUS: _ALWAYS,
    INDIVIDUAL: (*_ALWAYS, "firstName", "lastName"),
    ORGANIZATION: (*_ALWAYS, "organization", "organizationType"),
}
"""What a comment of each kind of submitter must have."""

COLUMNS = (
    "row", "file", "commentOnDocumentId", "submissionType", "submitterType", "category", "firstName", "lastName",
    "organization", "organizationType", "email", "sendEmailReceipt", "phone", "city", "stateProvinceRegion", "zip", "country",
    "comment", "numItemsReceived", "formLetterGroup", "doesNotFit",
)  # fmt: skip
"""The index: ``row``, ``file`` and the last two are ours, the others the agency's own (``submissionKey`` and ``files`` come
to be only when a comment is posted)."""

EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b05-\u2b55\u231a\u231b\u23e9-\u23fa\ufe0f\U000e0020-\U000e007f]"
)


def misfits(fields: Mapping[str, str], submitter: str) -> list[tuple[str, str]]:
    """What does not fit, as (field, why) in English; empty where all of it does."""
    found = [(name, "empty, and needed") for name in NEEDED[submitter] if not fields.get(name)]
    for name, most in LIMITS.items():
        value = fields.get(name, "")
        characters, octets = len(value), len(value.encode())
        if characters > most:
            found.append((name, f"{characters:,} characters, {most:,} allowed"))
        elif octets > most:
            found.append((name, f"{octets:,} bytes, {most:,} allowed"))
        emoji = EMOJI.search(value)
        if emoji:
            found.append((name, f"an emoji at character {emoji.start() + 1:,}"))
    return found
