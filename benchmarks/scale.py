"""Cost against size: scoring and training on ever more sentences, each size in a fresh process.

Scoring takes texts drawn with a seed from the train split's sentences, each with a running number behind it, so that
no two are alike. Training takes the train split's articles drawn with a seed, with repeats, under new ids, until there
are rows enough; of a share of the rows the words are shuffled. So the rows are no longer copies of each other, and
the vocabulary of word pairs grows as it would with new articles; figures of quality would mean nothing and none are
taken.

Peak memory is ``ru_maxrss`` of the process that works. Linux hands a parent's peak on to a child that it starts, so
a small process stands between this one and the workers.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import stance
from benchmarks.domain import LABELS
from benchmarks.record import Record
from stance.labels import read_rows
from stance.records import LabelledSentence
from stance.schema import Schema

ROOT = Path(__file__).parent.parent
SCORING = (1_000, 10_000, 100_000, 1_000_000)
TRAINING = (1_000, 3_000, 10_000, 30_000, 100_000)
QUICK_SCORING = (300, 3_000)
QUICK_TRAINING = (300, 600)
OBJECTS_LARGEST = 100_000
SHUFFLED = 0.5
"""Share of the training rows whose words are shuffled."""
ROUNDS = 3
"""Times that a size is measured where it is at most `REPEATED`, by the command line at most a tenth; the median
counts."""
REPEATED = 100_000
CALLS = 20
CALLS_OF = 10_000
"""The same texts scored over and over: what memory that adds is never given back."""

TIMES = ("seconds", "processor seconds")
ARRAYS = "predict_proba, arrays"
NEW_WORDS = "predict_proba, a new word in each text"
OBJECTS = "classify, objects"
STREAM = "stance classify --lines, file to JSONL"
TRAIN = "stance.train"


def run(
    model: str = "default",
    *,
    largest: int = SCORING[-1],
    largest_training: int = TRAINING[-1],
    quick: bool = False,
    seed: int = 0,
) -> Record:
    """Measure every size up to ``largest`` texts and ``largest_training`` rows.

    Args:
        quick: a few small sizes drawn from the dev split, in less than 20 seconds: whether it works, not how it
            scales.
        seed: of the draws.
    """
    scoring = [n for n in (QUICK_SCORING if quick else SCORING) if n <= largest]
    training = [n for n in (QUICK_TRAINING if quick else TRAINING) if n <= largest_training]
    if not quick and training and largest_training not in training:
        training.append(largest_training)
    spec = {"model": str(Path(model).resolve()) if Path(model).is_dir() else model, "seed": seed}
    spec |= {"split": "dev" if quick else "train", "rounds": 1 if quick else ROUNDS}
    measured: dict[str, list[dict[str, Any]]] = {ARRAYS: [], NEW_WORDS: [], OBJECTS: [], STREAM: [], TRAIN: []}
    for n in scoring:
        for kind in (ARRAYS, NEW_WORDS, OBJECTS):
            if kind == ARRAYS or (n <= OBJECTS_LARGEST and not (quick and kind == NEW_WORDS)):
                measured[kind].append(_in_fresh_process({**spec, "kind": kind, "n": n}))
        measured[STREAM].append(_streamed(spec, n))
    start = _streamed(spec, 1)
    measured[STREAM] = [_less(point, start) for point in measured[STREAM]]
    measured[TRAIN] = [_in_fresh_process({**spec, "kind": TRAIN, "n": n}) for n in training]
    loaded = stance.load(model)
    results = {
        "quick": quick,
        "kernel": loaded.kernel,
        "start seconds": start["seconds"],
        "measured": measured,
        "fits": {kind: fits(points) for kind, points in measured.items()},
        "calls": {
            kind: _in_fresh_process(
                {**spec, "kind": kind, "n": CALLS_OF // (10 if quick else 1), "calls": CALLS // (4 if quick else 1)}
            )
            for kind in ((ARRAYS,) if quick else (ARRAYS, NEW_WORDS, OBJECTS))
        },
        "split": spec["split"],
        "rounds": spec["rounds"],
        "shuffled": SHUFFLED,
    }
    return Record("scale", results, fingerprint=loaded.model.provenance.get("fingerprint", ""), seed=seed)


def _less(point: dict[str, Any], start: dict[str, Any]) -> dict[str, Any]:
    """The point with its seconds beyond those of a start; None where they are less than a tenth of it, mere noise."""
    net = {name: point[name] - start[name] for name in TIMES}
    return point | {f"net {name}": value if value > start[name] / 10 else None for name, value in net.items()}


def seconds_of(point: dict[str, Any], name: str = "seconds") -> float | None:
    """A point's seconds, less those of starting a program where that was measured."""
    value: float | None = point[f"net {name}"] if f"net {name}" in point else point[name]
    return value


def fits(points: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """How time and memory grow over the sizes measured; None where there are too few.

    ``exponent`` is the slope of log time on log n by least squares, time without the start of a program where that
    was measured; ``processor`` the same of the processor's time; ``last`` the slope of the processor's time between
    the two largest sizes, where a cost that sets in late would show; ``bytes each`` what a sentence adds to peak
    memory between the smallest size and the largest.
    """
    times = {name: [(point["n"], value) for point in points if (value := seconds_of(point, name))] for name in TIMES}
    busy = times["processor seconds"]
    slopes = [math.log(t2 / t1) / math.log(n2 / n1) for (n1, t1), (n2, t2) in pairwise(busy)]
    grown = [(point["n"], point["peak bytes"]) for point in points]
    return {
        "exponent": exponent(times["seconds"]),
        "processor": exponent(busy),
        "last": slopes[-1] if slopes else None,
        "bytes each": (grown[-1][1] - grown[0][1]) / (grown[-1][0] - grown[0][0]) if len(grown) > 1 else None,
    }


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """The slope of log cost on log size by least squares, of (size, cost); None for fewer than two sizes."""
    if len({n for n, _ in points}) < 2:
        return None
    x, y = np.log(np.array(points, dtype=float)).T
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / (x * x).sum())


# --- what is measured on ---


def drawn_texts(n: int, seed: int, *, new_words: bool = False, split: str = "train") -> list[str]:
    """``n`` of a split's sentences, with repeats, each with its running number behind it.

    The library reads every digit alike, so a number is no new word. ``new_words`` writes it in letters, which is one.
    """
    texts = [row.text for row in _rows(split)]
    chosen = np.random.default_rng(seed).integers(len(texts), size=n).tolist()
    return [f"{texts[j]} {in_letters(i) if new_words else i}" for i, j in enumerate(chosen)]


def in_letters(number: int) -> str:
    """A number as five or more letters: 0 is "aaaaa", 1 "baaaa", 26 "abaaa"."""
    letters = ""
    while number or len(letters) < 5:
        number, digit = divmod(number, 26)
        letters += chr(ord("a") + digit)
    return letters


def drawn_rows(
    rows: Sequence[LabelledSentence], n: int, seed: int, shuffled: float = SHUFFLED
) -> list[LabelledSentence]:
    """``n`` rows: articles drawn with repeats, each under a new id, a share of the rows with their words shuffled."""
    draw = random.Random(seed)
    articles: dict[str, list[LabelledSentence]] = {}
    for row in rows:
        articles.setdefault(row.article, []).append(row)
    names = list(articles)
    found: list[LabelledSentence] = []
    number = 0
    while len(found) < n:
        for i, row in enumerate(articles[draw.choice(names)]):
            text = row.text
            if draw.random() < shuffled:
                parts = text.split()
                draw.shuffle(parts)
                text = " ".join(parts)
            article = f"drawn-{number:06}"
            found.append(dataclasses.replace(row, id=f"{article}-{i:03}", article=article, text=text))
        number += 1
    return found[:n]


def _rows(split: str) -> list[LabelledSentence]:
    return read_rows(LABELS, Schema.load(LABELS / "schema.toml"), splits=(split,))


# --- processes ---


_BETWEEN = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdin=sys.stdin, capture_output=True, text=True)
seconds = time.perf_counter() - start
use = resource.getrusage(resource.RUSAGE_CHILDREN)
found = {"seconds": seconds, "busy": use.ru_utime + use.ru_stime, "peak": use.ru_maxrss, "code": done.returncode}
print(json.dumps({**found, "out": done.stdout, "err": done.stderr}))
"""


def _measured(command: Sequence[str], given: str = "") -> dict[str, Any]:
    """Run a command from a small process: seconds, peak memory in bytes, and what it printed."""
    between = [sys.executable, "-S", "-E", "-c", _BETWEEN, *command]
    done = subprocess.run(between, input=given, capture_output=True, text=True, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    if found["code"]:
        raise RuntimeError(f"scale: {' '.join(command)} failed: {found['err'].strip()[-2000:]}")
    peak = found["peak"] * _UNIT
    return {"seconds": found["seconds"], "processor seconds": found["busy"], "peak bytes": peak, "out": found["out"]}


_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in a unit of ``ru_maxrss``."""


def _in_fresh_process(spec: dict[str, Any]) -> dict[str, Any]:
    code = "from benchmarks.scale import work; work()"
    found: dict[str, Any] = json.loads(_measured([sys.executable, "-c", code], json.dumps(spec))["out"])
    return found


def work() -> None:
    """The worker: a spec comes on standard input, figures go to standard output."""
    spec = json.load(sys.stdin)
    found = _train(spec) if spec["kind"] == TRAIN else _calls(spec) if "calls" in spec else _score(spec)
    print(json.dumps(found))


def _scorer(spec: dict[str, Any], texts: Sequence[str]) -> Callable[[], object]:
    classifier = stance.load(spec["model"])
    score = classifier.classify if spec["kind"] == OBJECTS else classifier.predict_proba
    score(texts[:100])  # loads what is loaded on first use
    return lambda: score(texts)


def _texts(spec: dict[str, Any]) -> list[str]:
    return drawn_texts(spec["n"], spec["seed"], new_words=spec.get("kind") == NEW_WORDS, split=spec["split"])


def _score(spec: dict[str, Any]) -> dict[str, Any]:
    texts = _texts(spec)
    call = _scorer(spec, texts)
    before = _peak()
    again = len(texts) <= REPEATED and spec["kind"] != NEW_WORDS  # a word is new only once
    rounds = [_seconds(call) for _ in range(spec["rounds"] if again else 1)]
    return {
        "n": len(texts),
        "seconds": statistics.median(wall for wall, _ in rounds),
        "processor seconds": statistics.median(busy for _, busy in rounds),
        "before bytes": before,
        "peak bytes": _peak(),
    }


def _calls(spec: dict[str, Any]) -> dict[str, Any]:
    """Resident memory after the second and after the last of many calls on the same texts."""
    call = _scorer(spec, _texts(spec))
    sizes = []
    for _ in range(spec["calls"]):
        call()
        sizes.append(_resident())
    return {"n": spec["n"], "calls": spec["calls"], "second bytes": sizes[1], "last bytes": sizes[-1]}


def _train(spec: dict[str, Any]) -> dict[str, Any]:
    schema = Schema.load(LABELS / "schema.toml")
    rows = drawn_rows(_rows(spec["split"]), spec["n"], spec["seed"])
    for package in ("joblib", "scipy.optimize", "scipy.sparse"):  # loaded on first use: not the rows' cost
        importlib.import_module(package)
    before = _peak()
    found: list[stance.Classifier] = []
    seconds, busy = _seconds(lambda: found.append(stance.train(rows, schema=schema)))
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _UNIT
    return {
        "n": len(rows),
        "articles": len({row.article for row in rows}),
        "features": found[0].model.heads.unknown,
        "seconds": seconds,
        "processor seconds": busy,
        "before bytes": before,
        "peak bytes": max(_peak(), children),
    }


def _streamed(spec: dict[str, Any], n: int) -> dict[str, Any]:
    """The command line on a file of ``n`` lines: the whole program's time and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        lines, output = Path(folder) / "lines.txt", Path(folder) / "said.jsonl"
        with open(lines, "w", encoding="utf-8") as file:
            file.writelines(f"{text}\n" for text in _texts(spec | {"n": n}))
        command = [sys.executable, "-c", "from stance.cli import main; main()", "classify", "--lines"]
        command += ["--model", spec["model"], "--format", "jsonl", "--output", str(output), str(lines)]
        rounds = [_measured(command) for _ in range(spec["rounds"] if n <= REPEATED // 10 else 1)]
        with open(output, encoding="utf-8") as file:
            written = sum(1 for _ in file)
        if written != n:
            raise RuntimeError(f"scale: expected {n} lines of JSONL, got {written}")
        return {
            "n": n,
            **{name: statistics.median(found[name] for found in rounds) for name in ("seconds", "processor seconds")},
            "peak bytes": max(found["peak bytes"] for found in rounds),
            "output bytes": os.path.getsize(output),
        }


def _seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and of the processor in this process: the latter hardly minds a busy machine."""
    start, busy = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - busy


def _peak() -> int:
    """This process's peak resident memory in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def _resident() -> int:
    """This process's resident memory in bytes; its peak where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return _peak()


# --- show ---


def table(record: Record) -> str:
    """Markdown: every size, how cost grows with it, and what repeated calls leave behind."""
    found = record.results
    lines = [
        f"Kernel: {found['kernel']}. Every size in a fresh process; the median of {found['rounds']} up to {REPEATED:,} "
        f"texts, by the command line up to {REPEATED // 10:,}; training and new "
        "words once.",
        "",
        "| scoring | texts | seconds | of the processor | its microseconds a text | peak MB | of it before the call |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, points in found["measured"].items():
        for point in points if kind != TRAIN else ():
            value = seconds_of(point, "processor seconds")
            each = "" if value is None else f"{value / point['n'] * 1e6:,.1f}"
            before = f"{point['before bytes'] / 1e6:,.0f}" if "before bytes" in point else ""
            cells = [kind, f"{point['n']:,}", f"{point['seconds']:.3f}", f"{point['processor seconds']:.3f}", each]
            lines.append(f"| {' | '.join(cells)} | {point['peak bytes'] / 1e6:,.0f} | {before} |")
    lines += [
        "",
        f"The command line takes {found['start seconds']:.2f} s for one line; that start is not in its cost a text.",
        "",
        "| training rows | articles | features | seconds | of the processor | milliseconds a row | peak MB "
        "| of it before the call |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for point in found["measured"][TRAIN]:
        counts = " | ".join(f"{point[name]:,}" for name in ("n", "articles", "features"))
        each = f"{point['seconds'] / point['n'] * 1e3:.2f}"
        costs = f"{point['seconds']:.2f} | {point['processor seconds']:.2f} | {each}"
        lines.append(f"| {counts} | {costs} | {point['peak bytes'] / 1e6:,.0f} | {point['before bytes'] / 1e6:,.0f} |")
    lines += [
        "",
        "| cost against size n | seconds grow as | of the processor | between the two largest | memory a sentence |",
        "|---|---|---|---|---|",
    ]
    for kind, fit in found["fits"].items():
        memory = "" if fit["bytes each"] is None else f"{fit['bytes each']:,.0f} bytes"
        powers = " | ".join(_power(fit[name]) for name in ("exponent", "processor", "last"))
        lines.append(f"| {kind} | {powers} | {memory} |")
    lines += [
        "",
        "| same texts, over and over | texts | calls | MB after the second | after the last |",
        "|---|---|---|---|---|",
    ]
    for kind, calls in found["calls"].items():
        memory = " | ".join(f"{calls[name] / 1e6:,.1f}" for name in ("second bytes", "last bytes"))
        lines.append(f"| {kind} | {calls['n']:,} | {calls['calls']} | {memory} |")
    lines += [
        "",
        f"Texts are the {found['split']} split's sentences, drawn with a seed, each with a running number behind it "
        "(in letters where each must hold a new word). *Memory a sentence* is the growth of the peak, the texts "
        "themselves included. "
        f"Training rows are drawn articles under new ids, the words of {found['shuffled']:.0%} of the rows shuffled: "
        "for cost, not for quality.",
    ]
    return "\n".join(lines)


def _power(slope: float | None) -> str:
    return "" if slope is None else f"n^{slope:.2f}"


def plots(record: Record, folder: Path) -> list[Path]:
    """Seconds and peak memory on size, both axes logarithmic, as one SVG file."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "stance"  # the same figures give the same bytes
    from matplotlib import pyplot as plt
    from matplotlib import ticker

    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6))
    for axis, key, unit, title in (
        (axes[0], "seconds", 1.0, "seconds"),
        (axes[1], "peak bytes", 1e6, "peak memory, MB"),
    ):
        for (kind, points), marker in zip(record.results["measured"].items(), "os^Dv", strict=True):
            values = [(point["n"], seconds_of(point) if key == "seconds" else point[key]) for point in points]
            shown = [(n, value / unit) for n, value in values if value is not None]
            power = _power(record.results["fits"][kind]["exponent"]) if key == "seconds" else ""
            if shown:
                axis.plot(*zip(*shown, strict=True), marker=marker, ms=5, label=f"{kind}  {power}".strip())
        axis.set(xscale="log", yscale="log", xlabel="sentences", title=title)
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
        axis.grid(alpha=0.3, which="major")
    axes[1].yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes[1].yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,g}"))
    axes[1].yaxis.set_minor_formatter(ticker.NullFormatter())
    _slope_one(axes[0])
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, high * 30)  # room for the legend
    figure.tight_layout()
    path = folder / "scale.svg"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return [path]


def _slope_one(axis: Any) -> None:
    """A dashed line along which cost is proportional to size."""
    left, right = axis.get_xlim()
    low, _ = axis.get_ylim()
    axis.plot([left, right], [low, low * right / left], ls="--", lw=0.8, color="0.5", label="proportional")
    axis.set_xlim(left, right)
