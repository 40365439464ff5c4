"""Create on a broker the topics that `deploy/k8s/topics.yaml` declares; change nothing that is there.

`python -m deploy.topics [--bootstrap HOST:PORT]`, by default KAFKA_BOOTSTRAP_SERVERS.
"""

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

DECLARATION = Path(__file__).parent / "k8s" / "topics.yaml"


@dataclass(frozen=True)
class Topic:
    """One declared topic; `config` as Kafka words it."""

    name: str
    partitions: int
    replicas: int
    config: dict[str, str] = field(default_factory=dict)


def declared(path: Path = DECLARATION) -> list[Topic]:
    """The topics of the declaration, in its order."""
    specs = [document["spec"] for document in yaml.safe_load_all(path.read_text()) if document]
    return [
        Topic(
            spec["topicName"],
            int(spec["partitions"]),
            int(spec["replicas"]),
            {key: str(value) for key, value in spec["config"].items()},
        )
        for spec in specs
    ]


async def create(bootstrap: str, topics: list[Topic] | None = None, seconds: float = 30) -> list[str]:
    """Create what is missing; the names of those created. Idempotent.

    A broker that stands alone gets one replica. Raises the Kafka error of the first topic that could not
    be created, and TimeoutError.
    """
    wanted = declared() if topics is None else topics
    async with asyncio.timeout(seconds):
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            brokers = len((await admin.describe_cluster())["brokers"])
            answer = await admin.create_topics([_new(topic, brokers) for topic in wanted])
        finally:
            await admin.close()
    return [name for name, code, *_ in answer.topic_errors if _created(name, code)]


def create_now(bootstrap: str, topics: list[Topic] | None = None) -> list[str]:
    """`create` for callers without an event loop."""
    return asyncio.run(create(bootstrap, topics))


def _new(topic: Topic, brokers: int) -> NewTopic:
    return NewTopic(
        topic.name, topic.partitions, min(topic.replicas, brokers), topic_configs=dict(topic.config)
    )


def _created(name: str, code: int) -> bool:
    error = for_code(code)
    if code and error is not TopicAlreadyExistsError:
        raise error(f"topic {name}")
    return code == 0


def main() -> int:
    """Run from the command line; 0 when every declared topic exists."""
    parser = argparse.ArgumentParser(prog="python -m deploy.topics", description=__doc__)
    parser.add_argument("--bootstrap", default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS"))
    options = parser.parse_args()
    if not options.bootstrap:
        parser.error("name a broker: --bootstrap HOST:PORT or KAFKA_BOOTSTRAP_SERVERS")
    created = create_now(options.bootstrap)
    print(f"{len(created)} topics created, {len(declared()) - len(created)} were there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
