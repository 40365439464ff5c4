"""`audit store` with a fault that strikes at random: what the process does then is the subject of the test.

The environment says which (AUDIT_FAULT: raise, cancel, kill or none) and how often (AUDIT_FAULT_RATE).
"""

import asyncio
import os
import random
import signal
import sys

from services.audit import app
from services.audit.__main__ import store
from services.runtime import faults, process

POINTS = ("audit.store.before_commit", "audit.store.after_commit", "audit.store.before_ack")


class Planted(Exception):
    """A fault of the test."""


def strike(point: str) -> None:
    """Do the fault at one of the points, now and then."""
    if point not in POINTS or random.random() > float(os.environ["AUDIT_FAULT_RATE"]):
        return
    fault = os.environ["AUDIT_FAULT"]
    if fault == "none":
        return
    print(f"struck {fault} {point}", file=sys.stderr, flush=True)
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "cancel":
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
    if fault == "raise":
        raise Planted


if __name__ == "__main__":
    faults.act = strike
    # A killed worker keeps its partitions for as long: the test has other things to wait for.
    app.SESSION_SECONDS = float(os.environ["AUDIT_SESSION_SECONDS"])
    app.BATCH = int(os.environ["AUDIT_BATCH"])
    process.main("audit", {"store": store})
