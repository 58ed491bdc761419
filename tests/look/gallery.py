"""Every component in every state, on the project's own templates, without the application behind them.

`python -m tests.look.gallery` serves it at http://127.0.0.1:5099/ for whoever works on the look.
"""

import datetime as dt
from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template, request
from flask_babel import Babel
from jinja2 import ChoiceLoader, FileSystemLoader
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    EmailField,
    FileField,
    Form,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    widgets,
)
from wtforms.validators import InputRequired, Length, Optional

from campaign.web import colour, pages
from campaign.web.forms import options
from campaign.web.headers import POLICY

ROOT = Path(__file__).resolve().parents[2]
KINDS = ["National", "State", "Local", "International", "Academic", "Individual"]
DESK = [
    "home",
    "campaigns",
    "letters",
    "deliveries",
    "endorsements",
    "supporters",
    "alerts",
    "targets",
    "organizations",
    "inbox",
    "users",
]
DAYS = [dt.date(2026, 10, 1) + dt.timedelta(days=n) for n in range(30)]
LETTER = [
    "I am writing about people who come to this country for protection and wait behind a locked door.",
    "I believe that freedom should be the rule, and detention the exception that needs a reason.",
]


class Everything(Form):
    """A field of each kind that the macros set."""

    form_token = HiddenField(default="token")
    email = EmailField("Email", [InputRequired("Write an address like name@example.org.")])
    given_name = StringField(
        "Given name", [InputRequired("Write your given name."), Length(max=80)]
    )
    phone = StringField("Phone", [Optional()])
    password = PasswordField("Password", [InputRequired("Write your password.")])
    subject = StringField("Subject", [InputRequired("Write a subject.")])
    body = TextAreaField("Your letter", [InputRequired("Write a few sentences."), Length(max=5000)])
    state = SelectField(
        "State", choices=options([("", "Choose"), ("IL", "Illinois")]), validators=[Optional()]
    )
    kind = RadioField(
        "Kind", choices=options((k, k) for k in KINDS), validators=[InputRequired("Choose one.")]
    )
    languages = SelectMultipleField(
        "Languages",
        choices=options([("en", "English"), ("es", "Español")]),
        widget=widgets.ListWidget(prefix_label=False),
        option_widget=widgets.CheckboxInput(),
    )
    news = BooleanField("Send me news of this campaign")
    signed_on = DateField("Date of signature", [Optional()])
    authority = FileField("Letter of authority", [Optional()], description="PDF, at most 10 MB.")


def _context() -> dict[str, Any]:
    language = "es" if request.args.get("language") == "es" else "en"
    desk = request.path.startswith("/desk")
    return {
        "language": language,
        "dir": request.args.get("dir", "ltr"),
        "language_links": [
            {"code": "en", "label": "English", "url": "?language=en"},
            {"code": "es", "label": "Español", "url": "?language=es"},
        ],
        "site": {
            "name": "Coalition for Waiting in Freedom",
            "postal_address": "1 Example Street, Chicago, Illinois 60604",
            "email": "office@campaign.example",
            "privacy_url": "/privacy",
        },
        "current_user": {"email": "organizer@campaign.example", "is_authenticated": desk},
        "nav": [(f"desk.{name}", name.capitalize(), "staff") for name in DESK] if desk else [],
        "nav_counts": {"desk.endorsements": 4},
        "logout_url": "/desk/logout",
        "capturing": True,
    }


def campaign_page() -> dict[str, Any]:
    """What coalition/campaign.html is given, as long as the founding case's."""
    text = "<p>" + " ".join(LETTER * 3) + "</p>"
    body = "".join(
        f"<h2>{name}</h2>{text}" for name in ("What we ask", "Of whom", "By whom", "Why")
    )
    return {
        "campaign": {
            "title": "Let people seeking asylum wait in freedom",
            "tagline": "They endanger no one. Let them prepare their case outside a cell.",
            "summary": "Two petitions for rules that let people seeking asylum wait in freedom.",
            "ask_html": Markup(body),
            "opens_at": dt.date(2026, 9, 1),
            "closes_at": dt.date(2027, 12, 31),
            "lead": {"name": "National Immigrant Justice Center"},
            "open": True,
        },
        "counts": {"letters": 1284, "supporters": 1967, "endorsements": 31},
        "goal": 5000,
        "petitions": [
            {
                "title": "Release people found to have a credible fear",
                "agency": "DHS",
                "url": "#1",
                "summary": text,
            },
            {"title": "Let judges decide on release", "agency": "DOJ", "url": "#2", "summary": ""},
        ],
        "targets": [
            {
                "agency": "DHS",
                "role": "Secretary of Homeland Security",
                "holder": "Janet Napolitano",
            },
            {"agency": "DOJ", "role": "Attorney General", "holder": ""},
        ],
        "signers": signers(31),
        "updates": [
            {"date": dt.date(2026, 9, 15), "title": "Both petitions are filed", "url": "#3"}
        ],
        "urls": {
            "letter": "#l",
            "signup": "#s",
            "endorse": "#e",
            "signers": "#a",
            "theme": "/theme.css",
        },
    }


def signers(number: int) -> list[dict[str, str]]:
    """Co-signers of every kind, one with letters that only the wider font file has."""
    names = ["Center for Łódź, Ñuñoa & Coração", "The Immigrant Law Center", "Professor Example"]
    return [{"name": f"{names[n % 3]} {n}", "kind": KINDS[n % 6]} for n in range(number)]


def make_app() -> Flask:
    """The gallery: /, /forms, /forms/wrong, /campaign, /desk, /errors/<name>, /theme.css."""
    app = Flask("gallery", static_folder=str(ROOT / "static"))
    app.jinja_loader = ChoiceLoader(
        [
            FileSystemLoader(ROOT / "templates"),
            FileSystemLoader(Path(__file__).parent / "templates"),
        ]
    )
    app.config |= {
        "SECRET_KEY": "gallery",
        "BABEL_TRANSLATION_DIRECTORIES": str(ROOT / "translations"),
    }
    Babel(app, locale_selector=lambda: request.args.get("language", "en"))
    app.jinja_env.filters["in_zone"] = pages.in_zone
    app.jinja_env.globals["asset"] = lambda name: f"/static/{name}"
    app.context_processor(_context)
    for name in DESK:
        app.add_url_rule("/desk/" if name == "home" else f"/desk/{name}", f"desk.{name}", _desk)
    app.add_url_rule("/proof", "proof.challenge", dict)
    app.add_url_rule("/index", "coalition.index", _desk)
    app.add_url_rule("/start", "reports.desk", _desk)
    app.add_url_rule("/password", "security.change_password", _desk)
    app.add_url_rule("/captured", "mail_desk.inbox", _desk)
    app.add_url_rule("/", "parts", lambda: render_template("gallery/parts.html", **_pieces()))
    app.add_url_rule(
        "/forms", "forms", lambda: render_template("gallery/forms.html", form=Everything())
    )
    app.add_url_rule("/forms/wrong", "wrong", _wrong)
    app.add_url_rule(
        "/campaign", "page", lambda: render_template("coalition/campaign.html", **campaign_page())
    )
    app.add_url_rule("/errors/<name>", "errors", _error)
    app.add_url_rule(
        "/theme.css", "theme", lambda: Response(colour.stylesheet("#1d5b5e"), mimetype="text/css")
    )

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return app


def _pieces() -> dict[str, Any]:
    return {
        "letter": LETTER,
        "signers": signers(7),
        "kinds": KINDS,
        "day": DAYS[0],
        "now": dt.datetime(2026, 11, 24, 16, 5),
    }


def _desk() -> str:
    series = [
        ("Letters", [(n * 7) % 80 for n in range(30)]),
        ("Sign-ups", [(n * 5) % 30 for n in range(30)]),
        ("Endorsements", [n % 3 for n in range(30)]),
    ]
    return render_template(
        "gallery/desk.html", days=DAYS, series=series, form=Everything(), **_pieces()
    )


def _wrong() -> str:
    form = Everything(MultiDict({"subject": "A subject", "phone": "1"}))
    form.validate()
    return render_template("gallery/forms.html", form=form)


def _error(name: str) -> str:
    typed = [
        {"name": "form_token", "value": "x", "label": None, "long": False},
        {"name": "email", "value": "ana@example.org", "label": "Email", "long": False},
        {"name": "body", "value": "\n".join(LETTER), "label": "Your letter", "long": True},
    ]
    return render_template(f"errors/{name}.html", status=503, typed=typed)


if __name__ == "__main__":
    make_app().run(port=5099)
