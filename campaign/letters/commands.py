"""What supporters do with letters: write, take back, correct. One function a use case, one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import has_request_context
from sqlalchemy import select, text

from campaign.clock import utcnow
from campaign.counts import journal
from campaign.extensions import db
from campaign.letters import confirming, deliveries, moderation, words
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


def write_letter(door: Doorway, email: str, typed: Words, nonce: str) -> None:
    """Keeps a letter and asks for a confirmation; nothing of it counts before that. One statement, committed.

    The same form sent twice is one letter; with other words it is another one, and the confirmation page offers both.
    The answer is the same whether the address is known or not: none.
    """
    # The words are part of it: what someone has read on the confirmation page cannot change under their hand, and
    # a cached form, which many people share, lets nobody write over another's letter.
    said = (typed.given_name, typed.family_name, typed.postal_code, typed.subject, typed.body)
    submission = tokens.submission(nonce, email, door.slug, *said)
    values = confirmation.ask_values(email, typed.language, door.campaign_id)
    values |= _values(door, typed, submission) | {"email": email.strip()}
    for _ in range(5):
        found = _WRITE.first(values)
        if found is not None and found.kept:
            break
    else:
        raise RuntimeError("a supporter's row came and went under our hands")
    if found.mails:
        gate.mail_used()
    wake.soon("confirmations")


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


def _inserting(source: str, supporter: str) -> str:
    return f"""
    INSERT INTO letter (campaign_id, supporter_id, submission, state, language, given_name, family_name, postal_code,
        us_state, subject, body, consents, wording, own_share, fingerprint, source, alert_id, network, created_at,
        tell_when_done, named_in_public, keep_replies)
    SELECT :campaign_id, {supporter}, :submission, 'unconfirmed', :language, :given_name, :family_name, :postal_code,
        :us_state, :subject, :body, :consents, :wording, :own_share, :fingerprint, :source, :alert_id, :network, :now,
        :tell, :named, :keep
    {source}
    ON CONFLICT (submission) DO UPDATE SET language = excluded.language, given_name = excluded.given_name,
        family_name = excluded.family_name, postal_code = excluded.postal_code, us_state = excluded.us_state,
        subject = excluded.subject, body = excluded.body, consents = excluded.consents, wording = excluded.wording,
        own_share = excluded.own_share, fingerprint = excluded.fingerprint, source = excluded.source,
        tell_when_done = excluded.tell_when_done, named_in_public = excluded.named_in_public,
        keep_replies = excluded.keep_replies
    WHERE letter.state = 'unconfirmed'
    RETURNING id, xmax = 0 AS is_new"""  # our own text


_KEEP = text(_inserting("", ":supporter_id"))

# The statement that a flood of letters waits for: the supporter, the letter, the confirmation, its mail, the journal.
_WRITE = Statement(
    f"""
    WITH {supporters.PERSON},
    kept AS ({_inserting("FROM person", "person.id")}),
    counted AS ({
        journal.INSERT
    } SELECT :now, :campaign_id, 'letters.unconfirmed', '', 1 FROM kept WHERE is_new),
    {
        confirmation.asking('''
        SELECT jsonb_build_array('letter', one.id) AS data FROM (
            SELECT id FROM kept UNION ALL SELECT id FROM letter WHERE submission = :submission LIMIT 1) AS one''')
    }
    SELECT (SELECT count(*) FROM act) AS kept, (SELECT count(*) FROM mail) AS mails
    """  # noqa: S608  # our own text
)


def _values(
    door: Doorway, typed: Words, submission: str, alert_id: int | None = None
) -> dict[str, Any]:
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
        "own_share": words.own_share(typed.body, door.suggested),
        "fingerprint": words.fingerprint(typed.body),
        "source": typed.source,
        "tell": typed.tell,
        "named": typed.named,
        "keep": typed.keep,
        "alert_id": alert_id,
        "network": limits.origin() if has_request_context() else "",
        "now": utcnow(),
    }


def _keep(
    door: Doorway, supporter_id: int, typed: Words, submission: str, alert_id: int | None = None
) -> int:
    """The letter's row, made or (while unconfirmed) brought up to date, in the caller's transaction; its number."""
    values = _values(door, typed, submission, alert_id) | {"supporter_id": supporter_id}
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
    letter.own_share = words.own_share(body, suggested)
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
