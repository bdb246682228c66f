"""Training: repeatable, order-free, honest about what it needs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

import stance
from stance import LabelError, LabelledSentence, ModelError, OptionError, Options, Schema
from stance.classifier import Classifier
from stance.training import train

FAST = Options(folds=2, strengths=(1.0,), jobs=1, char_min_count=1)


def weights(model: "stance.Classifier", folder: Path) -> bytes:
    model.save(folder)
    return (folder / "weights.safetensors").read_bytes() + (folder / "model.json").read_bytes()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_same_labels_and_seed_give_the_same_bytes(
    tiny_rows: Sequence[LabelledSentence], tiny_schema: Schema, tmp_path: Path, seed: int
) -> None:
    runs = [
        weights(train(rows, schema=tiny_schema, options=FAST, seed=seed), tmp_path / str(i))
        for i, rows in enumerate((list(tiny_rows), list(tiny_rows)[::-1]))
    ]
    assert runs[0] == runs[1]


def test_a_changed_label_changes_the_model(
    tiny_rows: Sequence[LabelledSentence], tiny_schema: Schema, tmp_path: Path
) -> None:
    import dataclasses

    first, *rest = tiny_rows
    changed = [dataclasses.replace(first, stances={**first.stances, "union": "against"}), *rest]
    old = weights(train(list(tiny_rows), schema=tiny_schema, options=FAST), tmp_path / "old")
    assert weights(train(changed, schema=tiny_schema, options=FAST), tmp_path / "new") != old


def test_rows_with_only_a_default_stance_make_a_model_of_one_target() -> None:
    rows = [{"text": t, "stance": s} for t, s in [("good grand", "favor"), ("bad grim", "against")] * 4]
    model = train(rows, schema="infer", options=FAST)
    assert model.schema.target_names == ("stance",)
    assert model.schema.topic_names == ()
    assert model.classify("good and grand").stance == "favor"


def test_rows_with_topics_alone_make_a_model_without_targets(tmp_path: Path) -> None:
    rows = [{"text": t, "topics": s} for t, s in [("good grand", "praise"), ("plain flat", "")] * 4]
    model = train(rows, schema="infer", options=FAST)
    model.save(tmp_path / "model")
    prediction = stance.load(tmp_path / "model").classify("good and grand")
    assert (prediction.topics, prediction.stance, prediction.stances) == (("praise",), None, {})
    assert model.explain("good").stances == {}


def test_targets_without_labels_are_left_out(tiny_schema: Schema, tiny_rows: Sequence[LabelledSentence]) -> None:
    rows = [{"text": row.text, "stance": row.stances["union"]} for row in tiny_rows]
    assert train(rows, schema=tiny_schema, options=FAST).schema.target_names == ("union",)


def test_a_stance_that_no_row_takes_is_never_given() -> None:
    rows = [{"text": t, "stance": s} for t, s in [("good grand", "favor"), ("plain flat", "neutral")] * 4]
    model = train(rows, schema="infer", options=FAST)
    assert model.predict_proba("good plain")[0, 1] < 0.01


def test_a_topic_with_one_sentence_is_refused(tiny_schema: Schema, tiny_rows: Sequence[LabelledSentence]) -> None:
    rows = [
        {"text": row.text, "topics": ["trade"] if i == 0 else ["jubilee"] * (i < 9)} for i, row in enumerate(tiny_rows)
    ]
    with pytest.raises(LabelError, match="trade needs two or more sentences labelled 'present', got 1: label some"):
        train(rows, schema=tiny_schema, options=FAST)


def test_no_rows_are_refused(tiny_schema: Schema) -> None:
    with pytest.raises(LabelError, match="training: expected labelled sentences, got none"):
        train([], schema=tiny_schema)


def test_an_unknown_option_is_refused(tiny_rows: Sequence[LabelledSentence], tiny_schema: Schema) -> None:
    with pytest.raises(OptionError, match="unknown option 'fold'; did you mean 'folds'"):
        train(list(tiny_rows), schema=tiny_schema, fold=3)


def test_what_was_learned_is_recorded(tiny_model: "stance.Classifier") -> None:
    provenance = tiny_model.model.provenance
    assert provenance["sentences"] == 42
    assert provenance["articles"] == 6
    assert set(provenance["heads"]) == {"trade", "jubilee", "union stance", "tariffs stance"}


def test_expected_rates_make_the_model_warier(tiny_schema: Schema, tiny_rows: Sequence[LabelledSentence]) -> None:
    import dataclasses

    union, tariffs = tiny_schema.targets
    rare = dataclasses.replace(union, rates={"favor": 0.01, "against": 0.01})
    wary = train(list(tiny_rows), schema=dataclasses.replace(tiny_schema, targets=(rare, tariffs)), options=FAST)
    plain = train(list(tiny_rows), schema=tiny_schema, options=FAST)
    text = "Norland and Southmark deepened their friendship."
    probability = [m.classify(text).stance_probabilities["union"]["neutral"] for m in (wary, plain)]
    assert probability[0] > probability[1]


def test_sentences_without_any_label_are_left_out_and_counted(
    tiny_schema: Schema, tiny_rows: Sequence[LabelledSentence], tmp_path: Path
) -> None:
    import dataclasses

    blank = dataclasses.replace(tiny_rows[0], id="blank", topics=None, stances={})
    said: list[str] = []
    model = train([*tiny_rows, blank], schema=tiny_schema, options=FAST, progress=said.append)
    assert "left out: 1 of 43 sentences, which carry no label" in said
    plain = train(list(tiny_rows), schema=tiny_schema, options=FAST)
    assert weights(model, tmp_path / "one") == weights(plain, tmp_path / "other")


def test_sentences_with_two_different_labels_are_told(
    tiny_rows: Sequence[LabelledSentence], tiny_schema: Schema
) -> None:
    import dataclasses

    target, stance = next(iter(tiny_rows[0].stances.items()))
    other = next(name for name in tiny_schema.stances if name != stance)
    corrected = dataclasses.replace(tiny_rows[0], id="corrected", stances={**tiny_rows[0].stances, target: other})
    repeated = dataclasses.replace(tiny_rows[1], id="repeated")
    said: list[str] = []
    train([*tiny_rows, corrected, repeated], schema=tiny_schema, options=FAST, progress=said.append)
    expected = f"labelled twice, and not the same: 1 sentence, such as {corrected.text!r}; each counts."
    assert [line for line in said if line.startswith(expected)]


def test_each_head_takes_the_strength_of_the_lowest_log_loss(tiny_rows: Sequence[LabelledSentence]) -> None:
    model = train(list(tiny_rows), schema="infer", folds=2, jobs=1, strengths=(0.01, 10.0)).model
    for record in model.provenance["heads"].values():
        losses = record["log_loss"]
        assert losses[str(record["C"])] == min(losses.values())
        assert len(losses) == 2


def test_what_is_amiss_with_the_rows_is_told(tiny_rows: Sequence[LabelledSentence]) -> None:
    told: list[str] = []
    alone = [dataclasses.replace(row, article=row.id) for row in tiny_rows]
    train(alone, schema="infer", folds=2, jobs=1, progress=told.append)
    assert any(line.startswith("every sentence is an article of its own") for line in told)
    told.clear()
    first = alone[0]
    other = dataclasses.replace(first, id="again", topics=() if first.topics else ("trade",))
    train([*alone, other], schema="infer", folds=2, jobs=1, progress=told.append)
    assert any(line.startswith("labelled twice, and not the same: 1 sentence, such as") for line in told)


def test_a_model_s_schema_can_be_taken_again(tiny_labels: Path, tiny_folder: Path, tiny_model: Classifier) -> None:
    rows = tiny_labels / "gold" / "train.jsonl"
    assert train(rows, schema=tiny_folder, folds=2, jobs=1).schema == tiny_model.schema
    assert train(rows, schema=tiny_labels, folds=2, jobs=1).schema == tiny_model.schema
    with pytest.raises(ModelError, match="model.json is missing|weights.safetensors is missing"):
        train(rows, schema=tiny_labels / "gold")


def test_infer_does_without_a_folder_s_schema(tiny_labels: Path) -> None:
    model = train(tiny_labels, schema="infer", options=FAST)
    assert model.schema.topic_names == ("jubilee", "trade")
    assert model.schema.entities == {}


def test_one_split_can_be_named_by_itself(tiny_labels: Path) -> None:
    options = Options(folds=2, strengths=(1.0,), jobs=1, char_min_count=1)
    one, other = (train(tiny_labels, splits=given, options=options) for given in ("train", ("train",)))
    assert one.model.provenance["fingerprint"] == other.model.provenance["fingerprint"]


def test_rows_that_can_be_read_but_once_are_trained_on() -> None:
    rows = [{"text": t, "stance": s} for t, s in [("good grand", "favor"), ("bad grim", "against")] * 4]
    model = train((row for row in rows), schema="infer", options=FAST)
    assert model.model.provenance["sentences"] == 8
