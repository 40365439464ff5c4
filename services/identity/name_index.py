"""Finds organisations by roughly what they are called: an index in memory, made anew when names change.

A search looks at the words that names are made of, not at the names: tens of thousands of organisations
share few words. Its work has bounds whatever was typed, and it gives way to other calls between words.
"""

import asyncio
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import log

from rapidfuzz import process
from rapidfuzz.distance import OSA

from services.identity.domain.names import code_of, words_of, words_to_find

MOST_ALIKE = 40
"""Words of names that one typed word is taken for."""
MOST_LOOKED_AT = 20_000
"""Organisations that a search's words may bring up; past it, those that share common words only are left."""
ENOUGH = 0.55
"""Of 1: how much of what was typed an organisation must have."""
SHORTEST_CODE = 2
PREFIX_ALIKE = 0.9
SHORTEST_PREFIX = 3


class NameIndex:
    """Organisations by the words of their names, and by code."""

    def __init__(self, organisations: Iterable[tuple[str, str]]) -> None:
        """Index codes with their names."""
        found = sorted(organisations)
        self._codes = [code for code, _ in found]
        self._lengths = array("H")
        bearers: dict[str, array[int]] = defaultdict(lambda: array("I"))
        for number, (_, name) in enumerate(found):
            words = dict.fromkeys(words_of(name))
            self._lengths.append(len(words))
            for word in words:
                bearers[word].append(number)
        self._bearers = dict(bearers)
        self._words = sorted(bearers)
        self._by_length: dict[int, list[str]] = defaultdict(list)
        for word in self._words:
            self._by_length[len(word)].append(word)

    async def search(self, typed: str, most: int) -> list[str]:
        """Return the codes of the organisations that fit best, the best one first, at most so many."""
        by_code = self._by_code(code_of(typed), most)
        alike = []
        for word in words_to_find(typed):
            alike.append(self._alike(word))
            await asyncio.sleep(0)
        by_name = [self._codes[number] for number in self._fitting(alike)]
        return list(dict.fromkeys([*by_code, *by_name]))[:most]

    def _by_code(self, code: str, most: int) -> list[str]:
        """Return codes that begin with what was typed."""
        if len(code) < SHORTEST_CODE:
            return []
        first = bisect_left(self._codes, code)
        return [each for each in self._codes[first : first + most] if each.startswith(code)]

    def _alike(self, typed: str) -> dict[str, float]:
        """Return the words of names that a typed word may stand for, each with how near it is, 0 to 1."""
        alike = dict.fromkeys(self._beginning_with(typed), PREFIX_ALIKE)
        edits = _edits(typed)
        for length in range(len(typed) - edits, len(typed) + edits + 1) if edits else ():
            near = process.extract(
                typed,
                self._by_length.get(length, ()),
                scorer=OSA.distance,
                score_cutoff=edits,
                limit=MOST_ALIKE,
            )
            for word, distance, _ in near:
                alike[word] = max(alike.get(word, 0), 1 - distance / max(len(typed), length))
        if typed in self._bearers:
            alike[typed] = 1.0
        best = sorted(alike, key=lambda word: (-alike[word], word))[:MOST_ALIKE]
        return {word: alike[word] for word in best}

    def _beginning_with(self, typed: str) -> list[str]:
        if len(typed) < SHORTEST_PREFIX:
            return []
        first = bisect_left(self._words, typed)
        near = self._words[first : first + MOST_ALIKE]
        return [word for word in near if word.startswith(typed)]

    def _fitting(self, alike: Sequence[dict[str, float]]) -> list[int]:
        """Return the organisations that have enough of the typed words; rare words weigh more than common."""
        weights = [max(map(self._weight, words), default=self._weight("")) for words in alike]
        scores: dict[int, float] = {}
        looked_at = 0
        for weight, words in sorted(zip(weights, alike, strict=True), key=lambda each: -each[0]):
            best: dict[int, float] = {}
            for word, near in words.items():
                bearers = self._bearers[word]
                looked_at += len(bearers)
                for number in bearers if looked_at <= MOST_LOOKED_AT else bearers[:MOST_LOOKED_AT]:
                    best[number] = max(best.get(number, 0), near)
            for number, near in best.items():
                if looked_at <= MOST_LOOKED_AT or number in scores or not scores:
                    scores[number] = scores.get(number, 0) + near * weight
        whole = sum(weights) or 1
        enough = [number for number, score in scores.items() if score / whole >= ENOUGH]
        return sorted(enough, key=lambda number: (-round(scores[number], 3), self._lengths[number], number))

    def _weight(self, word: str) -> float:
        """Return how much a word says: the fewer organisations bear it, the more."""
        return 1 + log((len(self._codes) + 1) / (len(self._bearers.get(word, ())) + 1))


def _edits(word: str) -> int:
    """Return how many typing errors a word may have."""
    return 0 if len(word) < 4 else 1 if len(word) < 7 else 2
