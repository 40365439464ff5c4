"""What all tests share: real parts, and the rule that nothing is skipped.

A Kafka broker and a PostgreSQL server are started by the first worker that asks and serve all workers of
the run; they end with the run, also when it is killed.
"""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from deploy.local.kafka import Kafka
from deploy.local.keys import Keys, make_keys
from deploy.local.mailbox import Mailbox
from deploy.local.postgres import Postgres
from deploy.topics import create_now
from tests.fixtures.shared import Shared, shared_folder

# By itself Hypothesis gives an example 0.2 s, which a busy machine may take away from any of them.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

SHARED = pytest.StashKey[Shared]()

FIRST = ("tests/faults/", "tests/journeys/", "tests/web/", "tests/ports/")
"""Folders whose modules take minutes: begun last, one would keep a worker busy when all others have ended."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SHARED] = shared_folder(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[SHARED].close()


def pytest_configure_node(node: object) -> None:
    """xdist: tell a worker where the shared parts lie."""
    config = node.config  # type: ignore[attr-defined]
    node.workerinput["shared"] = config.stash[SHARED].ticket  # type: ignore[attr-defined]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first; within a folder, and among all others, the order stays."""
    items.sort(key=lambda item: [not item.nodeid.startswith(folder) for folder in FIRST])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A skipped test proves nothing, so it fails; so does one that is expected to fail."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped or xfailed: {report.longrepr}"
        if hasattr(report, "wasxfail"):
            del report.wasxfail
    return report  # type: ignore[return-value]


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A module that skips itself fails too."""
    if report.skipped:
        report.outcome = "failed"


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A test that sets up logs writes to a captured stream, which is closed when the next test logs."""
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if type(handler) is logging.StreamHandler]:
        root.removeHandler(handler)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Every key and certificate of one machine, fresh."""
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """`bootstrap.servers` of the one broker of this run; name your topics and groups yourself."""
    return request.config.stash[SHARED].kafka()


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker that a module may stop, start and kill; it has our declared topics."""
    broker = Kafka(tmp_path_factory.mktemp("kafka"))
    broker.start()
    create_now(broker.bootstrap)
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Postgres:
    """The one PostgreSQL server of this run: `create_database()` gives an address. Do not stop it."""
    return request.config.stash[SHARED].postgres()


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """A fresh, empty database: `postgresql+psycopg://…`."""
    return postgres.create_database()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A capture mailbox that listens."""
    with Mailbox() as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured: `record_property("hits", …)` and `record_property("figure", …)`."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, said in report.user_properties:
                    terminalreporter.write_line(f"{name}: {said}")


def pytest_report_header() -> str:
    """Whose interpreter; a stranger's first question."""
    return f"real parts from {Path(sys.prefix).name}, shared by all workers"
