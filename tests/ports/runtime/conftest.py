from tests.ports.runtime.world import database

__all__ = ["database"]
