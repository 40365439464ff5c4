import json
import logging

import pytest
import structlog.testing

from services.runtime import logs


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    "name", ["pin", "new_pin", "holder_grant", "typed", "address", "masked_address", "claim"]
)
def test_I12_a_field_that_may_hold_a_secret_is_dropped(capsys: pytest.CaptureFixture[str], name: str) -> None:
    logs.configure("otp", "DEBUG")
    logs.logger("test").info("happened", **{name: "canary-4711"})

    (line,) = lines(capsys)
    assert line[name] == "[dropped]"


def test_harmless_fields_stay(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("otp", "DEBUG")
    logs.logger("test").info("happened", session_id="s-1", opinion="kept")

    (line,) = lines(capsys)
    assert (line["session_id"], line["opinion"], line["process"]) == ("s-1", "kept", "otp")


def test_I12_a_librarys_arguments_never_reach_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("otp", "DEBUG")
    logging.getLogger("aiokafka").warning("could not send %s", b"canary-4711")

    (line,) = lines(capsys)
    assert line["message"] == "could not send %s"
    assert "canary" not in json.dumps(line)


def test_a_line_break_in_a_field_makes_no_second_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("otp", "DEBUG")
    logs.logger("test").info("happened", topic='x\n{"event":"forged"}')

    assert len(lines(capsys)) == 1


def test_what_happens_in_numbers_is_a_line_a_while_that_counts() -> None:
    now = [0.0]
    seldom = logs.Seldom(logs.logger("test"), "fault", seconds=30, now=lambda: now[0])

    with structlog.testing.capture_logs() as lines:
        for instant, kind in ((0, "a"), (1, "a"), (2, "b"), (29.9, "a"), (30, "a"), (31, "a")):
            now[0] = instant
            seldom.warn(kind, which=kind)

    assert [(line["which"], line["times"]) for line in lines] == [("a", 1), ("b", 1), ("a", 3)]
