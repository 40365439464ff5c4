"""gRPC ↔ use cases, one servicer a listener; no rules."""

from services.card_gateway.servicer.agents import AgentServicer
from services.card_gateway.servicer.sessions import SessionServicer

__all__ = ["AgentServicer", "SessionServicer"]
