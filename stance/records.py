"""The values that travel between modules: frozen, typed, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stance.jsonl import dumps, sha256

_SHOWN = 6
"""Pieces of a text that an explanation shows as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One article as it came: ``text`` is untouched, and every span points into it."""

    id: str
    text: str
    body_start: int = 0
    """Where the article itself begins, after any front matter."""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def sha(self) -> str:
        """SHA-256 of the whole text."""
        return sha256(self.text)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence and its character span: ``article.text[start:end] == text``."""

    text: str
    start: int
    end: int

    @property
    def sha(self) -> str:
        """SHA-256 of the text: what an annotation refers to."""
        return sha256(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One coder's labels of one sentence. A target that is absent from ``stances`` was not labelled."""

    id: str
    sha: str
    topics: tuple[str, ...]
    stances: Mapping[str, str]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSentence:
    """One row to train or measure on.

    ``topics`` is None where topics were not labelled; a target absent from ``stances`` was not labelled.
    ``article`` groups rows: splits, folds and intervals never part an article.
    """

    id: str
    article: str
    text: str
    topics: tuple[str, ...] | None
    stances: Mapping[str, str]
    register: str = ""
    date: str = ""


def training_order(rows: Iterable[LabelledSentence]) -> list[LabelledSentence]:
    """Rows in one fixed order: the same labels give the same model and fingerprint, whatever order they came in."""
    return sorted(rows, key=lambda row: (row.article, row.id, row.text))


def fingerprint(rows: Iterable[LabelledSentence]) -> str:
    """SHA-256 over the rows' ids, articles, texts and labels, in the order given."""
    lines = (dumps([r.id, r.article, r.text, r.topics, sorted(r.stances.items())]) for r in rows)
    return sha256("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one text.

    Attributes:
        text: the text as given.
        topics: zero or more, in schema order.
        stance: toward the target asked for (the model's default target unless told); None where the model abstains.
        stances: target -> stance, or None where it abstains.
        topic_probabilities: topic -> probability in [0, 1], calibrated.
        stance_probabilities: target -> stance -> probability; each target's sum to 1.
    """

    text: str
    topics: tuple[str, ...]
    stance: str | None
    stances: dict[str, str | None]
    topic_probabilities: dict[str, float]
    stance_probabilities: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one piece of the text adds to one output's logit; ``feature`` names it for people."""

    start: int
    end: int
    text: str
    feature: str
    weight: float


@dataclass(frozen=True, slots=True)
class OutputExplanation:
    """Why one output has its logit: ``bias + sum of the contributions' weights == logit``."""

    logit: float
    probability: float
    bias: float
    contributions: tuple[Contribution, ...]
    """Largest absolute weight first."""

    def __str__(self) -> str:
        """One line: the probability, the heaviest pieces of the text, whatever they count as, and the rest."""
        weights: dict[tuple[int, int, str], float] = {}
        for piece in self.contributions:
            place = piece.start, piece.end, piece.text
            weights[place] = weights.get(place, 0.0) + piece.weight
        heaviest = sorted(weights, key=lambda place: -abs(weights[place]))
        shown = [f"{text} {weights[start, end, text]:+.2f}" for start, end, text in heaviest[:_SHOWN]]
        if others := heaviest[_SHOWN:]:
            shown.append(f"{len(others)} more {sum(weights[place] for place in others):+.2f}")
        return f"{self.probability:.0%}: {', '.join([*shown, f'bias {self.bias:+.2f}'])}; sum {self.logit:+.2f}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Reasons for every output of one text.

    ``topics`` maps topic -> reason; ``stances`` maps target -> stance -> reason.
    """

    text: str
    prediction: Prediction
    topics: dict[str, OutputExplanation]
    stances: dict[str, dict[str, OutputExplanation]]

    def __str__(self) -> str:
        """The text, and a line for each label given."""
        topics = [f"{topic}: {self.topics[topic]}" for topic in self.prediction.topics]
        given = [(target, stance) for target, stance in self.prediction.stances.items() if stance is not None]
        return "\n".join([self.text, *topics, *(f"{t}, {stance}: {self.stances[t][stance]}" for t, stance in given)])


@dataclass(frozen=True, slots=True)
class ArticlePrediction:
    """An article's sentences with their predictions, and what share of them has each topic and stance.

    ``topic_shares`` maps topic -> share of sentences; ``stance_shares`` maps target -> stance -> share. An
    abstention counts toward no stance, so a target's shares can sum to less than 1.
    """

    sentences: tuple[Sentence, ...]
    predictions: tuple[Prediction, ...]
    topic_shares: dict[str, float]
    stance_shares: dict[str, dict[str, float]]
