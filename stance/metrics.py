"""Measures on plain arrays: F1, calibration error, coverage, thresholds, bootstrap. Knows nothing of the domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with a two-sided interval; ``low`` and ``high`` are nan where none could be had."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1 of one label, with how many truly have it; all in [0, 1]."""

    precision: float
    recall: float
    f1: float
    support: int


def score(truth: Bools, found: Bools) -> Score:
    """Precision, recall and F1 of a yes/no label; a ratio without cases is 0.

    Args:
        truth, found: (n,) bool.
    """
    hits = int(np.sum(truth & found))
    precision = hits / max(int(found.sum()), 1)
    recall = hits / max(int(truth.sum()), 1)
    return Score(precision, recall, 2 * hits / max(int(truth.sum() + found.sum()), 1), int(truth.sum()))


def calibration_error(truth: Bools, probabilities: Floats, bins: int = 10) -> float:
    """Expected calibration error with equal-width bins (Naeini et al. 2015), in [0, 1].

    Args:
        truth: (n,) whether the event happened.
        probabilities: (n,) what was promised.
    """
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    gaps = [
        (which == b).sum() * abs(truth[which == b].mean() - probabilities[which == b].mean())
        for b in range(bins)
        if (which == b).any()
    ]
    return float(sum(gaps) / max(len(truth), 1))


def coverage_at(truth: Bools, probabilities: Floats, precision: float) -> float:
    """Largest share of a label's cases that can be told, most probable first, with at least ``precision`` right among
    all that are told: its recall at that precision.

    Args:
        truth: (n,) whether a case truly has the label.
        probabilities: (n,) of the label; equal ones stay together.
    """
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(truth[order])
    n = np.arange(1, len(order) + 1)
    last_of_tie = np.append(np.diff(probabilities[order]) != 0, True)
    good = last_of_tie & (hits / n >= precision)
    return float(hits[good].max() / hits[-1]) if good.any() and hits[-1] else 0.0


def best_threshold(truth: Bools, probabilities: Floats, weights: Floats) -> float:
    """The threshold with the best weighted F1, in (0, 1]: half way between the two neighbouring probabilities.

    The F1 curve is smoothed over neighbouring thresholds, and the result drawn toward 0.5 as if by ten more positives,
    so that a few lucky sentences do not decide.

    Args:
        truth, probabilities, weights: (n,).
    """
    order = np.argsort(-probabilities, kind="stable")
    p, hit, w = probabilities[order], truth[order].astype(float), weights[order]
    f1 = 2 * np.cumsum(hit * w) / (np.cumsum(w) + float((hit * w).sum()))
    reach = max(int(0.01 * len(p)), 1)
    smooth = np.convolve(np.pad(f1, reach, mode="edge"), np.full(2 * reach + 1, 1 / (2 * reach + 1)), mode="valid")
    ends_tie = np.append(np.diff(p) != 0, True)
    best = int(np.argmax(np.where(ends_tie, smooth, -1.0)))
    below = p[best + 1] if best + 1 < len(p) else 0.0
    positives = float(hit.sum())
    return float((positives * max((p[best] + below) / 2, 1e-6) + 10 * 0.5) / (positives + 10))


def precision_curve(
    truth: Bools, probabilities: Floats, weights: Floats, *, points: int = 40, least: int = 10
) -> tuple[tuple[float, float], ...]:
    """Pairs (probability, weighted precision among cases at that probability or more), rising in probability.

    Points with fewer than ``least`` cases at or above them are left out: they promise more than they know.

    Args:
        truth, probabilities, weights: (n,).
    """
    order = np.argsort(-probabilities, kind="stable")
    p, hit, w = probabilities[order], truth[order].astype(float), weights[order]
    precision = np.cumsum(hit * w) / np.cumsum(w)
    usable = np.flatnonzero((np.append(np.diff(p) != 0, True)) & (np.arange(1, len(p) + 1) >= least))
    if usable.size > points:
        usable = usable[np.unique(np.linspace(0, usable.size - 1, points).round().astype(int))]
    return tuple((round(float(p[i]), 6), round(float(precision[i]), 6)) for i in usable[::-1])


def draws(groups: Sequence[str], *, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each group is drawn in each bootstrap sample of whole groups (Efron 1979): (resamples, groups).

    Groups are in order of first appearance. The same seed and groups give the same draws, so that two systems
    measured on the same rows can be compared draw by draw.
    """
    n = len(dict.fromkeys(groups))
    generator = np.random.default_rng(seed)
    return generator.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64) if n else np.zeros((0, 0))


def group_sums(counts: Floats, groups: Sequence[str]) -> Floats:
    """Sum rows of ``counts`` (n, ...) by group: (groups, ...), in order of first appearance."""
    order = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    sums = np.zeros((len(order), *counts.shape[1:]))
    np.add.at(sums, [order[group] for group in groups], counts)
    return sums


def f1_of_counts(counts: Floats) -> Floats:
    """F1 from (..., 3) counts of hits, false alarms and misses; nan where a label neither occurs nor is given."""
    hits, false, missed = counts[..., 0], counts[..., 1], counts[..., 2]
    total = 2 * hits + false + missed
    ratio: Floats = np.divide(2 * hits, total, out=np.full(total.shape, np.nan), where=total > 0)
    return ratio


def interval(value: float, sample: Floats, level: float = 0.95) -> Interval:
    """Percentile interval from bootstrap values (resamples,); nan values are left out."""
    known = sample[~np.isnan(sample)]
    if known.size == 0:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
