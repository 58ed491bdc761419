"""What the public does on the site: writes letters, signs up, endorses, confirms, writes through an alert, leaves."""

import re
import threading
import time
from dataclasses import dataclass

from campaign.demonstration import people
from campaign.demonstration.failing import Failed
from campaign.demonstration.mailserver import Mail, MailServer
from campaign.demonstration.offices import OFFICES
from campaign.demonstration.people import Endorser, Person
from campaign.demonstration.report import Progress
from campaign.demonstration.visitor import Form, Page, Visitor

SLUG = "wait-in-freedom"


@dataclass(frozen=True)
class Written:
    """A letter as its writer sent it off."""

    person: Person
    subject: str
    body: str


class Public:
    """Everybody's visits, and what they left behind. Used by many threads, one person each."""

    def __init__(self, site: str, mail: MailServer, progress: Progress) -> None:
        self.site, self.mail, self.progress = site, mail, progress
        self.letters: dict[str, Written] = {}
        """By the writer's address."""
        self.own_pages: dict[str, str] = {}
        self.first_confirmation = 0.0
        self._lock = threading.Lock()

    # --- letters

    def write(self, person: Person) -> None:
        """Opens the letter form, writes, and sends it off."""
        visitor = Visitor(self.site)
        page = visitor.open(f"{person.path}/c/{SLUG}/letter")
        form, letter = self._words(page, person)
        changes = self._filled_in(person, letter) | {"email": person.email}
        if person.manner == people.PREVIEWS:
            self._preview(visitor, page, form, changes, letter)
        elif person.manner == people.DOUBLE_CLICKS:
            self._double_click(visitor, page, form, changes)
        else:
            _see(visitor.send(page, form, changes, press="send"), "/letter/sent")
        visitor.close()
        self.letters[person.email] = letter
        self.progress.count("letters written")

    def write_through(self, person: Person, alert: Mail) -> None:
        """Follows the link in an alert and writes: the letter counts at once, the form asks for no address."""
        visitor = Visitor(self.site)
        page = visitor.open(alert.link("/letter?"))
        form, letter = self._words(page, person)
        if "email" in form.names:
            raise Failed("The form behind an alert's own link asks for the address again.")
        if form.value("given_name") != person.given_name:
            raise Failed("The form behind an alert's own link does not know its person's name.")
        thanks = visitor.send(page, form, self._filled_in(person, letter), press="send")
        if any("/me/" in href for href in thanks.links):
            raise Failed("An alert's link, which may be passed on, opens its person's own page.")
        visitor.close()
        self.letters[person.email] = letter
        self.progress.count("letters through the alert")

    def _words(self, page: Page, person: Person) -> tuple[Form, Written]:
        """The form, and what the person makes of the suggested words in it."""
        if page.language != person.language:
            raise Failed(
                f"{person.language} was asked for and the page is in {page.language or 'no language'}."
            )
        form = page.form(having="body")
        subject, body = form.value("subject"), form.value("body")
        if len(body) < 200 or not subject:
            raise Failed("The letter form suggests no words.")
        if person.edits:
            first, _, rest = body.partition("\n\n")
            body = f"{first}\n\n{person.own_words()}\n\n{rest}"
            subject = f"{subject} ({person.postal_code})"
        return form, Written(person, subject, body)

    def _filled_in(self, person: Person, letter: Written) -> dict[str, str]:
        filled = {
            "given_name": person.given_name,
            "family_name": person.family_name,
            "postal_code": person.postal_code,
            "subject": letter.subject,
            "body": letter.body,
        }
        return filled | ({"consent": "y"} if person.edits else {})

    def _preview(
        self, visitor: Visitor, page: Page, form: Form, changes: dict[str, str], letter: Written
    ) -> None:
        """Looks at what each office will get, and sends it from there."""
        preview = visitor.send(page, form, changes, press="preview")
        if letter.person.language == "en":
            missing = [
                office.salutation for office in OFFICES if office.salutation not in preview.text
            ]
            if missing:
                raise Failed(f"The preview shows no letter that begins {missing[0]!r}.")
        shown = preview.form(having="body")
        if shown.value("body").replace("\r\n", "\n").strip() != letter.body.strip():
            raise Failed("The preview lost some of the letter's words.")
        _see(visitor.send(preview, shown, press="send"), "/letter/sent")

    def _double_click(
        self, visitor: Visitor, page: Page, form: Form, changes: dict[str, str]
    ) -> None:
        """The same form goes twice at the same time."""
        wrong: list[Failed] = []

        def second_click() -> None:
            try:
                _see(Visitor(self.site).send(page, form, changes, press="send"), "/letter/sent")
            except Failed as error:
                wrong.append(error)

        thread = threading.Thread(target=second_click)
        thread.start()
        _see(visitor.send(page, form, changes, press="send"), "/letter/sent")
        thread.join()
        if wrong:
            raise wrong[0]

    # --- signing up and endorsing

    def sign_up(self, person: Person) -> None:
        """Fills in the sign-up form."""
        visitor = Visitor(self.site)
        page = visitor.open(f"{person.path}/c/{SLUG}/signup")
        changes = {
            "email": person.email,
            "given_name": person.given_name,
            "family_name": person.family_name,
            "postal_code": person.postal_code,
        }
        visitor.send(
            page, page.form(having="email"), changes | ({"consent": "y"} if person.consents else {})
        )
        visitor.close()
        self.progress.count("sign-ups")

    def endorse(self, endorser: Endorser) -> None:
        """Signs both petitions in an organization's name, or as an expert."""
        visitor = Visitor(self.site)
        page = visitor.open(f"/c/{SLUG}/endorse")
        changes = {
            "organization_name": endorser.name,
            "organization_kind": endorser.kind,
            "website": endorser.website,
            "signer_name": endorser.signer_name,
            "signer_title": endorser.signer_title,
            "signer_email": endorser.signer_email,
        }
        _see(visitor.send(page, page.form(having="organization_name"), changes), "/endorse/sent")
        visitor.close()
        self.progress.count("signatures")

    # --- confirming and leaving

    def confirm(self, person: Person) -> None:
        """Follows the link in the mail that came, and presses the button behind it."""
        mail = self.mail.first_to(person.email)
        if person.name in mail.text:
            raise Failed("A confirmation mail carries a name that was typed in the form.")
        twice = person.manner == people.CONFIRMS_TWICE
        page = self._confirm(person.path, mail, times=2 if twice else 1)
        self.own_pages[person.email] = page.link("/me/")
        self.progress.count("confirmed")

    def confirm_signature(self, endorser: Endorser) -> None:
        """The same for a signer."""
        page = self._confirm("", self.mail.first_to(endorser.signer_email))
        page.link("/endorsement/")
        self.progress.count("signatures confirmed")

    def _confirm(self, path: str, mail: Mail, times: int = 1) -> Page:
        visitor = Visitor(self.site)
        link = mail.link("/confirm/")
        if not link.startswith(f"{self.site}{path}/confirm/"):
            raise Failed("A confirmation mail's link is not in its reader's language.")
        page = visitor.open(link)
        form = page.form(having="chosen")
        if len(form.offered.get("act", [])) != 1:
            raise Failed("The confirmation page does not offer exactly one act.")
        with self._lock:
            self.first_confirmation = self.first_confirmation or time.monotonic()
        for _ in range(times):
            thanks = visitor.send(page, form)
        visitor.close()
        return thanks

    def unsubscribe(self, alert: Mail) -> None:
        """What a mail program's button does (RFC 8058), after a link scanner has been there."""
        fields = str(alert.message["List-Unsubscribe"])
        found = re.search(r"<(https?://[^>\s]+)>", fields)
        if found is None or alert.message["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
            raise Failed("The alert cannot be unsubscribed from with one click (RFC 8058).")
        visitor = Visitor(self.site)
        visitor.open(found[1])
        answer = visitor.post(found[1], [("List-Unsubscribe", "One-Click")])
        visitor.close()
        if answer.status != 200:
            raise Failed(
                f"The one-click unsubscribe was answered with {answer.status} instead of 200."
            )


def _see(page: Page, ending: str) -> None:
    if not page.url.endswith(ending):
        raise Failed(
            f"After the form came {page.url.split('?')[0]} instead of a page {ending}: {page.text[:300]}"
        )
