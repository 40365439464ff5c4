"""The hashes of answers as a deployment makes them: argon2id, by RFC 9106."""

import asyncio
import threading

from argon2 import PasswordHasher

from services.identity.answer_hashes import Argon2Answers

ANSWERED = "FIRST_PET=biscuit\nFIRST_CAR=example 12"


async def test_R57_an_answer_is_kept_as_argon2id_with_a_salt_of_its_own() -> None:
    hashes = Argon2Answers()
    one, other = await hashes.hash(ANSWERED), await hashes.hash(ANSWERED)

    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert one != other
    assert await hashes.matches(one, ANSWERED)
    assert not await hashes.matches(other, ANSWERED.upper())


class Held(PasswordHasher):
    """Sets a hash only once it may; judges at once."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.may_set = threading.Event()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        assert self.may_set.wait(60)
        return super().hash(password, salt=salt)


async def test_S2_answers_that_are_set_hold_up_none_that_are_judged() -> None:
    held = Held()
    held.may_set.set()
    known = held.hash(ANSWERED)
    held.may_set.clear()
    hashes = Argon2Answers(held)
    setting = [asyncio.create_task(hashes.hash(ANSWERED)) for _ in range(3)]
    await asyncio.sleep(0)

    async with asyncio.timeout(30):
        assert await hashes.matches(known, ANSWERED)
    assert not any(each.done() for each in setting)
    held.may_set.set()
    assert len(set(await asyncio.gather(*setting))) == 3
