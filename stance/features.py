"""Text to features: words, character n-grams inside words, and lexicon groups, each with its place in the text.

A sentence's features fall into three *blocks*; every occurrence in a block counts the same, and a block's sum is
scaled by ``1 / sqrt(occurrences in the block)``, so that long and short sentences weigh alike:

- ``word``: 1-2 grams of *units*. A unit is a normalised word, or one token such as ``<china>`` for any alias of an
  entity group.
- ``char``: character n-grams of each word between boundary marks, a function of the word alone.
- ``lexicon``: cue groups (``{warm}``), also inside a negation's or a concession's reach, and pairs of entity groups
  that occur together.

An output's *gate* is open where its entity groups co-occur (see `Schema`): heads keep a second set of weights
that count only then, so that "deepen" means one thing in a sentence on Beijing and Pyongyang and nothing
elsewhere (the feature augmentation of Daume III, "Frustratingly Easy Domain Adaptation", ACL 2007).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stance.schema import Output, Schema

BLOCKS = ("word", "char", "lexicon")
NEGATION_REACH = 4
"""Words after a negation that it reaches."""

_WORD = re.compile(r"[^\W_]+")
_CLAUSE_END = re.compile(r"[,;:—]|--")
_DIGITS = str.maketrans("123456789", "000000000")
_CACHE_LIMIT = 1 << 16


def normalise(text: str) -> str:
    """Lower case, every digit as ``0``; exactly as long as ``text``, so that spans stay valid."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters, such as "İ", have a longer lower case
        lowered = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    return lowered.translate(_DIGITS)


def words(text: str) -> list[str]:
    """The runs of letters and digits of a normalised text."""
    return _WORD.findall(text)


@dataclass(frozen=True, slots=True)
class Mark:
    """One lexicon occurrence: its feature key and the raw words (first, last) it stands on."""

    key: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """One text seen through the lexicon.

    Attributes:
        words: normalised words, in order.
        units: words with entity aliases replaced by their group's token.
        unit_ends: index of the word after each unit's last; None where every unit is one word.
        marks: lexicon occurrences.
        groups: entity group -> index of the first word of its first mention.
    """

    words: list[str]
    units: list[str]
    unit_ends: list[int] | None
    marks: list[Mark]
    groups: dict[str, int]


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
        self._sizes = range(char_min, char_max + 1)
        self._aliases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for group, aliases in schema.entities.items():
            for alias in aliases:
                parts = tuple(words(normalise(alias)))
                if parts:
                    self._aliases.setdefault(parts[0], []).append((parts, group))
        for candidates in self._aliases.values():
            candidates.sort(key=lambda candidate: (-len(candidate[0]), candidate))
        self._alias_starts = frozenset(self._aliases)
        self._phrases = [
            (group, tuple(_pattern(part) for part in normalise(phrase).split()))
            for group, phrases in schema.cues.items()
            for phrase in phrases
            if phrase.strip()
        ]
        self._cues_of: dict[str, tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]] = {}
        self._chars_of: dict[str, tuple[str, ...]] = {}
        self._has_scopes = bool(schema.cues)

    def analyse(self, text: str) -> Analysis:
        """Words, units, lexicon marks and entity groups of one text; linear in its length."""
        lowered = normalise(text)
        found = _WORD.findall(lowered)
        units, ends, groups = self._collapse(found)
        marks = self._cue_marks(lowered, found)
        if len(groups) > 1:
            names = sorted(groups)
            for i, one in enumerate(names):
                for other in names[i + 1 :]:
                    marks.append(Mark(f"<{one}>+<{other}>", groups[one], groups[other]))
        return Analysis(found, units, ends, marks, groups)

    def char_ngrams(self, word: str) -> tuple[str, ...]:
        """Character n-grams of one normalised word between boundary marks."""
        grams = self._chars_of.get(word)
        if grams is None:
            if len(self._chars_of) >= _CACHE_LIMIT:
                self._chars_of.clear()
            # A "word" of a thousand characters is not one; its middle tells nothing and would cost memory.
            marked = f"\x02{word[:40]}\x03"
            grams = tuple(marked[i : i + n] for n in self._sizes for i in range(len(marked) - n + 1))
            self._chars_of[word] = grams
        return grams

    def occurrences(self, text: str) -> list[Occurrence]:
        """Every feature occurrence of a text with its character span: what `explain` and training see."""
        analysis = self.analyse(text)
        spans = [match.span() for match in _WORD.finditer(normalise(text))]
        return [
            *self._word_occurrences(analysis, spans),
            *self._char_occurrences(analysis, spans),
            *_lexicon_occurrences(analysis, spans),
        ]

    def _collapse(self, found: list[str]) -> tuple[list[str], list[int] | None, dict[str, int]]:
        if self._alias_starts.isdisjoint(found):
            return found, None, {}
        units: list[str] = []
        ends: list[int] = []
        groups: dict[str, int] = {}
        i = 0
        while i < len(found):
            step, unit = 1, found[i]
            for parts, group in self._aliases.get(unit, ()):
                if tuple(found[i : i + len(parts)]) == parts:
                    step, unit = len(parts), f"<{group}>"
                    groups.setdefault(group, i)
                    break
            i += step
            units.append(unit)
            ends.append(i)
        return units, ends, groups

    def _cue_marks(self, lowered: str, found: list[str]) -> list[Mark]:
        marks: list[Mark] = []
        for i, word in enumerate(found):
            candidates = self._cues_of.get(word)
            if candidates is None:
                candidates = self._cue_candidates(word)
            for group, rest in candidates:
                last = i + len(rest)
                if not rest or (last < len(found) and all(p.fullmatch(w) for p, w in zip(rest, found[i + 1 :], strict=False))):
                    marks.append(Mark(f"{{{group}}}", i, last))
        if marks:
            marks += _scoped(marks, lowered)
        return marks

    def _cue_candidates(self, word: str) -> tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]:
        if len(self._cues_of) >= _CACHE_LIMIT:
            self._cues_of.clear()
        candidates = tuple((group, parts[1:]) for group, parts in self._phrases if parts[0].fullmatch(word))
        self._cues_of[word] = candidates
        return candidates

    def _word_occurrences(self, analysis: Analysis, spans: Sequence[tuple[int, int]]) -> Iterator[Occurrence]:
        ends = analysis.unit_ends or range(1, len(analysis.units) + 1)
        starts = [0, *ends][:-1]
        places = [(spans[i][0], spans[j - 1][1]) for i, j in zip(starts, ends, strict=True)]
        for unit, (start, end) in zip(analysis.units, places, strict=True):
            yield Occurrence("word", unit, start, end)
        for n, key in enumerate(bigrams(analysis.units)):
            yield Occurrence("word", key, places[n][0], places[n + 1][1])

    def _char_occurrences(self, analysis: Analysis, spans: Sequence[tuple[int, int]]) -> Iterator[Occurrence]:
        for word, (start, end) in zip(analysis.words, spans, strict=True):
            for gram in self.char_ngrams(word):
                yield Occurrence("char", gram, start, end)


def bigrams(units: Sequence[str]) -> list[str]:
    """Neighbouring units joined by a space."""
    return [f"{one} {other}" for one, other in zip(units, units[1:], strict=False)]


def gate_open(output: Output, groups: dict[str, int]) -> bool:
    """Whether the entity groups of at least one of the output's alternatives all occur."""
    return any(all(group in groups for group in alternative) for alternative in output.entities)


def _pattern(part: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(piece) for piece in part.split("*")), re.DOTALL)


def _lexicon_occurrences(analysis: Analysis, spans: Sequence[tuple[int, int]]) -> Iterator[Occurrence]:
    for mark in analysis.marks:
        if "+" in mark.key:  # two places that count as one occurrence: half the weight stands on each
            yield Occurrence("lexicon", mark.key, *spans[mark.first], 0.5)
            yield Occurrence("lexicon", mark.key, *spans[mark.last], 0.5)
        else:
            yield Occurrence("lexicon", mark.key, spans[mark.first][0], spans[mark.last][1])


_CONCESSIONS = ("despite", "although", "though", "while", "notwithstanding", "whereas", "even as")
_TURNS = ("but", "however", "yet", "nevertheless", "nonetheless", "still")


def _scoped(marks: list[Mark], lowered: str) -> list[Mark]:
    """The marks that stand inside a negation's, a concession's or a turn's reach, under keys of their own."""
    negations = [mark.last for mark in marks if mark.key == "{negation}"]
    contrast = any(mark.key == "{contrast}" for mark in marks)
    scoped: list[Mark] = []
    clauses = _clauses(lowered) if contrast else ()
    for mark in marks:
        if mark.key in ("{negation}", "{contrast}", "{doubt}"):
            continue
        if any(0 < mark.first - last <= NEGATION_REACH for last in negations):
            scoped.append(Mark(f"{mark.key}/negated", mark.first, mark.last))
        if contrast:
            scoped.append(Mark(f"{mark.key}/{clauses[mark.first]}", mark.first, mark.last))
    return scoped


def _clauses(lowered: str) -> list[str]:
    """For each word: "conceded", "before" a turn such as "but", or "main"."""
    roles: list[str] = []
    previous = 0
    role = "main"
    for match in _WORD.finditer(lowered):
        word = match.group()
        if role == "conceded" and _CLAUSE_END.search(lowered, previous, match.start()):
            role = "main"
        if word in _CONCESSIONS or (word == "as" and roles and lowered[previous - 4 : previous] == "even"):
            role = "conceded"
        elif word in _TURNS and roles:
            roles = ["before" if r == "main" else r for r in roles]
            role = "main"
        roles.append(role)
        previous = match.end()
    return roles
