"""How fast and how small: this library and scikit-learn on the same texts, in one run, in turn, medians of rounds."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import stance
from benchmarks.domain import LABELS
from benchmarks.record import Record
from stance.labels import read_rows
from stance.model_folder import find_model

ROUNDS = 7


def run(model: str, *, rounds: int = ROUNDS) -> Record:
    """Throughput, latency, start-up, training time and size, each the median of ``rounds``."""
    classifier = stance.load(model)
    rows = read_rows(LABELS, classifier.schema, splits=("train",))
    texts = [row.text for row in rows]
    peer = _peer(rows)
    batch = _in_turn(
        {
            "stance, predictions": lambda: classifier.classify(texts),
            "stance, arrays": lambda: classifier.predict_proba(texts),
            "scikit-learn word 1-2 TF-IDF + LR": lambda: [head.predict_proba(texts) for head in peer["word"]],
            "scikit-learn word+char TF-IDF + LR": lambda: [head.predict_proba(texts) for head in peer["word+char"]],
        },
        rounds,
    )
    some = texts[:200]
    single = _in_turn(
        {
            "stance": lambda: [classifier.classify(text) for text in some],
            "scikit-learn word 1-2 TF-IDF + LR": lambda: [[h.predict_proba([t]) for h in peer["word"]] for t in some],
        },
        rounds,
    )
    results: dict[str, Any] = {
        "sentences": len(texts),
        "characters a sentence": round(statistics.mean(map(len, texts)), 1),
        "sentences a second": {name: round(len(texts) / seconds) for name, seconds in batch.items()},
        "microseconds a call": {name: round(seconds / len(some) * 1e6, 1) for name, seconds in single.items()},
        "milliseconds": _start_up(rounds),
        "training seconds": round(_training(), 2),
        "model folder bytes": sum(file.stat().st_size for file in find_model(model).iterdir()),
    }
    return Record("speed", results, fingerprint=classifier.model.provenance["fingerprint"])


def _in_turn(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each call; the calls take turns, so that a busy spell hits all of them."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def _peer(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """One TF-IDF + logistic regression pipeline for the default target's stance: a sixth of our work."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    labels = [row.stances["china_ties"] for row in rows]
    texts = [row.text for row in rows]
    word = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
    both = make_pipeline(
        make_union(TfidfVectorizer(ngram_range=(1, 2)), TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))),
        LogisticRegression(C=10),
    )
    return {"word": [word.fit(texts, labels)], "word+char": [both.fit(texts, labels)]}


_START = """
import time
start = time.perf_counter()
import stance
imported = time.perf_counter()
stance.classify("Xi vowed to deepen cooperation with Pyongyang.")
classified = time.perf_counter()
print((imported - start) * 1000, (classified - imported) * 1000)
"""


def _start_up(rounds: int) -> dict[str, float]:
    """Milliseconds of `import stance` and of the first `classify` after it, in fresh interpreters."""
    runs = [
        [
            float(x)
            for x in subprocess.run(
                [sys.executable, "-c", _START], capture_output=True, text=True, check=True
            ).stdout.split()
        ]
        for _ in range(rounds)
    ]
    return {
        "import": round(statistics.median(run[0] for run in runs), 1),
        "first classify": round(statistics.median(run[1] for run in runs), 1),
    }


def _training() -> float:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        stance.train(LABELS).save(Path(folder) / "model")
    return time.perf_counter() - start


def table(record: Record) -> str:
    """Markdown of everything measured."""
    found = record.results
    ours = found["sentences a second"]["stance, predictions"]
    lines = ["| batch of texts | sentences a second | ours over it |", "|---|---|---|"]
    lines += [f"| {name} | {rate:,} | {ours / rate:.1f} |" for name, rate in found["sentences a second"].items()]
    lines += ["", "| one text a call | microseconds |", "|---|---|"]
    lines += [f"| {name} | {value:,} |" for name, value in found["microseconds a call"].items()]
    lines += ["", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} ms |" for name, value in found["milliseconds"].items()]
    lines += [f"| training on the shipped labels | {found['training seconds']} s |"]
    lines += [f"| model folder | {found['model folder bytes'] / 1e6:.2f} MB |"]
    return "\n".join(lines)
