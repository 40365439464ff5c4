"""Every page in each of its states, at 320 and 1280 px, in one folder: `make screenshots`.

The pictures are those of `test_every_page.py` and its like, which also judge what they draw: a state that
fails there has its pictures all the same. `index.html` shows them side by side.
"""

import os
import subprocess
import sys
from html import escape
from pathlib import Path

WORKERS = 2
STYLE = "body{font:16px sans-serif;margin:2em}img{border:1px solid #aaa;vertical-align:top;margin-right:1em}"


def draw(folder: Path) -> int:
    """Take the pictures anew; the exit status of the tests that took them."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    pages = sorted(str(path) for path in Path(__file__).parent.glob("test_every_*page.py"))
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(WORKERS), *pages]
    environment = {**os.environ, "WEB_SCREENSHOTS": str(folder.resolve())}
    return subprocess.run(command, env=environment, check=False).returncode


def index(folder: Path) -> str:
    """A page with every state: narrow beside wide."""
    names = sorted({picture.stem.rpartition("-")[0] for picture in folder.glob("*.png")})
    states = [
        f'<h2 id="{escape(name)}">{escape(name)}</h2>'
        f'<img src="{escape(name)}-320.png" width="320" alt="320 px wide" loading="lazy">'
        f'<img src="{escape(name)}-1280.png" width="960" alt="1280 px wide" loading="lazy">'
        for name in names
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Every page</title><style>{STYLE}'
    return "\n".join([f"{head}</style>", f"<h1>{len(names)} states</h1>", *states, "</html>\n"])


def main() -> int:
    folder = Path(sys.argv[1])
    status = draw(folder)
    (folder / "index.html").write_text(index(folder))
    print(f"{len(list(folder.glob('*.png')))} pictures: {folder / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
