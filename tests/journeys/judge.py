"""Asks the card what it takes now, with Debian's tools through PC/SC: none of our code judges our work."""

import os
import re
import subprocess

from deploy.local.pcsc import READERS, OwnPcscd

SELECT_PIV = "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00"


class Judge:
    """`yubico-piv-tool` and OpenSC before one reader."""

    def __init__(self, pcsc: OwnPcscd, reader: str = READERS[0]) -> None:
        """`reader`: its PC/SC name."""
        self._environment, self._reader = {**os.environ, **pcsc.environment}, reader

    def pin_verifies(self, pin: str) -> bool:
        """Whether the card takes this PIN. A wrong one costs a try."""
        return self._piv("-a", "verify-pin", "-P", pin).returncode == 0

    def puk_unblocks(self, puk: str, new_pin: str) -> bool:
        """Whether the card lets this PUK set a PIN. A wrong one costs a try; a right one changes the PIN."""
        return self._piv("-a", "unblock-pin", "-P", puk, "-N", new_pin).returncode == 0

    def tries_left(self) -> int:
        """Tries of the PIN, by OpenSC: an empty VERIFY answers 63CX, or 6983 when it is blocked."""
        apdus = ["--send-apdu", SELECT_PIV, "--send-apdu", "00:20:00:80"]
        done = self._run("opensc-tool", "--reader", self._reader, *apdus)
        answers = re.findall(r"Received \(SW1=0x(..), SW2=0x(..)\)", done.stdout)
        if not answers or done.returncode:
            raise AssertionError(f"OpenSC saw no card: {done.stdout}{done.stderr}")
        first, second = answers[-1]
        return int(second, 16) & 0x0F if first == "63" else 0

    def _piv(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._run("yubico-piv-tool", "--reader", self._reader, *arguments)

    def _run(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(argv, env=self._environment, capture_output=True, text=True, timeout=30)
