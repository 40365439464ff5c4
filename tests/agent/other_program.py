"""Another program on the workstation that uses the card too; obeys a word a line: `python -m … READER`."""

import sys
from collections.abc import Callable

from smartcard import scard

PROTOCOLS = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1


class Program:
    def __init__(self, reader: str) -> None:
        self.reader = reader
        _, self.context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        self.handle = 0

    def shared(self) -> int:
        return self._connect(scard.SCARD_SHARE_SHARED)

    def exclusive(self) -> int:
        return self._connect(scard.SCARD_SHARE_EXCLUSIVE)

    def begin(self) -> int:
        return int(scard.SCardBeginTransaction(self.handle))

    def end(self) -> int:
        return int(scard.SCardEndTransaction(self.handle, scard.SCARD_LEAVE_CARD))

    def reset(self) -> int:
        return int(
            scard.SCardReconnect(self.handle, scard.SCARD_SHARE_SHARED, PROTOCOLS, scard.SCARD_RESET_CARD)[0]
        )

    def away(self) -> int:
        return int(scard.SCardDisconnect(self.handle, scard.SCARD_LEAVE_CARD))

    def _connect(self, share: int) -> int:
        code, self.handle, _ = scard.SCardConnect(self.context, self.reader, share, PROTOCOLS)
        return int(code)


def main() -> None:
    program = Program(sys.argv[1])
    words: dict[str, Callable[[], int]] = {
        name: getattr(program, name) for name in ("shared", "exclusive", "begin", "end", "reset", "away")
    }
    for line in sys.stdin:
        print(f"{words[line.strip()]() & 0xFFFFFFFF:08X}", flush=True)


if __name__ == "__main__":
    main()
