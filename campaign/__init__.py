"""Campaign: the platform a coalition runs its advocacy on."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `campaign run` and the engines' keepers do without Flask, and start sooner
    from flask import Flask

ROOT = Path(__file__).resolve().parent.parent

FEATURES = (
    "counts",
    "mail",
    "accounts",
    "coalition",
    "supporters",
    "petitions",
    "offices",
    "letters",
    "papers",
    "endorsements",
    "alerts",
    "reports",
    "api",
)
"""From the floor up; each package's ``init_app`` adds its routes, jobs and handlers."""


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The application, ready to serve.

    Without ``config`` it is read from the environment, and embedded engines are started or joined where no URL
    names others. Raises campaign.config.ConfigError with a sentence for the operator.
    """
    from campaign import config as configuration
    from campaign import engines

    if config is None:
        config = configuration.load(os.environ)
        engines.ensure(config)
    with _uncollected():
        return _made(config)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keeps the garbage collector from walking, again and again, through what stays until the end: a fifth of the start."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _made(config: Mapping[str, Any]) -> Flask:
    from flask import Flask

    app = Flask(
        __name__,
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "static"),
        static_url_path="/static",
    )
    app.config.update(config)
    app.url_map.strict_slashes = False  # people type addresses, with a slash at the end or without
    _bind_extensions(app)
    _bind_web(app)
    for name in FEATURES:
        import_module(f"campaign.{name}").init_app(app)
    _check_routes(app)
    return app


def _bind_extensions(app: Flask) -> None:
    from campaign import extensions
    from campaign.engines import pool
    from campaign.web import languages

    app.config.setdefault("WTF_CSRF_CHECK_DEFAULT", False)
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", str(ROOT / "translations"))
    app.config.setdefault("MAX_CONTENT_LENGTH", 11 * 1024 * 1024)
    app.config.setdefault("MAX_FORM_MEMORY_SIZE", 1024 * 1024)
    extensions.db.init_app(app)
    with app.app_context():
        pool.watch(extensions.db.engine)
    if (
        os.environ.get("FLASK_RUN_FROM_CLI") == "true"
    ):  # so says Flask's own command, whose `flask db` it is
        extensions.bind_migrations(app)
    extensions.mail.init_app(app)
    extensions.rq.init_app(app)
    extensions.babel.init_app(app, locale_selector=languages.selected)
    extensions.csrf.init_app(app)


def _bind_web(app: Flask) -> None:
    from campaign.web import (
        access,
        bodies,
        errors,
        frame,
        gate,
        headers,
        heads,
        languages,
        limits,
        logs,
        nav,
        pages,
        proof,
        windows,
    )

    proxies = int(app.config.get("TRUSTED_PROXIES", 0))
    if proxies:
        from werkzeug.middleware.proxy_fix import ProxyFix

        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]  # Flask's documented hook
    for room in (
        logs,
        limits,
        windows,
        gate,
        proof,
        access,
        bodies,
        headers,
        errors,
        pages,
        frame,
        nav,
        languages,
        heads,
    ):
        room.init_app(app)


def _check_routes(app: Flask) -> None:
    from campaign.web import access

    access.require_declared(app)
