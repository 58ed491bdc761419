"""/desk/users: who works here, and as what."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_security import current_user

from campaign.accounts import commands, invitations, queries
from campaign.accounts.commands import AccountError
from campaign.accounts.forms import ROLE_LABELS, AddUserForm, RoleForm
from campaign.accounts.models import User
from campaign.web import access, pages

blueprint = Blueprint("users", __name__, url_prefix="/desk/users")


@blueprint.get("/")
@access.administrator
def users() -> ResponseReturnValue:
    """The accounts, newest first."""
    text = request.args.get("q", "").strip()
    page = queries.page(text)
    found = [row[0] for row in page.rows]
    organizations = queries.organization_names(
        [user.organization_id for user in found if user.organization_id]
    )
    return render_template(
        "accounts/users.html", page=page, users=found, text=text,
        organizations=organizations, roles=ROLE_LABELS,
    )  # fmt: skip


@blueprint.route("/add", methods=["GET", "POST"])
@access.administrator
def add() -> ResponseReturnValue:
    """Makes an account and shows the link with which its owner sets a password."""
    form = AddUserForm()
    if form.validate_on_submit():
        if queries.by_email(form.email.data):
            form.email.errors = [gettext("This address has an account already.")]
        else:
            user, _ = commands.save_user(
                form.email.data, form.role.data, name=form.name.data,
                organization_id=form.organization_id, invite=True,
            )  # fmt: skip
            return _show_link(user)
    return render_template("accounts/add.html", form=form), 422 if form.errors else 200


@blueprint.get("/<int:user_id>")
@access.administrator
def user(user_id: int) -> ResponseReturnValue:
    """One account."""
    return _page(_found(user_id))


@blueprint.post("/<int:user_id>")
@access.administrator
def change(user_id: int) -> ResponseReturnValue:
    """Changes the name and the role."""
    account = _found(user_id)
    form = RoleForm()
    if form.validate_on_submit():
        try:
            commands.set_role(user_id, form.role.data, form.organization_id, form.name.data)
        except AccountError as error:
            form.role.errors = [_said(error)]
        else:
            flash(gettext("The account is changed."), "success")
            if user_id == current_user.id:
                return redirect(url_for("security.login"))
            return redirect(url_for("users.user", user_id=user_id))
    return _page(account, form)


@blueprint.post("/<int:user_id>/active")
@access.administrator
def active(user_id: int) -> ResponseReturnValue:
    """Closes the account, or opens it again."""
    _found(user_id)
    opening = request.form.get("active") == "1"
    try:
        commands.set_active(user_id, opening)
    except AccountError as error:
        flash(_said(error), "error")
    else:
        flash(
            gettext("The account is open again.") if opening else gettext("The account is closed."),
            "success",
        )
    return redirect(url_for("users.user", user_id=user_id))


@blueprint.post("/<int:user_id>/link")
@access.administrator
def link(user_id: int) -> ResponseReturnValue:
    """Shows a new link to set a password; the older ones end."""
    account = _found(user_id)
    try:
        commands.renew_link(user_id)
    except AccountError as error:
        flash(_said(error), "error")
        return redirect(url_for("users.user", user_id=user_id))
    return _show_link(account)


def _found(user_id: int) -> User:
    return pages.or_404(queries.by_id(user_id))


def _page(account: User, form: RoleForm | None = None) -> ResponseReturnValue:
    names = queries.organization_names([account.organization_id] if account.organization_id else [])
    organization = names.get(account.organization_id or 0, "")
    if form is None:
        form = RoleForm(
            formdata=None, name=account.name, role=account.role, organization=organization
        )
    body = render_template("accounts/user.html", account=account, form=form, roles=ROLE_LABELS)
    return body, 422 if form.errors else 200


def _show_link(account: User) -> ResponseReturnValue:
    """The link is in this answer alone: it is never an address that histories keep."""
    # The key is made before anything else could change the account.
    address = invitations.link(account)
    mailed = invitations.send(account)
    return render_template("accounts/link.html", account=account, link=address, mailed=mailed)


def _said(error: AccountError) -> str:
    """The command's sentence, in the page's language where it is one that people here can meet."""
    known = {
        "This is the only administrator: make another one first.": gettext(
            "This is the only administrator. Please make another one first."
        ),
        "The account is closed: open it first.": gettext(
            "The account is closed. Please open it first."
        ),
    }
    return known.get(str(error), str(error))
