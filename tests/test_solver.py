"""The solver finds what scikit-learn's logistic regression finds, on the product that it never makes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, diags, hstack
from sklearn.linear_model import LogisticRegression

from stance import solver
from stance.solver import Design, Problem, Solution, naive_bayes_scales, plane, solve


@pytest.fixture
def design() -> Design:
    """120 sentences of 60 words, of which each has its n-grams, and 20 other features."""
    random = np.random.default_rng(0)
    direct = csr_matrix(random.normal(size=(120, 20)) * (random.random((120, 20)) < 0.4))
    spelled = csr_matrix((random.random((120, 60)) < 0.1).astype(float))
    grams = csr_matrix(random.normal(size=(60, 30)) * (random.random((60, 30)) < 0.2))
    return Design(*(part.astype(np.float32) for part in (direct, spelled, grams)))


@pytest.fixture
def labels(design: Design) -> np.ndarray:
    """Three classes that depend on the features, with noise."""
    random = np.random.default_rng(1)
    weights = random.normal(size=(design.width, 3))
    return (design.scores(weights, np.zeros(3)) + random.gumbel(size=(120, 3))).argmax(axis=1)


def test_scores_are_those_of_the_whole_matrix(design: Design) -> None:
    whole = hstack([design.direct, design.spelled @ design.grams]).toarray()
    weights = np.arange(design.width * 2.0).reshape(design.width, 2)
    assert np.allclose(design.scores(weights, np.array([1.0, -1.0])), whole @ weights + [1, -1])


def test_three_classes_are_fitted_as_scikit_learn_fits_them(
    design: Design, labels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solver, "TOLERANCE", 1e-6)
    monkeypatch.setattr(solver, "CONSTANT", 30.0)  # an intercept as good as free, as scikit-learn's is
    problem = Problem(labels, np.ones(120, dtype=bool), 3)
    ((found,),) = solve(design, [problem], [[0.5]])
    scales = naive_bayes_scales(design.transposed(), [problem])[:, 0]
    whole = hstack([design.direct, design.spelled @ design.grams]).tocsr() @ diags(scales)
    expected = LogisticRegression(C=0.5, tol=1e-8, max_iter=5000).fit(whole, labels)
    scores = design.scores(found.coefficients, found.intercepts)
    wanted = whole @ expected.coef_.T + expected.intercept_
    assert np.allclose(
        scores - scores.mean(axis=1, keepdims=True), wanted - wanted.mean(axis=1, keepdims=True), atol=0.01
    )


def test_a_feature_of_one_class_is_scaled_up_and_one_of_all_is_not() -> None:
    # The first is in both sentences of class 0 alone, the second in all four. As if three sentences more had each, half
    # of them in each class: the first one's rates are 3.5 / 3.5 and 1.5 / 3.5, the second's are equal.
    direct = csr_matrix(np.float32([[1.0, 3.0], [2.0, 1.0], [0.0, 1.0], [0.0, 1.0]]))
    design = Design(direct, csr_matrix((4, 1), dtype=np.float32), csr_matrix((1, 0), dtype=np.float32))
    found = naive_bayes_scales(design.transposed(), [Problem(np.array([0, 0, 1, 1]), np.ones(4, dtype=bool), 1)])[:, 0]
    ratio = np.log(3.5 / 1.5)
    root = np.sqrt((2 * (1 + ratio) ** 2 + 4 * 1) / 6)
    assert found == pytest.approx([(1 + ratio) / root, 1 / root])


def test_scales_look_only_at_rows_that_count() -> None:
    direct = csr_matrix(np.float32([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))
    design = Design(direct, csr_matrix((4, 1), dtype=np.float32), csr_matrix((1, 0), dtype=np.float32))
    counted = np.array([True, True, True, False])
    one, two = (naive_bayes_scales(design.transposed(), [Problem(np.array([0, 1, 0, k]), counted, 1)]) for k in (0, 1))
    assert np.allclose(one, two)


@pytest.mark.parametrize("columns", [2, 3, 7])
def test_a_plane_s_columns_sum_to_zero_and_are_orthonormal(columns: int) -> None:
    basis = plane(columns)
    assert np.allclose(basis.sum(axis=0), 0, atol=1e-6)
    assert np.allclose(basis.T @ basis, np.eye(columns - 1), atol=1e-6)


def test_heads_side_by_side_are_each_fitted_as_alone(design: Design, labels: np.ndarray) -> None:
    some = np.arange(120) % 3 > 0
    problems = [
        Problem(labels, np.ones(120, dtype=bool), 3),
        Problem((labels == 1).astype(np.int64), some, 1),
    ]
    strengths = [0.5, 2.0]
    (together,) = solve(design, problems, [strengths])
    for problem, strength, found in zip(problems, strengths, together, strict=True):
        ((alone,),) = solve(design, [problem], [[strength]])
        assert np.abs(_scores(design, found) - _scores(design, alone)).max() < 0.05


def test_each_step_of_a_path_ends_where_a_search_from_zero_does(
    design: Design, labels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solver, "TOLERANCE", 1e-5)
    counted = np.ones(120, dtype=bool)
    problems = [Problem(labels, counted, 3), Problem((labels == 1).astype(np.int64), counted, 1)]
    path = [[0.5, 1.0], [2.0, 4.0], [8.0, 1.0]]
    for strengths, warm in zip(path, solve(design, problems, path), strict=True):
        (cold,) = solve(design, problems, [strengths])
        for one, other in zip(cold, warm, strict=True):
            assert np.abs(_scores(design, one) - _scores(design, other)).max() < 0.005


def test_a_search_that_cannot_go_down_ends(design: Design, labels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "TOLERANCE", 0.0)  # asks for more than single precision can give
    ((found,),) = solve(design, [Problem(labels, np.ones(120, dtype=bool), 3)], [[1.0]])
    assert np.isfinite(found.coefficients).all()


def test_rows_that_do_not_count_change_nothing(design: Design, labels: np.ndarray) -> None:
    counted = np.arange(120) < 80
    other = np.where(counted, labels, (labels + 1) % 3)
    one, two = (next(solve(design, [Problem(given, counted, 3)], [[1.0]]))[0] for given in (labels, other))
    assert np.allclose(one.coefficients, two.coefficients)


def test_a_class_that_no_row_has_stays_unlikely(design: Design, labels: np.ndarray) -> None:
    ((found,),) = solve(design, [Problem(np.minimum(labels, 1), np.ones(120, dtype=bool), 3)], [[1.0]])
    assert (_scores(design, found).argmax(axis=1) < 2).all()


def _scores(design: Design, found: Solution) -> np.ndarray:
    return design.scores(found.coefficients, found.intercepts)
