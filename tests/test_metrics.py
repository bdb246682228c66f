"""Measures on plain arrays, against values worked out by hand."""

import numpy as np
import pytest

from stance.metrics import (
    best_threshold,
    calibration_error,
    coverage_at,
    draws,
    f1_of_counts,
    group_sums,
    interval,
    precision_curve,
    score,
)


def test_precision_recall_and_f1_of_a_label_are_ratios_of_its_counts() -> None:
    truth = np.array([True, True, True, False])
    found = np.array([True, False, False, True])
    # one hit, one false alarm, two misses: 1/2, 1/3, 2*1/(2+1+2)
    result = score(truth, found)
    assert (result.precision, result.recall, result.f1, result.support) == pytest.approx((1 / 2, 1 / 3, 2 / 5, 3))


def test_a_label_that_never_occurs_and_is_never_given_has_no_f1() -> None:
    counts = np.array([[0.0, 0.0, 0.0], [2.0, 1.0, 1.0]])
    found = f1_of_counts(counts)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(4 / 6)


def test_calibration_error_is_the_mean_gap_between_promise_and_truth() -> None:
    probabilities = np.array([0.95, 0.95, 0.05, 0.05])
    truth = np.array([True, False, False, False])
    # top bin: promised .95, true .5, weight 1/2; bottom bin: promised .05, true 0, weight 1/2
    assert calibration_error(truth, probabilities) == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)


def test_coverage_is_the_largest_share_of_a_label_found_at_the_precision_asked() -> None:
    truth = np.array([True, True, False, True])
    probabilities = np.array([0.9, 0.8, 0.7, 0.6])
    # precisions from the top: 1, 1, 2/3, 3/4
    assert coverage_at(truth, probabilities, 1.0) == pytest.approx(2 / 3)
    assert coverage_at(truth, probabilities, 0.75) == 1.0
    assert coverage_at(~np.ones(4, dtype=bool), probabilities, 0.5) == 0.0


def test_equally_confident_cases_are_covered_together_or_not_at_all() -> None:
    assert coverage_at(np.array([True, False]), np.array([0.9, 0.9]), 0.9) == 0.0


def test_the_best_threshold_separates_what_can_be_separated() -> None:
    probabilities = np.array([0.9, 0.8, 0.3, 0.2])
    truth = np.array([True, True, False, False])
    assert 0.3 < best_threshold(truth, probabilities, np.ones(4)) <= 0.8


def test_weights_move_the_best_threshold_towards_caution() -> None:
    probabilities = np.linspace(1, 0, 100)
    truth = np.arange(100) % 3 == 0
    truth[:10] = True
    even = best_threshold(truth, probabilities, np.ones(100))
    wary = best_threshold(truth, probabilities, np.where(truth, 1.0, 20.0))
    assert wary > even


def test_the_precision_curve_counts_what_stands_at_or_above_each_probability() -> None:
    probabilities = np.array([0.9, 0.8, 0.7])
    truth = np.array([True, False, True])
    curve = precision_curve(truth, probabilities, np.ones(3), least=1)
    assert curve == ((0.7, round(2 / 3, 6)), (0.8, 0.5), (0.9, 1.0))


def test_the_precision_curve_promises_nothing_below_ten_cases() -> None:
    assert precision_curve(np.ones(9, dtype=bool), np.linspace(0.1, 0.9, 9), np.ones(9)) == ()


def test_a_bootstrap_draw_takes_as_many_groups_as_there_are() -> None:
    weights = draws(["a", "a", "b", "c"], resamples=50, seed=3)
    assert weights.shape == (50, 3)
    assert (weights.sum(axis=1) == 3).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_same_seed_draws_the_same_groups(seed: int) -> None:
    assert (draws(["a", "b"], resamples=20, seed=seed) == draws(["a", "b"], resamples=20, seed=seed)).all()


def test_rows_are_summed_by_group_in_order_of_first_appearance() -> None:
    sums = group_sums(np.array([[1.0], [10.0], [2.0]]), ["b", "a", "b"])
    assert sums.tolist() == [[3.0], [10.0]]


def test_an_interval_leaves_out_draws_without_a_value() -> None:
    found = interval(0.5, np.array([0.4, np.nan, 0.6]), level=1.0)
    assert (found.low, found.high) == (0.4, 0.6)
