import pytest

from services.card_gateway.card.pin_policy import Weakness, weakness


@pytest.mark.parametrize("pin", ["739154", "860247", "5284071", "52840713", "40718263"])
def test_R51_a_passcode_without_a_pattern_is_taken(pin: str) -> None:
    assert weakness(pin) is None


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        ("", Weakness.LENGTH),
        ("73915", Weakness.LENGTH),
        ("739154862", Weakness.LENGTH),
        ("73915a", Weakness.NOT_DIGITS),
        ("739 154", Weakness.NOT_DIGITS),
        ("７３９１５４", Weakness.NOT_DIGITS),  # digits of another script are no digits to a card
        ("¹²³⁴⁵⁶", Weakness.NOT_DIGITS),
        ("000000", Weakness.REPEAT),
        ("11112222", Weakness.REPEAT),
        ("717171", Weakness.REPEAT),
        ("739739", Weakness.REPEAT),
        ("7397397", Weakness.REPEAT),
        ("123456", Weakness.SEQUENCE),
        ("87654321", Weakness.SEQUENCE),
        ("890123", Weakness.SEQUENCE),
        ("135791", Weakness.SEQUENCE),
        ("123321", Weakness.SEQUENCE),
        ("12349876", Weakness.SEQUENCE),
        ("190284", Weakness.DATE),
        ("021984", Weakness.DATE),
        ("198402", Weakness.DATE),
        ("840219", Weakness.DATE),
        ("290204", Weakness.DATE),
        ("19021984", Weakness.DATE),
        ("02191984", Weakness.DATE),
        ("19840219", Weakness.DATE),
        ("159753", Weakness.COMMON),
        ("14725836", Weakness.COMMON),
    ],
)
def test_R51_S51_a_weak_passcode_is_refused_with_its_reason(pin: str, why: Weakness) -> None:
    assert weakness(pin) is why


@pytest.mark.parametrize("pin", ["320184", "739199", "32131984", "45131984"])
def test_what_is_no_day_of_the_calendar_is_no_date(pin: str) -> None:
    assert weakness(pin) is None


def test_at_most_one_passcode_of_six_digits_in_seven_is_refused() -> None:
    refused = sum(weakness(f"{number:06}") is not None for number in range(0, 10**6, 7))

    assert refused * 7 / 10**6 < 1 / 7
