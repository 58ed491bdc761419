"""Languages: English at ``/…``, the others under ``/<code>/…``, chosen by the address alone.

The middleware moves ``/es`` from the path into SCRIPT_NAME. Routes know nothing of it, and url_for, which
prepends SCRIPT_NAME, stays inside the language of the page.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from flask import Flask, current_app, has_request_context, request, url_for
from flask_babel import force_locale, get_locale
from werkzeug.wsgi import get_path_info

from campaign.names import full_name

LANGUAGES = {"en": "English", "es": "Español"}
DEFAULT = "en"
_LOCALES = {"es": "es_US"}
"""Whose numbers and dates a language writes: 5,000, not Spain's 5.000, and 9:00 EST, not 9:00 -0500."""
RIGHT_TO_LEFT = {"ar", "fa", "he", "ur"}


class LanguagePrefix:
    """WSGI middleware that reads the language from the path."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        first, _, rest = path.lstrip("/").partition("/")
        if first in LANGUAGES and first != DEFAULT:
            environ["campaign.language"] = first
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + f"/{first}"
            environ["PATH_INFO"] = f"/{rest}"
        return self.app(environ, start_response)


def selected() -> str:
    """The locale that Flask-Babel begins with: the request's language's, and English outside a request."""
    language = current() if has_request_context() else DEFAULT
    return _LOCALES.get(language, language)


def current() -> str:
    """The language of this page, or of this piece of work outside a request."""
    if has_request_context():
        return str(request.environ.get("campaign.language", DEFAULT))
    locale = get_locale()
    return locale.language if locale else DEFAULT


def speaking(language: str) -> Any:
    """A context in which texts are in ``language``: ``with speaking("es"): …``."""
    known = language if language in LANGUAGES else DEFAULT
    return force_locale(_LOCALES.get(known, known))


def pick(texts: dict[str, str] | None, language: str | None = None) -> str:
    """The text in ``language`` (default: the page's), else in English, else in whatever there is."""
    if not texts:
        return ""
    for code in (language or current(), DEFAULT):
        if texts.get(code):
            return texts[code]
    return next((text for text in texts.values() if text), "")


def prefix(language: str) -> str:
    """What a path in ``language`` begins with."""
    return "" if language == DEFAULT or language not in LANGUAGES else f"/{language}"


def links() -> list[dict[str, Any]]:
    """This page in each language: code, name, url, and whether it is the one being read.

    The query stays, so that a reader who switches language on a search keeps it.
    """
    root = request.script_root.removesuffix(prefix(current()))
    path = quote(get_path_info(request.environ))
    query = f"?{request.query_string.decode('ascii', 'ignore')}" if request.query_string else ""
    return [
        {
            "code": code,
            "label": name,
            "url": f"{root}{prefix(code)}{path}{query}",
            "current": code == current(),
        }
        for code, name in LANGUAGES.items()
    ]


def external(endpoint: str, language: str, **values: Any) -> str:
    """A link for use in mail: it begins with SITE_URL, whatever Host a request named."""
    site = current_app.config["SITE_URL"].rstrip("/")
    with current_app.test_request_context(base_url=site + "/"):
        path = url_for(endpoint, _external=False, **values)
    root = "/" + site.split("://", 1)[-1].partition("/")[2] if site.count("/") > 2 else ""
    return f"{site}{prefix(language)}{path.removeprefix(root.rstrip('/'))}"


def init_app(app: Flask) -> None:
    """Puts the middleware in front of the application, and ``| in_language`` into its templates."""
    app.jinja_env.globals["full_name"] = full_name
    app.jinja_env.filters["in_language"] = pick
    app.jinja_env.filters["language_name"] = lambda code: LANGUAGES.get(code, code)
    app.wsgi_app = LanguagePrefix(app.wsgi_app)  # type: ignore[method-assign]  # Flask's documented hook
