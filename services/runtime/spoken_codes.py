"""Short codes that people read out and type: made of a MAC, shown in two halves, forgiving as they are typed.

How long a code is good, and how often one may guess, is the business of whoever gives it out.
"""

CODE_LENGTH = 10
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""32 characters nobody mixes up; 10 of them are 50 bits (ADR 0017)."""

_LIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})


def code_of(mac: bytes) -> str:
    """Ten characters out of a MAC of at least 8 bytes; 50 bits, uniform."""
    value = int.from_bytes(mac[:7], "big") >> 6
    return "".join(ALPHABET[value >> shift & 31] for shift in range(45, -1, -5))


def shown(code: str) -> str:
    """The code as people read it: `ABCDE-FGHJK`."""
    return f"{code[:5]}-{code[5:]}"


def typed(text: str) -> str | None:
    """The code a person meant; case, spaces, hyphens and look-alikes do not matter. None: not a code."""
    plain = "".join(text.upper().replace("-", "").split()).translate(_LIKE)
    if len(plain) != CODE_LENGTH or any(character not in ALPHABET for character in plain):
        return None
    return plain
