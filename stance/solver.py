"""Regularised logistic regression of all outputs at once, on features that are factored by word.

A sentence's character n-grams are its words' n-grams: the matrix of n-gram counts is (sentences x words) times (words
x n-grams), and the two factors together hold a sixth of the product's numbers. No solver of scikit-learn takes a
product, so this one is our own: L-BFGS (Liu and Nocedal, 1989, "On the limited memory BFGS method for large scale
optimization"; Nocedal and Wright, "Numerical Optimization", 2006, algorithm 7.4), a search for each head, all of them
side by side so that the matrices are read once for all. The coefficients are combinations of the rows of X, w = X'a,
and all steps are taken on a, which is far shorter than w. The two loops of L-BFGS need inner products alone, and those
of a new vector with the kept ones are one product (Chen et al., 2014, "Large-scale L-BFGS using MapReduce").

It minimises what scikit-learn's `LogisticRegression` does, sum of log losses + |w|^2 / (2 C), but for two things. Each
feature is scaled by how much it tells of the head's classes (`naive_bayes_scales`), so that what tells more is held to
zero less; the coefficients are given for the features as they are. And the intercept is the weight of a constant
feature of value `CONSTANT`, and so is held to zero a little, too.

The coefficients of more than two classes, one column each, sum to zero at the minimum, and in every step. They are kept
by their coordinates in that plane, one column less (`plane`); inner products and images are the same there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stance.linear import Floats, Ints
from stance.products import Singles, dots, mix, multiply

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

CONSTANT = 4.0
SMOOTHING = 3.0
"""Sentences with a feature that are added to those counted, divided among the classes."""
TOLERANCE = 0.0003
"""Stop where a head's gradient is this much smaller than at the start."""
STEPS = 500
"""At most so many for one strength."""
MEMORY = 32
"""Steps that the curvature is estimated from."""
FLAT = (-0.3, 0.1)
"""A step ends where the slope along its direction, over its steepness at the start, lies between these."""
TRIES = 30
"""Step lengths tried for one step, at most."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Design:
    """The feature matrix X = [direct, spelled @ grams], in single precision.

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

    def transposed(self) -> list[csr_matrix]:
        """The transposes of all three, row by row."""
        return [matrix.T.tocsr() for matrix in (self.direct, self.spelled, self.grams)]

    def __getitem__(self, rows: Mask) -> Design:
        return Design(self.direct[rows], self.spelled[rows], self.grams)

    def scores(self, coefficients: Floats, intercepts: Floats) -> Floats:
        """X @ coefficients + intercepts: (sentences, columns)."""
        split = self.direct.shape[1]
        found: Floats = self.direct @ coefficients[:split] + self.spelled @ (self.grams @ coefficients[split:])
        return found + intercepts


@dataclass(frozen=True)
class Problem:
    """One head to fit: class numbers of all rows, and which rows count.

    Two classes make one column, the log-odds of class 1 over class 0, unless ``columns`` asks for one a class.
    """

    labels: Ints
    rows: Mask
    columns: int


@dataclass(frozen=True)
class Solution:
    """What one head's fit found: coefficients (features, columns) and intercepts (columns,)."""

    coefficients: Floats
    intercepts: Floats


def solve(design: Design, problems: Sequence[Problem], path: Sequence[Sequence[float]]) -> Iterator[list[Solution]]:
    """The solution of each problem at its inverse strength of regularisation ``C``, for each step of a path.

    A step of the path is a strength for each problem; the first is solved from zero, and each other from where the one
    before it ended.
    """
    products = _Products(design, problems)
    searches = [_Search(problem) for problem in problems]
    for strengths in path:
        runs = [search.run(strength) for search, strength in zip(searches, strengths, strict=True)]
        asked = {i: next(run) for i, run in enumerate(runs)}
        while asked:
            images = dict(zip(asked, products.of(list(asked), list(asked.values())), strict=True))
            asked = {}
            for i, image in images.items():
                with suppress(StopIteration):
                    asked[i] = runs[i].send(image)
        yield products.solutions([search.rows for search in searches])


def plane(columns: int) -> Singles:
    """An orthonormal basis of the vectors that sum to zero (Helmert's contrasts): (columns, columns - 1); of a single
    column, that column."""
    if columns == 1:
        return np.ones((1, 1), dtype=np.float32)
    found = np.zeros((columns, columns - 1))
    for k in range(1, columns):
        found[:k, k - 1], found[k, k - 1] = 1, -k
    basis: Singles = (found / np.sqrt((found**2).sum(axis=0))).astype(np.float32)
    return basis


def naive_bayes_scales(transposed: Sequence[csr_matrix], problems: Sequence[Problem]) -> Floats:
    """1 + the log ratios of a feature's rate in each class to its rate in the others, as root mean square: (features,
    problems).

    The idea is of Wang and Manning (2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification"),
    who take the log ratio alone, for two classes. A rate is the share of sentences with the feature, as if there were
    `SMOOTHING` more with it, divided among the classes; a character n-gram counts once for each word. The scales'
    mean square, weighed by how often the features occur, is 1. Only rows that count are looked at.

    Args:
        transposed: a design's.
    """
    sizes = [max(problem.columns, 2) for problem in problems]
    truths = np.zeros((transposed[0].shape[1], sum(sizes)), dtype=np.float32)
    edges = np.cumsum([0, *sizes])
    for problem, start in zip(problems, edges, strict=False):
        truths[np.arange(len(truths)), start + problem.labels] = problem.rows
    direct, spelled, grams = map(_ones, transposed)  # so that the sums below are of ones, and exact
    counted = np.vstack([multiply(direct, truths), multiply(grams, multiply(spelled, truths))]).astype(float)
    found = np.empty((len(counted), len(problems)))
    for i, part in enumerate(slice(*pair) for pair in pairwise(edges)):
        counts, totals = counted[:, part], np.maximum(truths[:, part].sum(axis=0, dtype=float), 1e-9)
        added = SMOOTHING * totals / totals.sum()
        rates = (counts + added) / (totals + added)
        often = counts.sum(axis=1)
        others = (often[:, None] - counts + SMOOTHING - added) / (totals.sum() - totals + SMOOTHING - added)
        scales = 1 + np.sqrt((np.log(rates / others) ** 2).mean(axis=1))
        found[:, i] = scales / np.sqrt((scales**2 * often).sum() / max(often.sum(), 1))
    return found


def _ones(matrix: csr_matrix) -> csr_matrix:
    found = matrix.copy()
    found.data = np.ones_like(found.data)
    return found


class _Products:
    """X X' of scaled features and the constant one, for any of the heads' columns."""

    def __init__(self, design: Design, problems: Sequence[Problem]) -> None:
        self._design = design
        self._transposed = design.transposed()
        # The products are of scaled features twice, once on the way to them and once back.
        self._squares = naive_bayes_scales(self._transposed, problems) ** 2
        self._planes = [plane(problem.columns) for problem in problems]
        self._now: list[int] = []
        self._squares_now: list[Singles] = []

    def of(self, heads: Sequence[int], rows: Sequence[Singles]) -> list[Singles]:
        """X X' times each head's rows, arrays of (columns, sentences)."""
        sizes = [len(given) for given in rows]
        width = sum(sizes)
        room = 1 << (width - 1).bit_length()  # that many are multiplied faster; the last ones are zero
        if list(heads) != self._now:  # mostly the same again
            self._now = list(heads)
            squares = np.zeros((self._design.width, room), dtype=np.float32)
            squares[:, :width] = np.repeat(self._squares[:, self._now], sizes, axis=1)
            self._squares_now = np.split(squares, [self._design.direct.shape[1]])
        given = np.zeros((rows[0].shape[1], room), dtype=np.float32)
        given[:, :width] = np.vstack(rows).T
        (direct_t, spelled_t, grams_t), (of_direct, of_grams) = self._transposed, self._squares_now
        by_gram = multiply(grams_t, multiply(spelled_t, given), of_grams)
        image = multiply(self._design.direct, multiply(direct_t, given, of_direct))
        image += multiply(self._design.spelled, multiply(self._design.grams, by_gram))
        image += np.float32(CONSTANT**2) * given.sum(axis=0)
        return np.split(np.ascontiguousarray(image.T[:width]), np.cumsum(sizes)[:-1])

    def solutions(self, rows: Sequence[Singles]) -> list[Solution]:
        """X' times each head's rows, in double precision."""
        design = self._design
        a = np.vstack([basis.astype(float) @ given for basis, given in zip(self._planes, rows, strict=True)]).T
        coefficients = np.vstack([design.direct.T @ a, design.grams.T @ (design.spelled.T @ a)])
        intercepts = CONSTANT**2 * a.sum(axis=0)
        edges = np.cumsum([0, *(len(basis) for basis in self._planes)])
        parts = [slice(start, stop) for start, stop in pairwise(edges)]
        return [
            Solution(square[:, None] * coefficients[:, part], intercepts[part])
            for square, part in zip(self._squares.T, parts, strict=True)
        ]


class _Search:
    """One head's search. A vector holds coefficients of rows, (columns, sentences), and is kept flat; its image is X X'
    times it, and its inner product with another, as coefficients of features, is that with the other's image."""

    def __init__(self, problem: Problem) -> None:
        self._plane = plane(problem.columns)
        self._shape = (self._plane.shape[1], len(problem.labels))
        self._rows = np.zeros(self._shape, dtype=np.float32).ravel()
        self._scores = np.zeros_like(self._rows)
        self._counted = problem.rows.astype(np.float32)
        self._truth = np.eye(max(problem.columns, 2), dtype=np.float32)[-problem.columns :, problem.labels]
        self._first = 0.0  # the gradient's norm at zero

    @property
    def rows(self) -> Singles:
        """Where it is: coefficients of rows, (columns, sentences)."""
        return self._rows.reshape(self._shape)

    def run(self, strength: float) -> Generator[Singles, Singles, None]:
        """Go on to the minimum at a strength. Yields the gradient, and is sent its image, until it is small."""
        decay = np.float32(1 / strength)
        memory = _Memory(len(self._rows))
        gradient = self._pull(self._scores) + decay * self._rows
        image = (yield gradient.reshape(self._shape)).ravel()
        self._first = self._first or _norm(gradient, image)
        for _ in range(STEPS):
            if _norm(gradient, image) <= TOLERANCE * self._first:
                return
            direction, moved = memory.direction(gradient, image)
            steepness = -_dot(gradient, moved)
            if not steepness > 0:  # no way down in single precision
                return
            held, bent = decay * _dot(self._rows, moved), decay * _dot(direction, moved)
            length = tried = 1.0
            lower, upper = (0.0, -steepness), (np.inf, np.inf)
            for _ in range(TRIES):
                scores = self._scores + np.float32(length) * moved
                pull = self._pull(scores)
                slope = float(_dot(pull, moved) + held + length * bent)
                if FLAT[0] <= slope / steepness <= FLAT[1]:
                    break
                lower, upper = ((length, slope), upper) if slope < 0 else (lower, (length, slope))
                tried, length = length, _between(lower, upper) if upper[0] < np.inf else 4 * length
            else:
                length = tried
            self._rows, self._scores = self._rows + np.float32(length) * direction, scores
            new = pull + decay * self._rows
            new_image = (yield new.reshape(self._shape)).ravel()
            memory.keep(length, direction, moved, new - gradient, new_image - image, new_image)
            gradient, image = new, new_image

    def _pull(self, scores: Singles) -> Singles:
        """The gradient of the log losses: coefficients of rows, like its argument."""
        found: Singles
        if len(self._plane) == 1:
            found = np.reciprocal(1 + np.exp(-np.maximum(scores[None], np.float32(-80))))
        else:
            found = np.einsum("ck,kn->cn", self._plane, scores.reshape(self._shape))
            found -= found.max(axis=0)
            np.exp(found, out=found)
            found /= found.sum(axis=0)
        found -= self._truth
        found *= self._counted
        return found.ravel() if len(found) == 1 else np.einsum("ck,cn->kn", self._plane, found).ravel()


class _Memory:
    """The latest steps of a search and the changes of the gradient that they brought, their images, and all their
    inner products, which give the next direction. Vectors are flat here."""

    def __init__(self, size: int) -> None:
        self._count = 0
        # A step, and after it the change that it brought; then the next one's.
        self._vectors = np.zeros((2 * MEMORY, size), dtype=np.float32)
        self._images = np.zeros((2 * MEMORY, size), dtype=np.float32)
        self._products = np.zeros((2 * MEMORY, 2 * MEMORY))
        self._slopes = np.zeros(2 * MEMORY)  # products with the gradient
        self._along = np.zeros(2 * MEMORY)  # and with the direction

    def direction(self, gradient: Singles, image: Singles) -> tuple[Singles, Singles]:
        """L-BFGS's direction of descent, and its image."""
        products, slopes = self._products, self._slopes
        latest = [2 * ((self._count - 1 - i) % MEMORY) for i in range(min(self._count, MEMORY))]
        # The direction is a combination of the kept vectors, by these weights, and of the gradient.
        weights, own = np.zeros(2 * MEMORY), -1.0
        shares = []
        for step in latest:
            change = step + 1
            share = (products[step] @ weights + own * slopes[step]) / products[step, change]
            weights[change] -= share
            shares.append(share)
        if latest:
            step, change = latest[0], latest[0] + 1
            # The inverse Hessian's, to begin with: the geometric mean of the two estimates of Barzilai and Borwein
            # (1988, "Two-Point Step Size Gradient Methods"). The shorter one, which is common, takes half as many
            # steps more.
            scale = np.sqrt(products[step, step] / products[change, change])
            weights, own = weights * scale, own * scale
        for step, share in zip(reversed(latest), reversed(shares), strict=True):
            change = step + 1
            weights[step] += share - (products[change] @ weights + own * slopes[change]) / products[step, change]
        self._along = products @ weights + own * slopes  # products with the direction
        used = self._used
        mixed = np.append(own, weights[:used]).astype(np.float32)
        direction, moved = mix(mixed, gradient, self._vectors[:used]), mix(mixed, image, self._images[:used])
        return direction, moved

    def keep(
        self, length: float, direction: Singles, moved: Singles, change: Singles, changed: Singles, image: Singles
    ) -> None:
        """Keep a step of some length along the direction, the change of the gradient it brought, and the images of
        both; the last argument is the new gradient's image."""
        before, products = self._slopes, self._products
        curvature = length * _dot(change, moved)
        if curvature > 0:  # not lost in rounding
            first, second = 2 * (self._count % MEMORY), 2 * (self._count % MEMORY) + 1
            self._count += 1
            for place, vector, its_image in (
                (first, np.float32(length) * direction, np.float32(length) * moved),
                (second, change, changed),
            ):
                self._vectors[place], self._images[place] = vector, its_image
        self._slopes = np.zeros(2 * MEMORY)
        self._slopes[: self._used] = dots(self._vectors[: self._used], image)
        if curvature > 0:
            products[first] = products[:, first] = length * self._along
            products[second] = products[:, second] = self._slopes - before
            products[first, first] = length**2 * _dot(direction, moved)
            products[second, second] = _dot(change, changed)
            products[first, second] = products[second, first] = curvature

    @property
    def _used(self) -> int:
        return 2 * min(self._count, MEMORY)


def _between(lower: tuple[float, float], upper: tuple[float, float]) -> float:
    """The length between two, each with its slope, at which a straight line would be zero, or not far from it."""
    share = lower[1] / (lower[1] - upper[1])
    return lower[0] + (upper[0] - lower[0]) * min(max(share, 0.05), 0.95)


def _dot(one: Singles, other: Singles) -> float:
    return float(dots(one[None], other)[0])


def _norm(vector: Singles, image: Singles) -> float:
    return float(np.sqrt(max(_dot(vector, image), 0.0)))
