"""The public pages: endorsing a campaign's petitions, the list of co-signers, and a signer's own page."""

import re
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from campaign.coalition import queries as coalition
from campaign.coalition.front import frame
from campaign.coalition.models import Campaign
from campaign.endorsements import commands, keys, kinds, queries
from campaign.endorsements.forms import CorrectForm, EndorseForm, WithdrawForm
from campaign.petitions import queries as petitions
from campaign.petitions.queries import Current
from campaign.web import access, gate, languages, pages, tokens

blueprint = Blueprint("endorsements", __name__)

SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


@blueprint.route("/c/<slug>/endorse", methods=["GET", "POST"])
@access.public
@gate.guarded
def endorse(slug: str) -> ResponseReturnValue:
    """The form. A sent one leads to the same page whether the address or the name is known or not."""
    campaign = _campaign(slug)
    current = petitions.of_campaign(campaign.id)
    if not coalition.is_open(campaign) or not current:
        page = render_template(
            "endorsements/closed.html",
            **frame(campaign, "endorsements.endorse", slug=slug),
            petitions=current,
        )
        return pages.private(page, 409) if request.method == "POST" else pages.cacheable(page)
    form = _form(current)
    if request.method == "POST" and form.validate():
        chosen = [one for one in current if one.petition.slug in form.petition.data]
        commands.submit(campaign.id, chosen, form.statement(form.source.data), form.nonce)
        return redirect(url_for(".sent", slug=slug), 303)
    page = render_template(
        "endorsements/endorse.html",
        **frame(campaign, "endorsements.endorse", slug=slug),
        form=form,
        petitions=[_petition(campaign, one) for one in current],
    )
    if request.method == "POST":
        return pages.private(page, 422)
    return pages.cacheable(page)


def _form(current: list[Current]) -> EndorseForm:
    form = EndorseForm()
    posted = request.method == "POST"
    form.offer(
        [
            (one.petition.slug, f"{languages.pick(one.version.title)} ({one.petition.agency})")
            for one in current
        ],
        request.form.getlist("petition") if posted and "petition" in request.form else None,
    )
    if not posted:
        form.source.data = request.args.get("source", "")
    if not SOURCE.fullmatch(form.source.data or ""):
        # A source is a code of ours; whatever else was put there is nothing.
        form.source.data = ""
    return form


@blueprint.get("/c/<slug>/endorse/sent")
@access.public
def sent(slug: str) -> ResponseReturnValue:
    """What comes next: the mail with the link."""
    around = frame(_campaign(slug), "endorsements.sent", slug=slug)
    return pages.cacheable(render_template("endorsements/sent.html", **around), 300)


@blueprint.get("/c/<slug>/endorsements")
@access.public
def public_list(slug: str) -> ResponseReturnValue:
    """Who has co-signed, set like a petition's signature page; ``petition`` narrows it to one."""
    campaign = _campaign(slug)
    current = petitions.of_campaign(campaign.id)
    chosen = _chosen(current)
    after = request.args.get("after", type=int)
    page = queries.signers(
        campaign.id, petition_id=chosen.petition.id if chosen else None, after=after
    )
    start = max(request.args.get("n", 0, type=int), 0) + 1 if after else 1
    return pages.cacheable(
        render_template(
            "endorsements/list.html",
            **frame(campaign, "endorsements.public_list", slug=slug),
            petitions=[_petition(campaign, one) for one in current],
            chosen=chosen.petition.slug if chosen else "",
            counts=queries.counts(campaign.id),
            groups=_groups(page.signers, current, start, chosen),
            counted=kinds.counted,
            first_url=pages.with_query(after=None, n=None) if after else None,
            next_url=pages.with_query(after=page.next_key, n=start - 1 + len(page.signers))
            if page.next_key
            else None,
        )
    )


def _chosen(current: list[Current]) -> Current | None:
    wanted = request.args.get("petition", "")
    if not wanted:
        return None
    return pages.or_404(next((one for one in current if one.petition.slug == wanted), None))


def _groups(
    signers: list[queries.Signer], current: list[Current], start: int, chosen: Current | None
) -> list[dict[str, Any]]:
    """Organizations and experts under their headings, numbered through the whole list."""
    organizations = [one for one in signers if one.kind != "individual"]
    experts = [one for one in signers if one.kind == "individual"]
    groups = [
        (_("Organizations"), organizations, start),
        (_("Individual experts"), experts, start + len(organizations)),
    ]
    several = chosen is None and any(len(one.petition_ids) < len(current) for one in signers)
    return [
        {
            "heading": heading,
            "start": first,
            "kinds": several or found is organizations,
            "items": [line(one, current, several) for one in found],
        }
        for heading, found, first in groups
        if found
    ]


def line(one: queries.Signer, current: list[Current], several: bool) -> dict[str, str]:
    """A signer as the templates' macro takes it; with ``several`` petitions it says which were signed."""
    label = kinds.label(one.kind)
    if several:
        signed = [now.petition.agency for now in current if now.petition.id in one.petition_ids]
        label = f"{label} · {', '.join(signed)}" if signed else label
    # A title that the name or the kind says already is not said twice.
    said = f"{one.name} {kinds.label(one.kind)}".lower()
    title = "" if one.title.lower() in said else one.title
    return {"name": one.name, "kind": label, "title": title, "url": one.website}


@blueprint.get("/endorsement/<token>")
@access.link
def own_page(token: str) -> ResponseReturnValue:
    """The signer's own page: what became of the signature, and what can still be changed."""
    return _own_page(_opened(token), token, CorrectForm())


@blueprint.post("/endorsement/<token>")
@access.link
@gate.counted
def correct(token: str) -> ResponseReturnValue:
    """Changes title and website while the signature waits for approval."""
    signed = _opened(token)
    form = CorrectForm()
    if not form.validate():
        return _own_page(signed, token, form, 422)
    ids = [one.endorsement.id for one in signed]
    changed = commands.correct(ids, form.signer_title.data, form.website.data)
    return redirect(url_for(".own_page", token=token, done="corrected" if changed else "late"), 303)


@blueprint.post("/endorsement/<token>/withdraw")
@access.link
@gate.counted
def withdraw(token: str) -> ResponseReturnValue:
    """Takes the ticked petitions' signatures back; without any ticked, all of them."""
    signed = _opened(token)
    if not WithdrawForm().validate():
        return _own_page(signed, token, CorrectForm(), 422)
    ticked = request.form.getlist("petition")
    ids = [one.endorsement.id for one in signed if not ticked or one.petition.slug in ticked]
    commands.withdraw(ids)
    return redirect(url_for(".own_page", token=token, done="withdrawn"), 303)


def _opened(token: str) -> list[queries.Signed]:
    try:
        signed = queries.submission_of(keys.read_own_page(token))
    except tokens.BadToken:
        abort(404)
    if not signed:
        abort(404)
    return signed


def _own_page(
    signed: list[queries.Signed], token: str, form: CorrectForm, status: int = 200
) -> ResponseReturnValue:
    first, campaign = signed[0].endorsement, signed[0].campaign
    if request.method == "GET":
        form.signer_title.data, form.website.data = first.signer_title, first.website
    states = {one.endorsement.state for one in signed}
    page = render_template(
        "endorsements/own.html",
        **frame(campaign, "endorsements.public_list", slug=campaign.slug) | {"canonical": None},
        form=form,
        token=token,
        first=first,
        kind=kinds.label(first.kind),
        signed=[
            {
                "slug": one.petition.slug,
                "title": languages.pick(one.version.title),
                "number": one.version.number,
                "state": kinds.STATES[one.endorsement.state],
                "decision": one.endorsement.decision,
                "name": one.endorsement.state,
            }
            for one in signed
        ],
        can_correct="confirmed" in states,
        can_withdraw=bool(states & {"unconfirmed", "confirmed", "approved"}),
        done=request.args.get("done", ""),
    )
    return pages.private(page, status)


def _campaign(slug: str) -> Campaign:
    return pages.or_404(coalition.published_campaign(slug))


def _petition(campaign: Campaign, one: Current) -> dict[str, Any]:
    return {
        "slug": one.petition.slug,
        "agency": one.petition.agency,
        "title": languages.pick(one.version.title),
        "number": one.version.number,
        "url": f"{request.script_root}/c/{campaign.slug}/petitions/{one.petition.slug}",
    }
