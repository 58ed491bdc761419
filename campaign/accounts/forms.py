"""Forms of the desk's accounts: signing in, passwords, and who works here."""

import math
from typing import Any

from flask import Response, after_this_request
from flask_babel import gettext, lazy_pgettext, ngettext
from flask_babel import lazy_gettext as _l
from flask_security import ChangePasswordForm as LibraryChangeForm
from flask_security import LoginForm as LibraryLoginForm
from flask_security import hash_password, verify_password
from flask_security.utils import validate_redirect_url
from flask_wtf import FlaskForm
from wtforms import PasswordField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, EqualTo, Length

from campaign.accounts import queries, throttle
from campaign.accounts.models import ROLES
from campaign.web.forms import Address, PlainText, PublicForm, options, strip

PASSWORD_LENGTH = 12
"""Characters at least (NIST SP 800-63B asks for 8 or more, without rules of composition)."""
PASSWORD_LONGEST = 200

ROLE_LABELS = {
    "administrator": _l("Administrator"),
    "organizer": _l("Organizer"),
    "lead": _l("Coalition lead"),
}

_TOO_SHORT = _l("Please choose a password of at least %(n)s characters.", n=PASSWORD_LENGTH)
_NOT_THE_SAME = _l("The two passwords are not the same. Please type them again.")


class LoginForm(LibraryLoginForm):
    """Signing in. What is wrong is not told apart, and attempts are limited by account and by network."""

    email = StringField(
        _l("Email"), validators=[DataRequired(_l("Please write your email address."))]
    )
    password = PasswordField(
        _l("Password"), validators=[DataRequired(_l("Please write your password."))]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Nobody stays signed in beyond the session, also who sends the library's field by hand.
        del self.remember
        if self.next.data and not validate_redirect_url(self.next.data):
            # Another site's address is passed over: the person signs in, and stays here.
            self.next.data = ""

    def validate(self, **kwargs: Any) -> bool:
        """Whether the address and the password belong together; sets ``user``."""
        if not super(LibraryLoginForm, self).validate(**kwargs):
            return False
        email = str(self.email.data).strip()
        wait = throttle.begin(email)
        if wait:
            self._refuse(wait)
            return False
        user = queries.by_email(email)
        if user is None or not user.password:
            # As long as a real check takes, so that nobody learns from it who works here.
            hash_password(self.password.data)
        elif verify_password(self.password.data, user.password) and user.is_active:
            throttle.succeeded(email)
            self.user = user
            return True
        throttle.failed(email)
        self.form_errors.append(gettext("This address and password do not belong together."))
        return False

    def _refuse(self, wait: int) -> None:
        minutes = math.ceil(wait / 60)
        self.form_errors.append(
            ngettext(
                "There were too many attempts. Please try again in %(num)s minute.",
                "There were too many attempts. Please try again in %(num)s minutes.",
                minutes,
            )
        )

        @after_this_request
        def too_many(response: Response) -> Response:
            response.status_code = 429
            response.headers["Retry-After"] = str(wait)
            return response


def _new_password() -> PasswordField:
    return PasswordField(
        _l("New password"),
        validators=[
            DataRequired(_TOO_SHORT),
            Length(PASSWORD_LENGTH, PASSWORD_LONGEST, _TOO_SHORT),
        ],
    )


def _again(field: str) -> PasswordField:
    return PasswordField(_l("New password, again"), validators=[EqualTo(field, _NOT_THE_SAME)])


class ChangePasswordForm(LibraryChangeForm):
    """Changing one's own password, with the old one."""

    password = PasswordField(
        _l("Your password until now"), validators=[DataRequired(_l("Please write your password."))]
    )
    new_password = _new_password()
    new_password_confirm = _again("new_password")

    def validate(self, **kwargs: Any) -> bool:
        """Checks the old password, as often as signing in may be tried."""
        from flask_security import current_user

        if not super(LibraryChangeForm, self).validate(**kwargs):
            return False
        if throttle.begin(current_user.email):
            self.password.errors = [
                gettext("There were too many attempts. Please try again later.")
            ]
            return False
        if not verify_password(self.password.data, current_user.password or ""):
            throttle.failed(current_user.email)
            self.password.errors = [gettext("This is not your password.")]
            return False
        throttle.succeeded(current_user.email)
        if self.password.data == self.new_password.data:
            self.new_password.errors = [gettext("This is the password that you have already.")]
            return False
        return True


class SetPasswordForm(PublicForm):
    """The first password, or a new one, behind a link that an administrator gave."""

    purpose = "staff.password"

    password = _new_password()
    again = _again("password")


def _role_choices() -> list[SelectChoice]:
    return options((role, ROLE_LABELS[role]) for role in ROLES)


class RoleForm(FlaskForm):
    """What someone may do at the desk; a lead belongs to an organization."""

    name = StringField(_l("Name"), filters=[strip], validators=[Length(max=120), PlainText()])
    role = SelectField(
        lazy_pgettext("account", "Role"), choices=_role_choices, validators=[DataRequired()]
    )
    organization = StringField(
        _l("Organization"),
        filters=[strip],
        description=_l("For a coalition lead: the organization's name or short name."),
    )

    organization_id: int | None = None

    def validate(self, extra_validators: Any = None) -> bool:
        """Finds the organization that is meant; sets ``organization_id``."""
        if not super().validate(extra_validators):
            return False
        if self.role.data != "lead":
            return True
        found = queries.organizations_like(self.organization.data or "")
        if len(found) == 1:
            self.organization_id = found[0].id
            return True
        if not self.organization.data:
            problem = gettext("A lead belongs to one organization. Please name it.")
        elif found:
            names = "; ".join(one.name for one in found)
            problem = gettext("Several have this in their name: %(names)s.", names=names)
        else:
            problem = gettext("There is no organization of this name in the coalition.")
        self.organization.errors = [problem]
        return False


class AddUserForm(RoleForm):
    """Someone new."""

    email = StringField(
        _l("Email"),
        filters=[strip],
        validators=[DataRequired(_l("Please write the email address.")), Address()],
    )
