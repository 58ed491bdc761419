"""What was sent with a form, where it is good as it stands: judged by the form's own fields, filters and validators.

A form of WTForms makes a widget, a label and translations for each of its fields, every time: most of the work of
taking a letter. Whatever is not good is left to the form itself, which says why.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from flask import request
from wtforms import BooleanField, StringField
from wtforms.meta import DefaultMeta
from wtforms.validators import StopValidation

from campaign.web import tokens
from campaign.web.forms import PublicForm


class _Rules(NamedTuple):
    """What a form says of one field."""

    name: str
    false: tuple[Any, ...] | None
    """Of a box: what counts as not ticked; None for text."""
    filters: tuple[Callable[[Any], Any], ...]
    validators: tuple[Callable[[Any, Any], None], ...]


class Value:
    """One field's value, as far as filters and validators look at a field."""

    __slots__ = ("data", "errors", "raw_data")

    def __init__(self, raw_data: list[str], data: Any) -> None:
        self.raw_data = raw_data
        self.data = data
        self.errors: list[Any] = []


class Sent:
    """Values by their fields' names, each with its ``data``; and the token's ``nonce``."""

    nonce: str

    def __getattr__(self, name: str) -> Value:  # for mypy: they all stand in __dict__
        raise AttributeError(name)


def sent(form: type[PublicForm]) -> Sent | None:
    """The request's values, if the ``form`` would take them; None where it has something to say."""
    found = Sent()
    values = found.__dict__
    typed = request.form
    kind: Any = form
    rules = _rules(kind)
    try:
        for name, false, filters, _ in rules:
            raw = typed.getlist(name)
            data: Any = raw[0] if raw else None
            if false is not None:
                data = bool(raw) and data not in false
            for change in filters:
                data = change(data)
            values[name] = Value(raw, data)
        for name, _, _, validators in rules:
            if not _passes(found, values[name], validators):
                return None
        found.nonce = tokens.read_form_token(form.purpose, found.form_token.data or "")
    except (ValueError, tokens.BadToken):  # a ValidationError is a ValueError
        return None
    return found


def _passes(found: Sent, value: Value, validators: tuple[Callable[[Any, Any], None], ...]) -> bool:
    """Raises ValueError or returns False where a validator refuses."""
    try:
        for validator in validators:
            validator(found, value)
    except StopValidation as error:
        return not (error.args and error.args[0])
    return True


@cache
def _rules(form: Any) -> tuple[_Rules, ...]:
    """The fields of a form that has nothing but texts and boxes. Raises TypeError for any other."""
    found = []
    for name in dir(form):
        unbound = getattr(form, name)
        if not hasattr(unbound, "_formfield"):
            continue
        field = unbound.bind(form=None, name=name, _meta=DefaultMeta())
        is_box = type(field).process_formdata is BooleanField.process_formdata
        is_text = type(field).process_formdata is StringField.process_formdata
        if not (is_box or is_text) or field.default or hasattr(form, f"validate_{name}"):
            raise TypeError(f"{form.__name__}.{name} needs its form")
        false = tuple(field.false_values) if is_box else None
        found.append(_Rules(name, false, tuple(field.filters), tuple(field.validators)))
    return tuple(found)
