"""Named fault points: places where a test may stop, fail or kill the process.

A point does nothing here. Tests put an action in `act`; no setting can, so that a
production process has no way to be made to fail.
"""

from collections.abc import Callable


def _nothing(point: str) -> None:
    """Do nothing: what every point does outside tests."""


act: Callable[[str], None] = _nothing


def reach(point: str) -> None:
    """Say that the named point was reached, such as `otp.redeem_code.before_commit`."""
    act(point)
