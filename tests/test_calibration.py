"""Scores become probabilities and thresholds: each value is worked out another way, or by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.calibration import GRID, Truth, believed, calibrate, log_loss, macro_f1s, thresholds
from stance.linear import decide, softmax
from stance.metrics import score

STANCES = ("favor", "against", "neutral")


def _truth(labels: list[int], classes: tuple[str, ...] = STANCES) -> Truth:
    return Truth(classes, np.array(labels), np.ones(len(labels)))


def test_log_loss_of_even_scores_is_the_log_of_the_number_of_classes() -> None:
    assert log_loss(np.zeros((4, 3)), _truth([0, 1, 2, 2])) == pytest.approx(np.log(3))


def test_log_loss_counts_rows_by_their_weights() -> None:
    # Row one has probability 3/4 of its own class, row two 1/4; the second counts three times.
    scores = np.array([[np.log(3), 0], [np.log(3), 0]])
    truth = Truth(("absent", "present"), np.array([0, 1]), np.array([1.0, 3.0]))
    assert log_loss(scores, truth) == pytest.approx((np.log(4 / 3) + 3 * np.log(4)) / 4)


def test_a_label_is_believed_the_more_the_more_often_it_was_given() -> None:
    # One more of each class is supposed: 1 + 1 of 1 + 3 for what is there once, 2 + 1 of 2 + 3 for what is twice.
    found = believed(_truth([0, 1, 1, 2]))
    twice = [1 / 5, 3 / 5, 1 / 5]
    assert found == pytest.approx(np.array([[2 / 4, 1 / 4, 1 / 4], twice, twice, [1 / 4, 1 / 4, 2 / 4]]))


def test_a_class_that_never_occurs_is_not_believed() -> None:
    assert believed(_truth([0, 1, 1])) == pytest.approx(
        np.array([[2 / 3, 1 / 3, 0], [1 / 4, 3 / 4, 0], [1 / 4, 3 / 4, 0]])
    )


def test_few_rows_that_are_told_apart_without_fault_do_not_make_certain() -> None:
    # Two of each: each label is believed by (2 + 1) / (2 + 2) = 3/4, whose log odds are log 3.
    scores = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    scale, shift = calibrate(scores, _truth([0, 0, 1, 1], ("absent", "present")))
    assert scale == pytest.approx(np.log(3), abs=1e-5)
    assert shift == pytest.approx([0, 0], abs=1e-6)


def test_scores_that_point_the_wrong_way_are_not_listened_to() -> None:
    # What is left are the classes' shares: "present" is believed by 1/5 of three rows and by 2/3 of one.
    present = (3 * 1 / 5 + 2 / 3) / 4
    scores = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    scale, shift = calibrate(scores, Truth(("absent", "present"), np.array([0, 0, 0, 1]), np.ones(4)))
    assert scale < 1e-5
    assert shift == pytest.approx([0, np.log(present / (1 - present))], abs=1e-4)


def test_calibration_undoes_a_scale_and_a_shift() -> None:
    random = np.random.default_rng(0)
    right = random.normal(size=(20_000, 3)) * 2
    labels = (right + random.gumbel(size=right.shape)).argmax(axis=1)
    distorted = (right - [0, 1, -1]) / 0.5  # right = 0.5 * distorted + (0, 1, -1)
    scale, shift = calibrate(distorted, _truth(labels.tolist()))
    assert scale == pytest.approx(0.5, abs=0.03)
    assert shift == pytest.approx([0, 1, -1], abs=0.1)


def test_calibration_without_need_of_it_leaves_little_to_gain() -> None:
    scores = np.random.default_rng(1).normal(size=(500, 2))
    truth = _truth(np.random.default_rng(2).integers(2, size=500).tolist(), ("absent", "present"))
    scale, shift = calibrate(scores, truth)
    assert log_loss(scores, truth, scale, shift) <= min(log_loss(scores, truth), np.log(2))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.tuples(*[st.integers(0, 8)] * 3)), min_size=3, max_size=30),
    st.integers(0, 1),
    st.floats(0.05, 0.95),
)
def test_macro_f1_at_every_threshold_is_that_of_deciding_so(
    rows: list[tuple[int, tuple[int, ...]]], c: int, other: float
) -> None:
    probabilities = softmax(np.array([scores for _, scores in rows], dtype=float) / 2)
    truth = _truth([label for label, _ in rows])
    bars = np.array([other, other, 1.0])
    expected = []
    for threshold in GRID:
        bars[c] = threshold
        decided = decide(probabilities, STANCES, bars)
        expected.append(np.mean([score(truth.labels == k, decided == k).f1 for k in range(3)]))
    assert macro_f1s(probabilities, truth, bars, c) == pytest.approx(expected)


def test_a_threshold_lies_in_the_gap_between_the_classes() -> None:
    p = np.array([[0.1, 0.1, 0.8]] * 100 + [[0.7, 0.1, 0.2]] * 100 + [[0.1, 0.7, 0.2]] * 100)
    found = thresholds(p, _truth([2] * 100 + [0] * 100 + [1] * 100))
    assert 0.1 < found[0] < 0.7
    assert 0.1 < found[1] < 0.7
    assert found[2] == 1.0


def test_of_thresholds_that_are_as_good_the_middle_one_is_taken() -> None:
    # Any from 0.12 to 0.90 parts the two kinds: their middle is 0.51, drawn toward 0.5 as if by ten more cases.
    probabilities = np.array([[0.9, 0.1]] * 100 + [[0.1, 0.9]] * 100)
    truth = Truth(("favor", "neutral"), np.array([0] * 100 + [1] * 100), np.ones(200))
    assert thresholds(probabilities, truth)[0] == pytest.approx((100 * 0.51 + 10 * 0.5) / 110)
