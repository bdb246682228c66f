"""The contract of `Classifier`: classify, explain, arrays, errors."""

import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stance
from stance import LabelError, OptionError
from stance.classifier import Classifier
from stance.linear import decide
from stance.model import Decision
from stance.reference import batches

WARM = "Norland and Southmark deepened their friendship."
SESSION = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
TEXTS = st.one_of(
    st.text(), st.lists(st.sampled_from([*WARM.split(), "snubbed", "tariffs", "not", "“", "中"])).map(" ".join)
)


def test_one_text_gives_one_prediction_and_several_give_a_list_in_order(tiny_model: Classifier) -> None:
    texts = [WARM, "Snow fell.", "Ostia doubled its tariffs on cargo from Norland."]
    assert tiny_model.classify(texts) == [tiny_model.classify(text) for text in texts]


def test_any_iterable_of_texts_will_do(tiny_model: Classifier) -> None:
    assert tiny_model.classify(text for text in (WARM, WARM)) == [tiny_model.classify(WARM)] * 2


def test_no_texts_give_no_predictions(tiny_model: Classifier) -> None:
    assert tiny_model.classify([]) == []
    assert tiny_model.predict_proba([]).shape == (0, len(tiny_model.columns))


def test_the_stance_is_toward_the_default_target_unless_told(tiny_model: Classifier) -> None:
    text = "Ostia doubled its tariffs on cargo from Norland."
    assert tiny_model.classify(text).stance == tiny_model.classify(text).stances["union"]
    assert tiny_model.classify(text, target="tariffs").stance == tiny_model.classify(text).stances["tariffs"]


def test_what_it_was_trained_on_comes_out_right(tiny_model: Classifier) -> None:
    assert tiny_model.classify("Southmark deepened its friendship with Norland.").stances["union"] == "favor"
    assert tiny_model.classify("Dockers marked the fiftieth anniversary of the quay.").topics == ("jubilee",)


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_a_blank_text_is_neutral_and_without_topics(tiny_model: Classifier, blank: str) -> None:
    prediction = tiny_model.classify(blank)
    assert prediction.topics == ()
    assert prediction.stances == {"union": "neutral", "tariffs": "neutral"}
    assert prediction.stance_probabilities["union"]["neutral"] == 1.0


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "expected a str or an iterable of str, got NoneType"),
        (b"bytes", "expected a str or an iterable of str, got bytes"),
        (7, "expected a str or an iterable of str, got int"),
        (np.array("x"), "expected a str or an iterable of str, got ndarray"),
        (Dataset.from_dict({"t": ["x"]}), r"got Dataset: pass one column, dataset\['text'\]"),
        ({"text": "x"}, "expected a str or an iterable of str, got dict"),
        (["a", None], "expected str at index 1, got NoneType"),
        (["a"] * 2000 + [3.5], "expected str at index 2000, got float"),
        ([b"x"], "expected str at index 0, got bytes"),
    ],
)
def test_what_is_not_text_is_refused_with_its_index(tiny_model: Classifier, texts: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        tiny_model.classify(texts)


def test_a_table_is_refused_and_its_column_asked_for(tiny_model: Classifier) -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match="got DataFrame: pass one column, df"):
        tiny_model.classify(pandas.DataFrame({"text": [WARM]}))


def test_of_the_stances_that_reach_their_thresholds_the_likeliest_is_given() -> None:
    stances = ("favor", "against", "neutral")
    probabilities = np.array([[0.5, 0.3, 0.2], [0.3, 0.45, 0.25], [0.3, 0.1, 0.6]])
    thresholds = np.array([0.4, 0.2, 1.0])
    # both reach theirs: favor is likelier; only against does; none does
    assert decide(probabilities, stances, thresholds).tolist() == [0, 1, 2]


def test_without_a_neutral_stance_the_likeliest_of_all_is_the_rest() -> None:
    assert decide(np.array([[0.3, 0.4]]), ("yes", "no"), np.array([0.5, 0.5])).tolist() == [1]


def test_an_unknown_target_is_refused_with_the_nearest(tiny_model: Classifier) -> None:
    with pytest.raises(LabelError, match="expected a target .'union' or 'tariffs'., got 'onion'; did you mean 'union'"):
        tiny_model.classify(WARM, target="onion")


@pytest.mark.parametrize("value", [0, -0.1, 1.01, "0.9", True, float("nan")])
def test_a_precision_outside_its_range_is_refused(tiny_model: Classifier, value: Any) -> None:
    with pytest.raises(OptionError, match="min_precision must be a number above 0 and up to 1"):
        tiny_model.classify(WARM, min_precision=value)


def test_a_promise_that_cannot_be_kept_makes_it_abstain(tiny_model: Classifier) -> None:
    # forty sentences never show a precision of 1 for every label at ten cases or more: some label must go
    loose = tiny_model.classify(WARM, min_precision=0.01)
    assert loose.stance is not None
    bars = tiny_model._bars(1.0)
    assert bars is not None
    assert max(bars) == float("inf")


def test_the_lowest_probability_of_a_promise_is_where_the_curve_last_rises_above_it() -> None:
    decision = Decision(threshold=0.5, curve=((0.2, 0.95), (0.4, 0.7), (0.6, 0.9), (0.8, 1.0)))
    assert decision.needed(0.9) == 0.6  # 0.2 has the precision, but 0.4 above it has not
    assert decision.needed(0.65) == 0.2
    assert Decision(threshold=0.5, curve=((0.9, 0.5),)).needed(0.9) == float("inf")


@SESSION
@given(text=TEXTS)
def test_probabilities_are_probabilities(tiny_model: Classifier, text: str) -> None:
    prediction = tiny_model.classify(text)
    for probability in prediction.topic_probabilities.values():
        assert 0 <= probability <= 1
    for probabilities in prediction.stance_probabilities.values():
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-12)
        assert all(0 <= probability <= 1 for probability in probabilities.values())


@SESSION
@given(text=TEXTS)
def test_an_explanation_adds_up_to_the_logit(tiny_model: Classifier, text: str) -> None:
    explanation = tiny_model.explain(text)
    logits = tiny_model.decision_function(text)[0]
    reasons = [*explanation.topics.values(), *(r for by in explanation.stances.values() for r in by.values())]
    for reason, logit in zip(reasons, logits, strict=True):
        assert reason.bias + sum(c.weight for c in reason.contributions) == pytest.approx(logit, abs=1e-6)
        assert reason.logit == pytest.approx(logit, abs=1e-6)
        assert all(text[c.start : c.end] == c.text for c in reason.contributions)


@SESSION
@given(texts=st.lists(TEXTS, max_size=6))
def test_a_text_scores_the_same_alone_and_in_any_batch(tiny_model: Classifier, texts: list[str]) -> None:
    together = tiny_model.decision_function(texts)
    reversed_ = tiny_model.decision_function(texts[::-1])[::-1]
    assert (together == reversed_).all()
    for text, row in zip(texts, together, strict=True):
        assert (tiny_model.decision_function(text)[0] == row).all()


def test_columns_name_what_the_arrays_hold(tiny_model: Classifier) -> None:
    keys = [column.key for column in tiny_model.columns]
    assert keys[:3] == ["trade", "jubilee", "union:favor"]
    probabilities = tiny_model.predict_proba([WARM])
    prediction = tiny_model.classify(WARM)
    assert probabilities[0, keys.index("union:favor")] == prediction.stance_probabilities["union"]["favor"]


def test_the_reason_for_a_stance_names_the_words_that_decided(tiny_model: Classifier) -> None:
    favor = tiny_model.explain(WARM).stances["union"]["favor"]
    assert {"friendship", "deepened"} & {c.text for c in favor.contributions[:6] if c.weight > 0}


def test_explain_takes_one_string(tiny_model: Classifier) -> None:
    with pytest.raises(TypeError, match="explain takes one str, got list"):
        tiny_model.explain([WARM])  # type: ignore[arg-type]


def test_an_article_is_split_and_its_shares_counted(tiny_model: Classifier) -> None:
    found = tiny_model.classify_article(f"{WARM} The bakery is closed.\n\n{WARM}\n\nThe quay is old.")
    assert len(found.sentences) == 4
    assert found.stance_shares["union"]["favor"] == sum(p.stance == "favor" for p in found.predictions) / 4
    assert sum(found.stance_shares["union"].values()) == pytest.approx(1)


def test_an_article_without_sentences_has_shares_of_zero(tiny_model: Classifier) -> None:
    found = tiny_model.classify_article("")
    assert found.sentences == ()
    assert found.topic_shares == {"trade": 0.0, "jubilee": 0.0}


def test_an_article_must_be_text(tiny_model: Classifier) -> None:
    with pytest.raises(TypeError, match="expected the article's text as str, or an Article, got list"):
        tiny_model.classify_article([WARM])  # type: ignore[arg-type]


def test_a_megabyte_in_one_string_is_one_text(tiny_model: Classifier) -> None:
    assert tiny_model.classify("Norland welcomed Southmark. " * 40_000).stances.keys() == {"union", "tariffs"}


def test_threads_share_a_classifier(tiny_model: Classifier) -> None:
    fresh = Classifier(tiny_model.model)
    texts = [f"{WARM} w{i}x{i * 7}" for i in range(3000)]
    expected = tiny_model.decision_function(texts)
    found: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.__setitem__(n, fresh.decision_function(texts))) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((found[n] == expected).all() for n in range(4))


def test_batches_never_hold_more_than_asked() -> None:
    assert [len(batch) for batch in batches(["x"] * 5, size=2)] == [2, 2, 1]


def test_a_classifier_survives_pickling(tiny_model: Classifier, tmp_path: Path) -> None:
    tiny_model.save(tmp_path / "model")
    for model in (tiny_model, stance.load(tmp_path / "model")):
        copy = pickle.loads(pickle.dumps(model))  # as a process pool does
        assert copy.classify("Norland welcomed Southmark.") == model.classify("Norland welcomed Southmark.")
