"""Splits and folds that never part an article, with each label and register near its share in every one of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stance.errors import LabelError, OptionError
from stance.records import LabelledSentence

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]
Shares = Sequence[tuple[str, float]]

DEFAULT_SHARES: Shares = (("train", 0.8), ("dev", 0.07), ("test", 0.13))
# The best of several orders is kept: on simulated labels of 190 articles this took a third off the imbalance. With many
# groups one order is as good as another, so the number falls.
_ORDERS, _ORDERED_GROUPS = 16, 20_000


def assign_splits(
    rows: Iterable[LabelledSentence],
    *,
    seed: int,
    shares: Shares = DEFAULT_SHARES,
    kept: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Article -> split. The order of the rows does not matter; the same arguments give the same splits.

    Args:
        shares: (split, share of the sentences) pairs; the shares sum to 1.
        kept: article -> split of those that are not to be moved, so that what was held out stays so as labels grow.

    Raises:
        OptionError: shares that are not positive, do not sum to 1, or name a split twice.
        LabelError: fewer articles than splits.
    """
    names = [name for name, _ in shares]
    wanted = [share for _, share in shares]
    if not names or len(set(names)) != len(names) or min(wanted) <= 0 or not math.isclose(sum(wanted), 1, abs_tol=1e-9):
        raise OptionError(f"shares must be positive, sum to 1 and name each split once, got {tuple(shares)!r}")
    articles, content, _ = _contents(rows)
    if len(articles) < len(names):
        raise LabelError(f"splits: expected at least {len(names)} articles, got {len(articles)}")
    fixed = np.array([names.index(s) if (s := (kept or {}).get(a)) in names else -1 for a in articles], dtype=np.intp)
    parts = stratify(content, wanted, seed, fixed)
    return {article: names[k] for article, k in zip(articles, parts, strict=True)}


def grouped_folds(rows: Sequence[LabelledSentence], *, k: int, seed: int) -> list[Ints]:
    """Row indices of each of ``k`` folds, sorted; every row is in one fold and no article is in two.

    Raises:
        OptionError: ``k`` below 2.
        LabelError: fewer articles than folds.
    """
    if k < 2:
        raise OptionError(f"k must be 2 or more, got {k!r}")
    articles, content, article_of = _contents(rows)
    if len(articles) < k:
        raise LabelError(f"folds: expected at least {k} articles, as many as folds, got {len(articles)}")
    fold_of = stratify(content, [1 / k] * k, seed)[article_of]
    return [np.flatnonzero(fold_of == fold) for fold in range(k)]


def stratify(content: Ints, shares: Sequence[float], seed: int, fixed: Ints | None = None) -> Ints:
    """The part, 0 to parts - 1, of each group, such that every part gets near its share of every column.

    After Sechidis, Tsoumakas and Vlahavas (2011, "On the Stratification of Multi-Label Data"): greedily, groups that
    hold much of what is rare first. Unlike there, a group goes where it leaves the least squared error relative to
    what is expected (chi-squared) over all columns together, since an article holds many labels at once: that
    took the mean error of a share to less than half. No part is left empty while groups are enough.

    Args:
        content: (groups, columns) how much of each column a group holds, such as sentences with a label.
        shares: (parts,) positive, summing to 1.
        fixed: (groups,) the part that a group is bound to, or -1; None binds none.
    """
    wanted = np.asarray(shares, dtype=np.float64)
    total = content.sum(axis=0)
    held = content[:, total > 0].astype(np.float64)
    expected = np.outer(wanted, total[total > 0])
    generator = np.random.default_rng(seed)
    bound = np.full(len(held), -1) if fixed is None else fixed
    orders = max(1, min(_ORDERS, _ORDERED_GROUPS // max(len(held), 1)))
    # The random factor is what the seed moves; without it the order would leave nothing to chance.
    rarity = (held / expected.sum(axis=0)).sum(axis=1) * generator.uniform(0.7, 1.4, (orders, len(held)))
    parts, errors = _greedy(held, expected, np.argsort(-rarity, axis=1, kind="stable"), bound)
    return _without_empty_parts(parts[int(errors.argmin())], held, len(wanted), bound)


def _greedy(content: Floats, expected: Floats, orders: Ints, bound: Ints) -> tuple[Ints, Floats]:
    """Each free group in turn to the part where it adds the least error, for some orders side by side: (orders, groups)
    parts, and the error in the end, (orders,)."""
    weight = 1 / expected
    surplus = -expected
    np.add.at(surplus, bound[bound >= 0], content[bound >= 0])
    surpluses = np.repeat(surplus[None], len(orders), axis=0)
    part_of = np.repeat(bound[None], len(orders), axis=0)
    free = orders[bound[orders] < 0].reshape(len(orders), -1)  # as many in every order
    each = np.arange(len(orders))
    for groups in free.T:
        held = content[groups][:, None]
        # (surplus + held)^2 - surplus^2, for every part at once
        added = (weight * (2 * surpluses + held) * held).sum(axis=2)
        parts = added.argmin(axis=1)
        part_of[each, groups] = parts
        surpluses[each, parts] += held[:, 0]
    return part_of, (weight * surpluses**2).sum(axis=(1, 2))


def _without_empty_parts(part_of: Ints, content: Floats, parts: int, bound: Ints) -> Ints:
    for part in range(min(parts, len(part_of))):
        free = part_of[bound < 0]
        if not (part_of == part).any() and free.size:
            largest = np.bincount(free, minlength=parts).argmax()
            members = np.flatnonzero((part_of == largest) & (bound < 0))
            part_of[members[content[members].sum(axis=1).argmin()]] = part
    return part_of


def _contents(rows: Iterable[LabelledSentence]) -> tuple[list[str], Ints, Ints]:
    """Articles sorted by name, (articles, columns) how many sentences have each trait, and each row's article."""
    rows = list(rows)
    articles = sorted({row.article for row in rows})
    number = {article: i for i, article in enumerate(articles)}
    traits = [list(_traits(row)) for row in rows]
    # Sorted, so that even the rounding of sums is the same for any order of rows.
    column = {trait: i for i, trait in enumerate(sorted({trait for found in traits for trait in found}))}
    content = np.zeros((len(articles), len(column)), dtype=np.intp)
    article_of = np.array([number[row.article] for row in rows], dtype=np.intp)
    cells = [(group, column[trait]) for group, found in zip(article_of, traits, strict=True) for trait in found]
    if cells:
        np.add.at(content, tuple(np.array(cells, dtype=np.intp).T), 1)
    return articles, content, article_of


def _traits(row: LabelledSentence) -> Iterator[tuple[str, ...]]:
    yield ("sentence",)
    yield ("register", row.register)
    for topic in row.topics or ():
        yield ("topic", topic)
    if row.topics is not None:
        yield ("topics labelled",)
    for target, stance in row.stances.items():
        yield ("stance", target, stance)
