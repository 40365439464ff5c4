"""How a process starts, says that it is ready, and stops without losing what is under way."""

import argparse
import asyncio
import inspect
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from services.runtime import logs

DRAIN_SECONDS = 25.0
"""Less than the 30 s that Kubernetes waits before it kills. Source: quality F29."""

Task = Callable[[], Awaitable[None]]
Command = Callable[[argparse.Namespace], Awaitable[int] | int]

log = logs.logger("process")


class Listener(Protocol):
    """Something that serves: a gRPC server, or the web's HTTP server."""

    @property
    def port(self) -> int:
        """The port it listens on, once it has started."""
        ...

    async def start(self) -> None:
        """Begin to serve; return when it listens."""
        ...

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new work, let what is under way end, at most for `grace_seconds`."""
        ...


async def serve(servers: Sequence[Listener], tasks: Sequence[Task] = (), closers: Sequence[Task] = ()) -> int:
    """Serve and run background tasks until SIGTERM or SIGINT; return the exit status.

    Tasks are meant to run for ever: one that ends, ends the process with 1, so that whatever
    watches it starts it anew.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = [asyncio.create_task(_awaited_task(task), name=_name_of(task)) for task in tasks]
    try:
        for server in servers:
            await server.start()
        log.info("ready", ports=[server.port for server in servers])
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *running], return_when=asyncio.FIRST_COMPLETED)
        return 0 if stop.is_set() else _tell_what_ended(running)
    finally:
        await asyncio.gather(*(server.stop(DRAIN_SECONDS) for server in servers))
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for close in closers:
            with suppress(Exception):
                await close()
        log.info("stopped")


async def _awaited_task(task: Task) -> None:
    await task()


def _name_of(task: Task) -> str:
    """Return the function's own name, such as `OutboxRelay.run`."""
    function = task.func if isinstance(task, partial) else task
    return str(getattr(function, "__qualname__", type(function).__name__))


def _tell_what_ended(running: Sequence[asyncio.Task[None]]) -> int:
    for task in running:
        if task.done():
            error = task.exception()
            how = type(error).__name__ if error else "returned"
            log.error("task_ended", task=task.get_name(), error=how)
    return 1


def main(
    process: str,
    commands: Mapping[str, Command],
    arguments: Mapping[str, Sequence[str]] | None = None,
    unanswered: Callable[[Exception], str] = lambda _: "",
) -> None:
    """Run one command of a process: `python -m services.<process> <command> [argument …]`.

    A command of two words belongs to a group: `vault keys`. `arguments` names what a command takes: `file`
    must be given, `--dry-run` may be, and `--report FILE` may be with a value. Core files are off, since
    memory holds secrets. `unanswered`: who did not answer a command, in words; then it ends with 2.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    options = _parser(process, commands, arguments or {}).parse_args()
    logs.configure(process)
    try:
        outcome = commands[options.command](options)
        if inspect.isawaitable(outcome):
            outcome = asyncio.run(_awaited(outcome))
    except Exception as error:
        if not (words := unanswered(error)):
            raise
        print(words, file=sys.stderr)
        outcome = 2
    raise SystemExit(outcome)


def _parser(
    process: str, commands: Mapping[str, Command], arguments: Mapping[str, Sequence[str]]
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m services.{process}")
    chosen = parser.add_subparsers(metavar="command", required=True)
    groups: dict[str, Any] = {"": chosen}
    for name, command in commands.items():
        group, _, word = name.rpartition(" ")
        if group not in groups:
            below = chosen.add_parser(group, help=f"{group} …")
            groups[group] = below.add_subparsers(metavar="command", required=True)
        sub = groups[group].add_parser(word, help=(inspect.getdoc(command) or "").partition("\n")[0])
        sub.set_defaults(command=name)
        for argument in arguments.get(name, ()):
            flag, _, value = argument.partition(" ")
            if value:
                sub.add_argument(flag, metavar=value)
            else:
                sub.add_argument(flag, **({"action": "store_true"} if flag.startswith("-") else {}))
    return parser


async def _awaited(outcome: Awaitable[int]) -> int:
    return await outcome
