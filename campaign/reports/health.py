"""Addresses for whoever watches over the site: is the process there, are the engines, and how much is waiting."""

import hmac
from typing import Any

import structlog
from flask import Blueprint, Response, abort, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from campaign.reports import metrics, probes
from campaign.web import access

blueprint = Blueprint("health", __name__)
log = structlog.get_logger()


@blueprint.get("/healthz")
@access.public
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@access.public
def readyz() -> ResponseReturnValue:
    """200 when PostgreSQL and Valkey answer and the tables are this version's; else 503, and which is not."""
    found: dict[str, Any] = {
        "postgresql": probes.postgresql(),
        "valkey": probes.valkey(),
    }
    found["migrations"] = found["postgresql"] and probes.migrations_current()
    ready = all(found.values())
    answer = jsonify(
        status="ready" if ready else "not ready",
        **{k: "ok" if v else "failed" for k, v in found.items()},
    )
    answer.status_code = 200 if ready else 503
    return answer


@blueprint.get("/metrics")
@access.public
def metrics_page() -> ResponseReturnValue:
    """Prometheus' text, for METRICS_TOKEN's bearer; without that setting, for this machine itself."""
    token = str(current_app.config.get("METRICS_TOKEN") or "")
    given = request.headers.get("Authorization", "")
    if token:
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            abort(404)
    elif request.remote_addr not in ("127.0.0.1", "::1") or _forwarded():
        # A proxy on this machine makes every visitor look local.
        abort(404)
    return Response(metrics.text(), mimetype="text/plain; version=0.0.4")


def _forwarded() -> bool:
    names = ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via")
    return any(request.headers.get(name) for name in names)
