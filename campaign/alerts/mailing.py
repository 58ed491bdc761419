"""An alert's messages: compiled once a batch and language, filled in once a person."""

import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flask import current_app
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
        languages.pick(alert.preheader, language),
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


def fields(alert: Alert, campaign: Campaign, person: Any, language: str) -> dict[str, str]:
    """What stands in the merge fields for one supporter."""
    token = links.act_token(person.id, alert.id)
    return {
        "given_name": person.given_name,
        "family_name": person.family_name,
        "state": person.state,
        "action_url": _frame(campaign.slug, language, current_app.config["SITE_URL"]).replace(
            _MARK, token
        ),
        "unsubscribe_url": keys.unsubscribe_link(
            person.id, alert.organization_id, alert.id, language
        ),
    }


@lru_cache(maxsize=256)
def _frame(slug: str, language: str, site_url: str) -> str:
    return languages.external("letters.write", language, slug=slug, k=_MARK)


class _Batch:
    """What the messages of a batch share, read in a number of queries that does not grow with it."""

    def __init__(self, rows: Sequence[Row]) -> None:
        ids = {row.origin_id for row in rows}
        self.alerts = {
            one.id: one for one in db.session.scalars(select(Alert).where(Alert.id.in_(ids)))
        }
        self.campaigns = self._of(Campaign, {one.campaign_id for one in self.alerts.values()})
        self.organizations = self._of(
            Organization, {one.organization_id for one in self.alerts.values()}
        )
        self._mails: dict[tuple[int, str], markup.Compiled] = {}

    @staticmethod
    def _of(model: Any, ids: set[int]) -> dict[int, Any]:
        return {one.id: one for one in db.session.scalars(select(model).where(model.id.in_(ids)))}

    def mail(self, alert: Alert, language: str) -> markup.Compiled:
        key = (alert.id, language)
        if key not in self._mails:
            campaign = self.campaigns[alert.campaign_id]
            organization = self.organizations[alert.organization_id]
            self._mails[key] = compiled(alert, campaign, organization, language)
        return self._mails[key]


def render(rows: list[Row]) -> list[Rendered | Skip]:
    """The messages of a batch; who has withdrawn since the audience was written down gets none."""
    batch = _Batch(rows)
    units = [row.unit_id for row in rows]
    columns = (Supporter.id, Supporter.given_name, Supporter.family_name, Supporter.state)
    people = {
        person.id: person
        for person in db.session.execute(
            select(*columns).where(among(Supporter.id, units), Supporter.erased_at.is_(None))
        )
    }
    willing = {
        organization_id: supporters.consenting(organization_id, units)
        for organization_id in {alert.organization_id for alert in batch.alerts.values()}
    }
    answers: list[Rendered | Skip] = []
    for row in rows:
        alert = batch.alerts.get(row.origin_id)
        person = people.get(row.unit_id)
        if alert is None or person is None or row.unit_id not in willing[alert.organization_id]:
            answers.append(Skip("the person no longer agrees to these messages"))
            continue
        answers.append(_message(batch, alert, person, language_for(alert, row.language)))
    return answers


def _message(batch: _Batch, alert: Alert, person: Any, language: str) -> Rendered:
    filled = fields(alert, batch.campaigns[alert.campaign_id], person, language)
    subject, text, html = batch.mail(alert, language).fill(filled)
    return Rendered(
        subject,
        text,
        html,
        from_name=batch.organizations[alert.organization_id].name,
        list_unsubscribe=filled["unsubscribe_url"],
    )


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
