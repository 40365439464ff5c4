"""What a virtual card keeps without power, its parameters, and its file.

The file holds PIN, PUK and private keys as the chip of a real card does: mode 0600, never in git.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LENGTH = 8
"""Bytes of a PIN and a PUK, padded with FF. NIST SP 800-73pt2-5, 2.4.3."""


@dataclass(frozen=True)
class Parameters:
    """In what cards differ. Defaults are PivApplet's."""

    pin_tries: int = 5
    puk_tries: int = 3
    last_wrong: int = 0x63C0
    """Answer to the wrong try that empties a counter: 63C0, or 6983 at once."""
    not_selected: int = 0x6986
    frame: int = 255
    """Bytes of one answer frame: 255 or 256."""
    keeps_rest: bool = True
    """Unread data of a long answer survives other commands."""
    metadata: bool = True
    """GET METADATA, version and serial number are answered; else 6D00."""
    change_puk: int = 0x9000
    """Answer to CHANGE REFERENCE DATA of the PUK: 9000 does it; 6982 or 6D00 refuse by policy."""
    pin_digits_only: bool = True
    pin_history: int = 0
    """How many earlier PINs are refused with 6A80."""
    only_when_blocked: bool = False
    """RESET RETRY COUNTER answers 6985 while the PIN is not blocked."""
    admin_tries: int = 0
    """GIDS: wrong responses of the admin key before it is blocked; 0 counts none, as GidsApplet."""
    quirk67: bool = False
    """After a good RESET RETRY COUNTER any PUK is taken until the next reset of the card."""


@dataclass(repr=False)
class Eeprom:
    """Survives power. `repr` shows nothing."""

    guid: bytes
    pin: bytes
    """PIV: padded with FF; GIDS: as it is typed."""
    puk: bytes
    """PIV; a GIDS card has none."""
    pin_left: int
    puk_left: int
    parameters: Parameters = field(default_factory=Parameters)
    puk_is_default: bool = False
    objects: dict[str, bytes] = field(default_factory=dict)
    """Data objects by tag in hex, as GET DATA gives them."""
    keys: dict[str, bytes] = field(default_factory=dict)
    """Private keys by reference in hex, PKCS #8 DER."""
    earlier_pins: list[bytes] = field(default_factory=list)
    wrong_pin_tries: int = 0
    """How many wrong PINs this card was ever given; likewise of PUKs."""
    wrong_puk_tries: int = 0
    kind: str = "PIV"
    admin_key: bytes = b""
    """GIDS: 24 bytes, 3DES."""
    admin_left: int = 0
    wrong_admin_tries: int = 0
    log: list[tuple[int, int, int]] = field(default_factory=list)
    """Every command that carried a secret, as (INS, P2, SW)."""

    def save(self, path: Path) -> None:
        """Write the card's file in one go; a killed writer leaves the old one."""
        beside = path.with_suffix(".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(_to_json(asdict(self)), file)
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Eeprom":
        """Read a card's file. Raises OSError, ValueError."""
        fields = json.loads(path.read_text())
        fields["parameters"] = Parameters(**fields["parameters"])
        for name in ("guid", "pin", "puk", "admin_key"):
            fields[name] = bytes.fromhex(fields[name])
        for name in ("objects", "keys"):
            fields[name] = {key: bytes.fromhex(value) for key, value in fields[name].items()}
        fields["earlier_pins"] = [bytes.fromhex(value) for value in fields["earlier_pins"]]
        fields["log"] = [(ins, p2, sw) for ins, p2, sw in fields["log"]]
        return cls(**fields)


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _to_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_to_json(inner) for inner in value]
    return value
