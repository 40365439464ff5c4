"""The processes that pages ask, over gRPC: translation only, no rules."""

from services.web.clients.audit import GrpcAudit
from services.web.clients.colleagues import GrpcColleagues
from services.web.clients.desk import GrpcDesk
from services.web.clients.gateway import GrpcGateway
from services.web.clients.identity import GrpcIdentity
from services.web.clients.in_person import GrpcInPerson
from services.web.clients.otp import GrpcOtp, GrpcRegistrationCodes
from services.web.clients.registration import GrpcRegistration

__all__ = [
    "GrpcAudit",
    "GrpcColleagues",
    "GrpcDesk",
    "GrpcGateway",
    "GrpcIdentity",
    "GrpcInPerson",
    "GrpcOtp",
    "GrpcRegistration",
    "GrpcRegistrationCodes",
]
