"""/desk/inbox: the mail that would have left, to read, to follow its links and to throw away."""

from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.local import LocalProxy

from campaign.mail import inbox as captured
from campaign.mail import settings
from campaign.web import access, headers, nav, pages

blueprint = Blueprint("mail_desk", __name__, url_prefix="/desk/inbox")

# The message's HTML was written elsewhere: it may style itself and nothing more. Links in it stay dead, since
# a sandbox without allow-popups and allow-top-navigation opens nothing; the text view has the links.
MESSAGE_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)

STREAMS = {"confirmations": _l("Confirmation"), "letters": _l("Letter"), "alerts": _l("Alert")}


@blueprint.get("")
@access.organizer
def inbox() -> ResponseReturnValue:
    """What was captured, newest first."""
    recipient = request.args.get("to", "").strip()
    page = captured.page(recipient)
    return render_template(
        "mail_desk/inbox.html",
        page=page,
        recipient=recipient,
        streams=STREAMS,
        mode=settings.delivery_mode(),
    )


@blueprint.get("/<int:captured_id>")
@access.organizer
def message(captured_id: int) -> ResponseReturnValue:
    """One message: its text, its HTML or its source."""
    mail = _found(captured_id)
    views = [name for name, there in (("text", mail.text()), ("html", mail.html())) if there]
    view = request.args.get("view", "")
    if view not in (*views, "source"):
        view = views[0] if views else "source"
    newer, older = captured.neighbours(captured_id)
    body = render_template(
        "mail_desk/message.html", mail=mail, view=view, views=[*views, "source"],
        text=captured.with_links(mail.text()) if view == "text" else "",
        links=captured.own_links(mail.text()) if view == "html" else [],
        newer=newer, older=older, streams=STREAMS,
    )  # fmt: skip
    response = pages.private(body)
    if view == "html":
        response.headers["Content-Security-Policy"] = f"{headers.POLICY}; frame-src 'self'"
    return response


@blueprint.get("/<int:captured_id>/html")
@access.organizer
def html(captured_id: int) -> ResponseReturnValue:
    """The message's HTML alone, for a frame that lets it do nothing."""
    response = Response(_found(captured_id).html(), mimetype="text/html")
    response.headers["Content-Security-Policy"] = MESSAGE_POLICY
    return response


@blueprint.get("/<int:captured_id>.eml")
@access.organizer
def download(captured_id: int) -> ResponseReturnValue:
    """The message as it would have left (RFC 5322)."""
    response = Response(_found(captured_id).raw, mimetype="message/rfc822")
    response.headers["Content-Disposition"] = f'attachment; filename="message-{captured_id}.eml"'
    return response


@blueprint.post("/clear")
@access.organizer
def clear() -> ResponseReturnValue:
    """Throws away what was captured."""
    n = captured.clear()
    flash(
        ngettext("%(num)s message is thrown away.", "%(num)s messages are thrown away.", n),
        "success",
    )
    return redirect(url_for("mail_desk.inbox"))


def _found(captured_id: int) -> captured.Captured:
    return pages.or_404(captured.one(captured_id))


def _context() -> dict[str, Any]:
    if not request or not access.is_desk(request.endpoint):
        return {}
    # Asked when a template asks: an error page, which does not show it, must not need the database.
    return {"capturing": LocalProxy(lambda: settings.delivery_mode() == "capture")}


def init_app(app: Flask) -> None:
    """Adds the pages, and tells every desk page whether mail leaves."""
    app.register_blueprint(blueprint)
    app.context_processor(_context)
    nav.register(app, "mail_desk.inbox", _l("Captured mail"), 80)
