"""The classifier: features, heads and thresholds together; classify, explain, and the arrays beneath."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from stance.compiled import make_scorer
from stance.errors import ModelError, OptionError
from stance.jsonl import PathLike
from stance.lexicon import BLOCKS
from stance.model import Model, columns_of
from stance.model_folder import save_model
from stance.records import (
    Article,
    ArticlePrediction,
    Contribution,
    Explanation,
    OutputExplanation,
    Prediction,
)

if TYPE_CHECKING:
    from stance.features import Featurizer
    from stance.linear import Floats


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
        try:
            self._scorer = make_scorer(model)
        except ValueError as error:
            raise ModelError(str(error)) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return Classifier, (self.model,)  # what scores is made anew: in another process, say

    def __repr__(self) -> str:
        return (
            f"Classifier(topics={list(self.schema.topic_names)}, targets={list(self.schema.target_names)}, "
            f"features={self.model.heads.unknown})"
        )

    @property
    def kernel(self) -> str:
        """Which implementation scores: "compiled", or "reference (Python and NumPy)"."""
        return self._scorer.name

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
            return self._scorer.predictions((texts,), chosen, bars)[0]
        return self._scorer.predictions(texts, chosen, bars)

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

    def decision_function(self, texts: str | Iterable[str], *, threads: int = 1) -> Floats:
        """Calibrated logits, shape (n, len(columns)): a topic's is a log-odds, a target's go through softmax.

        Args:
            texts: one string, or any iterable of strings; an Arrow array of strings (pyarrow, polars, pandas) is read
                where it lies.
            threads: of the compiled scorer, for large batches; the numbers are the same for any.
        """
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise OptionError(f"threads must be an integer of at least 1, got {threads!r}")
        return self._scorer.logits((texts,) if isinstance(texts, str) else texts, threads)

    def predict_proba(self, texts: str | Iterable[str], *, threads: int = 1) -> Floats:
        """Calibrated probabilities, shape (n, len(columns)); each target's columns sum to 1.

        The arguments are `decision_function`'s. A blank text has the probabilities of no words at all; `classify` says
        outright that it is neutral and without topics.
        """
        return self._scorer.probabilities(self.decision_function(texts, threads=threads))

    def explain(self, text: str) -> Explanation:
        """Which pieces of the text speak for and against each output, as weights that add up to its logit.

        Raises:
            TypeError: ``text`` is not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"explain takes one str, got {type(text).__name__}")
        import numpy as np

        heads = self.model.heads
        occurrences = self._featurizer.occurrences(text)
        counts = dict.fromkeys(BLOCKS, 0.0)
        for occurrence in occurrences:
            counts[occurrence.block] += occurrence.share
        unknown = heads.unknown
        rows = [heads.index[occurrence.block].get(occurrence.key, unknown) for occurrence in occurrences]
        scales = np.array([occurrence.share / math.sqrt(counts[occurrence.block]) for occurrence in occurrences])
        weights = heads.rows[rows] * scales[:, None]
        bias = np.array(heads.bias)
        logits = bias + weights.sum(axis=0)
        probabilities = self._scorer.probabilities(logits[None, :])[0]
        reasons = [
            OutputExplanation(
                logit=float(logits[c]),
                probability=float(probabilities[c]),
                bias=float(bias[c]),
                contributions=contributions,
            )
            for c, contributions in enumerate(_merged(text, occurrences, weights))
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

    @cached_property
    def _featurizer(self) -> Featurizer:
        from stance.features import Featurizer  # only explaining needs it

        return Featurizer(self.schema, char_min=self.model.options.char_min, char_max=self.model.options.char_max)

    def _bars(self, min_precision: float | None) -> list[float] | None:
        if min_precision is None:
            return None
        if isinstance(min_precision, bool) or not isinstance(min_precision, int | float) or not 0 < min_precision <= 1:
            raise OptionError(f"min_precision must be a number above 0 and up to 1, got {min_precision!r}")
        return [self.model.decisions[column.key].needed(min_precision) for column in self.columns]


def _merged(text: str, occurrences: Sequence[Any], weights: Floats) -> Iterator[tuple[Contribution, ...]]:
    """For each column one contribution per feature and place, the heaviest first; a word's n-grams count as one."""
    import numpy as np

    names = {"char": "spelling", "word": "words"}
    numbers: dict[tuple[int, int, str], int] = {}
    places = [numbers.setdefault((o.start, o.end, names.get(o.block, o.key)), len(numbers)) for o in occurrences]
    sums = np.zeros((len(numbers), weights.shape[1]))
    np.add.at(sums, places, weights)
    pieces = [(start, end, text[start:end], name) for start, end, name in numbers]
    starts, ends = (np.array([piece[i] for piece in pieces], dtype=np.intp) for i in (0, 1))
    for column in sums.T:
        order = np.lexsort((ends, starts, -np.abs(column)))[: np.count_nonzero(column)]  # zeros would come last
        numbered: list[int] = order.tolist()
        yield tuple(
            Contribution(*pieces[i], weight) for i, weight in zip(numbered, column[order].tolist(), strict=True)
        )
