"""The play: one instance, its people, and what must be true in the end."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from campaign.demonstration import crowd, offices, verify
from campaign.demonstration.failing import Failed, wait_until
from campaign.demonstration.instance import Instance
from campaign.demonstration.mailserver import MailServer
from campaign.demonstration.offices import OFFICES
from campaign.demonstration.organizer import ALERTS, EMAIL, PASSWORD, Organizer
from campaign.demonstration.people import Cast, Person
from campaign.demonstration.public import SLUG, Public
from campaign.demonstration.report import Checks, Progress
from campaign.demonstration.visitor import Visitor

ALERT_IN_S = 6.0
"""So far ahead the organizer schedules the first alert."""
PATIENCE = 120.0
OPEN_STATES = {"queued", "leased", "deferred", "uncertain", "held", "waiting"}


class Play:
    """One demonstration, act by act; ``counts`` become the last line."""

    def __init__(
        self, instance: Instance, mail: MailServer, cast: Cast, progress: Progress
    ) -> None:
        self.instance, self.mail, self.cast, self.progress = instance, mail, cast, progress
        self.checks = Checks()
        self.public = Public(instance.url, mail, progress)
        self.organizer = Organizer(instance.url)
        self.counts: dict[str, Any] = {}

    def run(self) -> None:
        """All acts. Raises Failed where one cannot go on; what is merely wrong is in ``checks``."""
        self.set_up()
        self.crowd()
        self.endorsements()
        self.alerts()
        self.deliveries()
        self.status()
        self.pages()

    def set_up(self) -> None:
        """What an administrator types: the only use of the command line before the status at the end."""
        say = self.progress.say
        say("campaign demo load: the founding case, without its co-signers")
        self.instance.campaign("demo", "load", "--without-endorsements")
        say("campaign run: engines, site and worker")
        self.instance.start()
        targets = self.instance.folder / "targets.csv"
        offices.write_targets(targets)
        say("campaign import targets, user add, delivery live")
        with ThreadPoolExecutor(2) as pool:
            imported = pool.submit(self.instance.campaign, "import", "targets", targets)
            self.instance.campaign(
                "user",
                "add",
                EMAIL,
                "--role",
                "organizer",
                "--password-stdin",
                stdin=f"{PASSWORD}\n",
            )
            self.instance.campaign("delivery", "live", "--yes")
            imported.result()
        self.instance.await_ready()
        say(
            f"The site answers at {self.instance.url}, mail goes to 127.0.0.1:{self.mail.port}; from here on HTTP and SMTP alone"
        )

    def crowd(self) -> None:
        """Everybody writes, signs up or endorses, and confirms."""
        crowd.play(crowd.acts(self.public, self.cast), self.progress, self._mood)
        cast, done = self.cast, self.progress.done
        self.progress.say(
            f"{done['letters written']} letters are written, {len(cast.writers)} of them confirmed; "
            f"{len(cast.forgetful)} people did not press the button, {len(cast.mistaken)} mistyped their address"
        )

    def _mood(self) -> str:
        done = self.progress.done
        names = ("letters written", "sign-ups", "signatures", "confirmed", "signatures confirmed")
        at_offices = sum(len(self.mail.to(office.email)) for office in OFFICES)
        return (
            ", ".join(f"{done[name]} {name}" for name in names)
            + f"; {at_offices} messages at the offices"
        )

    def endorsements(self) -> None:
        """The organizer signs in and approves."""
        self.organizer.sign_in()
        approved = self.organizer.approve_all()
        self.progress.say(
            f"The organizer approved {approved} signatures of {len(self.cast.endorsers)} co-signers at the desk"
        )
        self.checks.expect("signatures to approve", 2 * len(self.cast.endorsers), approved)

    def alerts(self) -> None:
        """One alert to those who have not written, some of whom then write; one leaves; a second alert shows who is left."""
        cast = self.cast
        first = [*cast.imported, *cast.sign_ups]
        page, size = self.organizer.write_alert(ALERTS[0])
        self.checks.expect("audience of the first alert at the desk", len(first), size)
        at = self.organizer.schedule(page, ALERT_IN_S)
        self.progress.say(
            f"The organizer scheduled an alert to {size} people who have not written, for {at:%H:%M:%S %Z}"
        )
        self._await_alert(first, 1)
        early = [
            p.email
            for p in first
            for one in self.mail.alerts_to(p.email)
            if one.message["Date"].datetime < at
        ]
        self.checks.expect("alerts that left before their time", 0, len(early))
        self._through_alert()
        second = [p for p in first if p not in cast.through_alert and p != cast.leaver]
        page, size = self.organizer.write_alert(ALERTS[1])
        self.checks.expect("audience of the second alert at the desk", len(second), size)
        self.organizer.schedule(page, None)
        self._await_alert(second, 2)
        self.counts |= {"alert_recipients": len(first), "second_alert_recipients": len(second)}

    def _await_alert(self, expected: list[Person], nth: int) -> None:
        what = f"alert {nth} in {len(expected)} mailboxes"
        wait_until(
            what, lambda: all(len(self.mail.alerts_to(p.email)) >= nth for p in expected), PATIENCE
        )
        self.progress.say(f"Alert {nth} arrived at {len(expected)} mailboxes")

    def _through_alert(self) -> None:
        cast = self.cast
        before = {p.email: len(self.mail.to(p.email)) for p in cast.through_alert}
        for person in cast.through_alert:
            self.public.write_through(person, self.mail.alerts_to(person.email)[0])
        self.public.unsubscribe(self.mail.alerts_to(cast.leaver.email)[0])
        self.progress.say(
            f"{len(cast.through_alert)} of them wrote through its link without a second confirmation; one unsubscribed"
        )
        more = sum(len(self.mail.to(email)) - n for email, n in before.items())
        self.checks.expect("mails to those who wrote through the alert", 0, more)

    def deliveries(self) -> None:
        """Every confirmed letter reaches every office, once and whole, at the office's own pace."""
        cast, mail = self.cast, self.mail
        letters = [self.public.letters[p.email] for p in [*cast.writers, *cast.through_alert]]

        def all_there() -> bool:
            return all(len(mail.to(office.email)) >= len(letters) for office in OFFICES)

        wait_until(f"{len(letters)} letters at each of {len(OFFICES)} offices", all_there, PATIENCE)
        self.progress.say(f"{len(letters)} letters are at each of the {len(OFFICES)} offices")
        for office in OFFICES:
            self.checks.expect(
                f"letters at {office.email}", len(letters), len(mail.to(office.email))
            )
        self._no_problems("letters as written", verify.problems_of_letters(mail, letters))
        self._no_problems(
            "pace of each office", verify.problems_of_pace(mail, self.public.first_confirmation)
        )
        subjects = [{code: alert[f"subject_{code}"] for code in ("en", "es")} for alert in ALERTS]
        for n in (0, 1):
            self._no_problems(
                f"alert {n + 1} as written", verify.problems_of_alerts(mail, cast, subjects[n], n)
            )
        self._mailboxes()
        self.counts |= {"letters": len(letters), "deliveries": len(letters) * len(OFFICES)}

    def _mailboxes(self) -> None:
        """Who got how many mails that are no alerts, and how many alerts."""
        cast, mail = self.cast, self.mail
        askers = [*cast.writers, *cast.forgetful, *cast.sign_ups, *cast.quiet]
        first = [*cast.imported, *cast.sign_ups]
        second = [p for p in first if p not in cast.through_alert and p != cast.leaver]
        alerts = (
            {p.email: 0 for p in askers}
            | {p.email: 1 for p in first}
            | {p.email: 2 for p in second}
        )
        got = {email: len(mail.alerts_to(email)) for email in alerts}
        self.checks.expect("alerts in each mailbox as they should be", {}, _different(alerts, got))
        confirmations = {p.email: 0 for p in cast.imported} | {p.email: 1 for p in askers}
        got = {email: len(mail.to(email)) - alerts[email] for email in confirmations}
        self.checks.expect(
            "one confirmation mail for each who asked", {}, _different(confirmations, got)
        )
        self.checks.expect(
            "refused addresses", {p.email for p in cast.mistaken} == set(mail.refusals), True
        )
        known = set(alerts) | {e.signer_email for e in cast.endorsers} | {o.email for o in OFFICES}
        self.checks.expect("mail to anybody else", [], sorted(mail.addresses() - known))

    def _no_problems(self, what: str, problems: list[str]) -> None:
        self.checks.expect(what, "all good", problems[0] if problems else "all good")
        for problem in problems[1:4]:
            self.progress.say(f"also: {problem}")

    def status(self) -> None:
        """`campaign status --json` says the same as the SMTP server."""
        cast, mail, checks = self.cast, self.mail, self.checks
        status = wait_until(
            "campaign status to show everything done", self._settled, PATIENCE, pause=1
        )
        n, unsure = (
            len(cast.writers) + len(cast.through_alert),
            len(cast.forgetful) + len(cast.mistaken),
        )
        people = cast.imported_in_all + len(cast.writers) + len(cast.sign_ups) + len(cast.quiet)
        arrived = verify.counted(mail, self.public)
        checks.expect("status: delivery", "live", status["delivery"])
        checks.expect("status: supporters", people, status["supporters"])
        checks.expect(
            "status: letters", {"confirmed": n, "unconfirmed": unsure}, _some(status["letters"])
        )
        checks.expect("status: deliveries", {"sent": n * len(OFFICES)}, _some(status["deliveries"]))
        checks.expect(
            "status: outbox, confirmations as at the SMTP server",
            {"sent": arrived["confirmations"], "failed": len(cast.mistaken)}, _some(status["outbox"]["confirmations"]),
        )  # fmt: skip
        for stream in ("letters", "alerts"):
            checks.expect(
                f"status: outbox, {stream}",
                {"sent": arrived[stream]},
                _some(status["outbox"][stream]),
            )
        signed = {"approved": len(cast.endorsers)}
        checks.expect(
            "status: endorsements", {"dhs": signed, "doj": signed}, status["endorsements"]
        )
        checks.expect("status: alerts", {"draft": 1, "sent": 2}, _some(status["alerts"]))
        checks.expect("status: oldest due, seconds", 0, status["oldest_due_s"])
        self.counts |= {
            "unconfirmed": unsure, "undeliverable": len(cast.mistaken), "supporters": people,
            "confirmations": arrived["confirmations"], "endorsements": len(cast.endorsers),
            "letters_through_alert": len(cast.through_alert), "unsubscribed": 1,
        }  # fmt: skip

    def _settled(self) -> dict[str, Any] | None:
        status = json.loads(self.instance.campaign("status", "--json"))
        groups = [status["deliveries"], *status["outbox"].values()]
        busy = any(group.get(state) for group in groups for state in OPEN_STATES)
        return None if busy or status["alerts"].get("sent") != 2 else status

    def pages(self) -> None:
        """The public API, the list of co-signers and a writer's own page say the same."""
        cast, visitor = self.cast, Visitor(self.instance.url)
        n = len(cast.writers) + len(cast.through_alert)
        joined = cast.imported_in_all + len(cast.writers) + len(cast.sign_ups) + len(cast.quiet)
        expected = {"letters": n, "supporters": joined, "endorsements": len(cast.endorsers)}
        found = visitor.open(f"/api/v1/campaigns/{SLUG}").json()
        self.checks.expect("public API", expected, {key: found.get(key) for key in expected})
        names = visitor.open(f"/c/{SLUG}/endorsements").text
        missing = [e.name for e in cast.endorsers if e.name not in names]
        self.checks.expect("co-signers missing from the public list", [], missing)
        writer = next(p for p in cast.writers if p.language == "en")
        own = visitor.open(self.public.own_pages[writer.email]).text
        accepted = own.count("Accepted by the office’s mail server")
        self.checks.expect(
            "a writer's own page: offices that have the letter", len(OFFICES), accepted
        )
        results = self.organizer.visitor.open("/desk/alerts/").link("/desk/alerts/2")
        if not results:
            raise Failed("The desk does not list the alert.")
        visitor.close()


def _some(states: dict[str, int]) -> dict[str, int]:
    return {state: n for state, n in states.items() if n}


def _different(expected: dict[str, int], found: dict[str, int]) -> dict[str, str]:
    return {key: f"{found[key]} instead of {n}" for key, n in expected.items() if found[key] != n}
