"""The whole system on one machine: each part a real process, started in order, watched, ended.

`Stack` is what `make run`, `make journey` and the fault tests start. Call it from the main thread: the
kernel ends a child together with the thread that started it.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self

from deploy.local.addresses import SERVICES, STATEFUL, Addresses, Surroundings
from deploy.local.agent_window import AgentWindow
from deploy.local.cards import Slots
from deploy.local.child import Child, ChildFailed
from deploy.local.demo_data import PLANS, DemoCard, DemoData, Plan
from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from deploy.local.pcsc import OwnPcscd
from deploy.topics import create_now

READY = '"event": "ready"'
"""What each of our processes logs as it begins to serve."""


class Part(Protocol):
    """One process of the stack, as a fault test sees it."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        ...

    def start(self) -> None:
        """Start it and wait until it serves."""
        ...

    def stop(self) -> object:
        """Ask it to end and wait."""
        ...

    def kill(self) -> None:
        """End it without a word."""
        ...


def sqlite_in(folder: Path) -> Callable[[str], str]:
    """A SQLite file in `folder` for each service."""
    return lambda service: f"sqlite+aiosqlite:///{folder / service}.db"


class Stack:
    """Every process by name in `parts`; `slots` hold cards; `data` knows the cards."""

    def __init__(
        self,
        folder: Path,
        keys: Keys,
        *,
        database: Callable[[str], str] | None = None,
        kafka: str | None = None,
        smtp: str | None = None,
        overrides: Mapping[str, Mapping[str, str]] | None = None,
        log_level: str = "INFO",
        plans: Iterable[Plan] = PLANS,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`database`: service → address. `kafka`, `smtp`: use these instead of starting our own.

        `overrides`: more environment for a process. `say` gets one line for each step.
        """
        self.folder, self.keys, self._say = folder, keys, say
        self.addresses = Addresses()
        self.pcsc = OwnPcscd()
        self.slots = Slots(self.pcsc.card_control)
        self.data = DemoData(self.pcsc.cards, plans)
        self._overrides = overrides or {}
        self.own_kafka = None if kafka else Kafka(folder / "kafka")
        database = database or sqlite_in(folder)
        self.surroundings = Surroundings(
            self.addresses,
            keys,
            {service: database(service) for service in STATEFUL},
            kafka or (self.own_kafka.bootstrap if self.own_kafka else ""),
            smtp or f"smtp://{self.addresses.of('smtp')}",
            log_level,
        )
        self.children = {name: self._service(name) for name in SERVICES}
        if smtp is None:
            self.children["mailbox"] = self._mailbox()
        self.agent = AgentWindow(
            self.surroundings.of_agent(folder / "agent")
            | self.pcsc.environment
            | dict(self._overrides.get("agent", {})),
            folder / "logs" / "agent.log",
        )
        self.parts: dict[str, Part] = {**self.children, "agent": self.agent}
        if self.own_kafka:
            self.parts["kafka"] = self.own_kafka

    def start(self) -> None:
        """Start everything in order. Raises ChildFailed or PcscUnavailableError with all ended again."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything; twice is once."""
        self.agent.stop()
        for child in self.children.values():
            child.ask_to_end()
        for child in self.children.values():
            child.stop()
        self.pcsc.stop()
        if self.own_kafka:
            self.own_kafka.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def card(self, name: str) -> DemoCard:
        """One of the demonstration cards."""
        return self.data.cards[name]

    def ended(self) -> dict[str, int | None]:
        """The parts that should run and do not, with their exit codes where known."""
        gone = {name: child.exit_code for name, child in self.children.items() if not child.running}
        others = {name: None for name, part in self.parts.items() if name not in gone and not part.running}
        return gone | others

    def command(self, service: str, *words: str, process: str | None = None, seconds: float = 60) -> str:
        """Run one command of a service to its end, such as `saved`; what it wrote. Raises ChildFailed."""
        command = self._command(service, words, process)
        command.launch()
        _finish(command, seconds)
        return command.written()

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.own_kafka:
            self.own_kafka.prepare()
            self.own_kafka.child.launch()  # starts while the databases are made
        with self._step("databases", "tables made"):
            self._each(self._command(service, ["migrate"]) for service in STATEFUL)
        with self._step("people, cards", "imported"):
            self._import()
        with self._step("Kafka", self.surroundings.kafka):
            if self.own_kafka:
                self.own_kafka.child.wait_ready(60)
        with self._step("topics", "created"):
            create_now(self.surroundings.kafka)
        with self._step("reader", "pcscd with a virtual reader"):
            self.pcsc.start()
        for child in self.children.values():
            child.launch()
        for name, child in self.children.items():
            with self._step(name, self.addresses.of(name)):
                child.wait_ready(90)
        with self._step("agent", "attached"):
            self.agent.start()

    @contextmanager
    def _step(self, name: str, outcome: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._say(f"  {name:<14} {outcome:<30} {time.monotonic() - began:5.1f} s")

    def _import(self) -> None:
        files = dict(zip(("identity", "card_gateway"), self.data.write(self.folder / "import"), strict=True))
        try:
            self._each(self._command(service, ["import", str(path)]) for service, path in files.items())
        finally:
            for path in files.values():
                path.unlink()  # the one of the cards holds their PUKs

    def _service(self, name: str) -> Child:
        package, command = SERVICES[name]
        return Child(
            name,
            [sys.executable, "-m", f"services.{package}", command],
            self.folder / "logs" / f"{name}.log",
            env=self._environment(name),
            ready_line=READY,
            folder=self.folder,
        )

    def _command(self, service: str, words: Sequence[str], process: str | None = None) -> Child:
        process = process or next(name for name, (package, _) in SERVICES.items() if package == service)
        return Child(
            f"{service} {words[0]}",
            [sys.executable, "-m", f"services.{service}", *words],
            self.folder / "logs" / f"{service}-{words[0]}.log",
            env=self._environment(process),
            folder=self.folder,
        )

    def _environment(self, process: str) -> dict[str, str]:
        return self.surroundings.of(process) | dict(self._overrides.get(process, {}))

    def _mailbox(self) -> Child:
        ports = self.addresses.ports
        return Child(
            "mailbox",
            [sys.executable, "-m", "deploy.local.mailbox", "--folder", str(self.folder / "mails"),
             "--smtp-port", str(ports["smtp"]), "--http-port", str(ports["mailbox"])],
            self.folder / "logs" / "mailbox.log",
            ready_line="Uvicorn running",
        )  # fmt: skip

    @staticmethod
    def _each(commands: Iterable[Child]) -> None:
        """Run them side by side."""
        running = list(commands)
        for command in running:
            command.launch()
        for command in running:
            _finish(command, 60)


def _finish(command: Child, seconds: float) -> None:
    if command.wait(seconds) != 0:
        raise ChildFailed(f"{command.name} ended with {command.exit_code}\n{command.tail()}")
