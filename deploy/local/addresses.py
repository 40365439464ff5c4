"""Where each process of one stack listens, and the environment that tells it so.

Ports are found once, so that a process that is started again keeps its address.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.child import free_port
from deploy.local.keys import Keys

GATEWAY_NAME = "this-machine"
"""Stands in every digest that a card signs."""
STATEFUL = ("identity", "otp", "card_gateway", "notifier", "audit")
"""Who has a database."""
SERVICES = {
    "audit_store": ("audit", "store"),
    "audit_sequencer": ("audit", "sequencer"),
    "audit_reader": ("audit", "reader"),
    "identity": ("identity", "serve"),
    "otp": ("otp", "serve"),
    "card_gateway": ("card_gateway", "serve"),
    "notifier": ("notifier", "serve"),
    "web": ("web", "serve"),
}
"""Process → (package under `services`, its command), in the order of starting."""


@dataclass(frozen=True)
class Addresses:
    """One free port on 127.0.0.1 for each name, for as long as the stack lives."""

    ports: Mapping[str, int] = field(
        default_factory=lambda: {
            name: free_port() for name in (*SERVICES, "agents", "agents-https", "smtp", "mailbox", "desk")
        }
    )

    def of(self, name: str) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.ports[name]}"

    def url(self, name: str) -> str:
        """An `http://` address."""
        return f"http://{self.of(name)}"


@dataclass(frozen=True)
class Surroundings:
    """What every process of one stack is told of the others."""

    addresses: Addresses
    keys: Keys
    databases: Mapping[str, str]
    """SQLAlchemy address of each of STATEFUL."""
    kafka: str
    smtp: str
    log_level: str = "INFO"

    def of(self, process: str) -> dict[str, str]:
        """The environment of one process, complete: BUILD words, one meaning everywhere."""
        package = SERVICES[process][0]
        database = {f"{package.upper()}_DATABASE_URL": self.databases[package]} if package in STATEFUL else {}
        return {
            "LISTEN_ADDRESS": self.addresses.of(process),
            "LOG_LEVEL": self.log_level,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            **self.keys.tls(process),
            **database,
            **self._own(process),
        }

    def of_agent(self, folder: Path) -> dict[str, str]:
        """The agent's environment; it knows the gateway and nothing else of the server."""
        certificate = self.keys.tls("agent")
        return {
            "CARD_GATEWAY_ADDRESS": self.addresses.of("agents"),
            "CARD_GATEWAY_HTTPS_ADDRESS": self.addresses.of("agents-https"),
            "TLS_CA_FILE": str(self.keys.ca),
            "AGENT_CERT_FILE": certificate["TLS_CERT_FILE"],
            "AGENT_KEY_FILE": certificate["TLS_KEY_FILE"],
            "GATEWAY_NAME": GATEWAY_NAME,
            "WEB_ORIGIN": self.addresses.url("web"),
            "AGENT_STATE_DIR": str(folder),
            "AGENT_STATUS_FILE": str(folder / "status.json"),
            "LOG_LEVEL": self.log_level,
        }

    def _own(self, process: str) -> dict[str, str]:
        grants = {"GRANT_VERIFY_KEYS_DIR": str(self.keys.verify_dir)}
        match process:
            case "identity":
                return {"GRANT_SIGNING_KEY_FILE": str(self.keys.signing("identity")), **grants}
            case "otp":
                return {
                    "GRANT_SIGNING_KEY_FILE": str(self.keys.signing("otp")),
                    "OTP_CODE_KEY_FILE": str(self.keys.otp_code),
                    "NOTIFIER_PUBLIC_KEY_FILE": str(self.keys.notifier_public),
                    **grants,
                }
            case "card_gateway":
                return {
                    "GRANT_SIGNING_KEY_FILE": str(self.keys.signing("card_gateway")),
                    "AGENT_LISTEN_ADDRESS": self.addresses.of("agents"),
                    "AGENT_HTTPS_LISTEN_ADDRESS": self.addresses.of("agents-https"),
                    "CARD_MASTER_KEY_DIR": str(self.keys.card_master_dir),
                    "CARD_MASTER_KID_FILE": str(self.keys.card_master_newest),
                    "GATEWAY_NAME": GATEWAY_NAME,
                    "WEB_ORIGIN": self.addresses.url("web"),
                    **grants,
                }
            case "notifier":
                return {
                    "SMTP_URL": self.smtp,
                    "IDENTITY_ADDRESS": self.addresses.of("identity"),
                    "NOTIFIER_PRIVATE_KEY_FILE": str(self.keys.notifier_private),
                    "WEB_ORIGIN": self.addresses.url("web"),
                }
            case "audit_sequencer":
                return {"AUDIT_LOG_KEY_FILE": str(self.keys.audit_log)}
            case "audit_reader":
                return grants
            case "web":
                return {
                    "WEB_ORIGIN": self.addresses.url("web"),
                    "WEB_COOKIE_KEY_FILE": str(self.keys.web_cookie),
                    "IDENTITY_ADDRESS": self.addresses.of("identity"),
                    "OTP_ADDRESS": self.addresses.of("otp"),
                    "CARD_GATEWAY_ADDRESS": self.addresses.of("card_gateway"),
                    "AUDIT_ADDRESS": self.addresses.of("audit_reader"),
                }
        return {}
