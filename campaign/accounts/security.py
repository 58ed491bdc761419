"""Flask-Security, set up for a desk under /desk: argon2 passwords, no registration from outside."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import Flask, flash, request
from flask_babel import gettext
from flask_login import current_user, user_logged_in
from flask_security import SQLAlchemyUserDatastore, password_changed

from campaign.accounts import forms
from campaign.accounts.models import Role, User
from campaign.clock import utcnow
from campaign.extensions import db, security
from campaign.web import access

datastore = SQLAlchemyUserDatastore(db, User, Role)

_LIBRARIES = ("flask_login", "flask_principal", "flask_security")


def init_app(app: Flask) -> None:
    """Configures and binds the extension."""
    defaults = {
        "SECURITY_URL_PREFIX": "/desk",
        "SECURITY_PASSWORD_HASH": "argon2",
        # argon2 alone, with its own salt: a backup restored under another SECRET_KEY keeps its passwords.
        "SECURITY_PASSWORD_SINGLE_HASH": ["argon2"],
        "SECURITY_PASSWORD_SALT": "unused-by-argon2",
        "SECURITY_PASSWORD_LENGTH_MIN": forms.PASSWORD_LENGTH,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_CHANGE_URL": "/password",
        "SECURITY_RECOVERABLE": False,
        "SECURITY_REGISTERABLE": False,
        "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_POST_LOGIN_VIEW": "reports.desk",
        "SECURITY_POST_LOGOUT_VIEW": "security.login",
        "SECURITY_POST_CHANGE_VIEW": "reports.desk",
        "SECURITY_LOGIN_USER_TEMPLATE": "accounts/login.html",
        "SECURITY_CHANGE_PASSWORD_TEMPLATE": "accounts/change_password.html",
        "SECURITY_VERIFY_TEMPLATE": "accounts/verify.html",
        "SECURITY_FLASH_MESSAGES": False,
        # The library's would read "private=True"; campaign.web.headers says no-store.
        "SECURITY_CACHE_CONTROL": {},
        "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
        # Signing in is followed only to a page of this site: one slash, no backslash, no control character.
        "SECURITY_REDIRECT_VALIDATE_MODE": ["absolute", "regex"],
        "SECURITY_REDIRECT_VALIDATE_RE": r"^/{2,}|\\|[\x00-\x1f]",
    }
    for key, value in defaults.items():
        app.config.setdefault(key, value)
    # Flask has defaults of its own for these, which setdefault would keep.
    app.config.update(
        SESSION_COOKIE_NAME="desk",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=str(app.config.get("SITE_URL", "")).startswith("https:"),
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
    )
    security.init_app(
        app,
        datastore,
        register_blueprint=True,
        login_form=forms.LoginForm,
        change_password_form=forms.ChangePasswordForm,
    )
    _keep_to_the_desk(app)
    user_logged_in.connect(_seen, app)
    password_changed.connect(_tell_changed, app)


def _keep_to_the_desk(app: Flask) -> None:
    """Keeps the libraries' hooks from reading the session on public pages, which caches hand to everyone."""

    def only_desk(hook: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(hook)
        def guarded(*args: Any) -> Any:
            if access.is_desk(request.endpoint):
                return hook(*args)
            return args[0] if args else None

        return guarded

    every: list[dict[Any, list[Any]]] = [app.before_request_funcs, app.after_request_funcs]
    for hooks in every:
        hooks[None] = [
            only_desk(hook) if hook.__module__.startswith(_LIBRARIES) else hook
            for hook in hooks.get(None, [])
        ]
    processors = app.template_context_processors[None]
    processors[:] = [one for one in processors if not one.__module__.startswith("flask_login")]
    # The proxy itself: a template that does not ask who is signed in reads no session.
    app.jinja_env.globals["current_user"] = current_user


def _seen(app: Flask, user: User) -> None:
    user.last_seen_at = utcnow()


def _tell_changed(app: Flask, user: User, **_: Any) -> None:
    flash(gettext("Your password is changed. Everywhere else you have been signed out."), "success")
