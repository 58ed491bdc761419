"""Letters on the page behind a confirmation mail's link (campaign.supporters.confirmation)."""

from collections.abc import Sequence
from datetime import timedelta

from flask import url_for
from flask_babel import gettext
from sqlalchemy import select

from campaign.clock import utcnow
from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.letters import confirming, message
from campaign.letters.models import Letter
from campaign.supporters import queries as supporters
from campaign.supporters.confirmation import LINK_AGE, Outcome, PendingAct
from campaign.supporters.keys import own_page_token
from campaign.web.languages import pick

KIND = "letter"
SHOWN = 10
"""Letters of one address on the page at most, newest first."""


class Letters:
    """The provider of kind ``letter``."""

    def pending(self, address: str) -> Sequence[PendingAct]:
        """The letters that wait for this address, newest first; of one campaign's only one can be chosen."""
        supporter_id = supporters.id_by_email(address)
        if supporter_id is None:
            return []
        query = (
            select(Letter, Campaign)
            .join(Campaign, Campaign.id == Letter.campaign_id)
            .where(
                Letter.supporter_id == supporter_id,
                Letter.state == "unconfirmed",
                Letter.created_at > utcnow() - timedelta(seconds=LINK_AGE),
            )
            .order_by(Letter.id.desc())
            .limit(SHOWN)
        )
        return [_act(letter, campaign) for letter, campaign in db.session.execute(query)]

    def confirm(self, address: str, ids: Sequence[int]) -> Sequence[Outcome]:
        """Makes the chosen letters count, the first one of each campaign."""
        supporter_id = supporters.id_by_email(address)
        if supporter_id is None:
            return []
        query = select(Letter.id, Letter.campaign_id).where(
            Letter.id.in_(list(ids)[:SHOWN]), Letter.supporter_id == supporter_id
        )
        first: dict[int, int] = {}
        for letter_id, campaign_id in db.session.execute(query.order_by(Letter.id.desc())):
            first.setdefault(campaign_id, letter_id)
        own_page = url_for("supporters.own_page", token=own_page_token(supporter_id))
        return [
            Outcome(KIND, sentence(confirming.confirm_in_transaction(letter_id)), own_page)
            for letter_id in sorted(first.values())
        ]

    def done(self, address: str) -> Sequence[Outcome]:
        """What this address wrote before, for someone who opens the link again."""
        supporter_id = supporters.id_by_email(address)
        if supporter_id is None:
            return []
        query = (
            select(Letter, Campaign)
            .join(Campaign, Campaign.id == Letter.campaign_id)
            .where(Letter.supporter_id == supporter_id, Letter.state.in_(confirming.ALIVE))
            .order_by(Letter.id.desc())
            .limit(SHOWN)
        )
        own_page = url_for("supporters.own_page", token=own_page_token(supporter_id))
        return [
            Outcome(
                KIND,
                gettext(
                    "Your letter in the campaign “%(title)s” is confirmed.",
                    title=pick(campaign.title),
                ),
                own_page,
            )
            for letter, campaign in db.session.execute(query)
        ]


def _act(letter: Letter, campaign: Campaign) -> PendingAct:
    person = message.Person(
        letter.given_name, letter.family_name, letter.postal_code, letter.us_state
    )
    return PendingAct(
        kind=KIND,
        id=letter.id,
        at=letter.created_at,
        title=gettext("Your letter in the campaign “%(title)s”", title=pick(campaign.title)),
        template="letters/pending.html",
        details={
            "subject": letter.subject,
            "paragraphs": message.paragraphs(letter.body),
            "name": person.name,
            "place": person.place,
            "language": letter.language,
            "consents": letter.wording if letter.consents else "",
        },
        group=f"letter-{letter.campaign_id}",
    )


def sentence(decision: confirming.Decision) -> str:
    """What became of a letter, said to its writer."""
    texts = {
        "sent": gettext("Your letter is on its way. Each office gets it in its own office hours."),
        "already": gettext("Your letter was confirmed before; it is sent once."),
        "replaced": gettext("Your new letter takes the place of the one you wrote before, which had not left yet."),
        "held": gettext("Your letter is confirmed. A person of the campaign reads it before it leaves."),
        "refused": gettext(
            "You have written in this campaign before, and that letter has left already. Each person writes once, "
            "so this second letter will not be sent."
        ),
        "gone": gettext("This letter is no longer there to be sent."),
    }  # fmt: skip
    return texts[decision.result]
