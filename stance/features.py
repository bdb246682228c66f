"""Text to features: words, character n-grams inside words, lexicon groups, the lexicon in context, entities.

A sentence's features fall into five *blocks*; every occurrence in a block counts the same, and a block's sum is
scaled by ``1 / sqrt(occurrences in the block)``, so that long and short sentences weigh alike:

- ``word``: 1-2 grams of *units*. A unit is a normalised word, or one token such as ``<china>`` for any alias of an
  entity group.
- ``char``: character n-grams of each word between boundary marks, a function of the word alone.
- ``lexicon``: cue groups (``{warm}``), once more where a negation, a concession or a later turn reaches them
  (``{warm}/negated``), and pairs of entity groups that occur together (``<china>+<russia>``).
- ``context``: the same cues once more for each set of entity groups that an output of the schema is about, where the
  whole set occurs (``{warm} <china>&<north_korea>``), so that "deepen" means one thing in a sentence on Beijing and
  Pyongyang and another elsewhere (the idea of Daume III, "Frustratingly Easy Domain Adaptation", ACL 2007).
- ``presence``: which entity groups occur at all, and which of the schema's sets occur whole, once each.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from stance.lexicon import (
    SCOPE_KEYS,
    WORD,
    alias_phrases,
    contexts_of,
    cue_phrases,
    normalise,
    words,
)
from stance.schema import Output, Schema

NEGATION_REACH = 4
"""Words after a negation that it reaches."""
WORD_LIMIT = 40
"""Characters of a word that its n-grams look at: what is longer is not a word."""

_CLAUSE_END = re.compile(r"[,;:—]|--")
_GROUP = re.compile(r"<([^<>]*)>")
_CACHE_LIMIT = 1 << 16

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Mark(NamedTuple):
    """One lexicon occurrence: its feature key and the words (first, last) it stands on."""

    key: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Company:
    """What follows from which entity groups a text names: feature keys.

    Attributes:
        contexts: the schema's sets of groups that occur whole.
        pairs: any two groups, by name.
        presence: the groups, and the contexts of more than one group.
    """

    contexts: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    presence: tuple[str, ...] = ()


@dataclass(slots=True)
class Analysis:
    """One text seen through the lexicon; not to be changed.

    Attributes:
        words: normalised words, in order.
        units: words with entity aliases replaced by their group's token.
        aliases: (first word, number of words) of each alias replaced, in order.
        cues: lexicon occurrences.
        groups: entity group -> (first, last) word of its first mention.
        company: what follows from which groups occur.
    """

    words: list[str]
    units: list[str]
    aliases: list[tuple[int, int]]
    cues: list[Mark]
    groups: dict[str, tuple[int, int]]
    company: Company

    def lexicon_keys(self) -> list[str]:
        """Keys of the lexicon block: cues, and pairs of groups."""
        return [*(cue[0] for cue in self.cues), *self.company.pairs]

    def context_keys(self) -> list[str]:
        """Keys of the context block: every cue, once for each set of groups that occurs whole."""
        return [f"{cue[0]} {context}" for context in self.company.contexts for cue in self.cues]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One feature at one place: block, key, character span, and the share of its weight that stands here."""

    block: str
    key: str
    start: int
    end: int
    share: float = 1.0


class Featurizer:
    """Turns texts into `Analysis` and `Occurrence`s for one schema. Stateless but for bounded caches."""

    def __init__(self, schema: Schema, *, char_min: int, char_max: int) -> None:
        sizes = range(char_min, char_max + 1)
        self._lexicon = _Lexicon(schema)
        self._special = Cache(self._lexicon.entry)
        self._chars: Cache[str, tuple[str, ...]] = Cache(lambda word: _char_ngrams(word, sizes))
        contexts = contexts_of(schema)
        self._companies: Cache[tuple[str, ...], Company] = Cache(lambda groups: _company(groups, contexts))

    def analyse(self, text: str) -> Analysis:
        """Words, units, lexicon marks and entity groups of one text; linear in its length."""
        found = words(text)
        special = self._special
        entries = [(i, entry) for i, word in enumerate(found) if (entry := special[word])]
        if not entries:
            return Analysis(found, found, [], [], {}, _ALONE)
        units, aliases, groups = _collapse(found, entries)
        cues = self._cues(text, found, entries)
        return Analysis(found, units, aliases, cues, groups, self._companies[tuple(groups)])

    def char_ngrams(self, word: str) -> tuple[str, ...]:
        """Character n-grams of one normalised word between boundary marks."""
        return self._chars[word]

    def occurrences(self, text: str) -> list[Occurrence]:
        """Every feature occurrence of a text with its character span: what `explain` shows."""
        analysis = self.analyse(text)
        spans = [match.span() for match in WORD.finditer(normalise(text))]
        return [
            *_word_occurrences(analysis, spans),
            *(
                Occurrence("char", gram, start, end)
                for word, (start, end) in zip(analysis.words, spans, strict=True)
                for gram in self.char_ngrams(word)
            ),
            *_lexicon_occurrences(analysis, spans),
        ]

    def _cues(self, text: str, found: list[str], entries: Sequence[tuple[int, _Entry]]) -> list[Mark]:
        cues: list[Mark] = []
        scopes: list[Mark] = []
        for i, entry in entries:
            for key, rest in entry.cues:
                # most phrases fail at their second word: look at it here and spare the call
                if not rest or (
                    found[i + 1 : i + 2] and _matches(rest[0], found[i + 1]) and _follows(rest, found, i + 1)
                ):
                    (scopes if key in SCOPE_KEYS else cues).append(Mark(key, i, i + len(rest)))
        cues, scopes = list(dict.fromkeys(cues)), list(dict.fromkeys(scopes))
        return cues + _scoped(cues, scopes, text) if scopes and cues else cues


def bigrams(units: Sequence[str]) -> Iterator[str]:
    """Neighbouring units joined by a space."""
    return map(" ".join, pairwise(units))


def gate_open(output: Output, groups: Collection[str]) -> bool:
    """Whether the entity groups of at least one of the output's alternatives all occur."""
    return any(all(group in groups for group in alternative) for alternative in output.entities)


class Cache(dict[K, V], Generic[K, V]):
    """A dict that makes what it misses, and starts anew when it grows past a bound."""

    def __init__(self, make: Callable[[K], V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: K) -> V:
        value = self._make(key)
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        self[key] = value
        return value


class _Entry(NamedTuple):
    """What the lexicon knows of phrases that begin with one word: their further words, and what they stand for."""

    aliases: tuple[tuple[tuple[str, ...], str], ...]
    cues: tuple[tuple[str, tuple[str, ...]], ...]


class _Lexicon:
    """Entity aliases, cues and scopes by their first word."""

    def __init__(self, schema: Schema) -> None:
        self._aliases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._cues: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for group, (first, *rest) in alias_phrases(schema):
            self._aliases.setdefault(first, []).append((tuple(rest), group))
        for key, (first, *rest) in cue_phrases(schema):
            self._cues.setdefault(first, []).append((key, tuple(rest)))

    def entry(self, word: str) -> _Entry | None:
        """All phrases that begin with ``word``, or None; a cue's first word may be a prefix with ``*``."""
        aliases = tuple(self._aliases.get(word, ()))
        prefixes = [f"{word[:n]}*" for n in range(1, min(len(word), WORD_LIMIT) + 1)]
        cues = [cue for first in (word, *prefixes) for cue in self._cues.get(first, ())]
        return _Entry(aliases, tuple(dict.fromkeys(cues))) if aliases or cues else None


def _char_ngrams(word: str, sizes: range) -> tuple[str, ...]:
    marked = f"\x02{word[:WORD_LIMIT]}\x03"
    return tuple(marked[i : i + n] for n in sizes for i in range(len(marked) - n + 1))


def _follows(rest: tuple[str, ...], found: list[str], at: int) -> bool:
    """Whether a phrase's further words stand at ``at``; "*" is any word, "deep*" any word that begins so."""
    return at + len(rest) <= len(found) and all(map(_matches, rest, found[at : at + len(rest)]))


def _matches(part: str, word: str) -> bool:
    return word == part or (part[-1] == "*" and word.startswith(part[:-1]))


def _collapse(
    found: list[str], entries: Sequence[tuple[int, _Entry]]
) -> tuple[list[str], list[tuple[int, int]], dict[str, tuple[int, int]]]:
    units: list[str] = []
    aliases: list[tuple[int, int]] = []
    groups: dict[str, tuple[int, int]] = {}
    done = 0
    for i, entry in entries:
        if i < done:
            continue
        for rest, group in entry.aliases:
            size = 1 + len(rest)
            if not rest or tuple(found[i + 1 : i + size]) == rest:
                units += found[done:i]
                units.append(f"<{group}>")
                aliases.append((i, size))
                groups.setdefault(group, (i, i + size - 1))
                done = i + size
                break
    units += found[done:]
    return units, aliases, groups


def _scoped(cues: list[Mark], scopes: list[Mark], text: str) -> list[Mark]:
    """The cues inside some scope's reach, once more under a key of their own."""
    spans = [match.span() for match in WORD.finditer(normalise(text))]
    negated, conceded = bytearray(len(spans)), bytearray(len(spans))
    last_turn = 0
    done = 0
    for scope in sorted(scopes, key=lambda scope: scope.last):
        after = scope.last + 1
        if scope.key == "negation":
            reach = len(spans[after : after + NEGATION_REACH])
            negated[after : after + reach] = b"\x01" * reach
        elif scope.key == "turn":
            last_turn = max(last_turn, scope.first)
        elif after >= done:  # a concession reaches to the end of its clause; one inside another's reach adds nothing
            found = _CLAUSE_END.search(text, spans[scope.last][1])
            end = found.start() if found else len(text)
            done = bisect_left(spans, (end, 0))
            conceded[after:done] = b"\x01" * max(done - after, 0)
    return [
        Mark(f"{cue.key}/{name}", cue.first, cue.last)
        for cue in cues
        for name, reached in (
            ("negated", negated[cue.first]),
            ("conceded", conceded[cue.first]),
            ("before", cue.first < last_turn),
        )
        if reached
    ]


def _word_occurrences(analysis: Analysis, spans: Sequence[tuple[int, int]]) -> Iterator[Occurrence]:
    places = []
    sizes = dict(analysis.aliases)
    i = 0
    for _ in analysis.units:
        size = sizes.get(i, 1)
        places.append((spans[i][0], spans[i + size - 1][1]))
        i += size
    for unit, (start, end) in zip(analysis.units, places, strict=True):
        yield Occurrence("word", unit, start, end)
    for n, key in enumerate(bigrams(analysis.units)):
        yield Occurrence("word", key, places[n][0], places[n + 1][1])


def _lexicon_occurrences(analysis: Analysis, spans: Sequence[tuple[int, int]]) -> Iterator[Occurrence]:
    for key, first, last in analysis.cues:
        yield Occurrence("lexicon", key, spans[first][0], spans[last][1])
        for context in analysis.company.contexts:
            yield Occurrence("context", f"{key} {context}", spans[first][0], spans[last][1])
    for block, keys in (("lexicon", analysis.company.pairs), ("presence", analysis.company.presence)):
        for key in keys:  # groups together count as one: an equal share stands on each one's first mention
            groups = _GROUP.findall(key)
            for first, last in (analysis.groups[group] for group in groups):
                yield Occurrence(block, key, spans[first][0], spans[last][1], 1 / len(groups))


_ALONE = Company()


def _company(groups: tuple[str, ...], contexts: Sequence[tuple[str, frozenset[str]]]) -> Company:
    ordered = sorted(groups)
    whole = tuple(context for context, needed in contexts if needed <= set(groups))
    return Company(
        contexts=whole,
        pairs=tuple(f"<{one}>+<{other}>" for n, one in enumerate(ordered) for other in ordered[n + 1 :]),
        presence=(*(f"<{group}>" for group in ordered), *(context for context in whole if "&" in context)),
    )
