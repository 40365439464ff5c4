"""Who may send to a topic and who reads it: the Kafka users of the cluster, by process."""

from dataclasses import dataclass
from pathlib import Path

import yaml

USERS = Path(__file__).parents[1] / "k8s" / "components" / "kafka" / "users.yaml"


@dataclass(frozen=True)
class Right:
    """What one process does with one topic."""

    process: str
    topic: str
    sends: bool
    """True: it tells there; False: it takes from there."""
    groups: tuple[str, ...]
    """Consumer groups of the process; none: it reads without one."""


def rights() -> list[Right]:
    """Return every right, users in their order."""
    return [right for user in yaml.safe_load_all(USERS.read_text()) for right in _of(user)]


def _of(user: dict[str, object]) -> list[Right]:
    process = user["metadata"]["name"].replace("-", "_")  # type: ignore[index]
    rules = user["spec"]["authorization"]["acls"]  # type: ignore[index]
    groups = tuple(rule["resource"]["name"] for rule in rules if rule["resource"]["type"] == "group")
    return [
        Right(process, rule["resource"]["name"], operation == "Write", groups if operation == "Read" else ())
        for rule in rules
        if rule["resource"]["type"] == "topic"
        for operation in ("Write", "Read")
        if operation in rule["operations"]
    ]
