"""Sign-ups, and wishes to hear again, as acts that wait for the confirmation of their address."""

from collections.abc import Sequence

from flask_babel import gettext
from sqlalchemy import ColumnElement, delete, func, select, update

from campaign.clock import utcnow
from campaign.coalition.models import Campaign, Organization
from campaign.extensions import db
from campaign.names import full_name
from campaign.supporters import commands
from campaign.supporters.commands import Agreement, Person
from campaign.supporters.confirmation import SHOWN, Outcome, PendingAct, oldest_waiting, register
from campaign.supporters.models import Resubscription, SignUp, Supporter
from campaign.supporters.wording import consent_wording
from campaign.web import languages

SIGN_UP = "sign_up"
RESUBSCRIPTION = "resubscription"


def _mine(address: str) -> ColumnElement[bool]:
    return func.lower(Supporter.email) == func.lower(address.strip())


class SignUps:
    """Provider of filled-in sign-up forms; of several for one campaign the person takes one."""

    def pending(self, address: str, limit: int, own: int) -> Sequence[PendingAct]:
        """The forms that wait; those that say the same are one."""
        rows = db.session.execute(
            select(SignUp, Campaign)
            .join(Supporter, Supporter.id == SignUp.supporter_id)
            .join(Campaign, Campaign.id == SignUp.campaign_id)
            .where(
                _mine(address),
                SignUp.confirmed_at.is_(None),
                SignUp.created_at > oldest_waiting(),
            )
            .order_by((SignUp.id == own).desc(), SignUp.id.desc())
            .limit(10 * limit)
        )
        acts: dict[tuple[object, ...], PendingAct] = {}
        for row, campaign in rows:
            same = (campaign.id, row.given_name, row.family_name, row.postal_code, row.consents)
            acts.setdefault(same, self._act(row, campaign))
        return list(acts.values())[: limit + 1]

    def confirm(self, address: str, ids: Sequence[int]) -> Sequence[Outcome]:
        """The chosen forms' words become the supporter's; what else was filled in for the same campaign goes."""
        rows = db.session.execute(
            select(SignUp, Campaign)
            .join(Supporter, Supporter.id == SignUp.supporter_id)
            .join(Campaign, Campaign.id == SignUp.campaign_id)
            .where(_mine(address), SignUp.id.in_(ids), Supporter.erased_at.is_(None))
            .order_by(SignUp.id)
            .with_for_update(of=SignUp)
        ).all()
        outcomes = []
        for row, campaign in rows:
            if row.confirmed_at is None and row.created_at <= oldest_waiting():
                continue
            if row.confirmed_at is None:
                self._confirm(row, campaign)
            outcomes.append(_signed_up(campaign))
        return outcomes

    def done(self, address: str) -> Sequence[Outcome]:
        """The campaigns that this address has signed up to."""
        campaigns = db.session.scalars(
            select(Campaign)
            .where(
                Campaign.id.in_(
                    select(SignUp.campaign_id)
                    .join(Supporter, Supporter.id == SignUp.supporter_id)
                    .where(_mine(address), SignUp.confirmed_at.is_not(None))
                )
            )
            .order_by(Campaign.id.desc())
            .limit(SHOWN)
        )
        return [_signed_up(campaign) for campaign in campaigns]

    def _act(self, row: SignUp, campaign: Campaign) -> PendingAct:
        return PendingAct(
            kind=SIGN_UP,
            id=row.id,
            at=row.created_at,
            title=gettext("Sign-up for “%(title)s”", title=languages.pick(campaign.title)),
            template="supporters/act_sign_up.html",
            details={
                "name": full_name(row.given_name, row.family_name),
                "postal_code": row.postal_code,
                "agreement": row.wording if row.consents else "",
            },
            group=f"{SIGN_UP}.{campaign.id}",
        )

    def _confirm(self, row: SignUp, campaign: Campaign) -> None:
        person = Person(row.given_name, row.family_name, row.postal_code, row.language, row.source)
        agreements = []
        if row.consents:
            agreements = [Agreement(campaign.lead_organization_id, row.wording, row.source)]
        commands.confirm_person_in_transaction(
            row.supporter_id, person, agreements, campaign_id=campaign.id
        )
        db.session.execute(update(SignUp).where(SignUp.id == row.id).values(confirmed_at=utcnow()))
        db.session.execute(
            delete(SignUp).where(
                SignUp.supporter_id == row.supporter_id,
                SignUp.campaign_id == campaign.id,
                SignUp.id != row.id,
                SignUp.confirmed_at.is_(None),
            )
        )


class Resubscriptions:
    """Provider of wishes to hear again from an organization that the person had stopped."""

    def pending(self, address: str, limit: int, own: int) -> Sequence[PendingAct]:
        """The wishes that wait; there is one an organization at most."""
        rows = db.session.execute(
            select(Resubscription, Organization.name)
            .join(Supporter, Supporter.id == Resubscription.supporter_id)
            .join(Organization, Organization.id == Resubscription.organization_id)
            .where(
                _mine(address),
                Resubscription.confirmed_at.is_(None),
                Resubscription.created_at > oldest_waiting(),
            )
            .order_by(Resubscription.id.desc())
        )
        return [
            PendingAct(
                kind=RESUBSCRIPTION,
                id=row.id,
                at=row.created_at,
                title=gettext("Messages from %(organization)s again", organization=name),
                template="supporters/act_resubscription.html",
                details={"agreement": consent_wording(name)},
            )
            for row, name in rows
        ]

    def confirm(self, address: str, ids: Sequence[int]) -> Sequence[Outcome]:
        """The organizations may write to the person again."""
        rows = db.session.execute(
            select(Resubscription, Organization.name)
            .join(Supporter, Supporter.id == Resubscription.supporter_id)
            .join(Organization, Organization.id == Resubscription.organization_id)
            .where(_mine(address), Resubscription.id.in_(ids), Supporter.erased_at.is_(None))
            .order_by(Resubscription.id)
            .with_for_update(of=Resubscription)
        ).all()
        outcomes = []
        for row, name in rows:
            if row.confirmed_at is None and row.created_at <= oldest_waiting():
                continue
            if row.confirmed_at is None:
                commands.give_consent_in_transaction(
                    row.supporter_id,
                    Agreement(row.organization_id, consent_wording(name), "subscribed-again"),
                )
                row.confirmed_at = utcnow()
            text = gettext("%(organization)s may write to you again.", organization=name)
            outcomes.append(Outcome(RESUBSCRIPTION, text))
        return outcomes

    def done(self, address: str) -> Sequence[Outcome]:
        """Nothing: what is in force stands on the own page."""
        return []


def _signed_up(campaign: Campaign) -> Outcome:
    text = gettext("You support “%(title)s”.", title=languages.pick(campaign.title))
    return Outcome(SIGN_UP, text)


def init() -> None:
    """Registers both providers with the confirmation page."""
    register(SIGN_UP, SignUps())
    register(RESUBSCRIPTION, Resubscriptions())
