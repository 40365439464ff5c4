"""`vault …` of the command line: what they print. None can print a secret: none is given one."""

import sys
from pathlib import Path

from services.card_gateway import hsm
from services.card_gateway.hsm import TokenAddress
from services.card_gateway.key_uses import Uses, key_uses, missing, rewrap
from services.card_gateway.master_keys import KEY_LENGTH, write_key
from services.card_gateway.vault import MasterVault
from services.runtime.database import Database
from services.runtime.progress import Progress
from services.runtime.randomness import Randomness


def make_key(kid: str, token: TokenAddress | None, folder: Path | None, randomness: Randomness) -> None:
    """Make a master key where the settings say. Raises BadKeys, OSError."""
    if token is not None:
        hsm.new_key(token, kid)
        print(f"{kid}: made in {token}")
    elif folder is not None:
        print(f"{kid}: made in {write_key(folder, kid, randomness.token(KEY_LENGTH))}")


async def tell_keys(database: Database, vault: MasterVault) -> int:
    """Print a line for each master key, and what it is still needed for; 1 where one is missing."""
    uses = await key_uses(database)
    print(f"{'kid':<24} {'':<8} {'cards':>9} {'imports':>9} {'open rows':>9}")
    for kid in sorted({*vault.kids, *uses}):
        used = uses.get(kid, Uses())
        print(f"{kid:<24} {_standing(kid, vault):<8} {used.cards:>9} {used.imports:>9} {used.open_rows:>9}")
    for kid in vault.kids[1:]:
        if kid not in uses:
            print(f"{kid}: nothing uses it any more; it may be removed, but for backups from before")
    return 1 if missing(uses, vault.kids) else 0


def _standing(kid: str, vault: MasterVault) -> str:
    if kid == vault.newest_kid:
        return "newest"
    return "there" if kid in vault.kids else "MISSING"


async def move_imports(database: Database, vault: MasterVault) -> int:
    """Seal imported values under the newest key; 1 where one does not open."""
    before = await key_uses(database)
    total = sum(used.imports for kid, used in before.items() if kid != vault.newest_kid)
    bar = Progress(sys.stderr, total)
    run = await rewrap(database, vault, lambda done: bar.at(done, done))
    bar.clear()
    for card_ref in run.damaged:
        print(f"card {card_ref}: its imported value does not open", file=sys.stderr)
    print(f"moved to {vault.newest_kid}: {run.moved}; do not open: {len(run.damaged)}")
    for kid, used in (await key_uses(database)).items():
        if kid != vault.newest_kid and used.cards:
            print(f"{kid}: {used.cards} cards leave it when they are next unlocked")
    return 1 if run.damaged else 0
