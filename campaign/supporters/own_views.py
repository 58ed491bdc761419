"""A supporter's own page, behind the key in their mail: what the site knows, and everything they may change."""

import json
from datetime import datetime
from typing import Any

from flask import Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaign.supporters import commands, erasing, keys, portable, queries
from campaign.supporters import own_page as sections
from campaign.supporters.commands import Agreement
from campaign.supporters.models import Supporter
from campaign.supporters.views import bp
from campaign.supporters.wording import consent_wording
from campaign.web import access, languages, pages, tokens


def _reader(token: str) -> Supporter:
    """Whose page it is; else the answer is the page that says why there is none."""
    try:
        person = queries.supporter(keys.read_own_page(token))
    except tokens.BadToken:
        abort(pages.private(render_template("supporters/link_over.html", expired=False), 404))
    if person is None:
        abort(pages.private(render_template("supporters/deleted.html"), 410))
    return person


@bp.get("/me/<token>")
@access.link
def own_page(token: str) -> ResponseReturnValue:
    """Everything at a glance."""
    person = _reader(token)
    return pages.private(
        render_template(
            "supporters/own_page.html",
            supporter=person,
            token=token,
            consents=queries.consents(person.id),
            campaigns=queries.campaigns_of(person.id),
            sections=sections.sections(person),
            stopped=queries.alert_suppression(person.email),
            language_names=languages.LANGUAGES,
            saved=request.args.get("saved", ""),
        )
    )


@bp.post("/me/<token>/language")
@access.link
def own_language(token: str) -> ResponseReturnValue:
    """The language of the person's mail."""
    person = _reader(token)
    wanted = request.form.get("language", "")
    if wanted not in languages.LANGUAGES:
        abort(400)
    commands.set_language(person.id, wanted)
    return _back(token, "language")


@bp.post("/me/<token>/consents")
@access.link
def own_consents(token: str) -> ResponseReturnValue:
    """Stops one organization's messages, or all; or lets one write again."""
    person = _reader(token)
    if "all" in request.form:
        commands.unsubscribe(person.id, None)
        return _back(token, "stopped")
    organization_id = request.form.get("organization", type=int)
    known = {agreed.organization_id: agreed for agreed in queries.consents(person.id)}
    if organization_id not in known:
        abort(400)
    if "give" in request.form:
        wording = consent_wording(known[organization_id].organization)
        commands.give_consent(person.id, Agreement(organization_id, wording, "own-page"))
        return _back(token, "given")
    commands.unsubscribe(person.id, organization_id)
    return _back(token, "stopped")


@bp.get("/me/<token>/data.json")
@access.link
def own_data(token: str) -> ResponseReturnValue:
    """All that the site knows of the person, to take away (GDPR Art. 20)."""
    person = _reader(token)
    body = json.dumps(portable.everything(person), ensure_ascii=False, indent=2, default=_plain)
    answer = Response(body + "\n", mimetype="application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="campaign-data.json"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.route("/me/<token>/delete", methods=["GET", "POST"])
@access.link
def own_delete(token: str) -> ResponseReturnValue:
    """Asks once, then deletes."""
    person = _reader(token)
    if request.method != "POST":
        return pages.private(render_template("supporters/delete.html", token=token))
    erasing.erase(person.id)
    return pages.private(render_template("supporters/deleted.html"))


def _back(token: str, saved: str) -> ResponseReturnValue:
    return redirect(url_for("supporters.own_page", token=token, saved=saved), 303)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
