"""A database that is current until a test says otherwise. Keeps `card_gateway.ports.Freshness`."""


class FakeFreshness:
    def __init__(self) -> None:
        self.is_current = True
