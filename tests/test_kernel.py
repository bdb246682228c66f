"""The compiled scorer does what the reference says: hashes to the bit, scores to a millionth, on any text."""

from __future__ import annotations

import dataclasses
import gc
import inspect
import os
import platform
import subprocess
import sys
from array import array
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import random as random_matrix

import stance
from stance import compiled, products
from stance.classifier import Classifier
from stance.compiled import CompiledScorer
from stance.errors import ModelError, OptionError
from stance.labels import read_rows
from stance.model import Heads
from stance.reference import ReferenceScorer

kernel = pytest.importorskip("stance._kernel", reason="the compiled scorer was not built here")
EXAMPLES = int(os.environ.get("STANCE_FUZZ", "150"))
FUZZ = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MASK = (1 << 64) - 1


def fold(a: int, b: int) -> int:
    product = a * b
    return (product >> 64) ^ (product & MASK)


def hash64(data: bytes) -> int:
    """The kernel's hash, written out: one multiplication for each eight bytes."""
    found = len(data) * 0x9E3779B97F4A7C15 & MASK
    chunks = [data[i : i + 8] for i in range(0, len(data), 8)] or [b""]
    for chunk in chunks:
        found = fold(found ^ int.from_bytes(chunk, "little"), 0xD1B54A32D192ED03)
    return found or 1


def hash_pair(left: int, right: int) -> int:
    turned = (right << 29 | right >> 35) & MASK
    return fold((left + 0x8CB92BA72F3D8DD7 & MASK) ^ turned, 0xABC98388FB8FAC03) or 1


@pytest.fixture(scope="module")
def default() -> Classifier:
    return stance.load("default")


@pytest.fixture(scope="module")
def scorers(default: Classifier) -> tuple[CompiledScorer, ReferenceScorer]:
    return CompiledScorer(default.model), ReferenceScorer(default.model)


@pytest.fixture(scope="module")
def vocabulary(default: Classifier) -> list[str]:
    """Words that the model's lexicon looks at, beside others and marks that end clauses."""
    schema = default.schema
    phrases = [p for group in (schema.entities, schema.cues, schema.scopes) for names in group.values() for p in names]
    known = [word.replace("*", "ing") for phrase in phrases for word in phrase.split()]
    return [
        *known,
        *phrases,
        "the",
        "of",
        "ΣΊΣΥΦΟΣ",
        "İstanbul",
        "naïve",
        "北京",
        "—",
        "--",
        ",",
        ";",
        ":",
        "2024",
        "x" * 50,
    ]


@FUZZ
@given(data=st.binary(max_size=40), other=st.integers(0, MASK))
def test_hashes_are_the_written_out_ones_to_the_bit(data: bytes, other: int) -> None:
    assert kernel.hash64(data) == hash64(data)
    assert kernel.hash_pair(hash64(data), other) == hash_pair(hash64(data), other)


@FUZZ
@given(text=st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_unicode_scores_as_the_reference_does(scorers: tuple[CompiledScorer, ReferenceScorer], text: str) -> None:
    compiled, reference = (scorer.logits([text], 1) for scorer in scorers)
    assert np.abs(compiled - reference).max() < 1e-9


@FUZZ
@given(data=st.data())
def test_sentences_full_of_cues_score_as_the_reference_does(
    scorers: tuple[CompiledScorer, ReferenceScorer], vocabulary: list[str], data: st.DataObject
) -> None:
    words = data.draw(st.lists(st.sampled_from(vocabulary), max_size=40))
    joints = data.draw(
        st.lists(st.sampled_from([" ", ", ", "-", "’", "_", "\n"]), min_size=len(words), max_size=len(words))
    )
    text = "".join(word + joint for word, joint in zip(words, joints, strict=True))
    compiled, reference = (scorer.logits([text, text.upper()], 1) for scorer in scorers)
    assert np.abs(compiled - reference).max() < 1e-9


@FUZZ
@given(texts=st.lists(st.text(max_size=60), max_size=5), bar=st.sampled_from([None, 0.5, 0.9]))
def test_predictions_are_the_reference_s(
    scorers: tuple[CompiledScorer, ReferenceScorer], default: Classifier, texts: list[str], bar: float | None
) -> None:
    bars = default._bars(bar)
    compiled, reference = (scorer.predictions(texts, "sanctions", bars) for scorer in scorers)
    assert [dataclasses.replace(p, topic_probabilities={}, stance_probabilities={}) for p in compiled] == [
        dataclasses.replace(p, topic_probabilities={}, stance_probabilities={}) for p in reference
    ]
    for ours, theirs in zip(compiled, reference, strict=True):
        assert ours.topic_probabilities == pytest.approx(theirs.topic_probabilities, abs=1e-9)
        for target, probabilities in ours.stance_probabilities.items():
            assert probabilities == pytest.approx(theirs.stance_probabilities[target], abs=1e-9)


def test_every_labelled_sentence_scores_as_the_reference_does(
    scorers: tuple[CompiledScorer, ReferenceScorer], default: Classifier
) -> None:
    rows = read_rows(Path(__file__).parent.parent / "labels", default.schema, splits=("dev",))
    texts = [row.text for row in rows]
    assert np.abs(scorers[0].logits(texts, 1) - scorers[1].logits(texts, 1)).max() < 1e-9


def test_a_model_of_other_labels_scores_as_the_reference_does(tiny_model: Classifier) -> None:
    texts = ["Norland snubbed Southmark.", "", "tariffs! tariffs", "Ω" * 3]
    ours, theirs = (s(tiny_model.model).logits(texts, 1) for s in (CompiledScorer, ReferenceScorer))
    assert np.abs(ours - theirs).max() < 1e-9


def test_threads_and_neighbours_change_nothing(default: Classifier) -> None:
    texts = [f"Report {n}: Beijing did not oppose sanctions on the North, {n % 7} aides said." for n in range(9000)]
    alone = default.decision_function(texts)
    assert (default.decision_function(texts, threads=3) == alone).all()
    assert (default.decision_function(iter(texts)) == alone).all()
    assert (default.decision_function(np.array(texts, dtype=object)) == alone).all()
    assert (default.decision_function(texts[17]) == alone[17]).all()


@FUZZ
@given(data=st.data())
def test_a_text_scores_among_others_as_it_does_alone(
    scorers: tuple[CompiledScorer, ReferenceScorer], vocabulary: list[str], data: st.DataObject
) -> None:
    # Some are scored together: blank ones, sentences, what is not ASCII, and some too long for company.
    sentence = st.lists(st.sampled_from(vocabulary), max_size=12).map(" ".join)
    long = st.tuples(sentence, st.integers(50, 400)).map(lambda drawn: (drawn[0] + " ") * drawn[1])
    texts = data.draw(st.lists(st.one_of(sentence, st.text(max_size=40), long), max_size=20))
    together = scorers[0].logits(texts, 1)
    for text, found in zip(texts, together, strict=True):
        assert (scorers[0].logits([text], 1)[0] == found).all()


@pytest.mark.parametrize("forged", [False, True])
def test_no_phrase_goes_on_in_the_next_text(default: Classifier, forged: bool) -> None:
    spec = compiled._spec(default.model)
    if forged:  # contexts that need no group: they would count in any text that the lexicon is asked about
        rows = array("i", [max(spec["presence_rows"])] * len(spec["presence_rows"]))
        spec |= {"context_masks": [0] * len(spec["context_masks"]), "presence_rows": rows}
    scorer = kernel.Kernel({**spec, **_tables(default)})
    phrases = [parts.decode().replace("*", "").split() for _, _, parts in spec["phrases"]]
    texts = tuple(half for first, *rest in phrases if rest for half in (first, " ".join(rest)))
    together, alone = (np.empty((len(texts), len(default.columns))) for _ in range(2))
    scorer.score(texts, 0, len(texts), 0, together)
    for n in range(len(texts)):
        scorer.score(texts, n, n + 1, 0, alone[n : n + 1])
    assert len(texts) > 100
    assert (together == alone).all()


@pytest.mark.parametrize("threads", [0, -1, True, 1.5])
def test_threads_must_be_a_count(default: Classifier, threads: int) -> None:
    with pytest.raises(OptionError, match="threads must be an integer of at least 1"):
        default.decision_function(["a"], threads=threads)


def test_more_words_than_the_cache_holds_score_as_the_reference_does(
    scorers: tuple[CompiledScorer, ReferenceScorer],
) -> None:
    texts = [
        " ".join(f"w{'abcdefghij'[n % 10]}{n:x}" for n in range(start, start + 500)) for start in range(0, 80_000, 500)
    ]
    long = " ".join(texts)
    first, last = texts[0], texts[-1]
    scorers[0].logits([*texts, long, *texts[:3]], 1)
    found = scorers[0].logits([first, long, last], 1)
    assert np.abs(found - scorers[1].logits([first, long, last], 1)).max() < 1e-9


def arrays(texts: list[str]) -> Iterator[object]:
    yield pa.array(texts)
    yield pa.array(["left out", *texts], pa.large_string())[1:]
    yield pa.array(texts, pa.string_view())
    yield pa.chunked_array([texts[:1], texts[1:]])


def test_arrow_strings_are_read_where_they_lie(default: Classifier) -> None:
    texts = ["Kim and Xi met.", "", "Пхеньян", "China vetoed a resolution that would have tightened the sanctions."]
    for given_ in arrays(texts):
        assert (default.decision_function(given_) == default.decision_function(texts)).all()


def test_arrow_that_is_not_of_plain_strings_is_read_one_by_one(default: Classifier) -> None:
    texts = ["Kim and Xi met.", "Kim and Xi met.", "China"]
    same = default.decision_function(texts)
    assert (default.decision_function(pa.array(texts).dictionary_encode()) == same).all()
    assert (default.decision_function(pd.Series(texts, dtype="category")) == same).all()
    assert default.classify(pa.array(texts)) == default.classify(texts)
    odd = ["a \ud800", "b"]
    assert (default.decision_function(pd.Series(odd, dtype=object)) == default.decision_function(odd)).all()


@pytest.mark.parametrize("bad", [b"caf\xc3", b"abc \xf0", b"\xf7\xbf\xbf\xbf abc", b"\xf4\x90\x80\x80", b"\xc0\xaf"])
def test_bytes_that_are_no_utf_8_are_refused(default: Classifier, bad: bytes) -> None:
    array = pa.array([b"fine", bad], pa.binary()).view(pa.string())
    with pytest.raises(UnicodeDecodeError):
        default.decision_function(array)


def test_offsets_that_run_backwards_are_refused(default: Classifier) -> None:
    offsets = pa.py_buffer(np.array([0, 5, 2, 6], dtype=np.int32).tobytes())
    array = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"abcdef")])
    with pytest.raises(ValueError, match="expected a text of up to 256 MiB, got one of -3 bytes"):
        default.decision_function(array)


@pytest.mark.parametrize("wanted", ["compiled", "reference"])
@pytest.mark.parametrize("block", ["word", "char", "presence"])
@pytest.mark.parametrize("more", [b"\n<one>\n<two>", b"\n"])
def test_keys_and_weights_that_do_not_fit_are_refused(
    tiny_model: Classifier, monkeypatch: pytest.MonkeyPatch, wanted: str, block: str, more: bytes
) -> None:
    monkeypatch.setenv("STANCE_KERNEL", wanted)
    heads = tiny_model.model.heads
    keys = {**heads.keys, block: bytes(heads.keys[block]) + more}
    with pytest.raises(ModelError, match="do not fit together"):
        Classifier(dataclasses.replace(tiny_model.model, heads=dataclasses.replace(heads, keys=keys)))


@pytest.mark.parametrize("wanted", ["compiled", "reference"])
def test_keys_that_are_no_utf_8_are_refused(
    tiny_model: Classifier, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("STANCE_KERNEL", wanted)
    heads = tiny_model.model.heads
    rest = bytes(heads.keys["word"]).split(b"\n")[1:]
    for bad in (b"caf\xc3", b"\xed\xa0\x80"):
        keys = {**heads.keys, "word": b"\n".join([bad, *rest])}
        with pytest.raises(ModelError, match=r"utf-8|UTF-8"):
            Classifier(dataclasses.replace(tiny_model.model, heads=dataclasses.replace(heads, keys=keys)))


def test_a_missing_arrow_string_is_named_by_its_index(default: Classifier) -> None:
    with pytest.raises(TypeError, match="expected str at index 2, got null"):
        default.decision_function(pa.chunked_array([["a", "b"], [None]]))
    with pytest.raises(TypeError, match="expected str at index 0, got int"):
        default.decision_function(pa.array([1, 2]))


@pytest.mark.parametrize("bad", [None, 3, b"bytes"])
def test_what_is_no_string_is_named_by_its_index(default: Classifier, bad: object) -> None:
    for call in (default.classify, default.decision_function):
        with pytest.raises(TypeError, match=f"expected str at index 300, got {type(bad).__name__}"):
            call([*["a"] * 300, bad])  # type: ignore[list-item]


def test_threads_that_the_system_does_not_give_are_done_without(
    default: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"Beijing did not oppose sanctions on the North, {n % 7} aides said." for n in range(5000)]
    alone = default.decision_function(texts)
    start, started = Thread.start, []

    def start_two(thread: Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(Thread, "start", start_two)
    assert (default.decision_function(texts, threads=6) == alone).all()
    assert len(started) == 2


def test_an_interrupt_stops_all_threads_and_is_told(default: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, calls = CompiledScorer(default.model), []

    class Kernel:
        def score(self, chunk: tuple[str, ...], start: int, *_: object) -> None:
            calls.append(start)
            raise KeyboardInterrupt if len(calls) == 3 else TypeError if len(calls) > 3 else ValueError("first")

    monkeypatch.setattr(scorer, "_kernel", Kernel())
    with pytest.raises(ValueError, match="first"):
        scorer.logits(["a"] * 100_000, 1)
    calls.append(0)
    with pytest.raises(KeyboardInterrupt):
        scorer.logits(["a"] * 100_000, 4)
    assert len(calls) < 10


def test_a_slice_that_was_taken_and_not_scored_is_a_fault(default: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(Thread):
        def __init__(self, target: Any) -> None:
            super().__init__()
            self.slices = inspect.getclosurevars(target).nonlocals["untaken"]

        def run(self) -> None:
            next(self.slices)

    monkeypatch.setattr(compiled, "Thread", Dying)
    with pytest.raises(RuntimeError, match="a thread ended before its work did"):
        default.decision_function(["a"] * 5000, threads=2)


def test_the_first_fault_is_told_whichever_thread_meets_it(default: Classifier) -> None:
    for places in ([700, 8000], [0, 1], [8999, 5000]):
        texts: list[Any] = ["a"] * 9000
        for place in places:
            texts[place] = None
        for threads in (1, 2, 5, 50):
            with pytest.raises(TypeError, match=f"expected str at index {min(places)}, got NoneType"):
                default.decision_function(texts, threads=threads)


@pytest.mark.parametrize("wanted", ["compiled", "reference"])
def test_a_key_that_occurs_twice_is_refused(
    tiny_model: Classifier, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("STANCE_KERNEL", wanted)
    heads = tiny_model.model.heads
    first, _, *rest = bytes(heads.keys["word"]).split(b"\n")
    twice = {**heads.keys, "word": b"\n".join([first, first, *rest])}
    with pytest.raises(ModelError, match="a key occurs twice"):
        Classifier(dataclasses.replace(tiny_model.model, heads=dataclasses.replace(heads, keys=twice)))


@pytest.mark.parametrize("name", ["default", "tiny"])
def test_weights_of_any_size_score_as_the_reference_does(
    default: Classifier, tiny_model: Classifier, name: str
) -> None:
    # Every weight one of the two largest: the n-grams of most words come to more than 16 bits hold, and 70,000 words to
    # more than 32 bits do.
    model = (default if name == "default" else tiny_model).model
    random = np.random.default_rng(1)
    for values in ([-(2**15), 2**15 - 1], [2**15 - 1]):
        weights = {
            block: random.choice(values, len(data) // 2).astype("<i2").tobytes()
            for block, data in model.heads.weights.items()
        }
        forged = dataclasses.replace(model, heads=dataclasses.replace(model.heads, weights=weights))
        words = [key for key in bytes(model.heads.keys["word"]).decode().split("\n")[:300] if "<" not in key]
        sentences = [" ".join(words[n : n + 9]) for n in range(0, 200, 9)]
        texts = [*sentences, "Xi Jinping", "Norland", "", f"{words[0]} " * 70_000, " ".join(sentences * 2000)]
        ours, theirs = (scorer(forged).logits(texts, 1) for scorer in (CompiledScorer, ReferenceScorer))
        assert np.abs(theirs).max() > 1e3
        assert np.allclose(ours, theirs, rtol=1e-12, atol=0)


def test_a_row_is_found_wherever_it_had_to_be_put(tiny_model: Classifier) -> None:
    # So many keys of one model that some hundreds are not where their hashes say; each with weights of its own.
    words = ["".join(letters) for letters in product("abcdefghijklmno", repeat=3)]
    width = len(tiny_model.columns)
    numbers = np.arange(1, len(words) + 1, dtype="<i2")
    keys = dict.fromkeys(tiny_model.model.heads.keys, b"") | {"word": "\n".join(words).encode()}
    weights = dict.fromkeys(keys, b"") | {"word": np.repeat(numbers, width).tobytes()}
    heads = Heads(keys, weights, dict.fromkeys(keys, 1.0), (0.0,) * width)
    model = dataclasses.replace(tiny_model.model, heads=heads)
    assert (CompiledScorer(model).logits(words, 1) == numbers[:, None]).all()
    assert not CompiledScorer(model).logits([word + "x" for word in words], 1).any()


def test_keys_of_any_size_and_place_are_found(tiny_model: Classifier) -> None:
    # Long and short, in and beyond the ASCII, so that ends fall on every place of the 64 bytes looked at together.
    words = [f"{'wörter'[: n % 7]}{'x' * (n % 41)}{n}" for n in range(300)]
    lines = [*words, *(f"{one} {other}" for one, other in pairwise(words))]
    for count in (0, 1, 2, 3, 50, len(lines)):
        data = "\n".join(lines[:count]).encode()
        kernel.keys(data, bytes(6 * count), 3, True)
        for other in (6 * count + 6, 6 * count + 2, 6 * count - 6):
            if other >= 0:
                with pytest.raises(ValueError, match="do not fit together"):
                    kernel.keys(data, bytes(other), 3, True)
        if count > 1:
            with pytest.raises(ValueError, match="a key occurs twice"):
                kernel.keys(data + b"\n" + lines[count // 2].encode(), bytes(6 * count + 6), 3, True)


def _tables(model: Classifier) -> dict[str, Any]:
    return {name: compiled._table(model.model, block) for name, block in (("words", "word"), ("grams", "char"))}


def test_keys_serve_one_kernel_alone(tiny_model: Classifier) -> None:
    spec, tables = compiled._spec(tiny_model.model), _tables(tiny_model)
    kernel.Kernel({**spec, **tables})
    with pytest.raises(ValueError, match="do not fit together"):
        kernel.Kernel({**spec, **tables})
    with pytest.raises(ValueError, match="do not fit together"):
        kernel.Kernel(spec)


@pytest.mark.parametrize("key", ["topics", "targets", "stances", "cues", "groups", "contexts", "char_max"])
@pytest.mark.parametrize("number", [-1, 2**16, 2**32 + 1, 2**70])
def test_numbers_beyond_the_kernel_are_refused(tiny_model: Classifier, key: str, number: int) -> None:
    # So many cues there may be, but not for these rows; what no C integer holds is Python's to refuse.
    expected = "do not fit together" if (key, number) == ("cues", 2**16) else "beyond the kernel|too large to convert"
    with pytest.raises((ValueError, OverflowError), match=expected):
        kernel.Kernel({**compiled._spec(tiny_model.model), **_tables(tiny_model), key: number})


def test_a_specification_that_does_not_fit_together_is_refused(tiny_model: Classifier) -> None:
    spec = compiled._spec(tiny_model.model)
    phrases, groups, cues = spec["phrases"], spec["groups"], spec["cues"]
    for changed in (
        {"phrases": [*phrases, (-1, groups, b"beyond")]},
        {"phrases": [*phrases, (-1, -1, b"before")]},
        {"phrases": [*phrases, (0, cues, b"beyond")]},
        {"phrases": [*phrases, (4, 0, b"no such scope")]},
        {"phrases": [*phrases, (0, 0)]},
        {"phrases": [*phrases, b"no tuple"]},
        {"neutral": spec["stances"]},
        {"topic_names": spec["topic_names"][:-1]},
        {"stance_names": ()},
        {"lexicon_rows": array("i", [-2] * len(spec["lexicon_rows"]))},
        {"context_rows": array("i", [10_000] * len(spec["context_rows"]))},
        {"rows": spec["rows"][:-1]},
        {"rows": b""},
        {"steps": spec["steps"][:-1]},
        {"words": kernel.keys(b"word", bytes(2), 1, True)},
    ):
        with pytest.raises(ValueError, match="fit together|beyond the kernel"):
            kernel.Kernel({**spec, **_tables(tiny_model), **changed})


def same(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """The same bytes on x86-64; elsewhere SciPy may have been compiled to round once for a product and a sum."""
    exact = platform.machine().lower() in ("x86_64", "amd64") and sys.maxsize > 2**32
    return bool((ours == theirs).all() if exact else np.allclose(ours, theirs, rtol=1e-4, atol=1e-5))


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 8, 9, 16, 17])
@pytest.mark.parametrize("scaled", [False, True])
def test_the_compiled_product_gives_scipy_s_bytes(columns: int, scaled: bool) -> None:
    matrix = random_matrix(60, 40, density=0.3, format="csr", dtype=np.float32, random_state=1)
    random = np.random.default_rng(1)
    dense = random.normal(size=(40, columns)).astype(np.float32)
    scales = random.normal(size=(60, columns)).astype(np.float32) if scaled else None
    theirs = matrix @ dense * (1 if scales is None else scales)
    assert same(products.multiply(matrix, dense, scales), theirs)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 64, 4095, 4096, 4097, 9000])
def test_the_compiled_sums_give_numpy_s_bytes(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(size)
    vectors = random.normal(size=(5, size)).astype(np.float32)
    weights = random.normal(size=4).astype(np.float32)
    compiled = products.dots(vectors, vectors[2]), products.mix(weights, vectors[0], vectors[1:4])
    assert products.dots(vectors[:0], vectors[0]).shape == (0,)
    monkeypatch.setattr(products, "_kernel", None)
    assert products.dots(vectors[:0], vectors[0]).shape == (0,)
    plain = products.dots(vectors, vectors[2]), products.mix(weights, vectors[0], vectors[1:4])
    assert same(compiled[0], plain[0])
    assert same(compiled[1], plain[1])
    assert np.allclose(plain[0], vectors.astype(float) @ vectors[2], atol=1e-2)
    assert np.allclose(plain[1], weights.astype(float) @ vectors[:4], atol=1e-4)


def test_products_that_would_reach_beyond_their_parts_are_refused() -> None:
    starts, one = np.array([0, 1], dtype=np.int32), np.ones(1, dtype=np.float32)
    far, back = np.array([0x7FFFFFF0], dtype=np.int32), np.array([-0x7FFFFFF0], dtype=np.int32)
    none, room = np.empty(0, dtype=np.float32), np.empty(16, dtype=np.float32)
    shared = np.array([0, 1, 1, 1, 0, 0], dtype=np.int32)
    for parts in (
        (room, starts, far, one, none, None, sys.maxsize // 8 + 1, 16),
        (room[:2], starts, back, one, none, None, sys.maxsize // 4 + 1, 2),
        (shared[1:4].view(np.float32), shared[:4], starts[:1], one, one, None, 1, 1),
    ):
        with pytest.raises(ValueError, match="do not fit together"):
            kernel.multiply(*parts)
    room.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        kernel.multiply(room, starts, starts[:1], one, room, None, 1, 16)
    for width in (sys.maxsize // 2 + 1, 257, 0, -1):
        with pytest.raises(ValueError, match="do not fit together"):
            kernel.keys(b"a\nb", bytes(4), width, False)


def test_sums_of_parts_that_do_not_fit_together_are_refused() -> None:
    two, three = np.ones((2, 4), dtype=np.float32), np.ones(3, dtype=np.float32)
    out = np.empty((3, products.LANES), dtype=np.float32)
    with pytest.raises(ValueError, match="do not fit together"):
        kernel.dots(out, two, two[0], 3)
    with pytest.raises(ValueError, match="do not fit together"):
        kernel.mix(two[1].copy(), three, two[0], two[:1])
    with pytest.raises(ValueError, match="do not fit together"):
        kernel.mix(two[1].copy(), three, three, two)


def test_the_environment_chooses_the_implementation() -> None:
    code = "import stance; print(stance.load('default').kernel)"
    for wanted, name in (("reference", "reference (Python and NumPy)"), ("compiled", "compiled"), ("", "compiled")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "STANCE_KERNEL": wanted},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == name


def test_a_sentence_is_classified_before_numpy_is_loaded() -> None:
    code = "import sys, stance; stance.classify('Xi met Kim.'); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_installation_without_a_compiler_succeeds(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--build-lib", str(tmp_path / "lib"), "--build-temp", str(tmp_path)],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "CC": "/bin/false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*.so"))


def test_the_garbage_collector_is_left_as_it_was(default: Classifier) -> None:
    default.classify(["a"] * 600)
    assert gc.isenabled()
    with pytest.raises(TypeError):
        default.classify(["a", None])  # type: ignore[list-item]
    assert gc.isenabled()
    gc.disable()
    try:
        default.classify(["a"] * 600)
        assert not gc.isenabled()
    finally:
        gc.enable()
