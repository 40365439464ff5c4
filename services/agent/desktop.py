"""The program's place on a desktop: it starts with it, and `smartcard-unlock:` links start it.

Linux by the XDG specifications, for one account, without an administrator. What Windows and macOS need is
written out as text and was not tried there. Whoever sends a link chooses its text: it is one argument, never
an option, and nothing is read from it (`addresses.LINK`).
"""

import plistlib
import re
from collections.abc import Callable
from pathlib import Path

PROGRAM = "smartcard-unlock-agent"
SCHEME = "smartcard-unlock"
_ENTRY = f"{PROGRAM}.desktop"
_HANDLER = f"x-scheme-handler/{SCHEME}"
_NAME, _COMMENT = "Smartcard unlock", "Unlocks your smartcard together with a page in your browser"

WINDOWS_PATH = r"C:\Program Files\Smartcard unlock\smartcard-unlock-agent.exe"
MACOS_PATH = "/Applications/Smartcard unlock.app/Contents/MacOS/smartcard-unlock-agent"


def install(program: Path, data_home: Path, config_home: Path, *, terminal: bool) -> list[Path]:
    """Write what is missing or differs; return it. `terminal`: it runs in one. Raises OSError."""
    defaults = config_home / "mimeapps.list"
    wanted = {
        data_home / "applications" / _ENTRY: _entry(program, link=True, terminal=terminal),
        config_home / "autostart" / _ENTRY: _entry(program, link=False, terminal=terminal),
        defaults: _with_handler(_read(defaults)),
    }
    return [path for path, text in wanted.items() if _write(path, text)]


def uninstall(data_home: Path, config_home: Path) -> list[Path]:
    """Remove what `install` wrote; return what was there. Raises OSError."""
    entries = [data_home / "applications" / _ENTRY, config_home / "autostart" / _ENTRY]
    gone = [path for path in entries if path.exists()]
    for path in gone:
        path.unlink()
    defaults = config_home / "mimeapps.list"
    if defaults.exists() and _write(defaults, _without_handler(_read(defaults))):
        gone.append(defaults)
    return gone


def _entry(program: Path, *, link: bool, terminal: bool) -> str:
    """Return a desktop entry. Source: Desktop Entry Specification 1.5."""
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        f"Name={_NAME}",
        f"Comment={_COMMENT}",
        f"Exec={_quoted(str(program))} run{' %u' if link else ''}",
        f"Terminal={'true' if terminal else 'false'}",
        "StartupNotify=false",
        "Categories=Utility;Security;",
    ]
    if link:
        lines.append(f"MimeType={_HANDLER};")
    return "\n".join(lines) + "\n"


def _quoted(argument: str) -> str:
    r"""Return an argument of Exec: `"`, a backtick, `$` and `\` escaped, then `\` again as in any string."""
    inner = re.sub(r'(["`$\\])', r"\\\1", argument).replace("%", "%%")
    return '"' + inner.replace("\\", "\\\\") + '"'


def _with_handler(text: str) -> str:
    """Return mimeapps.list with us as the handler of the scheme; all else stays as it is."""
    line = f"{_HANDLER}={_ENTRY}"
    if line in text.splitlines():
        return text
    lines = _without_handler(text).splitlines()
    if "[Default Applications]" not in lines:
        lines.append("[Default Applications]")
    lines.insert(lines.index("[Default Applications]") + 1, line)
    return "\n".join(lines) + "\n"


def _without_handler(text: str) -> str:
    kept = [line for line in text.splitlines() if not line.startswith(f"{_HANDLER}=")]
    return "".join(line + "\n" for line in kept)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> bool:
    """Write whole or not at all; False where it says so already."""
    if path.exists() and _read(path) == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return True


def for_windows() -> str:
    """Return a .reg file for one account.

    Source: Microsoft, "Registering an Application to a URI Scheme".
    """
    program = WINDOWS_PATH.replace("\\", "\\\\")
    classes = rf"HKEY_CURRENT_USER\Software\Classes\{SCHEME}"
    return "\r\n".join((
        "Windows Registry Editor Version 5.00",
        "",
        f"[{classes}]",
        f'@="URL:{_NAME}"',
        '"URL Protocol"=""',
        "",
        rf"[{classes}\shell\open\command]",
        rf'@="\"{program}\" run \"%1\""',
        "",
        r"[HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run]",
        rf'"{_NAME}"="\"{program}\" run"',
        "",
    ))  # fmt: skip


def for_macos() -> str:
    """Return the Info.plist of an application bundle.

    A link comes to it as an Apple Event, which nothing of ours reads: it is enough that the program starts.
    """
    return plistlib.dumps({
        "CFBundleIdentifier": "org.example.smartcard-unlock",
        "CFBundleName": _NAME,
        "CFBundleExecutable": Path(MACOS_PATH).name,
        "CFBundlePackageType": "APPL",
        "LSMinimumSystemVersion": "12.0",
        "CFBundleURLTypes": [{"CFBundleURLName": _NAME, "CFBundleURLSchemes": [SCHEME]}],
    }).decode()  # fmt: skip


OTHER_SYSTEMS: dict[str, Callable[[], str]] = {"windows": for_windows, "macos": for_macos}
