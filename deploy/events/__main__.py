"""Print docs/asyncapi.json or docs/events.md: `python -m deploy.events asyncapi|page`."""

import argparse
import sys

from deploy.events import asyncapi, page


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.events", description=__doc__)
    parser.add_argument("what", choices=("asyncapi", "page"))
    what = parser.parse_args().what
    sys.stdout.write(asyncapi.as_json() if what == "asyncapi" else page.as_markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
