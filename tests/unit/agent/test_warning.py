"""One try left: said once for each insertion, while nobody uses the reader, and at no cost of a try."""

import pytest

from services.agent.backoff import Backoff
from services.agent.pcsc_codes import SHARING_VIOLATION
from services.agent.warning import Warner
from services.agent.watch import Watch
from services.card_gateway.card.guard import Insertion
from tests.unit.agent.world import ONE_CARD, READER, FakeService, FakeWindow, service_with_card

WARNED = "warning CARD_LAST_TRY"
TAKEN_BACK = "warning "


class Desk:
    """A reader with a card in it, and whether a page uses it."""

    def __init__(self, service: FakeService, *, idle: bool = True) -> None:
        self.window, self.idle = FakeWindow(), idle
        self.watch = Watch(service, Backoff(1, 1, lambda: 0.5))
        self.watch.facts = ONE_CARD
        self.warner = Warner(service, self.watch, self.window, lambda: self.idle)

    async def turns(self, count: int = 1) -> list[str]:
        for _ in range(count):
            await self.warner.turn()
        return self.window.told

    def insert_again(self) -> None:
        self.watch._insertions[READER] = (2, Insertion())


def one_left() -> FakeService:
    return service_with_card(blocked=False, pin_tries=1)


async def test_a_card_with_one_try_is_warned_of_once() -> None:
    service = one_left()
    desk = Desk(service)

    assert await desk.turns(3) == [WARNED]
    assert service.card.log.count("begin") == 1
    assert "reset" not in service.card.log  # others go on with it
    assert service.card.card is not None
    assert service.card.card.card.eeprom.pin_left == 1


async def test_it_is_taken_back_and_said_again_where_the_card_is_put_in_anew() -> None:
    desk = Desk(one_left())
    await desk.turns()
    desk.insert_again()

    assert await desk.turns() == [WARNED, TAKEN_BACK, WARNED]


@pytest.mark.parametrize("wishes", [{"blocked": False, "pin_tries": 2}, {"blocked": True}])
async def test_no_other_card_is_warned_of(wishes: dict[str, object]) -> None:
    assert await Desk(service_with_card(**wishes)).turns(2) == []


async def test_a_card_of_an_unknown_kind_is_left_in_peace() -> None:
    service = one_left()
    service.card.answers = [bytes.fromhex("6A82")] * 9

    assert await Desk(service).turns(2) == []


async def test_a_card_that_another_program_keeps_is_left_in_peace() -> None:
    service = one_left()
    service.refusals = [SHARING_VIOLATION] * 1000

    assert await Desk(service).turns() == []


async def test_nothing_is_looked_at_while_a_page_uses_the_reader_and_the_card_is_afterwards() -> None:
    service = one_left()
    desk = Desk(service, idle=False)
    assert await desk.turns(2) == []
    assert service.card.log == []

    desk.idle = True
    assert await desk.turns() == [WARNED]
    desk.idle = False
    assert await desk.turns() == [WARNED, TAKEN_BACK]
