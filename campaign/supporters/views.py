"""Public pages: sign-up, and the confirmation of an address."""

import re

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from campaign.clock import utcnow
from campaign.coalition import front
from campaign.coalition.queries import is_open
from campaign.coalition.views import found
from campaign.supporters import commands, confirmation, keys, queries
from campaign.supporters.commands import Person
from campaign.supporters.confirmation import Link, Outcome, PendingAct, Waiting
from campaign.supporters.forms import SignUpForm
from campaign.supporters.wording import consent_wording
from campaign.web import access, gate, languages, pages, tokens

bp = Blueprint("supporters", __name__)

_ACT = re.compile(r"([a-z_]{1,40}):([0-9]{1,18})")


@bp.route("/c/<slug>/signup", methods=["GET", "POST"])
@access.public
@gate.guarded
def sign_up(slug: str) -> ResponseReturnValue:
    """The form for news of a campaign; the same answer whether the address is known or not."""
    campaign = found(slug)
    context = front.frame(campaign, "supporters.sign_up", slug=campaign.slug)
    if not is_open(campaign):
        body = render_template(
            "supporters/closed.html", **context, early=utcnow() < campaign.opens_at
        )
        return pages.cacheable(body) if request.method != "POST" else pages.private(body, 409)
    agreement = consent_wording(campaign.lead_organization.name)
    form = SignUpForm(agreement)
    if request.method != "POST":
        return pages.cacheable(render_template("supporters/sign_up.html", form=form, **context))
    if not form.validate():
        return pages.private(render_template("supporters/sign_up.html", form=form, **context), 422)
    commands.sign_up(
        campaign.id,
        form.email.data,
        Person(
            form.given_name.data,
            form.family_name.data,
            form.postal_code.data,
            languages.current(),
            form.source.data,
        ),
        agreement=agreement if form.consent.data else "",
        submission=tokens.submission(form.nonce, form.email.data),
    )
    return pages.private(
        render_template("supporters/check_mail.html", address=form.email.data, **context)
    )


@bp.route("/confirm/<token>", methods=["GET", "POST"])
@access.link
def confirm(token: str) -> ResponseReturnValue:
    """What waits for the address that the link was mailed to; the button makes it count."""
    try:
        link = confirmation.read_link(token)
    except tokens.ExpiredToken:
        return pages.private(render_template("supporters/link_over.html", expired=True), 410)
    except tokens.BadToken:
        link = None
    if link is None:
        return pages.private(render_template("supporters/link_over.html", expired=False), 404)
    waiting = confirmation.pending(link, request.args.get("shown", 0, type=int))
    if request.method == "POST":
        return _confirm(link, waiting)
    if not waiting.acts:
        outcomes = confirmation.done(link)
        return _thanks(link, outcomes, again=True)
    return pages.private(_choice(link, waiting))


def _confirm(link: Link, waiting: Waiting) -> ResponseReturnValue:
    chosen = _chosen(waiting.acts)
    problem = ""
    if _undecided(waiting.acts):
        problem = gettext("Please choose which one is yours, or “None of these”.")
    elif not chosen and waiting.acts:
        problem = gettext("Nothing is chosen. Please choose at least one, or close this page.")
    if problem:
        return pages.private(_choice(link, waiting, problem), 422)
    outcomes = confirmation.confirm(link, chosen) if chosen else []
    return _thanks(link, outcomes or confirmation.done(link), again=not outcomes)


def _choice(link: Link, waiting: Waiting, problem: str = "") -> str:
    return render_template(
        "supporters/confirm.html",
        groups=_grouped(waiting.acts),
        problem=problem,
        picked=request.form,
        more=len(waiting.acts) * 5 if waiting.more else 0,
        done=confirmation.done(link),
    )


def _grouped(acts: list[PendingAct]) -> list[list[PendingAct]]:
    """Acts of which only one can count together, in the order of the first of each."""
    groups: dict[str, list[PendingAct]] = {}
    for act in acts:
        groups.setdefault(act.group or f"{act.kind}:{act.id}", []).append(act)
    return list(groups.values())


def _undecided(acts: list[PendingAct]) -> bool:
    """Whether several acts exclude each other and nobody said which: no stranger's words are anybody's by default."""
    return any(f"act.{group[0].group}" not in request.form for group in _grouped(acts) if group[1:])


def _chosen(acts: list[PendingAct]) -> dict[str, list[int]]:
    """The acts that the form names, by kind; of one group only one. A bare POST takes all that stand alone."""
    values = [
        value for name, listed in request.form.lists() if name.startswith("act") for value in listed
    ]
    if not values and "chosen" not in request.form:
        values = [f"{group[0].kind}:{group[0].id}" for group in _grouped(acts) if not group[1:]]
    groups = {(act.kind, act.id): act.group for act in acts}
    taken: set[str] = set()
    chosen: dict[str, list[int]] = {}
    for value in values:
        match = _ACT.fullmatch(value)
        if match is None:
            continue
        kind, number = match[1], int(match[2])
        group = groups.get((kind, number), "")
        if group and group in taken:
            continue
        taken.add(group)
        chosen.setdefault(kind, []).append(number)
    return chosen


def _thanks(link: Link, outcomes: list[Outcome], again: bool) -> ResponseReturnValue:
    person = queries.by_email(link.address)
    campaign_id = link.confirmation.campaign_id
    campaign = queries.campaign(campaign_id) if campaign_id else None
    own_page = ""
    if person is not None and person.confirmed_at is not None:
        own_page = url_for("supporters.own_page", token=keys.own_page_token(person.id))
    shared = {}
    if campaign is not None and campaign.published:
        share_url = languages.external(
            "coalition.campaign", languages.current(), slug=campaign.slug
        )
        shared = {
            "campaign": front.described(campaign),
            "urls": front.doors(campaign),
            "share_url": share_url,
        }
    return pages.private(
        render_template(
            "supporters/thanks.html",
            outcomes=outcomes,
            again=again,
            own_page=own_page,
            name=person.given_name if person is not None else "",
            **shared,
        )
    )
