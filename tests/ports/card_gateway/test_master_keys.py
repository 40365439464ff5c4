"""One suite for `KeyProvider`, on files and on an HSM (SoftHSM2) with the same keys; the vault on both."""

import hashlib
import hmac
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.keys import Keys
from services.card_gateway import hsm as hsms
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.hsm import HsmKeyProvider
from services.card_gateway.master_keys import BadKeys, FileKeyProvider, KeyProvider, KeysAway
from services.card_gateway.ports import Authorisation, CardProof, NotReleased
from services.card_gateway.use_cases.orders import Order
from services.card_gateway.vault import MasterVault
from tests.fakes.clock import NOON
from tests.fakes.randomness import SeededRandomness
from tests.fixtures.softhsm import MODULE, SoftHsm, forget, soft_hsm
from tests.ports.card_gateway.world import NEW_PINS, World, authorised, card_in_reader, memory_world, padded

K1, K2 = bytes(range(32)), bytes(range(32, 64))
CARD_AND_VERSION = bytes(16) + (7).to_bytes(4, "big")


@pytest.fixture
def soft(tmp_path: Path) -> Iterator[SoftHsm]:
    with soft_hsm(tmp_path / "hsm") as made:
        made.put_key("k1", K1)
        made.put_key("k2", K2)
        yield made


@pytest.fixture(params=["files", "hsm"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> KeyProvider:
    if request.param == "hsm":
        return HsmKeyProvider(request.getfixturevalue("soft").address, "k2")
    for kid, key in (("k1", K1), ("k2", K2)):
        (tmp_path / f"{kid}.key").write_bytes(key)
    return FileKeyProvider.from_dir(tmp_path, "k2")


# --- the contract ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kid", "key"), [("k1", K1), ("k2", K2)])
@pytest.mark.parametrize("message", [b"", b"x", CARD_AND_VERSION, bytes(4096)], ids=len)
def test_a_mac_is_hmac_sha_256_under_the_named_key(
    provider: KeyProvider, kid: str, key: bytes, message: bytes
) -> None:
    assert provider.mac(kid, message) == hmac.digest(key, message, hashlib.sha256)


def test_all_keys_are_told_and_which_is_the_newest(provider: KeyProvider) -> None:
    assert provider.kids == {"k1", "k2"}
    assert provider.newest_kid == "k2"


def test_a_key_that_is_not_there_is_a_key_error(provider: KeyProvider) -> None:
    with pytest.raises(KeyError):
        provider.mac("k3", b"x")


def test_keys_that_do_not_exist_are_told_by_name_at_start(soft: SoftHsm, tmp_path: Path) -> None:
    (tmp_path / "k1.key").write_bytes(K1)
    with pytest.raises(BadKeys, match="'k3'"):
        FileKeyProvider.from_dir(tmp_path, "k3")
    with pytest.raises(BadKeys, match="'k3'"):
        HsmKeyProvider(soft.address, "k3")


def test_many_threads_get_the_right_mac_each(provider: KeyProvider) -> None:
    wrong: list[str] = []

    def ask(number: int) -> None:
        for turn in range(40):
            message = f"{number}-{turn}".encode()
            if provider.mac("k1", message) != hmac.digest(K1, message, hashlib.sha256):
                wrong.append(message.decode())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert wrong == []


# --- only the HSM ---------------------------------------------------------------------------------------


def test_a_key_made_by_us_is_fit_and_stays_inside(soft: SoftHsm) -> None:
    hsms.new_key(soft.address, "k3")

    assert len(HsmKeyProvider(soft.address, "k3").mac("k3", b"x")) == 32
    with pytest.raises(BadKeys, match="never overwritten"):
        hsms.new_key(soft.address, "k3")


@pytest.mark.parametrize(
    ("unlike", "told"),
    [
        ({"EXTRACTABLE": True}, "can be extracted"),
        ({"SENSITIVE": False}, "not sensitive"),
        ({"SIGN": False}, "may not sign"),
        ({"VALUE": bytes(16)}, "less than 32 bytes"),
    ],
)
def test_a_key_that_is_unfit_is_refused_and_says_why(
    soft: SoftHsm, unlike: dict[str, object], told: str
) -> None:
    soft.put_key("k3", K1, **unlike)

    with pytest.raises(BadKeys, match=told):
        HsmKeyProvider(soft.address, "k3")
    assert "k3" not in HsmKeyProvider(soft.address, "k1").kids


def test_two_keys_of_one_label_are_refused(soft: SoftHsm) -> None:
    soft.put_key("k1", K2)

    with pytest.raises(BadKeys, match="more than once"):
        HsmKeyProvider(soft.address, "k1")


def test_a_wrong_pin_is_told_once_and_never_shown(soft: SoftHsm, capfd: pytest.CaptureFixture[str]) -> None:
    forget()
    soft.pin_file.write_text("99182736\n")

    with pytest.raises(BadKeys, match="PIN in") as refused:
        HsmKeyProvider(soft.address, "k1")
    assert "99182736" not in str(refused.value) + capfd.readouterr().err
    assert "\n" not in str(refused.value)


def test_no_module_and_no_token_are_told_apart(soft: SoftHsm, tmp_path: Path) -> None:
    with pytest.raises(BadKeys, match="no PKCS#11 module"):
        HsmKeyProvider(hsms.TokenAddress(tmp_path / "none.so", "vault", soft.pin_file), "k1")
    with pytest.raises(BadKeys, match="there is no token 'other'"):
        HsmKeyProvider(hsms.TokenAddress(MODULE, "other", soft.pin_file), "k1")


def test_an_hsm_that_went_away_may_be_asked_again_once_it_is_back(soft: SoftHsm) -> None:
    provider = HsmKeyProvider(soft.address, "k1")
    before = provider.mac("k1", b"x")
    with soft.away():
        for _ in range(2):
            with pytest.raises(KeysAway):
                provider.mac("k1", b"x")

    assert provider.mac("k1", b"x") == before


def test_a_pin_that_was_changed_meanwhile_is_tried_once_and_then_waited_for(soft: SoftHsm) -> None:
    provider = HsmKeyProvider(soft.address, "k1")
    right = soft.pin_file.read_text()
    soft.pin_file.write_text("99182736\n")
    with soft.away(), pytest.raises(KeysAway):
        provider.mac("k1", b"x")
    for _ in range(3):
        with pytest.raises(KeysAway):
            provider.mac("k1", b"x")
    soft.pin_file.write_text(right)

    assert provider.mac("k1", b"x") == hmac.digest(K1, b"x", hashlib.sha256)


def test_a_destroyed_key_is_missing_and_the_others_still_answer(soft: SoftHsm) -> None:
    provider = HsmKeyProvider(soft.address, "k2")
    assert provider.mac("k1", b"x")
    soft.destroy_key("k1")

    with pytest.raises(KeyError):
        provider.mac("k1", b"x")
    assert provider.mac("k2", b"x")


# --- the vault on either --------------------------------------------------------------------------------


def world_on(provider: KeyProvider, world: World) -> World:
    world.vault = MasterVault(provider, world.randomness)
    world.restart()
    return world


async def test_a_whole_reset_with_either_provider_and_the_same_puks(
    provider: KeyProvider, keys: Keys
) -> None:
    async with memory_world(keys) as plain:
        world = world_on(provider, plain)
        reader, line = card_in_reader()
        assert await world.import_line(line) == []
        for pin in NEW_PINS[:2]:
            reader.eeprom.pin_left = 0
            agent, page = await authorised(world, reader)
            await page.reset_pin(pin)
            await agent.work()
            assert await page.state() == ("SUCCESS", "")

        derived = int.from_bytes(
            hmac.digest(K2, bytes.fromhex(line["card_ref"]) + b"\0\0\0\2", "sha256"), "big"
        )
        assert reader.eeprom.pin == padded(NEW_PINS[1])
        assert reader.eeprom.puk == b"%08d" % (derived % 10**8)
        assert (await world.secret()).kid == "k2"


async def test_a_reset_while_the_hsm_is_away_loses_nothing_and_goes_on_when_it_is_back(
    soft: SoftHsm, keys: Keys
) -> None:
    async with memory_world(keys) as plain:
        world = world_on(HsmKeyProvider(soft.address, "k1"), plain)
        reader, line = card_in_reader()
        await world.import_line(line)
        agent, page = await authorised(world, reader)
        await page.reset_pin(NEW_PINS[0])
        proof = await agent.poll()
        assert isinstance(proof, Order)
        with soft.away(), pytest.raises(NotReleased, match="KEYS_AWAY"):
            await agent.do(proof)
        waiting = [row.state.value for row in await world.journal()]
        await agent.work()

        assert waiting == ["PREPARED"]
        assert await page.state() == ("SUCCESS", "")
        assert await world.puks_possible() == {reader.eeprom.puk}


class SlowKeys(FileKeyProvider):
    """An HSM that does not answer for a card before it is let, or before a minute is over."""

    waits = True
    answered = False

    def __init__(self) -> None:
        super().__init__({"k1": K1}, "k1")
        self.may_answer = threading.Event()

    def mac(self, kid: str, message: bytes) -> bytes:
        if message[:16] == bytes(16):
            self.may_answer.wait(60)
            self.answered = True
        return super().mac(kid, message)


async def test_a_slow_hsm_holds_up_no_event_loop_and_no_call_for_longer_than_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The call ends while the HSM still keeps it waiting: so the loop went on, and looked at its clock."""
    monkeypatch.setattr("services.card_gateway.vault.ANSWERED_WITHIN", 0.2)
    card, keys = bytes(16).hex(), SlowKeys()
    vault = MasterVault(keys, SeededRandomness())
    release = vault.release(
        Authorisation("session", card, "a1" * 16, "row", NOON, NOON + timedelta(seconds=10), "PIV"),
        CardProof("session", card, NOON),
        Secret(card, 1, "k1", 1, None, "k1", 3, 3),
        Rotation("row", card, "session", 1, "k1", 2, "k1", RowState.SENT, NOON),
        NOON,
    )
    with pytest.raises(NotReleased, match="KEYS_AWAY"):
        await release
    answered = keys.answered
    keys.may_answer.set()

    assert not answered
