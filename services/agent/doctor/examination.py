"""All checks, one after the other, each with a deadline of its own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.agent.doctor.finding import Finding, Level, fault, not_checked, ok
from services.agent.doctor.gateway import GatewayExamination
from services.agent.doctor.reader import Open, check_reader
from services.agent.doctor.workstation import check_workstation
from services.agent.settings import AgentSettings
from services.runtime.randomness import Randomness

LONGEST_SECONDS = 55.0
"""The sum of all deadlines, rounded up: service 4, card 16, the gateway: five 21, a second door 10."""


@dataclass(frozen=True)
class Surroundings:
    """What the checks look at."""

    settings: AgentSettings | None
    """None where they are wrong; then `problems` says why."""
    problems: Mapping[str, str]
    proxies: Mapping[str, str]
    reader_socket: Path
    open_service: Open
    version: str
    wall: Callable[[], datetime]
    randomness: Randomness


def examine(at: Surroundings) -> Iterator[Finding]:
    """Look at everything; each finding comes as soon as it is known."""
    if at.settings is None:
        yield fault("settings", "SETTINGS_BAD", **at.problems)
    else:
        yield ok("settings")
    yield from check_workstation(at.settings.AGENT_STATE_DIR if at.settings else None, at.proxies)
    yield from check_reader(at.open_service, at.reader_socket, at.wall())
    if at.settings is None:
        yield not_checked("gateway")
        return
    gateway = GatewayExamination(at.settings, at.version, at.wall, at.randomness)
    yield from gateway.findings()


def exit_status(findings: list[Finding]) -> int:
    """Return 1 where there is something to mend, else 0."""
    return int(any(finding.level is Level.FAULT for finding in findings))
