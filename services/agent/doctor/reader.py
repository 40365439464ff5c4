"""Checks of the reader service, the readers, and the card in them."""

import errno
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509

from services.agent.doctor.finding import Finding, Overdue, fault, not_checked, note, ok, within
from services.agent.facts import Facts, Presence, Reader, ReaderState
from services.agent.holding import CannotHold
from services.agent.look import LOOK_SECONDS, look
from services.agent.pcsc_codes import NO_ACCESS, NO_SERVICE, SECURITY_VIOLATION, SERVICE_STOPPED
from services.agent.ports import PcscError, ReaderService
from services.agent.watch import presence
from services.card_gateway.card.facts import CardFacts, Unsupported

SERVICE_SECONDS = 4.0
"""Longest answer of the reader service, as `watch` has it."""
DAEMON_FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
"""Where `pcscd` lies; not all of it is on a person's PATH."""

Open = Callable[[], ReaderService]
"""Makes the service; raises ImportError where its library is not there."""


def check_reader(open_service: Open, socket_path: Path, now: datetime) -> Iterator[Finding]:
    """Look at service, readers and card, in this order, as far as each leads to the next."""
    try:
        facts = within(SERVICE_SECONDS, lambda: _facts(open_service()))
    except ImportError:
        yield fault("reader service", "PR20002_NOT_INSTALLED")
    except Overdue:
        yield fault("reader service", "PR20002_HANGS")
    except PcscError as error:
        yield fault("reader service", why_down(error.code, socket_path), pcsc=f"{error.code:08X}")
    else:
        yield ok("reader service")
        yield from _with_service(open_service(), facts, now)
        return
    yield from map(not_checked, ("reader", "card"))


def why_down(code: int, socket_path: Path) -> str:
    """Return which of the causes of PR20002 it is."""
    if code in (NO_ACCESS, SECURITY_VIOLATION):
        return "PR20002_NO_PERMISSION"
    if code not in (NO_SERVICE, SERVICE_STOPPED):
        return "PR20002"
    if not sys.platform.startswith("linux"):
        return "PR20002_NOT_RUNNING"
    match _knock(socket_path):
        case errno.EACCES | errno.EPERM | 0:  # it lets us knock and then says that it is not there: polkit
            return "PR20002_NO_PERMISSION"
        case errno.ENOENT if shutil.which("pcscd", path=DAEMON_FOLDERS) is None:
            return "PR20002_NOT_INSTALLED"
        case errno.EAGAIN:
            return "PR20002_HANGS"
        case _:
            return "PR20002_NOT_RUNNING"


def _knock(path: Path) -> int:
    """Return 0 where somebody listens at a socket, else the reason as in errno."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(1.0)
        try:
            return door.connect_ex(str(path))
        except TimeoutError:
            return errno.EAGAIN
        except OSError as refused:  # such as a path too long for a socket
            return refused.errno or errno.ENOENT


def _facts(service: ReaderService) -> Facts:
    context = service.open()
    try:
        names = context.names()
        states = context.wait(dict.fromkeys(names, 0), 1.0) if names else {}
    finally:
        context.close()
    return Facts(
        service_up=True, readers=tuple(Reader(name, presence(name, states[name])) for name in sorted(states))
    )


def _with_service(service: ReaderService, facts: Facts, now: datetime) -> Iterator[Finding]:
    if not facts.readers:
        yield fault("reader", "NO_READER")
        yield not_checked("card")
        return
    yield ok("reader", **{f"reader {number}": each.name for number, each in enumerate(facts.readers, 1)})
    reader = facts.card_reader
    if reader is None:
        yield _no_card(facts)
        return
    try:
        yield within(LOOK_SECONDS, lambda: check_card(service, reader, now))
    except Overdue:
        yield fault("card", "TIMED_OUT")


def _no_card(facts: Facts) -> Finding:
    if facts.state is ReaderState.NO_CARD:
        return note("card", "NO_CARD")
    cards = sum(reader.presence not in (Presence.EMPTY, Presence.CONTACTLESS) for reader in facts.readers)
    return fault("card", facts.state.value, cards=cards)


def check_card(service: ReaderService, reader: str, now: datetime) -> Finding:
    """Look at one card without spending a try."""
    try:
        facts = look(service, reader)
    except CannotHold as cannot:
        return fault("card", cannot.rule)
    if isinstance(facts, Unsupported):
        return fault("card", facts.code)
    return judge_card(facts, now)


def judge_card(facts: CardFacts, now: datetime) -> Finding:
    """Say what was seen of a card; the heaviest thing counts."""
    seen: dict[str, str | int] = {"kind": facts.kind, "last four": facts.guid.hex().upper()[-4:]}
    ends = {
        name: _ends(der)
        for name, der in (("certificate 9A", facts.cert_9a_der), ("certificate 9E", facts.cert_9e_der))
    }
    seen |= {name: end.date().isoformat() if end else "missing" for name, end in ends.items()}
    if facts.pin_tries_left is not None:
        seen["tries left"] = facts.pin_tries_left
    if ends["certificate 9E"] is None:
        return fault("card", "CERTIFICATE_MISSING", **seen)
    if any(end is not None and end <= now for end in ends.values()):
        return fault("card", "CERTIFICATE_EXPIRED", **seen)
    if facts.pin_blocked:
        return note("card", "CARD_BLOCKED", **seen)
    if facts.pin_tries_left == 1:
        return note("card", "CARD_LAST_TRY", **seen)
    return ok("card", **seen)


def _ends(der: bytes | None) -> datetime | None:
    if der is None:
        return None
    try:
        return x509.load_der_x509_certificate(der).not_valid_after_utc
    except ValueError:
        return None
