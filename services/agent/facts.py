"""What the readers of this workstation are like, and which words say so. Pure."""

import re
from dataclasses import dataclass
from enum import Enum


class Presence(Enum):
    """What is in a reader."""

    EMPTY = "EMPTY"
    PRESENT = "PRESENT"
    MUTE = "MUTE"
    """A card that does not answer, such as one put in the wrong way round."""
    CONTACTLESS = "CONTACTLESS"
    """A card on a reader without contacts: it is left alone."""


class ReaderState(Enum):
    """All readers in one word; the same words as the page's."""

    READER_SERVICE_DOWN = "READER_SERVICE_DOWN"
    NO_READER = "NO_READER"
    NO_CARD = "NO_CARD"
    CARD = "CARD"
    TWO_CARDS = "TWO_CARDS"
    CARD_MUTE = "CARD_MUTE"
    CONTACTLESS = "CONTACTLESS"
    """No card but one on a reader without contacts."""


_NAMED_CONTACTLESS = re.compile(r"contactless|(?<![a-z])(picc|cl)(?![a-z])", re.IGNORECASE)
_NAMED_CONTACT = re.compile(r"\bcontact\b", re.IGNORECASE)
"""Words that makers use for a reader's halves, such as `ACR1252 Dual Reader PICC`. Source: the
names in libccid's `Info.plist`. Not NFC: that names whole devices, some of which have a slot as well."""


def is_contactless(reader_name: str) -> bool:
    """Tell by its name whether a reader has no contacts. A hint: names are the makers' own."""
    return bool(_NAMED_CONTACTLESS.search(reader_name)) and not _NAMED_CONTACT.search(reader_name)


@dataclass(frozen=True)
class Reader:
    """One reader by the name its service gave it."""

    name: str
    presence: Presence


@dataclass(frozen=True)
class Facts:
    """All readers at one instant."""

    service_up: bool
    readers: tuple[Reader, ...] = ()

    @property
    def state(self) -> ReaderState:
        """Return all of it in one word."""
        if not self.service_up:
            return ReaderState.READER_SERVICE_DOWN
        if not self.readers:
            return ReaderState.NO_READER
        filled = [
            reader for reader in self.readers if reader.presence not in (Presence.EMPTY, Presence.CONTACTLESS)
        ]
        if not filled:
            without = any(reader.presence is Presence.CONTACTLESS for reader in self.readers)
            return ReaderState.CONTACTLESS if without else ReaderState.NO_CARD
        if len(filled) > 1:
            return ReaderState.TWO_CARDS
        return ReaderState.CARD if filled[0].presence is Presence.PRESENT else ReaderState.CARD_MUTE

    @property
    def card_reader(self) -> str | None:
        """Name of the reader with the one card that answers; None unless there is exactly that."""
        if self.state is not ReaderState.CARD:
            return None
        return next(reader.name for reader in self.readers if reader.presence is Presence.PRESENT)


NO_SERVICE = Facts(service_up=False)
