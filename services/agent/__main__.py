"""The workstation agent's commands: `smartcard-unlock-agent`, or `python -m services.agent`."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from services.agent import desktop
from services.agent.addresses import is_link
from services.agent.settings import AgentSettings, config_home, data_home
from services.runtime.settings import load
from services.runtime.version import VERSION

BAD_ARGUMENT = 2
ABOUT = """Unlocks the smartcard in this computer's reader, together with a page in your browser."""
STARTS = """Commands:
  run        start it: shows where the page is, and asks you before anything is changed on your card
  doctor     looks at reader, card, network and settings, and says what is wrong and how to mend it
  install    starts it with your desktop, and lets smartcard-unlock: links of web pages start it
  uninstall  undoes install
  version    prints the version

Settings come from the environment, from ~/.config/smartcard-unlock/agent.env, or from
/etc/smartcard-unlock/agent.env, which IT prepares. Nothing here ever asks for a security code:
that belongs on the page."""


def main() -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args()
    match options.command:
        case "version":
            sys.stdout.write(VERSION + "\n")
            return 0
        case "doctor":
            return _doctor(options.bundle, as_json=options.json)
        case "install":
            return _install(options.print)
        case "uninstall":
            return _told(desktop.uninstall(data_home(), config_home()), "Removed")
    if not is_link(options.link):
        sys.stderr.write("not a smartcard-unlock: link\n")
        return BAD_ARGUMENT
    return _run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="smartcard-unlock-agent",
        description=ABOUT,
        epilog=STARTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", help="see below")
    run = commands.add_parser("run", description="Offer this computer's reader to the unlock page.")
    run.add_argument("link", nargs="?", default="smartcard-unlock:", help="what a web link gives; not read")
    doctor = commands.add_parser(
        "doctor",
        description="Look at this computer. Asks for no passcode and spends no try of the card."
        " Ends within 45 seconds: with 0 if there is nothing to mend, else with 1.",
    )
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.add_argument(
        "--bundle", type=Path, metavar="FILE.zip", help="also write a file for IT; it holds no secret"
    )
    install = commands.add_parser(
        "install",
        description="Start the program with your desktop, and let smartcard-unlock: links start it."
        " For your account only; running it again changes nothing.",
    )
    install.add_argument(
        "--print",
        choices=sorted(desktop.OTHER_SYSTEMS),
        help="print what another system needs instead; not tried there",
    )
    commands.add_parser("uninstall", description="Undo install.")
    commands.add_parser("version", description="Print the version.")
    return parser


def _install(other_system: str | None) -> int:
    if other_system is not None:
        sys.stdout.write(desktop.OTHER_SYSTEMS[other_system]())
        return 0
    if not sys.platform.startswith("linux"):
        sys.stderr.write("On this system use: install --print windows, or install --print macos\n")
        return BAD_ARGUMENT
    command = Path(sys.executable).with_name(desktop.PROGRAM)
    if not command.exists():
        sys.stderr.write(f"{command} is not there: install the program with pip first\n")
        return BAD_ARGUMENT
    terminal = find_spec("tkinter") is None  # without it there is no window of our own
    return _told(desktop.install(command, data_home(), config_home(), terminal=terminal), "Written")


def _told(files: list[Path], what: str) -> int:
    for file in files:
        sys.stdout.write(f"{what}: {file}\n")
    if not files:
        sys.stdout.write("Nothing to change.\n")
    return 0


def _run() -> int:
    # The reader library may be missing; `doctor` must still start and say so.
    from services.agent.running import run

    return run(load(AgentSettings))


def _doctor(bundle: Path | None, *, as_json: bool) -> int:
    from services.agent.doctor.command import doctor

    return doctor(bundle, as_json=as_json)


if __name__ == "__main__":
    sys.exit(main())
