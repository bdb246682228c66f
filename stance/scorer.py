"""The seam: what a scorer is, and what it takes for texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from stance.records import Prediction

if TYPE_CHECKING:
    from stance.linear import Floats


class Scorer(Protocol):
    """Texts in, numbers or predictions out; two implementations stand behind it and agree."""

    name: str

    def logits(self, texts: Iterable[str], threads: int) -> Floats:
        """Calibrated logits, shape (n, columns)."""

    def probabilities(self, logits: Floats) -> Floats:
        """Sigmoid of the topics' columns, softmax over each target's."""

    def predictions(self, texts: Iterable[str], target: str | None, bars: Sequence[float] | None) -> list[Prediction]:
        """Decisions by the model's thresholds; abstentions where a probability is under its column's bar."""


def check_texts(texts: object) -> None:
    """A `TypeError` for what is no collection of texts, and a hint where one column of a table was meant."""
    if hasattr(texts, "columns"):
        raise TypeError(
            f"expected a str or an iterable of str, got {type(texts).__name__}: pass one column, df['text']"
        )
    if hasattr(texts, "column_names"):  # a datasets.Dataset
        raise TypeError(
            f"expected a str or an iterable of str, got {type(texts).__name__}: pass one column, dataset['text']"
        )
    single = getattr(texts, "shape", None) == ()  # an array of no dimension, which is no collection
    if single or isinstance(texts, bytes | bytearray | Mapping) or not isinstance(texts, Iterable):
        raise TypeError(f"expected a str or an iterable of str, got {type(texts).__name__}")
