"""A subject and its floor in interleaved blocks: the median of ratios, and how calm the machine was."""

import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

CALM = (0.95, 1.05)
"""Within which the subject's own blocks must lie to one another; else the machine was too noisy to judge."""

Block = Callable[[int], Awaitable[None]]
"""Does something so many times."""


@dataclass
class Measured:
    """The blocks of one kind: times a second, and milliseconds of this process's CPU for each."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


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


def print_table(found: Mapping[str, Measured], names: Mapping[str, str], floor: str, what: str) -> None:
    """Print rates, CPU and the ratios to the floor's blocks."""
    load = os.getloadavg()[0]
    print(f"{what:44}{'median':>9}{'least':>9}{'most':>9}{'CPU-ms':>9}   load average {load:.1f}")
    for name, measured in found.items():
        _line(names[name], measured.rates, "9.0f", f"{statistics.median(measured.cpu):>9.2f}")
    for name, measured in found.items():
        if name == floor:
            continue
        ratios = [a / b for a, b in zip(measured.rates, found[floor].rates, strict=True)]
        control = [a / b for a, b in zip(measured.rates[::2], measured.rates[1::2], strict=False)]
        middle = statistics.median(control)
        noisy = "" if CALM[0] <= middle <= CALM[1] else f"   NOISY: its own blocks differ by {middle:.2f}"
        _line(f"{name} / {floor}", ratios, "9.2f", noisy)


def _line(name: str, values: list[float], form: str, rest: str) -> None:
    shown = "".join(f"{value:>{form}}" for value in (statistics.median(values), min(values), max(values)))
    print(f"{name:44}{shown}{rest}")
