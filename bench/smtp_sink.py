"""A fast SMTP server that keeps nothing: the other end at its least. `python -m bench.smtp_sink PORT`."""

import asyncio
import sys

ANSWERS = {b"EHLO": b"250-localhost\r\n250 8BITMIME\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


class Sink(asyncio.Protocol):
    """One conversation."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._held, self._takes_mail = transport, b"", False
        transport.write(b"220 localhost ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._held += data
        while True:
            end = b"\r\n.\r\n" if self._takes_mail else b"\r\n"
            line, found, rest = self._held.partition(end)
            if not found:
                return
            self._held = rest
            self._answer(line[:4].upper())

    def _answer(self, word: bytes) -> None:
        taken, self._takes_mail = self._takes_mail, not self._takes_mail and word == b"DATA"
        self._transport.write(b"250 OK\r\n" if taken else ANSWERS.get(word, b"250 OK\r\n"))


async def main() -> None:
    """Listen until killed."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", int(sys.argv[1]))
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
