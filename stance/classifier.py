"""The classifier: features, heads and thresholds together; classify, explain, and the arrays beneath."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress, islice, repeat
from typing import Any, overload

import numpy as np

from stance.errors import OptionError
from stance.features import BLOCKS, Featurizer, bigrams
from stance.jsonl import PathLike
from stance.linear import Floats, Heads, root_scale, segment_sums, sigmoid, softmax
from stance.model import Model, columns_of, decide
from stance.model_folder import save_model
from stance.records import (
    Article,
    ArticlePrediction,
    Contribution,
    Explanation,
    OutputExplanation,
    Prediction,
)
from stance.schema import NEUTRAL

BATCH = 1024
WORD_CACHE = 1 << 16
"""Distinct words whose spelling sums are kept, about 200 bytes each and output column pair."""


class Classifier:
    """A fitted model: calibrated probabilities for every topic and for every stance toward every target.

    Made by `stance.train` or `stance.load`. Immutable, and safe to share between threads.

    Attributes:
        model: schema, options, weights, thresholds and provenance as one value.
        schema: the model's schema.
        columns: what the columns of `decision_function` and `predict_proba` are.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.schema = model.schema
        self.columns = columns_of(model.schema)
        self._heads = model.heads
        self._decisions = model.decisions
        options = model.options
        self._featurizer = Featurizer(model.schema, char_min=options.char_min, char_max=options.char_max)
        self._topic_names, self._target_names = model.schema.topic_names, model.schema.target_names
        self._thresholds = np.array([model.decisions[column.key].threshold for column in self.columns])
        # A text without content is neutral and without topics, whatever the biases say.
        certain = NEUTRAL in model.schema.stances
        even = 0.0 if certain else 1 / len(model.schema.stances)
        self._blank = np.array(
            [0.0 if c.stance is None else float(certain and c.stance == NEUTRAL) or even for c in self.columns]
        )
        self._spellings = _Spellings(self._featurizer, model.heads)

    def __repr__(self) -> str:
        features = self._heads.unknown
        return (
            f"Classifier(topics={list(self.schema.topic_names)}, targets={list(self.schema.target_names)}, "
            f"features={features})"
        )

    def save(self, path: PathLike) -> None:
        """Write the model folder, whole or not at all; see `stance.model_folder`."""
        save_model(self.model, path)

    @overload
    def classify(  # type: ignore[overload-overlap]  # a str is an iterable of str, but is meant as one text
        self, texts: str, *, target: str | None = None, min_precision: float | None = None
    ) -> Prediction: ...
    @overload
    def classify(
        self, texts: Iterable[str], *, target: str | None = None, min_precision: float | None = None
    ) -> list[Prediction]: ...
    def classify(
        self, texts: str | Iterable[str], *, target: str | None = None, min_precision: float | None = None
    ) -> Prediction | list[Prediction]:
        """Topics and stances of one text, or of each of several, in order.

        Args:
            texts: one string, or any iterable of strings. A blank string is neutral and without topics.
            target: what ``Prediction.stance`` is toward; the schema's default target if None.
            min_precision: in (0, 1]; leave out topics, and give None for stances, whose precision at their
                probability was below this on held-out sentences.

        Raises:
            TypeError: something else than a string; names its index.
            LabelError: an unknown target.
            OptionError: ``min_precision`` outside (0, 1].
        """
        chosen = self.schema.default_target if target is None else self.schema.check_target(target)
        bars = self._bars(min_precision)
        if isinstance(texts, str):
            return self._predictions([texts], chosen, bars)[0]
        return [p for batch in batches(texts) for p in self._predictions(batch, chosen, bars)]

    def classify_article(
        self, article: str | Article, *, target: str | None = None, min_precision: float | None = None
    ) -> ArticlePrediction:
        """Clean an article, split it into sentences, classify each, and give the shares per topic and stance."""
        # Cleaning and splitting compile many patterns; whoever classifies sentences only need not wait for them.
        from stance.articles import article_from_text
        from stance.sentences import article_sentences

        if not isinstance(article, str | Article):
            raise TypeError(f"expected the article's text as str, or an Article, got {type(article).__name__}")
        whole = article_from_text(article) if isinstance(article, str) else article
        sentences = article_sentences(whole)
        found = self.classify((s.text for s in sentences), target=target, min_precision=min_precision)
        n = max(len(sentences), 1)
        return ArticlePrediction(
            sentences=tuple(sentences),
            predictions=tuple(found),
            topic_shares={topic: sum(topic in p.topics for p in found) / n for topic in self.schema.topic_names},
            stance_shares={
                name: {stance: sum(p.stances[name] == stance for p in found) / n for stance in self.schema.stances}
                for name in self.schema.target_names
            },
        )

    def decision_function(self, texts: str | Iterable[str]) -> Floats:
        """Calibrated logits, shape (n, len(columns)): a topic's is a log-odds, a target's go through softmax."""
        given = [texts] if isinstance(texts, str) else texts
        parts = [self._logits(batch) for batch in batches(given)]
        return np.vstack(parts) if parts else np.zeros((0, len(self.columns)))

    def predict_proba(self, texts: str | Iterable[str]) -> Floats:
        """Calibrated probabilities, shape (n, len(columns)); each target's columns sum to 1."""
        return self._probabilities(self.decision_function(texts))

    def explain(self, text: str) -> Explanation:
        """Which pieces of the text speak for and against each output, as weights that add up to its logit.

        Raises:
            TypeError: ``text`` is not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"explain takes one str, got {type(text).__name__}")
        occurrences = self._featurizer.occurrences(text)
        counts = dict.fromkeys(BLOCKS, 0.0)
        for occurrence in occurrences:
            counts[occurrence.block] += occurrence.share
        width = len(self.columns)
        weights = np.zeros((len(occurrences), width))
        for i, occurrence in enumerate(occurrences):
            row = self._heads.rows[self._heads.index[occurrence.block].get(occurrence.key, self._heads.unknown)]
            weights[i] = row * (occurrence.share / np.sqrt(counts[occurrence.block]))
        bias = self._heads.bias
        logits = bias + weights.sum(axis=0)
        probabilities = self._probabilities(logits[None, :])[0]
        reasons = [
            OutputExplanation(
                logit=float(logits[c]),
                probability=float(probabilities[c]),
                bias=float(bias[c]),
                contributions=tuple(_merged(text, occurrences, weights[:, c])),
            )
            for c in range(width)
        ]
        topics = len(self.schema.topics)
        size = len(self.schema.stances)
        return Explanation(
            text=text,
            prediction=self.classify(text),
            topics=dict(zip(self.schema.topic_names, reasons[:topics], strict=True)),
            stances={
                target: dict(
                    zip(self.schema.stances, reasons[topics + i * size : topics + (i + 1) * size], strict=True)
                )
                for i, target in enumerate(self.schema.target_names)
            },
        )

    def _logits(self, texts: Sequence[str]) -> Floats:
        analyses = [self._featurizer.analyse(text) for text in texts]
        word, lexicon, context, present = (
            self._heads.index[block].get for block in ("word", "lexicon", "context", "presence")
        )
        unknown = repeat(self._heads.unknown)
        rows: list[int] = []
        lengths: list[int] = []
        # map() over dict.get keeps these loops in C: they are most of a batch's work.
        for found in analyses:
            rows.extend(map(word, found.units, unknown))
            rows.extend(map(word, bigrams(found.units), unknown))
            marks, crosses, presence = found.lexicon_keys(), found.context_keys(), found.company.presence
            rows.extend(map(lexicon, marks, unknown))
            rows.extend(map(context, crosses, unknown))
            rows.extend(map(present, presence, unknown))
            lengths += (max(2 * len(found.units) - 1, 0), len(marks), len(crosses), len(presence))
        counts = np.array(lengths, dtype=np.int64)
        sums = segment_sums(self._heads.rows, rows, counts, self._heads.unknown) * root_scale(counts)
        logits: Floats = self._heads.bias + sums.reshape(len(texts), 4, sums.shape[1]).sum(axis=1)
        logits += self._known_spellings().sums([found.words for found in analyses])
        return logits

    def _known_spellings(self) -> _Spellings:
        """The word cache, a new one where it has grown past its bound; a thread keeps the one it was given."""
        if len(self._spellings) > WORD_CACHE:
            self._spellings = _Spellings(self._featurizer, self._heads)
        return self._spellings

    def _probabilities(self, logits: Floats) -> Floats:
        topics = len(self.schema.topics)
        size = len(self.schema.stances)
        targets = len(self.schema.targets)
        probabilities = np.empty_like(logits)
        probabilities[:, :topics] = sigmoid(logits[:, :topics])
        if targets:
            by_target = logits[:, topics:].reshape(len(logits), targets, size)
            probabilities[:, topics:] = softmax(by_target).reshape(len(logits), targets * size)
        return probabilities

    def _bars(self, min_precision: float | None) -> dict[str, float]:
        if min_precision is None:
            return {}
        if isinstance(min_precision, bool) or not isinstance(min_precision, int | float) or not 0 < min_precision <= 1:
            raise OptionError(f"min_precision must be a number above 0 and up to 1, got {min_precision!r}")
        return {key: decision.needed(min_precision) for key, decision in self._decisions.items()}

    def _predictions(self, texts: Sequence[str], target: str | None, bars: Mapping[str, float]) -> list[Prediction]:
        probabilities = self._probabilities(self._logits(texts))
        for i, text in enumerate(texts):
            if not text.strip():
                probabilities[i] = self._blank
        topics, size, targets = len(self.schema.topics), len(self.schema.stances), len(self.schema.targets)
        present = probabilities[:, :topics] >= self._thresholds[:topics]
        by_target = probabilities[:, topics:].reshape(len(texts), targets, size)
        numbers = decide(by_target, self.schema.stances, self._thresholds[topics:].reshape(targets, size))
        names: list[tuple[str | None, ...]] = [tuple(self.schema.stances[k] for k in row) for row in numbers.tolist()]
        if bars:
            sure = probabilities >= [bars[column.key] for column in self.columns]
            present &= sure[:, :topics]
            kept = np.take_along_axis(sure[:, topics:].reshape(by_target.shape), numbers[:, :, None], axis=2)[:, :, 0]
            names = [
                tuple(n if ok else None for n, ok in zip(*both, strict=True)) for both in zip(names, kept, strict=True)
            ]
        rows = zip(texts, probabilities.tolist(), present.tolist(), names, strict=True)
        return [self._prediction(text, row, has, chosen, target) for text, row, has, chosen in rows]

    def _prediction(
        self, text: str, row: list[float], present: list[bool], chosen: Sequence[str | None], target: str | None
    ) -> Prediction:
        size = len(self.schema.stances)
        at = len(self._topic_names)
        stance_probabilities = {}
        for name in self._target_names:
            stance_probabilities[name] = dict(zip(self.schema.stances, row[at : at + size], strict=True))
            at += size
        stances = dict(zip(self._target_names, chosen, strict=True))
        return Prediction(
            text,
            tuple(compress(self._topic_names, present)),
            None if target is None else stances[target],
            stances,
            dict(zip(self._topic_names, row, strict=False)),
            stance_probabilities,
        )


class _Spellings(dict[str, int]):
    """Word -> slot in ``rows``, where the word's character n-grams are already summed; filled as words come."""

    def __init__(self, featurizer: Featurizer, heads: Heads) -> None:
        super().__init__()
        self._featurizer = featurizer
        self._weights, self._index = heads.rows, heads.index["char"]
        self._lock = threading.Lock()
        self.rows = np.zeros((1024, heads.rows.shape[1] + 1))  # the last column counts the n-grams

    def __missing__(self, word: str) -> int:
        with self._lock:
            if word in self:
                return self[word]
            slot = len(self) + 1  # slot 0 is a row of zeros
            if slot >= len(self.rows):  # readers keep the array they hold; what it holds stays true
                self.rows = np.vstack([self.rows] * 2)
            grams = self._featurizer.char_ngrams(word)
            known = [i for gram in grams if (i := self._index.get(gram)) is not None]
            self.rows[slot, :-1] = self._weights[known].sum(axis=0)
            self.rows[slot, -1] = len(grams)
            self[word] = slot  # published last
            return slot

    def sums(self, texts: Sequence[Sequence[str]]) -> Floats:
        """Sums over each text's words, over the root of its n-grams' number: shape (texts, columns)."""
        slots = list(map(self.__getitem__, chain.from_iterable(texts)))
        lengths = np.array([len(found) for found in texts], dtype=np.int64)
        sums = segment_sums(self.rows, slots, lengths, 0)
        scaled: Floats = sums[:, :-1] * ((lengths > 0) / np.sqrt(np.maximum(sums[:, -1], 1)))[:, None]
        return scaled


def batches(texts: Iterable[str], size: int = BATCH) -> Iterator[list[str]]:
    """The texts in lists of at most ``size``; a `TypeError` names the index of anything that is not a string."""
    if hasattr(texts, "columns"):
        raise TypeError(
            f"expected a str or an iterable of str, got {type(texts).__name__}: pass one column, df['text']"
        )
    if isinstance(texts, bytes | bytearray | Mapping) or not isinstance(texts, Iterable):
        raise TypeError(f"expected a str or an iterable of str, got {type(texts).__name__}")
    source = iter(texts)
    start = 0
    while batch := list(islice(source, size)):
        for offset, text in enumerate(batch):
            if not isinstance(text, str):
                raise TypeError(f"expected str at index {start + offset}, got {type(text).__name__}")
        yield batch
        start += len(batch)


def _merged(text: str, occurrences: Sequence[Any], weights: Floats) -> list[Contribution]:
    """One contribution per feature and place; a word's character n-grams count as one."""
    sums: dict[tuple[int, int, str], float] = {}
    for occurrence, weight in zip(occurrences, weights.tolist(), strict=True):
        name = {"char": "spelling", "word": "words"}.get(occurrence.block, occurrence.key)
        place = (occurrence.start, occurrence.end, name)
        sums[place] = sums.get(place, 0.0) + weight
    found = [Contribution(s, e, text[s:e], name, weight) for (s, e, name), weight in sums.items() if weight != 0.0]
    return sorted(found, key=lambda c: (-abs(c.weight), c.start, c.end))
