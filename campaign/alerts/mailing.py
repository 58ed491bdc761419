"""An alert's messages: compiled once a batch and language, filled in once a person."""

import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from flask import current_app, g
from sqlalchemy import select

from campaign.alerts import markup
from campaign.alerts.models import Alert
from campaign.coalition.models import Campaign, Organization
from campaign.columns import among
from campaign.extensions import db
from campaign.letters import links
from campaign.mail import compose, forgetting, ledger, letterhead, wake
from campaign.mail.compose import Rendered, Skip
from campaign.mail.models import Message
from campaign.mail.skeleton import Filled, NoSkeleton, Skeleton
from campaign.mail.states import Row
from campaign.supporters import keys
from campaign.supporters import queries as supporters
from campaign.supporters.models import Supporter
from campaign.web import languages
from campaign.web.frame import Site, site

ORIGIN = "alert"
TEST = "alert_test"
_MARK = "THE-LINK-KEY"
_SAMPLE = {"given_name": "", "family_name": "", "state": ""}


def language_for(alert: Alert, language: str) -> str:
    """The language in which someone who reads ``language`` gets the alert: theirs where it is written in it."""
    if alert.body.get(language):
        return language
    return next((code for code in languages.LANGUAGES if alert.body.get(code)), languages.DEFAULT)


def compiled(
    alert: Alert, campaign: Campaign, organization: Organization, language: str
) -> markup.Compiled:
    """The alert in one language, ready to be filled in with FIELDS and ``unsubscribe_url``."""
    return _compiled(
        languages.pick(alert.subject, language),
        # In this language or not at all: beside a Spanish subject an English line is worse than none.
        alert.preheader.get(language) or "",
        languages.pick(alert.body, language),
        languages.pick(campaign.title, language),
        organization.name,
        campaign.accent,
        site(),
        language,
    )


@lru_cache(maxsize=64)
def _compiled(
    subject: str,
    preheader: str,
    body: str,
    title: str,
    organization: str,
    accent: str,
    who: Site,
    language: str,
) -> markup.Compiled:
    marked = markup.mark(f"{preheader}\n{{# cut #}}\n{body}\n")
    cut = len(markup.mark(preheader).tags)
    head, _, main = marked.text.partition(f"zqmerge{cut}zq")
    content = markup.Marked(main, marked.tags)
    known = {
        **letterhead.context(language, accent),
        "site": who,
        "subject": title,
        "preheader": head.strip(),
        "content_html": markup.html_body(content),
        "content_text": markup.text_body(content),
        "organization": organization,
        "campaign_title": title,
        "unsubscribe_url": "zqunsubscribezq",
    }
    with languages.speaking(language):
        environment = current_app.jinja_env
        html = environment.get_template("alerts/mail.html").render(known)
        text = environment.get_template("alerts/mail.txt").render(known)
    html = letterhead.inline(html)
    finished = [
        marked.restore(part).replace("zqunsubscribezq", "{{ unsubscribe_url }}")
        for part in (text, html)
    ]
    return markup.compile_parts(subject, *finished)


@lru_cache(maxsize=256)
def _frame(slug: str, language: str, site_url: str) -> str:
    return languages.external("letters.write", language, slug=slug, k=_MARK)


class _Batch:
    """What the messages of a batch share, read in a number of queries that does not grow with it."""

    def __init__(self, rows: Sequence[Row]) -> None:
        ids = {row.origin_id for row in rows}
        self.alerts = {
            one.id: one for one in db.session.scalars(select(Alert).where(among(Alert.id, ids)))
        }
        self.campaigns = self._of(Campaign, {one.campaign_id for one in self.alerts.values()})
        self.organizations = self._of(
            Organization, {one.organization_id for one in self.alerts.values()}
        )

    @staticmethod
    def _of(model: Any, ids: set[int]) -> dict[int, Any]:
        return {
            one.id: one for one in db.session.scalars(select(model).where(among(model.id, ids)))
        }

    def writer(self, alert_id: int, language: str) -> "_Writer | None":
        """Who writes an alert's messages to readers of ``language``."""
        alert = self.alerts.get(alert_id)
        if alert is None:
            return None
        campaign, organization = (
            self.campaigns[alert.campaign_id],
            self.organizations[alert.organization_id],
        )
        return _Writer(alert, campaign, organization, language_for(alert, language))


class _Writer:
    """The messages of one alert in one language: all that they share is at hand."""

    def __init__(
        self, alert: Alert, campaign: Campaign, organization: Organization, language: str
    ) -> None:
        self.organization_id = organization.id
        self._from_name = organization.name
        self._mail = compiled(alert, campaign, organization, language)
        self._skeleton = _skeleton(self._mail, organization.name)
        site_url = current_app.config["SITE_URL"]
        self._act = _frame(campaign.slug, language, site_url).split(_MARK)
        self._act_token = links.act_tokens(alert.id)
        self._stop_link = keys.unsubscribe_links(organization.id, alert.id, language)

    def message(self, person: supporters.Person) -> Rendered | Filled:
        """The message to one supporter."""
        number, given_name, family_name, state = person
        stop = self._stop_link(number)
        fields = {
            "given_name": given_name,
            "family_name": family_name,
            "state": state,
            "action_url": self._act_token(number).join(self._act),
            "unsubscribe_url": stop,
        }
        if self._skeleton is None:
            return self._plainly(fields)
        return Filled(self._skeleton, fields, self._plainly, stop)

    def _plainly(self, fields: Mapping[str, str]) -> Rendered:
        return Rendered(
            *self._mail.fill(fields),
            from_name=self._from_name,
            list_unsubscribe=fields["unsubscribe_url"],
        )


def _writers(rows: Sequence[Row]) -> dict[tuple[int, str], _Writer | None]:
    """The writers of a batch's alerts and languages, kept while a sender goes on: an alert that leaves is not edited."""
    kept: dict[tuple[int, str], _Writer | None] = g.setdefault("alert_writers", {})
    if any((row.origin_id, row.language) not in kept for row in rows):
        batch = _Batch(rows)
        kept |= {key: batch.writer(*key) for key in {(row.origin_id, row.language) for row in rows}}
    return kept


@lru_cache(maxsize=64)
def _skeleton(mail: markup.Compiled, from_name: str) -> Skeleton | None:
    try:
        return Skeleton(*mail.pieces, from_name)
    except NoSkeleton:
        return None


def render(rows: list[Row]) -> list[Rendered | Filled | Skip]:
    """The messages of a batch; who has withdrawn since the audience was written down gets none."""
    writers = _writers(rows)
    organizations = {writer.organization_id for writer in writers.values() if writer}
    people = supporters.to_write_to(organizations, [row.unit_id for row in rows])
    answers: list[Rendered | Filled | Skip] = []
    for row in rows:
        writer = writers[row.origin_id, row.language]
        person = people.get((writer.organization_id, row.unit_id)) if writer else None
        if writer and person:
            answers.append(writer.message(person))
        else:
            answers.append(Skip("the person no longer agrees to these messages"))
    return answers


def sample(alert: Alert, language: str, given_name: str) -> tuple[str, str, str]:
    """Subject, text and HTML as a supporter called ``given_name`` would get them; its links belong to nobody."""
    campaign = db.session.get_one(Campaign, alert.campaign_id)
    organization = db.session.get_one(Organization, alert.organization_id)
    values = {
        **_SAMPLE,
        "given_name": given_name,
        "action_url": languages.external("letters.write", language, slug=campaign.slug),
        "unsubscribe_url": keys.unsubscribe_link(0, alert.organization_id, 0, language),
    }
    return compiled(alert, campaign, organization, language).fill(values)


def erase(supporter: Supporter) -> None:
    """Takes a person out of every alert's messages, in the caller's transaction."""
    # One look-up an alert in the ledger's own key, instead of a walk along all alerts' messages.
    got = (
        select(Alert.id)
        .join(Message, Message.origin_id == Alert.id)
        .where(Message.origin == ORIGIN, Message.unit_id == supporter.id)
    )
    for alert_id in db.session.scalars(got).all():
        forgetting.forget(ORIGIN, alert_id, [supporter.id])


def send_test(alert: Alert, to_address: str, given_name: str) -> int:
    """Queues the alert to a member of staff, once in each language it is written in; returns how many messages."""
    drafts = [
        ledger.Draft(
            origin=TEST,
            origin_id=alert.id,
            unit_id=secrets.randbits(62),
            to_address=to_address,
            language=language,
            data={"given_name": given_name},
        )
        for language in languages.LANGUAGES
        if alert.body.get(language)
    ]
    queued = ledger.enqueue("confirmations", drafts)
    db.session.commit()
    wake.wake("confirmations")
    return len(queued)


def render_test(rows: list[Row]) -> list[Rendered | Skip]:
    """The test messages of a batch, as the alert is written now."""
    batch = _Batch(rows)
    answers: list[Rendered | Skip] = []
    for row in rows:
        alert = batch.alerts.get(row.origin_id)
        if alert is None:
            answers.append(Skip("the alert is gone"))
            continue
        subject, text, html = sample(alert, row.language, row.data["given_name"])
        organization = batch.organizations[alert.organization_id]
        answers.append(Rendered(f"[Test] {subject}", text, html, from_name=organization.name))
    return answers


compose.register_origin(ORIGIN, render)
compose.register_origin(TEST, render_test)
