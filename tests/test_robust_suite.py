"""The robustness suite: what each perturbation makes of a sentence, and what the figures are, worked out by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))  # the benchmarks are not part of the installed package

from benchmarks import robust
from benchmarks.domain import LABELS
from benchmarks.record import Record
from stance.baselines import Outcome
from stance.classifier import Classifier
from stance.evaluation import ModelSystem
from stance.records import LabelledSentence
from stance.schema import Schema

SCHEMA = Schema.load(LABELS / "schema.toml")
CHANGES = {p.name: p for p in robust.perturbations(SCHEMA)}
ONE, BOTH = "China, Russia swapped: one named", "China, Russia swapped: both named"
FAVOR, AGAINST, NEUTRAL = range(3)


def row(text: str = "x", article: str = "a", topics: tuple[str, ...] = (), **stances: str) -> LabelledSentence:
    named = {"china_ties": "neutral", "russia_ties": "neutral", "sanctions": "neutral", **stances}
    return LabelledSentence(id="0", article=article, text=text, topics=topics, stances=named)


def outcome(*rows: tuple[list[bool], list[int]]) -> Outcome:
    return Outcome(np.array([topics for topics, _ in rows]), np.array([stances for _, stances in rows]))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (ONE, "Xi Jinping left Beijing for Pyongyang.", "Vladimir Putin left Moscow for Pyongyang."),
        (ONE, "RUSSIAN SHIPS AT RAJIN; russia is silent.", "CHINESE SHIPS AT RAJIN; china is silent."),
        (ONE, "The People's Republic of China's envoy", "The Russian Federation's envoy"),
        (ONE, "TASS said so.", "Global Times said so."),
        (ONE, "Tokyo and Seoul met Washington's envoy.", None),
        (ONE, "Ships of the South China Sea fleet left China.", None),
        (ONE, "China and Russia voted.", None),
        (BOTH, "Sino-Russian trade grew, Beijing said.", "Russo-Chinese trade grew, Moscow said."),
        (BOTH, "China voted.", None),
        (
            "targets masked",
            "The Chinese ambassador in Pyongyang met North Korean officials.",
            "A neighbour's ambassador in the country met the country's officials.",
        ),
        ("targets masked", "Beijing and Moscow met.", None),
        ("targets masked", "Beijing sent rice to Pyongyang, and the North thanked it.", None),
        ("upper case", "Xi came.", "XI CAME."),
        ("lower case", "Xi came.", "xi came."),
        ("quoted", "Xi came.", '"Xi came," a newspaper said.'),
        ("quoted", "Did Xi come?", '"Did Xi come?" a newspaper said.'),
        ("quoted", "Xi “came”.", None),
        ("'READ:' before", "Xi came.", "READ: Xi came."),
        ("newsletter after", "Xi came.", "Xi came. Subscribe to our daily newsletter"),
        ("'(Reuters) -' before", "Xi came.", "(Reuters) - Xi came."),
        ("curly quotes", "\"Xi's 'friend' came.\"", "“Xi’s ‘friend’ came.”"),
        ("curly quotes", "Xi came.", None),
        ("extra blanks", "Xi came to us.", "  Xi  came \tto \u00a0us.  "),
        ("accents dropped", "Élan in Cité Soleil", "Elan in Cite Soleil"),
        ("accents dropped", "Xi came.", None),
        ("British/American", "Neighbours criticised the programme.", "Neighbors criticized the program."),
        ("British/American", "THE DEFENSE was modernized by a neighbor", "THE DEFENCE was modernised by a neighbour"),
        ("British/American", "The emphasis was on realism and criticism.", None),
    ],
)
def test_a_perturbation_makes_this_of_a_text(name: str, text: str, expected: str | None) -> None:
    assert CHANGES[name].change(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Xi vowed to deepen ties with Pyongyang.", "Xi did not vow to deepen ties with Pyongyang."),
        ("Beijing and Pyongyang have signed a treaty.", "Beijing and Pyongyang have not signed a treaty."),
        ("China can count on Kim.", "China cannot count on Kim."),
        ("Moscow backs the North.", "Moscow no longer backs the North."),
        ("Xi said that China would send rice.", "Xi said that China would not send rice."),
        ("Xi did not vow to deepen ties.", None),  # negated already
        ("On Friday, Xi vowed to deepen ties.", None),  # a comma comes first
        ("The rice that Xi sent to Kim arrived.", None),  # a subordinate clause comes first
        ("The treaty signed in June binds both.", None),  # a participle
        ("The signed treaty binds both.", None),
        ("Xi sent rice and Putin thanked him, and oil came.", None),  # a further clause
        ("Xi promised oil and sent rice.", None),
        ("Rice prices in Rason", None),  # no verb that it knows
    ],
)
def test_the_main_verb_is_negated_only_where_that_is_safe(text: str, expected: str | None) -> None:
    assert robust.negated(text) == expected


def test_negation_is_asked_only_of_a_sentence_whose_one_stance_is_favor() -> None:
    change = CHANGES["main verb negated"]
    text = "Xi vowed to deepen ties."
    assert change.applied(row(text, china_ties="favor")) == "Xi did not vow to deepen ties."
    assert change.applied(row(text, china_ties="against")) is None
    assert change.applied(row(text, china_ties="favor", russia_ties="favor")) is None


def test_what_changes_nothing_does_not_apply() -> None:
    assert CHANGES["upper case"].applied(row("XI CAME.")) is None


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_typo_swaps_two_inner_letters_of_each_of_k_words(k: int) -> None:
    text = "Beijing shipped flour northward yesterday"
    made = robust.typos(text, k=k, seed=0)
    assert made is not None
    assert made == robust.typos(text, k=k, seed=0)
    pairs = [(old, new) for old, new in zip(text.split(), made.split(), strict=True) if old != new]
    assert len(pairs) == k
    for old, new in pairs:
        assert (old[0], old[-1], sorted(old)) == (new[0], new[-1], sorted(new))
        places = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
        assert places[1] == places[0] + 1
        assert len(places) == 2


def test_a_typo_needs_words_enough_with_inner_letters_that_differ() -> None:
    assert robust.typos("Xi has food", k=1) is None  # "oo" cannot be told from "oo"
    assert robust.typos("Kim left", k=1) == "Kim lfet"
    assert robust.typos("Kim left", k=2) is None


def test_a_cut_takes_nothing_that_the_lexicon_sees() -> None:
    clause, quarter = CHANGES["last clause cut"].change, CHANGES["last quarter cut"].change
    assert clause("Xi will visit Pyongyang, an aide said.") == "Xi will visit Pyongyang."
    assert clause("Xi will visit Pyongyang, but not soon.") is None  # scope words go
    assert clause("Xi will visit Pyongyang, Putin said.") is None  # a name goes
    assert clause("The bridge was painted green, an aide said.") is None  # no cue stays
    assert clause("Visit us, an aide said.") is None  # too little stays
    assert quarter("Xi will visit Pyongyang on a day in June.") == "Xi will visit Pyongyang on a day."
    assert quarter("Xi will visit Pyongyang in June.") is None  # less than eight words


def test_shares_are_of_sentences_and_wrong_is_any_answer_that_changed() -> None:
    rows = [row(article=name) for name in "aabb"]
    before = outcome(*[([False] * 3, [NEUTRAL] * 3)] * 4)
    after = outcome(
        ([False] * 3, [NEUTRAL] * 3),
        ([True, False, False], [NEUTRAL] * 3),
        ([True, False, False], [FAVOR, NEUTRAL, NEUTRAL]),
        ([False] * 3, [FAVOR, AGAINST, NEUTRAL]),
    )
    found = robust.figures(robust.SAME, rows, before, after, SCHEMA, resamples=50)
    assert found["asked"] == 4
    assert found["wrong"]["value"] == 0.75
    assert found["topics changed"]["value"] == 0.5
    shares = {name: share["value"] for name, share in found["stance changed"].items()}
    assert shares == {"any": 0.5, "china_ties": 0.5, "russia_ties": 0.25, "sanctions": 0.0}
    # Article a has 0 of 2 changed stances toward China, b 2 of 2: samples of two articles give 0, 0.5 or 1.
    assert (found["stance changed"]["china_ties"]["low"], found["stance changed"]["china_ties"]["high"]) == (0.0, 1.0)


def test_a_swap_is_asked_of_stances_that_differ_and_right_where_they_trade_places() -> None:
    rows = [row(china_ties="favor"), row(china_ties="favor"), row(), row()]
    before = outcome(
        ([False] * 3, [FAVOR, NEUTRAL, NEUTRAL]),
        ([False] * 3, [FAVOR, NEUTRAL, NEUTRAL]),
        ([False] * 3, [NEUTRAL, NEUTRAL, NEUTRAL]),
        ([False] * 3, [FAVOR, FAVOR, FAVOR]),
    )
    after = outcome(
        ([False] * 3, [NEUTRAL, FAVOR, NEUTRAL]),
        ([False] * 3, [NEUTRAL, NEUTRAL, NEUTRAL]),
        ([False] * 3, [AGAINST, NEUTRAL, NEUTRAL]),
        ([False] * 3, [FAVOR, FAVOR, AGAINST]),
    )
    found = robust.figures(robust.SWAPPED, rows, before, after, SCHEMA, resamples=10)
    assert found["asked"] == 2
    assert found["wrong"]["value"] == 0.5


def test_masked_and_negated_are_asked_where_there_is_a_stance_to_lose() -> None:
    rows = [row(), row(), row()]
    before = outcome(*[([False] * 3, stances) for stances in ([FAVOR, 2, 2], [2, AGAINST, 2], [2, 2, FAVOR])])
    after = outcome(*[([False] * 3, stances) for stances in ([2, 2, 2], [2, FAVOR, 2], [2, 2, FAVOR])])
    masked = robust.figures(robust.UNTIED, rows, before, after, SCHEMA, resamples=10)
    assert (masked["asked"], masked["wrong"]["value"]) == (2, 0.5)
    negated = robust.figures(robust.NOT_FAVOR, rows, before, after, SCHEMA, resamples=10)
    assert (negated["asked"], negated["wrong"]["value"]) == (2, 0.5)
    assert "F1" not in masked
    assert "F1" not in negated


def test_f1_before_and_after_is_against_labels_that_swap_with_the_countries() -> None:
    rows = [row(china_ties="favor", topics=("sanctions",)), row(topics=("russia_ties",))]
    before = outcome(([True, False, False], [FAVOR, 2, 2]), ([False, False, True], [2, 2, 2]))
    after = outcome(([True, False, True], [2, FAVOR, 2]), ([True, False, False], [2, 2, 2]))
    found = robust.figures(robust.SWAPPED, rows, before, after, SCHEMA, resamples=10)["F1"]
    assert found["stances"]["before"]["value"] == found["stances"]["after"]["value"] == 1.0
    assert found["topics"]["before"]["value"] == 1.0  # anniversary neither occurs nor is given, russia_ties is left out
    assert found["topics"]["after"]["value"] == pytest.approx(2 / 3, abs=1e-6)  # sanctions: 1 hit, 1 false alarm
    same = robust.figures(robust.SAME, rows, before, after, SCHEMA, resamples=10)["F1"]
    # china_ties: favor 0, neutral 2/3: 1/3; russia_ties: favor 0, neutral 2/3: 1/3; sanctions 1; mean 5/9
    assert same["stances"]["after"]["value"] == pytest.approx(5 / 9, abs=1e-6)
    assert same["stances"]["difference"]["value"] == pytest.approx(-4 / 9, abs=1e-6)


def test_f1_is_the_evaluators(tiny_model: Classifier, tiny_rows: list[LabelledSentence]) -> None:
    from stance.evaluation import evaluate_rows

    said = ModelSystem(tiny_model, "model").decide([row.text for row in tiny_rows])
    found = robust.figures(robust.SAME, tiny_rows, said, said, tiny_model.schema, resamples=100)["F1"]
    expected = evaluate_rows(tiny_model, tiny_rows, resamples=100).model
    for key, interval in (("topics", expected.mean_topic_f1), ("stances", expected.mean_stance_macro_f1)):
        values = [found[key]["before"][name] for name in ("value", "low", "high")]
        assert values == pytest.approx([interval.value, interval.low, interval.high], abs=1e-6)


@pytest.fixture(scope="module")
def record() -> Record:
    share = {"value": 0.25, "low": 0.1, "high": 0.4}
    nothing = dict.fromkeys(("value", "low", "high"))
    targets: dict[str, Any] = dict.fromkeys(("any", "china_ties"), share)
    figure = {"asked": 4, "wrong": share, "topics changed": share, "stance changed": targets}
    f1 = {kind: dict.fromkeys(("before", "after", "difference"), share) for kind in ("topics", "stances")}
    systems = {"model": figure | {"F1": f1}, "keywords": figure | {"F1": f1}}
    none = {name: figure | {"asked": 0, "wrong": nothing} for name in systems}
    item = {"rule": "r", "sentences": 8, "articles": 2}
    results = {
        "split": "dev",
        "sentences": 9,
        "articles": 3,
        "model": {"fingerprint": "f", "trained on this train split": False},
        "perturbations": {
            "masked": {**item, "expect": robust.UNTIED, "systems": none},
            "upper": {**item, "expect": robust.SAME, "systems": systems},
            "idle": {**item, "expect": robust.SAME, "sentences": 0, "systems": {}},
        },
    }
    return Record("robust", results, date="d", commit="c", versions={}, machine="m")


def test_the_table_tells_what_must_change_from_what_must_not(record: Record) -> None:
    lines = robust.table(record).splitlines()
    assert lines[0] == robust.WARNING
    assert lines[2] == "9 sentences of 3 articles, split dev; in brackets 95% bootstrap intervals by article."
    share = "25.0% [10.0, 40.0]"
    assert f"| masked (neutral to both ties) | 8 | model | 0 | none | {share} | {share} |  |  |" in lines
    assert f"| upper | 8 | keywords | {share} | {share} | {share} | {share} |" in lines
    f1, difference = "0.250 [0.100, 0.400]", "+0.250 [+0.100, +0.400]"
    assert f"| upper | model | {f1} | {f1} | {difference} | {f1} | {f1} | {difference} |" in lines
    assert "- *idle*: r." in lines


def test_the_plot_is_an_svg_and_the_same_each_time(record: Record, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, second = (robust.plots(record, tmp_path / name)[0].read_bytes() for name in "ab")
    assert first == second
    assert first.startswith(b"<?xml")
