"""Kafka's certificate in the settings: all of it, or none."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.runtime.grpc_tls import TlsFiles
from services.runtime.settings import KafkaSettings

CA, CERTIFICATE, KEY = Path("ca.crt"), Path("user.crt"), Path("user.key")


def test_without_a_certificate_the_connection_is_plain() -> None:
    read = KafkaSettings(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9092")

    assert read.brokers.tls is None
    assert read.brokers.context() is None


def test_S28_with_a_certificate_the_connection_is_mtls() -> None:
    read = KafkaSettings(
        KAFKA_BOOTSTRAP_SERVERS="kafka:9093",
        KAFKA_TLS_CA_FILE=CA,
        KAFKA_TLS_CERT_FILE=CERTIFICATE,
        KAFKA_TLS_KEY_FILE=KEY,
    )

    assert read.brokers.tls == TlsFiles(CA, CERTIFICATE, KEY)


@pytest.mark.parametrize(
    "some", [{"KAFKA_TLS_CA_FILE": CA}, {"KAFKA_TLS_CERT_FILE": CERTIFICATE, "KAFKA_TLS_KEY_FILE": KEY}]
)
def test_S28_half_a_certificate_does_not_fall_back_to_plain(some: dict[str, Path]) -> None:
    with pytest.raises(ValidationError, match="all three or none"):
        KafkaSettings.model_validate({"KAFKA_BOOTSTRAP_SERVERS": "kafka:9093", **some})
