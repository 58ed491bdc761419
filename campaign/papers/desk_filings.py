"""/desk/…/petitions/<n>/comments: letters as the mass comments of a docket, and the files to file."""

from collections.abc import Iterator, Mapping
from datetime import date

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.papers import filing, queries
from campaign.papers.forms import FiledForm
from campaign.papers.models import Filing
from campaign.papers.stating import why_misfit
from campaign.petitions import docketing, front
from campaign.petitions.desk import found
from campaign.web import access, pages

bp = Blueprint("filings_desk", __name__, url_prefix="/desk/campaigns/petitions/<int:petition_id>")

REFUSALS = {
    filing.NOT_OPEN: _l("No comment period is open on this petition: nothing was made."),
    filing.NO_LETTERS: _l("No confirmed letter goes to an office that reads about this petition."),
    filing.AT_IT: _l("Files are being made already: please wait for them."),
}
LAYOUTS = {"zip": _l("ZIP with one file a letter"), "pdf": _l("PDF")}


@bp.get("/comments")
@access.organizer
def index(petition_id: int) -> ResponseReturnValue:
    """What has been made, what is being made, and what does not fit."""
    return _page(petition_id)


def _today() -> date:
    """The day at the agency, where comments are filed."""
    return utcnow().astimezone(docketing.WASHINGTON).date()


def _page(petition_id: int, typed: Mapping[int, FiledForm] | None = None) -> ResponseReturnValue:
    """The page; after a mistake with what was ``typed`` into a filing's form."""
    petition, campaign = found(petition_id)
    page = queries.page_of_filings(petition.id)
    made = page.rows
    files = queries.files([one.id for one in made if one.state == "ready"])
    body = render_template(
        "papers/desk_filings.html",
        petition=petition,
        campaign=campaign,
        docket=front.docket(petition),
        filings=[(one, LAYOUTS[one.layout], files.get(one.id, [])) for one in made],
        page=page,
        here=pages.place(),
        making=queries.filing_in_work(petition.id),
        layouts=list(LAYOUTS.items()),
        forms={one.id: FiledForm(one.id, _today(), formdata=None) for one in made}
        | dict(typed or {}),
    )
    return body, 422 if typed else 200


@bp.post("/comments")
@access.organizer
def make(petition_id: int) -> ResponseReturnValue:
    """Has the files made; refused with a sentence while no comment period is open."""
    petition, _campaign = found(petition_id)
    layout = request.form.get("layout", "")
    if layout not in LAYOUTS:
        abort(400)
    try:
        filing.begin(petition.id, layout, current_user.email)
    except filing.Refused as refused:
        flash(REFUSALS[str(refused)], "error")
    else:
        flash(gettext("The files are being made. This page shows how far it is."), "success")
    return redirect(url_for(".index", petition_id=petition_id), 303)


def _found(petition_id: int, filing_id: int) -> Filing:
    return pages.or_404(queries.filing(filing_id), petition_id=petition_id)


@bp.get("/comments/<int:filing_id>")
@access.organizer
def one(petition_id: int, filing_id: int) -> ResponseReturnValue:
    """What of a filing does not fit the agency's form, row by row."""
    petition, campaign = found(petition_id)
    row = _found(petition_id, filing_id)
    misfits = queries.misfits(row.id)
    return render_template(
        "papers/desk_filing.html",
        petition=petition,
        campaign=campaign,
        filing=row,
        misfits=[(one, why_misfit(one.why)) for one in misfits[: queries.MISFITS_SHOWN]],
        more=len(misfits) > queries.MISFITS_SHOWN,
    )


@bp.get("/comments/<int:filing_id>/<int:file>")
@access.organizer
def download(petition_id: int, filing_id: int, file: int) -> ResponseReturnValue:
    """One of the files, a megabyte at a time."""
    row = _found(petition_id, filing_id)
    files = {number: (name, size) for number, name, size in queries.files([row.id]).get(row.id, [])}
    if row.state != "ready" or file not in files:
        abort(404)
    name, size = files[file]

    def pieces() -> Iterator[bytes]:
        number = 0
        while (piece := queries.part(filing_id, file, number)) is not None:
            db.session.rollback()
            yield piece
            number += 1

    kind = "application/pdf" if name.endswith(".pdf") else "application/zip"
    answer = Response(stream_with_context(pieces()), mimetype=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Content-Length"] = str(size)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.post("/comments/<int:filing_id>/filed")
@access.organizer
def filed(petition_id: int, filing_id: int) -> ResponseReturnValue:
    """A person has filed the comments: the petition's history says so, with the counts."""
    row = _found(petition_id, filing_id)
    form = FiledForm(row.id, _today())
    if row.state != "ready":
        abort(404)
    if not form.validate():
        return _page(petition_id, {row.id: form})
    event = docketing.record_comments(
        petition_id, form.on.data, row.alone, row.forms, current_user.email
    )
    if event is None:
        flash(gettext("The history has these comments already."), "info")
        return redirect(url_for("docket_desk.docket", petition_id=petition_id), 303)
    flash(
        gettext("The petition’s page shows it. The agency’s receipt can be attached below."),
        "success",
    )
    return redirect(url_for("docket_desk.event", event_id=event), 303)


@bp.post("/comments/<int:filing_id>/discard")
@access.organizer
def discard(petition_id: int, filing_id: int) -> ResponseReturnValue:
    """Deletes the files."""
    filing.discard(_found(petition_id, filing_id).id)
    flash(gettext("The files are deleted."), "success")
    return redirect(url_for(".index", petition_id=petition_id, **pages.place()), 303)
