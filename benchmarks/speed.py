"""How fast and how small: this library and its peers on the same texts, in one run, in turn, medians of rounds.

Machines differ and are shared: what holds from one to another is the ratio to a peer, not the time. A peer's call
answers one question (the default target's stance); ours always answers all of the schema's.
"""

from __future__ import annotations

import dataclasses
import os
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
from benchmarks.peers import PEERS, available
from benchmarks.record import Record
from stance.compiled import CompiledScorer
from stance.labels import read_rows
from stance.model_folder import find_model
from stance.records import LabelledSentence
from stance.schema import Schema

ROUNDS = 7
SIZES = (1, 10, 1000, 100_000)
SLOW = ("MiniLM embeddings + LR", "MiniLM fine-tuned")
"""Peers that get a hundredth of the texts."""
Call = Callable[[], object]


def run(model: str, *, rounds: int = ROUNDS, quick: bool = False) -> Record:
    """Throughput, latency, start-up, training time, memory and size, each the median of ``rounds``."""
    classifier = stance.load(model)
    rows = read_rows(LABELS, classifier.schema, splits=("train",))[: 600 if quick else None]
    texts = [row.text for row in rows]
    few, some = texts[:: 100 if not quick else 20], texts[:500:5]
    peers, missing = _peers(rows, classifier.schema, quick=quick)
    os.environ["STANCE_KERNEL"] = "reference"
    try:
        reference = stance.load(model)
    finally:
        del os.environ["STANCE_KERNEL"]
    batch: dict[str, tuple[Call, int]] = {
        "stance: arrays": (lambda: classifier.decision_function(texts), len(texts)),
        "stance: arrays, 2 threads": (lambda: classifier.decision_function(texts, threads=2), len(texts)),
        "stance: probabilities": (lambda: classifier.predict_proba(texts), len(texts)),
        "stance: predictions": (lambda: classifier.classify(texts), len(texts)),
        "stance: predictions, reference": (lambda: reference.classify(few), len(few)),
    }
    floor = None
    if isinstance(classifier._scorer, CompiledScorer):
        scorer = classifier._scorer
        batch["floor: cut and hash only"] = floor = (lambda: scorer.floor(texts), len(texts))
    single: dict[str, tuple[Call, int]] = {
        "stance": (lambda: [classifier.classify(text) for text in some], len(some)),
        "stance, reference": (lambda: [reference.classify(text) for text in some], len(some)),
    }
    for name, peer in peers.items():
        given = few if name in SLOW else texts
        batch[name] = (lambda peer=peer, given=given: peer.one(given), len(given))  # type: ignore[misc]
        short = some[:5] if name in SLOW else some
        single[name] = (lambda peer=peer, short=short: [peer.single(t) for t in short], len(short))  # type: ignore[misc]
    threads: list[float] = []
    floors: list[float] = []

    def beside() -> None:
        arrays = batch["stance: arrays"][0]
        for _ in range(3):
            threads.append(_times(arrays, batch["stance: arrays, 2 threads"][0]))
            if floor is not None:
                floors.append(_times(arrays, floor[0]))

    results: dict[str, Any] = {
        "sentences": len(texts),
        "characters a sentence": round(statistics.mean(map(len, texts)), 1),
        "kernel": classifier.kernel,
        "microseconds a sentence in a batch": _in_turn(batch, rounds, after=beside),
        "times the floor": round(statistics.median(floors), 2) if floors else None,
        "microseconds a call": _in_turn(single, rounds),
        "call sizes": {str(n): _size(classifier, texts, n, rounds) for n in (SIZES[:3] if quick else SIZES)},
        "two threads, times one": round(statistics.median(threads), 2),
        "two processes, times one": _two_processes(model, 1 if quick else rounds),
        "latency": _latency(classifier, texts, 200 if quick else 5000),
        "milliseconds": _start_up(model, 2 if quick else rounds),
        "yardstick": _in_turn({"sum(range(1000))": (lambda: [sum(range(1000)) for _ in range(100)], 100)}, rounds),
        "training seconds": None if quick else round(_training(), 2),
        "training sentences": len(rows),
        "model folder bytes": sum(file.stat().st_size for file in find_model(model).iterdir()),
        "peers missing": missing,
    }
    return Record("speed", results, fingerprint=classifier.model.provenance["fingerprint"])


def _in_turn(
    calls: dict[str, tuple[Call, int]], rounds: int, after: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Median microseconds a text; the calls take turns, so that a busy spell hits all of them. ``after`` each round
    comes what else is measured."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (call, count) in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append((time.perf_counter() - start) / count * 1e6)
        after()
    return {name: round(statistics.median(each), 3) for name, each in taken.items()}


def _times(call: Call, other: Call) -> float:
    """How often the other's time goes into the call's, one right after the other: a spell in which the machine is busy
    is then on both sides of the ratio."""
    start = time.perf_counter()
    call()
    between = time.perf_counter()
    other()
    return (between - start) / (time.perf_counter() - between)


def _peers(rows: Sequence[LabelledSentence], schema: Schema, *, quick: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """Every peer at hand, fitted without tuning for one output; and why the others are missing."""
    one = dataclasses.replace(schema, topics=(), targets=(schema.targets[0],), default_target=schema.targets[0].name)
    found, missing = {}, {}
    for name, reason in available().items():
        if reason or (quick and name not in list(PEERS)[:1]):
            missing[name] = reason or "left out of the quick form"
            continue
        peer: Any = PEERS[name]()
        peer.grid = peer.grid[:1]
        peer.fit(rows if name not in SLOW else rows[:300], one)
        found[name] = peer
    return found, missing


def _size(classifier: stance.Classifier, texts: Sequence[str], n: int, rounds: int) -> dict[str, float]:
    """Median microseconds a text where a call has ``n`` texts."""
    given = (list(texts) * (n // len(texts) + 1))[:n]
    repeats = max(1, 1000 // n)
    calls: dict[str, tuple[Call, int]] = {
        "arrays": (lambda: [classifier.decision_function(given) for _ in range(repeats)], n * repeats),
        "predictions": (lambda: [classifier.classify(given) for _ in range(repeats)], n * repeats),
    }
    return _in_turn(calls, max(2, rounds - 2))


def _latency(classifier: stance.Classifier, texts: Sequence[str], count: int) -> dict[str, float]:
    """Microseconds of one ``classify(str)``: the middle one, and the hundredth slowest."""
    taken = []
    for text in (list(texts) * (count // len(texts) + 1))[:count]:
        start = time.perf_counter()
        classifier.classify(text)
        taken.append((time.perf_counter() - start) * 1e6)
    cuts = statistics.quantiles(taken, n=100)
    return {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1)}


_ALONE = """
import sys, time
import stance
from stance.labels import read_rows
classifier = stance.load(sys.argv[1])
texts = [row.text for row in read_rows(sys.argv[2], classifier.schema, splits=("train",))][: int(sys.argv[3])]
classifier.decision_function(texts)
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
for _ in range(8):
    classifier.decision_function(texts)
print(time.perf_counter() - start, flush=True)
"""


def _two_processes(model: str, rounds: int) -> float:
    """How much more than one process two of them score, with nothing shared: what this machine's second core is worth,
    and so the most that two threads can gain on it. Median of rounds of one, then two."""
    found = []
    for _ in range(rounds):
        one, two = _together(model, 1), _together(model, 2)
        found.append(sum(1 / seconds for seconds in two) * one[0])
    return round(statistics.median(found), 2)


def _together(model: str, count: int) -> list[float]:
    """Seconds that each of some processes takes for the same work, all at the same time."""
    command = [sys.executable, "-c", _ALONE, model, str(LABELS), "6000"]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(count)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [float(process.communicate()[0]) for process in processes]


_START = """
import sys, time
start = time.perf_counter()
import stance
imported = time.perf_counter()
stance.classify("Xi vowed to deepen cooperation with Pyongyang.")
classified = time.perf_counter()
loads = []
for _ in range(5):
    begun = time.perf_counter()
    stance.load(sys.argv[1])
    loads.append(time.perf_counter() - begun)
try:  # this process's own peak; that of getrusage can be its parent's
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
except OSError:
    peak = float("nan")
print((imported - start) * 1000, (classified - imported) * 1000, min(loads) * 1000, peak)
"""


def _start_up(model: str, rounds: int) -> dict[str, float]:
    """Milliseconds of `import stance`, of the first `classify` after it, and of a load; megabytes at the peak.

    In processes of their own that find the package's bytecode, as an installed one's do; another run before makes it.
    """
    with tempfile.TemporaryDirectory() as cache:
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment = {**kept, "PYTHONPYCACHEPREFIX": cache}
        runs = [
            [
                float(x)
                for x in subprocess.run(
                    [sys.executable, "-c", _START, model], capture_output=True, text=True, check=True, env=environment
                ).stdout.split()
            ]
            for _ in range(1 + rounds)
        ][1:]
    names = ("import", "first classify", "load again", "peak MB")
    return {name: round(statistics.median(run[i] for run in runs), 1) for i, name in enumerate(names)}


def _training() -> float:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        stance.train(LABELS).save(Path(folder) / "model")
    return time.perf_counter() - start


def table(record: Record) -> str:
    """Markdown of everything measured."""
    found = record.results
    batch, single = found["microseconds a sentence in a batch"], found["microseconds a call"]
    arrays, objects = batch["stance: arrays"], batch["stance: predictions"]
    lines = [
        f"{found['sentences']:,} sentences of {found['characters a sentence']} characters on average; scored by: "
        f"{found['kernel']}.",
        "",
        "| a batch of texts | sentences a second | microseconds each | our arrays are faster by | our predictions by |",
        "|---|---|---|---|---|",
    ]
    for name, each in batch.items():
        ratios = ("", "") if name.startswith("stance") else (f"{each / arrays:.1f}", f"{each / objects:.1f}")
        lines.append(f"| {name} | {1e6 / each:,.0f} | {each:,.2f} | {' | '.join(ratios)} |")
    lines += ["", "| one text a call | microseconds | ours is faster by |", "|---|---|---|"]
    lines += [f"| {name} | {each:,.1f} | {each / single['stance']:.1f} |" for name, each in single.items()]
    latency = found["latency"]
    if found["times the floor"]:
        lines += ["", f"Arrays take {found['times the floor']:.2f} times as long as cutting and hashing alone."]
    lines += [
        "",
        f"Two threads score {found['two threads, times one']:.2f} times what one does; two processes that share "
        f"nothing, {found['two processes, times one']:.2f} times what one does alone: so much is the second core worth "
        "here.",
        f"One call of ours: half are done in {latency['p50']} microseconds, 99 in 100 in {latency['p99']}.",
        "",
        "| texts a call | arrays, microseconds each | predictions, microseconds each |",
        "|---|---|---|",
    ]
    for n, sizes in found["call sizes"].items():
        lines.append(f"| {int(n):,} | {sizes['arrays']:.2f} | {sizes['predictions']:.2f} |")
    times = found["milliseconds"]
    lines += ["", "| | |", "|---|---|"]
    lines += [f"| {name} | {times[name]} ms |" for name in ("import", "first classify", "load again")]
    lines += [f"| peak memory of that | {times['peak MB']} MB |"]
    lines += [f"| `{name}` in this Python | {taken} microseconds |" for name, taken in found["yardstick"].items()]
    if found["training seconds"]:
        lines += [f"| training on {found['training sentences']:,} sentences | {found['training seconds']} s |"]
    lines += [f"| model folder | {found['model folder bytes'] / 1e6:.2f} MB |", ""]
    lines += [f"- {name} is missing here: {reason}" for name, reason in found["peers missing"].items()]
    return "\n".join(lines)
