"""How well: the test split, published articles and other real sentences; beside baselines and peers; across time."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import stance
from benchmarks import peer_runs
from benchmarks.record import Record, with_interval
from stance.evaluation import ModelSystem, evaluate_rows, figures, paired
from stance.labels import read_rows
from stance.records import LabelledSentence
from stance.schema import Schema
from stance.standoff import hydrate

LABELS = Path(__file__).parent.parent / "labels"
YEARS = ((2009, 2014), (2015, 2017), (2018, 2020), (2021, 2023), (2024, 2026))
"""Each span is measured by a model that saw no article of it."""
Sets = dict[str, Sequence[LabelledSentence]]


def run(
    model: str, *, articles: Path | None, real: Path | None, resamples: int = 1000, years: Sequence[Any] = YEARS
) -> Record:
    """Measure a model on every set that is at hand, and the peers whose runs are stored.

    Args:
        articles: a folder with the reader's copies of the published articles.
        real: a TSV of other real sentences: id, source, document, topics, a column a target, text.
        resamples: of each interval's bootstrap, by article.
        years: spans of years to hold out in turn.
    """
    classifier = stance.load(model)
    schema = classifier.schema
    sets = test_sets(schema, articles=articles, real=real)
    train = read_rows(LABELS, schema, splits=("train",))
    runs, missing = peer_runs.stored(train, sets)
    results: dict[str, Any] = {"sets": {}, "peers missing": missing, "peers": {}}
    for title, rows in sets.items():
        found = dataclasses.asdict(evaluate_rows(classifier, rows, resamples=resamples))
        ours = ModelSystem(classifier, "model").decide([row.text for row in rows])
        found["peers"] = []
        for name, one in runs.items():
            theirs = peer_runs.outcome(one, title)
            system = peer_runs.Stored(name, theirs)
            found["peers"].append(
                {
                    **dataclasses.asdict(figures(system, rows, schema, resamples=resamples)),
                    "ours over it": {
                        difference.figure: dataclasses.asdict(difference.difference)
                        for difference in paired(theirs, ours, rows, schema, resamples=resamples)
                        if difference.figure.startswith("mean")
                    },
                }
            )
        results["sets"][title] = found
    for name, one in runs.items():
        results["peers"][name] = {key: one[key] for key in ("rows", "of", "seconds", "chosen")}
    results["years held out"] = _years_held_out([*train, *read_rows(LABELS, schema, splits=("dev",))], schema, years)
    return Record("domain", results, fingerprint=classifier.model.provenance["fingerprint"])


def test_sets(schema: Schema, *, articles: Path | None, real: Path | None) -> Sets:
    """The sets that are at hand, by title."""
    sets: Sets = {"test split": read_rows(LABELS, schema, splits=("test",))}
    if articles:
        sets["published articles"] = hydrate(LABELS / "standoff" / "gold.jsonl", articles, schema).rows
    if real:
        sets["real sentences"] = real_sentences(real, schema.target_names)
    return sets


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


def _years_held_out(
    rows: Sequence[LabelledSentence], schema: Schema, years: Sequence[tuple[int, int]]
) -> dict[str, dict[str, Any]]:
    found = {}
    for first, last in years:
        inside = [row for row in rows if first <= int(row.date[:4]) <= last]
        outside = [row for row in rows if not first <= int(row.date[:4]) <= last]
        result = evaluate_rows(stance.train(outside, schema=schema), inside, resamples=2).model
        found[f"{first}-{last}"] = {
            "sentences": len(inside),
            "mean topic F1": round(result.mean_topic_f1.value, 3),
            "mean stance macro-F1": round(result.mean_stance_macro_f1.value, 3),
        }
    return found


def summary(record: Record) -> str:
    """Markdown: mean topic F1 and mean stance macro-F1 of the model and its baselines on each set."""
    lines = [
        "| set | sentences | system | topics, mean F1 | topics, micro F1 | stance, mean macro-F1 |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in record.results["sets"].items():
        for system in (result["model"], *result["baselines"]):
            cells = [with_interval(system[key]) for key in ("mean_topic_f1", "topic_micro_f1", "mean_stance_macro_f1")]
            lines.append(f"| {name} | {result['sentences']} | {system['system']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def table(record: Record) -> str:
    """Markdown of everything measured."""
    found = record.results
    lines = [summary(record), ""]
    if found["peers"]:
        lines += [
            "### Peers",
            "",
            "Each fitted on the train split, four configurations to choose from unless said below; decided at 0.5",
            "(topics) and by the most probable stance, without thresholds of their own. *Ours over it* is the paired",
            "difference, drawn by article; bold where its 95% interval lies above zero, italic where below.",
            "",
            "| set | peer | trained on | topics, mean F1 | ours over it | stance, mean macro-F1 | ours over it |",
            "|---|---|---|---|---|---|---|",
        ]
        for title, result in found["sets"].items():
            for peer in result["peers"]:
                about = found["peers"][peer["system"]]
                rows = f"{about['rows']:,}" + (f" of {about['of']:,}" if about["rows"] != about["of"] else "")
                cells = [
                    cell
                    for key in ("mean_topic_f1", "mean_stance_macro_f1")
                    for cell in (with_interval(peer[key]), _difference(peer["ours over it"][key]))
                ]
                lines.append(f"| {title} | {peer['system']} | {rows} | {' | '.join(cells)} |")
        lines += [
            "",
            *(f"- {name} was tuned on {about['chosen']['tuned on']}" for name, about in found["peers"].items()),
        ]
    for name, reason in found["peers missing"].items():
        lines.append(f"- {name} is missing here: {reason}")
    for title, result in found["sets"].items():
        lines += [
            "",
            f"### Labels, on {title}",
            "",
            "| label | cases | precision | recall | F1 | calibration error | found at 90% precision |",
            "|---|---|---|---|---|---|---|",
        ]
        for key, score in result["model"]["labels"].items():
            cells = [str(score["support"]), *(f"{score[name]:.3f}" for name in ("precision", "recall", "f1"))]
            cells.append(f"{result['calibration_error'][key]:.3f}")
            cells.append(f"{result['coverage_at_90'][key]:.0%}" if score["support"] else "")
            lines.append(f"| {key} | {' | '.join(cells)} |")
    lines += [
        "",
        "### Years held out",
        "",
        "Trained on the train and dev splits' articles of all other years.",
        "",
        "| years | sentences | topics, mean F1 | stance, mean macro-F1 |",
        "|---|---|---|---|",
    ]
    for span, figure in found["years held out"].items():
        topic, stances = figure["mean topic F1"], figure["mean stance macro-F1"]
        lines.append(f"| {span} | {figure['sentences']:,} | {topic:.3f} | {stances:.3f} |")
    return "\n".join(lines)


def _difference(figure: dict[str, float]) -> str:
    mark = "**" if figure["low"] > 0 else "*" if figure["high"] < 0 else ""
    return f"{mark}{figure['value']:+.3f} [{figure['low']:+.3f}, {figure['high']:+.3f}]{mark}"
