"""A session's events in words, read from a real broker as an operator reads them."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from random import Random

import pytest
from aiokafka import AIOKafkaProducer

from deploy.events.samples import Sample, samples
from deploy.local.kafka import Kafka
from services.audit import tail_command
from services.audit.consumer import TOPICS
from services.audit.telling import line_of
from services.runtime.cloud_events import received
from tests.contract.event_facts import SESSION

OTHER = "01935f00-0000-7000-8000-00000000ffff"
TOLD = [each for each in samples() if each.topic in TOPICS]
LAST_WORDS = ("FAILED", "RESOLVED")
"""A session has one of these or SUCCESS."""


def tail(kafka: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services.audit", "tail", *arguments],
        env={"PATH": os.environ["PATH"], "KAFKA_BOOTSTRAP_SERVERS": kafka},
        capture_output=True,
        text=True,
        timeout=120,
    )


async def send(kafka: str, told: list[Sample]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for each in told:
        headers = [(name, value.encode()) for name, value in each.headers.items()]
        await producer.send_and_wait(each.topic, each.raw, key=each.key.encode(), headers=headers)
    await producer.stop()


async def test_a_session_is_told_in_order_each_event_once_and_its_last_word(own_kafka: Kafka) -> None:
    told = [each for each in TOLD if not each.name.endswith(LAST_WORDS)]
    # A relay that was killed sends again, and topics have no order among them.
    await send(own_kafka.bootstrap, Random(1).sample(told * 2, 2 * len(told)))

    done = tail(own_kafka.bootstrap, "--session", SESSION)

    *lines, last = done.stdout.splitlines()
    of_it = [each for each in told if SESSION.encode() in each.raw]
    assert (done.returncode, last) == (0, "last word: SUCCESS")
    assert len(lines) == len(set(lines)) == len(of_it)
    assert [line[:19] for line in lines] == sorted(line[:19] for line in lines)
    assert any(line.endswith("card cccccccc was read; its PIN is blocked") for line in lines)
    assert any("REFUSED: the holder may not unlock (CERTIFICATE_EXPIRED)" in line for line in lines)
    assert done.stderr == ""


async def test_a_session_that_nobody_told_of_is_said_to_be_unknown(own_kafka: Kafka) -> None:
    await send(own_kafka.bootstrap, TOLD[:1])

    done = tail(own_kafka.bootstrap, "--session", OTHER)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"no event of session {OTHER} is on the topics: is the id whole?")


async def test_what_happens_is_followed_until_it_is_interrupted(own_kafka: Kafka) -> None:
    following = subprocess.Popen(  # noqa: ASYNC220 - it reads while this one sends
        [sys.executable, "-m", "services.audit", "tail", "--follow"],
        env={"PATH": os.environ["PATH"], "KAFKA_BOOTSTRAP_SERVERS": own_kafka.bootstrap},
        stdout=subprocess.PIPE,
        text=True,
        # As at a terminal, also where the tests run in the background of a shell, which ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert following.stdout
    assert following.stdout.readline() == "from now on:\n"
    await send(own_kafka.bootstrap, [each for each in TOLD if each.name == "SessionStarted"])
    line = following.stdout.readline()
    following.send_signal(signal.SIGINT)

    assert (
        line == f"2026-03-02 12:00:00  {SESSION}  card_gateway      a page took the session: LOCKED, SELF\n"
    )
    assert following.wait(60) == 0


def test_a_broker_that_is_away_is_said_with_what_to_do() -> None:
    done = tail("127.0.0.1:1", "--session", SESSION)

    assert done.returncode == 2
    assert done.stderr.startswith("Kafka does not answer at 127.0.0.1:1 (KafkaConnectionError).")
    assert "docs/runbooks/broker-down.md" in done.stderr


@pytest.mark.parametrize("session_id", [None, "x" * 65, "a\nb"])
async def test_without_a_session_it_asks_for_one(
    session_id: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    status = await tail_command.tail(argparse.Namespace(session=session_id, follow=False))

    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert "session" in said.err


def lines_of(each: Sample) -> Iterator[str]:
    headers = [(name, value.encode()) for name, value in each.headers.items()]
    yield line_of(received(each.topic, 0, 0, headers, each.raw)).as_text()
    strange = [(name, b"x\n\x1b[2J" if name == "ce_subject" else value) for name, value in headers]
    yield line_of(received(each.topic, 0, 0, strange, each.raw)).as_text()


@pytest.mark.parametrize("each", TOLD, ids=lambda each: each.name)
def test_every_event_has_words_and_stays_on_its_line(each: Sample) -> None:
    for line in lines_of(each):
        assert "unknown to this version" not in line
        assert line.isprintable()
