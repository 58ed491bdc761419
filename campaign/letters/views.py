"""Public pages of the letters: writing one, and seeing it before it is sent."""

from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from campaign.clock import utcnow
from campaign.coalition import front
from campaign.coalition.models import Campaign
from campaign.coalition.queries import is_open
from campaign.coalition.views import found
from campaign.letters import commands, composing, links, merging, message, queries, replies, words
from campaign.letters.forms import LetterForm
from campaign.letters.models import LetterTemplate
from campaign.letters.provider import sentence
from campaign.letters.render import from_name
from campaign.mail import settings
from campaign.offices import queries as offices
from campaign.supporters.places import state_of
from campaign.supporters.wording import consent_wording
from campaign.web import access, gate, languages, pages
from campaign.web.sent import Sent
from campaign.web.sent import sent as what_was_sent

bp = Blueprint("letters", __name__)

LOOKS = ("preview", composing.ANSWERS, "edit")
"""What the form's button does where it sends nothing yet."""


@bp.route("/c/<slug>/letter", methods=["GET", "POST"])
@access.public
def write(slug: str) -> ResponseReturnValue:
    """The letter form; the same answer whether the address is known or not."""
    taken = _take(slug) if request.method == "POST" else None
    return _write(slug) if taken is None else taken


@gate.guarded_except(*LOOKS)
def _write(slug: str) -> ResponseReturnValue:
    campaign = found(slug)
    if not is_open(campaign) or not offices.any_of_campaign(campaign.id):
        return _closed_page(campaign)
    key = request.form.get("k") if request.method == "POST" else request.args.get("k")
    act = links.read_act(key or "")
    form = LetterForm(consent_wording(campaign.lead_organization.name), proved=act is not None)
    templates = queries.templates(campaign.id)
    if request.method == "GET":
        _prefill(form, templates, act)
        return _form_page(campaign, form, templates, act)
    action = request.form.get("action")
    answered = composing.put_in_answers(form, queries.suggested(templates))
    if answered and action != "preview":
        # Also where "send" was pressed: nobody sends a letter that they have not seen.
        return _form_page(campaign, form, templates, act, unseen=action == "send")
    good = form.validate()
    if not good or action == "edit":
        return _form_page(campaign, form, templates, act, 422 if not good else 200)
    if not composing.put_in_fields(form, composing.writer(form)):
        return _form_page(campaign, form, templates, act, 422)
    if action in ("preview", composing.ANSWERS):
        return _preview_page(campaign, form, templates, act)
    return _send(campaign, form, templates, act)


def _take(slug: str) -> ResponseReturnValue | None:
    """Takes a letter that is good as it stands, on the shortest way; None where there is more to say about it.

    It is the statement's leader that asks the gate, for all whose letters it takes: nothing is kept that is not let in.
    """
    if request.form.get("action", "send") != "send" or request.form.get("k") or composing.given():
        return None
    asking = None
    for again in (False, True):
        door = queries.door(slug, languages.current(), again)
        if door is None:
            return None
        form = what_was_sent(LetterForm)
        if form is None or not composing.put_in_fields(form, composing.writer(form)):
            return None
        agreement = consent_wording(door.lead) if form.consent.data else ""
        typed = _typed(form, agreement)
        doorway = commands.Doorway(door.id, slug, door.suggested, door.seal)
        asking = asking or gate.Asking()
        if commands.write_letter(doorway, form.email.data, typed, form.nonce, asking):
            return pages.following(url_for("letters.sent", slug=slug))
    return None


@bp.get("/c/<slug>/letter/sent")
@access.public
def sent(slug: str) -> ResponseReturnValue:
    """What comes next: the mail with the link."""
    return pages.cacheable(render_template("letters/sent.html", **_frame(found(slug))), 300)


def _closed_page(campaign: Campaign) -> Response:
    body = render_template(
        "letters/closed.html",
        **_frame(campaign),
        early=utcnow() < campaign.opens_at,
        offices=offices.any_of_campaign(campaign.id),
    )
    return pages.cacheable(body) if request.method == "GET" else pages.private(body, 409)


def _frame(campaign: Campaign) -> dict[str, Any]:
    return front.frame(campaign, "letters.write", slug=campaign.slug)


def _prefill(form: LetterForm, templates: list[LetterTemplate], act: links.Act | None) -> None:
    """The writer starts from the template in the page's language, and from their name where it is known."""
    if templates:
        form.subject.data = languages.pick(templates[0].subject)
        form.body.data = languages.pick(templates[0].body)
    if act is not None:
        form.k.data = act.token
        form.given_name.data = act.supporter.given_name


def _form_page(
    campaign: Campaign,
    form: LetterForm,
    templates: list[LetterTemplate],
    act: links.Act | None,
    status: int = 200,
    unseen: bool = False,
) -> Response:
    prompts = languages.pick(templates[0].prompts).splitlines() if templates else []
    suggested = [languages.pick(templates[0].body)] if templates else []
    page = render_template(
        "letters/write.html",
        **_frame(campaign),
        form=form,
        offices=offices.of_campaign(campaign.id),
        prompts=[line for line in prompts if line.strip()][: composing.MOST],
        suggested="\n".join(merging.both_ways(suggested, composing.writer(form))),
        act=act,
        dockets=queries.dockets(campaign.id),
        through_us=replies.through_us(campaign.id),
        again_url=url_for("letters.write", slug=campaign.slug),
        unseen=unseen,
    )
    if request.method == "GET" and "k" not in request.args:
        return pages.cacheable(page)
    return pages.private(page, status)


def _preview_page(
    campaign: Campaign,
    form: LetterForm,
    templates: list[LetterTemplate],
    act: links.Act | None,
) -> Response:
    person = message.Person(
        form.given_name.data,
        form.family_name.data,
        form.postal_code.data,
        state_of(form.postal_code.data),
    )
    by_agency = {one.agency: one for one in templates}
    written_to = offices.of_campaign(campaign.id)
    letters = [
        message.message(
            office.target, office.holder, by_agency.get(office.target.agency), person,
            form.subject.data, form.body.data, languages.current(),
        )
        for office in written_to
    ]  # fmt: skip
    lead = campaign.lead_organization.name
    passed_on = replies.through_us(campaign.id)
    suggested = merging.both_ways(queries.suggested(templates), composing.writer(form))
    share = words.own_share(form.body.data, suggested)
    page = render_template(
        "letters/preview.html",
        **_frame(campaign),
        form=form,
        letters=letters,
        channels=[office.target.channel for office in written_to],
        lead=lead,
        own_share=round(100 * share),
        from_name=from_name(person.name, lead),
        from_address=settings.sender().address,
        reply_to=_reply_to(form, act, passed_on),
        passed_on=passed_on,
        foot=message.foot(person.name, lead, passed_on),
        act=act,
    )
    return pages.private(page)


def _reply_to(form: LetterForm, act: links.Act | None, passed_on: bool) -> str:
    if passed_on:
        return gettext("an address of this campaign, which passes answers on to you")
    return act.masked if act else str(form.email.data)


def _typed(form: LetterForm | Sent, agreement: str) -> commands.Words:
    return commands.Words(
        given_name=form.given_name.data,
        family_name=form.family_name.data,
        postal_code=form.postal_code.data,
        subject=form.subject.data,
        body=form.body.data,
        language=languages.current(),
        agreement=agreement,
        source=form.source.data,
        tell=form.tell.data,
        named=form.named.data,
        keep=form.keep.data,
    )


def _send(
    campaign: Campaign, form: LetterForm, templates: list[LetterTemplate], act: links.Act | None
) -> ResponseReturnValue:
    doorway = commands.Doorway(campaign.id, campaign.slug, queries.suggested(templates))
    typed = _typed(form, form.consent.label.text if form.consent.data else "")
    if act is None:
        commands.write_letter(doorway, form.email.data, typed, form.nonce)
        return pages.following(url_for("letters.sent", slug=doorway.slug))
    decision = commands.write_proved_letter(doorway, act, typed, form.nonce)
    page = render_template(
        "letters/confirmed.html",
        **_frame(campaign),
        text=sentence(decision),
        good=decision.result not in ("refused", "gone"),
        act=act,
        own_page_url=url_for("letters.ask_for_own_page", slug=campaign.slug),
    )
    return pages.private(page)


@bp.post("/c/<slug>/letter/own-page")
@access.public
@gate.guarded
def ask_for_own_page(slug: str) -> ResponseReturnValue:
    """Mails whoever came with an alert's key the way to their own page.

    The key proves that the alert was mailed to the address, and not that it was not forwarded: it opens no page.
    """
    campaign = found(slug)
    act = links.read_act(request.form.get("k", ""))
    following = url_for("letters.sent", slug=campaign.slug)
    if act is not None:
        commands.send_own_page(campaign.id, act, languages.current())
    return pages.following(following)
