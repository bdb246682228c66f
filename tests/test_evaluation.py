"""Measuring a model and its baselines; the same evaluator for all."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

import stance
from stance import LabelError, LabelledSentence, Schema
from stance.baselines import Chance, Keywords, Majority, Outcome
from stance.classifier import Classifier
from stance.evaluation import EvaluationResult, Figures, compare, evaluate, figures, paired
from stance.metrics import Interval


class Fixed:
    """Decides as told."""

    name = "fixed"

    def __init__(self, topics: list[list[bool]], stances: list[list[int]]) -> None:
        self.outcome = Outcome(np.array(topics), np.array(stances))

    def decide(self, texts: Sequence[str]) -> Outcome:
        return self.outcome


SCHEMA = Schema.from_dict({"default_target": "union", "topics": {"trade": {}, "jubilee": {}}, "targets": {"union": {}}})


def row(id: str, topics: tuple[str, ...] | None, union: str | None) -> LabelledSentence:
    return LabelledSentence(
        id=id, article=id, text=id, topics=topics, stances={} if union is None else {"union": union}
    )


ROWS = [row("a", ("trade",), "favor"), row("b", (), "neutral"), row("c", ("trade", "jubilee"), "neutral")]


def test_topic_f1_is_micro_over_all_cells_and_mean_over_topics() -> None:
    found = figures(Fixed([[True, False], [True, False], [True, False]], [[0], [2], [2]]), ROWS, SCHEMA, resamples=5)
    # trade: 2 hits, 1 false; jubilee: 1 missed. micro: 4/(4+1+1); mean: (4/5 + 0)/2
    assert found.topic_micro_f1.value == pytest.approx(4 / 6)
    assert found.mean_topic_f1.value == pytest.approx(0.4)


def test_stance_macro_f1_counts_a_stance_given_though_none_has_it() -> None:
    found = figures(Fixed([[False, False]] * 3, [[0], [1], [2]]), ROWS, SCHEMA, resamples=5)
    # favor 1; against given once, never true: 0; neutral one of two: 2/3
    assert found.stance_macro_f1["union"].value == pytest.approx((1 + 0 + 2 / 3) / 3)


def test_stance_macro_f1_leaves_out_a_stance_that_nobody_has_and_nobody_gives() -> None:
    found = figures(Fixed([[False, False]] * 3, [[0], [2], [2]]), ROWS, SCHEMA, resamples=5)
    assert found.stance_macro_f1["union"].value == 1.0


def test_sentences_without_a_label_do_not_count() -> None:
    rows = [row("a", None, "favor"), row("b", ("trade",), None)]
    found = figures(Fixed([[True, True], [True, False]], [[0], [1]]), rows, SCHEMA, resamples=5)
    assert found.labels["trade"].support == 1
    assert found.topic_micro_f1.value == 1.0
    assert found.stance_macro_f1["union"].value == 1.0


def test_intervals_draw_whole_articles() -> None:
    rows = [LabelledSentence(id=str(i), article="one", text="x", topics=("trade",), stances={}) for i in range(9)]
    found = figures(Fixed([[i < 5, False] for i in range(9)], [[2]] * 9), rows, SCHEMA, resamples=50)
    assert found.topic_micro_f1.low == found.topic_micro_f1.high == found.topic_micro_f1.value


def test_the_majority_baseline_gives_every_text_the_commonest_labels() -> None:
    outcome = Majority(SCHEMA, ROWS).decide(["x", "y"])
    assert outcome.topics.tolist() == [[True, False]] * 2
    assert outcome.stances.tolist() == [[2], [2]]


def test_the_keyword_baseline_goes_by_cues_where_the_entities_are_named(tiny_schema: Schema) -> None:
    texts = ["Norland welcomed Southmark.", "Ostia welcomed Southmark.", "Norland snubbed Southmark.", "Fog."]
    # the rules of the tiny schema are for "union" only: favor, no gate, against, nothing
    assert Keywords(tiny_schema).decide(texts).stances[:, 0].tolist() == [0, 2, 1, 2]


def test_chance_draws_stances_alike_where_none_is_labelled(tiny_schema: Schema) -> None:
    rows = [LabelledSentence(id="a", article="a", text="a", topics=("trade",), stances={})]
    drawn = Chance(tiny_schema, rows).decide(["b"] * 300).stances[:, 0]
    assert set(drawn) == {0, 1, 2}


@pytest.mark.parametrize("seed", [0, 1])
def test_chance_is_repeatable(seed: int) -> None:
    one, other = (Chance(SCHEMA, ROWS, seed).decide(["x"] * 20) for _ in range(2))
    assert (one.stances == other.stances).all()


def test_a_result_stands_beside_its_baselines(tiny_model: Classifier, tiny_rows: Sequence[LabelledSentence]) -> None:
    result = evaluate(tiny_model, list(tiny_rows), resamples=20)
    assert [b.system for b in result.baselines] == ["majority", "keywords", "random"]
    assert result.model.mean_stance_macro_f1.value > result.baselines[0].mean_stance_macro_f1.value
    assert set(result.coverage_at_90) == set(result.calibration_error)


def test_nothing_to_measure_on_is_an_error(tiny_model: Classifier) -> None:
    with pytest.raises(LabelError, match="evaluation: expected labelled sentences, got none"):
        evaluate(tiny_model, [])


def test_a_model_compared_with_itself_changes_nothing(
    tiny_model: Classifier, tiny_rows: Sequence[LabelledSentence]
) -> None:
    found = compare(tiny_model, tiny_model, list(tiny_rows), resamples=20)
    assert found.changes == ()
    assert all(d.difference.low == d.difference.high == 0 for d in found.differences)


def test_paired_figures_differ_by_what_the_decisions_differ_in(
    tiny_schema: Schema, tiny_rows: list[LabelledSentence]
) -> None:
    rows = tiny_rows[:8]
    right = Outcome(
        np.array([[topic in (row.topics or ()) for topic in tiny_schema.topic_names] for row in rows]),
        np.array([[tiny_schema.stances.index(row.stances[t]) for t in tiny_schema.target_names] for row in rows]),
    )
    wrong = Outcome(~right.topics, (right.stances + 1) % 3)
    found = {d.figure: d for d in paired(wrong, right, rows, tiny_schema, resamples=20)}
    assert (found["mean_topic_f1"].old, found["mean_topic_f1"].new) == (0.0, 1.0)
    assert found["mean_stance_macro_f1"].difference.value == 1.0
    same = {d.figure: d for d in paired(right, right, rows, tiny_schema, resamples=20)}
    assert same["mean_topic_f1"].difference == Interval(0.0, 0.0, 0.0)


def test_figures_on_the_training_sentences_say_so(tiny_model: Classifier, tiny_rows: list[LabelledSentence]) -> None:
    assert evaluate(tiny_model, list(reversed(tiny_rows)), resamples=2).trained_on_these
    assert not evaluate(tiny_model, tiny_rows[1:], resamples=2).trained_on_these


def test_a_file_has_no_split(tiny_model: Classifier, tiny_rows: list[LabelledSentence]) -> None:
    assert evaluate(tiny_model, tiny_rows, split="test", resamples=2).split is None


def test_what_is_no_classifier_is_refused(tiny_rows: list[LabelledSentence]) -> None:
    with pytest.raises(TypeError, match="expected a Classifier, got str: stance.load"):
        evaluate("models/mine", tiny_rows)  # type: ignore[arg-type]


def test_models_of_other_topics_are_not_compared(tiny_model: Classifier, tiny_rows: Sequence[LabelledSentence]) -> None:
    fewer = dataclasses.replace(tiny_model.schema, topics=tiny_model.schema.topics[:1])
    rows = [dataclasses.replace(row, topics=tuple({"trade"} & set(row.topics or ()))) for row in tiny_rows]
    other = stance.train(rows, schema=fewer, folds=2, jobs=1)
    with pytest.raises(
        LabelError, match="the same topics, got trade, jubilee and trade: evaluate each on its own labels"
    ):
        compare(tiny_model, other, list(tiny_rows))


def test_a_result_shows_its_means_beside_the_baselines() -> None:
    def means(system: str, topics: float, stances: float) -> Figures:
        found = [Interval(value, value - 0.1, value + 0.1) for value in (0.0, topics, stances)]
        return Figures(system, found[0], found[1], {}, found[2], {})

    result = EvaluationResult(12, 3, means("model", 0.9, 0.8), (means("majority", 0.3, 0.2),), {}, {}, "", 0)
    assert str(result) == (
        "12 sentences of 3 articles; mean F1 of topics, of stances\n"
        "model: 0.900 [0.800, 1.000], 0.800 [0.700, 0.900]\n"
        "majority: 0.300 [0.200, 0.400], 0.200 [0.100, 0.300]"
    )
    assert "articles, which the model was trained on;" in str(dataclasses.replace(result, trained_on_these=True))
    none = Interval(float("nan"), float("nan"), float("nan"))
    bare = dataclasses.replace(result, model=dataclasses.replace(result.model, mean_topic_f1=none), baselines=())
    assert str(bare) == "12 sentences of 3 articles; mean F1 of stances\nmodel: 0.800 [0.700, 0.900]"
