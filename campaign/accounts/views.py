"""The page behind the link with which a member of staff sets a password."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from campaign.accounts import commands
from campaign.accounts.commands import AccountError
from campaign.accounts.forms import SetPasswordForm
from campaign.web import access, pages

blueprint = Blueprint("accounts", __name__)


@blueprint.route("/desk/set-password/<token>", methods=["GET", "POST"])
@access.link
def set_password(token: str) -> ResponseReturnValue:
    """Asks for the new password twice; the link works once."""
    account = commands.user_of_token(token)
    if account is None:
        return pages.private(render_template("accounts/link_ended.html"), 410)
    form = SetPasswordForm()
    if request.method == "POST" and form.validate():
        try:
            commands.set_password(token, form.password.data)
        except AccountError:
            return pages.private(render_template("accounts/link_ended.html"), 410)
        return pages.private(render_template("accounts/password_set.html", account=account))
    body = render_template("accounts/set_password.html", form=form, account=account)
    return pages.private(body, 422 if form.errors else 200)
