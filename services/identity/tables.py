"""The tables of identity, as code sees them; `migrations/` makes them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    and_,
    text,
)

from services.runtime.database import UtcDateTime
from services.runtime.outbox import outbox_tables

metadata = MetaData()

organisations = Table(
    "organisations",
    metadata,
    Column("code", String(16), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("changed_at", UtcDateTime, nullable=True, index=True),
)

registration_authorities = Table(
    "registration_authorities",
    metadata,
    Column("organisation", ForeignKey("organisations.code"), primary_key=True),
    Column("telephone", String(64), nullable=False),
    Column("email", String(320), nullable=False),
    Column("opening_hours", String(400), nullable=False),
)

holders = Table(
    "holders",
    metadata,
    Column("holder_ref", String(32), primary_key=True),
    Column("holder_id", String(64), nullable=False, unique=True),
    Column("organisation", ForeignKey("organisations.code"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("status", String(16), nullable=False),
    Column("address_version", Integer, nullable=False),
    Column("mobile", String(16), nullable=True),
)
"""`holder_ref` is all that leaves this service; deleting a row makes it name nobody."""

addresses = Table(
    "addresses",
    metadata,
    Column("holder_ref", ForeignKey("holders.holder_ref"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("address", String(320), nullable=True),
    Column("domain", String(255), nullable=True),
    Column("set_at", UtcDateTime, nullable=False),
    Column("set_by", String(64), nullable=False),
)
"""Every version a holder's address ever had; `holders.address_version` stands, 0: none ever set."""

STANDING = and_(
    addresses.c.holder_ref == holders.c.holder_ref, addresses.c.version == holders.c.address_version
)
"""Joins a holder with the address that stands."""

roles = Table(
    "roles",
    metadata,
    Column("holder_ref", ForeignKey("holders.holder_ref"), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("organisation", ForeignKey("organisations.code"), primary_key=True),
    Column("granted", Boolean, nullable=False),
)
"""What a holder may do for others; `granted` is False for what was taken back."""

freeze_tokens = Table(
    "freeze_tokens",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("holder_ref", String(32), nullable=False),
    Column("card_ref", String(32), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

ra_acts = Table(
    "ra_acts",
    metadata,
    Column("act_id", String(36), primary_key=True),
    Column("actor_ref", String(32), nullable=False),
    Column("attempt_id", String(36), nullable=False),
    Column("holder_ref", ForeignKey("holders.holder_ref"), nullable=False, index=True),
    Column("card_ref", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("note", String(300), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("actor_ref", "attempt_id", name="uq_ra_acts_attempt"),
    Index("ix_ra_acts_actor_ref", "actor_ref", "at"),
)
"""What RAs did for holders: who, when and why; `note` goes nowhere else. In order of their ids (UUIDv7)."""

cards = Table(
    "cards",
    metadata,
    Column("card_ref", String(32), primary_key=True),
    Column("holder_ref", ForeignKey("holders.holder_ref"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("certificate_expires_at", UtcDateTime, nullable=True),
    Column("holder_froze_at", UtcDateTime, nullable=True),
    Index("ix_cards_holder_ref", "holder_ref"),
    Index(
        "ix_cards_holder_froze_at",
        "holder_froze_at",
        postgresql_where=text("holder_froze_at IS NOT NULL"),
        sqlite_where=text("holder_froze_at IS NOT NULL"),
    ),
)
"""`holder_froze_at`: of the freeze that stands, where it was the holder's own."""

address_proposals = Table(
    "address_proposals",
    metadata,
    Column("proposal_id", String(36), primary_key=True),
    Column("holder_ref", ForeignKey("holders.holder_ref"), nullable=False, unique=True),
    Column("actor_ref", String(32), nullable=False),
    Column("address", String(320), nullable=False),
    Column("over_version", Integer, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("note", String(300), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)
"""Addresses that wait for a second RA, one a holder; deleted as they end. `note` goes nowhere else."""

allow_list = Table(
    "allow_list",
    metadata,
    Column("domain", String(255), primary_key=True),
    Column("subdomains", Boolean, nullable=False),
)

organisation_domains = Table(
    "organisation_domains",
    metadata,
    Column("organisation", ForeignKey("organisations.code"), primary_key=True),
    Column("domain", String(255), primary_key=True),
    Column("subdomains", Boolean, nullable=False),
)
"""Additions to the allow list for the holders of one organisation."""

allow_list_changes = Table(
    "allow_list_changes",
    metadata,
    Column("change_id", String(36), primary_key=True),
    Column("organisation", String(16), nullable=False),
    Column("domain", String(255), nullable=False),
    Column("subdomains", Boolean, nullable=False),
    Column("change", String(16), nullable=False),
    Column("changed_by", String(64), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)
"""Never changed, never deleted from; an empty `organisation`: for all. In order of their ids (UUIDv7)."""

feeds = Table(
    "feeds",
    metadata,
    Column("feed", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("taken_at", UtcDateTime, nullable=False),
)
"""The number of the last delta that each feed of changes brought."""

told_outcomes = Table(
    "told_outcomes",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("told_at", UtcDateTime, nullable=False, index=True),
)
"""Which outcomes were told: unique by (session, kind)."""

vouches = Table(
    "vouches",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("grant_id", String(36), nullable=False),
    Column("card_ref", String(32), nullable=False),
    Column("holder_ref", String(32), nullable=False),
    Column("ra_ref", String(32), nullable=False),
    Column("basis", String(16), nullable=False),
    Column("vouched_at", UtcDateTime, nullable=False, index=True),
)
"""What RAs said of whom they saw; the audit log keeps it for good."""

colleague_requests = Table(
    "colleague_requests",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("grant_id", String(36), nullable=False),
    Column("card_ref", String(32), nullable=False),
    Column("holder_ref", String(32), nullable=False),
    Column("code_digest", LargeBinary, nullable=False, index=True),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("completed_at", UtcDateTime, nullable=True),
    Index("ix_colleague_requests_card_ref", "card_ref", "completed_at"),
)
"""Sessions whose holders ask colleagues; `completed_at` counts how often they let a card through."""

colleague_words = Table(
    "colleague_words",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("colleague_ref", String(32), primary_key=True),
    Column("colleague_card_ref", String(32), nullable=False),
    Column("basis", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Index("ix_colleague_words_colleague_ref", "colleague_ref", "at"),
)
"""What colleagues said, one word each in a session; the audit log keeps it for good."""

wrong_colleague_codes = Table(
    "wrong_colleague_codes",
    metadata,
    Column("attempt_id", String(36), primary_key=True),
    Column("colleague_ref", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Index("ix_wrong_colleague_codes_colleague_ref", "colleague_ref", "at"),
)
"""That somebody typed a code that let them vouch for nobody; never which."""

registrations = Table(
    "registrations",
    metadata,
    Column("holder_ref", ForeignKey("holders.holder_ref"), primary_key=True),
    Column("complete", Boolean, primary_key=True),
    Column("questions", String(200), nullable=False),
    Column("answers_hash", String(200), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
"""Security questions that holders chose: the complete one counts, the other waits for its code."""

answer_tries = Table(
    "answer_tries",
    metadata,
    Column("holder_ref", ForeignKey("holders.holder_ref"), primary_key=True),
    Column("card_ref", String(32), primary_key=True),
    Column("wrong", Integer, nullable=False),
    Column("locked_at", UtcDateTime, nullable=True),
)
"""Failures in a row of a holder with one card, and since when they lock it."""

answer_attempts = Table(
    "answer_attempts",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("attempt_id", String(36), primary_key=True),
    Column("holder_ref", String(32), nullable=False),
    Column("card_ref", String(32), nullable=False),
    Column("right", Boolean, nullable=False),
    Column("tries_left", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)
"""What was answered in which session; the right one lets that session go on."""

outbox, outbox_position = outbox_tables(metadata)
