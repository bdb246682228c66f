"""Arrays: sums over segments, the two link functions, and decisions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stance.schema import NEUTRAL

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def segment_sums(rows: Floats, indices: list[int], lengths: Ints, zero: int) -> Floats:
    """Sum ``rows[indices]`` over consecutive segments of the given lengths: shape (segments, columns).

    Each segment is summed by itself, so that a text's score never depends on its neighbours in a batch. An empty
    segment's sum is meaningless: `root_scale` takes it to zero.

    Args:
        rows: (features, columns).
        indices: row numbers, as many as the lengths add up to.
        lengths: (segments,), at least one.
        zero: number of a row of zeros; one is put at the end, since reduceat wants a row at every start.
    """
    starts = np.zeros(len(lengths), dtype=np.intp)
    np.cumsum(lengths[:-1], out=starts[1:])
    sums: Floats = np.add.reduceat(rows.take([*indices, zero], axis=0), starts, axis=0)
    return sums


def root_scale(lengths: Ints) -> Floats:
    """1 / sqrt(length) as a column, and 0 where the length is 0."""
    scale: Floats = (lengths > 0) / np.sqrt(np.maximum(lengths, 1))
    return scale[:, None]


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return 1.0 / (1.0 + np.exp(-np.maximum(logits, -700.0)))


def softmax(logits: Floats, axis: int = -1) -> Floats:
    """Softmax over an axis, without overflow."""
    raised = np.exp(logits - logits.max(axis=axis, keepdims=True))
    probabilities: Floats = raised / raised.sum(axis=axis, keepdims=True)
    return probabilities


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
