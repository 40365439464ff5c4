"""README's role table as data: who calls whom, who tells and consumes what. The one source of the rest."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

ON_WORKSTATIONS = "agent"
"""Stands in the table, and on no server."""
EVERY_EVENT = "*.events.v1"


@dataclass(frozen=True)
class Role:
    """One row."""

    process: str
    never_holds: str
    callers: frozenset[str]
    """Processes; `agent` for agents, `internet` for browsers."""
    consumes: frozenset[str]
    tells: frozenset[str]

    @property
    def name(self) -> str:
        """As certificates, pods and principals of Kafka say it."""
        return self.process.replace("_", "-")

    @property
    def has_database(self) -> bool:
        return "databases" not in self.never_holds

    @property
    def uses_kafka(self) -> bool:
        return bool(self.consumes | self.tells)


def roles(readme: str = (ROOT / "README.md").read_text()) -> dict[str, Role]:
    """The table's rows by process, without the workstation's."""
    rows = re.findall(r"^\| `(\w+)`[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", readme, re.M)
    told = {process: topics(last.partition("→")[2]) for process, *_, last in rows}
    events = frozenset(t for each in told.values() for t in each if t.endswith(".events.v1"))
    return {
        process: Role(
            process,
            never,
            callers(called),
            events if EVERY_EVENT in last else topics(last.partition("→")[0]),
            told[process],
        )
        for process, _, never, called, last in rows
        if process != ON_WORKSTATIONS
    }


def topics(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"`([\w.-]+\.v\d+)`", text))


def callers(text: str) -> frozenset[str]:
    """`web; agents (own listener)` → web, agent. Raises KeyError for a word that names nobody."""
    known = {
        "web": "web",
        "notifier": "notifier",
        "agents": "agent",
        "analytics": "analytics",
        "the internet": "internet",
    }
    words = (re.sub(r"\(.*?\)", "", part).strip() for part in text.split(";"))
    return frozenset(known[word] for word in words if word != "nobody")


def extra_of(process: str) -> str:
    """The extra of pyproject.toml that a process is installed with."""
    return package_of(process).replace("_", "-")


def package_of(process: str) -> str:
    """The package below `services`: audit's two processes share one."""
    return "audit" if process.startswith("audit_") else process


def command_of(process: str) -> str:
    """`python -m services.<package> <command>`."""
    return process.removeprefix("audit_") if process.startswith("audit_") else "serve"
