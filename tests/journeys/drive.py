"""`make journey`: a stack of its own, a blocked card, real Chromium; 0 only if the card took the new PIN."""

import sys
import tempfile
import time
from pathlib import Path

from deploy.local.child import ChildFailed
from deploy.local.keys import make_keys
from deploy.local.pcsc import PcscUnavailableError
from deploy.local.stack import Stack
from tests.journeys.in_chromium import PersonInChromium, chromium
from tests.journeys.judge import Judge


def main() -> int:
    """The exit code."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="scu-journey-") as folder:
        try:
            print("Starting a stack of its own", flush=True)
            stack = Stack(Path(folder), make_keys(Path(folder) / "keys"), say=_say)
            with stack, chromium() as page:
                taken = _journey(PersonInChromium(stack, "blocked-1", page, _say))
        except (ChildFailed, PcscUnavailableError, TimeoutError, AssertionError) as trouble:
            print(f"The journey failed: {trouble}", file=sys.stderr)
            return 1
    print(f"{'The card took the new PIN' if taken else 'THE CARD DID NOT TAKE THE NEW PIN'}"
          f" ({time.monotonic() - began:.0f} s in all)")  # fmt: skip
    return 0 if taken else 1


def _journey(person: PersonInChromium) -> bool:
    judge = Judge(person.stack.pcsc)
    print("The journey, in Chromium", flush=True)
    seconds = person.unlock_in_browser()
    _say(f"  from insert to unlocked {seconds:20.2f} s")
    taken = judge.pin_verifies(person.new_pin)
    old = judge.pin_verifies(person.card.pin)
    _say(f"  yubico-piv-tool: the new PIN {'verifies' if taken else 'IS REFUSED'}")
    _say(f"  yubico-piv-tool: the old PIN {'VERIFIES' if old else 'is refused'}")
    return taken and not old


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
