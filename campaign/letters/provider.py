"""Letters on the page behind a confirmation mail's link (campaign.supporters.confirmation)."""

from collections.abc import Sequence

from flask import url_for
from flask_babel import gettext
from sqlalchemy import or_, select

from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.letters import confirming, message
from campaign.letters.models import Letter
from campaign.supporters import queries as supporters
from campaign.supporters.confirmation import SHOWN, Outcome, PendingAct, oldest_waiting
from campaign.supporters.keys import own_page_token
from campaign.web.languages import pick

KIND = "letter"


class Letters:
    """The provider of kind ``letter``."""

    def pending(self, address: str, limit: int, own: int) -> Sequence[PendingAct]:
        """The letters that wait for this address, newest first; of one campaign's only one can be chosen.

        Of letters that say the same, word for word, one is offered.
        """
        supporter_id = supporters.id_by_email(address)
        if supporter_id is None:
            return []
        query = (
            select(Letter, Campaign)
            .join(Campaign, Campaign.id == Letter.campaign_id)
            .where(
                Letter.supporter_id == supporter_id,
                Letter.state == "unconfirmed",
                Letter.created_at > oldest_waiting(),
            )
            .order_by((Letter.id == own).desc(), Letter.id.desc())
            .limit(2 * limit)
        )
        acts: dict[tuple[object, ...], PendingAct] = {}
        for one, campaign in db.session.execute(query):
            name = (one.given_name, one.family_name, one.postal_code)
            same = (
                one.campaign_id,
                one.subject,
                one.body,
                one.consents,
                one.language,
                *name,
                *_wishes(one),
            )
            acts.setdefault(same, _act(one, campaign))
        return list(acts.values())[: limit + 1]

    def confirm(self, address: str, ids: Sequence[int]) -> Sequence[Outcome]:
        """Makes the chosen letters count, the first one of each campaign."""
        supporter_id = supporters.id_by_email(address)
        if supporter_id is None:
            return []
        query = select(Letter.id, Letter.campaign_id).where(
            Letter.id.in_(ids),
            Letter.supporter_id == supporter_id,
            or_(Letter.state != "unconfirmed", Letter.created_at > oldest_waiting()),
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
            "timezone": campaign.timezone,
            "wishes": _wishes(letter),
            "consents": letter.wording if letter.consents else "",
        },
        group=f"letter-{letter.campaign_id}",
    )


def _wishes(letter: Letter) -> list[str]:
    """What else was ticked with it, as it will be kept."""
    said = [
        (letter.tell_when_done, gettext("You get a message once every office has it.")),
        (letter.named_in_public, gettext("Your name may stand in a public docket.")),
        (letter.keep_replies, gettext("The campaign may keep what offices answer you.")),
    ]
    return [text for ticked, text in said if ticked]


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
