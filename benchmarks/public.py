"""How well beyond this project's own labels: two public benchmarks, learned and measured as anyone else would.

**TweetEval stance** (Barbieri et al. 2020; the tweets of SemEval-2016 Task 6, Mohammad et al. 2016): tweets toward
five targets, none, against or favor. One model is trained on the rows of all targets, each labelled for its own
target only; the schema is inferred from the labels, so there is no word list. The official score is the mean of the
F1 of favor and of against; it is given over all tweets together ("pooled", TweetEval's way), for each target, and as
the mean over the targets, which a guess at each target's commonest label cannot lift.

**NewsMTSC** (Hamborg and Donnay 2021): the polarity of a sentence of news toward one mention in it. The classifier
reads text alone, so `represented` says in the text which mention is meant; `TRIED` holds the other ways. The score is
macro-F1 over negative, neutral and positive; folds and intervals keep the mentions of one article together. (The
official splits do not: near half of the test articles have other sentences in train.)

Options are the library's defaults throughout, and the test files serve for measuring only. No data is kept in this
repository: give a folder that holds ``tweeteval-stance/`` and ``newsmtsc/``, or none to fetch both from the Hugging
Face Hub. That could not be tried where this was written, which has no network, nor could a commit be looked up:
`REVISIONS` names branches, no pins.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import stance
from benchmarks.record import Record
from stance.baselines import Chance, Majority, System
from stance.metrics import Floats, draws, f1_of_counts, group_sums, interval
from stance.options import Options
from stance.records import LabelledSentence, fingerprint
from stance.schema import Output, Schema
from stance.sources import extra

TARGETS = ("abortion", "atheism", "climate", "feminist", "hillary")
TWEET_LABELS = ("neutral", "against", "favor")
"""What TweetEval's labels 0, 1 and 2 stand for; its "none" is our neutral."""
TWEET_SPLITS = ("train", "val", "test")
SCORED = ("favor", "against")
POLARITIES = {-1: "negative", 0: "neutral", 1: "positive"}
NEWS = Schema(
    topics=(), targets=(Output(name="polarity"),), default_target="polarity", stances=tuple(POLARITIES.values())
)
NEWS_FILES = {"train": ("rw", "train"), "test_rw": ("rw", "test"), "test_mt": ("mt", "test")}
"""NewsMTSC's files, and their configuration and split on the Hub, where both configurations have the same train."""
NEWS_TESTS = ("rw", "mt")
TWEETS_ON_HUB, NEWS_ON_HUB = "cardiffnlp/tweet_eval", "fhamborg/news_sentiment_newsmtsc"
REVISIONS = {TWEETS_ON_HUB: "main", NEWS_ON_HUB: "refs/convert/parquet"}
"""Branches; a commit may stand in their place. NewsMTSC's main holds a loading script, which ``datasets`` no longer
runs since 4.0; the branch named is the Hub's own conversion of it."""

NEAR = 5
"""How many words on each side of a mention stand near it."""
Rows = Sequence[LabelledSentence]

TRIED = {
    "only replaced": (0.581, 0.601),
    "marked": (0.603, 0.655),
    "replaced, then 3 words a side": (0.601, 0.636),
    "replaced, then 5 words a side": (0.603, 0.623),
    "replaced, then 8 words a side": (0.591, 0.613),
    "replaced, then 3 words a side told by side": (0.606, 0.650),
    "replaced, then 5 words a side told by side": (0.614, 0.648),
    "replaced, then 8 words a side told by side": (0.608, 0.631),
    "marked, then 5 words a side told by side": (0.627, 0.645),
}
"""What `represented` was chosen from: macro-F1 of the options that were the defaults then, by three grouped folds of
train (8,739 mentions, which decided), and of all train on dev_rw (343)."""
_WORD = re.compile(r"[^\W_]+")
_ARTICLE = re.compile(r"(.*?_-?\d+_-?\d+)_\d+_")


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of others, in percent as they stand there, by column; and where."""

    system: str
    figures: Mapping[str, str]
    source: str


_LEADERBOARD = "TweetEval (Barbieri et al. 2020) and its leaderboard"
PUBLISHED_TWEETS = (
    Published("TimeLMs", {"pooled": "72.9"}, _LEADERBOARD),
    Published("BERTweet", {"pooled": "71.2"}, _LEADERBOARD),
    Published("RoBERTa-Rt", {"pooled": "69.3", "mean": "62.8"}, _LEADERBOARD),
    Published("SVM", {"pooled": "67.3"}, _LEADERBOARD),
    Published("fastText", {"pooled": "65.4"}, _LEADERBOARD),
)
PUBLISHED_NEWS = (Published("GRU-TSC", {"rw": "83.1"}, "Hamborg and Donnay 2021"),)


def run(
    folder: Path | None,
    *,
    resamples: int = 1000,
    jobs: int = 2,
    seed: int = 0,
    options: Options | None = None,
    revisions: Mapping[str, str] = REVISIONS,
) -> Record:
    """Train on both benchmarks' training rows, measure on their test rows.

    Args:
        folder: with ``tweeteval-stance/`` and ``newsmtsc/``; None fetches both from the Hugging Face Hub.
        resamples: of the bootstrap: tweets within each target, and whole articles of NewsMTSC.
        jobs, seed: of training; the seed also moves the bootstrap and chance.
        options: of training; None takes the library's own, which the figures shown are measured with.
        revisions: data set on the Hub -> branch or commit.

    Raises:
        OSError: the folder lacks a file.
        MissingExtraError: no folder, and ``datasets`` is not installed.
    """
    tweets = {split: tweet_rows(folder, split, revisions) for split in TWEET_SPLITS}
    news = {name: news_rows(folder, name, revisions) for name in NEWS_FILES}
    settings = dataclasses.replace(options or Options(), jobs=jobs, seed=seed)
    results = {
        "options": settings.to_dict(),
        "tweeteval": _tweeteval([*tweets["train"], *tweets["val"]], tweets["test"], settings, resamples),
        "newsmtsc": _newsmtsc(news, settings, resamples),
    }
    if folder is None:
        results["revisions"] = dict(revisions)
    everything = [row for rows in (*tweets.values(), *news.values()) for row in rows]
    return Record("public", results, fingerprint=fingerprint(everything), seed=seed)


def tweet_rows(folder: Path | None, split: str, revisions: Mapping[str, str] = REVISIONS) -> list[LabelledSentence]:
    """The tweets of ``train``, ``val`` or ``test``: each its own article, labelled for its own target only."""
    rows = []
    for target in TARGETS:
        if folder is None:
            name = {"val": "validation"}.get(split, split)
            found = _fetched(TWEETS_ON_HUB, f"stance_{target}", name, revisions)
            texts, labels = [row["text"] for row in found], [row["label"] for row in found]
        else:
            texts = _lines(folder / "tweeteval-stance" / target / f"{split}_text.txt")
            labels = _lines(folder / "tweeteval-stance" / target / f"{split}_labels.txt")
        for number, (text, label) in enumerate(zip(texts, labels, strict=True)):
            name = f"{target}-{split}-{number}"
            stances = {target: TWEET_LABELS[int(label)]}
            rows.append(LabelledSentence(id=name, article=name, text=text, topics=None, stances=stances))
    return rows


def news_rows(folder: Path | None, name: str, revisions: Mapping[str, str] = REVISIONS) -> list[LabelledSentence]:
    """The mentions of one of `NEWS_FILES`, grouped by the article that their id names."""
    if folder is None:
        found = _fetched(NEWS_ON_HUB, *NEWS_FILES[name], revisions)
    else:
        found = [json.loads(line) for line in _lines(folder / "newsmtsc" / f"{name}.jsonl")]
    return [
        LabelledSentence(
            id=row["id"],
            article=article_of(row["id"]),
            text=represented(row["sentence"], row["from"], row["to"]),
            topics=None,
            stances={"polarity": POLARITIES[row["polarity"]]},
        )
        for row in found
    ]


def article_of(name: str) -> str:
    """The article in a NewsMTSC id, which goes on with the sentence's number and the mention.

    >>> article_of("source_12_3_4_Ms. Oak_0_7"), article_of("other_v1_12_-1_4_Elm_0_3")
    ('source_12_3', 'other_v1_12_-1')
    """
    found = _ARTICLE.match(name)
    return found[1] if found else name


def _lines(path: Path) -> list[str]:
    # Not splitlines(), which also parts a tweet at rarer marks.
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _fetched(dataset: str, name: str, split: str, revisions: Mapping[str, str]) -> list[dict[str, Any]]:
    datasets = extra("datasets", "fetching a benchmark")
    return list(datasets.load_dataset(dataset, name, split=split, revision=revisions[dataset]))


def represented(sentence: str, start: int, end: int) -> str:
    """The sentence with its mention between two marks; after it, once more, the words nearest to the mention, each
    told by its side. Other mentions are left as they are.

    >>> represented("Yesterday Ms. Oak praised Elm.", 10, 17)
    'Yesterday targetmention Ms. Oak targetend praised Elm. l0Yesterday targetmention r0praised r0Elm'
    """
    before, after = sentence[:start], sentence[end:]
    left, right = _WORD.findall(before)[-NEAR:], _WORD.findall(after)[:NEAR]
    near = [*(f"l0{word}" for word in left), "targetmention", *(f"r0{word}" for word in right)]
    return " ".join([*f"{before} targetmention {sentence[start:end]} targetend {after}".split(), *near])


def _tweeteval(train: Rows, test: Rows, options: Options, resamples: int) -> dict[str, Any]:
    model = stance.train(train, schema="infer", options=options)
    weights = within([_target(row) for row in test], resamples=resamples, seed=options.seed)
    found = {
        system: tweet_figures(test, said, weights) for system, said in _said(model, train, test, options.seed).items()
    }
    return {
        "trained on": "train and val, on whose folds the default strengths, ways to set thresholds and to scale "
        "features were compared",
        "rows": {"train": len(train), "test": len(test)},
        **_intervals(found),
    }


def _newsmtsc(news: Mapping[str, Rows], options: Options, resamples: int) -> dict[str, Any]:
    model = stance.train(news["train"], schema=NEWS, options=options)
    found: dict[str, dict[str, Floats]] = {}
    for test in NEWS_TESTS:
        rows = news[f"test_{test}"]
        weights = draws([row.article for row in rows], resamples=resamples, seed=options.seed)
        for system, said in _said(model, news["train"], rows, options.seed).items():
            found.setdefault(system, {})[test] = news_figures(rows, said, weights)
    return {
        "trained on": "train, where the way to show the mention was chosen and ways to scale features were compared",
        "rows": {name: len(rows) for name, rows in news.items()},
        "articles": {name: len({row.article for row in rows}) for name, rows in news.items()},
        **_intervals(found),
        "tried": {way: {"folds of train": folds, "dev_rw": dev} for way, (folds, dev) in TRIED.items()},
    }


def _said(model: stance.Classifier, train: Rows, test: Rows, seed: int) -> dict[str, list[str]]:
    """System -> what it says of each test row's target."""
    texts = [row.text for row in test]
    found = {"stance": [str(p.stances[_target(row)]) for p, row in zip(model.classify(texts), test, strict=True)]}
    baselines: list[System] = [Majority(model.schema, train), Chance(model.schema, train, seed)]
    column = {target: i for i, target in enumerate(model.schema.target_names)}
    for system in baselines:
        stances = system.decide(texts).stances
        numbers = [stances[i, column[_target(row)]] for i, row in enumerate(test)]
        found[system.name] = [model.schema.stances[number] for number in numbers]
    return found


def _target(row: LabelledSentence) -> str:
    (target,) = row.stances
    return target


def within(strata: Sequence[str], *, resamples: int, seed: int) -> Floats:
    """How often each row is drawn in each bootstrap sample that takes every stratum at its size: (resamples, rows)."""
    weights = np.zeros((resamples, len(strata)))
    for number, stratum in enumerate(dict.fromkeys(strata)):
        rows = np.flatnonzero([stratum == other for other in strata])
        weights[:, rows] = draws([str(row) for row in rows], resamples=resamples, seed=seed + number)
    return weights


def tweet_figures(rows: Rows, said: Sequence[str], weights: Floats) -> dict[str, Floats]:
    """Figure -> (1 + resamples,) values, the first on the rows as they are.

    Args:
        weights: (resamples, rows), as `within` gives them.
    """
    counts = _counts(rows, said, SCORED)
    everything = np.vstack([np.ones(len(rows)), weights])
    figures = {"pooled": _mean_f1(np.tensordot(everything, counts, axes=1))}
    by_target = {}
    for target in dict.fromkeys(map(_target, rows)):
        own = np.flatnonzero([_target(row) == target for row in rows])
        by_target[target] = _mean_f1(np.tensordot(everything[:, own], counts[own], axes=1))
    return {**figures, "mean": np.mean(list(by_target.values()), axis=0), **by_target}


def news_figures(rows: Rows, said: Sequence[str], weights: Floats) -> Floats:
    """Macro-F1, (1 + resamples,), the first on the rows as they are.

    Args:
        weights: (resamples, articles), as `stance.metrics.draws` gives them.
    """
    sums = group_sums(_counts(rows, said, NEWS.stances), [row.article for row in rows])
    return _mean_f1(np.tensordot(np.vstack([np.ones(len(sums)), weights]), sums, axes=1))


def _counts(rows: Rows, said: Sequence[str], labels: Sequence[str]) -> Floats:
    """Hits, false alarms and misses: (rows, labels, 3)."""
    true = np.array([[row.stances[_target(row)] == label for label in labels] for row in rows])
    found = np.array([[word == label for label in labels] for word in said])
    return np.stack([true & found, ~true & found, true & ~found], axis=-1).astype(np.float64)


def _mean_f1(counts: Floats) -> Floats:
    """The mean over labels of F1, which is 0 for a label that is neither there nor said: (..., labels, 3) -> (...)."""
    mean: Floats = np.nan_to_num(f1_of_counts(counts)).mean(axis=-1)
    return mean


def _intervals(found: Mapping[str, Mapping[str, Floats]]) -> dict[str, Any]:
    """Every system's figures, and how much more the model has than the majority guess, draw by draw."""
    gain = {name: values - found["majority"][name] for name, values in found["stance"].items()}
    return {
        "systems": {system: _plain(figures) for system, figures in found.items()},
        "stance less majority": _plain(gain),
    }


def _plain(figures: Mapping[str, Floats]) -> dict[str, Any]:
    return {name: dataclasses.asdict(interval(float(v[0]), v[1:])) for name, v in figures.items()}


def table(record: Record) -> str:
    """Markdown: for each benchmark, the model, its baselines and what others publish, in percent."""
    tweets, news = record.results["tweeteval"], record.results["newsmtsc"]
    lines = [
        f"TweetEval stance: mean of F1(favor) and F1(against) on {tweets['rows']['test']:,} tweets; trained on "
        f"{tweets['trained on']}.",
        "",
        *_table(tweets, {"pooled": "pooled", "mean": "mean over targets", **{t: t for t in TARGETS}}, PUBLISHED_TWEETS),
        "",
        f"NewsMTSC: macro-F1 on {news['rows']['test_rw']:,} (rw) and {news['rows']['test_mt']:,} (mt) mentions; "
        f"trained on {news['trained on']}.",
        "",
        *_table(news, {test: test for test in NEWS_TESTS}, PUBLISHED_NEWS),
        "",
        "In brackets 95% bootstrap intervals: by tweet within each target, and by article.",
    ]
    return "\n".join(lines)


def _table(result: Mapping[str, Any], columns: Mapping[str, str], published: Sequence[Published]) -> list[str]:
    rows = {**result["systems"], "stance less majority": result["stance less majority"]}
    return [
        f"| system | {' | '.join(columns.values())} | source |",
        f"|{'---|' * (len(columns) + 2)}",
        *(
            f"| {name} | {' | '.join(_cell(figures[c]) for c in columns)} | measured |"
            for name, figures in rows.items()
        ),
        *(f"| {p.system} | {' | '.join(p.figures.get(c, '') for c in columns)} | {p.source} |" for p in published),
    ]


def _cell(figure: Mapping[str, float]) -> str:
    return f"{100 * figure['value']:.1f} [{100 * figure['low']:.1f}, {100 * figure['high']:.1f}]"
