"""Names of organisations as people type them: one form in which spellings meet."""

import unicodedata

MOST_WORDS = 8
"""Of what was typed; more make a search no better."""

_OWN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
"""Letters that Unicode does not take apart into a letter and its accent."""
_SAME = {"saint": "st", "&": "and"}
_SAY_NOTHING = frozenset({"the", "of", "and", "for", "nhs"})


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a name, lower case and without accents; an apostrophe joins, all else parts."""
    apart = unicodedata.normalize("NFKD", text).casefold().translate(_OWN_LETTERS)
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter) and letter not in "'’`.")
    kept = "".join(letter if letter.isalnum() else " " for letter in bare.replace("&", " and "))
    return tuple(_SAME.get(word, word) for word in kept.split())


def words_to_find(text: str) -> tuple[str, ...]:
    """Return the words of a search that say something; all of them where none does."""
    words = words_of(text)[:MOST_WORDS]
    return tuple(word for word in words if word not in _SAY_NOTHING) or words


def code_of(text: str) -> str:
    """Return what was typed as the code of an organisation, which it may be."""
    return "".join(letter for letter in text if letter.isalnum()).upper()
