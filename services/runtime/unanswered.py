"""What a command says where its database or Kafka does not answer: no defect, and not what it looks for."""

from aiokafka.errors import KafkaError
from sqlalchemy.exc import InterfaceError, OperationalError

from services.runtime.database import TransientDatabaseError, sqlstate_of


def words_of(error: BaseException) -> str:
    """Return who does not answer, and how it was found; empty where the error says something else."""
    if isinstance(error, KafkaError):
        return f"Kafka does not answer: {type(error).__name__}"
    if isinstance(error, TransientDatabaseError):
        return f"the database does not answer: {error.sqlstate or type(error.__cause__).__name__}"
    if isinstance(error, OperationalError | InterfaceError):
        return f"the database does not answer: {sqlstate_of(error) or type(error.orig).__name__}"
    if isinstance(error, TimeoutError | ConnectionError):
        return f"no answer in time: {type(error).__name__}"
    return ""
