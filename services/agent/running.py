"""The agent's composition root: settings → reader service, gateway, window → its life, until a signal."""

import asyncio
import ctypes
import fcntl
import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from services.agent.addresses import browser
from services.agent.attaching import Attaching
from services.agent.backoff import Backoff
from services.agent.calls import GatewayCalls
from services.agent.console import Console
from services.agent.enrolment import BAD, BadCertificate, Enrolment
from services.agent.journal import Journal
from services.agent.ports import Window
from services.agent.readers import PcscService
from services.agent.session import Agent
from services.agent.settings import AgentSettings
from services.agent.spare import Spare
from services.agent.status_file import StatusFile
from services.agent.steps import Steps
from services.agent.warning import Warner
from services.agent.watch import Watch
from services.agent.ways import way_of
from services.runtime import logs
from services.runtime.clock import SystemClock
from services.runtime.randomness import SystemRandomness
from services.runtime.version import VERSION

PR_SET_DUMPABLE = 4  # linux/prctl.h
FAILED, BAD_SETTINGS, ALREADY_RUNNING = 1, 2, 3


def run(settings: AgentSettings) -> int:
    """Run the agent until a signal; return the exit status."""
    _keep_memory_private()
    logs.configure("agent", settings.LOG_LEVEL)
    try:
        Enrolment.of(settings).check()
    except BadCertificate:
        sys.stderr.write(f"AGENT_CERT_FILE, AGENT_KEY_FILE: not a certificate and its key [{BAD}]\n")
        return BAD_SETTINGS
    journal = Journal(settings.AGENT_STATE_DIR)
    lock = os.open(settings.AGENT_STATE_DIR / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.stderr.write("the agent is already running\n")
        return ALREADY_RUNNING
    try:
        asyncio.run(_serve(settings, journal))
    except Exception as error:
        # Its kind and no more: what it carries may be a secret.
        logs.logger("main").error("agent_failed", error=type(error).__name__)
        return FAILED
    return 0


async def _serve(settings: AgentSettings, journal: Journal) -> None:
    """Put the parts together and run until SIGTERM or SIGINT."""
    wall, share, service = SystemClock().now, random.SystemRandom().random, PcscService()
    face = _face(settings)
    window: Window = face
    if settings.AGENT_STATUS_FILE is not None:
        window = StatusFile(settings.AGENT_STATUS_FILE, face, VERSION, wall)
    watch = Watch(service, Backoff(0.1, 2.0, share))
    enrolled = settings.AGENT_CERT_FILE is not None
    gateway = GatewayCalls(way_of(settings), VERSION, wall, enrolled=enrolled)
    steps = Steps(
        service, watch, window, journal, settings.GATEWAY_NAME, only_typed_here=settings.PIN_ENTRY == "agent"
    )
    attaching = Attaching(gateway, watch, SystemRandomness())
    spare = Spare(gateway, window, watch, journal, Backoff(0.5, 15.0, share), attaching)
    agent = Agent(gateway, window, watch, steps, journal, Backoff(0.5, 15.0, share), attaching, spare)
    _on_end(face, agent)
    warner = Warner(service, watch, window, idle=lambda: not spare.is_kept)
    beside = [asyncio.create_task(watch.run()), asyncio.create_task(face.run())]
    try:
        await watch.first_look()
        beside.append(asyncio.create_task(warner.run()))
        await agent.run()
    finally:
        for task in beside:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        face.close()
        await gateway.close()


class Face(Window, Protocol):
    """A window that is drawn, and that can be closed from either side."""

    on_close: Callable[[], None]
    """Called when the person closes it."""

    async def run(self) -> None:
        """Draw until cancelled or closed."""
        ...

    def close(self) -> None:
        """Answer no to what is asked; twice is once."""
        ...


def _face(settings: AgentSettings) -> Face:
    """Return a window where there is a screen and Tk, else the terminal, which says so."""
    opens = settings.OPEN_BROWSER == "yes"
    console = Console(sys.stdout, settings.WEB_ORIGIN, browser if opens else None)
    if settings.AGENT_WINDOW == "console":
        return console
    try:
        from services.agent.window import NoScreen, TkWindow
    except ImportError:
        console.instead_of_window("tkinter is not installed")
        return console
    try:
        return TkWindow(settings.WEB_ORIGIN, browser, opens_itself=opens)
    except NoScreen:
        console.instead_of_window("there is no screen")
        return console


def _on_end(face: Face, agent: Agent) -> None:
    def end() -> None:
        face.close()
        agent.stop()

    face.on_close = end
    for number in (signal.SIGTTIN, signal.SIGTTOU):  # in the background the answer is no, not a stop
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end)


def _keep_memory_private() -> None:
    """No core file and no debugger of the same user: memory holds PINs and PUKs for moments."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(AttributeError, OSError):  # Linux only
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
