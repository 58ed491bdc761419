"""What an organizer writes, Markdown with merge fields, made into a subject, a text and an HTML that say the same.

Merge fields are Jinja's ``{{ given_name | default("friend", true) }}`` and ``{% if … %}``, in Jinja's sandbox and
cut down to what a letter needs: no loops, no calls, no attributes. While Markdown and the style sheet are worked in,
a word made of letters stands for each of them, since quotes and braces would not survive.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import escape

from campaign.alerts.plain_text import plain_text
from campaign.mail.skeleton import Pieces, Slot
from campaign.web import pages

FIELDS = ("given_name", "family_name", "state", "action_url")
FILTERS = ("default", "d", "upper", "lower", "title", "capitalize", "trim")
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter, nodes.If,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.List, nodes.Tuple,
)  # fmt: skip
SAMPLE = {
    "given_name": "Ana",
    "family_name": "Rivera",
    "state": "IL",
    "action_url": "https://example.org/",
}

_TAGS = {
    "variable_begin": "variable_end",
    "block_begin": "block_end",
    "comment_begin": "comment_end",
}
_SPECIAL = re.compile("[&<>\"']")
_BRACES = re.compile(r"\{(?=[{%#])")
_MARK = re.compile(r"zqmerge(\d+)zq")
_LONE_LINK = re.compile(r'<p><a href="([^"]*)"[^>]*>([^<]*)</a></p>')

_plain = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
_html = SandboxedEnvironment(undefined=StrictUndefined, autoescape=True)


def problem(source: str) -> str | None:
    """What is wrong with a text's merge fields, as a sentence for its writer; None where nothing is."""
    try:
        raw = any(kind == "raw_begin" for _, kind, _ in _plain.lex(source))
        tree = _plain.parse(source)
    except TemplateError as error:
        return gettext(
            "A merge field is not closed or not written as we know it (line %(line)s).",
            line=getattr(error, "lineno", None) or 1,
        )
    for node in tree.find_all(nodes.Node):
        if isinstance(node, nodes.Name) and node.name not in FIELDS:
            return gettext(
                "There is no merge field “%(name)s”. There are: %(fields)s.",
                name=node.name,
                fields=", ".join(FIELDS),
            )
        known = not isinstance(node, nodes.Filter) or node.name in FILTERS
        if not isinstance(node, ALLOWED) or not known or raw:
            return gettext(
                "Only merge fields with a default and simple conditions can stand between braces."
            )
    try:
        _plain.from_string(source).render(SAMPLE)
        _plain.from_string(source).render(dict.fromkeys(SAMPLE, ""))
    except (TemplateError, TypeError, ValueError) as error:
        return gettext("A merge field cannot be filled in: %(reason)s", reason=str(error))
    return None


@dataclass(frozen=True)
class Marked:
    """A source with a plain word in the place of each merge field."""

    text: str
    tags: tuple[str, ...]

    def restore(self, text: str) -> str:
        """Puts the merge fields back; braces that come from anywhere else stay braces."""
        plain = _BRACES.sub("{{ '{' }}", text)
        return _MARK.sub(self._tag, plain)

    def _tag(self, found: re.Match[str]) -> str:
        number = int(found.group(1))
        # A writer may have typed such a word themselves.
        return self.tags[number] if number < len(self.tags) else found.group(0)


def mark(source: str) -> Marked:
    """Takes the merge fields out of ``source``, where Jinja's own reader finds them. Raises TemplateSyntaxError."""
    tags: list[str] = []
    parts: list[str] = []
    end = ""
    for _, kind, value in _plain.lex(source):
        if end:
            tags[-1] += value
            end = "" if kind == end else end
        elif kind in _TAGS:
            end = _TAGS[kind]
            tags.append(value)
            parts.append(f"zqmerge{len(tags) - 1}zq")
        else:
            parts.append(value)
    return Marked("".join(parts), tuple(tags))


def html_body(marked: Marked) -> str:
    """The Markdown as safe HTML, merge fields still out; a paragraph that is one link becomes a button."""
    html = str(pages.markdown(marked.text))
    return _LONE_LINK.sub(r'<p><a class="button" href="\1">\2</a></p>', html)


def text_body(marked: Marked) -> str:
    """The Markdown as plain text, merge fields still out."""
    return plain_text(marked.text)


@dataclass(frozen=True, eq=False)
class Compiled:
    """Ready to be filled in, row by row."""

    subject: Template
    text: Template
    html: Template
    pieces: tuple[Pieces, Pieces, Pieces]
    """The same three as texts with places in them."""

    def fill(self, fields: Mapping[str, Any]) -> tuple[str, str, str]:
        """Subject, text and HTML for one person."""
        subject = " ".join(self.subject.render(fields).split())
        return subject, self.text.render(fields), self.html.render(fields)


def compile_parts(subject: str, text: str, html: str) -> Compiled:
    """Compiles the three finished sources, once a batch. Extra fields (``unsubscribe_url``) may stand in them."""
    sources = ((_plain, subject), (_plain, text), (_html, html))
    first, second, third = (environment.from_string(source) for environment, source in sources)
    one, two, three = (_pieces(environment, source) for environment, source in sources)
    return Compiled(first, second, third, (one, two, three))


def _pieces(environment: SandboxedEnvironment, source: str) -> Pieces:
    """A template as a text with places: each merge field, and each whole condition, is one."""
    pieces: list[str | Slot] = []
    for node in environment.parse(source).body:
        for child in node.nodes if isinstance(node, nodes.Output) else [node]:
            if isinstance(child, nodes.TemplateData):
                pieces.append(child.data)
            else:
                key = f"{environment.autoescape} {child!r}"
                pieces.append(Slot(key, _value(environment, child)))
    return pieces


def _escaped(value: str) -> str:
    """As it stands in HTML: what needs no escaping is spared markupsafe's own kind of string."""
    return str(escape(value)) if _SPECIAL.search(value) else value


def _value(
    environment: SandboxedEnvironment, node: nodes.Node
) -> Callable[[Mapping[str, str]], str]:
    """What stands in a place: Jinja's answer, reached without Jinja where that is plain."""
    escaped = _escaped if environment.autoescape else str
    match node:
        case nodes.Name(name=name):
            return lambda fields: escaped(fields[name])
        case nodes.Filter(
            node=nodes.Name(name=name), name="default" | "d", kwargs=[], dyn_args=None, dyn_kwargs=None,
            args=[nodes.Const(value=str(otherwise)), nodes.Const(value=True)],
        ):  # fmt: skip
            return lambda fields: escaped(fields[name] or otherwise)
    statement = nodes.Output([node], lineno=1) if isinstance(node, nodes.Expr) else node
    return environment.from_string(nodes.Template([statement], lineno=1)).render
