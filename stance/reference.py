"""The scorer in Python and NumPy: what scoring means. The compiled one is held to it by tests."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, islice, repeat

import numpy as np

from stance.features import Featurizer, bigrams
from stance.linear import Floats, decide, root_scale, segment_sums, sigmoid, softmax
from stance.model import Heads, Model
from stance.records import Prediction
from stance.scorer import check_texts

BATCH = 1024
WORD_CACHE = 1 << 16
"""Distinct words whose spelling sums are kept, about 200 bytes each and output column pair."""


class ReferenceScorer:
    """A `Scorer` in Python and NumPy. Threads do not make it faster: it uses one."""

    name = "reference (Python and NumPy)"

    def __init__(self, model: Model) -> None:
        """Raises ValueError where a key occurs twice, or keys and weights do not fit together."""
        self.schema = model.schema
        self._heads = model.heads
        self._featurizer = Featurizer(model.schema, char_min=model.options.char_min, char_max=model.options.char_max)
        self._topic_names, self._target_names = model.schema.topic_names, model.schema.target_names
        self._thresholds = np.array(model.thresholds)
        self._blank = np.array(model.blank)
        self._spellings = _Spellings(self._featurizer, model.heads)

    def logits(self, texts: Iterable[str], threads: int = 1) -> Floats:
        """Calibrated logits, shape (n, columns)."""
        parts = [self._logits(batch) for batch in batches(texts)]
        return np.vstack(parts) if parts else np.zeros((0, len(self._thresholds)))

    def probabilities(self, logits: Floats) -> Floats:
        """Sigmoid of the topics' columns, softmax over each target's."""
        topics, targets, size = len(self.schema.topics), len(self.schema.targets), len(self.schema.stances)
        probabilities = np.empty_like(logits)
        probabilities[:, :topics] = sigmoid(logits[:, :topics])
        if targets:
            by_target = logits[:, topics:].reshape(len(logits), targets, size)
            probabilities[:, topics:] = softmax(by_target).reshape(len(logits), targets * size)
        return probabilities

    def predictions(self, texts: Iterable[str], target: str | None, bars: Sequence[float] | None) -> list[Prediction]:
        """Decisions by the model's thresholds; abstentions where a probability is under its column's bar."""
        return [p for batch in batches(texts) for p in self._predictions(batch, target, bars)]

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
        counts = np.array(lengths, dtype=np.intp)
        sums = segment_sums(self._heads.rows, rows, counts, self._heads.unknown) * root_scale(counts)
        logits: Floats = self._heads.bias + sums.reshape(len(texts), 4, sums.shape[1]).sum(axis=1)
        logits += self._known_spellings().sums([found.words for found in analyses])
        return logits

    def _known_spellings(self) -> _Spellings:
        """The word cache, a new one where it has grown past its bound; a thread keeps the one it was given."""
        if len(self._spellings) > WORD_CACHE:
            self._spellings = _Spellings(self._featurizer, self._heads)
        return self._spellings

    def _predictions(self, texts: Sequence[str], target: str | None, bars: Sequence[float] | None) -> list[Prediction]:
        probabilities = self.probabilities(self._logits(texts))
        for i, text in enumerate(texts):
            if not text.strip():
                probabilities[i] = self._blank
        topics, size, targets = len(self.schema.topics), len(self.schema.stances), len(self.schema.targets)
        present = probabilities[:, :topics] >= self._thresholds[:topics]
        by_target = probabilities[:, topics:].reshape(len(texts), targets, size)
        numbers = decide(by_target, self.schema.stances, self._thresholds[topics:].reshape(targets, size))
        names: list[tuple[str | None, ...]] = [tuple(self.schema.stances[k] for k in row) for row in numbers.tolist()]
        if bars is not None:
            sure = probabilities >= np.asarray(bars)
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
        lengths = np.array([len(found) for found in texts], dtype=np.intp)
        sums = segment_sums(self.rows, slots, lengths, 0)
        scaled: Floats = sums[:, :-1] * ((lengths > 0) / np.sqrt(np.maximum(sums[:, -1], 1)))[:, None]
        return scaled


def batches(texts: Iterable[str], size: int = BATCH) -> Iterator[list[str]]:
    """The texts in lists of at most ``size``; a `TypeError` names the index of anything that is not a string."""
    check_texts(texts)
    source = iter(texts)
    start = 0
    while batch := list(islice(source, size)):
        for offset, text in enumerate(batch):
            if not isinstance(text, str):
                raise TypeError(f"expected str at index {start + offset}, got {type(text).__name__}")
        yield batch
        start += len(batch)
