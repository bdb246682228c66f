"""Regularised logistic regression of all outputs at once, on features that are factored by word.

A sentence's character n-grams are its words' n-grams: the matrix of n-gram counts is (sentences x words) times (words
x n-grams), and the two factors together hold a fifth of the product's numbers. No solver of scikit-learn takes a
product, so this one is our own: Newton's method, each step by conjugate gradients (Nocedal and Wright, "Numerical
Optimization", 2006, algorithm 7.1), all heads side by side so that the matrices are read once for all of them. The
coefficients are combinations of the rows of X, w = X'a, and all steps are taken on a, which is far shorter than w.

It minimises what scikit-learn's `LogisticRegression` does, sum of log losses + |w|^2 / (2 C), but for two things. Each
feature is scaled by how much it tells of the head's classes (`naive_bayes_scales`), so that what tells more is held to
zero less; the coefficients are given for the features as they are. And the intercept is the weight of a constant
feature of value `CONSTANT`, and so is held to zero a little, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stance.compiled import multiply
from stance.linear import Floats, Ints, sigmoid, softmax

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

CONSTANT = 4.0
SMOOTHING = 3.0
"""Sentences with a feature that are added to those counted, divided among the classes."""
TOLERANCE = 0.0003
"""Stop where a head's gradient is this much smaller than at the start."""
STEPS, INNER_STEPS = 30, 40
_ROOM = {3: 4, 5: 8, 6: 8, 7: 8}  # columns -> columns that are multiplied faster, the last ones zero
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Design:
    """The feature matrix X = [direct, spelled @ grams].

    Attributes:
        direct: (sentences, features) of all blocks but the character n-grams.
        spelled: (sentences, words), scaled.
        grams: (words, character n-grams), scaled.
    """

    direct: csr_matrix
    spelled: csr_matrix
    grams: csr_matrix

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self.direct.shape[1] + self.grams.shape[1])

    def __getitem__(self, rows: Mask) -> Design:
        return Design(self.direct[rows], self.spelled[rows], self.grams)

    def scores(self, coefficients: Floats, intercepts: Floats) -> Floats:
        """X @ coefficients + intercepts: (sentences, columns)."""
        split = self.direct.shape[1]
        found: Floats = self.direct @ coefficients[:split] + self.spelled @ (self.grams @ coefficients[split:])
        return found + intercepts


@dataclass(frozen=True)
class Problem:
    """One head to fit: class numbers of all rows, which rows count, and the inverse strength of regularisation ``C``.

    Two classes make one column, the log-odds of class 1 over class 0, unless ``columns`` asks for one a class.
    """

    labels: Ints
    rows: Mask
    columns: int
    strength: float


@dataclass(frozen=True)
class Solution:
    """What one head's fit found.

    Attributes:
        coefficients: (features, columns).
        intercepts: (columns,).
        rows: (columns, sentences), the coefficients of the scaled features as combinations of the rows of X: where a
            like problem may start.
    """

    coefficients: Floats
    intercepts: Floats
    rows: Floats


def solve(design: Design, problems: Sequence[Problem], start: Sequence[Floats] | None = None) -> list[Solution]:
    """The solution of each problem, sought from zero or from the ``rows`` of like problems' solutions."""
    newton = _Newton(design, problems)
    newton.run(None if start is None else np.vstack(start))
    return newton.found()


def naive_bayes_scales(design: Design, problem: Problem) -> Floats:
    """1 + the log ratios of a feature's rate in each class to its rate in the others, as root mean square: (features,).

    The idea is of Wang and Manning (2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification"),
    who take the log ratio alone, for two classes. A rate is the share of sentences with the feature, as if there were
    `SMOOTHING` more with it, divided among the classes; a character n-gram counts once for each word. The scales'
    mean square, weighed by how often the features occur, is 1. Only rows that count are looked at.
    """
    truth = np.zeros((len(problem.labels), max(problem.columns, 2)))
    truth[np.arange(len(truth)), problem.labels] = problem.rows
    totals = np.maximum(truth.sum(axis=0), 1e-9)
    ones = [_ones(matrix) for matrix in (design.direct, design.spelled, design.grams)]
    counts = np.vstack([ones[0].T @ truth, ones[2].T @ (ones[1].T @ truth)])
    added = SMOOTHING * totals / totals.sum()
    rates = (counts + added) / (totals + added)
    rest = SMOOTHING - added
    others = (counts.sum(axis=1, keepdims=True) - counts + rest) / (totals.sum() - totals + rest)
    scales = 1 + np.sqrt((np.log(rates / others) ** 2).mean(axis=1))
    often = counts.sum(axis=1)
    found: Floats = scales / np.sqrt((scales**2 * often).sum() / max(often.sum(), 1))
    return found


def _ones(matrix: csr_matrix) -> csr_matrix:
    found = matrix.copy()
    found.data = np.ones_like(found.data)
    return found


class _Newton:
    """State of one run: arrays of (k columns of all heads, n sentences), and of one number a head."""

    def __init__(self, design: Design, problems: Sequence[Problem]) -> None:
        self._design = design
        single = np.float32
        self._direct, self._spelled, self._grams = (
            m.astype(single) for m in (design.direct, design.spelled, design.grams)
        )
        self._direct_t, self._spelled_t, self._grams_t = (
            m.T.tocsr() for m in (self._direct, self._spelled, self._grams)
        )
        self._problems = problems
        scales = np.stack([naive_bayes_scales(design, problem) for problem in problems], axis=1)
        columns = [problem.columns for problem in problems]
        edges = np.cumsum([0, *columns])
        self._parts = [slice(start, stop) for start, stop in pairwise(edges)]
        self._starts = edges[:-1]
        self._columns = np.array(columns)
        # Of each column: the products below are of scaled features twice, once on the way to them and once back.
        self._squares = np.repeat(scales**2, columns, axis=1)
        self._squares32 = np.split(self._squares.astype(single), [design.direct.shape[1]])
        self._now = np.zeros(edges[-1], dtype=bool)
        self._squares_now: list[NDArray[np.float32]] = []
        self._needed = np.ones(edges[-1], dtype=bool)
        self._needed[[part.stop - 1 for part in self._parts if part.stop - part.start > 1]] = False
        n = design.direct.shape[0]
        self._counted = np.vstack([np.repeat(p.rows[None, :], p.columns, axis=0) for p in problems]).astype(float)
        self._truth = np.vstack([np.eye(max(p.columns, 2))[-p.columns :, p.labels] for p in problems])
        self._decay = self._each(np.array([1 / problem.strength for problem in problems]))
        self._a = np.zeros((edges[-1], n))
        self._scores = np.zeros((edges[-1], n))

    def run(self, start: Floats | None) -> None:
        """Newton steps until every head's gradient is small, measured by what it is at zero."""
        first: Floats | None = None
        live = everyone = np.ones(len(self._problems), dtype=bool)
        if start is not None:
            gradient = self._gradient(self._probabilities(self._scores))
            first = self._size(gradient, self._kernel(gradient, everyone))
            self._a = start * self._counted
            self._scores = self._kernel(self._a, everyone)
        value = self._value(self._scores, self._dots(self._a, self._scores))
        for _ in range(STEPS):
            p = self._probabilities(self._scores)
            gradient = self._gradient(p)
            image = self._kernel(gradient, live)
            size = self._size(gradient, image)
            first = size if first is None else first
            live = size > TOLERANCE * np.maximum(first, 1e-12)
            if not live.any():
                return
            relative = size / np.maximum(first, 1e-12)
            step, moved = self._direction(p, gradient, image, live, np.minimum(0.25, np.sqrt(relative)))
            value = self._search(step, moved, self._dots(gradient, moved), value, live)

    def found(self) -> list[Solution]:
        """The solutions, in double precision."""
        design = self._design
        a = self._a.T
        coefficients = self._squares * np.vstack([design.direct.T @ a, design.grams.T @ (design.spelled.T @ a)])
        intercepts = CONSTANT**2 * a.sum(axis=0)
        return [Solution(coefficients[:, part], intercepts[part], self._a[part]) for part in self._parts]

    def _gradient(self, p: Floats) -> Floats:
        """Coefficients of rows, like a: X'g is the gradient with respect to w."""
        found: Floats = self._counted * (p - self._truth) + self._a * self._decay
        return found

    def _size(self, gradient: Floats, image: Floats) -> Floats:
        """Each head's norm of the gradient with respect to w."""
        found: Floats = np.sqrt(np.maximum(self._dots(gradient, image), 0))
        return found

    def _direction(
        self, p: Floats, gradient: Floats, image: Floats, live: Mask, forcing: Floats
    ) -> tuple[Floats, Floats]:
        """Conjugate gradients on the Newton system of every head that is live: the step, and X X' times it."""
        residual, image = -gradient * self._each(live), -image * self._each(live)
        direction, moving = residual.copy(), image.copy()
        step, moved = np.zeros_like(residual), np.zeros_like(residual)
        square = self._dots(residual, image)
        enough = forcing**2 * square
        active = live.copy()
        for _ in range(INNER_STEPS):
            curved = self._curved(p, moving) + direction * self._decay
            bend = self._dots(moving, curved)
            active = active & (bend > 0)
            if not active.any():
                break
            length = self._each(np.where(active, square / np.where(bend > 0, bend, 1), 0))
            step += length * direction
            moved += length * moving
            residual -= length * curved
            image = self._kernel(residual, active)
            new = self._dots(residual, image)
            active = active & (new > enough)
            if not active.any():
                break
            keep = self._each(np.where(active, new / np.where(square > 0, square, 1), 0))
            direction = residual + keep * direction
            moving = image + keep * moving
            square = new
        return step, moved

    def _search(self, step: Floats, moved: Floats, slope: Floats, value: Floats, live: Mask) -> Floats:
        """Halve each head's step until it gains what its slope promises; take it."""
        own, cross, square = (
            self._dots(self._a, self._scores),
            self._dots(step, self._scores),
            self._dots(step, moved),
        )
        length = live.astype(float)
        for _ in range(20):
            new = self._value(self._scores + self._each(length) * moved, own + 2 * length * cross + length**2 * square)
            short = new > value + 1e-4 * length * slope
            if not short.any():
                break
            length = np.where(short, length / 2, length)
        else:
            length = np.where(short, 0, length)
            new = np.where(short, value, new)
        self._a += self._each(length) * step
        self._scores += self._each(length) * moved
        return new

    def _kernel(self, rows: Floats, heads: Mask) -> Floats:
        """X X' times rows, of scaled features and the constant one, and zero for other heads. A head's columns of more
        than one sum to zero, and so do their images: its last need not be worked out."""
        wanted = np.repeat(heads, self._columns) & self._needed
        width = int(wanted.sum())
        room = _ROOM.get(width, width)
        if (self._now != wanted).any():  # mostly the same columns again
            self._now = wanted
            self._squares_now = [np.pad(part[:, wanted], ((0, 0), (0, room - width))) for part in self._squares32]
        of_direct, of_grams = self._squares_now
        given = np.zeros((rows.shape[1], room), dtype=np.float32)
        given[:, :width] = rows[wanted].T
        direct = multiply(self._direct, multiply(self._direct_t, given) * of_direct)
        grams = multiply(self._grams, multiply(self._grams_t, multiply(self._spelled_t, given)) * of_grams)
        image = direct + multiply(self._spelled, grams)
        found = np.zeros_like(rows)
        found[wanted] = image[:, :width].T + CONSTANT**2 * rows[wanted].sum(axis=1, keepdims=True)
        for part in self._parts:
            if part.stop - part.start > 1:
                found[part.stop - 1] = -found[part.start : part.stop - 1].sum(axis=0)
        return found

    def _probabilities(self, scores: Floats) -> Floats:
        return np.vstack([sigmoid(scores[s]) if s.stop - s.start == 1 else softmax(scores[s].T).T for s in self._parts])

    def _curved(self, p: Floats, moving: Floats) -> Floats:
        """The losses' second derivative times a direction in the scores."""
        weighed = p * moving
        for part in self._parts:
            weighed[part] -= p[part] * weighed[part].sum(axis=0)
        weighed *= self._counted
        return weighed

    def _value(self, scores: Floats, squares: Floats) -> Floats:
        """Each head's objective; ``squares`` is |w|^2."""
        losses = []
        for problem, part in zip(self._problems, self._parts, strict=True):
            own = scores[part]
            highest = np.maximum(own.max(axis=0), 0 if problem.columns == 1 else -np.inf)
            total = np.exp(own - highest).sum(axis=0) + (np.exp(-highest) if problem.columns == 1 else 0)
            loss = highest + np.log(total) - (self._truth[part] * own).sum(axis=0)
            losses.append(loss[problem.rows].sum())
        value: Floats = np.array(losses) + squares / (2 * np.array([problem.strength for problem in self._problems]))
        return value

    def _dots(self, one: Floats, other: Floats) -> Floats:
        """Each head's sum of products."""
        found: Floats = np.add.reduceat(np.einsum("ij,ij->i", one, other), self._starts)
        return found

    def _each(self, values: Any) -> Any:
        """A value a head, for each of its columns."""
        return np.repeat(values, self._columns)[:, None]
