"""Runs one of our processes so that a test can kill it at a named point.

`python -m tests.faults.armed services.otp serve`. A point is armed by a file of its name in
ARMED_FOLDER; reaching it takes the file away and ends the process by SIGKILL. Production code has
no such switch: the points do nothing there.
"""

import os
import runpy
import signal
import sys
from pathlib import Path

from services.runtime import faults

FOLDER = Path(os.environ["ARMED_FOLDER"])


def die_if_armed(point: str) -> None:
    try:
        (FOLDER / point).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    faults.act = die_if_armed
    module = sys.argv[1]
    sys.argv = [module, *sys.argv[2:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
