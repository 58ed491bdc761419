"""Flask-Security, set up for a desk under /desk: argon2 passwords, no registration from outside."""

from datetime import timedelta

from flask import Flask
from flask_security import SQLAlchemyUserDatastore

from campaign.accounts.models import Role, User
from campaign.extensions import db, security

datastore = SQLAlchemyUserDatastore(db, User, Role)


def init_app(app: Flask) -> None:
    """Configures and binds the extension."""
    defaults = {
        "SECURITY_URL_PREFIX": "/desk",
        "SECURITY_PASSWORD_HASH": "argon2",
        # argon2 alone, with its own salt: a backup restored under another SECRET_KEY keeps its passwords.
        "SECURITY_PASSWORD_SINGLE_HASH": ["argon2"],
        "SECURITY_PASSWORD_SALT": "unused-by-argon2",
        "SECURITY_PASSWORD_LENGTH_MIN": 12,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_RECOVERABLE": False,
        "SECURITY_REGISTERABLE": False,
        "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
        "SECURITY_POST_LOGIN_VIEW": "/desk/",
        "SECURITY_POST_LOGOUT_VIEW": "/desk/login",
        "SECURITY_LOGIN_USER_TEMPLATE": "accounts/login.html",
        "SECURITY_CHANGE_PASSWORD_TEMPLATE": "accounts/change_password.html",
        "SECURITY_VERIFY_TEMPLATE": "accounts/verify.html",
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_FLASH_MESSAGES": False,
        "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
        "SESSION_COOKIE_NAME": "desk",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": str(app.config.get("SITE_URL", "")).startswith("https:"),
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=12),
    }
    for key, value in defaults.items():
        app.config.setdefault(key, value)
    security.init_app(app, datastore, register_blueprint=True)
