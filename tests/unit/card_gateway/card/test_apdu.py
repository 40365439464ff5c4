import pytest

from services.card_gateway.card.apdu import (
    MAX_ANSWER,
    AnswerTooLong,
    CardGone,
    Command,
    exchange,
)


class Told:
    """A card that answers as it was told, and remembers what it was sent."""

    def __init__(self, *answers: tuple[bytes, int], always: tuple[bytes, int] | None = None) -> None:
        self.answers, self.always, self.sent = list(answers), always, list[bytes]()

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self.sent.append(apdu)
        if self.answers:
            return self.answers.pop(0)
        assert self.always is not None
        return self.always


GET_DATA = Command(0x00, 0xCB, 0x3F, 0xFF, b"\x5c\x01\x7e", le=0)
VERIFY = Command(0x00, 0x20, 0x00, 0x80, b"12345678")


def test_data_over_255_bytes_is_chained_and_only_the_last_part_asks_for_an_answer() -> None:
    card = Told((b"", 0x9000), (b"", 0x9000), (b"signed", 0x9000))

    response = exchange(card, Command(0x00, 0x87, 0x07, 0x9E, bytes(600), le=0))

    assert [frame[:5].hex() for frame in card.sent] == ["1087079eff", "1087079eff", "0087079e5a"]
    assert [len(frame) for frame in card.sent] == [260, 260, 5 + 90 + 1]
    assert (response.data, response.sw) == (b"signed", 0x9000)


def test_a_chain_that_the_card_refuses_ends_there() -> None:
    card = Told((b"", 0x6A86))

    assert exchange(card, Command(0x00, 0x87, 0x07, 0x9E, bytes(600), le=0)).sw == 0x6A86
    assert len(card.sent) == 1


def test_the_rest_of_an_answer_is_fetched_with_the_length_the_card_told() -> None:
    card = Told((b"a" * 255, 0x61FF), (b"b" * 255, 0x6112), (b"c" * 18, 0x9000))

    response = exchange(card, GET_DATA)

    assert card.sent[1:] == [bytes.fromhex("00C00000FF"), bytes.fromhex("00C0000012")]
    assert response.data == b"a" * 255 + b"b" * 255 + b"c" * 18


def test_stale_data_is_not_fetched_after_a_command_that_did_not_announce_it() -> None:
    card = Told((b"", 0x63C4))

    assert exchange(card, VERIFY).sw == 0x63C4
    assert len(card.sent) == 1


def test_a_wrong_length_is_mended_once_for_reading() -> None:
    card = Told((b"", 0x6C14), (b"x" * 20, 0x9000))

    assert exchange(card, GET_DATA).data == b"x" * 20
    assert card.sent[1] == bytes.fromhex("00CB3FFF035C017E14")


def test_a_card_that_always_wants_another_length_is_asked_twice() -> None:
    card = Told(always=(b"", 0x6C10))

    assert exchange(card, GET_DATA).sw == 0x6C10
    assert len(card.sent) == 2


@pytest.mark.parametrize("ins", [0x20, 0x24, 0x2C])
def test_F18_a_command_that_may_spend_a_try_is_never_sent_twice(ins: int) -> None:
    card = Told((b"", 0x6C10))

    assert exchange(card, Command(0x00, ins, 0x00, 0x80, bytes(16), le=0)).sw == 0x6C10
    assert len(card.sent) == 1


@pytest.mark.parametrize(
    ("card", "frames"),
    [
        (Told(always=(b"y" * 16, 0x6110)), 66),
        (Told(always=(b"", 0x6110)), 3),
        (Told((bytes(MAX_ANSWER + 1), 0x9000)), 1),
        (Told(always=(bytes(4096), 0x6100)), 3),
    ],
    ids=["for ever a little", "for ever nothing", "one frame of 8 KiB", "256 KiB"],
)
def test_F18_an_endless_answer_ends_at_its_limits(card: Told, frames: int) -> None:
    with pytest.raises(AnswerTooLong):
        exchange(card, GET_DATA)

    assert len(card.sent) <= frames


def test_an_empty_answer_is_a_lost_card_and_no_status_word() -> None:
    with pytest.raises(CardGone):
        exchange(Told((b"", 0)), VERIFY)


def test_I12_the_data_of_a_command_is_in_no_repr() -> None:
    assert "12345678" not in repr(VERIFY)
    assert b"12345678".hex() not in repr(VERIFY)
