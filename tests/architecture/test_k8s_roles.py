"""README's role table = access tables = network policies = topics and the rights on them. S39, S47."""

import copy
import importlib
import re
from collections.abc import Sequence
from itertools import product

import pytest

from deploy.kustomization import Document
from tests.architecture.manifests import (
    AGENTS_PORTS,
    MTLS_PORT,
    OVERLAYS,
    RETURNS_PORT,
    deployment,
    of_kind,
    rendered,
    topics,
)
from tests.architecture.network import End, opens
from tests.architecture.roles import ROOT, Role, package_of, roles

ROLES = roles()
NAMESPACE = "smartcard-unlock"
KAFKA_PORT, DATABASE_PORT, DNS_PORT = 9093, 5432, 53
RELAY, HTTPS = ("192.0.2.25", 465), 443
LDAP_SERVER = ("192.0.2.36", 636)
MAIL = {"local": [("mailbox", 1025)], "production": [RELAY], "every-option": [RELAY]}
PORTS = (
    22,
    53,
    80,
    443,
    465,
    LDAP_SERVER[1],
    1025,
    5432,
    6443,
    8000,
    RETURNS_PORT,
    8080,
    8443,
    8444,
    8445,
    9090,
    9091,
    9092,
    9093,
)

PROCESSES = {
    role.name: End(role.name, {"app.kubernetes.io/name": role.name}, NAMESPACE) for role in ROLES.values()
}
KAFKA = End("kafka", {"strimzi.io/cluster": NAMESPACE, "strimzi.io/name": f"{NAMESPACE}-kafka"}, NAMESPACE)
POSTGRES = End("postgres", {"cnpg.io/cluster": "postgres"}, NAMESPACE)
DNS = End("dns", {"k8s-app": "kube-dns"}, "kube-system")
GATEWAY = End("gateway", {}, "gateway")
INTERNET = End("203.0.113.7")
STRANGER = End("stranger", {"app.kubernetes.io/name": "stranger"}, NAMESPACE)
JOB = End("identity-ldap", {"app.kubernetes.io/name": "identity-ldap"}, NAMESPACE)
"""identity's import, which is a pod of its own and no process of the table."""
RETIRE = End("audit-retire", {"app.kubernetes.io/name": "audit-retire"}, NAMESPACE)
"""So is the job that drops old bodies of audit."""
ENDS = (
    *PROCESSES.values(),
    JOB,
    RETIRE,
    End(LDAP_SERVER[0]),
    KAFKA,
    POSTGRES,
    STRANGER,
    DNS,
    GATEWAY,
    INTERNET,
    End("mailbox", {"app.kubernetes.io/name": "mailbox"}, NAMESPACE),
    End("192.0.2.25"),
    End("impostor", {"app.kubernetes.io/name": "web"}, "elsewhere"),
)
OUTSIDE = [end for end in ENDS if not end.namespace]

Edge = tuple[str, str, int]


def test_the_table_has_every_process_that_is_deployed() -> None:
    assert set(ROLES) == {
        "identity", "otp", "card_gateway", "notifier", "audit_store", "audit_sequencer",
        "audit_reader", "web",
    }  # fmt: skip
    for overlay in OVERLAYS:
        assert set(of_kind(overlay, "Deployment")) - {"mailbox"} == set(PROCESSES)


@pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
def test_callers_in_the_table_are_those_of_the_access_table(role: Role) -> None:
    assert callers_by_access_table(role) == role.callers - {"internet"}


def callers_by_access_table(role: Role) -> frozenset[str]:
    package = package_of(role.process)
    if (
        role.process in ("audit_store", "audit_sequencer")
        or not (ROOT / "services" / package / "access.py").exists()
    ):
        return frozenset()
    tables = [
        value
        for value in vars(importlib.import_module(f"services.{package}.access")).values()
        if isinstance(value, dict) and all(str(rpc).startswith("/smartcard_unlock.") for rpc in value)
    ]
    named = {caller for table in tables for callers in table.values() for caller in callers}
    return frozenset("agent" if caller == "anonymous" else caller for caller in named)


def expected_edges(overlay: str) -> set[Edge]:
    """Who opens a connection to whom, on which port, by the role table alone."""
    edges = {("notifier", *mail) for mail in MAIL[overlay]}
    edges |= {(name, "dns", DNS_PORT) for name in (STRANGER.name, JOB.name, RETIRE.name)}
    edges |= {(RETIRE.name, "postgres", DATABASE_PORT)}
    if overlay == "every-option":  # Notify, at an address that nobody knows; mails that come back; LDAP
        edges |= {(JOB.name, *LDAP_SERVER), (JOB.name, "postgres", DATABASE_PORT)}
        edges |= {("notifier", end.name, HTTPS) for end in OUTSIDE}
        edges |= {(end.name, "notifier", RETURNS_PORT) for end in ENDS if end.name != "notifier"}
    for role in ROLES.values():
        edges |= {(name.replace("_", "-"), role.name, MTLS_PORT) for name in role.callers if name in ROLES}
        edges |= {(role.name, "dns", DNS_PORT)}
        if "agent" in role.callers:  # from anywhere
            others = [end.name for end in ENDS if end.name != role.name]
            edges |= {(name, role.name, port) for name, port in product(others, AGENTS_PORTS)}
        if "internet" in role.callers:
            edges |= {("gateway", role.name, MTLS_PORT)}
        if role.has_database:
            edges |= {(role.name, "postgres", DATABASE_PORT)}
        if role.uses_kafka:
            edges |= {(role.name, "kafka", KAFKA_PORT)}
    return edges


def opened(policies: list[Document], direction: str, mine: Sequence[End]) -> set[Edge]:
    """The connections that my side alone lets through, whatever the other side does."""
    return {
        (one.name, other.name, port) if direction == "Egress" else (other.name, one.name, port)
        for one, other, port in product(mine, ENDS, PORTS)
        if one != other and opens(policies, NAMESPACE, direction, one, other, port)
    }


OUT_OF = (*PROCESSES.values(), JOB, RETIRE, STRANGER)
INTO = (*PROCESSES.values(), JOB, RETIRE, STRANGER, KAFKA, POSTGRES)


def misfits(policies: list[Document], overlay: str) -> set[Edge]:
    """What one side lets through and the table does not say, or the other way round."""
    edges = expected_edges(overlay)
    named_out, named_in = ({end.name for end in ends} for ends in (OUT_OF, INTO))
    from_anywhere = (*AGENTS_PORTS, RETURNS_PORT)
    wanted_out = {edge for edge in edges if edge[0] in named_out and edge[2] not in from_anywhere}
    wanted_in = {edge for edge in edges if edge[1] in named_in}
    return (opened(policies, "Egress", OUT_OF) ^ wanted_out) | (opened(policies, "Ingress", INTO) ^ wanted_in)


def policies_of(overlay: str) -> list[Document]:
    return [document for document in rendered(overlay) if document["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_S47_policies_let_through_what_the_table_says_and_nothing_else(overlay: str) -> None:
    assert misfits(policies_of(overlay), overlay) == set()


POLICIES = [policy["metadata"]["name"] for policy in policies_of("every-option")]
OPERATORS_OWN = ("kafka",)
"""Strimzi's own traffic, which is no edge of the table."""


@pytest.mark.parametrize("name", [name for name in POLICIES if name not in OPERATORS_OWN])
def test_S47_a_policy_that_is_missing_is_noticed(name: str) -> None:
    others = [policy for policy in policies_of("every-option") if policy["metadata"]["name"] != name]

    assert misfits(others, "every-option")


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_S47_one_peer_too_many_on_either_side_is_noticed(direction: str) -> None:
    policies = copy.deepcopy(policies_of("production"))
    otp = next(policy for policy in policies if policy["metadata"]["name"] == "otp")
    otp["spec"][direction][0]["from" if direction == "ingress" else "to"].append({"podSelector": {}})

    assert misfits(policies, "production")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kafka_lets_in_its_users_alone_also_by_the_policy_that_strimzi_writes(overlay: str) -> None:
    (listener,) = of_kind(overlay, "Kafka")[NAMESPACE]["spec"]["kafka"]["listeners"]

    peers = [
        one["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for one in listener["networkPolicyPeers"]
    ]
    assert sorted(peers) == sorted(role.name for role in ROLES.values() if role.uses_kafka)
    assert listener["tls"] is True
    assert listener["authentication"] == {"type": "tls"}


def dead_letters(role: Role) -> frozenset[str]:
    """Where a consumer puts what it can never read; audit keeps that as rows, codes die anyway.

    Its own events a process only reads back.
    """
    if role.process == "audit_store":
        return frozenset()
    heard = role.consumes - role.tells
    return frozenset(f"{topic}.dlq" for topic in heard if topic.endswith(".events.v1"))


def test_declared_topics_are_those_of_the_table_and_their_dead_letters() -> None:
    told = {topic for role in ROLES.values() for topic in role.tells}
    dead = {topic for role in ROLES.values() for topic in dead_letters(role)}

    assert set(topics()) == told | dead
    assert {topic for role in ROLES.values() for topic in role.consumes} <= told


@pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
def test_S39_rights_on_topics_are_those_of_the_table(role: Role) -> None:
    user = of_kind("production", "KafkaUser").get(role.name)
    rights = rights_of(user) if user else set()

    reads = role.consumes | dead_letters(role)  # its own dead letters it takes again: `replay`
    may_read = {(topic, operation) for topic in reads for operation in ("Read", "Describe")}
    writes = role.tells | dead_letters(role)
    may_write = {(topic, operation) for topic in writes for operation in ("Write", "Describe")}
    assert {right for right in rights if right[0] in topics()} == may_read | may_write
    assert {operation for name, operation in rights if name not in topics()} <= {"Read", "Describe"}


def rights_of(user: Document) -> set[tuple[str, str]]:
    return {
        (acl["resource"]["name"], operation)
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
        if acl["resource"]["patternType"] == "literal" and acl.get("type", "allow") == "allow"
    }


@pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
def test_rights_on_consumer_groups_are_those_that_the_code_joins(role: Role) -> None:
    user = of_kind("production", "KafkaUser").get(role.name)
    groups = {name for name, _ in rights_of(user)} - set(topics()) if user else set()

    assert groups == groups_in_code(role)


def groups_in_code(role: Role) -> set[str]:
    """Constants called GROUP or …_GROUP of the service's modules; what is only read back needs none."""
    if not role.consumes - role.tells:
        return set()
    folder = ROOT / "services" / package_of(role.process)
    text = "\n".join(path.read_text() for path in folder.glob("*.py"))
    return set(re.findall(r"^(?:\w+_)?GROUP = \"([\w-]+)\"", text, re.M))


@pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
def test_S26_certificates_name_the_process_and_nobody_else(role: Role) -> None:
    for overlay in OVERLAYS:
        spec = of_kind(overlay, "Certificate")[role.name]["spec"]
        assert spec["dnsNames"] == [role.name]
        assert spec["uris"] == [f"spiffe://smartcard-unlock/{role.process}"]
        assert {"server auth", "client auth"} <= set(spec["usages"])


@pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
def test_who_serves_rpcs_has_a_service_and_who_does_not_listens_inside_its_pod(role: Role) -> None:
    for overlay in OVERLAYS:
        services = of_kind(overlay, "Service")
        (container,) = deployment(overlay, role.name)["spec"]["template"]["spec"]["containers"]
        assert (role.name in services) == bool(role.callers)
        rpcs = [port for port in container.get("ports", []) if port["name"] != "returns"]
        assert bool(rpcs) == bool(role.callers)


def test_S46_each_database_role_reaches_its_own_database_and_no_other() -> None:
    rules = of_kind("production", "Cluster")["postgres"]["spec"]["postgresql"]["pg_hba"]
    owners = {one["spec"]["name"]: one["spec"]["owner"] for one in of_kind("production", "Database").values()}
    members = {
        one["spec"]["name"]: set(one["spec"].get("inRoles", []))
        for one in of_kind("production", "DatabaseRole").values()
    }

    databases = {role.process: package_of(role.process) for role in ROLES.values() if role.has_database}
    people = {("audit_analyst", "audit")}  # no process: analysts, who read one view
    pairs = {(owner, database) for database, owner in owners.items()} | set(databases.items()) | people
    assert owners == {database: f"{database}_owner" for database in databases.values()}
    assert rules[-1] == "host all all all reject"
    assert {tuple(rule.split()) for rule in rules[:-1]} == {
        ("hostssl", database, role, "all", "cert") for role, database in pairs
    }
    assert set(members) == {role for role, _ in pairs}
    processes = [role for role in members if re.match("audit_(?!owner|analyst)", role)]
    assert all(members[role] == {"pg_read_all_data"} for role in processes)
    assert not members["audit_analyst"]
    assert not any(members[owner] for owner in owners.values())


PRIVATE = {"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}
"""Where pods, nodes and a cloud's own services are. Source: RFC 1918, RFC 6598, RFC 3927."""


def test_S47_whoever_may_go_out_to_the_internet_may_not_go_inside_by_it() -> None:
    (rule,) = of_kind("every-option", "NetworkPolicy")["notifier-notify"]["spec"]["egress"]
    (peer,) = rule["to"]

    assert set(peer["ipBlock"]["except"]) == PRIVATE
