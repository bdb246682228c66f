"""Labels without the text: for published articles that may not be passed on, joined with the reader's own copies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stance import jsonl
from stance.annotations import check_keys, numbered_sentences, parse_labels, string
from stance.articles import read_articles
from stance.errors import LabelError
from stance.jsonl import PathLike, sha256
from stance.records import Annotation, Article, LabelledSentence
from stance.schema import Schema
from stance.sentences import article_sentences

_KEYS = ("article", "article_sha", "start", "end", "sentence_sha", "topics", "stances")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandoffLabel:
    """The labels of one sentence: which article (by the SHA-256 of its text), which characters, and no text.

    ``start`` and ``end`` count characters of the article as read, so that ``text[start:end]`` is the sentence.
    """

    article: str
    article_sha: str
    start: int
    end: int
    sentence_sha: str
    topics: tuple[str, ...]
    stances: Mapping[str, str]
    note: str = ""

    @property
    def id(self) -> str:
        """``<article>@<start>``: the same for every coder, whichever sentences each of them labelled."""
        return f"{self.article}@{self.start}"

    def annotation(self) -> Annotation:
        """The same as an `Annotation`, for `merge` and `agreement`, which need no text."""
        return Annotation(id=self.id, sha=self.sentence_sha, topics=self.topics, stances=self.stances, note=self.note)


@dataclass(frozen=True, slots=True)
class Hydrated:
    """Rows whose text was found, and the labels for which it was not."""

    rows: tuple[LabelledSentence, ...]
    missing: tuple[StandoffLabel, ...]


def dehydrate(annotations: Iterable[Annotation], articles: Iterable[Article]) -> list[StandoffLabel]:
    """Stand-off labels of annotated sentences (ids as `numbered_sentences` gives them), by article and position.

    Raises:
        LabelError: an annotation that fits no sentence of the articles.
    """
    places = {name: (article, found) for article in articles for name, found in numbered_sentences(article)}
    article_shas: dict[str, str] = {}
    labels = []
    for annotation in annotations:
        if annotation.id not in places:
            raise LabelError(f"no sentence of the articles has the id {annotation.id!r}")
        article, sentence = places[annotation.id]
        if sentence.sha != annotation.sha:
            raise LabelError(f"{annotation.id}: the sentence changed since it was labelled; label it again")
        labels.append(
            StandoffLabel(
                article=article.id,
                article_sha=article_shas.setdefault(article.id, article.sha),
                start=sentence.start,
                end=sentence.end,
                sentence_sha=sentence.sha,
                topics=annotation.topics,
                stances=annotation.stances,
                note=annotation.note,
            )
        )
    return sorted(labels, key=lambda label: (label.article, label.start))


def is_standoff(path: PathLike) -> bool:
    """Whether a file of labels says where in which article they stand, rather than in which sentence of a list."""
    if Path(path).suffix.lower() == ".csv":
        return False
    _, first = next(jsonl.read_jsonl(path), (0, {}))
    return "sentence_sha" in first


def read_standoff(path: PathLike, schema: Schema) -> list[StandoffLabel]:
    """The labels of one stand-off file.

    Raises:
        LabelError: with file and line: a missing or unknown key, a label or span that does not fit, a span twice.
    """
    labels: dict[str, StandoffLabel] = {}
    for line, row in jsonl.read_jsonl(path):
        try:
            label = _label(row, schema)
            if label.id in labels:
                raise LabelError(f"expected each sentence once, got {label.id!r} again")
        except LabelError as error:
            raise LabelError(str(error), file=path, line=line) from None
        labels[label.id] = label
    return list(labels.values())


def write_standoff(labels: Iterable[StandoffLabel], path: PathLike) -> None:
    """Write what `read_standoff` reads, atomically."""
    rows = (
        {key: getattr(label, key) for key in _KEYS[:5]}
        | {"topics": list(label.topics), "stances": dict(label.stances), "note": label.note}
        for label in labels
    )
    jsonl.write_jsonl(path, rows)


def hydrate(path: PathLike, articles: PathLike, schema: Schema) -> Hydrated:
    """Join a stand-off file with copies of its articles.

    A copy is recognised by its text, not its name; other line ends do not matter. Where a
    copy differs otherwise, each sentence that it still holds unchanged is found by its own SHA-256.

    Args:
        articles: file or folder, as `read_articles` takes it.

    Raises:
        LabelError: the stand-off file or an article cannot be read.
    """
    copies = _Copies(read_articles(articles))
    rows, missing = [], []
    for label in read_standoff(path, schema):
        found = copies.find(label)
        if found is None:
            missing.append(label)
            continue
        text, metadata = found
        rows.append(
            LabelledSentence(
                id=label.id,
                article=label.article,
                text=text,
                topics=label.topics,
                stances=label.stances,
                register=metadata.get("register", ""),
                date=metadata.get("date", ""),
            )
        )
    return Hydrated(tuple(rows), tuple(missing))


class _Copies:
    """The reader's articles, by the SHA-256 of what they may have looked like when they were labelled."""

    def __init__(self, articles: Iterable[Article]) -> None:
        self.articles = list(articles)
        self.by_sha = {sha256(text): (text, article) for article in self.articles for text in _variants(article.text)}

    def find(self, label: StandoffLabel) -> tuple[str, Mapping[str, str]] | None:
        """The sentence's text and its article's metadata."""
        if label.article_sha in self.by_sha:
            text, article = self.by_sha[label.article_sha]
            if sha256(text[label.start : label.end]) == label.sentence_sha:
                return text[label.start : label.end], article.metadata
        return self.sentences.get(label.sentence_sha)

    @cached_property
    def sentences(self) -> dict[str, tuple[str, Mapping[str, str]]]:
        """Every sentence by its SHA-256; built only where a whole article was not recognised."""
        return {
            sentence.sha: (sentence.text, article.metadata)
            for article in self.articles
            for sentence in article_sentences(article)
        }


def _variants(text: str) -> Iterator[str]:
    unix = text.replace("\r\n", "\n")
    yield from dict.fromkeys((text, unix, unix.replace("\n", "\r\n")))


def _label(row: dict[str, Any], schema: Schema) -> StandoffLabel:
    check_keys(row, _KEYS, ("note",))
    for key in ("start", "end"):
        if type(row[key]) is not int or row[key] < 0:
            raise LabelError(f"expected {key} as a whole number from 0, got {row[key]!r}")
    if row["end"] <= row["start"]:
        raise LabelError(f"expected a span that ends after it starts, got {row['start']} to {row['end']}")
    topics, stances = parse_labels(row, schema)
    return StandoffLabel(
        article=string(row, "article"),
        article_sha=string(row, "article_sha"),
        start=row["start"],
        end=row["end"],
        sentence_sha=string(row, "sentence_sha"),
        topics=topics,
        stances=stances,
        note=string(row, "note", ""),
    )
