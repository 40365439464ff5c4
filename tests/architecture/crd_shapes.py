"""The shapes of the operators' kinds that we use: for these kubernetes-validate has no schema.

Each allows the fields that our manifests use and nothing else, so that a misspelt field fails here and not
in a cluster, where an operator drops it without a word. They were compared with the published definitions of
Strimzi 1.2, CloudNativePG 1.30, cert-manager 1.21 and Gateway API 1.6.
"""

from typing import Any

Shape = dict[str, Any]

TEXT: Shape = {"type": "string", "minLength": 1}
WHOLE: Shape = {"type": "integer", "minimum": 0}
FLAG: Shape = {"type": "boolean"}
SIZE: Shape = {"type": "string", "pattern": r"^\d+(\.\d+)?([KMGT]i?|m)?$"}
DURATION: Shape = {"type": "string", "pattern": r"^\d+h$"}


def record(required: dict[str, Shape], /, **optional: Shape) -> Shape:
    """Exactly these fields."""
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


def many(each: Shape, least: int = 1) -> Shape:
    return {"type": "array", "items": each, "minItems": least}


def one_of(*words: str | int) -> Shape:
    return {"enum": list(words)}


NAMED = record({"name": TEXT})
LABELS = record({"matchLabels": {"type": "object", "additionalProperties": TEXT, "minProperties": 1}})
MEMORY = record({"memory": SIZE}, cpu=SIZE)
RESOURCES = record({"requests": MEMORY, "limits": MEMORY})

LISTENER = record(
    {
        "name": {"type": "string", "pattern": "^[a-z0-9]{1,11}$"},
        "port": {"type": "integer", "minimum": 9092},
        "type": one_of("internal"),
        "tls": FLAG,
        "authentication": record({"type": one_of("tls", "scram-sha-512")}),
        "networkPolicyPeers": many(record({"podSelector": LABELS})),
    }
)
BROKER_CONFIG: Shape = {"type": "object", "additionalProperties": {"type": ["boolean", "integer", "string"]}}
KAFKA = record(
    {
        "kafka": record(
            {
                "listeners": many(LISTENER),
                "authorization": record({"type": one_of("simple")}),
                "config": BROKER_CONFIG,
            }
        ),
        "entityOperator": record(
            {"topicOperator": record({}), "userOperator": record({}, secretPrefix=TEXT)}
        ),
    }
)
VOLUME = record(
    {"id": WHOLE, "type": one_of("persistent-claim"), "size": SIZE}, kraftMetadata=one_of("shared")
)
NODE_POOL = record(
    {
        "replicas": WHOLE,
        "roles": many(one_of("controller", "broker")),
        "storage": record({"type": one_of("jbod"), "volumes": many(VOLUME)}),
    },
    resources=RESOURCES,
)
TOPIC = record(
    {"topicName": TEXT, "partitions": WHOLE, "replicas": WHOLE, "config": BROKER_CONFIG},
)
ACL = record(
    {
        "resource": record(
            {"type": one_of("topic", "group"), "name": TEXT, "patternType": one_of("literal", "prefix")}
        ),
        "operations": many(one_of("Read", "Write", "Describe")),
    }
)
USER = record(
    {
        "authentication": record({"type": one_of("tls")}),
        "authorization": record({"type": one_of("simple"), "acls": many(ACL)}),
    }
)

CLUSTER = record(
    {
        "instances": {"type": "integer", "minimum": 1},
        "storage": record({"size": SIZE}),
        "enableSuperuserAccess": FLAG,
        "postgresql": record(
            {"pg_hba": many(TEXT)}, synchronous=record({"method": one_of("any", "first"), "number": WHOLE})
        ),
    },
    walStorage=record({"size": SIZE}),
    resources=RESOURCES,
)
KEPT = one_of("retain", "delete")
DATABASE = record({"cluster": NAMED, "name": TEXT, "owner": TEXT}, databaseReclaimPolicy=KEPT)
DATABASE_ROLE = record(
    {"cluster": NAMED, "name": TEXT, "login": FLAG, "clientCertificate": record({}, enabled=FLAG)},
    disablePassword=FLAG,
    inRoles=many(TEXT),
    databaseRoleReclaimPolicy=KEPT,
)

KEY = record(
    {"algorithm": one_of("ECDSA"), "size": one_of(256, 384), "encoding": one_of("PKCS8")},
    rotationPolicy=one_of("Always", "Never"),
)
CERTIFICATE = record(
    {"secretName": TEXT, "issuerRef": record({"name": TEXT, "kind": one_of("Issuer", "ClusterIssuer")})},
    isCA=FLAG,
    commonName={"type": "string", "maxLength": 64},
    dnsNames=many(TEXT),
    uris=many(TEXT),
    usages=many(one_of("digital signature", "server auth", "client auth")),
    privateKey=KEY,
    duration=DURATION,
    renewBefore=DURATION,
)
ISSUER: Shape = {"oneOf": [record({"ca": record({"secretName": TEXT})}), record({"selfSigned": record({})})]}

GATEWAY = record(
    {
        "gatewayClassName": TEXT,
        "listeners": many(
            record(
                {
                    "name": TEXT,
                    "hostname": TEXT,
                    "port": WHOLE,
                    "protocol": one_of("HTTPS"),
                    "tls": record({"mode": one_of("Terminate"), "certificateRefs": many(NAMED)}),
                }
            )
        ),
    }
)
BACKEND = record({"name": TEXT, "port": WHOLE})
HTTP_ROUTE = record(
    {
        "parentRefs": many(NAMED),
        "hostnames": many(TEXT),
        "rules": many(record({"backendRefs": many(BACKEND)})),
    }
)
REFERENCE = record({"group": {"const": ""}, "kind": one_of("Service", "ConfigMap"), "name": TEXT})
BACKEND_TLS = record(
    {
        "targetRefs": many(REFERENCE),
        "validation": record({"hostname": TEXT, "caCertificateRefs": many(REFERENCE)}),
    }
)

SHAPES: dict[tuple[str, str], Shape] = {
    ("kafka.strimzi.io/v1", "Kafka"): KAFKA,
    ("kafka.strimzi.io/v1", "KafkaNodePool"): NODE_POOL,
    ("kafka.strimzi.io/v1", "KafkaTopic"): TOPIC,
    ("kafka.strimzi.io/v1", "KafkaUser"): USER,
    ("postgresql.cnpg.io/v1", "Cluster"): CLUSTER,
    ("postgresql.cnpg.io/v1", "Database"): DATABASE,
    ("postgresql.cnpg.io/v1", "DatabaseRole"): DATABASE_ROLE,
    ("cert-manager.io/v1", "Certificate"): CERTIFICATE,
    ("cert-manager.io/v1", "Issuer"): ISSUER,
    ("gateway.networking.k8s.io/v1", "Gateway"): GATEWAY,
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): HTTP_ROUTE,
    ("gateway.networking.k8s.io/v1", "BackendTLSPolicy"): BACKEND_TLS,
}
"""(apiVersion, kind) → its spec."""
