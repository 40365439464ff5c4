"""card_gateway's commands: what they say, what they leave, how they end."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.keys import Keys
from tests.fixtures.in_place import run_in_place
from tests.fixtures.softhsm import PIN, SoftHsm, soft_hsm
from tests.ports.card_gateway.world import card_in_reader

Ran = subprocess.CompletedProcess[str]


class Gateway:
    """`python -m services.card_gateway`, and the environment it gets."""

    def __init__(self, keys: Keys, database: Path) -> None:
        self.environment = {
            **keys.tls("card_gateway"),
            "CARD_GATEWAY_DATABASE_URL": f"sqlite+aiosqlite:///{database}",
            "CARD_MASTER_KEY_DIR": str(keys.card_master_dir),
            "CARD_MASTER_KID": "k1",
            "GATEWAY_NAME": "gateway-of-a-test",
            "WEB_ORIGIN": "http://127.0.0.1:1",
            "GRANT_SIGNING_KEY_FILE": str(keys.signing("card_gateway")),
            "GRANT_VERIFY_KEYS_DIR": str(keys.verify_dir),
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        }

    def run(self, *command: str, **changes: str) -> Ran:
        """Run one command to its end; an empty change takes the variable away."""
        env = {name: value for name, value in (os.environ | self.environment | changes).items() if value}
        if "serve" not in command and not any("PKCS11" in name for name in env):
            return run_in_place("services.card_gateway", *command, env=env)
        return subprocess.run(
            [sys.executable, "-m", "services.card_gateway", *command],
            env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture
def gateway(keys: Keys, tmp_path: Path, migrated_gateway: Path) -> Gateway:
    shutil.copy(migrated_gateway, tmp_path / "gateway.db")
    return Gateway(keys, tmp_path / "gateway.db")


@pytest.fixture
def soft(tmp_path: Path) -> Iterator[SoftHsm]:
    with soft_hsm(tmp_path / "hsm") as made:
        yield made


def one_line(ran: Ran, code: int = 2) -> str:
    assert ran.returncode == code, ran.stderr
    assert ran.stderr.count("\n") == 1, ran.stderr
    return ran.stderr


def test_a_new_key_is_a_file_of_32_bytes_for_its_owner_alone_and_is_never_overwritten(
    gateway: Gateway, tmp_path: Path
) -> None:
    folder = tmp_path / "master"
    folder.mkdir()
    made = gateway.run("vault", "new-key", "k7", CARD_MASTER_KEY_DIR=str(folder))
    key = folder / "k7.key"
    value = key.read_bytes()
    again = gateway.run("vault", "new-key", "k7", CARD_MASTER_KEY_DIR=str(folder))

    assert (made.returncode, len(value), stat.S_IMODE(key.stat().st_mode)) == (0, 32, 0o600)
    assert "never overwritten" in one_line(again)
    assert key.read_bytes() == value
    assert [path.name for path in folder.iterdir()] == ["k7.key"]


@pytest.mark.parametrize("kid", ["../k7", "k 7", ".k7", "k" * 65, ""])
def test_a_name_that_is_no_files_stem_and_no_label_is_refused(gateway: Gateway, kid: str) -> None:
    assert "1 to 64 letters" in one_line(gateway.run("vault", "new-key", kid))


def test_a_new_key_in_an_hsm_is_what_the_gateway_starts_with(gateway: Gateway, soft: SoftHsm) -> None:
    hsm = {"CARD_MASTER_KEY_DIR": ""} | soft.settings
    missing = gateway.run("check-config", **hsm)
    made = gateway.run("vault", "new-key", "k1", **hsm)
    again = gateway.run("vault", "new-key", "k1", **hsm)

    assert "no key labelled 'k1' in token 'vault'" in one_line(missing)
    assert made.returncode == 0, made.stderr
    assert "never overwritten" in one_line(again)
    assert gateway.run("check-config", **hsm).returncode == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"CARD_MASTER_PKCS11_MODULE": "/none.so"}, "/none.so: no PKCS#11 module"),
        ({"CARD_MASTER_PKCS11_TOKEN_LABEL": "other"}, "there is no token 'other'"),
        ({"CARD_MASTER_PKCS11_PIN_FILE": "{wrong}"}, "is not that of token 'vault'"),
        ({"CARD_MASTER_PKCS11_PIN_FILE": "/none"}, "CARD_MASTER_PKCS11_PIN_FILE: no such file"),
        ({"CARD_MASTER_PKCS11_PIN_FILE": ""}, "CARD_MASTER_KEY_DIR, or all of"),
        ({"CARD_MASTER_KEY_DIR": "{folder}"}, "CARD_MASTER_KEY_DIR, or all of"),
    ],
)
def test_what_is_wrong_with_an_hsm_is_one_clear_line(
    gateway: Gateway, soft: SoftHsm, tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("99182736")
    changed = {name: value.format(wrong=wrong, folder=tmp_path) for name, value in changes.items()}
    line = one_line(gateway.run("check-config", **({"CARD_MASTER_KEY_DIR": ""} | soft.settings | changed)))

    assert told in line
    assert PIN not in line
    assert "99182736" not in line


@pytest.mark.parametrize("command", ["serve", "check-config"])
def test_a_master_key_file_that_is_wrong_is_one_clear_line_at_start(
    gateway: Gateway, tmp_path: Path, command: str
) -> None:
    (tmp_path / "k1.key").write_bytes(bytes(31))
    short = gateway.run(command, CARD_MASTER_KEY_DIR=str(tmp_path))

    assert "'k1' has 31 bytes and not 32" in one_line(short)
    assert "'k2', named as the newest" in one_line(gateway.run(command, CARD_MASTER_KID="k2"))


def test_a_database_that_cannot_be_asked_is_told(gateway: Gateway, tmp_path: Path) -> None:
    empty = f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"

    assert "does not say which keys it needs" in one_line(
        gateway.run("check-config", CARD_GATEWAY_DATABASE_URL=empty)
    )


@pytest.mark.parametrize(
    "changes",
    [{"CARD_MASTER_KID": ""}, {"CARD_MASTER_KID_FILE": "{newest}"}, {"CARD_MASTER_KID_FILE": "/none"}],
)
def test_one_setting_names_the_newest_key(gateway: Gateway, keys: Keys, changes: dict[str, str]) -> None:
    changed = {name: value.format(newest=keys.card_master_newest) for name, value in changes.items()}

    assert "CARD_MASTER_KID" in one_line(gateway.run("check-config", **changed))


def test_an_old_key_is_shown_with_what_needs_it_until_nothing_does_and_may_not_go_before(
    gateway: Gateway, tmp_path: Path
) -> None:
    folder = tmp_path / "master"
    folder.mkdir()
    mine = {"CARD_MASTER_KEY_DIR": str(folder), "CARD_MASTER_KID": ""}
    mine["CARD_MASTER_KID_FILE"] = str(folder / "newest")
    (folder / "newest").write_text("k1\n")
    gateway.run("vault", "new-key", "k1", **mine)
    _, line = card_in_reader()
    (tmp_path / "cards.jsonl").write_text(json.dumps(line))
    assert gateway.run("import", str(tmp_path / "cards.jsonl"), **mine).returncode == 0
    gateway.run("vault", "new-key", "k2", **mine)
    (folder / "newest").write_text("k2\n")

    both = gateway.run("vault", "keys", **mine)
    (folder / "k1.key").rename(tmp_path / "safe")
    refused, missing = gateway.run("check-config", **mine), gateway.run("vault", "keys", **mine)
    (tmp_path / "safe").rename(folder / "k1.key")
    moved = gateway.run("vault", "rewrap", **mine)
    after = gateway.run("vault", "keys", **mine)
    (folder / "k1.key").unlink()

    assert [row.split() for row in both.stdout.splitlines()[1:]] == [
        ["k1", "there", "0", "1", "0"],
        ["k2", "newest", "0", "0", "0"],
    ]
    assert one_line(refused).startswith("master key 'k1' is missing: 0 cards, 1 imported values")
    assert (missing.returncode, "MISSING" in missing.stdout) == (1, True)
    assert (moved.returncode, moved.stdout) == (0, "moved to k2: 1; do not open: 0\n")
    assert "k1: nothing uses it any more" in after.stdout
    assert gateway.run("check-config", **mine).returncode == 0


def test_F22_a_gateway_that_runs_takes_a_new_key_without_a_restart(
    gateway: Gateway, keys: Keys, tmp_path: Path
) -> None:
    folder, log = tmp_path / "master", tmp_path / "log"
    shutil.copytree(keys.card_master_dir, folder)
    mine = {"CARD_MASTER_KEY_DIR": str(folder), "CARD_MASTER_KID": ""}
    mine["CARD_MASTER_KID_FILE"] = str(folder / "newest")
    environment = os.environ | gateway.environment | mine
    environment = {name: value for name, value in environment.items() if value}
    serve = [sys.executable, "-m", "services.card_gateway", "serve"]
    with log.open("wb") as written, subprocess.Popen(serve, env=environment, stderr=written) as process:
        try:
            wait_for(log, '"event": "ready"')
            assert gateway.run("vault", "new-key", "k2", **mine).returncode == 0
            (folder / "newest").write_text("k2\n")
            wait_for(log, '"event": "master_keys_changed"')
            (folder / "newest").write_text("k3\n")
            wait_for(log, '"event": "master_keys_refused"')
        finally:
            process.terminate()

    assert process.returncode == 0
    assert "'k3', named as the newest, is not there" in log.read_text()


def wait_for(log: Path, line: str) -> None:
    deadline = time.monotonic() + 60
    while line not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def test_a_process_with_key_files_never_loads_the_hsm_library(gateway: Gateway) -> None:
    look = "import services.card_gateway.__main__, sys; print('pkcs11' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert ran.stdout == "False\n"
