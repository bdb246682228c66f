"""The frozen record of every choice a training run makes; it is saved with the model."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stance.errors import OptionError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of `stance.train`.

    Attributes:
        seed: of every random step.
        folds: grouped cross-validation folds, 2 or more.
        word_min_count: a word 1-2 gram is a feature if this many training sentences hold it.
        char_min_count: the same for a character n-gram.
        char_min: shortest character n-gram inside a word (characters, word boundaries included).
        char_max: longest; 0 switches character n-grams off.
        strengths: inverse regularisation strengths (scikit-learn's ``C``); where several are given, each head takes
            the one with the least log loss on two held-out folds, once calibrated.
        jobs: processes to train with; it changes the time, never the result.
    """

    seed: int = 0
    folds: int = 5
    word_min_count: int = 2
    char_min_count: int = 3
    char_min: int = 3
    char_max: int = 5
    strengths: tuple[float, ...] = (1.0, 5.0)
    jobs: int = 2

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name != "strengths" and type(value) is not int:
                raise OptionError(f"option {field.name!r} must be an integer, got {value!r}")
        _check("seed", self.seed, self.seed >= 0, "an integer of at least 0")
        _check("folds", self.folds, 2 <= self.folds <= 20, "an integer from 2 to 20")
        _check("word_min_count", self.word_min_count, self.word_min_count >= 1, "an integer of at least 1")
        _check("char_min_count", self.char_min_count, self.char_min_count >= 1, "an integer of at least 1")
        _check("char_min", self.char_min, 1 <= self.char_min <= 9, "an integer from 1 to 9")
        _check(
            "char_max",
            self.char_max,
            self.char_max == 0 or self.char_min <= self.char_max <= 9,
            "0 (off) or an integer from char_min to 9",
        )
        given = self.strengths if isinstance(self.strengths, list | tuple) else ()
        good = len(given) > 0 and all(type(c) in (int, float) and 0 < c <= sys.float_info.max for c in given)
        _check("strengths", self.strengths, good, "one or more finite numbers above 0")
        object.__setattr__(self, "strengths", tuple(map(float, given)))
        _check("jobs", self.jobs, self.jobs >= 1, "an integer of at least 1")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {**dataclasses.asdict(self), "strengths": list(self.strengths)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Options:
        """Read `to_dict`'s form.

        Raises:
            OptionError: an unknown key, a wrong type, or a value outside its range.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in data:
            if name not in known:
                raise OptionError(f"unknown option {name!r}{did_you_mean(name, known)}")
        return cls(**data)


def _check(name: str, value: object, good: bool, expected: str) -> None:
    if not good:
        raise OptionError(f"option {name!r} must be {expected}, got {value!r}")
