"""What needs a person: a list that each kind of trouble adds to.

A source is asked on every opening of the desk's home, so it looks at what is due and never counts further than
"more than 99".
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from flask import current_app, url_for
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from campaign.alerts import queries as alerts
from campaign.counts import queries as counts
from campaign.mail import orders, undecided
from campaign.mail.desk_undecided import TABS
from campaign.mail.models import STREAMS
from campaign.papers import taken_out
from campaign.reports import queries, restored, status
from campaign.web import languages

LATE = 5
"""Minutes for which a confirmation or a letter may be due before an administrator is told."""


class Need(NamedTuple):
    """One line: how pressing (a badge's tone), which kind, what, where to go, and what one press would do."""

    tone: str
    kind: str
    text: str
    url: str | None = None
    label: str | None = None
    note: str | None = None
    act: tuple[str, str] | None = None
    """A desk page to POST to, and the button's label."""


Source = Callable[[], Iterable[Need]]
_sources: list[tuple[str, Source]] = []


def register(role: str) -> Callable[[Source], Source]:
    """Adds a source that is asked for people of ``role`` (``organizer``: administrators too)."""

    def add(source: Source) -> Source:
        _sources.append((role, source))
        return source

    return add


def of(role: str) -> list[Need]:
    """What needs someone with ``role``, the most pressing first."""
    roles = {"administrator": ("administrator", "organizer"), "organizer": ("organizer",)}.get(
        role, ()
    )
    found = [need for asked, source in _sources if asked in roles for need in source()]
    order = {"failed": 0, "trouble": 1, "held": 2, "waiting": 3}
    return sorted(found, key=lambda need: order.get(need.tone, 4))


def number(n: int) -> str:
    """The number as people read it; past what was counted, "more than 99"."""
    from flask_babel import format_decimal

    if n > queries.MORE_THAN:
        return gettext("more than %(n)s", n=format_decimal(queries.MORE_THAN))
    return str(format_decimal(n))


def link(*endpoints: str, **values: Any) -> str | None:
    """The address of the first of these desk pages that exists."""
    for endpoint in endpoints:
        if endpoint in current_app.view_functions:
            return url_for(endpoint, **values)
    return None


def _some(n: int, need: Callable[[], Need]) -> list[Need]:
    if not n:
        return []
    one = need()
    # "more than 99" begins some of them.
    return [one._replace(text=one.text[:1].upper() + one.text[1:])]


@register("organizer")
def _endorsements() -> list[Need]:
    n = queries.endorsements_to_decide()
    return _some(n, lambda: Need(
        "waiting", gettext("Waiting"),
        ngettext("%(n)s endorsement waits for approval", "%(n)s endorsements wait for approval", n, n=number(n)),
        link("endorsements_desk.index", "endorsements_desk.listing"), gettext("Decide"),
    ))  # fmt: skip


@register("organizer")
def _letters() -> list[Need]:
    n = queries.letters_held()
    return _some(n, lambda: Need(
        "held", gettext("Held"),
        ngettext("%(n)s letter is held for a person", "%(n)s letters are held for a person", n, n=number(n)),
        link("letters_desk.letters", "letters_desk.index", state="held"), gettext("Look"),
    ))  # fmt: skip


@register("organizer")
def _uncertain() -> list[Need]:
    # Letters alone: what else is uncertain goes again by itself, and what does not is an alert's (_in_doubt).
    n = counts.states("deliveries", None).get("uncertain", 0)
    return _some(n, lambda: Need(
        "trouble", gettext("Uncertain"),
        ngettext(
            "Of %(n)s letter nobody knows whether it arrived",
            "Of %(n)s letters nobody knows whether they arrived", n, n=number(n),
        ),
        link("letters_desk.deliveries", state="uncertain"), gettext("Decide"),
    ))  # fmt: skip


@register("organizer")
def _in_doubt() -> list[Need]:
    return [
        Need(
            "trouble", gettext("Uncertain"),
            gettext("The alert “%(name)s” waits: nobody knows whether some of its messages arrived", name=one.name),
            link("alerts_desk.alert", alert_id=one.id), gettext("Decide"),
        )
        for one in alerts.in_doubt(5)
    ]  # fmt: skip


@register("organizer")
def _held() -> list[Need]:
    found = []
    # What is in doubt of an alert is told of with the alert (_in_doubt), and of a letter with its delivery (_uncertain).
    for stream in STREAMS:
        n = undecided.count(stream, doubtful=stream != "alerts")
        found += _some(n, lambda n=n, stream=stream: Need(  # type: ignore[misc]  # the loop's own values
            "held", gettext("Held"),
            ngettext(
                "%(n)s message goes no further without a person", "%(n)s messages go no further without a person", n, n=number(n),
            ),
            link("undecided_desk.index", stream=stream), gettext("Decide"), str(TABS[stream]),
        ))  # fmt: skip
    return found


@register("administrator")
def _late() -> list[Need]:
    # Alerts may take long by right; these two leave within seconds where all is well.
    quick = {"confirmations", "letters"} - orders.stopped_streams()
    minutes = status.oldest_due_s(quick) // 60
    return _some(minutes >= LATE, lambda: Need(
        "failed", gettext("Late"),
        ngettext(
            "Mail has waited for %(num)s minute: nothing sends it, or the mail server does not take it",
            "Mail has waited for %(num)s minutes: nothing sends it, or the mail server does not take it", minutes,
        ),
        link("reports.delivery_page"), gettext("Look"),
    ))  # fmt: skip


@register("organizer")
def _failed() -> list[Need]:
    n = counts.states("deliveries", None).get("failed", 0)
    return _some(n, lambda: Need(
        "failed", gettext("Failed"),
        ngettext("%(num)s letter was refused by an office", "%(num)s letters were refused by an office", n),
        link("letters_desk.deliveries", state="failed"), gettext("Look"),
    ))  # fmt: skip


@register("organizer")
def _paused() -> list[Need]:
    return [
        Need(
            "trouble",
            gettext("Paused"),
            gettext(
                "Nothing leaves to the %(role)s, %(agency)s", role=target.role, agency=target.agency
            ),
            link("offices_desk.target", target_id=target.id),
            gettext("Look"),
            target.paused_reason or None,
            (url_for("offices_desk.resume", target_id=target.id), gettext("Let letters go on")),
        )
        for target in queries.targets_paused()
    ]


@register("organizer")
def _packets() -> list[Need]:
    return [
        Need(
            "trouble",
            gettext("On paper"),
            ngettext(
                "%(n)s letter was taken out since the packet to the %(role)s was made: it is to be made again",
                "%(n)s letters were taken out since the packets to the %(role)s were made: they are to be made again",
                one.letters, n=number(one.letters), role=one.role,
            ),
            link("papers_desk.index", target_id=one.target_id), gettext("Look"),
        )
        for one in taken_out.to_make_again(5)
    ]  # fmt: skip


@register("organizer")
def _overdue() -> list[Need]:
    return [
        Need(
            "trouble",
            gettext("Overdue"),
            gettext(
                "The alert “%(name)s” was not sent at its time",
                name=alert.name or languages.pick(alert.subject),
            ),
            link("alerts_desk.alert", alert_id=alert.id),
            gettext("Decide"),
        )
        for alert in queries.alerts_overdue()
    ]


@register("organizer")
def _stale() -> list[Need]:
    n = queries.targets_stale()
    return _some(n, lambda: Need(
        "waiting", gettext("Old"),
        ngettext(
            "%(n)s office that nobody has checked in the last 90 days",
            "%(n)s offices that nobody has checked in the last 90 days", n, n=number(n),
        ),
        link("offices_desk.index", unchecked=1), gettext("Check"),
    ))  # fmt: skip


@register("organizer")
def _suppressed() -> list[Need]:
    n = queries.suppressed()
    return _some(n, lambda: Need(
        "off", gettext("Not mailed"),
        ngettext(
            "%(n)s address gets no mail: it returned mail, complained or unsubscribed",
            "%(n)s addresses get no mail: they returned mail, complained or unsubscribed", n, n=number(n),
        ),
        link("suppressions_desk.index"), gettext("Look"),
    ))  # fmt: skip


STOPPED = {
    "confirmations": _l("Confirmations and notices are paused: none leaves until they go on"),
    "letters": _l("Letters to officials are paused: none leaves until they go on"),
    "alerts": _l("Action alerts are paused: none leaves until they go on"),
}


@register("organizer")
def _stopped() -> list[Need]:
    """The streams that somebody has paused; what a restore holds is told of as such."""
    stopped = orders.stopped_streams().difference(restored.held())
    return [
        Need("trouble", gettext("Paused"), str(STOPPED[stream]), *_go_on(stream))
        for stream in STREAMS
        if stream in stopped
    ]


def _go_on(stream: str) -> tuple[str | None, str | None, None, tuple[str, str]] | tuple[()]:
    """Where a stream is let go on, for those who may."""
    if current_user.role != "administrator":
        return ()
    url = url_for("reports.order", stream=stream, action="resume")
    return link("reports.delivery_page"), gettext("Look"), None, (url, gettext("Let it go on"))


@register("administrator")
def _restored() -> list[Need]:
    return _some(len(restored.held()), lambda: Need(
        "trouble", gettext("Held"),
        gettext("This site was restored from a backup: mail is held until you say what goes"),
        url_for("reports.restored_ledger"), gettext("Decide"),
    ))  # fmt: skip
