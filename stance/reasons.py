"""Reasons put for people: which outputs decide, by which pieces of the text, and how much each word weighs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stance.errors import OptionError, did_you_mean
from stance.records import Explanation, OutputExplanation, Prediction
from stance.schema import NEUTRAL, Schema

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Reason:
    """One output of one text: a topic (``stance`` is None), or one stance toward a target."""

    name: str
    stance: str | None
    given: bool
    """Whether the model gives this label."""
    why: OutputExplanation

    @property
    def key(self) -> str:
        """``"sanctions"`` for a topic, ``"china_ties:favor"`` for a stance."""
        return self.name if self.stance is None else f"{self.name}:{self.stance}"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the text and all that it adds to an output; ``kinds`` says as what, heaviest first."""

    start: int
    end: int
    text: str
    weight: float
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WordWeight:
    """One word of the text and its share of an output's contributions."""

    start: int
    end: int
    weight: float


def reasons(explanation: Explanation, prediction: Prediction) -> list[Reason]:
    """Every output, topics first, as the prediction (which may abstain) decides it."""
    return [Reason(topic, None, topic in prediction.topics, why) for topic, why in explanation.topics.items()] + [
        Reason(target, stance, prediction.stances[target] == stance, why)
        for target, by_stance in explanation.stances.items()
        for stance, why in by_stance.items()
    ]


def deciding(found: Sequence[Reason], target: str | None) -> list[Reason]:
    """The topics given, the stance toward the target asked for, and stances toward others unless neutral."""
    return [
        reason
        for reason in found
        if reason.given and (reason.stance is None or reason.stance != NEUTRAL or reason.name == target)
    ]


def chosen(found: Sequence[Reason], names: Sequence[str], schema: Schema) -> list[Reason]:
    """The outputs of these names: a topic, a target (all its stances), or ``target:stance``.

    Raises:
        OptionError: a name that is none of these.
    """
    known = [*schema.topic_names, *schema.target_names, *(reason.key for reason in found if reason.stance)]
    for name in names:
        if name not in known:
            raise OptionError(f"output must be one of {', '.join(dict.fromkeys(known))}, got {name!r}"
                              + did_you_mean(name, known))  # fmt: skip
    return [reason for reason in found if reason.name in names or reason.key in names]


def pieces(why: OutputExplanation) -> list[Piece]:
    """An output's contributions, those that stand on the same characters as one; largest absolute weight first."""
    by_place: dict[tuple[int, int], list[tuple[str, float]]] = {}
    texts: dict[tuple[int, int], str] = {}
    for contribution in why.contributions:
        place = (contribution.start, contribution.end)
        by_place.setdefault(place, []).append((kind(contribution.feature), contribution.weight))
        texts[place] = contribution.text
    found = [
        Piece(*place, texts[place], sum(weight for _, weight in parts), tuple(dict.fromkeys(name for name, _ in parts)))
        for place, parts in by_place.items()
    ]
    return sorted(found, key=lambda piece: (-abs(piece.weight), piece.start, piece.end))


def word_weights(text: str, why: OutputExplanation) -> list[WordWeight]:
    """The text's words in order; a contribution that spans several words is shared out evenly among them."""
    spans = [match.span() for match in _WORD.finditer(text)]
    number = {start: i for i, (start, _) in enumerate(spans)}
    last = {end: i for i, (_, end) in enumerate(spans)}
    weights = [0.0] * len(spans)
    for contribution in why.contributions:
        first, final = number.get(contribution.start), last.get(contribution.end)
        if first is None or final is None:
            continue
        for i in range(first, final + 1):
            weights[i] += contribution.weight / (final - first + 1)
    return [WordWeight(start, end, weight) for (start, end), weight in zip(spans, weights, strict=True)]


def kind(feature: str) -> str:
    """A feature's name for people: "words", "spelling", "cue warm", "cue warm beside china and north_korea"."""
    if feature.startswith("{"):
        cue, _, context = feature.partition(" ")
        group, _, scope = cue.partition("/")
        beside = " and ".join(part.strip("<>") for part in context.split("&"))
        return f"cue {group.strip('{}')}" + (f", {scope}" if scope else "") + (f" beside {beside}" if beside else "")
    if feature.startswith("<"):
        return " with ".join(part.strip("<>") for part in re.split("[+&]", feature))
    return feature
