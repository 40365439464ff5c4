"""Card profiles: how to recognise a kind of card, its scripts, how to judge its answers.

A profile is a module of this package with the same names as `piv`. To add one: write the module and
name it in `BY_KIND`; the guard needs its commands, the tests its conformance list.
"""

from types import ModuleType

from services.card_gateway.card.profiles import piv

BY_KIND: dict[str, ModuleType] = {piv.KIND: piv}
