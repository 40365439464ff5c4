"""Runs a command for as long as another process lives: `python -m deploy.local.hold PID -- COMMAND…`.

For parts shared by several test workers, which no single worker may own.
"""

import os
import select
import signal
import subprocess
import sys

GRACE = 20.0
"""Seconds to end after SIGTERM."""


def main() -> int:
    """Its exit code, or 0 when the owner went first."""
    owner, command = int(sys.argv[1]), sys.argv[3:]
    watch = os.pidfd_open(owner)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    own = os.pidfd_open(process.pid)
    ended, _, _ = select.select([watch, own], [], [])
    if watch in ended:
        process.terminate()
    try:
        code = process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    return 0 if watch in ended else code


if __name__ == "__main__":
    sys.exit(main())
