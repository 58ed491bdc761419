"""Handing a document's bytes to a browser."""

from flask import Response, request

from campaign.coalition.models import Document

IN_THE_BROWSER = {"application/pdf", "image/png", "image/jpeg", "text/plain; charset=utf-8"}
"""Types that a browser shows by itself; the others are saved."""

SANDBOX = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'; sandbox"
)
# Chromium's PDF viewer refuses a sandboxed document; a PDF cannot run scripts in this site's name anyway.
PDF_POLICY = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def response(document: Document, cache: str) -> Response:
    """The document under its right type; 304 without reading the bytes where the browser has them (RFC 9110, 13.1.2)."""
    answer = Response(mimetype=document.media_type)
    answer.headers["Content-Type"] = document.media_type
    answer.set_etag(document.sha256)
    answer.headers["Cache-Control"] = cache
    inline = document.media_type in IN_THE_BROWSER
    # The name holds letters, digits, dots and hyphens alone: coalition.documents.safe_name.
    answer.headers["Content-Disposition"] = (
        f'{"inline" if inline else "attachment"}; filename="{document.filename}"'
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    pdf = document.media_type == "application/pdf"
    answer.headers["Content-Security-Policy"] = PDF_POLICY if pdf else SANDBOX
    if request.if_none_match.contains(document.sha256):
        answer.status_code = 304
        return answer
    answer.set_data(document.content)
    return answer
