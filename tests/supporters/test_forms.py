"""The form's rules, whatever is typed."""

from typing import Any

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.supporters.forms import NAME_LENGTH, SignUpForm, source_of
from campaign.web import tokens

calm = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def filled(app: Flask, **fields: str) -> Any:
    """The validated form."""
    with app.app_context():
        token = tokens.form_token(SignUpForm.purpose)
    good = {
        "form_token": token,
        "email": "a@mail.example",
        "given_name": "Ana",
        "family_name": "Ruiz",
    }
    with app.test_request_context(method="POST", data=good | fields):
        form = SignUpForm("may write")
        form.validate()
        return form


@calm
@given(text=st.text(max_size=120))
def test_a_name_that_passes_is_short_plain_and_no_link(app: Flask, text: str) -> None:
    form = filled(app, given_name=text)
    if not form.errors:
        kept = form.given_name.data
        assert 0 < len(kept) <= NAME_LENGTH
        assert kept == kept.strip()
        assert all(ord(c) >= 32 and c not in "<>@" for c in kept)
        assert "://" not in kept


@calm
@given(text=st.text(max_size=40))
def test_a_postal_code_that_passes_is_short_and_ascii(app: Flask, text: str) -> None:
    form = filled(app, postal_code=text)
    if not form.errors:
        assert len(form.postal_code.data or "") <= 12
        assert (form.postal_code.data or "").isascii()


@calm
@given(text=st.text(max_size=60) | st.emails())
def test_an_address_that_passes_can_be_mailed(app: Flask, text: str) -> None:
    form = filled(app, email=text)
    if not form.errors:
        from campaign.mail.headers import envelope_address

        assert envelope_address(form.email.data)


@calm
@given(text=st.text(max_size=80))
def test_a_source_is_a_code_or_nothing(text: str) -> None:
    code = source_of(text)
    assert code == "" or (code.isascii() and code == code.lower() and len(code) <= 60)


def test_names_of_many_peoples_pass(app: Flask) -> None:
    for name in (
        "José",
        "Nguyễn",
        "O’Brien",
        "D'Angelo",
        "Анна",
        "李",
        "Pa Houa",
        "María-José",
        "J.",
    ):
        assert not filled(app, given_name=name).errors, name


def test_links_in_names_do_not(app: Flask) -> None:
    for name in ("http://spam.example", "www.spam.example", "a@b.example", "<b>x</b>"):
        assert "given_name" in filled(app, given_name=name).errors, name


def test_codes_of_other_countries_pass(app: Flask) -> None:
    for code in ("H2X 1Y4", "SW1A 1AA", "1010", "75001", "D02 AF30", "220-0012"):
        assert not filled(app, postal_code=code).errors, code
    for code in ("!!", "much too long code", "60608\u202e"):
        assert "postal_code" in filled(app, postal_code=code).errors, code
