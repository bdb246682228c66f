"""Topic and stance of news sentences: small, fast, honest classifiers.

>>> import stance
>>> stance.classify("Xi vowed to deepen cooperation with Pyongyang as the pair marked 75 years of ties.").topics
('anniversary',)
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from stance.classifier import Classifier
    from stance.evaluation import Comparison, EvaluationResult, compare, evaluate
    from stance.jsonl import PathLike
    from stance.options import Options
    from stance.records import (
        Annotation,
        Article,
        ArticlePrediction,
        Contribution,
        Explanation,
        LabelledSentence,
        OutputExplanation,
        Prediction,
        Sentence,
    )
    from stance.schema import Schema
    from stance.training import train

from stance.errors import LabelError, MissingExtraError, ModelError, OptionError, StanceError

__version__ = "0.1.0"
DEFAULT_MODEL = "default"

# Where each public name lives; imported on first use, so that `import stance` stays lean.
_HOMES = {
    "Annotation": "records",
    "Article": "records",
    "ArticlePrediction": "records",
    "Classifier": "classifier",
    "Comparison": "evaluation",
    "Contribution": "records",
    "EvaluationResult": "evaluation",
    "Explanation": "records",
    "LabelledSentence": "records",
    "Options": "options",
    "OutputExplanation": "records",
    "Prediction": "records",
    "Schema": "schema",
    "Sentence": "records",
    "compare": "evaluation",
    "evaluate": "evaluation",
    "train": "training",
}

__all__ = [
    "Annotation",
    "Article",
    "ArticlePrediction",
    "Classifier",
    "Comparison",
    "Contribution",
    "EvaluationResult",
    "Explanation",
    "LabelError",
    "LabelledSentence",
    "MissingExtraError",
    "ModelError",
    "OptionError",
    "Options",
    "OutputExplanation",
    "Prediction",
    "Schema",
    "Sentence",
    "StanceError",
    "__version__",
    "classify",
    "classify_article",
    "compare",
    "evaluate",
    "explain",
    "load",
    "train",
]

_default: Classifier | None = None
_lock = threading.Lock()


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"stance.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'stance' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


@overload
def classify(  # type: ignore[overload-overlap]  # a str is an iterable of str, but is meant as one text
    texts: str, *, target: str | None = None, min_precision: float | None = None
) -> Prediction: ...
@overload
def classify(
    texts: Iterable[str], *, target: str | None = None, min_precision: float | None = None
) -> list[Prediction]: ...
def classify(
    texts: str | Iterable[str], *, target: str | None = None, min_precision: float | None = None
) -> Prediction | list[Prediction]:
    """Topics and stances of one text, or of each of several in order, by the default model.

    Args:
        texts: one string, or any iterable of strings. A blank string is neutral and without topics.
        target: what ``Prediction.stance`` is toward; the model's default target if None.
        min_precision: in (0, 1]; leave out topics, and give None for stances, whose precision at their probability was
            below this on held-out sentences.

    Raises:
        TypeError: something else than a string; names its index.
        LabelError: an unknown target.
        OptionError: ``min_precision`` outside (0, 1].
    """
    return _default_model().classify(texts, target=target, min_precision=min_precision)


def classify_article(
    article: str | Article, *, target: str | None = None, min_precision: float | None = None
) -> ArticlePrediction:
    """Clean an article, split it, classify each sentence, by the default model; see `Classifier.classify_article`."""
    return _default_model().classify_article(article, target=target, min_precision=min_precision)


def explain(text: str) -> Explanation:
    """Which pieces of the text speak for and against each output of the default model; see `Classifier.explain`."""
    return _default_model().explain(text)


def load(model: PathLike = DEFAULT_MODEL) -> Classifier:
    """The classifier in a model folder, or the shipped model of that name.

    Raises:
        ModelError: there is none, or it is damaged, forged, incomplete or of a newer format.
    """
    from stance.classifier import Classifier
    from stance.model_folder import load_model

    return load_model(model, Classifier)


def _default_model() -> Classifier:
    global _default
    if _default is None:
        with _lock:
            if _default is None:
                _default = load()
    return _default
