"""The benchmarks' own parts: records side by side, and runs of peers that fit the labels they are shown with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import peer_runs
from benchmarks.comparison import compare
from benchmarks.record import Record
from stance.baselines import Outcome
from stance.records import LabelledSentence
from stance.schema import Schema

ROW = LabelledSentence(id="a-01", article="a", text="Goods moved.", topics=(), stances={})


def record(f1: tuple[float, float, float], microseconds: float, suite: str = "domain") -> Record:
    value, low, high = f1
    results = {"f1": {"value": value, "low": low, "high": high}, "microseconds a call": {"stance": microseconds}}
    return Record(suite, results, fingerprint="x", commit="c", versions={}, machine="m", date="d")


def test_a_fall_out_of_both_intervals_is_worse() -> None:
    text, worse = compare(record((0.8, 0.78, 0.82), 10), record((0.7, 0.68, 0.72), 10))
    assert worse == ["f1"]
    assert "| f1 | 0.800 [0.780, 0.820] | 0.700 [0.680, 0.720] | worse |" in text


def test_a_fall_within_an_interval_is_noise() -> None:
    assert compare(record((0.8, 0.7, 0.9), 10), record((0.72, 0.6, 0.85), 14.9))[1] == []


def test_a_time_half_as_long_again_is_worse_and_a_shorter_one_better() -> None:
    assert compare(record((0.8, 0.7, 0.9), 10), record((0.8, 0.7, 0.9), 15.1))[1] == ["microseconds a call: stance"]
    text, worse = compare(record((0.8, 0.7, 0.9), 15.1), record((0.8, 0.7, 0.9), 10))
    assert worse == []
    assert "| microseconds a call: stance | 15.10 | 10.00 | better |" in text


def test_records_of_two_suites_are_not_compared() -> None:
    with pytest.raises(ValueError, match="of one suite, got 'domain' and 'speed'"):
        compare(record((0, 0, 0), 1), record((0, 0, 0), 1, suite="speed"))


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    written = record((0.8, 0.7, 0.9), 10)
    assert Record.read(written.write(tmp_path)) == written


class Silent:
    """A peer that says no to everything."""

    name = "silent"

    def __init__(self) -> None:
        self.chosen = {"C": 1.0}

    def fit(self, rows: object, schema: Schema, *, seed: int = 0) -> None:
        self._schema = schema

    def decide(self, texts: list[str]) -> Outcome:
        return Outcome(np.zeros((len(texts), 2), dtype=bool), np.full((len(texts), 2), 2))


def test_a_run_of_a_peer_is_kept_until_the_labels_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_schema: Schema, tiny_rows: list[LabelledSentence]
) -> None:
    monkeypatch.setattr(peer_runs, "RUNS", tmp_path)
    monkeypatch.setattr(peer_runs, "PEERS", {"silent": Silent, "other": Silent})
    monkeypatch.setattr(peer_runs, "available", lambda: {"silent": "", "other": "No module named 'other'"})
    sets = {"test": tiny_rows[:3]}
    peer_runs.fit_peers(["silent"], tiny_rows, sets, tiny_schema)
    found, missing = peer_runs.stored(tiny_rows, sets)
    assert found["silent"]["rows"] == len(tiny_rows)
    assert peer_runs.outcome(found["silent"], "test").stances.tolist() == [[2, 2]] * 3
    assert missing == {"other": "No module named 'other'"}
    assert peer_runs.stored([*tiny_rows, ROW], sets) == (
        {},
        {"silent": "run on other labels: run it again", "other": "No module named 'other'"},
    )


def test_a_limit_takes_whole_articles(tiny_rows: list[LabelledSentence]) -> None:
    drawn = peer_runs._drawn(tiny_rows, len(tiny_rows) // 2)
    assert 0 < len(drawn) <= len(tiny_rows) // 2
    whole = {row.article for row in drawn}
    assert drawn == [row for row in tiny_rows if row.article in whole]
