"""What any model must beat: guessing the commonest label, keyword rules, and chance."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stance.features import Featurizer, gate_open
from stance.records import LabelledSentence
from stance.schema import NEUTRAL, Output, Schema


@dataclass(frozen=True, slots=True)
class Outcome:
    """Decisions on n texts: ``topics`` (n, topics) bool, ``stances`` (n, targets) number in ``schema.stances``."""

    topics: NDArray[np.bool_]
    stances: NDArray[np.intp]


class System(Protocol):
    """Anything that can be evaluated."""

    name: str

    def decide(self, texts: Sequence[str]) -> Outcome:
        """Decide every output of every text."""
        ...


class Majority:
    """The commonest label of each output in the training rows, whatever the text."""

    name = "majority"

    def __init__(self, schema: Schema, rows: Sequence[LabelledSentence]) -> None:
        with_topics = [row.topics for row in rows if row.topics is not None]
        self._topics = np.array(
            [2 * sum(t in found for found in with_topics) > len(with_topics) for t in schema.topic_names], dtype=bool
        )
        counts = [[sum(r.stances.get(t) == s for r in rows) for s in schema.stances] for t in schema.target_names]
        self._stances = np.array([int(np.argmax(row)) for row in counts], dtype=np.intp)

    def decide(self, texts: Sequence[str]) -> Outcome:
        """The same decisions for every text."""
        return Outcome(np.tile(self._topics, (len(texts), 1)), np.tile(self._stances, (len(texts), 1)))


class Chance:
    """Draws each label at its rate in the training rows; where a target has none there, each stance alike."""

    name = "random"

    def __init__(self, schema: Schema, rows: Sequence[LabelledSentence], seed: int = 0) -> None:
        n = max(len(rows), 1)
        self._topics = [sum(t in (row.topics or ()) for row in rows) / n for t in schema.topic_names]
        counts = [[sum(r.stances.get(t) == s for r in rows) for s in schema.stances] for t in schema.target_names]
        self._stances = [np.array(row) / sum(row) if sum(row) else np.full(len(row), 1 / len(row)) for row in counts]
        self._seed = seed

    def decide(self, texts: Sequence[str]) -> Outcome:
        """Decisions drawn anew from the seed at each call."""
        generator = np.random.default_rng(self._seed)
        topics = generator.random((len(texts), len(self._topics))) < np.array(self._topics)
        stances = [generator.choice(len(p), size=len(texts), p=p) for p in self._stances]
        return Outcome(topics, np.stack(stances, axis=1) if stances else np.zeros((len(texts), 0), dtype=np.intp))


class Keywords:
    """The schema's keyword rules: the label with most cue matches, where the output's entities are named."""

    name = "keywords"

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._featurizer = Featurizer(schema, char_min=1, char_max=0)
        self._rest = schema.stances.index(NEUTRAL) if NEUTRAL in schema.stances else 0

    def decide(self, texts: Sequence[str]) -> Outcome:
        """Count cues, text by text."""
        topics = np.zeros((len(texts), len(self._schema.topics)), dtype=bool)
        stances = np.full((len(texts), len(self._schema.targets)), self._rest, dtype=np.intp)
        for i, text in enumerate(texts):
            analysis = self._featurizer.analyse(text)
            cues = [cue.key for cue in analysis.cues]
            for j, topic in enumerate(self._schema.topics):
                topics[i, j] = _votes(topic, "present", cues, analysis.groups) > 0
            for j, target in enumerate(self._schema.targets):
                votes = {s: _votes(target, s, cues, analysis.groups) for s in target.keywords}
                best = max(votes, key=lambda stance: votes[stance], default=None)
                if best is not None and votes[best] > sum(votes.values()) - votes[best]:
                    stances[i, j] = self._schema.stances.index(best)
        return Outcome(topics, stances)


def _votes(output: Output, label: str, cues: Sequence[str], groups: Collection[str]) -> int:
    if output.entities and not gate_open(output, groups):
        return 0
    return sum(cues.count(f"{{{group}}}") for group in output.keywords.get(label, ()))
