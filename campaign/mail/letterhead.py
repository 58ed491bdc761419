"""Our own messages from their three templates: ``templates/mail/<name>.subject.txt``, ``.txt`` and ``.html``.

Letters to officials do not come this way: they are their writers', and stay plain.
"""

from typing import Any

import css_inline
from flask import current_app

from campaign.mail import settings
from campaign.mail.compose import Rendered
from campaign.web import colour, languages
from campaign.web.frame import site


def context(language: str, accent: str) -> dict[str, Any]:
    """What ``mail/layout.html`` asks for; ``accent`` is the campaign's colour, empty for the default."""
    shades = colour.accent(accent)
    return {
        "site": site(),
        "language": language,
        "dir": "rtl" if language in languages.RIGHT_TO_LEFT else "ltr",
        "accent": shades.light,
        "on_accent": shades.on_light,
        "accent_dark": shades.dark,
        "on_accent_dark": shades.on_dark,
    }


def inline(html: str) -> str:
    """The HTML with its style sheet worked into it; rules for dark mode and phones stay where they are."""
    return css_inline.inline(html, keep_style_tags=True)


def written(template: str, language: str, accent: str, /, **values: Any) -> Rendered:
    """The message of the three templates in ``language``; ``values`` is what they say beside the letterhead."""
    known = {**context(language, accent), **values}
    with languages.speaking(language):
        subject, text, html = (
            current_app.jinja_env.get_template(f"mail/{template}.{part}").render(known)
            for part in ("subject.txt", "txt", "html")
        )
    return Rendered(" ".join(subject.split()), text, inline(html), from_name=from_name())


def from_name() -> str | None:
    """Whose name a list of mail shows: the coalition's, where MAIL_DEFAULT_SENDER is an address alone."""
    return None if settings.sender().name else site().name
