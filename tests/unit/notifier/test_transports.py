"""Which mail service gets a letter, and that never two do."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from services.notifier.ports import Letter, MaybeTaken, Refused, Unreachable
from services.notifier.transports import Transports
from tests.unit.notifier.deliveries import NOON

LETTER = Letter("id-1", NOON, "test-holder-0001@example.org", "Subject", "text", "<p>text</p>")
WITHIN = timedelta(seconds=20)


@dataclass
class Service:
    """A mail service that fails as it is told, and then takes letters."""

    fails: list[Exception] = field(default_factory=list)
    asked: list[timedelta] = field(default_factory=list)
    repeats: list[bool] = field(default_factory=list)

    async def send(self, letter: Letter, within: timedelta, *, again: bool = False) -> None:
        self.asked.append(within)
        self.repeats.append(again)
        if self.fails:
            raise self.fails.pop(0)

    async def close(self) -> None:
        pass


async def test_the_first_service_is_taken_while_it_answers() -> None:
    first, second = Service(), Service()

    assert await Transports({"smtp": first, "notify": second}).send(LETTER, WITHIN, "") == "smtp"
    assert second.asked == []


async def test_F13_the_second_takes_over_what_the_first_surely_did_not_take() -> None:
    first, second = Service([Unreachable()]), Service()

    assert await Transports({"smtp": first, "notify": second}).send(LETTER, WITHIN, "") == "notify"
    assert first.asked == second.asked == [timedelta(seconds=10)]


async def test_F13_I11_what_the_first_may_have_taken_never_goes_to_the_second() -> None:
    first, second = Service([MaybeTaken(), Unreachable(), Unreachable()]), Service()
    post = Transports({"smtp": first, "notify": second})

    with pytest.raises(MaybeTaken) as unknown:
        await post.send(LETTER, WITHIN, "")
    for _ in range(2):
        with pytest.raises(Unreachable):
            await post.send(LETTER, WITHIN, unknown.value.by)
    assert unknown.value.by == "smtp"
    assert await post.send(LETTER, WITHIN, unknown.value.by) == "smtp"
    assert second.asked == []
    assert first.repeats == [False, True, True, True]


async def test_I11_a_service_that_is_in_the_settings_no_more_keeps_what_it_may_have_taken() -> None:
    with pytest.raises(Unreachable):
        await Transports({"notify": Service()}).send(LETTER, WITHIN, "smtp")


async def test_a_refused_letter_is_offered_to_nobody_else() -> None:
    second = Service()
    with pytest.raises(Refused):
        await Transports({"smtp": Service([Refused()]), "notify": second}).send(LETTER, WITHIN, "")

    assert second.asked == []


async def test_a_service_that_was_away_is_tried_last_until_it_answers() -> None:
    first, second = Service([Unreachable()]), Service()
    post = Transports({"smtp": first, "notify": second})
    await post.send(LETTER, WITHIN, "")

    assert await post.send(LETTER, WITHIN, "") == "notify"
    assert len(first.asked) == 1
    second.fails = [Unreachable()]
    assert await post.send(LETTER, WITHIN, "") == "smtp"


async def test_where_all_are_away_the_letter_waits() -> None:
    with pytest.raises(Unreachable):
        await Transports({"smtp": Service([Unreachable()])}).send(LETTER, WITHIN, "")
