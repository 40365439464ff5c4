"""Rows and what they mean, both ways."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.verdict import PukState
from services.card_gateway.domain.facts import Actor
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.domain.readers import ReaderState, Sighting
from services.card_gateway.domain.session import Authority, Card, Session
from services.card_gateway.domain.step import Step, StepKind
from services.card_gateway.domain.words import ActorKind, OutcomeKind, Reason, Route, SecretLabel, State

Row = Mapping[str, Any]

_PLAIN = (
    "session_id", "version", "agent_public_key", "agent_token_digest", "created_at", "pairing_round",
    "pairing_kid",
    "pairing_ends_at", "claim_digest", "started_at", "deadline", "code", "still_blocked",
    "resolved_success", "secret_version", "secret_kid", "ended_at", "ra_ref",
)  # fmt: skip
"""Columns that are fields of the same name and type."""

_CARD = (
    "card_ref", "profile", "guid", "chuid_hash", "pin_tries_left", "pin_blocked", "blocked_now",
    "certificate_expires_at", "reset_refused",
)  # fmt: skip


def row_of_session(session: Session, changed_at: datetime) -> dict[str, Any]:
    """All columns but `reader` and `seen_at`, which attendance writes."""
    row: dict[str, Any] = {name: getattr(session, name) for name in _PLAIN}
    row |= {name: getattr(session.card, name, None) for name in _CARD}
    row["algorithm"] = session.card.algorithm.name if session.card and session.card.algorithm else None
    row |= _row_of_authority(session.authority)
    row["state"], row["label"] = session.state.value, session.label.value
    row["reason"] = session.reason.value if session.reason else None
    row["route"] = session.route.value if session.route else None
    row["told"] = ",".join(sorted(kind.value for kind in session.told))
    row["changed_at"] = changed_at
    return row


def session_of(row: Row) -> Session:
    """The session of a row."""
    return Session(
        **{name: row[name] for name in _PLAIN},
        state=State(row["state"]),
        sighting=Sighting(ReaderState(row["reader"]), row["seen_at"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        route=Route(row["route"]) if row["route"] else None,
        card=_card_of(row),
        authority=_authority_of(row),
        told=frozenset(OutcomeKind(kind) for kind in row["told"].split(",") if kind),
        label=SecretLabel(row["label"]),
    )


def _card_of(row: Row) -> Card | None:
    if row["card_ref"] is None:
        return None
    algorithm = Algorithm[row["algorithm"]] if row["algorithm"] else None
    return Card(**{name: row[name] for name in _CARD}, algorithm=algorithm)


def _row_of_authority(given: Authority | None) -> dict[str, Any]:
    return {
        "holder_ref": given.holder_ref if given else None,
        "organisation": given.organisation if given else None,
        "address_version": given.address_version if given else None,
        "actor_kind": given.actor.kind.value if given else None,
        "actor_ref": given.actor.ref if given else None,
        "authorised_at": given.authorised_at if given else None,
    }


def _authority_of(row: Row) -> Authority | None:
    if row["holder_ref"] is None:
        return None
    actor = Actor(ActorKind(row["actor_kind"]), row["actor_ref"])
    return Authority(
        row["holder_ref"], row["organisation"], row["address_version"], actor, row["authorised_at"]
    )


def row_of_step(step: Step) -> dict[str, Any]:
    """All columns of a step."""
    return asdict(step) | {"kind": step.kind.value}


def step_of(row: Row) -> Step:
    """The step of a row."""
    absent: dict[str, Any] = {"sealed_current_pin": row["sealed_current_pin"] or b""}
    absent["last_try"] = bool(row["last_try"])
    return Step(**(dict(row) | absent | {"kind": StepKind(row["kind"])}))


def row_of_rotation(rotation: Rotation) -> dict[str, Any]:
    """All columns of a journal row."""
    lost = rotation.lost.value if rotation.lost else None
    return asdict(rotation) | {"state": rotation.state.value, "lost": lost}


def rotation_of(row: Row) -> Rotation:
    """The journal row of a row."""
    lost = PukState(row["lost"]) if row["lost"] else None
    return Rotation(**(dict(row) | {"state": RowState(row["state"]), "lost": lost}))
