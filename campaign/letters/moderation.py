"""Rules that put a letter on hold until a person has read it. They change nothing in it."""

from campaign.letters.models import Letter


def reason_to_hold(letter: Letter) -> str:
    """Why a person should read this letter first; empty where no rule says so."""
    return ""
