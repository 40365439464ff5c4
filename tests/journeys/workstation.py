"""Another workstation before the same services: a reader, cards and an agent of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

from deploy.local.agent_window import AgentWindow
from deploy.local.cards import Slots
from deploy.local.pcsc import OwnPcscd
from deploy.local.stack import Stack


@contextmanager
def another_workstation(stack: Stack) -> Iterator[Stack]:
    """The running stack as it is seen from another workstation, with copies of all its cards."""
    there = copy(stack)
    there.folder = stack.folder / "another-workstation"
    there.folder.mkdir()
    there.pcsc = OwnPcscd()
    shutil.copytree(stack.pcsc.cards, there.pcsc.cards)
    there.slots = Slots(there.pcsc.card_control)
    environment = stack.surroundings.of_agent(there.folder / "agent") | there.pcsc.environment
    there.agent = AgentWindow(environment, there.folder / "agent.log")
    with there.pcsc:
        there.agent.start()
        try:
            yield there
        finally:
            there.agent.stop()
