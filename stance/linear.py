"""The heads as arrays: feature tables, biases, gates, and the two link functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """One block's features: ``keys[i]`` has weights ``rows[i]``, one column per `Layout` column.

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
    """All outputs' linear scores: ``bias + block sums``, plus the gated half where an output's gate is open.

    Attributes:
        tables: block name -> table with ``2 * outputs`` columns: the plain half, then the gated half.
        bias: (2 * outputs,), laid out like the columns.
    """

    tables: dict[str, Table]
    bias: Floats

    def scores(self, sums: Floats, gates: Floats) -> Floats:
        """Logits (n, outputs) from block sums (n, 2 * outputs) and gates (n, outputs) of 0 and 1."""
        total = sums + self.bias
        half = total.shape[1] // 2
        logits: Floats = total[:, :half] + gates * total[:, half:]
        return logits


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
