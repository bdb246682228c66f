"""Every error the library raises on purpose: one base, and subclasses that carry the facts."""

from __future__ import annotations

from collections.abc import Iterable


class StanceError(ValueError):
    """Base of all errors of this library; a ``ValueError``, so that callers need no import to catch it."""


class LabelError(StanceError):
    """A label file, row or schema does not fit: says where, what was expected and what came.

    Attributes: ``file`` and ``line`` (1-based) of the offence, where known.
    """

    def __init__(self, message: str, *, file: object = None, line: int | None = None) -> None:
        where = "" if file is None else f"{file}, line {line}: " if line is not None else f"{file}: "
        super().__init__(where + message)
        self.file = None if file is None else str(file)
        self.line = line


class ModelError(StanceError):
    """A model folder is damaged, forged, incomplete, or of a format this version cannot read."""


class OptionError(StanceError):
    """An option or argument of a call has a value outside its range."""


class MissingExtraError(StanceError, ImportError):
    """A verb needs packages of an optional extra; the message names the pip command."""

    def __init__(self, what: str, extra: str, missing: str) -> None:
        super().__init__(f"{what} needs the package {missing!r}: pip install 'stance-news[{extra}]'")
        self.extra = extra
        self.missing = missing


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the known word nearest to ``word``, or an empty string."""
    import difflib  # only where something is wrong: starting up must not wait for it

    near = difflib.get_close_matches(str(word).lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def listed(words: Iterable[str]) -> str:
    """The words as an English list: ``'a', 'b' or 'c'``."""
    quoted = [repr(word) for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
