"""Agreement between coders: worked examples, the libraries as witnesses, undefined values, the bootstrap."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from stance.agreement import Agreement, agreement, agreement_by, coefficients
from stance.errors import LabelError, OptionError
from stance.records import Annotation, LabelledSentence
from stance.schema import Output, Schema

SCHEMA = Schema(topics=(Output(name="aid"),), targets=(Output(name="ties"),), default_target="ties")


def coder(stances: Iterable[str | None], topics: Iterable[bool] | None = None) -> list[Annotation]:
    """One coder's labels of sentences 0, 1, 2, ...; None is not labelled."""
    return [
        Annotation(
            id=str(n), sha="x", topics=("aid",) if aid else (), stances={} if stance is None else {"ties": stance}
        )
        for n, (stance, aid) in enumerate(zip(stances, topics or itertools.repeat(False), strict=False))
    ]


def target(found: Sequence[Agreement]) -> Agreement:
    return found[1]


# Published examples


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        # Wikipedia, "Cohen's kappa": 50 grant proposals, two readers. Observed (20 + 15) / 50 = 0.7; by chance
        # (25 * 30 + 25 * 20) / 2500 = 0.5; kappa (0.7 - 0.5) / (1 - 0.5) = 0.4.
        ([[20, 5], [10, 15]], 0.4),
        # The same page, equal observed agreement of 0.6 with other margins: by chance
        # (60 * 70 + 40 * 30) / 10000 = 0.54 and (60 * 30 + 40 * 70) / 10000 = 0.46.
        ([[45, 15], [25, 15]], 0.06 / 0.46),
        ([[25, 35], [5, 35]], 0.14 / 0.54),
    ],
)
def test_kappa_of_the_textbook_tables(table: list[list[int]], kappa: float) -> None:
    assert float(coefficients(np.array(table, dtype=float)).kappa) == pytest.approx(kappa, abs=1e-12)


def test_alpha_of_krippendorffs_binary_example() -> None:
    # Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", A: 10 units, 2 coders, 4 disagreements.
    # 14 zeros and 6 ones: by chance 2 * 14 * 6 / (20 * 19) = 0.4421 differ; alpha = 1 - 0.4 / 0.4421 = 0.095.
    meg, owen = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    found = agreement(coder(["neutral"] * 10, map(bool, meg)), coder(["neutral"] * 10, map(bool, owen)), SCHEMA)
    assert found[0].alpha.value == pytest.approx(0.095, abs=0.0005)


def test_alpha_of_krippendorffs_nominal_example() -> None:
    # The same, B: 12 units, 3 disagreements, 24 values: a 4, b 6, c 6, d 6, e 2. Equal by chance
    # (4 * 3 + 3 * (6 * 5) + 2 * 1) / (24 * 23) = 104 / 552; alpha = 1 - (3 / 12) / (448 / 552) = 0.692.
    schema = Schema(topics=(), targets=(Output(name="ties"),), default_target="ties", stances=tuple("abcde"))
    (found,) = agreement(coder("aabbdcccedda"), coder("babbbccceddd"), schema)
    assert found.alpha.value == pytest.approx(0.692, abs=0.0005)


# Gwet's cont3x3abstractors, as in the R package irrCAC: 100 pregnancies, two abstractors. Observed 0.89.
ABSTRACTORS = np.array([[13, 0, 0], [0, 20, 7], [0, 4, 56]], dtype=float)


def test_kappa_of_gwets_abstractors() -> None:
    # By chance 0.13 * 0.13 + 0.27 * 0.24 + 0.60 * 0.63 = 0.4597; (0.89 - 0.4597) / 0.5403 = 0.7964.
    assert float(coefficients(ABSTRACTORS).kappa) == pytest.approx(0.7964094, abs=1e-7)


def test_ac1_of_gwets_abstractors() -> None:
    # Mean shares 0.13, 0.255, 0.615: half the sum of p (1 - p) is 0.269925; (0.89 - 0.269925) / 0.730075 = 0.8493.
    assert float(coefficients(ABSTRACTORS).ac1) == pytest.approx(0.8493305, abs=1e-7)


def test_alpha_of_gwets_abstractors() -> None:
    # Values 26, 51, 123 of 200: equal by chance (650 + 2550 + 15006) / 39800 = 0.457437; 1 - 0.11 / 0.542563 = 0.7973.
    assert float(coefficients(ABSTRACTORS).alpha) == pytest.approx(0.7972585, abs=1e-6)


# The libraries as witnesses

label_pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=40)


def table_of(pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    table = np.zeros((3, 3))
    np.add.at(table, tuple(np.array(pairs).T), 1)
    return table


@given(pairs=label_pairs)
@settings(max_examples=100, deadline=None)
def test_kappa_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    ours, theirs = zip(*pairs, strict=True)
    assume(len({*ours, *theirs}) > 1)
    assert float(coefficients(table_of(pairs)).kappa) == pytest.approx(cohen_kappa_score(ours, theirs), abs=1e-9)


@given(pairs=label_pairs)
@settings(max_examples=100, deadline=None)
def test_alpha_is_the_krippendorff_packages(pairs: list[tuple[int, int]]) -> None:
    ours, theirs = zip(*pairs, strict=True)
    assume(len({*ours, *theirs}) > 1)
    witness = krippendorff.alpha(reliability_data=[ours, theirs], level_of_measurement="nominal")
    assert float(coefficients(table_of(pairs)).alpha) == pytest.approx(witness, abs=1e-9)


@given(pairs=label_pairs)
def test_coefficients_never_exceed_one(pairs: list[tuple[int, int]]) -> None:
    found = coefficients(table_of(pairs))
    values = [found.observed, found.kappa, found.alpha, found.ac1]
    assert all(math.isnan(float(value)) or float(value) <= 1 + 1e-12 for value in values)


@given(pairs=label_pairs)
def test_the_order_of_the_coders_does_not_matter(pairs: list[tuple[int, int]]) -> None:
    one, other = coefficients(table_of(pairs)), coefficients(table_of(pairs).T)
    np.testing.assert_allclose(
        [one.observed, one.kappa, one.alpha, one.ac1],
        [other.observed, other.kappa, other.alpha, other.ac1],
        atol=1e-12,
    )


# Columns, pairs, undefined values


def test_each_topic_and_target_has_its_record_in_schema_order() -> None:
    found = agreement(coder(["favor", "against"]), coder(["favor", "favor"]), SCHEMA, resamples=0)
    assert [(a.kind, a.name, a.categories, a.table) for a in found] == [
        ("topic", "aid", ("yes", "no"), ((0, 0), (0, 2))),
        ("target", "ties", ("favor", "against", "neutral"), ((1, 0, 0), (1, 0, 0), (0, 0, 0))),
    ]


def test_only_sentences_that_both_labelled_count() -> None:
    first = coder(["favor", None, "against", "neutral"])
    second = coder(["favor", "favor", "favor"])  # sentence 1 has one stance, sentence 3 one coder
    found = target(agreement(first, second, SCHEMA, resamples=0))
    assert (found.n, found.observed.value) == (2, 0.5)


def test_labelled_sentences_can_be_compared_and_may_lack_topics() -> None:
    row = LabelledSentence(id="0", article="a", text="b", topics=None, stances={"ties": "favor"})
    assert [a.n for a in agreement([row], [row], SCHEMA, resamples=0)] == [0, 1]


def test_one_category_only_leaves_kappa_and_alpha_undefined() -> None:
    found = target(agreement(coder(["neutral"] * 5), coder(["neutral"] * 5), SCHEMA))
    assert math.isnan(found.kappa.value)
    assert math.isnan(found.alpha.value)


def test_one_category_only_is_full_agreement_for_ac1() -> None:
    found = target(agreement(coder(["neutral"] * 5), coder(["neutral"] * 5), SCHEMA))
    assert (found.observed.value, found.ac1.value) == (1.0, 1.0)


def test_no_common_sentence_leaves_everything_undefined() -> None:
    found = target(agreement(coder(["favor"]), [], SCHEMA))
    assert (
        found.n,
        *map(math.isnan, (found.observed.value, found.kappa.value, found.alpha.value, found.ac1.value)),
    ) == ((0,) + (True,) * 4)


# Intervals


def test_the_bootstrap_draws_whole_articles() -> None:
    # Two articles, one all agreed and one all not: draws give 0, 0.5 or 1, each end with probability 1/4.
    first = coder(["favor"] * 20)
    second = coder(["favor"] * 10 + ["against"] * 10)
    groups = {str(n): "a" if n < 10 else "b" for n in range(20)}
    found = target(agreement(first, second, SCHEMA, groups=groups)).observed
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_one_article_has_no_width() -> None:
    first, second = coder(["favor", "against", "neutral"]), coder(["favor", "favor", "neutral"])
    found = target(agreement(first, second, SCHEMA, groups=dict.fromkeys("012", "a"))).kappa
    assert (found.low, found.high) == (found.value, found.value)


def test_without_groups_sentences_are_drawn() -> None:
    # The share of 100 sentences with 80 agreed has a standard error of 0.04: 95% lie within about 0.08 of it.
    found = target(agreement(coder(["favor"] * 100), coder(["favor"] * 80 + ["against"] * 20), SCHEMA)).observed
    assert [found.low, found.high] == pytest.approx([0.72, 0.88], abs=0.02)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_same_seed_gives_the_same_intervals(seed: int) -> None:
    first, second = coder(["favor", "against"] * 9), coder(["favor", "against", "neutral"] * 6)
    found = [agreement(first, second, SCHEMA, seed=seed, resamples=50) for _ in range(2)]
    # As text: the topic, which nobody gave, has nan, which equals nothing.
    assert repr(found[0]) == repr(found[1])


def test_the_order_of_the_labels_does_not_matter() -> None:
    first, second = coder(["favor", "against"] * 9), coder(["favor", "against", "neutral"] * 6)
    assert repr(agreement(first, second, SCHEMA)) == repr(agreement(first[::-1], second[::-1], SCHEMA))


def test_no_resamples_give_no_intervals() -> None:
    found = target(agreement(coder(["favor"]), coder(["favor"]), SCHEMA, resamples=0)).observed
    assert (found.value, math.isnan(found.low), math.isnan(found.high)) == (1.0, True, True)


def test_agreement_within_each_register() -> None:
    first, second = coder(["favor"] * 4), coder(["favor", "favor", "against", "favor"])
    key = {"0": "wire", "1": "wire", "2": "essay"}  # sentence 3 has none
    found = agreement_by(first, second, SCHEMA, key=key, resamples=0)
    assert {part: (target(a).n, target(a).observed.value) for part, a in found.items()} == {
        "essay": (1, 0.0),
        "wire": (2, 1.0),
    }


# Errors


def test_a_sentence_twice_is_refused() -> None:
    with pytest.raises(LabelError, match="expected each sentence once for a coder, got '0' twice"):
        agreement(coder(["favor"]) * 2, [], SCHEMA)


def test_labels_of_different_texts_are_refused() -> None:
    other = [Annotation(id="0", sha="y", topics=(), stances={})]
    with pytest.raises(LabelError, match=r"0: the coders labelled different texts \(sha x and y\)"):
        agreement(coder(["favor"]), other, SCHEMA)


def test_a_sentence_without_a_group_is_refused() -> None:
    with pytest.raises(LabelError, match="expected a group for every sentence, got none for '0'"):
        agreement(coder(["favor"]), coder(["favor"]), SCHEMA, groups={})


@pytest.mark.parametrize(
    ("options", "message"),
    [({"resamples": -1}, "resamples must be 0 or more, got -1"), ({"level": 1.0}, "level must lie between 0 and 1")],
)
def test_options_outside_their_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        agreement([], [], SCHEMA, **options)  # type: ignore[arg-type]
