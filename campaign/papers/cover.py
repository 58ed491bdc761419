"""The cover letter of a packet or digest, which is also what the digest's mail says."""

from collections import Counter
from datetime import date
from typing import Any

from sqlalchemy import select

from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.letters import message, tongue
from campaign.letters.models import Delivery, Letter
from campaign.offices.holders import holder_name, holders_on
from campaign.offices.models import Target
from campaign.papers.models import Bundle


def cover_of(bundle: Bundle, target: Target) -> tuple[Campaign, dict[str, Any]]:
    """The cover letter of a digest, for the message that carries it."""
    campaign = db.session.get_one(Campaign, bundle.campaign_id)
    holder = holders_on({target.id: bundle.day}).get(target.id, "")
    return campaign, cover(target, holder, campaign, bundle, bundle.letters, None, 0)


def cover(
    target: Target,
    holder: str,
    campaign: Campaign,
    bundle: Bundle,
    n: int,
    version: Any,
    cosigners: int,
) -> dict[str, Any]:
    """The letter, in the form that templates/papers/paper.typ reads."""
    lead = campaign.lead_organization.name
    said = _of_the_letters(n, lead) if n else []
    if version is not None:
        which = "The petition that they support" if n else f"A petition of {lead}"
        signed = f", with its {cosigners:,} co-signers" if cosigners > 1 else ""
        said.append(f"{which} is enclosed{signed}.")
    said += _of_other_languages(n, _other_languages(bundle.id) if n else Counter())
    return {
        "title": "Letters to your office" if n else "A petition to your office",
        "date": dated(bundle),
        "office": "\n".join(line for line in (holder_name(holder), f"{target.role}, {target.agency}") if line),
        "salutation": message.salutation(target.salutation, target.role, holder),
        "paragraphs": said,
        "signoff": "Sincerely,",
        "sign": lead,
    }  # fmt: skip


def _of_the_letters(n: int, lead: str) -> list[str]:
    people = "1 person has" if n == 1 else f"{n:,} people have"
    follow = (
        "The letter follows as its writer wrote it"
        if n == 1
        else "Their letters follow, each as its writer wrote it"
    )
    return [
        f"{people} written to you through a campaign of {lead}. {follow}, with name, place and email address, so that "
        "you can answer."
    ]


def _other_languages(bundle_id: int) -> Counter[str]:
    """How many of a bundle's letters are in which language, as their notes name it; those in English are left out."""
    query = (
        select(Letter.body, Letter.language)
        .join(Delivery, Delivery.letter_id == Letter.id)
        .where(Delivery.bundle_id == bundle_id)
    )
    found = Counter(tongue.other(body, language) for body, language in db.session.execute(query))
    del found[""]
    return found


def _of_other_languages(n: int, found: Counter[str]) -> list[str]:
    if not found:
        return []
    names = sorted((one for one in found if one != tongue.UNKNOWN), key=lambda one: -found[one])
    if tongue.UNKNOWN in found:
        names.append("another language" if names else tongue.UNKNOWN)
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    if n == 1:
        return [f"It is in {listed}, and is given as it is."]
    if found.total() == 1:
        return [f"One of them is in {listed}. It is given as it is, with a note that says so."]
    told = "so" if len(names) == 1 else "which language it is in"
    return [f"Letters in {listed} are given as they are, each with a note that says {told}."]


def day_text(day: date) -> str:
    """A day as letters in English write it: May 4, 2026."""
    return f"{day:%B} {day.day}, {day.year}"


def dated(bundle: Bundle) -> str:
    """The day, and which part of what reaches the office on it."""
    part = f", part {bundle.piece}" if bundle.piece > 1 else ""
    if bundle.pieces > 1:
        part = f", piece {bundle.piece} of {bundle.pieces}"
    return f"{day_text(bundle.day)}{part}"
