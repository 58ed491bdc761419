"""Letters on paper: a packet for delivery by hand, or the PDF of a day's digest, set by typst.

For an agency with requirements of its own (campaign.papers.checking) the packet is the petition itself, and its first
page carries what the agency's rules ask for. What is set is in English but for the writers' own words.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import select

from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.letters import message
from campaign.letters.models import Delivery, Letter, LetterTemplate
from campaign.letters.render import templates_of
from campaign.offices import plan
from campaign.offices.holders import holders_on
from campaign.offices.hours import office_of
from campaign.offices.models import Target
from campaign.papers import enclosures, glyphs
from campaign.papers.blocks import blocks
from campaign.papers.checking import petition_for
from campaign.papers.cover import cover, dated, day_text
from campaign.papers.models import Bundle
from campaign.petitions.models import PetitionVersion
from campaign.supporters.models import Supporter
from campaign.web.frame import site

BATCH = 500

SET_S = 300
"""Seconds after which a part of a PDF is given up; a hundred letters take about two."""

WORDS = {
    "contents": "Contents",
    "petition": "The petition",
    "letters": "The letters",
    "cosigners": "The co-signers",
}
"""The headings of the parts."""


def set_bundle(bundle: Bundle, told: Callable[[int], None]) -> tuple[bytes, int, str]:
    """The PDF of a bundle as it stands in the tables, its pages, and what an organizer should know of it, in English, or nothing.

    ``told`` hears now and then how many letters are set.
    """
    target = db.session.get_one(Target, bundle.target_id)
    campaign = db.session.get_one(Campaign, bundle.campaign_id)
    holder = holders_on({target.id: bundle.day}).get(target.id, "")
    letters = list(_letters(bundle, target, campaign, holder))
    problem = glyphs.mark(letters)
    packet = bundle.kind == "packet"
    version = petition_for(campaign.id, target) if packet else None
    cosigners = enclosures.cosigners(campaign.id) if packet else []
    lead = campaign.lead_organization.name
    data = {
        "title": _title(campaign, bundle),
        "lead": lead,
        "lead_address": _address(lead, version),
        "running": f"{lead} to the {target.role}, {dated(bundle)}",
        "form": _form(version, target, dated(bundle)) if version is not None else None,
        "cover": cover(target, holder, campaign, bundle, len(letters), version, len(cosigners)),
        "words": WORDS,
        "petition": _petition(version),
        "letters": letters,
        "cosigners": [{"name": name, "detail": detail} for name, detail in cosigners],
    }
    # Here and not above: pypdf takes 13 MB, which only the process that sets papers needs.
    from campaign.papers import assembling

    pdf = assembling.assemble(data, compile_, told)
    return pdf, assembling.pages(pdf), problem


def _address(lead: str, version: PetitionVersion | None) -> str:
    """Where an answer on paper reaches the organization that leads, where we know it."""
    if lead == site().name:
        return site().postal_address
    facts = version.facts if version is not None else {}
    return _english(facts.get("petitioner_address")) if facts.get("petitioner") == lead else ""


def compile_(data: dict[str, Any]) -> bytes:
    """Sets ``data``, in the form that templates/papers/paper.typ reads, as PDF. Raises RuntimeError where that fails."""
    source = Path(current_app.root_path).parent / "templates" / "papers" / "paper.typ"
    with tempfile.TemporaryDirectory() as folder:
        read, written = Path(folder) / "data.json", Path(folder) / "paper.pdf"
        words = json.dumps(data, ensure_ascii=False)
        # A separator in a title or a name would stretch its line; letters have none any more (message.paragraphs).
        read.write_text(words.replace("\u2028", " ").replace("\u2029", " "), encoding="utf-8")
        command = [sys.executable, str(glyphs.TYPESET), str(source), str(read), str(written)]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=SET_S, check=False
            )  # our own words
        except subprocess.TimeoutExpired as error:
            raise RuntimeError("the PDF took too long") from error
        if done.returncode:
            # What typst says quotes the letters: it stays out of the log.
            raise RuntimeError("typst refused the document")
        return written.read_bytes()


def _title(campaign: Campaign, bundle: Bundle) -> str:
    title = campaign.title.get("en") or next(iter(campaign.title.values()), "")
    return f"{title} ({dated(bundle)})"


def _form(version: PetitionVersion, target: Target, dated: str) -> dict[str, Any]:
    facts = {key: _english(value) for key, value in version.facts.items()}
    rows = [
        ("To", facts.get("agency_name") or target.agency),
        ("Petitioner", "\n".join(p for p in (facts.get("petitioner"), facts.get("petitioner_address")) if p)),
        ("Mailed to", facts.get("submit_to", "")),
        ("Under", facts.get("authority", "")),
        ("Date", dated),
    ]  # fmt: skip
    return {
        "legal_form": facts.get("legal_form") or "Petition",
        "title": _english(version.title),
        "rows": [{"label": label, "value": value} for label, value in rows if value],
    }


def _petition(version: PetitionVersion | None) -> dict[str, Any] | None:
    if version is None:
        return None
    return {"title": _english(version.title), "blocks": blocks(_english(version.body))}


def _letters(
    bundle: Bundle, target: Target, campaign: Campaign, holder: str
) -> Iterator[dict[str, Any]]:
    templates = templates_of([campaign.id])
    template = templates.get((campaign.id, target.agency))
    last, number = 0, 0
    while rows := _rows(bundle.id, last):
        for delivery_id, letter, email in rows:
            last, number = delivery_id, number + 1
            yield _letter(number, letter, email, target, holder, template)
        for _, letter, _ in rows:
            db.session.expunge(letter)


def _rows(bundle_id: int, last: int) -> list[Any]:
    query = (
        select(Delivery.id, Letter, Supporter.email)
        .join(Letter, Letter.id == Delivery.letter_id)
        .join(Supporter, Supporter.id == Letter.supporter_id)
        .where(Delivery.bundle_id == bundle_id, Delivery.id > last)
        .order_by(Delivery.id)
        .limit(BATCH)
    )
    return list(db.session.execute(query).all())


def _letter(
    number: int,
    letter: Letter,
    email: str,
    target: Target,
    holder: str,
    template: LetterTemplate | None,
) -> dict[str, Any]:
    person = message.Person(
        letter.given_name, letter.family_name, letter.postal_code, letter.us_state
    )
    text = message.message(
        target, holder, template, person, letter.subject, letter.body, letter.language
    )
    # The office's day, as the digest's or the packet's own.
    at = letter.confirmed_at
    day = plan.local_day(office_of(target), at) if at else None
    return set_letter(number, text, letter, email, day)


def set_letter(
    number: int,
    text: message.Message,
    letter: Letter,
    email: str,
    day: date | None,
    group: str = "",
) -> dict[str, Any]:
    """A letter as templates/papers/paper.typ sets it; ``group`` says which form letter it nearly is."""
    return {
        "heading": f"{number}. {text.name}{', ' + text.place if text.place else ''}",
        "date": day_text(day) if day else "",
        "subject": text.subject,
        "salutation": text.salutation,
        "language": letter.language,
        "paragraphs": [
            {"text": words, "rtl": glyphs.runs_right_to_left(words)}
            for words in text.own_and_request
        ],
        "signoff": text.signoff,
        "name": text.name,
        "place": text.place,
        "email": email,
        "note": "\n".join(part for part in (text.note, group) if part),
    }


def _english(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("en") or next(iter(value.values()), ""))
    return str(value or "")
