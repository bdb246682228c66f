"""The compiled scorer behind the same seam, where this installation has it; else the reference."""

from __future__ import annotations

import importlib
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, repeat
from threading import Thread
from typing import TYPE_CHECKING, Any

from stance.background import in_background
from stance.lexicon import BLOCKS, MARK_VARIANTS, SCOPE_KEYS, alias_phrases, contexts_of, cue_phrases
from stance.model import Model
from stance.records import Prediction
from stance.schema import NEUTRAL
from stance.scorer import Scorer, check_texts

if TYPE_CHECKING:
    from stance.linear import Floats

# NumPy and the reference are imported by whoever needs them: a sentence can be classified before either is loaded.
SWITCH = "STANCE_KERNEL"
"""Environment variable: "reference" does without the compiled scorer, "compiled" insists on it."""
CHUNK = 8192
"""Texts taken from an iterable at a time."""
SLICE = 512
"""Texts a thread takes at a time."""
SMALL = tuple(block for block in BLOCKS if block not in ("word", "char"))

kernel: Any
try:
    kernel = importlib.import_module("stance._kernel")
except ImportError as error:  # built without a compiler, or for a Python that it cannot serve
    kernel = None
    MISSING = str(error)


def make_scorer(model: Model) -> Scorer:
    """The compiled scorer if it is at hand and the model within its bounds, else the reference.

    Raises:
        ValueError: a key of the model occurs twice.
        ImportError: the environment insists on the compiled scorer, and it is missing.
    """
    wanted = os.environ.get(SWITCH, "")
    if wanted == "compiled" and kernel is None:
        raise ImportError(f"{SWITCH}=compiled, but the compiled scorer is not installed: {MISSING}")
    if kernel is None or wanted == "reference" or not CompiledScorer.fits(model):
        from stance.reference import ReferenceScorer

        return ReferenceScorer(model)
    return CompiledScorer(model)


class CompiledScorer:
    """A `Scorer` in C; see ``_kernel.c``. Scores without the interpreter lock."""

    name = "compiled"

    def __init__(self, model: Model) -> None:
        """Raises ValueError where a key occurs twice, or keys and weights do not fit together."""
        self._targets = model.schema.target_names
        self._width = len(model.heads.bias)
        grams = in_background(lambda: _table(model, "char"))
        spec, words = _spec(model), _table(model, "word")
        self._kernel = kernel.Kernel({**spec, "words": words, "grams": grams()})

    @staticmethod
    def fits(model: Model) -> bool:
        """Whether the model is within the kernel's bounds: 256 columns, 64 entity groups, 64 sets of them."""
        schema = model.schema
        return len(model.heads.bias) <= 256 and len(schema.entities) <= 64 and len(contexts_of(schema)) <= 64

    def logits(self, texts: Iterable[str], threads: int = 1) -> Floats:
        """Calibrated logits, shape (n, columns); also of Arrow strings, without a Python string a row."""
        import numpy as np

        check_texts(texts)
        try:
            if hasattr(texts, "__arrow_c_stream__"):
                return self._joined(self._kernel.score_stream(texts.__arrow_c_stream__()))
            if hasattr(texts, "__arrow_c_array__"):
                return self._joined([self._kernel.score_arrow(*texts.__arrow_c_array__())])
        except (BufferError, TypeError, ValueError) as error:
            # Arrow, but not of plain strings, or strings that it cannot hold: take them one by one.
            if not isinstance(error, BufferError | UnicodeError) and not type(error).__module__.startswith("pyarrow"):
                raise
        parts = [self._scores(chunk, first, threads) for first, chunk in _chunks(texts, CHUNK * threads)]
        return parts[0] if len(parts) == 1 else np.vstack([*parts, np.empty((0, self._width))])

    def probabilities(self, logits: Floats) -> Floats:
        """Sigmoid of the topics' columns, softmax over each target's."""
        import numpy as np

        found = np.empty(logits.shape)
        self._kernel.link(np.ascontiguousarray(logits, dtype=np.float64), found)
        return found

    def predictions(self, texts: Iterable[str], target: str | None, bars: Sequence[float] | None) -> list[Prediction]:
        """Decisions by the model's thresholds; abstentions where a probability is under its column's bar."""
        number = -1 if target is None else self._targets.index(target)
        found: list[Prediction] = []
        limits = None if bars is None else array("d", bars)
        for first, chunk in _chunks(texts, CHUNK):
            found += self._kernel.predict(chunk, first, number, limits)
        return found

    def floor(self, texts: Iterable[str]) -> int:
        """Cut the texts into words and hash words and pairs, and no more: what no scorer can do without."""
        mixed: int = self._kernel.floor(tuple(texts))
        return mixed

    def _scores(self, chunk: tuple[str, ...], first: int, threads: int) -> Floats:
        import numpy as np

        scores = np.empty((len(chunk), self._width))
        starts = range(0, len(chunk), SLICE if threads > 1 else max(1, len(chunk)))
        untaken = iter(starts)
        done: list[int] = []
        faults: list[tuple[int, BaseException]] = []

        def work() -> None:
            start = -1
            try:
                for start in untaken:
                    if faults:
                        break
                    stop = min(start + starts.step, len(chunk))
                    self._kernel.score(chunk, start, stop, first, scores[start:stop])
                    done.append(start)
            except BaseException as fault:
                faults.append((start, fault))

        # This thread is one of them: a pool, which waits for its own, gained half as much.
        others = [Thread(target=work) for _ in range(min(threads, len(starts)) - 1)]
        try:
            with suppress(RuntimeError):  # the system gives no more threads: fewer do it
                for other in others:
                    other.start()
            work()
        except BaseException as fault:
            faults.append((-1, fault))  # which stops the others
        finally:
            for other in others:
                if other.ident is not None:
                    other.join()
        if faults:
            # Slices are taken in order, so none before the first fault has been left out; but an interrupt goes first.
            raise min(faults, key=lambda fault: (isinstance(fault[1], Exception), fault[0]))[1]
        if len(done) < len(starts):
            raise RuntimeError("a thread ended before its work did")
        return scores

    def _joined(self, parts: list[bytes]) -> Floats:
        import numpy as np

        return np.frombuffer(b"".join(parts), dtype=np.float64).reshape(-1, self._width).copy()


def _chunks(texts: Iterable[str], size: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The texts as tuples, with the number of each one's first; lists whole, other iterables a piece at a time."""
    check_texts(texts)
    for whole in ("to_pylist", "tolist"):  # Arrow; NumPy and pandas
        if hasattr(texts, whole):
            texts = getattr(texts, whole)()
            break
    if isinstance(texts, list | tuple):
        yield 0, tuple(texts)
        return
    source = iter(texts)
    first = 0
    while chunk := tuple(islice(source, size)):
        yield first, chunk
        first += len(chunk)


def _table(model: Model, block: str) -> Any:
    """One of the large blocks as the kernel looks it up."""
    heads = model.heads
    return kernel.keys(heads.keys[block], heads.weights[block], len(heads.bias), block == "word")


def _spec(model: Model) -> dict[str, Any]:
    """The model as the kernel reads it, but for the two tables: rows, and a lexicon of numbers."""
    schema, heads = model.schema, model.heads
    groups = sorted(schema.entities)
    found_cues = cue_phrases(schema)
    cues = sorted({key for key, _ in found_cues} - set(SCOPE_KEYS))
    contexts = contexts_of(schema)
    rows = _small_rows(model)

    def numbers(block: str, keys: Iterable[str]) -> array[int]:
        return array("i", map(rows[block].get, keys, repeat(-1)))

    marks = [f"{cue}{variant}" for variant in MARK_VARIANTS for cue in cues]
    scopes = {key: (number, 0) for number, key in enumerate(SCOPE_KEYS, start=1)}
    kinds = {**{cue: (0, number) for number, cue in enumerate(cues)}, **scopes}
    phrases = [(-1, groups.index(group), " ".join(parts).encode()) for group, parts in alias_phrases(schema)]
    phrases += [(*kinds[key], " ".join(parts).encode()) for key, parts in found_cues]
    presence = numbers("presence", [*(f"<{group}>" for group in groups), *(context for context, _ in contexts)])
    for number, (context, _) in enumerate(contexts, start=len(groups)):
        if "&" not in context:  # a context of one group is that group's presence
            presence[number] = -2
    return {
        "topics": len(schema.topics),
        "targets": len(schema.targets),
        "stances": len(schema.stances),
        "neutral": schema.stances.index(NEUTRAL) if NEUTRAL in schema.stances else -1,
        "char_min": model.options.char_min,
        "char_max": model.options.char_max,
        "cues": len(cues),
        "groups": len(groups),
        "contexts": len(contexts),
        "rows": b"".join(heads.weights[block] for block in SMALL),
        "steps": array("d", [heads.steps[block] for block in BLOCKS]),
        "bias": array("d", heads.bias),
        "thresholds": array("d", model.thresholds),
        "blank": array("d", model.blank),
        "phrases": phrases,
        "group_tokens": [f"<{group}>".encode() for group in groups],
        "context_masks": [sum(1 << groups.index(group) for group in needed) for _, needed in contexts],
        "lexicon_rows": numbers("lexicon", marks),
        "context_rows": numbers("context", [f"{mark} {context}" for context, _ in contexts for mark in marks]),
        "pair_rows": numbers("lexicon", [f"<{one}>+<{other}>" for one in groups for other in groups]),
        "presence_rows": presence,
        "topic_names": schema.topic_names,
        "target_names": schema.target_names,
        "stance_names": schema.stances,
        "prediction": Prediction,
    }


def _small_rows(model: Model) -> dict[str, dict[str, int]]:
    """Key -> row of the small blocks; the large ones' tables are the kernel's own."""
    start = 0
    found: dict[str, dict[str, int]] = {}
    for block in SMALL:
        found[block] = model.heads.block_index(block, start)
        start += len(found[block])
    return found
