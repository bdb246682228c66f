"""The heads as arrays: feature tables, biases, and the two link functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Heads:
    """All outputs' linear scores: the bias, and one row of weights a feature, a column an output column.

    Attributes:
        keys: block name -> its features' keys, in the order of their rows.
        rows: (features + 1, columns), block after block; the last row is zero and stands for any unknown feature.
        bias: (columns,).
        index: block name -> key -> row number.
    """

    keys: dict[str, tuple[str, ...]]
    rows: Floats
    bias: Floats
    index: dict[str, dict[str, int]]

    @classmethod
    def build(cls, keys: dict[str, tuple[str, ...]], weights: Floats, bias: Floats) -> Heads:
        """Make the heads from ``weights`` of shape (features of all blocks, columns)."""
        rows = np.vstack([weights, np.zeros((1, weights.shape[1]))])
        index, start = {}, 0
        for block, names in keys.items():
            index[block] = dict(zip(names, range(start, start + len(names)), strict=True))
            start += len(names)
        return cls(keys, np.ascontiguousarray(rows), bias, index)

    @property
    def unknown(self) -> int:
        """The row of features that training did not see."""
        return len(self.rows) - 1


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
    starts = np.zeros(len(lengths), dtype=np.int64)
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


def softmax(logits: Floats) -> Floats:
    """Softmax over the last axis, without overflow."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return probabilities
