"""PC/SC through pyscard: the only module that knows it. A thin, typed wrapper; no rules, no threads.

Low-level calls on purpose: pyscard's own monitors do not survive a restart of the service, and its
exceptions hide the codes on which `holding` and `watch` decide. See design `cards.md`, 6.
"""

from collections.abc import Mapping

from smartcard import scard

from services.agent.pcsc_codes import NO_READERS, STATE_STORAGE_CARD, STORAGE_CARD_ATR, TIMEOUT
from services.agent.ports import PcscError

_PROTOCOLS = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1


class PcscService:
    """The reader service that the PC/SC library finds (`PCSCLITE_CSOCK_NAME` on Linux)."""

    def open(self) -> "PcscContext":
        """Begin a session. Raises PcscError."""
        code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        _check(code)
        return PcscContext(context)


class PcscContext:
    """One session with the service."""

    def __init__(self, context: int) -> None:
        self._context = context

    def names(self) -> list[str]:
        """Return the readers' names."""
        code, names = scard.SCardListReaders(self._context, [])
        if code & 0xFFFFFFFF == NO_READERS:
            return []
        _check(code)
        return list(names)

    def wait(self, known: Mapping[str, int], seconds: float) -> dict[str, int]:
        """Return the readers' states on a change or at the end of the time; keys as in `known`."""
        asked = [(name, state & ~STATE_STORAGE_CARD) for name, state in known.items()]
        code, states = scard.SCardGetStatusChange(self._context, int(seconds * 1000), asked)
        if code & 0xFFFFFFFF == TIMEOUT:
            return dict(known)
        _check(code)
        return {name: state | storage_card(bytes(atr)) for name, state, atr in states}

    def connect(self, reader: str) -> "PcscCard":
        """Connect, shared."""
        code, handle, protocol = scard.SCardConnect(
            self._context, reader, scard.SCARD_SHARE_SHARED, _PROTOCOLS
        )
        _check(code)
        return PcscCard(handle, protocol)

    def close(self) -> None:
        """End the session."""
        scard.SCardReleaseContext(self._context)


class PcscCard:
    """One shared connection."""

    def __init__(self, handle: int, protocol: int) -> None:
        self._handle = handle
        self._header = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1

    def begin(self) -> None:
        """Begin a transaction."""
        _check(scard.SCardBeginTransaction(self._handle))

    def transmit(self, apdu: bytes) -> bytes:
        """Send one APDU."""
        code, answer = scard.SCardTransmit(self._handle, self._header, list(apdu))
        _check(code)
        return bytes(answer)

    def end(self, *, reset: bool) -> None:
        """End the transaction."""
        how = scard.SCARD_RESET_CARD if reset else scard.SCARD_LEAVE_CARD
        _check(scard.SCardEndTransaction(self._handle, how))

    def disconnect(self) -> None:
        """Give the handle back; the card stays as it is."""
        _check(scard.SCardDisconnect(self._handle, scard.SCARD_LEAVE_CARD))


def storage_card(atr: bytes) -> int:
    """Return our own bit of a reader's state for a card without contacts."""
    return STATE_STORAGE_CARD if atr.startswith(STORAGE_CARD_ATR) else 0


def _check(code: int) -> None:
    if code != scard.SCARD_S_SUCCESS:
        raise PcscError(code)
