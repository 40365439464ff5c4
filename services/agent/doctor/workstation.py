"""Checks of the program's own surroundings: its folder, another one that runs, proxies."""

import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from services.agent.doctor.finding import Finding, fault, note, ok

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_workstation(state: Path | None, proxies: Mapping[str, str]) -> Iterator[Finding]:
    """Look at all of it; `state` is None where the settings do not say."""
    if state is not None:
        yield check_state_folder(state)
        yield check_other_agent(state)
    yield check_proxies(proxies)


def check_state_folder(folder: Path) -> Finding:
    """Look whether the folder is ours alone; one that is not there yet will be made so."""
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return fault("state folder", "STATE_FOLDER_NOT_WRITABLE")
    if nearest == folder and folder.stat().st_mode & OTHERS:
        return fault("state folder", "STATE_FOLDER_OPEN", mode=f"{stat.S_IMODE(folder.stat().st_mode):03o}")
    return ok("state folder")


def check_other_agent(folder: Path) -> Finding:
    """Look whether an agent holds the folder's lock; takes it for an instant where nobody does."""
    try:
        lock = os.open(folder / "lock", os.O_RDONLY)
    except OSError:
        return ok("other agent", running=False)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return note("other agent", "AGENT_RUNNING", running=True)
    finally:
        os.close(lock)
    return ok("other agent", running=False)


def check_proxies(proxies: Mapping[str, str]) -> Finding:
    """Tell which proxies are set: host and port, never a user or a password."""
    return note("proxy", "PROXY_SEEN", **proxies) if proxies else ok("proxy", used=False)
