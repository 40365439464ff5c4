"""Take from a hash-locked requirements file the packages that a list names; runs inside the image's build.

`python locked.py LOCK LIST RESULT`. Standard library only: nothing is installed yet.
"""

import re
import sys
from pathlib import Path


def entries(lock: str) -> dict[str, str]:
    """Each package's lines in the lock, by name."""
    return {entry.partition("==")[0]: entry for entry in re.split(r"\n(?=\S)", lock.strip())}


def chosen(lock: str, names: list[str]) -> str:
    """The lock's lines of these packages. Raises KeyError for a name that the lock does not have."""
    known = entries(lock)
    return "\n".join(known[name] for name in names) + "\n"


if __name__ == "__main__":
    source, wanted, result = (Path(argument) for argument in sys.argv[1:])
    result.write_text(chosen(source.read_text(), wanted.read_text().split()))
