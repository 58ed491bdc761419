"""The gate of the public forms: how often one network may send them, and how many confirmation mails it may cause.

PUBLIC_POSTS is what one network may send with a solved task (campaign.web.proof); without one it is half of that, as it
is for a single address. PUBLIC_MAILS is how many confirmation mails an hour a network may cause; the last tenth is kept
for those with a solved task. A flood of invented addresses ends there, and other networks do not notice it.
What a refused person typed stays on the page that says so.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, has_request_context, request
from werkzeug.exceptions import TooManyRequests

from campaign.web import limits, proof
from campaign.web.windows import Answer, Limit, Wish, rates, windows

View = TypeVar("View", bound=Callable[..., Any])

HOUR = 3600
MAILS = 90
"""Confirmation mails that one network may cause in an hour, where PUBLIC_MAILS says nothing else."""
_SHARE = 25
"""Where PUBLIC_POSTS lets more through than usual, one mail for so many of its hour's posts."""


_PASSED = "campaign.gate.passed"


class TooMany(TooManyRequests):
    """Refused for now. ``wait`` in seconds; ``mails``: it was the mails; ``proved``: with a solved task."""

    def __init__(self, wait: int, mails: bool, proved: bool) -> None:
        super().__init__(retry_after=wait)
        self.told = {"minutes": -(-wait // 60), "mails": mails, "proved": proved}


def mails_an_hour() -> int:
    """How many confirmation mails one network may cause in an hour."""
    given: int | None = current_app.config.get("PUBLIC_MAILS")
    if given:
        return given
    hourly = min(
        many * HOUR // seconds for many, seconds in rates(current_app.config["PUBLIC_POSTS"])
    )
    return max(MAILS, hourly // _SHARE)


def _limits(mail: bool) -> tuple[list[Limit], str]:
    """The limits that this request falls under; the mails' own is the last. And that one's key, empty without mail."""
    network, single = limits.network_and_address()
    found = []
    for many, seconds in rates(current_app.config["PUBLIC_POSTS"]):
        plain = max(1, many // 2)
        found.append(Limit(f"gate:{seconds}:{network}", seconds, many, plain))
        found.append(Limit(f"gate:{seconds}:{single}:1", seconds, plain, plain))
    if not mail:
        return found, ""
    key = f"gate:mail:{network}"
    most = mails_an_hour()
    found.append(Limit(key, HOUR, most, max(1, most * 9 // 10)))
    return found, key


class Asking:
    """A request that asks to be let in: made by the request, answered by ``ask``, then taken up by ``enter``."""

    __slots__ = ("answer", "mail_key", "wish")

    def __init__(self, mail: bool = True) -> None:
        solved = proof.check(request.form.get(proof.FIELD, ""))
        asked, self.mail_key = _limits(mail)
        mark, kept = (f"gate:solved:{solved.mark}", solved.kept) if solved else ("", 1)
        self.wish = Wish(asked, mark, kept)
        self.answer: Answer | None = None

    @property
    def is_let_in(self) -> bool:
        """Whether it has been asked, and may."""
        return self.answer is not None and self.answer.refused_by < 0

    def enter(self) -> None:
        """Raises TooMany where the answer is no; else the request has passed the gate."""
        if self.answer is not None and not self.is_let_in:
            mails = bool(self.mail_key) and self.answer.refused_by == len(self.wish.limits) - 1
            raise TooMany(self.answer.wait, mails, self.answer.marked)
        g.gate_mail = self.mail_key
        request.environ[_PASSED] = True


def ask(askings: Sequence[Asking]) -> None:
    """Counts requests, each of them once, in one round trip."""
    new = [one for one in askings if one.answer is None]
    if new:
        for one, answer in zip(new, windows().take_each([one.wish for one in new]), strict=True):
            one.answer = answer


def admit(mail: bool = True) -> None:
    """Counts this request; raises TooMany where its network or address has sent too much. ``mail``: it asks for one."""
    if _PASSED not in request.environ:
        asking = Asking(mail)
        ask([asking])
        asking.enter()


def mail_used() -> None:
    """The mail that the request was admitted for goes out; where nothing says so, it is given back."""
    if has_request_context():
        g.pop("gate_mail", None)


def guarded(view: View) -> View:
    """Puts the gate before a view whose POST mails a confirmation."""
    return _before(view, lambda: True)


def guarded_except(*looks: str) -> Callable[[View], View]:
    """``guarded`` for a view that mails nobody where the form's ``action`` is one of ``looks``; any other word reserves a mail."""
    return lambda view: _before(view, lambda: request.form.get("action") not in looks)


def counted(view: View) -> View:
    """Puts the gate before a view whose POST mails nobody a confirmation."""
    return _before(view, lambda: False)


def _before(view: View, mail: Callable[[], bool]) -> View:
    @wraps(view)
    def inner(*args: Any, **values: Any) -> Any:
        if request.method == "POST":
            admit(mail())
        return view(*args, **values)

    return inner  # type: ignore[return-value]  # the same view, guarded


def _give_back(response: Response) -> Response:
    key = g.pop("gate_mail", "")
    if key:
        windows().give_back(key)
    return response


def init_app(app: Flask) -> None:
    """Gives back, after each request, the mail that it did not cause."""
    app.after_request(_give_back)
