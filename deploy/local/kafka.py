"""Apache Kafka on one machine: broker and controller in one process, KRaft, on 127.0.0.1 and free ports.

Stopped and started again, it keeps its data and its port, as a broker does that had a fault.
"""

import os
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.local.child import Child, ChildFailed, free_port

JARS = Path(__file__).resolve().parents[2] / ".cache" / "kafka"
"""Where `make setup` puts Kafka's jars."""
CLASSES = JARS / "classes.jsa"
"""Kafka's classes as the JVM has them in memory: a broker starts in two thirds
of the CPU time. Made with the jars."""

LOG4J = """
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c{1})%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
log.dirs={data}
num.partitions=12
auto.create.topics.enable={auto_create}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A killed broker may register again only when its old session is over: 2 s instead of 9.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
# A dead consumer of a test must not cost it a minute.
group.min.session.timeout.ms=1000
log.retention.check.interval.ms=30000
"""


class Kafka:
    """One broker in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        ports: Sequence[int] = (),
        auto_create: bool = False,
        options: Sequence[str] = (),
    ) -> None:
        """`folder` holds its configuration, log and data. `ports`: broker's and controller's.

        `auto_create`: topics appear on first use. `options`: the JVM's.
        """
        self._folder = folder
        self._auto_create = auto_create
        self._port, self._controller = ports or (free_port(), free_port())
        self._child = Child(
            "kafka",
            [*_java("-Xms256m", "-Xmx512m", *options),
             f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
             "kafka.Kafka", str(folder / "server.properties")],
            folder / "kafka.log",
            ready_line="Kafka Server started",
        )  # fmt: skip

    @property
    def bootstrap(self) -> str:
        """What clients call `bootstrap.servers`."""
        return f"127.0.0.1:{self._port}"

    @property
    def child(self) -> Child:
        """The process, for those who watch it."""
        return self._child

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child.running

    @property
    def data(self) -> Path:
        """Where its segments lie."""
        return self._folder / "data"

    def start(self, seconds: float = 60) -> None:
        """Prepare, start, and wait until it serves. Raises ChildFailed with its last words."""
        self.prepare()
        self._child.start(seconds)

    def prepare(self) -> None:
        """Format its storage if that was never done."""
        if not self.data.exists():
            self._format()

    def stop(self) -> None:
        """Let it close its segments and end; SIGKILL after 30 s."""
        self._child.stop(30)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._child.kill()

    def _format(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "log4j2.properties").write_text(LOG4J)
        (self._folder / "server.properties").write_text(
            PROPERTIES.format(
                broker=self._port,
                controller=self._controller,
                data=self.data,
                auto_create=str(self._auto_create).lower(),
            )
        )
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        argv = [*_java(), "kafka.tools.StorageTool", "format", "--standalone", "-t", f"k{cluster[1:]}"]
        done = subprocess.run(
            [*argv, "-c", str(self._folder / "server.properties")], capture_output=True, text=True, timeout=60
        )
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise ChildFailed(f"Kafka's storage could not be formatted\n{done.stdout}{done.stderr}")


def keep_classes() -> None:
    """Let a broker start and end, and keep its classes in `CLASSES`. Raises ChildFailed."""
    CLASSES.unlink(missing_ok=True)
    with TemporaryDirectory() as folder:
        broker = Kafka(Path(folder) / "kafka", options=[f"-XX:ArchiveClassesAtExit={CLASSES}"])
        broker.start()
        broker.stop()


def _java(*options: str) -> list[str]:
    if not any(JARS.glob("kafka_*.jar")):
        raise ChildFailed("Kafka's jars are missing: `make setup` fetches them")
    java = os.environ.get("JAVA_HOME", "")
    binary = str(Path(java) / "bin" / "java") if java else "java"
    # C1 only: this broker lives for minutes, so it should start soon rather than run fast.
    return [
        binary,
        *options,
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-Xshare:auto",
        *([f"-XX:SharedArchiveFile={CLASSES}"] if CLASSES.is_file() else []),
        "-cp",
        f"{JARS}/*",
    ]


if __name__ == "__main__":
    keep_classes()
