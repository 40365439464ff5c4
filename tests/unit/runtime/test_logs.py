import json
import logging

import pytest

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
