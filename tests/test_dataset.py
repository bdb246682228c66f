"""The shipped dataset: what its card promises, measured on the files themselves."""

from __future__ import annotations

import json
import random
import re
import statistics
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from benchmarks import rates
from stance.gold import build_gold, check, sentences_to_label
from stance.labels import read_rows
from stance.records import LabelledSentence
from stance.schema import Schema

LABELS = Path(__file__).parent.parent / "labels"
SCHEMA = Schema.load(LABELS / "schema.toml")
SENTENCES = sentences_to_label(LABELS)


@pytest.fixture(scope="module")
def gold() -> list[LabelledSentence]:
    return read_rows(LABELS, SCHEMA)


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def grams(text: str, size: int) -> set[tuple[str, ...]]:
    found = tokens(text)
    return {tuple(found[i : i + size]) for i in range(len(found) - size + 1)}


def test_the_labels_folder_has_no_problems() -> None:
    assert check(LABELS, SCHEMA) == []


def test_gold_is_what_articles_and_annotations_make_of_it(gold: list[LabelledSentence]) -> None:
    built = build_gold(LABELS, SCHEMA, seed=0)
    for split, rows in built.items():
        assert read_rows(LABELS, SCHEMA, splits=(split,)) == rows


def test_no_article_is_in_two_splits() -> None:
    splits = {
        split: {row.article for row in read_rows(LABELS, SCHEMA, splits=(split,))} for split in ("train", "dev", "test")
    }
    assert (
        splits["train"] & splits["dev"] == splits["train"] & splits["test"] == splits["dev"] & splits["test"] == set()
    )


def test_no_two_sentences_share_half_of_their_five_word_runs() -> None:
    runs = [grams(sentence.text, 5) for sentence in SENTENCES]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, found in enumerate(runs):
        for run in found:
            holders[run].append(i)
    pairs = {(a, b) for found in holders.values() for a in found for b in found if a < b}
    near = [
        (SENTENCES[a].id, SENTENCES[b].id) for a, b in pairs if len(runs[a] & runs[b]) > 0.5 * len(runs[a] | runs[b])
    ]
    assert near == []


def test_no_two_words_open_more_than_one_sentence_in_seventy() -> None:
    openings = Counter(" ".join(tokens(sentence.text)[:2]) for sentence in SENTENCES)
    opening, count = openings.most_common(1)[0]
    assert count <= 0.015 * len(SENTENCES), opening


def test_four_in_five_three_word_runs_of_four_thousand_sentences_are_distinct() -> None:
    # of a fixed number of sentences, since any language's share falls as text grows
    drawn = random.Random(0).sample(SENTENCES, 4000)
    runs = [run for sentence in drawn for run in grams(sentence.text, 3)]
    assert len(set(runs)) / len(runs) > 0.8


def test_sentences_have_four_to_forty_six_words_and_differ_in_length() -> None:
    lengths = {sentence.id: len(sentence.text.split()) for sentence in SENTENCES}
    assert {id: n for id, n in lengths.items() if not 4 <= n <= 46} == {}
    assert statistics.stdev(lengths.values()) >= 8


def test_every_register_has_twenty_articles_and_every_year_some() -> None:
    registers = Counter({s.article: s.register for s in SENTENCES}.values())
    years = Counter({s.article: s.date[:4] for s in SENTENCES}.values())
    assert len(registers) == 16
    assert min(registers.values()) >= 20
    assert set(years) == {str(year) for year in range(2009, 2027)}
    assert min(years.values()) >= 5


@pytest.mark.parametrize(
    ("label", "floor"),
    [
        ("sanctions", 800),
        ("anniversary", 600),
        ("russia_ties", 800),
        ("china_ties:favor", 600),
        ("china_ties:against", 400),
        ("russia_ties:favor", 550),
        ("russia_ties:against", 350),
        ("sanctions:favor", 500),
        ("sanctions:against", 450),
    ],
)
def test_every_label_has_enough_sentences(gold: list[LabelledSentence], label: str, floor: int) -> None:
    name, _, stance = label.partition(":")
    count = sum(row.stances.get(name) == stance if stance else name in (row.topics or ()) for row in gold)
    assert count >= floor


def test_enough_sentences_have_no_topic(gold: list[LabelledSentence]) -> None:
    assert sum(not row.topics for row in gold) >= 1500


def test_a_contrast_pair_shares_words_and_differs_in_its_label(gold: list[LabelledSentence]) -> None:
    rows = {row.id: row for row in gold}
    pairs = [json.loads(line) for line in (LABELS / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(pairs) >= 200
    for pair in pairs:
        first, second = rows[pair["a"]], rows[pair["b"]]
        shared = set(tokens(first.text)) & set(tokens(second.text))
        assert len(shared) >= 0.4 * min(len(set(tokens(first.text))), len(set(tokens(second.text)))), pair
        assert (first.topics, first.stances) != (second.topics, second.stances), pair


def test_the_dataset_loads_with_datasets_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset(str(LABELS), cache_dir=str(tmp_path))
    assert set(found) == {"train", "validation", "test"}
    assert {"id", "article", "register", "date", "text", "topics", "stances"} <= set(found["train"].column_names)


def test_the_rates_of_the_schema_are_what_the_readings_say() -> None:
    schema = Schema.load(LABELS / "schema.toml")
    read = {rate["label"]: rate["value"] for reading in rates.readings().values() for rate in reading["rates"]}
    given = {f"{target.name}: {name}": rate for target in schema.targets for name, rate in target.rates.items()}
    given |= {topic.name: topic.rates["present"] for topic in schema.topics}
    assert given == {label: round(share, 2) for label, share in read.items()}


def test_a_rate_is_the_mean_of_the_readers_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One reader finds 2 labels in 10 sentences, the other 1 in 5 of the same page and none in 5 of another: 0.2, 0.1.
    folder = tmp_path / "rates"
    folder.mkdir()
    pages = ["a\tNorth Korea\tone\t10", "b\tNorth Korea\tone\t5", "b\tNorth Korea China\ttwo\t5"]
    marks = ["a\tone\t1\ttie: favor\twhy", "a\tone\t4\ttie: favor\twhy", "b\tone\t1\ttie: favor\twhy"]
    for name, head, lines in (
        ("pages", "reading\treader\tquery\tpage\tsentences", pages),
        ("marks", "reading\treader\tpage\tsentence\tlabel\twhy", marks),
    ):
        text = "\n".join([head, *(f"stances\t{line}" for line in lines)])
        (folder / f"{name}.tsv").write_text(text, encoding="utf-8")
    monkeypatch.setattr(rates, "LABELS", tmp_path)
    (found,) = rates.readings()["stances"]["rates"]
    assert found["label"] == "tie: favor"
    assert found["value"] == pytest.approx(0.15)
    assert found["agreed"] == pytest.approx(2 / 3, abs=0.001)  # 2 and 1 on the page of both
