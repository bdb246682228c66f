"""Measure: a model and its baselines on labelled sentences, with intervals by article; two models side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stance.baselines import Chance, Keywords, Majority, Outcome, System
from stance.classifier import Classifier
from stance.errors import LabelError, OptionError, did_you_mean, listed
from stance.labels import read_rows
from stance.linear import Floats
from stance.metrics import (
    Interval,
    Score,
    calibration_error,
    coverage_at,
    draws,
    f1_of_counts,
    group_sums,
    interval,
    score,
)
from stance.records import LabelledSentence, fingerprint, training_order
from stance.schema import NEUTRAL, Schema
from stance.sources import SPLITS, folders

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """What one system reaches on one set of sentences.

    Attributes:
        system: its name.
        topic_micro_f1: F1 over all topic decisions together.
        mean_topic_f1: mean over topics.
        stance_macro_f1: target -> macro-F1 over the stances that occur in truth or decisions.
        mean_stance_macro_f1: mean over targets.
        labels: column key ("sanctions", "china_ties:favor") -> `Score`.
    """

    system: str
    topic_micro_f1: Interval
    mean_topic_f1: Interval
    stance_macro_f1: dict[str, Interval]
    mean_stance_macro_f1: Interval
    labels: dict[str, Score]


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """A model's figures beside its baselines'.

    Attributes:
        sentences, articles: how many were measured on; intervals are by article.
        model: the model's figures.
        baselines: majority, keyword rules and chance on the same sentences.
        calibration_error: column key -> expected calibration error.
        coverage_at_90: column key -> share of the label's sentences that can be told with nine of ten told right.
        trained_on_these: whether the model was trained on just these sentences, so that the figures flatter it.
        fingerprint: SHA-256 of the sentences and labels.
    """

    sentences: int
    articles: int
    model: Figures
    baselines: tuple[Figures, ...]
    calibration_error: dict[str, float]
    coverage_at_90: dict[str, float]
    fingerprint: str
    seed: int
    split: str | None = None
    trained_on_these: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        """The means of the model and of its baselines, a line each."""
        flattered = ", which the model was trained on" if self.trained_on_these else ""
        means = {"topics": "mean_topic_f1", "stances": "mean_stance_macro_f1"}
        there = [what for what, name in means.items() if not np.isnan(getattr(self.model, name).value)]
        lines = [f"{self.sentences} sentences of {self.articles} articles{flattered}; mean F1 of {', of '.join(there)}"]
        for system in (self.model, *self.baselines):
            lines.append(f"{system.system}: {', '.join(str(getattr(system, means[what])) for what in there)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two models on the same sentences; ``difference`` has a paired interval by article."""

    figure: str
    old: float
    new: float
    difference: Interval


@dataclass(frozen=True, slots=True)
class Change:
    """One sentence on which two models decide differently; ``label`` is the output, the rest what each says."""

    id: str
    text: str
    label: str
    truth: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same sentences: figures with paired intervals, and every changed decision.

    Attributes:
        trained_on_these: whether one of them was trained on just these sentences, so that the figures flatter it.
    """

    sentences: int
    articles: int
    differences: tuple[Difference, ...]
    changes: tuple[Change, ...]
    trained_on_these: bool = False


@dataclass(frozen=True, slots=True)
class _Counts:
    """Hits, false alarms and misses per row and label: (n, labels, 3); columns: topics, then target x stance."""

    table: Floats
    schema: Schema

    def figures(self, weights: Floats, groups: Sequence[str]) -> dict[str, Floats]:
        """Figure -> (m,) values for (m, groups) weights."""
        sums = np.tensordot(weights, group_sums(self.table, groups), axes=1)
        topics = len(self.schema.topics)
        found: dict[str, Floats] = {}
        if topics:
            found["topic_micro_f1"] = f1_of_counts(sums[:, :topics].sum(axis=1))
            found["mean_topic_f1"] = _mean(f1_of_counts(sums[:, :topics]))
        size = len(self.schema.stances)
        for i, target in enumerate(self.schema.target_names):
            found[f"stance_macro_f1:{target}"] = _mean(
                f1_of_counts(sums[:, topics + i * size : topics + (i + 1) * size])
            )
        if self.schema.targets:
            by_target = np.stack([found[f"stance_macro_f1:{t}"] for t in self.schema.target_names], axis=1)
            found["mean_stance_macro_f1"] = _mean(by_target)
        return found


class ModelSystem:
    """A classifier as a `System`: what the evaluator measures."""

    def __init__(self, model: Classifier, name: str) -> None:
        self.name = name
        self._model = model

    def decide(self, texts: Sequence[str]) -> Outcome:
        schema = self._model.schema
        found = self._model.classify(texts)
        topics = [[topic in p.topics for topic in schema.topic_names] for p in found]
        stances = [[schema.stances.index(p.stances[t] or NEUTRAL) for t in schema.target_names] for p in found]
        shape = (len(texts), -1)
        return Outcome(np.array(topics, dtype=bool).reshape(shape), np.array(stances, dtype=np.intp).reshape(shape))


def evaluate(
    model: Classifier, source: Any, *, split: str | None = "test", seed: int = 0, resamples: int = RESAMPLES
) -> EvaluationResult:
    """Measure a model and its baselines on labelled sentences.

    Args:
        model: what to measure.
        source: a labels folder, a label file, a DataFrame, a Dataset, or rows.
        split: which of a labels folder's gold files; of other sources, train, dev and test all mean the whole.
        seed, resamples: of the bootstrap.

    Raises:
        LabelError: the labels do not fit the model's schema, or there are none.
        OptionError: another split of a source that has none.
    """
    _check_model(model)
    splits = _splits(source, split)
    rows = read_rows(source, model.schema, splits=splits)
    return evaluate_rows(model, rows, seed=seed, resamples=resamples, split=splits[0] if splits else None)


def _check_model(model: object) -> None:
    if not isinstance(model, Classifier):
        raise TypeError(f"expected a Classifier, got {type(model).__name__}: stance.load(...) or stance.train(...)")


def evaluate_rows(
    model: Classifier,
    rows: Sequence[LabelledSentence],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    split: str | None = None,
) -> EvaluationResult:
    """`evaluate` on rows already read."""
    if not rows:
        raise LabelError("evaluation: expected labelled sentences, got none")
    baselines: list[System] = [Majority(model.schema, rows), Keywords(model.schema), Chance(model.schema, rows, seed)]
    probabilities = model.predict_proba([row.text for row in rows])
    return EvaluationResult(
        sentences=len(rows),
        articles=len({row.article for row in rows}),
        model=figures(ModelSystem(model, "model"), rows, model.schema, seed=seed, resamples=resamples),
        baselines=tuple(figures(b, rows, model.schema, seed=seed, resamples=resamples) for b in baselines),
        calibration_error=_calibration_errors(model, rows, probabilities),
        coverage_at_90=_coverages(model, rows, probabilities),
        fingerprint=fingerprint(rows),
        seed=seed,
        split=split,
        trained_on_these=_trained_on(rows, model),
    )


def _splits(source: Any, split: str | None) -> tuple[str, ...] | None:
    """What to read of the source: all of it where there are no splits and one of the usual ones is asked for."""
    if split and split not in SPLITS and not folders(source):
        hint = did_you_mean(split, SPLITS)
        raise OptionError(
            f"split: this source has none, so expected {listed(SPLITS)} for all of it, got {split!r}{hint}"
        )
    return None if not split or (split in SPLITS and not folders(source)) else (split,)


def _trained_on(rows: Sequence[LabelledSentence], *models: Classifier) -> bool:
    """Whether one of the models was trained on just these sentences."""
    return fingerprint(training_order(rows)) in [model.model.provenance.get("fingerprint") for model in models]


def figures(
    system: System, rows: Sequence[LabelledSentence], schema: Schema, *, seed: int = 0, resamples: int = RESAMPLES
) -> Figures:
    """One system's figures, through the evaluator that every system goes through."""
    outcome = system.decide([row.text for row in rows])
    counts = _counts(rows, outcome, schema)
    groups = [row.article for row in rows]
    weights = draws(groups, resamples=resamples, seed=seed)
    values = counts.figures(np.ones((1, weights.shape[1])), groups)
    samples = counts.figures(weights, groups)
    found = {name: interval(float(values[name][0]), samples[name]) for name in values}
    none = Interval(float("nan"), float("nan"), float("nan"))
    return Figures(
        system=system.name,
        topic_micro_f1=found.get("topic_micro_f1", none),
        mean_topic_f1=found.get("mean_topic_f1", none),
        stance_macro_f1={t: found[f"stance_macro_f1:{t}"] for t in schema.target_names},
        mean_stance_macro_f1=found.get("mean_stance_macro_f1", none),
        labels=_label_scores(rows, outcome, schema),
    )


def compare(
    old: Classifier,
    new: Classifier,
    source: Any,
    *,
    split: str | None = "dev",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Two models with the same schema outputs on the same sentences, paired by article.

    Raises:
        LabelError: the models decide different outputs, or the labels do not fit.
    """
    _check_model(old)
    _check_model(new)
    for what, one, other in (
        ("topics", old.schema.topic_names, new.schema.topic_names),
        ("targets", old.schema.target_names, new.schema.target_names),
        ("stances", old.schema.stances, new.schema.stances),
    ):
        if one != other:
            raise LabelError(
                f"compare: the two models must have the same {what}, got {', '.join(one) or 'none'} and "
                f"{', '.join(other) or 'none'}: evaluate each on its own labels"
            )
    rows = read_rows(source, new.schema, splits=_splits(source, split))
    if not rows:
        raise LabelError("compare: expected labelled sentences, got none")
    texts = [row.text for row in rows]
    before, after = (ModelSystem(model, "model").decide(texts) for model in (old, new))
    return Comparison(
        sentences=len(rows),
        articles=len({row.article for row in rows}),
        differences=paired(before, after, rows, new.schema, seed=seed, resamples=resamples),
        changes=tuple(_changes(rows, before, after, new.schema)),
        trained_on_these=_trained_on(rows, old, new),
    )


def paired(
    old: Outcome,
    new: Outcome,
    rows: Sequence[LabelledSentence],
    schema: Schema,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Difference, ...]:
    """Every figure of two systems' decisions on the same sentences, its difference drawn anew by article."""
    groups = [row.article for row in rows]
    weights = draws(groups, resamples=resamples, seed=seed)
    one = np.ones((1, weights.shape[1]))
    tables = [_counts(rows, outcome, schema) for outcome in (old, new)]
    values = [table.figures(one, groups) for table in tables]
    samples = [table.figures(weights, groups) for table in tables]
    return tuple(
        Difference(
            name,
            float(values[0][name][0]),
            float(values[1][name][0]),
            interval(float(values[1][name][0] - values[0][name][0]), samples[1][name] - samples[0][name]),
        )
        for name in values[0]
    )


def _counts(rows: Sequence[LabelledSentence], outcome: Outcome, schema: Schema) -> _Counts:
    size = len(schema.stances)
    table = np.zeros((len(rows), len(schema.topics) + len(schema.targets) * size, 3))
    for i, row in enumerate(rows):
        if row.topics is not None:
            for j, topic in enumerate(schema.topic_names):
                table[i, j] = _cell(topic in row.topics, bool(outcome.topics[i, j]))
        for j, target in enumerate(schema.target_names):
            if target in row.stances:
                for k, stance in enumerate(schema.stances):
                    at = len(schema.topics) + j * size + k
                    table[i, at] = _cell(row.stances[target] == stance, int(outcome.stances[i, j]) == k)
    return _Counts(table, schema)


def _cell(truth: bool, found: bool) -> tuple[bool, bool, bool]:
    return truth and found, found and not truth, truth and not found


def _mean(values: Floats) -> Floats:
    """Mean over the last axis, leaving out nan; nan where all are."""
    known = ~np.isnan(values)
    mean: Floats = np.divide(
        np.where(known, values, 0).sum(axis=-1),
        known.sum(axis=-1),
        out=np.full(values.shape[:-1], np.nan),
        where=known.any(axis=-1),
    )
    return mean


def _label_scores(rows: Sequence[LabelledSentence], outcome: Outcome, schema: Schema) -> dict[str, Score]:
    found: dict[str, Score] = {}
    with_topics = np.array([row.topics is not None for row in rows])
    for j, topic in enumerate(schema.topic_names):
        truth = np.array([topic in (row.topics or ()) for row in rows])
        found[topic] = score(truth[with_topics], outcome.topics[with_topics, j])
    for j, target in enumerate(schema.target_names):
        labelled = np.array([target in row.stances for row in rows])
        for k, stance in enumerate(schema.stances):
            truth = np.array([row.stances.get(target) == stance for row in rows])
            found[f"{target}:{stance}"] = score(truth[labelled], outcome.stances[labelled, j] == k)
    return found


def _truths(model: Classifier, rows: Sequence[LabelledSentence]) -> Iterable[tuple[int, str, Floats, Floats]]:
    """(column number, key, whether labelled, truth) of each output column."""
    for c, column in enumerate(model.columns):
        if column.stance is None:
            labelled = np.array([row.topics is not None for row in rows])
            truth = np.array([column.name in (row.topics or ()) for row in rows])
        else:
            labelled = np.array([column.name in row.stances for row in rows])
            truth = np.array([row.stances.get(column.name) == column.stance for row in rows])
        yield c, column.key, labelled, truth


def _calibration_errors(model: Classifier, rows: Sequence[LabelledSentence], probabilities: Floats) -> dict[str, float]:
    return {
        key: calibration_error(truth[labelled], probabilities[labelled, c])
        for c, key, labelled, truth in _truths(model, rows)
    }


def _coverages(model: Classifier, rows: Sequence[LabelledSentence], probabilities: Floats) -> dict[str, float]:
    return {
        key: coverage_at(truth[labelled], probabilities[labelled, c], 0.9)
        for c, key, labelled, truth in _truths(model, rows)
        if labelled.any()
    }


def _changes(rows: Sequence[LabelledSentence], old: Outcome, new: Outcome, schema: Schema) -> Iterable[Change]:
    for i, row in enumerate(rows):
        for j, topic in enumerate(schema.topic_names):
            if row.topics is not None and old.topics[i, j] != new.topics[i, j]:
                said = [("no", "yes")[bool(table[i, j])] for table in (old.topics, new.topics)]
                yield Change(row.id, row.text, topic, ("no", "yes")[topic in row.topics], *said)
        for j, target in enumerate(schema.target_names):
            if target in row.stances and old.stances[i, j] != new.stances[i, j]:
                said = [schema.stances[table[i, j]] for table in (old.stances, new.stances)]
                yield Change(row.id, row.text, f"{target} stance", row.stances[target], *said)
