"""Scores to decisions: calibrated probabilities and thresholds for one output, from scores of rows held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stance.linear import Floats, Ints, decide, softmax
from stance.metrics import best_threshold
from stance.schema import NEUTRAL

GRID = np.linspace(0.04, 0.96, 47)
"""Thresholds that are tried."""
NEWTON_STEPS, HALVINGS = 50, 30
CLOSE = 1e-12
"""Stop where a whole step would lower the log loss by half of this."""
RIDGE = 1e-9
LEAST = 1e-6
"""The least factor of the scores."""
PLATEAU = 0.006
"""Thresholds whose macro-F1 is within this of the best one's are as good."""
TURNS = 3
"""Times that each threshold is set anew, the others staying."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The labels of one output's rows.

    Attributes:
        classes: names of the classes.
        labels: (n,) numbers of classes.
        weights: (n,) how much each row counts: the rate in use over the labels' rate (Saerens et al. 2002).
    """

    classes: tuple[str, ...]
    labels: Ints
    weights: Floats


def log_loss(scores: Floats, truth: Truth, scale: float = 1.0, shift: Floats | float = 0.0) -> float:
    """Weighted mean of -log(probability of the row's own class); ``scores`` are (n, classes)."""
    own = softmax(scores * scale + shift)[np.arange(len(scores)), truth.labels]
    return float(np.average(-np.log(np.maximum(own, 1e-12)), weights=truth.weights))


def believed(truth: Truth) -> Floats:
    """Probability of each class, (n, classes), that a row's label gives it among so many rows of that label.

    Laplace's rule of succession over the classes that occur; of two, the targets of Platt 1999, "Probabilistic Outputs
    for Support Vector Machines".
    """
    counts = np.bincount(truth.labels, minlength=len(truth.classes))
    once = (counts > 0).astype(float)
    found: Floats = (np.diag(counts) + once)[truth.labels] / (counts + once.sum())[truth.labels][:, None]
    return found


def calibrate(scores: Floats, truth: Truth) -> tuple[float, Floats]:
    """Temperature, and bias of each class (Guo et al. 2017, "On Calibration of Modern Neural Networks"), that give the
    least weighted log loss; the first class's bias is 0.

    Few rows prove little: the loss is to what can be believed of a row (`believed`), not to its label, so that no
    probability comes near 0 or 1 but by many rows. Newton's method: the loss is convex in both.
    """
    # A row a class, since sums over the other axis are much faster.
    by_class = np.ascontiguousarray(scores.T)
    weights = truth.weights / truth.weights.sum()
    own = believed(truth).T

    def loss(parameters: Floats) -> tuple[float, Floats]:
        p = softmax(by_class * parameters[0] + np.append(0.0, parameters[1:])[:, None], axis=0)
        return -float((weights * (np.log(np.maximum(p, 1e-12)) * own).sum(axis=0)).sum()), p

    # The derivatives of a row's logits are its scores, and 1 for a class's own bias: their means under what is
    # believed, and in the loop under p.
    at_own = np.vstack([(own * by_class).sum(axis=0), own[1:]])
    parameters = np.append(1.0, np.zeros(len(truth.classes) - 1))
    value, p = loss(parameters)
    for _ in range(NEWTON_STEPS):
        means = np.vstack([(p * by_class).sum(axis=0), p[1:]])
        gradient = (weights * (means - at_own)).sum(axis=1)
        squares = (weights * p * by_class).sum(axis=1)
        curvature = -np.array([[(weights * one * other).sum() for other in means] for one in means])
        curvature[0, 0] += float((weights * p * by_class**2).sum())
        curvature[0, 1:] += squares[1:]
        curvature[1:, 0] += squares[1:]
        curvature[1:, 1:] += np.diag((weights * p[1:]).sum(axis=1))
        # Scores that tell nothing, or the wrong way, have their factor at its least, and it is let alone there.
        free = slice(int(parameters[0] <= LEAST and gradient[0] > 0), None)
        step = np.zeros_like(parameters)
        step[free] = np.linalg.solve((curvature + RIDGE * np.eye(len(step)))[free, free], -gradient[free])
        if not -(gradient @ step) > CLOSE:
            break
        for length in 0.5 ** np.arange(HALVINGS):  # half as far until it helps
            tried = parameters + length * step
            tried[0] = max(tried[0], LEAST)
            if (found := loss(tried))[0] < value:
                parameters, (value, p) = tried, found
                break
        else:
            break
    return float(parameters[0]), np.append(0.0, parameters[1:])


def thresholds(probabilities: Floats, truth: Truth) -> Floats:
    """Each class's own best threshold; where neutral is among the classes, those that together give the best macro-F1,
    found by turns, since a case called favor is not called neutral.

    Args:
        probabilities: (n, classes).
    """
    numbers = range(len(truth.classes))
    found = np.array([best_threshold(truth.labels == c, probabilities[:, c], truth.weights) for c in numbers])
    if NEUTRAL not in truth.classes:
        return found
    rest = truth.classes.index(NEUTRAL)
    found[rest] = 1.0
    counts = np.bincount(truth.labels, minlength=len(truth.classes))
    for _ in range(TURNS):
        for c in numbers:
            if c == rest:
                continue
            scores = macro_f1s(probabilities, truth, found, c)
            # The middle of those that are as good, drawn toward 0.5 as if by ten more cases, as a single threshold is.
            near = GRID[scores >= scores.max() - PLATEAU].mean()
            found[c] = (counts[c] * near + 10 * 0.5) / (counts[c] + 10)
    return found


def macro_f1s(probabilities: Floats, truth: Truth, others: Floats, c: int) -> Floats:
    """Weighted macro-F1 with class ``c`` at each threshold of `GRID` and the other classes at their own: (47,)."""
    size, steps = len(truth.classes), len(GRID)
    without = decide(probabilities, truth.classes, np.where(np.arange(size) == c, np.inf, others))
    own, best = probabilities[:, c], np.take_along_axis(probabilities, without[:, None], axis=1)[:, 0]
    wins = (without == truth.classes.index(NEUTRAL)) | (own > best) | ((own == best) & (c < without))
    # A row is given c at the thresholds that its probability reaches, and else what it is given without c.
    reached = np.where(wins, np.searchsorted(GRID, own, side="right"), 0)
    cells = (truth.labels * size + without) * (steps + 1) + reached
    counts = np.bincount(cells, weights=truth.weights, minlength=size * size * (steps + 1))
    kept = np.cumsum(counts.reshape(size, size, steps + 1), axis=2)
    table = kept[:, :, :-1].copy()
    table[:, c] += (kept[:, :, -1:] - kept[:, :, :-1]).sum(axis=1)
    right = table[np.arange(size), np.arange(size)]
    both = table.sum(axis=0) + table.sum(axis=1)
    found: Floats = np.mean(2 * right / np.maximum(both, 1e-12), axis=0)
    return found
