"""Unsubscribing: a page with one button, and the one-click request that mail programs send (RFC 8058).

A press of the button within SCANNERS of the sending asks once more, since link scanners press buttons. The one-click
request acts at once, also then: RFC 8058 lets a sender ask nothing back, mail programs send it only on a person's word, and
a scanner that follows links has no reason to send its body, ``List-Unsubscribe=One-Click``. It is answered 200, never
with a redirect, whether it comes as a form or as multipart. The same by mail: campaign.alerts.unsubscribing.
"""

from datetime import timedelta

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from campaign.clock import utcnow
from campaign.supporters import commands, keys, queries
from campaign.supporters.views import bp
from campaign.web import access, gate, languages, pages, tokens

SCANNERS = timedelta(minutes=3)
"""Link scanners press buttons in a message's first minutes: a press in this time is asked for once more."""


@bp.route("/unsubscribe/<token>", methods=["GET", "POST"])
@access.link
def unsubscribe(token: str) -> ResponseReturnValue:
    """GET changes nothing. POST ends the messages: at once with the one-click body, else by the button's press."""
    supporter_id, organization_id, alert_id = _read(token)
    context = {"organization": queries.organization_name(organization_id) or "", "token": token}
    if request.method != "POST":
        return pages.private(render_template("supporters/unsubscribe.html", **context))
    one_click = request.form.get("List-Unsubscribe") == "One-Click"
    everything = "all" in request.form or not organization_id
    if not one_click and "sure" not in request.form and _just_sent(alert_id, supporter_id):
        return pages.private(
            render_template(
                "supporters/unsubscribe.html", **context, sure=True, all="all" in request.form
            )
        )
    commands.unsubscribe(supporter_id, None if everything else organization_id, alert_id)
    return pages.private(
        render_template("supporters/unsubscribed.html", **context, everything=everything)
    )


@bp.post("/unsubscribe/<token>/mistake")
@gate.guarded
@access.link
def unsubscribe_mistake(token: str) -> ResponseReturnValue:
    """Sends the address's owner a link that subscribes again; a forwarded message cannot do it by itself."""
    supporter_id, organization_id, _ = _read(token)
    wanted = None if "all" in request.form or not organization_id else organization_id
    commands.ask_to_hear_again(supporter_id, wanted, languages.current())
    return pages.private(render_template("supporters/check_mail.html", address=""))


def _read(token: str) -> tuple[int, int, int]:
    """Whom, whose messages and which alert the link names; else the answer is the page that says it is none of ours."""
    try:
        return keys.read_unsubscribe(token)
    except tokens.BadToken:
        abort(pages.private(render_template("supporters/link_over.html", expired=False), 404))


def _just_sent(alert_id: int, supporter_id: int) -> bool:
    if not alert_id:
        return False
    sent = queries.alert_message(alert_id, supporter_id)
    if sent is None:
        return False
    # Without an answer recorded it is leaving this very moment.
    return sent.finished_at is None or utcnow() - sent.finished_at < SCANNERS
