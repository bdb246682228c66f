"""A fitted model as a value: schema, options, heads, decisions, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stance.linear import Floats, Heads
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


def decide(probabilities: Floats, stances: Sequence[str], thresholds: Sequence[float] | Floats) -> NDArray[np.int64]:
    """The stance furthest above its threshold, as a number; neutral, or else the likeliest, where none reaches its own.

    Args:
        probabilities: (n, stances).
        thresholds: one a stance; neutral's is not looked at.
    """
    others = [k for k, stance in enumerate(stances) if stance != NEUTRAL]
    ratios = probabilities[:, others] / np.asarray(thresholds)[others]
    best = np.asarray(others)[ratios.argmax(axis=1)]
    rest = probabilities.argmax(axis=1) if NEUTRAL not in stances else np.full(len(best), list(stances).index(NEUTRAL))
    return np.where(ratios.max(axis=1) >= 1, best, rest)


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
