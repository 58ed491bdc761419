"""What supporters do with letters: write, take back, correct. One function a use case, one transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import has_request_context
from sqlalchemy import select, text

from campaign.clock import utcnow
from campaign.counts import journal
from campaign.extensions import db
from campaign.gathering import Gathered
from campaign.letters import confirming, deliveries, merging, moderation, queries, words
from campaign.letters.links import Act
from campaign.letters.models import Letter
from campaign.mail import wake
from campaign.statements import Statement
from campaign.supporters import commands as supporters
from campaign.supporters import confirmation
from campaign.supporters.places import state_of
from campaign.web import gate, limits, tokens


@dataclass(frozen=True)
class Words:
    """What someone typed in the letter form, checked."""

    given_name: str
    family_name: str
    postal_code: str
    subject: str
    body: str
    language: str
    agreement: str = ""
    """What the ticked consent box said; empty where it was left alone."""
    source: str = ""
    tell: bool = False
    """Whether the writer wants a mail when every office has it."""
    named: bool = False
    """Whether the writer agrees to stand by name in a public docket."""
    keep: bool = False
    """Whether the writer lets the campaign keep what offices answer."""


@dataclass(frozen=True)
class Doorway:
    """What a letter must know of its campaign."""

    campaign_id: int
    slug: str
    suggested: Sequence[str] = ()
    """The bodies of its templates: what a writer did not write."""
    seal: str = ""
    """Where it was read earlier, what it has to be still when the letter is written (queries.door)."""


def write_letter(
    door: Doorway, email: str, typed: Words, nonce: str, asking: gate.Asking | None = None
) -> bool:
    """Keeps a letter and asks for a confirmation; nothing of it counts before that. Committed, with others of this moment.

    The same form sent twice is one letter; with other words it is another one, and the confirmation page offers both.
    The answer is the same whether the address is known or not. False: the door is no longer what its seal says.
    With ``asking`` the request has yet to be let in; raises gate.TooMany where it is not.
    """
    # The words are part of it: what someone has read on the confirmation page cannot change under their hand, and
    # a cached form, which many people share, lets nobody write over another's letter.
    said = (typed.given_name, typed.family_name, typed.postal_code, typed.subject, typed.body)
    submission = tokens.submission(nonce, email, door.slug, *said)
    email = email.strip()
    if asking is None:
        # What was read before holds a connection, and those that wait must leave one to whoever writes for them.
        db.session.commit()
    new = _New(_values(door, typed, submission) | {"email": email, "seal": door.seal}, asking)
    for _ in range(5):
        try:
            _GATHERED.do(new, email.lower())
        finally:
            # Also where nothing could be kept: the mail that was reserved for it is given back after the request.
            if asking is not None and asking.answer is not None:
                asking.enter()
        if new.found is None:
            return False
        if new.found.kept:
            break
    else:
        raise RuntimeError("a supporter's row came and went under our hands")
    if new.found.mails:
        gate.mail_used()
    wake.soon("confirmations")
    return True


def send_own_page(campaign_id: int, act: Act, language: str) -> None:
    """Mails the supporter a link to all that is theirs, at most once an hour as every confirmation."""
    confirmation.ask(act.supporter.email, language, campaign_id)
    db.session.commit()
    wake.wake("confirmations")


def write_proved_letter(door: Doorway, act: Act, typed: Words, nonce: str) -> confirming.Decision:
    """Keeps and confirms a letter of someone who came with an alert's key: no second mail."""
    supporter_id = act.supporter.id
    submission = tokens.submission(nonce, f"supporter {supporter_id}", door.slug)
    letter_id = _keep(door, supporter_id, typed, submission, act.alert_id)
    decision = confirming.confirm_in_transaction(letter_id)
    db.session.commit()
    wake.wake("letters")
    return decision


_INTO = """
    INSERT INTO letter (campaign_id, supporter_id, submission, state, language, given_name, family_name, postal_code,
        us_state, subject, body, consents, wording, own_share, fingerprint, source, alert_id, network, created_at,
        tell_when_done, named_in_public, keep_replies)"""
_AGAIN = """
    ON CONFLICT (submission) DO UPDATE SET language = excluded.language, given_name = excluded.given_name,
        family_name = excluded.family_name, postal_code = excluded.postal_code, us_state = excluded.us_state,
        subject = excluded.subject, body = excluded.body, consents = excluded.consents, wording = excluded.wording,
        own_share = excluded.own_share, fingerprint = excluded.fingerprint, source = excluded.source,
        tell_when_done = excluded.tell_when_done, named_in_public = excluded.named_in_public,
        keep_replies = excluded.keep_replies
    WHERE letter.state = 'unconfirmed'
    RETURNING id, campaign_id, submission, xmax = 0 AS is_new"""

_KEEP = text(
    f"""{_INTO}
    VALUES (:campaign_id, :supporter_id, :submission, 'unconfirmed', :language, :given_name, :family_name, :postal_code,
        :us_state, :subject, :body, :consents, :wording, :own_share, :fingerprint, :source, :alert_id, :network, :now,
        :tell, :named, :keep)
    {_AGAIN}"""
)

_ACT = """
    SELECT n, email AS address, language, campaign_id, jsonb_build_array('letter', own.id) AS data
    FROM own JOIN given USING (n)"""

# The statement that a flood of letters waits for: the supporter, the letter, the confirmation, its mail, the journal.
_WRITE = Statement(
    f"""
    WITH asked_for AS MATERIALIZED (SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS letter(n int, email text,
        campaign_id bigint, seal text, submission text, language text, given_name text, family_name text, postal_code text,
        us_state text, subject text, body text, consents boolean, wording text, own_share float8, fingerprint bigint,
        source text, network text, tell boolean, named boolean, keep boolean)),
    {queries.STILL_OPEN},
    given AS (SELECT asked_for.* FROM asked_for JOIN still_open USING (n)),
    {supporters.PERSON},
    kept AS ({_INTO}
        SELECT campaign_id, person.id, submission, 'unconfirmed', language, given_name, family_name, postal_code,
            us_state, subject, body, consents, wording, own_share, fingerprint, source, NULL, network, :now,
            tell, named, keep FROM given JOIN person USING (n)
        {_AGAIN}),
    counted AS ({journal.INSERT}
        SELECT :now, campaign_id, 'letters.unconfirmed', '', count(*) FROM kept WHERE is_new GROUP BY campaign_id),
    own AS (
        SELECT given.n, kept.id FROM kept JOIN given USING (submission)
        UNION ALL
        SELECT given.n, there.id FROM given CROSS JOIN LATERAL (
            SELECT id FROM letter WHERE letter.submission = given.submission LIMIT 1) AS there
        WHERE NOT EXISTS (SELECT 1 FROM kept WHERE kept.submission = given.submission)
    ),
    {confirmation.asking(_ACT)}
    SELECT still_open.n, own.n IS NOT NULL AS kept, mail.n IS NOT NULL AS mails
    FROM still_open LEFT JOIN own USING (n) LEFT JOIN mail USING (n)
    """  # noqa: S608  # our own text
)


@dataclass
class _New:
    """A letter to be kept, and what became of it."""

    row: dict[str, Any]
    asking: gate.Asking | None
    found: Any = None


def _write_each(letters: Sequence[_New]) -> None:
    """Asks the gate for those that have not passed it, and keeps those that have: all in one statement."""
    gate.ask([one.asking for one in letters if one.asking])
    let_in = [one for one in letters if one.asking is None or one.asking.is_let_in]
    if not let_in:
        return
    rows = json.dumps([{"n": n, **one.row} for n, one in enumerate(let_in)])
    for one in let_in:
        one.found = None
    for found in _WRITE.rows(confirmation.ask_values() | {"rows": rows}):
        let_in[found.n].found = found


_GATHERED = Gathered(_write_each)


def _values(door: Doorway, typed: Words, submission: str) -> dict[str, Any]:
    writer = merging.writer(typed.given_name, typed.family_name, typed.postal_code)
    return {
        "campaign_id": door.campaign_id,
        "submission": submission,
        "language": typed.language,
        "given_name": typed.given_name,
        "family_name": typed.family_name,
        "postal_code": typed.postal_code,
        "us_state": state_of(typed.postal_code),
        "subject": typed.subject,
        "body": typed.body,
        "consents": bool(typed.agreement),
        "wording": typed.agreement,
        "own_share": words.own_share(typed.body, merging.both_ways(door.suggested, writer)),
        "fingerprint": words.fingerprint(typed.body),
        "source": typed.source,
        "tell": typed.tell,
        "named": typed.named,
        "keep": typed.keep,
        "network": limits.origin() if has_request_context() else "",
    }


def _keep(
    door: Doorway, supporter_id: int, typed: Words, submission: str, alert_id: int | None = None
) -> int:
    """The letter's row, made or (while unconfirmed) brought up to date, in the caller's transaction; its number."""
    values = _values(door, typed, submission)
    values |= {"supporter_id": supporter_id, "alert_id": alert_id, "now": utcnow()}
    row: Any = db.session.execute(_KEEP, values).first()
    if row is None:
        return db.session.execute(
            select(Letter.id).where(Letter.submission == submission)
        ).scalar_one()
    if row.is_new:
        journal.record(journal.moved("letters", None, "unconfirmed", campaign_id=door.campaign_id))
    return int(row.id)


@dataclass(frozen=True)
class TakenBack:
    """What became of a withdrawal: to how many offices the letter will not go, and how many had it already."""

    stopped: int
    left: int


def withdraw(letter_id: int, supporter_id: int) -> TakenBack | None:
    """The writer takes a letter back from every office that it has not left for; None: it is not theirs, or not alive."""
    letter = _lock(letter_id, supporter_id)
    if letter is None:
        return None
    letter.taken_back_at = utcnow()
    db.session.flush()
    before = deliveries.states_of(letter_id)
    deliveries.leave_in_doubt(letter_id)
    complete = deliveries.take_back(letter_id)
    after = deliveries.states_of(letter_id)
    # What is on its way in this very moment does not go again if the office did not take it: nothing of a letter that is
    # taken back is rendered once more, also where it stays confirmed because some office has it.
    if complete or set(after.values()) <= {"cancelled", "queued", "deferred"}:
        confirming.set_state(letter, "withdrawn")
    stopped = sum(after[n] == "cancelled" and before.get(n) != "cancelled" for n in after)
    left = sum(state != "cancelled" for state in after.values())
    db.session.commit()
    return TakenBack(stopped, left)


def correct(
    letter_id: int, supporter_id: int, subject: str, body: str, suggested: Sequence[str]
) -> bool:
    """The writer corrects a letter that still waits at every office; False where it does not.

    Letters that the mail engine already has for the next minute go back to wait, and keep their place. The rules look at
    the new words as they did at the first ones: else whoever is known to be harmless could put in what is held.
    """
    letter = _lock(letter_id, supporter_id)
    if letter is None or letter.state not in ("confirmed", "held"):
        db.session.rollback()
        return False
    if not deliveries.all_wait(letter_id):
        db.session.rollback()
        return False
    letter.subject, letter.body = subject, body
    writer = merging.writer(letter.given_name, letter.family_name, letter.postal_code)
    letter.own_share = words.own_share(body, merging.both_ways(suggested, writer))
    letter.fingerprint = words.fingerprint(body)
    db.session.flush()
    reason = moderation.reason_to_hold(letter)
    if reason:
        letter.hold_reason = reason
    if reason and letter.state == "confirmed":
        deliveries.take_back(letter_id, "held")
        confirming.set_state(letter, "held")
    db.session.commit()
    return True


def _lock(letter_id: int, supporter_id: int) -> Letter | None:
    """The writer's own letter, locked; None where there is none, or it has no deliveries to speak of."""
    letter = db.session.execute(
        select(Letter)
        .where(Letter.id == letter_id, Letter.supporter_id == supporter_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if letter is None or letter.state not in ("confirmed", "held"):
        db.session.rollback()
        return None
    return letter
