"""The sentence of the consent box, in one place: what a person read is kept with their consent."""

from flask_babel import gettext


def consent_wording(organization: str) -> str:
    """What a person agrees to, in the page's language: who writes, what, how it ends (one named organization:
    EDPB Guidelines 05/2020, 42-45)."""
    return gettext(
        "%(organization)s may email me news and calls to action of this campaign and others like it. "
        "I can stop that at any time, with one press in any message.",
        organization=organization,
    )
