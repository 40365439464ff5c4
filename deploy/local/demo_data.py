"""The people and cards of the demonstration, all synthetic, and the files that the services import.

Every run makes new cards with secrets of its own; nothing here is ever committed.
"""

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.local.virtual_card import Facts, personalise, personalise_gids

ORGANISATION: dict[str, object] = {
    "kind": "organisation",
    "code": "X26",
    "name": "Example Hospital",
    "registration_authority": {
        "telephone": "01632 960000",
        "email": "ra@example.org",
        "opening_hours": "Monday to Friday, 9am to 5pm, room 1",
    },
}
ALLOWED: dict[str, object] = {"kind": "allowed_domain", "domain": "example.org", "subdomains": True}
"""The approved list starts with nhs.net, nhs.uk, gov.uk and mod.uk; nobody real lives under example.org."""


@dataclass(frozen=True)
class Plan:
    """How one demonstration card differs from a blocked, eligible one."""

    name: str
    title: str
    """For the desk page."""
    ends: str
    """How the journey ends with it: SUCCESS or an error code."""
    blocked: bool = True
    mailbox: str | None = "example.org"
    """Domain of the holder's address; None: no address."""
    status: str = "ACTIVE"
    """Of the card."""
    holder_status: str = "ACTIVE"
    expired: bool = False
    known: bool = True
    has_secret: bool = True
    genuine: bool = True
    profile: str = "PIV"
    ra: bool = False
    """The holder is a Registration Authority of the organisation."""


PLANS = (
    Plan("blocked-1", "Blocked card of holder 1", "SUCCESS"),
    Plan("blocked-2", "Blocked card of holder 2", "SUCCESS"),
    Plan("blocked-3", "Blocked card of holder 3", "SUCCESS"),
    Plan("forgotten", "Working card, passcode forgotten", "SUCCESS", blocked=False),
    Plan("ra", "Working card of a Registration Authority", "SUCCESS", blocked=False, ra=True),
    Plan("minidriver", "Blocked minidriver card, with an admin key", "SUCCESS", profile="GIDS"),
    Plan("no-address", "Blocked, holder has no e-mail address", "NO_EMAIL", mailbox=None),
    Plan(
        "other-domain", "Blocked, address not on the list", "EMAIL_DOMAIN_NOT_ALLOWED", mailbox="example.com"
    ),
    Plan("expired", "Blocked, certificates expired", "CERTIFICATE_EXPIRED", expired=True),
    Plan("lost", "Blocked, reported lost", "CARD_NOT_ACTIVE", status="LOST"),
    Plan("no-secret", "Blocked, no unlock secret is held for it", "ERR1009", has_secret=False),
    Plan("unknown", "A card that is not ours", "CARD_UNKNOWN", known=False),
    Plan("fake", "A fake: right identifiers, wrong key", "CARD_NOT_GENUINE", genuine=False),
)


@dataclass(frozen=True)
class DemoCard:
    """One card as personalised; secrets stay out of `repr`."""

    plan: Plan
    holder: str
    address: str | None
    card_ref: str
    facts: Facts = field(repr=False)
    pin: str = field(repr=False)
    """The passcode that its holder has forgotten."""

    @property
    def name(self) -> str:
        """The card's file, without its suffix."""
        return self.plan.name


class DemoData:
    """The cards by name, and what the services are told of them."""

    def __init__(self, cards: Path, plans: Iterable[Plan] = PLANS) -> None:
        """Write a card file for each plan into `cards`."""
        cards.mkdir(parents=True, exist_ok=True)
        self.cards = {
            plan.name: _personalised(plan, number, cards) for number, plan in enumerate(plans, start=1)
        }

    def identity_lines(self) -> list[dict[str, object]]:
        """For `services.identity import`: organisation and list, then holders, then cards."""
        known = [card for card in self.cards.values() if card.plan.known]
        roles = [_ra(card) for card in known if card.plan.ra]
        return [ORGANISATION, ALLOWED, *map(_holder, known), *map(_registered, known), *roles]

    def gateway_lines(self) -> list[dict[str, object]]:
        """For `services.card_gateway import`. SECRET: holds the PUKs and admin keys."""
        return [_vaulted(card) for card in self.cards.values() if card.plan.known]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Both import files, 0600; the caller deletes them once they are in."""
        folder.mkdir(parents=True, exist_ok=True)
        identity, gateway = folder / "identity.jsonl", folder / "card_gateway.jsonl"
        for path, lines in ((identity, self.identity_lines()), (gateway, self.gateway_lines())):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
        return identity, gateway


def _personalised(plan: Plan, number: int, cards: Path) -> DemoCard:
    pin, puk = _digits(8), _digits(8)
    expires = datetime.now(UTC) + timedelta(days=-1 if plan.expired else 700)
    holder = f"test-holder-{number:04}"
    if plan.profile == "GIDS":
        facts = personalise_gids(cards, plan.name, pin=pin, blocked=plan.blocked, not_after=expires)
    else:
        facts = personalise(
            cards, plan.name, pin=pin, puk=puk, blocked=plan.blocked, not_after=expires, subject=holder
        )
    if not plan.genuine:
        facts = _genuine_twin(facts, expires, holder)
    address = f"{holder}@{plan.mailbox}" if plan.mailbox else None
    return DemoCard(plan, holder, address, secrets.token_hex(16), facts, pin)


def _genuine_twin(fake: Facts, expires: datetime, holder: str) -> Facts:
    """What the registry knows: the same identifier, but the key of the card that the fake imitates."""
    with tempfile.TemporaryDirectory() as folder:
        return personalise(
            Path(folder),
            "twin",
            pin=_digits(8),
            puk=_digits(8),
            guid=fake.guid,
            not_after=expires,
            subject=holder,
        )


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


def _holder(card: DemoCard) -> dict[str, object]:
    line: dict[str, object] = {
        "kind": "holder",
        "id": card.holder,
        "organisation": ORGANISATION["code"],
        "name": f"Test Holder {int(card.holder[-4:])}",
        "status": card.plan.holder_status,
    }
    return line | ({"email": card.address} if card.address else {})


def _ra(card: DemoCard) -> dict[str, object]:
    return {"kind": "role", "holder": card.holder, "role": "RA", "organisation": ORGANISATION["code"]}


def _registered(card: DemoCard) -> dict[str, object]:
    return {
        "kind": "card",
        "card_ref": card.card_ref,
        "holder": card.holder,
        "status": card.plan.status,
        "certificate_expires_at": _instant(card.facts.expires_at),
    }


def _vaulted(card: DemoCard) -> dict[str, object]:
    line: dict[str, object] = {
        "card_ref": card.card_ref,
        "profile": card.plan.profile,
        "guid": card.facts.guid.hex(),
        "key_9e": base64.b64encode(card.facts.key_9e_der or b"").decode(),
        "expires_at": _instant(card.facts.expires_at),
        "key_9a": base64.b64encode(card.facts.key_9a_der).decode(),
    }
    if not card.plan.has_secret:
        return line
    admin_key = card.facts.admin_key
    return line | ({"admin_key": admin_key.hex()} if admin_key else {"puk": card.facts.puk})


def _instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
