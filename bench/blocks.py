"""A subject and its floor in interleaved blocks: the median of ratios, and how calm the machine was."""

import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CALM = (0.95, 1.05)
"""Within which the subject's own blocks must lie to one another; else the machine was too noisy to judge."""

Block = Callable[[int], Awaitable[None]]
"""Does something so many times."""


@dataclass
class Measured:
    """The blocks of one kind: times a second, and milliseconds of this process's CPU for each."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def interleaved(kinds: Mapping[str, Block], order: str, times: int) -> dict[str, Measured]:
    """Run each kind once unmeasured, then all blocks in `order`; return what each took."""
    for block in kinds.values():
        await block(times // 4)
    found = {name: Measured() for name in kinds}
    for name in order:
        began, cpu = time.monotonic(), time.process_time()
        await kinds[name](times)
        found[name].rates.append(times / (time.monotonic() - began))
        found[name].cpu.append((time.process_time() - cpu) * 1000 / times)
    return found


def print_table(
    found: Mapping[str, Measured], names: Mapping[str, str], pairs: Sequence[tuple[str, str]], what: str
) -> None:
    """Print rates and CPU, and of each pair how the first stands to the second."""
    load = os.getloadavg()[0]
    print(f"{what:44}{'median':>9}{'least':>9}{'most':>9}{'CPU-ms':>9}   load average {load:.1f}")
    for name, measured in found.items():
        noisy = "" if _is_calm(measured.rates) else "   NOISY: its own blocks differ"
        _line(names[name], measured.rates, "9.0f", f"{statistics.median(measured.cpu):>9.2f}{noisy}")
    for above, below in pairs:
        ratios = _ratios(found[above].rates, found[below].rates)
        cpu = statistics.median(_ratios(found[above].cpu, found[below].cpu))
        _line(f"{above} / {below}", ratios, "9.2f", f"{cpu:>9.2f}")


def _ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=True)]


def _is_calm(rates: Sequence[float]) -> bool:
    """Tell whether one kind's own blocks lie near one another."""
    control = [a / b for a, b in zip(rates[::2], rates[1::2], strict=False)]
    return CALM[0] <= statistics.median(control) <= CALM[1]


def _line(name: str, values: list[float], form: str, rest: str) -> None:
    shown = "".join(f"{value:>{form}}" for value in (statistics.median(values), min(values), max(values)))
    print(f"{name:44}{shown}{rest}")
