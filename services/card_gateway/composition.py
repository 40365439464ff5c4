"""Puts the gateway's parts together from its settings; `__main__` and the tests start here."""

from dataclasses import dataclass

from services.card_gateway import proofs
from services.card_gateway.attendance import ProcessAttendance
from services.card_gateway.bell import OtherReplicas, ProcessBell
from services.card_gateway.crowd import SqlCrowd
from services.card_gateway.domain.budget import Budget
from services.card_gateway.domain.pairing import MOST_ON_OFFER
from services.card_gateway.events import event_of
from services.card_gateway.ports import Freshness, Outside, Vault
from services.card_gateway.storage import SqlBooks
from services.card_gateway.timetable import SqlTimetable
from services.card_gateway.use_cases.agents import Agents
from services.card_gateway.use_cases.claiming import Claiming
from services.card_gateway.use_cases.pages import Pages
from services.card_gateway.use_cases.signing_in import SigningIn
from services.card_gateway.use_cases.sweeping import Sweeping
from services.runtime.clock import Clock
from services.runtime.database import Database
from services.runtime.grants import G, Grant, GrantSigner, GrantVerifier
from services.runtime.randomness import Randomness

BUDGET = Budget()
"""The design's own."""


class OwnAndOthersGrants:
    """Signs ours, checks others'. Keeps the contract of `ports.Grants`."""

    def __init__(self, signer: GrantSigner, verifier: GrantVerifier) -> None:
        self._signer = signer
        self._verifier = verifier

    def sign(self, grant: Grant) -> str:
        """The grant as a compact JWT."""
        return self._signer.sign(grant)

    def verify(self, token: str, kind: type[G]) -> G:
        """The grant. Raises GrantRefused."""
        return self._verifier.verify(token, kind)


class CardProofs:
    """Checks what cards signed. Keeps the contract of `ports.Proofs`."""

    verify = staticmethod(proofs.verify)
    expires_at = staticmethod(proofs.expires_at)
    algorithm_of = staticmethod(proofs.algorithm_of)


@dataclass(frozen=True)
class Gateway:
    """One process's gateway, but for its listeners."""

    outside: Outside
    agents: Agents
    claiming: Claiming
    pages: Pages
    signing_in: SigningIn
    sweeping: Sweeping
    attendance: ProcessAttendance
    bell: ProcessBell
    others: OtherReplicas


def compose(
    database: Database,
    vault: Vault,
    grants: OwnAndOthersGrants,
    clock: Clock,
    randomness: Randomness,
    freshness: Freshness,
    gateway_name: str,
    *,
    change_needs_code: bool = False,
    remote_vouch: bool = False,
    pin_at_agent: bool = False,
    most_on_offer: int = MOST_ON_OFFER,
    budget: Budget = BUDGET,
) -> Gateway:
    """Put the parts together."""
    bell = ProcessBell()
    attendance = ProcessAttendance(database, clock, bell.ring)
    outside = Outside(
        books=SqlBooks(database, clock, randomness, event_of, bell.ring),
        bell=bell,
        attendance=attendance,
        vault=vault,
        proofs=CardProofs(),
        grants=grants,
        clock=clock,
        randomness=randomness,
        freshness=freshness,
        crowd=SqlCrowd(database, clock, most_on_offer),
        budget=budget,
        gateway_name=gateway_name,
        change_needs_code=change_needs_code,
        remote_vouch=remote_vouch,
        pin_at_agent=pin_at_agent,
    )
    return Gateway(
        outside=outside,
        agents=Agents(outside),
        claiming=Claiming(outside),
        pages=Pages(outside),
        signing_in=SigningIn(outside),
        sweeping=Sweeping(outside, SqlTimetable(database)),
        attendance=attendance,
        bell=bell,
        others=OtherReplicas(database, bell, clock),
    )
