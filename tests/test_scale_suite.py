"""The scaling suite: what is drawn, how cost is fitted, and that a worker's memory is its own."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))  # the benchmarks are not part of the installed package

from benchmarks import scale
from benchmarks.record import Record
from stance.lexicon import words
from stance.records import LabelledSentence


def test_the_exponent_is_the_slope_of_log_cost_on_log_size() -> None:
    assert scale.exponent([(10, 3.0), (100, 300.0), (1000, 30000.0)]) == pytest.approx(2)
    # steps of 1 and 3 decades in cost over two decades of size: least squares goes straight through the middle
    assert scale.exponent([(1, 1.0), (10, 10.0), (100, 10000.0)]) == pytest.approx(2)
    assert scale.exponent([(10, 3.0)]) is None


def test_fits_leave_out_the_start_of_a_program_and_what_is_lost_in_it() -> None:
    start = {"seconds": 1.0, "processor seconds": 0.5}
    points = [
        {"n": 10, "seconds": 1.05, "processor seconds": 0.505, "peak bytes": 1000},
        {"n": 100, "seconds": 1.5, "processor seconds": 0.75, "peak bytes": 1900},
        {"n": 1000, "seconds": 6.0, "processor seconds": 3.0, "peak bytes": 10900},
    ]
    found = scale.fits([scale._less(point, start) for point in points])
    # 0.5 and 5 seconds, 0.25 and 2.5 of the processor beyond the start; the first point is within its noise
    assert found["exponent"] == pytest.approx(1)
    assert found["processor"] == pytest.approx(1)
    assert found["last"] == pytest.approx(1)
    assert found["bytes each"] == 10


def test_the_last_slope_shows_a_cost_that_sets_in_late() -> None:
    points: list[dict[str, Any]] = [
        {"n": n, "seconds": t, "processor seconds": t, "peak bytes": 1}
        for n, t in ((1, 1.0), (10, 10.0), (100, 1000.0))
    ]
    assert scale.fits(points)["last"] == pytest.approx(2)
    assert scale.fits(points[:1]) == {"exponent": None, "processor": None, "last": None, "bytes each": None}


def test_drawn_texts_differ_and_are_the_same_for_a_seed() -> None:
    texts = scale.drawn_texts(2000, 0, split="dev")
    assert len(set(texts)) == 2000
    assert texts[7].endswith(" 7")
    assert texts == scale.drawn_texts(2000, 0, split="dev")
    assert texts != scale.drawn_texts(2000, 1, split="dev")


def test_new_words_are_new_to_the_library_and_numbers_are_not() -> None:
    plain = {words(text)[-1] for text in scale.drawn_texts(10, 0, split="dev")}
    new = {words(text)[-1] for text in scale.drawn_texts(10, 0, split="dev", new_words=True)}
    assert (len(plain), len(new)) == (1, 10)
    assert [scale.in_letters(n) for n in (0, 1, 26, 26**5)] == ["aaaaa", "baaaa", "abaaa", "aaaaab"]


def test_drawn_rows_are_whole_articles_under_new_ids_some_of_them_shuffled(tiny_rows: list[LabelledSentence]) -> None:
    rows = scale.drawn_rows(tiny_rows, 200, 0)
    assert len(rows) == 200
    assert len({row.id for row in rows}) == 200
    # Every article of the tiny task has seven rows: 28 articles and four rows of another.
    assert Counter(Counter(row.article for row in rows).values()) == {7: 28, 4: 1}
    known = {row.text: row for row in tiny_rows}
    whole = [row for row in rows if row.text in known]
    assert 60 < len(whole) < 140
    assert all((row.topics, row.stances) == (known[row.text].topics, known[row.text].stances) for row in whole)
    spelled = {" ".join(sorted(row.text.split())) for row in tiny_rows}
    assert all(" ".join(sorted(row.text.split())) in spelled for row in rows)
    assert scale.drawn_rows(tiny_rows, 200, 0) == rows
    assert all(row.text in known for row in scale.drawn_rows(tiny_rows, 20, 0, shuffled=0.0))


def test_a_workers_peak_is_not_its_parents() -> None:
    held = bytearray(b"x") * 300_000_000
    peak = scale._measured([sys.executable, "-c", "pass"])["peak bytes"]
    assert 1_000_000 < peak < 150_000_000 < len(held)


def test_a_workers_failure_is_told() -> None:
    with pytest.raises(RuntimeError, match="scale: .* failed: no such thing"):
        scale._measured([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_a_worker_scores_and_the_command_line_writes_a_line_a_text(tiny_folder: Path) -> None:
    spec = {"model": str(tiny_folder), "seed": 0, "split": "dev", "rounds": 1}
    found = scale._in_fresh_process({**spec, "kind": scale.ARRAYS, "n": 50})
    assert found["n"] == 50
    assert found["seconds"] > 0
    assert 0 < found["before bytes"] <= found["peak bytes"]
    streamed = scale._streamed(spec, 20)
    assert streamed["n"] == 20
    assert streamed["output bytes"] > 20 * 100


@pytest.fixture(scope="module")
def record() -> Record:
    def point(n: int, **more: float) -> dict[str, Any]:
        return {"n": n, "seconds": n / 1000, "processor seconds": n / 1000, "peak bytes": 10**6 * n, **more}

    scored = [point(10, **{"before bytes": 5e6}), point(100, **{"before bytes": 6e6})]
    start = {"seconds": 0.005, "processor seconds": 0.005}
    streamed = [scale._less(point(n), start) for n in (5, 105)]
    trained = [point(n, articles=2, features=3000, **{"before bytes": 5e6}) for n in (10, 100)]
    kinds = (scale.ARRAYS, scale.NEW_WORDS, scale.OBJECTS)
    measured = {**dict.fromkeys(kinds, scored), scale.STREAM: streamed, scale.TRAIN: trained}
    results = {
        "quick": True,
        "kernel": "compiled",
        "start seconds": 0.005,
        "measured": measured,
        "fits": {kind: scale.fits(points) for kind, points in measured.items()},
        "calls": {scale.ARRAYS: {"n": 10, "calls": 5, "second bytes": 1e6, "last bytes": 2e6}},
        "split": "dev",
        "rounds": 1,
        "shuffled": 0.5,
    }
    return Record("scale", results, date="d", commit="c", versions={}, machine="m")


def test_the_table_has_every_size_and_every_fit(record: Record) -> None:
    lines = scale.table(record).splitlines()
    assert "| predict_proba, arrays | 100 | 0.100 | 0.100 | 1,000.0 | 100 | 6 |" in lines
    assert f"| {scale.STREAM} | 5 | 0.005 | 0.005 |  | 5 |  |" in lines  # no more than the start
    assert f"| {scale.STREAM} | 105 | 0.105 | 0.105 | 952.4 | 105 |  |" in lines
    assert "| 10 | 2 | 3,000 | 0.01 | 0.01 | 1.00 | 10 | 5 |" in lines
    assert "| stance.train | n^1.00 | n^1.00 | n^1.00 | 1,000,000 bytes |" in lines
    assert f"| {scale.STREAM} |  |  |  | 1,000,000 bytes |" in lines
    assert "| predict_proba, arrays | 10 | 5 | 1.0 | 2.0 |" in lines


def test_the_plot_is_an_svg_and_the_same_each_time(record: Record, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, second = (scale.plots(record, tmp_path / name)[0].read_bytes() for name in "ab")
    assert first == second
    assert first.startswith(b"<?xml")
