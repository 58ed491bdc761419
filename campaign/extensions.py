"""The Flask extensions, made once and bound to the application in create_app."""

from pathlib import Path

from flask import Flask
from flask_babel import Babel
from flask_mail import Mail
from flask_rq import RQ
from flask_security import Security
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """All tables, with constraint names that migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)
mail = Mail()
rq = RQ()
babel = Babel()
csrf = CSRFProtect()
security = Security()


def bind_migrations(app: Flask) -> None:
    """Makes Flask-Migrate known to the application, for those who migrate: Alembic takes 9 MB that others do without."""
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(Path(__file__).resolve().parent.parent / "migrations"))
