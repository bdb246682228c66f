"""The public benchmarks' suite, on made-up data in the benchmarks' formats; expected figures are worked out by hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))  # the benchmarks are not part of the installed package

from benchmarks import public
from benchmarks.record import Record
from stance.records import LabelledSentence

WORDS = {0: "the hall opens at noon", 1: "a shameful rotten idea", 2: "a splendid noble idea"}
TONES = {-1: "was jailed for fraud", 0: "spoke on Monday", 1: "won great praise"}
TRAIN, VAL, TEST = (1, 1, 1, 0, 0, 2, 2), (1,), (1, 1, 2, 0)
"""Labels of every target's tweets: mostly 1, against, but a target's test tweets are 1, 1, 2, 0."""


def tweet_files(folder: Path) -> None:
    for target in public.TARGETS:
        place = folder / "tweeteval-stance" / target
        place.mkdir(parents=True)
        for split, labels in (("train", TRAIN), ("val", VAL), ("test", TEST)):
            texts = [f"{WORDS[label]} in town {i}" for i, label in enumerate(labels)]
            (place / f"{split}_text.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
            (place / f"{split}_labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")


def mention(number: int, polarity: int) -> dict[str, Any]:
    sentence = f"Yesterday Ms. Oak {TONES[polarity]} in Elmville."
    return {
        "mention": "Ms. Oak",
        "polarity": polarity,
        "from": 10,
        "to": 17,
        "sentence": sentence,
        "id": f"source_{number // 2}_7_{number % 2}_Ms. Oak_10_17",
    }


def news_files(folder: Path) -> None:
    place = folder / "newsmtsc"
    place.mkdir(parents=True)
    for name, polarities in (
        ("train", (-1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1)),
        ("test_rw", (-1, 0, 1, 0)),
        ("test_mt", (-1, -1, 1)),
    ):
        lines = [json.dumps(mention(i, polarity)) + "\n" for i, polarity in enumerate(polarities)]
        (place / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("public")
    tweet_files(made)
    news_files(made)
    return made


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    return public.run(folder, resamples=50, jobs=1)


def rows(target: str, labels: Sequence[str], articles: Sequence[str] | None = None) -> list[LabelledSentence]:
    articles = articles or [f"{target}-{i}" for i in range(len(labels))]
    return [
        LabelledSentence(id=str(i), article=article, text="x", topics=None, stances={target: label})
        for i, (label, article) in enumerate(zip(labels, articles, strict=True))
    ]


def test_tweets_are_read_each_for_its_own_target(folder: Path) -> None:
    found = public.tweet_rows(folder, "test")
    assert len(found) == 4 * len(public.TARGETS)
    assert [row.stances for row in found[:4]] == [
        {"abortion": "against"}, {"abortion": "against"}, {"abortion": "favor"}, {"abortion": "neutral"}
    ]  # fmt: skip
    assert found[0].text == "a shameful rotten idea in town 0"
    assert found[0].topics is None
    assert len({row.article for row in found}) == len(found)


def test_a_tweet_ends_at_its_line_feed_only(folder: Path, tmp_path: Path) -> None:
    tweet_files(tmp_path)
    path = tmp_path / "tweeteval-stance" / "abortion" / "val_text.txt"
    path.write_text("one tweet\u2028 and on it goes\x85\n", encoding="utf-8")
    assert public.tweet_rows(tmp_path, "val")[0].text == "one tweet\u2028 and on it goes\x85"


def test_labels_that_do_not_go_with_the_texts_are_refused(tmp_path: Path) -> None:
    tweet_files(tmp_path)
    (tmp_path / "tweeteval-stance" / "climate" / "val_labels.txt").write_text("1\n1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="zip"):
        public.tweet_rows(tmp_path, "val")


def test_a_mention_is_grouped_by_its_article(folder: Path) -> None:
    found = public.news_rows(folder, "test_rw")
    assert [row.article for row in found] == ["source_0_7", "source_0_7", "source_1_7", "source_1_7"]
    assert [row.stances["polarity"] for row in found] == ["negative", "neutral", "positive", "neutral"]


def test_the_official_score_by_hand() -> None:
    tweets = [*rows("abortion", ["favor", "against", "neutral"]), *rows("atheism", ["against", "against"])]
    said = ["favor", "favor", "neutral", "against", "against"]
    weights = np.array([[1.0, 1, 1, 1, 1], [3, 0, 0, 0, 2]])
    found = public.tweet_figures(tweets, said, weights)
    # abortion: F1(favor) 2/3, F1(against) 0; atheism: 0 (nobody is in favor) and 1.
    assert found["abortion"].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 2])
    assert found["atheism"].tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 2])
    assert found["mean"].tolist() == pytest.approx([5 / 12, 5 / 12, 1 / 2])
    # together: F1(favor) 2/3; F1(against) 2 x 2 / (3 + 2)
    assert found["pooled"].tolist() == pytest.approx([11 / 15, 11 / 15, 1])


def test_macro_f1_by_hand() -> None:
    mentions = rows("polarity", ["negative", "neutral", "positive", "neutral"], ["a", "a", "b", "b"])
    said = ["negative", "negative", "positive", "neutral"]
    found = public.news_figures(mentions, said, np.array([[1.0, 1], [0, 2]]))
    # negative 2/3, neutral 2/3, positive 1; article b alone, twice: 0, 1, 1
    assert found.tolist() == pytest.approx([7 / 9, 7 / 9, 2 / 3])


def test_a_resample_takes_each_stratum_at_its_size() -> None:
    weights = public.within(["a", "b", "a", "b", "b"], resamples=200, seed=0)
    assert weights.shape == (200, 5)
    assert (weights[:, [0, 2]].sum(axis=1) == 2).all()
    assert (weights[:, [1, 3, 4]].sum(axis=1) == 3).all()
    assert weights.std(axis=0).min() > 0.5
    equal = public.within(["a", "a", "b", "b"], resamples=200, seed=0)
    assert (equal[:, 0] != equal[:, 2]).any()  # strata of one size are drawn apart


def test_baselines_by_hand(record: Record) -> None:
    tweets = record.results["tweeteval"]
    # Everyone is against: F1(against) 2 x 2 / (2 + 4), F1(favor) 0, in every target as in all together.
    expected = pytest.approx(1 / 3)
    majority = tweets["systems"]["majority"]
    assert {name: figure["value"] for name, figure in majority.items()} == dict.fromkeys(
        ("pooled", "mean", *public.TARGETS), expected
    )
    assert tweets["rows"] == {"train": 5 * 8, "test": 5 * 4}
    news = record.results["newsmtsc"]
    # All negative: rw 2 x 1 / (1 + 4) over three classes, mt 2 x 2 / (2 + 3)
    assert news["systems"]["majority"]["rw"]["value"] == pytest.approx(2 / 15)
    assert news["systems"]["majority"]["mt"]["value"] == pytest.approx(4 / 15)
    assert news["rows"] == {"train": 14, "test_rw": 4, "test_mt": 3}
    assert news["articles"] == {"train": 7, "test_rw": 2, "test_mt": 2}


def test_the_model_is_measured_beside_them(record: Record) -> None:
    for suite in ("tweeteval", "newsmtsc"):
        result = record.results[suite]
        assert list(result["systems"]) == ["stance", "majority", "random"]
        for name, gain in result["stance less majority"].items():
            model, majority = result["systems"]["stance"][name], result["systems"]["majority"][name]
            assert gain["value"] == pytest.approx(model["value"] - majority["value"])
            assert gain["low"] <= gain["high"]
    assert record.results["tweeteval"]["systems"]["stance"]["pooled"]["value"] > 0.9  # the words give it away
    assert record.suite == "public"


def test_the_same_data_give_the_same_record(record: Record, folder: Path, tmp_path: Path) -> None:
    again = public.run(folder, resamples=50, jobs=1)
    assert again.results == record.results
    assert again.fingerprint == record.fingerprint
    assert Record.read(record.write(tmp_path)) == record
    written = (tmp_path / "public.json").read_text(encoding="utf-8")
    assert not any(text in written for text in (*WORDS.values(), *TONES.values()))  # the data stay out of it


def test_the_tables_hold_what_was_measured_and_what_others_publish(record: Record) -> None:
    lines = public.table(record).splitlines()
    assert (
        "| system | pooled | mean over targets | abortion | atheism | climate | feminist | hillary | source |" in lines
    )
    assert "| system | rw | mt | source |" in lines
    assert sum(line.startswith("| majority | 33.3 [") for line in lines) == 1
    assert sum(line.startswith("| majority | 13.3 [") for line in lines) == 1
    assert "| RoBERTa-Rt | 69.3 | 62.8 |  |  |  |  |  | TweetEval (Barbieri et al. 2020) and its leaderboard |" in lines
    assert "| GRU-TSC | 83.1 |  | Hamborg and Donnay 2021 |" in lines
    # Two tables: 4 rows measured, and 5 and 1 published, under two lines of head; every row as wide as its head.
    assert [line.count("|") for line in lines if line.startswith("|")] == [10] * 11 + [5] * 7
    assert sum(line.startswith("| stance less majority |") for line in lines) == 2


def test_without_a_folder_the_hub_has_the_same_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(dataset: str, name: str, *, split: str, revision: str) -> list[dict[str, Any]]:
        asked.append((dataset, name, split, revision))
        if dataset == "fhamborg/news_sentiment_newsmtsc":
            file = folder / "newsmtsc" / ("train.jsonl" if split == "train" else f"{split}_{name}.jsonl")
            return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        labels = {"train": TRAIN, "validation": VAL, "test": TEST}[split]
        return [{"text": f"{WORDS[label]} in town {i}", "label": label} for i, label in enumerate(labels)]

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    for split in public.TWEET_SPLITS:
        assert public.tweet_rows(None, split) == public.tweet_rows(folder, split)
    pins = {**public.REVISIONS, "fhamborg/news_sentiment_newsmtsc": "abc123"}
    for name in public.NEWS_FILES:
        assert public.news_rows(None, name, pins) == public.news_rows(folder, name)
    assert asked[0] == ("cardiffnlp/tweet_eval", "stance_abortion", "train", "main")
    assert [(name, split, revision) for _, name, split, revision in asked[-3:]] == [
        ("rw", "train", "abc123"), ("rw", "test", "abc123"), ("mt", "test", "abc123")
    ]  # fmt: skip
