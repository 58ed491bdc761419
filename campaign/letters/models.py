"""The words suggested to writers, letters, their deliveries, and what offices answer."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, deferred, mapped_column

from campaign.columns import Id, Moment, Texts, one_of, reference
from campaign.extensions import db

LETTER_STATES = (
    "unconfirmed",  # written, the address not proved yet
    "confirmed",  # on its way, or arrived: its deliveries say which
    "held",  # waits for a person
    "rejected",  # a person said no, with a reason
    "replaced",  # the writer wrote anew before it left
    "withdrawn",  # the writer took it back before it left
)

DELIVERY_STATES = (
    "waiting",  # its turn has not come
    "queued",  # given to the mail engine
    "sent",  # accepted by the office's mail server
    "deferred",  # refused for now, tried again
    "failed",  # refused for good
    "uncertain",  # the connection broke after the last byte
    "held",  # waits for a person
    "cancelled",  # replaced, withdrawn or rejected before it left
)


class LetterTemplate(db.Model):
    """What a campaign suggests to writers for one agency.

    ``subject`` and ``body`` are where the writer starts; ``request`` is the paragraph that each message to this
    agency carries below the writer's own words.
    """

    __tablename__ = "letter_template"
    __table_args__ = (UniqueConstraint("campaign_id", "agency"),)

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    agency: Mapped[str]
    position: Mapped[int] = mapped_column(Integer, server_default="0")
    subject: Mapped[Texts]
    body: Mapped[Texts]
    request: Mapped[Texts]
    salutation: Mapped[Texts] = mapped_column(server_default=text("'{}'"))
    """How a letter in that language opens; a language without one uses the target's own salutation."""
    prompts: Mapped[Texts]
    """Questions that help a writer to begin, one a line."""


QUARTERS = (0, 16, 32, 48)
"""Where in a fingerprint each of its quarters begins."""
OWN_WORDS = "own_share >= 0.6 AND state IN ('confirmed', 'held')"
"""Letters that are compared with others when one is confirmed (campaign.letters.nearly)."""


def quarter(shift: int) -> str:
    """A quarter of a letter's fingerprint, in SQL."""
    return f"(fingerprint >> {shift}) & 65535"


class Letter(db.Model):
    """One supporter's words to a campaign's targets, with the writer's name as typed with it."""

    __tablename__ = "letter"
    __table_args__ = (
        one_of("state", LETTER_STATES),
        Index(
            "uq_letter_one_a_campaign",
            "campaign_id",
            "supporter_id",
            unique=True,
            postgresql_where=text("state IN ('confirmed', 'held')"),
        ),
        Index("ix_letter_supporter_id", "supporter_id"),
        Index("ix_letter_campaign_state", "campaign_id", "state", "id"),
        Index("ix_letter_held", "id", postgresql_where=text("state = 'held'")),
        Index(
            "ix_letter_fingerprint",
            "campaign_id",
            "fingerprint",
            postgresql_where=text("own_share > 0"),
        ),
        *(
            Index(
                f"ix_letter_quarter_{shift}",
                "campaign_id",
                text(f"({quarter(shift)})"),
                "id",
                postgresql_where=text(OWN_WORDS),
            )
            for shift in QUARTERS
        ),
        Index("ix_letter_network", "network", postgresql_where=text("network <> ''")),
        Index("ix_letter_network_age", "id", postgresql_where=text("network <> ''")),
    )

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(reference("campaign"))
    supporter_id: Mapped[int] = mapped_column(reference("supporter"))
    submission: Mapped[str] = mapped_column(unique=True)
    """Made of the form's nonce and the address: a second press of the button finds the first one's row."""
    state: Mapped[str]
    language: Mapped[str]
    given_name: Mapped[str]
    family_name: Mapped[str]
    postal_code: Mapped[str]
    us_state: Mapped[str] = mapped_column(server_default="")
    subject: Mapped[str]
    body: Mapped[str]
    consents: Mapped[bool] = mapped_column(Boolean, server_default="false")
    wording: Mapped[str] = mapped_column(server_default="")
    """What the ticked consent box said."""
    own_share: Mapped[float] = mapped_column(Float, server_default="0")
    """Share of the words that are not the template's, 0 to 1."""
    fingerprint: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """A simhash of the words: near-identical letters differ in few bits, the same text in none."""
    hold_reason: Mapped[str] = mapped_column(server_default="")
    """Why a rule held it for a person, as the desk shows it."""
    source: Mapped[str] = mapped_column(server_default="")
    alert_id: Mapped[int | None] = mapped_column(BigInteger)
    """The action alert through whose link it came."""
    tell_when_done: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Whether the writer wants a mail when every office has it."""
    told_at: Mapped[Moment | None]
    taken_back_at: Mapped[Moment | None]
    """When its writer took it back: whatever it had not left for by then, it does not go to."""
    named_in_public: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Whether the writer agreed to stand by name in a public docket; else a comment made of the letter is anonymous."""
    keep_replies: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Whether the writer lets the campaign keep what offices answer."""
    network: Mapped[str] = mapped_column(server_default="")
    """That day's keyed hash of the network that it came from (campaign.web.limits); cleared after seven days."""
    created_at: Mapped[Moment]
    confirmed_at: Mapped[Moment | None]
    decided_by: Mapped[str] = mapped_column(server_default="")
    decision: Mapped[str] = mapped_column(server_default="")


class Delivery(db.Model):
    """One letter to one target. It waits here for its turn; then the mail ledger has it, and its answer comes back here."""

    __tablename__ = "delivery"
    __table_args__ = (
        one_of("state", DELIVERY_STATES),
        UniqueConstraint("letter_id", "target_id"),
        Index(
            "ix_delivery_waiting",
            "target_id",
            "campaign_id",
            "id",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_delivery_target_state", "target_id", "state", "id"),
        Index("ix_delivery_state", "state", "id", postgresql_where=text("state <> 'waiting'")),
        Index(
            "ix_delivery_bundle_id",
            "bundle_id",
            "id",
            postgresql_where=text("bundle_id IS NOT NULL"),
        ),
        Index(
            "ix_delivery_taken_out",
            "bundle_id",
            postgresql_where=text("bundle_id IS NOT NULL AND state = 'cancelled'"),
        ),
    )

    id: Mapped[Id]
    letter_id: Mapped[int] = mapped_column(reference("letter"))
    target_id: Mapped[int] = mapped_column(reference("target"))
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str]
    round: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """How often it came back from the mail engine untried; the ledger's ``origin_id`` of the message in force."""
    bundle_id: Mapped[int | None] = mapped_column(reference("bundle"))
    """The digest or packet that it is in."""
    due_at: Mapped[Moment | None]
    """The slot that the drip gave it."""
    finished_at: Mapped[Moment | None]
    doubted: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Whether a message of it may have reached the office, since a connection broke before the server had answered."""
    captured: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Kept in the capture inbox instead of sent."""
    answer: Mapped[str] = mapped_column(server_default="")
    """The last answer of the office's mail server."""


class LetterSettings(db.Model):
    """How a campaign's letters go, where it is not the usual way."""

    __tablename__ = "letter_settings"

    campaign_id: Mapped[int] = mapped_column(BigInteger, reference("campaign"), primary_key=True)
    replies_here: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Whether offices answer to an address of ours, which passes each reply on and counts it."""


class Reply(db.Model):
    """An office's answer to a letter that came through an address of ours; its words only where the writer agreed."""

    __tablename__ = "reply"
    __table_args__ = (
        UniqueConstraint("delivery_id", "message_id"),
        Index("ix_reply_target_id", "campaign_id", "target_id", "id"),
    )

    id: Mapped[Id]
    delivery_id: Mapped[int] = mapped_column(reference("delivery"))
    letter_id: Mapped[int] = mapped_column(BigInteger)
    target_id: Mapped[int] = mapped_column(BigInteger)
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[str]
    """A digest of the answer's own Message-ID: the same one delivered twice is passed on once."""
    received_at: Mapped[Moment]
    counted: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Whether it came from the office's own domain, and so counts as its answer."""
    after_hours: Mapped[int | None] = mapped_column(Integer)
    """Of the office's first answer to a letter: how long it took, as ``replies.after`` counts it."""
    sender: Mapped[str] = mapped_column(server_default="")
    subject: Mapped[str] = mapped_column(server_default="")
    body: Mapped[str] = mapped_column(server_default="")
    """What is passed on; emptied once it is, unless the writer lets the campaign keep it."""
    attachments: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    passed_on_at: Mapped[Moment | None]
