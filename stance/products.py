"""The products that training spends its time in, single precision: compiled where that is at hand, else by NumPy and
SciPy. Both add the same numbers in the same order, whatever the number of threads: BLAS, whose sums depend on that, is
not asked. So both give the same bytes, but for SciPy where it was compiled to round once for a product and a sum, as it
may be elsewhere than on x86-64."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stance.compiled import SWITCH, kernel

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Singles = NDArray[np.float32]
_kernel = None if os.environ.get(SWITCH, "") == "reference" else kernel
LANES = 32
"""Sums of products of two vectors that are kept side by side."""


def multiply(matrix: csr_matrix, dense: Singles, scales: Singles | None = None) -> Singles:
    """A sparse matrix times a dense one, and that times ``scales``, number by number: (rows, columns)."""
    if _kernel is None or dense.shape[1] > 16 or matrix.indices.dtype != np.int32:
        product: Singles = matrix @ dense
        return product if scales is None else product * scales
    out = np.empty((matrix.shape[0], dense.shape[1]), dtype=np.float32)
    dense = np.ascontiguousarray(dense)
    _kernel.multiply(out, matrix.indptr, matrix.indices, matrix.data, dense, scales, dense.shape[0], dense.shape[1])
    return out


def dots(vectors: Singles, vector: Singles) -> NDArray[np.float64]:
    """Inner products of (n, size) vectors, contiguous, with one of (size,): (n,)."""
    count, size = vectors.shape
    if _kernel is not None:
        lanes = np.empty((count, LANES), dtype=np.float32)
        _kernel.dots(lanes, vectors, vector, count)
    else:
        padded = np.zeros((count, -(-size // LANES) * LANES), dtype=np.float32)
        np.multiply(vectors, vector, out=padded[:, :size])
        lanes = np.add.reduce(padded.reshape(count, padded.shape[1] // LANES, LANES), axis=1)
    found: NDArray[np.float64] = lanes.sum(axis=1, dtype=np.float64)
    return found


def mix(weights: Singles, first: Singles, others: Singles) -> Singles:
    """The sum of a vector (size,) and (n, size) others, contiguous, by their n + 1 weights: (size,)."""
    out: Singles = weights[0] * first
    if _kernel is not None:
        _kernel.mix(out, weights, first, others)
    else:
        for weight, vector in zip(weights[1:], others, strict=True):
            out += weight * vector
    return out
