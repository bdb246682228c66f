"""The heads as arrays: feature tables, biases, and the two link functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """One block's features: ``keys[i]`` has weights ``rows[i]``, one column an output column.

    ``rows`` has shape (features + 1, columns); the last row is zero and stands for any unknown feature.
    """

    keys: tuple[str, ...]
    rows: Floats
    index: dict[str, int]

    @classmethod
    def build(cls, keys: tuple[str, ...], weights: Floats) -> Table:
        """Make the table from ``weights`` of shape (features, columns)."""
        rows = np.ascontiguousarray(np.vstack([weights, np.zeros((1, weights.shape[1]))]))
        return cls(keys, rows, dict(zip(keys, range(len(keys)), strict=True)))


@dataclass(frozen=True, slots=True)
class Heads:
    """All outputs' linear scores: the bias and one table a block, a column an output column.

    Attributes:
        tables: block name -> table.
        bias: (columns,).
    """

    tables: dict[str, Table]
    bias: Floats


def segment_sums(rows: Floats, indices: list[int], lengths: list[int]) -> Floats:
    """Sum ``rows[indices]`` over consecutive segments of the given lengths: shape (segments, columns).

    Each segment is summed by itself, so that a text's score never depends on its neighbours in a batch.
    """
    counts = np.asarray(lengths, dtype=np.int64)
    sums = np.zeros((len(lengths), rows.shape[1]))
    if indices:
        filled = counts > 0
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])[filled]
        sums[filled] = np.add.reduceat(rows[np.asarray(indices)], starts, axis=0)
    return sums


def scaled_sums(rows: Floats, indices: list[int], lengths: list[int]) -> Floats:
    """`segment_sums`, each over the root of its segment's length."""
    return segment_sums(rows, indices, lengths) / np.sqrt(np.maximum(lengths, 1))[:, None]


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    positive = 1.0 / (1.0 + np.exp(-np.abs(logits)))
    return np.where(logits >= 0, positive, 1.0 - positive)


def softmax(logits: Floats) -> Floats:
    """Softmax over the last axis, without overflow."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return probabilities
