"""The dataset measured: counts, agreement, learning curve, and each register held out in turn."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import stance
from benchmarks import rates
from benchmarks.domain import LABELS, Sets, test_sets
from benchmarks.record import Record, with_interval
from stance.agreement import Agreement, agreement, agreement_by
from stance.annotations import read_annotations
from stance.evaluation import evaluate_rows
from stance.gold import sentences_to_label
from stance.labels import read_rows
from stance.records import LabelledSentence, fingerprint
from stance.schema import Schema

SPLITS = ("train", "dev", "test")
SHARES = (0.12, 0.25, 0.5, 0.75, 1.0)
NO_INTERVALS = 2


def run(*, articles: Path | None, real: Path | None, seed: int = 0) -> Record:
    """Measure `labels/`; the published articles and other real sentences join the learning curve where given."""
    schema = Schema.load(LABELS / "schema.toml")
    splits = {split: read_rows(LABELS, schema, splits=(split,)) for split in SPLITS}
    rows = [row for split in SPLITS for row in splits[split]]
    sets = test_sets(schema, articles=articles, real=real)
    results = {
        "counts": _counts(splits, rows, schema),
        **_agreements(schema),
        "rates": rates.readings(seed),
        "learning curve": _learning_curve(splits["train"], sets, schema, seed),
        "register held out": _registers_held_out([*splits["train"], *splits["dev"]], schema),
    }
    return Record("dataset", results, fingerprint=fingerprint(rows), seed=seed)


def _counts(
    splits: dict[str, list[LabelledSentence]], rows: Sequence[LabelledSentence], schema: Schema
) -> dict[str, Any]:
    lengths = [len(row.text.split()) for row in rows]
    labels: dict[str, dict[str, int]] = {}
    for split, part in (*splits.items(), ("all", list(rows))):
        labels[split] = {topic: sum(topic in (r.topics or ()) for r in part) for topic in schema.topic_names}
        labels[split]["no topic"] = sum(not r.topics for r in part)
        for target in schema.target_names:
            for name in schema.stances:
                labels[split][f"{target}: {name}"] = sum(r.stances.get(target) == name for r in part)
    return {
        "sentences": {split: len(part) for split, part in splits.items()},
        "articles": {split: len({row.article for row in part}) for split, part in splits.items()},
        "labels": labels,
        "registers": {
            register: [len({r.article for r in rows if r.register == register}), n]
            for register, n in sorted(Counter(row.register for row in rows).items())
        },
        "years": dict(sorted(Counter({row.article: row.date[:4] for row in rows}.values()).items())),
        "words": {
            "mean": round(statistics.mean(lengths), 1),
            "standard deviation": round(statistics.stdev(lengths), 1),
            "shortest": min(lengths),
            "longest": max(lengths),
        },
        "neutral toward all": round(
            sum(all(stance == "neutral" for stance in row.stances.values()) for row in rows) / len(rows), 3
        ),
    }


def _agreements(schema: Schema) -> dict[str, Any]:
    one, two = (read_annotations(LABELS / "annotations" / f"coder_{coder}.jsonl", schema) for coder in "ab")
    sentences = sentences_to_label(LABELS)
    groups = {s.id: s.article for s in sentences}
    key = {s.id: s.register for s in sentences}
    by_register = agreement_by(one, two, schema, key=key, groups=groups, resamples=0)
    return {
        "agreement": [_agreement(found) for found in agreement(one, two, schema, groups=groups)],
        "agreement by register": {
            register: {_column(found): round(found.kappa.value, 3) for found in columns}
            for register, columns in by_register.items()
        },
        "adjudicated": len(read_annotations(LABELS / "annotations" / "adjudication.jsonl", schema)),
    }


def _column(found: Agreement) -> str:
    return found.name if found.kind == "topic" else f"{found.name} stance"


def _agreement(found: Agreement) -> dict[str, Any]:
    figures = {name: dataclasses.asdict(getattr(found, name)) for name in ("observed", "kappa", "alpha", "ac1")}
    return {"column": _column(found), "n": found.n, **figures}


def _learning_curve(train: Sequence[LabelledSentence], sets: Sets, schema: Schema, seed: int) -> list[dict[str, Any]]:
    articles = sorted({row.article for row in train})
    order = np.random.default_rng(seed).permutation(articles).tolist()
    curve = []
    for share in SHARES:
        chosen = set(order[: round(share * len(order))])
        rows = [row for row in train if row.article in chosen]
        model = stance.train(rows, schema=schema)
        curve.append({"share": share, "sentences": len(rows), **{name: _figures(model, s) for name, s in sets.items()}})
    return curve


def _registers_held_out(rows: Sequence[LabelledSentence], schema: Schema) -> dict[str, dict[str, float]]:
    found = {}
    for register in sorted({row.register for row in rows}):
        model = stance.train([row for row in rows if row.register != register], schema=schema)
        found[register] = _figures(model, [row for row in rows if row.register == register])
    return found


def _figures(model: stance.Classifier, rows: Sequence[LabelledSentence]) -> dict[str, float]:
    result = evaluate_rows(model, rows, resamples=NO_INTERVALS).model
    return {
        "mean topic F1": round(result.mean_topic_f1.value, 3),
        "mean stance macro-F1": round(result.mean_stance_macro_f1.value, 3),
    }


def table(record: Record) -> str:
    """Markdown of everything measured."""
    found = record.results
    counts = found["counts"]
    lines = ["| | train | dev | test | all |", "|---|---|---|---|---|"]
    for name in ("articles", "sentences"):
        sizes = [*counts[name].values(), sum(counts[name].values())]
        lines.append(f"| {name} | {' | '.join(f'{size:,}' for size in sizes)} |")
    for label in counts["labels"]["all"]:
        values = [counts["labels"][split][label] for split in (*SPLITS, "all")]
        lines.append(f"| {label} | {' | '.join(f'{value:,}' for value in values)} |")
    words = counts["words"]
    lines += [
        "",
        f"Words a sentence: mean {words['mean']}, standard deviation {words['standard deviation']}, "
        f"from {words['shortest']} to {words['longest']}. "
        f"Neutral toward every target: {counts['neutral toward all']:.0%}.",
        "",
        "### Agreement of the two coders",
        "",
        "| column | n | percent | Cohen's kappa | Krippendorff's alpha | Gwet's AC1 |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["agreement"]:
        cells = [with_interval(row[name]) for name in ("observed", "kappa", "alpha", "ac1")]
        lines.append(f"| {row['column']} | {row['n']:,} | {' | '.join(cells)} |")
    columns = [row["column"] for row in found["agreement"]]
    lines += [
        "",
        f"95% bootstrap intervals by article. {found['adjudicated']:,} sentences were decided by the adjudicator.",
        "",
        "### Registers",
        "",
        f"| register | articles | sentences | {' | '.join(f'kappa {c}' for c in columns)} "
        "| topic F1, held out | stance F1, held out |",
        f"|---|---|---|{'---|' * len(columns)}---|---|",
    ]
    for register, (articles, sentences) in counts["registers"].items():
        kappas = found["agreement by register"][register]
        held = found["register held out"][register]
        cells = [*(f"{kappas[c]:.2f}" for c in columns), *(f"{value:.3f}" for value in held.values())]
        lines.append(f"| {register} | {articles} | {sentences} | {' | '.join(cells)} |")
    sets = [name for name in found["learning curve"][0] if name not in ("share", "sentences")]
    lines += [
        "",
        "*Held out*: trained on every other register of the train and dev splits, measured on this one.",
        "",
        "### Learning curve",
        "",
        f"| articles | sentences | {' | '.join(f'{s}: topic F1 | {s}: stance F1' for s in sets)} |",
        f"|---|---|{'---|---|' * len(sets)}",
    ]
    for point in found["learning curve"]:
        cells = [f"{value:.3f}" for name in sets for value in point[name].values()]
        lines.append(f"| {point['share']:.0%} | {point['sentences']:,} | {' | '.join(cells)} |")
    years = counts["years"]
    lines += ["", "### How often published news takes sides", "", *rates.table(found["rates"])]
    lines += ["", "Articles by year: " + ", ".join(f"{year} {n}" for year, n in years.items()) + "."]
    return "\n".join(lines)


def plots(record: Record, folder: Path) -> list[Path]:
    """Learning curve, and figures by register held out, as SVG files."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "stance"  # the same figures give the same bytes
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    curve = record.results["learning curve"]
    sets = [name for name in curve[0] if name not in ("share", "sentences")]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharex=True)
    for axis, measure in zip(axes, ("mean topic F1", "mean stance macro-F1"), strict=True):
        for name in sets:
            axis.plot([p["sentences"] for p in curve], [p[name][measure] for p in curve], marker="o", label=name)
        axis.set(title=measure, xlabel="training sentences", ylim=(0.3, 1))
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False)
    paths = [_saved(figure, folder / "learning_curve.svg")]
    held = sorted(record.results["register held out"].items(), key=lambda item: item[1]["mean stance macro-F1"])
    figure, axis = plt.subplots(figsize=(7, 4.6))
    for measure, marker in (("mean topic F1", "o"), ("mean stance macro-F1", "s")):
        axis.plot([f[measure] for _, f in held], [r for r, _ in held], marker, label=measure)
    axis.set(title="register held out", xlim=(0.4, 1))
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    return [*paths, _saved(figure, folder / "registers.svg")]


def _saved(figure: Any, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    return path


def suspicious(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """The train and dev rows whose labels the out-of-fold model doubts most, for a person to read.

    The score is cleanlab's self-confidence (Northcutt, Jiang and Chuang 2021): the probability given to the row's
    own label, the least over its outputs.
    """
    from stance.splits import grouped_folds

    schema = Schema.load(LABELS / "schema.toml")
    rows = read_rows(LABELS, schema, splits=("train", "dev"))
    found = []
    for fold in grouped_folds(rows, k=5, seed=seed):
        inside = set(fold.tolist())
        model = stance.train([row for i, row in enumerate(rows) if i not in inside], schema=schema)
        for i in inside:
            found.append(_least_likely(rows[i], model.classify(rows[i].text)))
    return sorted(found, key=lambda item: item["confidence"])[:count]


def _least_likely(row: LabelledSentence, said: stance.Prediction) -> dict[str, Any]:
    confidence = {
        topic: p if topic in (row.topics or ()) else 1 - p for topic, p in said.topic_probabilities.items()
    } | {f"{target} stance": said.stance_probabilities[target][label] for target, label in row.stances.items()}
    output = min(confidence, key=lambda name: confidence[name])
    return {
        "id": row.id,
        "output": output,
        "confidence": round(confidence[output], 4),
        "topics": list(row.topics or ()),
        "stances": dict(row.stances),
        "text": row.text,
    }


if __name__ == "__main__":
    for item in suspicious(150):
        print(json.dumps(item, ensure_ascii=False))
