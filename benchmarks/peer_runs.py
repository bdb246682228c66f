"""Fit the peers once, and keep what they decide on every set, for the domain suite to measure.

A peer's run stands in ``build/peers/NAME.json`` and is used as long as its training rows and the sets are the same.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import PEERS, available
from stance.baselines import Outcome
from stance.jsonl import write_text
from stance.records import LabelledSentence, fingerprint
from stance.schema import Schema

RUNS = Path(__file__).parent.parent / "build" / "peers"
Rows = Sequence[LabelledSentence]


class Stored:
    """A peer's decisions on one set, as a `stance.baselines.System`."""

    def __init__(self, name: str, outcome: Outcome) -> None:
        self.name = name
        self._outcome = outcome

    def decide(self, texts: Sequence[str]) -> Outcome:
        """What the peer decided on these texts."""
        if len(texts) != len(self._outcome.topics):
            raise ValueError(f"{self.name}: {len(self._outcome.topics)} stored decisions, {len(texts)} texts")
        return self._outcome


def fit_peers(
    names: Sequence[str], train: Rows, sets: Mapping[str, Rows], schema: Schema, *, limit: int | None = None
) -> None:
    """Fit each peer on the training rows and store its decisions on every set.

    Args:
        limit: take whole articles, drawn with a seed, up to this many rows; for peers that cannot take all in time.
    """
    for name in names:
        rows = _drawn(train, limit) if limit else list(train)
        peer = PEERS[name]()
        start = time.perf_counter()
        peer.fit(rows, schema)
        seconds = time.perf_counter() - start
        decisions = {}
        for title, tested in sets.items():
            found = peer.decide([row.text for row in tested])
            decisions[title] = {
                "fingerprint": fingerprint(tested),
                "topics": found.topics.astype(int).tolist(),
                "stances": found.stances.tolist(),
            }
        run = {
            "name": name,
            "trained on": fingerprint(train),
            "rows": len(rows),
            "of": len(train),
            "seconds": round(seconds, 1),
            "chosen": peer.chosen,
            "decisions": decisions,
        }
        RUNS.mkdir(parents=True, exist_ok=True)
        write_text(_path(name), json.dumps(run, default=float) + "\n")
        print(f"{name}: fitted on {len(rows)} rows in {seconds:.0f} s", flush=True)


def _drawn(rows: Rows, limit: int) -> list[LabelledSentence]:
    order = np.random.default_rng(0).permutation(sorted({row.article for row in rows})).tolist()
    chosen: set[str] = set()
    size = 0
    for article in order:
        size += sum(row.article == article for row in rows)
        if size > limit:
            break
        chosen.add(article)
    return [row for row in rows if row.article in chosen]


def _path(name: str) -> Path:
    return RUNS / f"{re.sub('[^a-z]+', '-', name.lower())}.json"


def stored(train: Rows, sets: Mapping[str, Rows]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The runs that fit these rows, by peer; and for each other peer, why there is none."""
    found: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    reasons = available()
    for name in PEERS:
        path = _path(name)
        run = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        if run is None:
            missing[name] = reasons[name] or "not run: python -m benchmarks peers"
        elif run["trained on"] != fingerprint(train) or any(
            run["decisions"].get(title, {}).get("fingerprint") != fingerprint(rows) for title, rows in sets.items()
        ):
            missing[name] = "run on other labels: run it again"
        else:
            found[name] = run
    return found, missing


def outcome(run: Mapping[str, Any], title: str) -> Outcome:
    """A stored run's decisions on one set."""
    decisions = run["decisions"][title]
    return Outcome(
        np.array(decisions["topics"], dtype=bool).reshape(len(decisions["topics"]), -1),
        np.array(decisions["stances"], dtype=np.int64).reshape(len(decisions["stances"]), -1),
    )
