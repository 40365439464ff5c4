"""`make run`: start the stack, show the way in, tell when a part ends, stop all on Ctrl-C.

KAFKA_BOOTSTRAP_SERVERS, SMTP_URL and <SERVICE>_DATABASE_URL point any of it elsewhere. A part that ends is
named, with its last words, and stays down until the desk page's button starts it: a demonstration that
heals itself silently would hide its defects.
"""

import os
import queue
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.local.child import ChildFailed
from deploy.local.desk import Desk
from deploy.local.keys import make_keys
from deploy.local.pcsc import PcscUnavailableError
from deploy.local.stack import Stack, sqlite_in

RUNS = Path(__file__).resolve().parents[2] / ".run"
"""Keys, made once, and a folder for each run; git ignores it."""


def main() -> int:
    """0 after Ctrl-C or SIGTERM; 1 when it could not start."""
    # Both by name: a shell that starts us in the background has SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    folder = _fresh_folder()
    print(f"Starting on this machine; logs in {folder.relative_to(RUNS.parent)}/logs", flush=True)
    stack = Stack(
        folder,
        make_keys(RUNS / "keys"),
        database=_databases(folder),
        kafka=os.environ.get("KAFKA_BOOTSTRAP_SERVERS"),
        smtp=os.environ.get("SMTP_URL"),
        log_level=os.environ.get("LOG_LEVEL", "INFO"),
        say=lambda line: print(line, flush=True),
    )
    try:
        with stack:
            _serve(stack)
    except (ChildFailed, PcscUnavailableError, TimeoutError) as trouble:
        print(f"It could not start: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", flush=True)
    return 0


def _databases(folder: Path) -> Callable[[str], str]:
    files = sqlite_in(folder)
    return lambda service: os.environ.get(f"{service.upper()}_DATABASE_URL") or files(service)


def _serve(stack: Stack) -> None:
    desk = Desk(stack)
    desk.start()
    print(f"\n  Desk page  {desk.url}\n\nCtrl-C stops everything.", flush=True)
    try:
        _watch(stack, desk)
    except KeyboardInterrupt:
        print("\nStopping…", flush=True)
        raise
    finally:
        desk.stop()


def _watch(stack: Stack, desk: Desk) -> None:
    known: set[str] = set()
    while True:
        ended = stack.ended()
        for name in ended.keys() - known:
            child = stack.children.get(name)
            print(f"{name} ended ({ended[name]}).\n{child.tail(5) if child else ''}", flush=True)
        known = set(ended)
        try:
            wish, name = desk.wishes.get(timeout=0.5)
        except queue.Empty:
            continue
        known ^= {name} if _fulfil(stack, wish, name) else set()


def _fulfil(stack: Stack, wish: str, name: str) -> bool:
    """Whether the part's state changed."""
    part = stack.parts[name]
    if part.running == (wish == "start"):
        return False
    try:
        part.start() if wish == "start" else part.stop()
    except ChildFailed as trouble:
        print(trouble, flush=True)
        return False
    print(f"{name} {'started' if wish == 'start' else 'stopped'} from the desk page.", flush=True)
    return True


def _fresh_folder() -> Path:
    """A folder for this run; those of runs that are over go."""
    RUNS.mkdir(mode=0o700, exist_ok=True)
    for old in RUNS.glob("run-*"):
        if not Path("/proc", old.name.removeprefix("run-")).exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = RUNS / f"run-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


if __name__ == "__main__":
    sys.exit(main())
