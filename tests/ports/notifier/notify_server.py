"""A server on loopback that speaks the API of Notify as its documentation says, and goes wrong as told."""

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

SERVICE = "26785a09-ab16-4eb0-8407-a37497a57506"
SECRET = "3d844edf-8d35-48ac-975b-e847b4f122b0"  # pragma: allowlist secret
TEMPLATE = "f33517ff-2a88-4f6e-b855-c550268ce08a"
KEY = f"test-key-{SERVICE}-{SECRET}"

CUT_AFTER_TAKING = "cut after taking"
STALL = "stall"

ADDRESS_WRONG = (400, "ValidationError", "email_address Not a valid email address")
TEMPLATE_WRONG = (400, "BadRequestError", "Missing personalisation: body")
TOO_MANY = (429, "RateLimitError", "Exceeded rate limit for key type LIVE of 3000 requests per 60 seconds")
BROKEN = (500, "Exception", "Internal server error")

Plan = str | tuple[int, str, str]


@dataclass
class Notify:
    """What it took, by reference; `plans`: what it does with the next requests to send."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    status: dict[str, str] = field(default_factory=dict)
    plans: deque[Plan] = field(default_factory=deque)
    url: str = ""

    def take(self, wanted: dict[str, Any]) -> dict[str, Any]:
        self.sent.append(wanted)
        self.status.setdefault(wanted["reference"], "created")
        return {"id": "740e5834-3a29-46b4-9a6f-16142fde533a", "reference": wanted["reference"]}

    def known(self, reference: str) -> list[dict[str, str]]:
        status = self.status.get(reference)
        return [{"reference": reference, "status": status}] if status else []


def is_signed(header: str) -> bool:
    """Whether a request is by the key that is known, made within 30 s."""
    try:
        token = jwt.decode(header.removeprefix("Bearer "), OctKey.import_key(SECRET), algorithms=["HS256"])
    except (JoseError, ValueError):
        return False
    return bool(token.claims["iss"] == SERVICE and abs(token.claims["iat"] - time.time()) <= 30)


class _Handler(BaseHTTPRequestHandler):
    """What http.server calls, by the names that it fixes."""

    protocol_version = "HTTP/1.1"
    notify: Notify

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        plan = self.notify.plans.popleft() if self.notify.plans and self._may() else None
        if isinstance(plan, tuple):
            self._answer(plan[0], _error(*plan))
        elif plan == STALL:
            self.connection.recv(1)  # until the caller hangs up
            self.close_connection = True
        elif plan == CUT_AFTER_TAKING:
            self.notify.take(wanted)
            self._cut()
        elif self._may():
            self._take(wanted)

    def do_GET(self) -> None:
        if self._may():
            (reference,) = parse_qs(urlsplit(self.path).query)["reference"]
            self._answer(200, {"notifications": self.notify.known(reference), "links": {}})

    def _take(self, wanted: dict[str, Any]) -> None:
        right = self.path == "/v2/notifications/email" and wanted["template_id"] == TEMPLATE
        if right and set(wanted["personalisation"]) == {"subject", "body"}:
            self._answer(201, self.notify.take(wanted))
        else:
            self._answer(400, _error(*TEMPLATE_WRONG))

    def _may(self) -> bool:
        signed = is_signed(self.headers.get("Authorization", ""))
        if not signed:
            self._answer(403, _error(403, "AuthError", "Invalid token: API key not found"))
        return signed

    def _cut(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _error(status: int, kind: str, message: str) -> dict[str, Any]:
    return {"status_code": status, "errors": [{"error": kind, "message": message}]}


@contextmanager
def notify_server() -> Iterator[Notify]:
    """Serve until the block ends."""
    notify = Notify()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"notify": notify}))
    server.daemon_threads = True
    notify.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield notify
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
