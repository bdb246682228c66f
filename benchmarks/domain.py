"""How well: the test split, published articles and other real sentences, each beside its baselines."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import stance
from benchmarks.record import Record
from stance.evaluation import EvaluationResult, evaluate_rows
from stance.labels import read_rows
from stance.records import LabelledSentence
from stance.standoff import hydrate

LABELS = Path(__file__).parent.parent / "labels"


def run(model: str, *, articles: Path | None, real: Path | None, resamples: int = 1000) -> Record:
    """Measure a model on every set that is at hand.

    Args:
        articles: a folder with the reader's copies of the published articles.
        real: a TSV of other real sentences: id, source, document, topics, a column a target, text.
    """
    classifier = stance.load(model)
    schema = classifier.schema
    sets: dict[str, Sequence[LabelledSentence]] = {"test split": read_rows(LABELS, schema, splits=("test",))}
    if articles:
        sets["published articles"] = hydrate(LABELS / "standoff" / "gold.jsonl", articles, schema).rows
    if real:
        sets["real sentences"] = real_sentences(real, schema.target_names)
    results = {name: _plain(evaluate_rows(classifier, rows, resamples=resamples)) for name, rows in sets.items()}
    return Record("domain", results, fingerprint=classifier.model.provenance["fingerprint"])


def real_sentences(path: Path, targets: Sequence[str]) -> list[LabelledSentence]:
    """The rows of a TSV of real sentences, grouped by document."""
    with open(path, encoding="utf-8", newline="") as file:
        return [
            LabelledSentence(
                id=row["id"],
                article=row["document"],
                text=row["text"],
                topics=tuple(topic for topic in row["topics"].split(";") if topic),
                stances={target: row[target] for target in targets},
                register=row["source"],
            )
            for row in csv.DictReader(file, delimiter="\t")
        ]


def _plain(result: EvaluationResult) -> dict[str, Any]:
    return dataclasses.asdict(result)


def table(record: Record) -> str:
    """Markdown: mean topic F1 and mean stance macro-F1 of the model and its baselines on each set."""
    lines = [
        "| set | sentences | system | topics, mean F1 | topics, micro F1 | stance, mean macro-F1 |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in record.results.items():
        for system in (result["model"], *result["baselines"]):
            cells = [_interval(system[key]) for key in ("mean_topic_f1", "topic_micro_f1", "mean_stance_macro_f1")]
            lines.append(f"| {name} | {result['sentences']} | {system['system']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
