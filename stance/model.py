"""A fitted model as a value: schema, options, heads, decisions, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stance.linear import Floats, Heads, Ints
from stance.options import Options
from stance.schema import NEUTRAL, Schema


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


def columns_of(schema: Schema) -> tuple[Column, ...]:
    """Output columns in their fixed order: topics, then each target's stances."""
    return (
        *(Column(topic) for topic in schema.topic_names),
        *(Column(target, stance) for target in schema.target_names for stance in schema.stances),
    )


def decide(probabilities: Floats, stances: Sequence[str], thresholds: Floats) -> Ints:
    """The likeliest of the stances that reach their thresholds, as a number; neutral, or else the likeliest of all,
    where none does.

    Args:
        probabilities: (..., stances).
        thresholds: (..., stances), broadcast; neutral's is not looked at.
    """
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    if NEUTRAL in stances:
        reached[..., stances.index(NEUTRAL)] = -1.0
    rest = stances.index(NEUTRAL) if NEUTRAL in stances else probabilities.argmax(axis=-1)
    return np.where(reached.max(axis=-1) >= 0, reached.argmax(axis=-1), rest)


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
