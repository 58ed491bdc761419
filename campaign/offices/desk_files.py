"""/desk/targets/import and …/export.csv: the directory of offices as a file, both ways."""

import csv
import io
from collections.abc import Iterator

from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_wtf import FlaskForm

from campaign.importing import COLUMNS, REQUIRED, Report, Unreadable, guard, table
from campaign.offices import exporting, importing
from campaign.web import access

bp = Blueprint("offices_files", __name__, url_prefix="/desk/targets")

LARGEST = 5 * 1024 * 1024
"""Bytes of a file at most: some ten thousand offices."""
REFUSED_SHOWN = 100


@bp.get("/export.csv")
@access.organizer
def save() -> ResponseReturnValue:
    """The directory with today's holders, in the columns of the import."""
    answer = Response(stream_with_context(_lines()), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="targets.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _lines() -> Iterator[str]:
    columns = COLUMNS["targets"]
    text = io.StringIO()
    out = csv.DictWriter(text, columns, lineterminator="\r\n")
    out.writeheader()
    for row in exporting.export_rows():
        out.writerow({name: guard(row.get(name, "")) for name in columns})
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


@bp.route("/import", methods=["GET", "POST"])
@access.organizer
def load() -> ResponseReturnValue:
    """Loads a file of offices: looked at first, then taken; refused lines are named with their reasons."""
    form = FlaskForm()
    report: Report | None = None
    unknown: list[str] = []
    problem = ""
    if form.validate_on_submit():
        file = request.files.get("file")
        content = file.read(LARGEST + 1) if file else b""
        dry = request.form.get("action") != "load"
        try:
            report, unknown = _read(content, dry)
        except Unreadable as error:
            problem = str(error)
        if report is not None and not dry:
            flash(
                gettext(
                    "Loaded: %(new)s new, %(changed)s changed, %(same)s as they were.",
                    new=report.created, changed=report.updated, same=report.unchanged,
                ),
                "success",
            )  # fmt: skip
            if not report.refused:
                return redirect(url_for("offices_desk.index"), 303)
    body = render_template(
        "offices/desk_import.html",
        form=form,
        report=report,
        refused=report.refused[:REFUSED_SHOWN] if report else [],
        unknown=unknown,
        problem=problem,
        columns=COLUMNS["targets"],
    )
    return body, 422 if problem else 200


def _read(content: bytes, dry_run: bool) -> tuple[Report, list[str]]:
    if not content:
        raise Unreadable(gettext("Please choose a file."))
    if len(content) > LARGEST:
        raise Unreadable(gettext("The file is larger than 5 MB."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(gettext("The file is not UTF-8 text: save it as CSV UTF-8.")) from error
    rows = table(
        io.StringIO(text, newline=""), COLUMNS["targets"], REQUIRED["targets"], "targets.csv"
    )
    return importing.import_rows(rows.rows, dry_run=dry_run), rows.unknown
