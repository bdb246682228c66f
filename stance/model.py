"""A fitted model as a value: schema, options, heads, decisions, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stance.options import Options
from stance.schema import NEUTRAL, Schema

if TYPE_CHECKING:
    from stance.linear import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How one label's probability becomes a decision.

    Attributes:
        threshold: the label is assigned at this probability and above.
        curve: pairs (probability, precision), rising in probability: the precision measured out of fold among
            sentences that get the label at that probability or more.
    """

    threshold: float
    curve: tuple[tuple[float, float], ...] = ()

    def needed(self, min_precision: float) -> float:
        """The lowest probability from which the curve keeps at least ``min_precision``; infinity if none does."""
        lowest = float("inf")
        for probability, precision in reversed(self.curve):
            if precision < min_precision:
                break
            lowest = probability
        return lowest


@dataclass(frozen=True, slots=True)
class Column:
    """One output column: a topic (``stance`` is None) or one stance toward a target."""

    name: str
    stance: str | None = None

    @property
    def key(self) -> str:
        """``"sanctions"`` for a topic, ``"china_ties:favor"`` for a stance."""
        return self.name if self.stance is None else f"{self.name}:{self.stance}"

    def __str__(self) -> str:
        return self.key


def columns_of(schema: Schema) -> tuple[Column, ...]:
    """Output columns in their fixed order: topics, then each target's stances."""
    return (
        *(Column(topic) for topic in schema.topic_names),
        *(Column(target, stance) for target in schema.target_names for stance in schema.stances),
    )


def counted_labels(classes: Mapping[str, int]) -> str:
    """How many sentences have each label of a head, for people; a topic's absence is not told."""
    return ", ".join(f"{label} {count}" for label, count in classes.items() if label != "absent")


def commonest_f1(classes: Mapping[str, int]) -> float:
    """F1 of a head that always gives the commonest label, by how many sentences have each.

    Of a topic ("absent" and "present") that of its being there, of a target the mean over the stances that occur.
    """
    label, count = max(classes.items(), key=lambda item: item[1])
    if count < 1:
        return 0.0
    of_it = 2 * count / (count + sum(classes.values()))
    if "absent" in classes:
        return 0.0 if label == "absent" else of_it
    return of_it / sum(number > 0 for number in classes.values())


@dataclass(frozen=True)
class Heads:
    """All outputs' linear scores: the bias, and one row of weights a feature, a column an output column.

    It holds what the model's file holds, so that loading need not turn it into arrays. Whether keys and weights fit
    together is seen by whoever looks a key up first.

    Attributes:
        keys: block name -> its features' keys in UTF-8, one a line, in the order of their rows.
        weights: block name -> (features, columns) weights as little-endian integers of 16 bits, row after row.
        steps: block name -> what a weight of 1 stands for. Whole numbers have exact sums, in whatever order.
        bias: (columns,).
    """

    keys: Mapping[str, bytes | memoryview]
    weights: Mapping[str, bytes | memoryview]
    steps: Mapping[str, float]
    bias: tuple[float, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        copies = ({block: bytes(data) for block, data in part.items()} for part in (self.keys, self.weights))
        return Heads, (*copies, self.steps, self.bias)

    @property
    def unknown(self) -> int:
        """The number of features, and the row of any that training did not see."""
        return sum(map(len, self.weights.values())) // (2 * len(self.bias))

    @cached_property
    def rows(self) -> Floats:
        """The weights in double precision, and below them a row of zeros for any unknown feature."""
        import numpy as np

        none = np.zeros((1, len(self.bias)))
        blocks = [
            np.frombuffer(weights, dtype="<i2").reshape(-1, len(self.bias)) * self.steps[block]
            for block, weights in self.weights.items()
        ]
        return np.vstack([*blocks, none])

    @cached_property
    def index(self) -> dict[str, dict[str, int]]:
        """Block name -> key -> row number.

        Raises:
            ValueError: as `block_index` does.
        """
        index: dict[str, dict[str, int]] = {}
        start = 0
        for block in self.keys:
            index[block] = self.block_index(block, start)
            start += len(index[block])
        return index

    def block_index(self, block: str, start: int) -> dict[str, int]:
        """Key -> row number of one block whose first row is ``start``.

        Raises:
            ValueError: the keys are not UTF-8, one occurs twice, or they are not as many as the rows.
        """
        names = str(self.keys[block], "utf-8").split("\n") if self.keys[block] else []
        index = dict(zip(names, range(start, start + len(names)), strict=True))
        if len(index) != len(names):
            raise ValueError("a key occurs twice")
        if len(names) * 2 * len(self.bias) != len(self.weights[block]):
            raise ValueError(f"{block}: its keys and its weights do not fit together")
        return index


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """All that a trained model is; what a model folder holds.

    Attributes:
        schema: topics, targets, stances, lexicon.
        options: what it was trained with.
        heads: the weights.
        decisions: column key -> `Decision`.
        provenance: how it came to be: versions, data fingerprint, calibration, held-out figures.
    """

    schema: Schema
    options: Options
    heads: Heads
    decisions: Mapping[str, Decision]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def thresholds(self) -> list[float]:
        """Each column's threshold."""
        return [self.decisions[column.key].threshold for column in columns_of(self.schema)]

    @property
    def blank(self) -> list[float]:
        """Probabilities of a text without content: neutral and without topics, whatever the biases say."""
        certain = NEUTRAL in self.schema.stances
        even = 0.0 if certain else 1 / len(self.schema.stances)
        return [
            0.0 if c.stance is None else float(certain and c.stance == NEUTRAL) or even for c in columns_of(self.schema)
        ]
