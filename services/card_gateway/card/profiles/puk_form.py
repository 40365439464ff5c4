"""How PUKs are written: which characters, how many, and padded to which length. Data of a profile."""

from dataclasses import dataclass

LONGEST_BIAS_FREE_BITS = 100
"""A MAC must have so many bits more than a PUK, that no PUK is likelier than another by more than 2^-100."""


@dataclass(frozen=True)
class PukForm:
    """One form of PUK. Values are padded with FF, which no character is."""

    alphabet: str
    """ASCII characters, each once."""
    shortest: int
    longest: int
    padded_to: int
    """Bytes of the field in the command."""

    def as_card_has_it(self, text: str) -> bytes:
        """The padded bytes. Raises ValueError, without the value, for what is not of this form."""
        if not (self.shortest <= len(text) <= self.longest and set(text) <= set(self.alphabet)):
            raise ValueError(f"a PUK of this card has {self.shortest} to {self.longest} characters")
        return text.encode("ascii").ljust(self.padded_to, b"\xff")

    def derived(self, mac: bytes) -> bytes:
        """The longest PUK of this form, out of a MAC. Raises ValueError for one that is too short."""
        base = len(self.alphabet)
        count = base**self.longest
        if 8 * len(mac) < count.bit_length() + LONGEST_BIAS_FREE_BITS:
            raise ValueError("too short a MAC")
        number, characters = int.from_bytes(mac, "big") % count, ""
        for _ in range(self.longest):
            number, digit = divmod(number, base)
            characters = self.alphabet[digit] + characters
        return characters.encode("ascii").ljust(self.padded_to, b"\xff")
