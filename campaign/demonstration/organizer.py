"""What the organizer does at the desk, signed in with a session of their own."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.demonstration.failing import Failed
from campaign.demonstration.public import SLUG
from campaign.demonstration.visitor import Page, Visitor

EMAIL = "organizer@demonstration.example"
PASSWORD = "only as long as the demonstration runs"  # noqa: S105  # of an account that lives for a minute

ALERTS = (
    {
        "name": "Those who have not written yet",
        "subject_en": "Will you write to the four offices?",
        "subject_es": "¿Escribirá usted a las cuatro oficinas?",
        "preheader_en": "A few lines in your own words will do.",
        "preheader_es": "Bastan unas líneas con sus propias palabras.",
        "body_en": 'Dear {{ given_name | default("friend", true) }},\n\nyou are with us, and your letter is still missing.\n\n'
        "[Write my letter]({{ action_url }})\n\nThank you.",
        "body_es": 'Saludos, {{ given_name | default("y gracias", true) }}:\n\nusted nos acompaña, y todavía falta su carta.\n\n'
        "[Escribir mi carta]({{ action_url }})\n\nGracias.",
    },
    {
        "name": "Last call",
        "subject_en": "There is still time to write",
        "subject_es": "Todavía está a tiempo de escribir",
        "preheader_en": "",
        "preheader_es": "",
        "body_en": "Dear {{ given_name }},\n\nthe offices wait for your words.\n\n[Write now]({{ action_url }})",
        "body_es": "Saludos, {{ given_name }}:\n\nlas oficinas esperan sus palabras.\n\n[Escribir ahora]({{ action_url }})",
    },
)
"""Two alerts as an organizer could write them."""


class Organizer:
    """A browser that is signed in to the desk."""

    def __init__(self, site: str) -> None:
        self.visitor = Visitor(site, signs_in=True)

    def sign_in(self) -> None:
        """Asks for the desk, is sent to the log-in page, and signs in there."""
        page = self.visitor.open("/desk/")
        if "/desk/login" not in page.url:
            raise Failed("The desk opens without signing in.")
        page = self.visitor.send(
            page, page.form(having="password"), {"email": EMAIL, "password": PASSWORD}
        )
        if "/login" in page.url or not self.visitor.cookies:
            raise Failed(f"The organizer could not sign in: {page.text[:200]}")

    def approve_all(self) -> int:
        """Approves every signature that waits, page by page; returns how many."""
        approved = 0
        for _ in range(20):
            page = self.visitor.open("/desk/endorsements/?state=confirmed")
            if not any("ids" in form.names for form in page.forms):
                return approved
            form = page.form(having="ids")
            self.visitor.send(page, form, {"ids": form.offered["ids"]})
            approved += len(form.offered["ids"])
        raise Failed("Signatures that were approved still wait for approval.")

    def write_alert(self, words: dict[str, str]) -> tuple[Page, int]:
        """Writes an alert to those who have not written; returns its page and how many people it says get it."""
        page = self.visitor.open(f"/desk/alerts/new?campaign={SLUG}")
        changes = words | {"scope": "campaign", "wrote": "no"}
        page = self.visitor.send(page, page.form(having="subject_en"), changes)
        found = re.search(r"Who gets it ([0-9,]+) (?:person|people)", page.text)
        if found is None:
            raise Failed("The alert's page does not say how many people get it.")
        return page, int(found[1].replace(",", ""))

    def schedule(self, page: Page, in_seconds: float | None) -> datetime:
        """Schedules a written alert, on the campaign's clock, or at once; returns when it leaves."""
        form = page.form(action="/schedule")
        if in_seconds is None:
            self.visitor.send(page, form, {"when": "now"})
            return datetime.now(UTC)
        at = datetime.now(ZoneInfo("America/New_York")).replace(microsecond=0) + timedelta(
            seconds=in_seconds
        )
        self.visitor.send(page, form, {"when": "at", "at": f"{at:%Y-%m-%dT%H:%M:%S}"})
        return at
