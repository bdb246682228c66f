"""Agreement between two coders, column by column: observed, kappa, alpha and AC1, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stance.errors import LabelError, OptionError
from stance.jsonl import sha256
from stance.metrics import Floats, Interval, draws, group_sums, interval
from stance.records import Annotation, LabelledSentence
from stance.schema import Schema

Kind = Literal["topic", "target"]

Labelled = Annotation | LabelledSentence

YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far two coders agree on one column: a topic (yes or no) or a target (one stance).

    Attributes:
        n: sentences that both coders labelled.
        table: (categories, categories) sentences by first coder's (row) and second coder's (column) label.
        observed: share of the sentences with equal labels.
        kappa: Cohen (1960). Undefined (nan) where both coders use one and the same category throughout.
        alpha: Krippendorff's (2011), nominal, two coders. Undefined (nan) where only one category occurs.
        ac1: Gwet (2008), over the schema's categories; steadier than the others where a label is rare.

    An interval is a percentile bootstrap; draws in which the coefficient is undefined are left out of it.
    """

    kind: Kind
    name: str
    categories: tuple[str, ...]
    n: int
    table: tuple[tuple[int, ...], ...]
    observed: Interval
    kappa: Interval
    alpha: Interval
    ac1: Interval


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Arrays of one value per table; nan where undefined."""

    observed: Floats
    kappa: Floats
    alpha: Floats
    ac1: Floats


def agreement(
    first: Iterable[Labelled],
    second: Iterable[Labelled],
    schema: Schema,
    *,
    groups: Mapping[str, str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Agreement]:
    """One `Agreement` per topic and target, in schema order, over the sentences that both coders labelled.

    Args:
        groups: sentence id -> group (article), drawn whole in the bootstrap; None draws sentences.
        resamples: bootstrap draws; 0 gives no intervals (nan).
        level: of the intervals, between 0 and 1.

    Raises:
        LabelError: a coder has an id twice, the two labelled different texts under one id, or an id has no group.
        OptionError: ``resamples`` or ``level`` outside its range.
    """
    if resamples < 0:
        raise OptionError(f"resamples must be 0 or more, got {resamples!r}")
    if not 0 < level < 1:
        raise OptionError(f"level must lie between 0 and 1, got {level!r}")
    pairs = _pairs(first, second)
    group_of = [_group(one.id, groups) for one, _ in pairs]
    # All columns see the same draws, so that they can be compared.
    times = draws(group_of, resamples=resamples, seed=seed)
    return [_measured(column, _counts(pairs, column), group_of, times, level) for column in _columns(schema)]


def agreement_by(
    first: Iterable[Labelled],
    second: Iterable[Labelled],
    schema: Schema,
    *,
    key: Mapping[str, str],
    groups: Mapping[str, str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, list[Agreement]]:
    """`agreement` within each part of the sentences, parts sorted by name.

    Args:
        key: sentence id -> part, such as its register. Sentences without one are left out.
    """
    first, second = list(first), list(second)
    found = {}
    for part in sorted({key[row.id] for row in (*first, *second) if row.id in key}):
        ours, theirs = ([row for row in rows if key.get(row.id) == part] for rows in (first, second))
        found[part] = agreement(ours, theirs, schema, groups=groups, resamples=resamples, seed=seed, level=level)
    return found


def coefficients(tables: Floats) -> Coefficients:
    """Observed agreement, Cohen's kappa, Krippendorff's alpha and Gwet's AC1 of contingency tables, all at once.

    Closed forms for two coders and nominal labels, since a bootstrap asks for thousands; the tests hold them
    against scikit-learn and the ``krippendorff`` package.

    Args:
        tables: (..., categories, categories) counts; rows are the first coder's labels.
    """
    n = tables.sum(axis=(-2, -1))
    diagonal = np.trace(tables, axis1=-2, axis2=-1)
    rows, columns = tables.sum(axis=-1), tables.sum(axis=-2)
    both = rows + columns  # how often each category was given, by either coder: 2n in all
    observed = _ratio(diagonal, n)
    by_chance = _ratio((rows * columns).sum(axis=-1), n**2)
    # Alpha draws its chance pairs from the 2n labels without putting the first one back.
    differing = 1 - _ratio((both * (both - 1)).sum(axis=-1), 2 * n * (2 * n - 1))
    share = _ratio(both, 2 * n[..., None])
    gwet = (share * (1 - share)).sum(axis=-1) / (tables.shape[-1] - 1)
    return Coefficients(
        observed=observed,
        kappa=_ratio(observed - by_chance, 1 - by_chance),
        alpha=1 - _ratio(1 - observed, differing),
        ac1=_ratio(observed - gwet, 1 - gwet),
    )


@dataclass(frozen=True, slots=True)
class _Column:
    kind: Kind
    name: str
    categories: tuple[str, ...]

    def label(self, row: Labelled) -> str | None:
        if self.kind == "target":
            return row.stances.get(self.name)
        return None if row.topics is None else YES if self.name in row.topics else NO


def _ratio(above: Floats, below: Floats) -> Floats:
    # Counts are whole numbers, so a true zero below comes out as zero or as its rounding.
    defined = np.abs(below) > 1e-12
    result: Floats = np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=defined)
    return result


def _pairs(first: Iterable[Labelled], second: Iterable[Labelled]) -> list[tuple[Labelled, Labelled]]:
    """The two coders' rows of each sentence that both have, sorted by id."""
    ours, theirs = _by_id(first), _by_id(second)
    pairs = [(ours[name], theirs[name]) for name in sorted(ours.keys() & theirs.keys())]
    for a, b in pairs:
        if _sha(a) != _sha(b):
            raise LabelError(f"{a.id}: the coders labelled different texts (sha {_sha(a)[:12]} and {_sha(b)[:12]})")
    return pairs


def _sha(row: Labelled) -> str:
    return row.sha if isinstance(row, Annotation) else sha256(row.text)


def _by_id(rows: Iterable[Labelled]) -> dict[str, Labelled]:
    found: dict[str, Labelled] = {}
    for row in rows:
        if row.id in found:
            raise LabelError(f"expected each sentence once for a coder, got {row.id!r} twice")
        found[row.id] = row
    return found


def _group(name: str, groups: Mapping[str, str] | None) -> str:
    if groups is None:
        return name
    if name not in groups:
        raise LabelError(f"expected a group for every sentence, got none for {name!r}")
    return groups[name]


def _columns(schema: Schema) -> list[_Column]:
    topics = [_Column("topic", topic, (YES, NO)) for topic in schema.topic_names]
    return topics + [_Column("target", target, schema.stances) for target in schema.target_names]


def _counts(pairs: Sequence[tuple[Labelled, Labelled]], column: _Column) -> Floats:
    """(sentences, categories, categories): a one where a sentence's pair of labels stands, all zero without a pair."""
    number = {category: i for i, category in enumerate(column.categories)}
    counts = np.zeros((len(pairs), len(number), len(number)))
    for i, (one, other) in enumerate(pairs):
        label, other_label = column.label(one), column.label(other)
        if label is not None and other_label is not None:
            counts[i, number[label], number[other_label]] = 1
    return counts


def _measured(column: _Column, counts: Floats, group_of: Sequence[str], times: Floats, level: float) -> Agreement:
    table = counts.sum(axis=0)
    found = coefficients(table)
    drawn = coefficients(np.tensordot(times, group_sums(counts, group_of), axes=1))
    return Agreement(
        kind=column.kind,
        name=column.name,
        categories=column.categories,
        n=int(table.sum()),
        table=tuple(tuple(int(cell) for cell in row) for row in table),
        observed=interval(float(found.observed), drawn.observed, level),
        kappa=interval(float(found.kappa), drawn.kappa, level),
        alpha=interval(float(found.alpha), drawn.alpha, level),
        ac1=interval(float(found.ac1), drawn.ac1, level),
    )
