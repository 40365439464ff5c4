"""The first schema: organisations, holders, addresses, cards, allow list, outbox."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _organisations()
    _holders()
    _allow_list()
    _telling()


def _organisations() -> None:
    op.create_table(
        "organisations",
        sa.Column("code", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
    )
    op.create_table(
        "registration_authorities",
        sa.Column("organisation", sa.String(16), sa.ForeignKey("organisations.code"), primary_key=True),
        sa.Column("telephone", sa.String(64), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("opening_hours", sa.String(400), nullable=False),
    )


def _holders() -> None:
    op.create_table(
        "holders",
        sa.Column("holder_ref", sa.String(32), primary_key=True),
        sa.Column("holder_id", sa.String(64), nullable=False, unique=True),
        sa.Column("organisation", sa.String(16), sa.ForeignKey("organisations.code"), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("address_version", sa.Integer, nullable=False),
    )
    op.create_index("ix_holders_organisation", "holders", ["organisation"])
    op.create_table(
        "addresses",
        sa.Column("holder_ref", sa.String(32), sa.ForeignKey("holders.holder_ref"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("address", sa.String(320), nullable=True),
        sa.Column("domain", sa.String(255), nullable=True),
        sa.Column("set_at", UtcDateTime, nullable=False),
        sa.Column("set_by", sa.String(64), nullable=False),
    )
    op.create_table(
        "cards",
        sa.Column("card_ref", sa.String(32), primary_key=True),
        sa.Column("holder_ref", sa.String(32), sa.ForeignKey("holders.holder_ref"), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("certificate_expires_at", UtcDateTime, nullable=True),
    )
    op.create_index("ix_cards_holder_ref", "cards", ["holder_ref"])


def _allow_list() -> None:
    allow_list = op.create_table(
        "allow_list",
        sa.Column("domain", sa.String(255), primary_key=True),
        sa.Column("subdomains", sa.Boolean, nullable=False),
    )
    # R33: what a deployment starts with; from here on the list is data.
    defaults = ("nhs.net", "nhs.uk", "gov.uk", "mod.uk")
    op.bulk_insert(allow_list, [{"domain": domain, "subdomains": True} for domain in defaults])


def _telling() -> None:
    op.create_table(
        "told_outcomes",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("told_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_told_outcomes_told_at", "told_outcomes", ["told_at"])
    op.create_table(
        "outbox",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("ce_id", sa.String(36), nullable=False, unique=True),
        sa.Column("ce_type", sa.String(128), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("time", UtcDateTime, nullable=False),
        sa.Column("traceparent", sa.String(55), nullable=False),
        sa.Column("relayseq", sa.BigInteger, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox_position",
        sa.Column("topic", sa.String(128), primary_key=True),
        sa.Column("relayseq", sa.BigInteger, nullable=False),
    )
