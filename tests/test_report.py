"""What predictions, reasons and figures look like: tables on a terminal and in a pipe, JSONL, CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.articles import article_from_text
from stance.classifier import Classifier
from stance.errors import OptionError
from stance.evaluation import Change, Comparison, Difference, evaluate_rows
from stance.labels import read_rows
from stance.metrics import Interval
from stance.model import commonest_f1
from stance.reasons import Reason, chosen, deciding, kind, pieces, reasons, word_weights
from stance.records import Contribution, LabelledSentence, OutputExplanation, Prediction
from stance.report import (
    CsvReport,
    JsonlReport,
    Report,
    TableReport,
    Tally,
    article_rows,
    overview_table,
    sentence_table,
)
from stance.report_figures import (
    differences_table,
    head_figures,
    heads_table,
    plain_json,
    print_changes,
    print_comparison,
    print_evaluation,
    print_model,
)
from stance.report_reasons import coloured, explanation_row, print_reason
from stance.schema import Output, Schema
from stance.terminal import Cell, Column, Screen, Table, counted, progress, shown

STORY = "Norland vowed to deepen its friendship with Southmark. It rained.\nSouthmark snubbed Norland's envoy."
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
SCHEMA = Schema(topics=(Output(name="trade"),), targets=(Output(name="union"),), default_target="union")


def prediction(text: str = "A text.", topics: tuple[str, ...] = (), stance: str | None = "neutral") -> Prediction:
    return Prediction(
        text,
        topics,
        stance,
        {"union": stance},
        {"trade": 0.25},
        {"union": {"favor": 0.5, "against": 0.2, "neutral": 0.3}},
    )


def stances_of(found: Prediction) -> dict[str, str]:
    return {target: stance for target, stance in found.stances.items() if stance}


def printed(*tables: Table) -> str:
    file = io.StringIO()
    for table in tables:
        Screen(file).table(table)
    return file.getvalue()


def story_as(model: Classifier, form: str) -> str:
    file = io.StringIO()
    article = article_from_text(STORY, id="story")
    report: Report = TableReport(file, model.schema, "union")
    if form != "table":
        report = JsonlReport(file) if form == "jsonl" else CsvReport(file, model.schema)
    report.article(article, model.classify_article(article))
    report.close()
    return file.getvalue()


def drawn(monkeypatch: pytest.MonkeyPatch, *, no_color: bool = False) -> Screen:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    return Screen(io.StringIO())


def text_of(screen: Screen) -> str:
    file = screen._file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


# Tables


def test_a_plain_table_aligns_its_columns_and_leaves_out_drawings() -> None:
    table = Table(
        (Column("name"), Column("n", right=True), Column(drawing=True), Column("text")),
        (("a", "7", "███", "one"), (Cell("long", "bold"), "12", "█", "two words")),
    )
    assert printed(table) == "name   n  text\na      7  one\nlong  12  two words\n"


def test_a_plain_table_aligns_wide_characters_by_what_they_take_on_screen() -> None:
    assert printed(Table((Column(), Column()), (("平壌", "x"), ("abcd", "y")), header=False)) == "平壌  x\nabcd  y\n"


def test_a_table_without_rows_prints_nothing() -> None:
    assert printed(Table((Column("name"),), (), title="empty")) == ""


def test_a_terminal_table_wraps_to_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = drawn(monkeypatch)
    screen.table(Table((Column("n"), Column("text")), (("1", "word " * 40),)))
    assert max(len(line) for line in ESCAPE.sub("", text_of(screen)).splitlines()) <= 60


def test_a_terminal_says_the_stance_in_colour_and_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = drawn(monkeypatch)
    screen.table(sentence_table([prediction(stance="favor")], SCHEMA, "union"))
    assert re.search(r"\x1b\[1;32mfavor", text_of(screen))


def test_no_color_takes_the_colours_away_and_leaves_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = drawn(monkeypatch, no_color=True)
    screen.table(sentence_table([prediction(stance="favor")], SCHEMA, "union"))
    assert "favor" in text_of(screen)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text_of(screen))


def test_square_brackets_in_a_text_are_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = drawn(monkeypatch)
    screen.table(sentence_table([prediction(text="the [bold]North[/bold] said")], SCHEMA, "union"))
    assert "[bold]North[/bold]" in ESCAPE.sub("", text_of(screen))


@given(st.text())
def test_shown_text_holds_no_control_characters(text: str) -> None:
    assert not re.search("[\x00-\x1f\x7f-\x9f]", shown(text))


@pytest.mark.parametrize(("n", "expected"), [(0, "no articles"), (1, "1 article"), (1200, "1,200 articles")])
def test_counted_makes_the_plural(n: int, expected: str) -> None:
    assert counted(n, "article") == expected


def test_progress_hands_on_every_item_where_there_is_no_terminal() -> None:
    assert list(progress(range(5), "steps")) == [0, 1, 2, 3, 4]


# Sentences and shares


def test_a_sentence_row_has_number_stance_probability_topics_and_text() -> None:
    lines = printed(
        sentence_table([prediction(topics=("trade",), stance="favor")], SCHEMA, "union", first=3)
    ).splitlines()
    assert lines[1].split() == ["3", "favor", "50%", "trade", "A", "text."]


def test_an_abstention_is_said_in_words_and_has_no_probability() -> None:
    line = printed(sentence_table([prediction(stance=None)], SCHEMA, "union")).splitlines()[1]
    assert line.split() == ["1", "abstains", "A", "text."]


def test_a_schema_without_targets_has_no_stance_column() -> None:
    schema = Schema(topics=(Output(name="trade"),), targets=(), default_target=None)
    found = Prediction("A text.", ("trade",), None, {}, {"trade": 0.9}, {})
    assert printed(sentence_table([found], schema, None)).splitlines()[0].split() == ["#", "topics", "sentence"]


def test_a_schema_without_topics_has_no_topics_column() -> None:
    schema = Schema(topics=(), targets=(Output(name="union"),), default_target="union")
    assert printed(sentence_table([prediction()], schema, "union")).splitlines()[0].split() == [
        "#",
        "stance",
        "p",
        "sentence",
    ]


def test_shares_count_topics_and_stances() -> None:
    tally = Tally(SCHEMA)
    tally.add(
        [
            prediction(topics=("trade",), stance="favor"),
            prediction(),
            prediction(stance="against"),
            prediction(stance=None),
        ]
    )
    assert (tally.sentences, tally.topics["trade"]) == (4, 1)
    assert dict(tally.stances) == {("union", s): 1 for s in ("favor", "neutral", "against", "abstains")}


def test_an_overview_has_one_row_an_article() -> None:
    # 1 of 2 sentences on trade and in favor: 50%; none against.
    tally = Tally(SCHEMA)
    tally.add([prediction(topics=("trade",), stance="favor"), prediction()])
    assert printed(overview_table([("story", tally)], SCHEMA, "union")).splitlines()[-1].split() == [
        "story",
        "2",
        "50%",
        "50%",
        "0%",
    ]


def test_the_table_report_of_an_article_ends_with_its_shares(tiny_model: Classifier) -> None:
    lines = story_as(tiny_model, "table").splitlines()
    assert lines[0] == "story · stance toward union"
    # Of three sentences, the first is in favor and the last against.
    assert [line.split() for line in lines if line.startswith("union")] == [
        ["union", "33%", "(1)", "33%", "(1)", "33%", "(1)"]
    ]


def test_several_articles_end_with_an_overview_and_the_shares_of_all(tiny_model: Classifier) -> None:
    file = io.StringIO()
    report = TableReport(file, tiny_model.schema, "union")
    for name in ("one", "two"):
        article = article_from_text("It rained.", id=name)
        report.article(article, tiny_model.classify_article(article))
    report.close()
    assert "all together: 2 sentences" in file.getvalue()


def test_an_article_without_sentences_says_so(tiny_model: Classifier) -> None:
    file = io.StringIO()
    article = article_from_text("", id="blank")
    TableReport(file, tiny_model.schema, "union").article(article, tiny_model.classify_article(article))
    assert "blank: no sentences" in file.getvalue()


def test_lines_are_numbered_on_from_batch_to_batch() -> None:
    file = io.StringIO()
    report = TableReport(file, SCHEMA, "union")
    report.texts(["a", "b"], [prediction("one"), prediction("two")])
    report.texts(["c"], [prediction("three")])
    report.close()
    numbers = [line.split()[0] for line in file.getvalue().splitlines() if line.endswith(("one", "two", "three"))]
    assert numbers == ["1", "2", "3"]


# Rows


def test_a_jsonl_row_points_into_the_article(tiny_model: Classifier) -> None:
    rows = [json.loads(line) for line in story_as(tiny_model, "jsonl").splitlines()]
    assert [STORY[row["start"] : row["end"]] for row in rows] == [row["text"] for row in rows]
    assert [row["id"] for row in rows] == ["story-01", "story-02", "story-03"]


def test_jsonl_probabilities_of_a_target_sum_to_one(tiny_model: Classifier) -> None:
    article = article_from_text(STORY)
    for row in article_rows(article, tiny_model.classify_article(article)):
        # Three numbers rounded to six digits are off by at most 1.5e-6.
        assert sum(row["stance_probabilities"]["union"].values()) == pytest.approx(1, abs=2e-6)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_output_rows_are_label_rows(
    tiny_model: Classifier, tmp_path_factory: pytest.TempPathFactory, form: str
) -> None:
    path = tmp_path_factory.mktemp("rows") / f"found.{form}"
    path.write_text(story_as(tiny_model, form), encoding="utf-8", newline="")
    article = article_from_text(STORY, id="story")
    found = tiny_model.classify_article(article)
    assert read_rows(path, tiny_model.schema) == [
        LabelledSentence(id=f"story-{n:02d}", article="story", text=p.text, topics=p.topics, stances=stances_of(p))
        for n, p in enumerate(found.predictions, start=1)
    ]


def test_csv_has_a_column_for_every_probability(tiny_model: Classifier) -> None:
    rows = list(csv.DictReader(io.StringIO(story_as(tiny_model, "csv"))))
    assert float(rows[0]["probability_union_favor"]) == pytest.approx(
        tiny_model.classify(rows[0]["text"]).stance_probabilities["union"]["favor"], abs=1e-6
    )


def test_csv_of_nothing_is_a_line_of_column_names(tiny_model: Classifier) -> None:
    file = io.StringIO()
    CsvReport(file, tiny_model.schema).close()
    assert file.getvalue().startswith("id,article,start,end,text,topics,union,tariffs,")


def test_an_abstention_is_null_in_jsonl_and_blank_in_csv() -> None:
    lines, table = io.StringIO(), io.StringIO()
    JsonlReport(lines).texts(["t:1"], [prediction(stance=None)])
    CsvReport(table, SCHEMA).texts(["t:1"], [prediction(stance=None)])
    assert json.loads(lines.getvalue())["stances"] == {"union": None}
    assert table.getvalue().splitlines()[1].startswith("t:1,A text.,,,0.25,")


# Reasons


def explained(*contributions: Contribution) -> OutputExplanation:
    logit = -1.0 + sum(c.weight for c in contributions)
    return OutputExplanation(
        logit=logit, probability=1 / (1 + math.exp(-logit)), bias=-1.0, contributions=contributions
    )


DEEPEN = "deepen the pact"
WHY = explained(
    Contribution(0, 6, "deepen", "{warmth}", 1.0),
    Contribution(0, 15, "deepen the pact", "words", 0.6),
    Contribution(0, 6, "deepen", "spelling", 0.5),
    Contribution(11, 15, "pact", "words", -0.2),
)


def test_contributions_on_the_same_characters_are_one_piece() -> None:
    first = pieces(WHY)[0]
    assert (first.text, first.weight, first.kinds) == ("deepen", 1.5, ("cue warmth", "spelling"))


def test_pieces_come_heaviest_first_whatever_their_sign() -> None:
    assert [piece.text for piece in pieces(WHY)] == ["deepen", "deepen the pact", "pact"]


def test_a_contribution_over_several_words_is_shared_out_evenly() -> None:
    # deepen 1.0 + 0.5 + 0.6/3, the 0.6/3, pact 0.6/3 - 0.2
    assert [w.weight for w in word_weights(DEEPEN, WHY)] == pytest.approx([1.7, 0.2, 0.0])


def test_word_weights_of_a_real_sentence_add_up_to_the_logit(tiny_model: Classifier) -> None:
    text = "Norland vowed to deepen its friendship with Southmark."
    for reason in reasons(tiny_model.explain(text), tiny_model.classify(text)):
        total = reason.why.bias + sum(word.weight for word in word_weights(text, reason.why))
        assert total == pytest.approx(reason.why.logit, abs=1e-6)


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ("words", "words"),
        ("{warmth}", "cue warmth"),
        ("{warmth}/negated", "cue warmth, negated"),
        ("<norland>+<southmark>", "norland with southmark"),
    ],
)
def test_features_have_names_for_people(feature: str, expected: str) -> None:
    assert kind(feature) == expected


def every(model: Classifier, text: str) -> list[Reason]:
    return reasons(model.explain(text), model.classify(text))


def test_deciding_outputs_are_the_topics_given_and_stances_that_lean_or_are_asked_for(tiny_model: Classifier) -> None:
    found = every(tiny_model, "Norland vowed to deepen its friendship with Southmark.")
    assert [reason.key for reason in deciding(found, "union")] == ["union:favor"]
    assert [reason.key for reason in deciding(found, "tariffs")] == ["union:favor", "tariffs:neutral"]


def test_outputs_are_chosen_by_topic_target_or_single_stance(tiny_model: Classifier) -> None:
    found = chosen(every(tiny_model, "It rained."), ["trade", "tariffs", "union:against"], tiny_model.schema)
    assert [r.key for r in found] == ["trade", "union:against", "tariffs:favor", "tariffs:against", "tariffs:neutral"]


def test_an_unknown_output_is_refused_with_a_suggestion(tiny_model: Classifier) -> None:
    with pytest.raises(OptionError, match="got 'unoin'; did you mean 'union'"):
        chosen(every(tiny_model, "It rained."), ["unoin"], tiny_model.schema)


def test_a_reason_lists_pieces_bias_and_sum() -> None:
    file = io.StringIO()
    print_reason(Screen(file), DEEPEN, Reason("trade", None, True, WHY), [], limit=1)
    # Left out are the phrase (+0.6) and "pact" (-0.2): +0.40. Sum: -1 + 1 + 0.6 + 0.5 - 0.2 = 0.9.
    weights = [line.split()[0] for line in file.getvalue().splitlines()[2:6]]
    assert weights == ["+1.50", "+0.40", "-1.00", "+0.90"]


def test_a_stance_names_the_scores_it_was_weighed_against() -> None:
    file = io.StringIO()
    rival = Reason("union", "against", False, explained())
    print_reason(Screen(file), DEEPEN, Reason("union", "favor", True, WHY), [rival], limit=3)
    assert "softmax of +0.90 (favor), -1.00 (against)" in file.getvalue()


def test_words_are_coloured_in_place_and_the_text_stays_whole() -> None:
    cells = list(coloured(DEEPEN, Reason("trade", None, True, WHY)))
    assert "".join(cell.text for cell in cells) == DEEPEN
    assert [cell.text for cell in cells if "green" in cell.style] == ["deepen"]


def test_an_explanation_row_adds_up(tiny_model: Classifier) -> None:
    text = "Ostia doubled its tariffs on cargo from Norland."
    row = explanation_row(tiny_model.explain(text), every(tiny_model, text))
    for output in row["outputs"]:
        assert output["bias"] + sum(c["weight"] for c in output["contributions"]) == pytest.approx(
            output["logit"], abs=1e-6
        )


# Figures


def lines_of(print_it: object, *arguments: object, **options: object) -> list[str]:
    file = io.StringIO()
    print_it(Screen(file), *arguments, **options)  # type: ignore[operator]
    return file.getvalue().splitlines()


def test_an_evaluation_shows_the_model_beside_three_baselines(
    tiny_model: Classifier, tiny_rows: Sequence[LabelledSentence]
) -> None:
    lines = lines_of(print_evaluation, evaluate_rows(tiny_model, tiny_rows, resamples=20))
    assert lines[0] == "42 sentences of 6 articles"
    assert next(line for line in lines if line.startswith("F1")).split() == [
        "F1",
        "model",
        "majority",
        "keywords",
        "random",
    ]


def test_one_article_gives_no_intervals(tiny_model: Classifier, tiny_rows: Sequence[LabelledSentence]) -> None:
    lines = lines_of(print_evaluation, evaluate_rows(tiny_model, tiny_rows[:7], resamples=20))
    assert lines[1] == "no intervals: they are drawn by article, and there is only one"
    assert not any("[" in line for line in lines)


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.01, 0.2, "better"), (-0.2, -0.01, "worse"), (-0.1, 0.1, "cannot tell")]
)
def test_a_difference_is_called_one_only_where_its_interval_leaves_out_zero(
    low: float, high: float, verdict: str
) -> None:
    table = differences_table([Difference("mean_topic_f1", 0.5, 0.6, Interval(0.1, low, high))])
    assert printed(table).splitlines()[1].endswith(verdict)


CHANGES = (
    Change("a-01", "One.", "trade", "yes", "no", "yes"),
    Change("a-02", "Two.", "trade", "no", "no", "yes"),
    Change("a-03", "Three.", "union stance", "favor", "against", "neutral"),
)


def test_changed_decisions_are_counted_by_what_they_mended_and_broke() -> None:
    lines = lines_of(print_changes, CHANGES, show=3)
    assert lines[0] == "3 decisions changed: 1 are right now, 1 are wrong now, 1 are wrong as before"


def test_only_so_many_changes_are_listed() -> None:
    lines = lines_of(print_changes, CHANGES, show=1, more=" (--show 3)")
    assert lines[-1] == "... and 2 more (--show 3)"


def test_a_comparison_tells_what_it_was_measured_on() -> None:
    lines = lines_of(print_comparison, Comparison(12, 3, (), CHANGES), show=0)
    assert lines[:2] == [
        "12 sentences of 3 articles",
        "in brackets: 95% intervals, by article; with 3 articles they are rough",
    ]


def test_a_head_is_reported_with_the_log_loss_of_the_strength_chosen() -> None:
    record = {"C": 1.0, "log_loss": {"0.3": 0.5, "1.0": 0.4}, "scale": 2.0, "shift": [0.0], "classes": {}, "f1": 0.75}
    assert head_figures(record) == {"log_loss": 0.4, "f1": 0.75}


def test_heads_are_listed_with_their_labels(tiny_model: Classifier) -> None:
    lines = printed(heads_table(tiny_model.model)).splitlines()
    assert len(lines) == 5
    assert "favor 9, against 9, neutral 24" in next(line for line in lines if line.startswith("union"))


def test_json_has_null_where_there_is_no_number() -> None:
    assert plain_json({"a": math.nan, "b": [math.inf, 1.5], "c": ("x", None)}) == {
        "a": None,
        "b": [None, 1.5],
        "c": ["x", None],
    }


def test_a_model_says_what_share_of_sentences_each_label_is_expected_in(tiny_model: Classifier) -> None:
    schema = tiny_model.schema
    trade = dataclasses.replace(schema.topics[0], rates={"present": 0.06})
    union, tariffs = schema.targets
    rated = dataclasses.replace(union, rates={"favor": 0.11, "against": 0.04})
    changed = dataclasses.replace(schema, topics=(trade, *schema.topics[1:]), targets=(rated, tariffs))
    file = io.StringIO()
    print_model(Screen(file), dataclasses.replace(tiny_model.model, schema=changed), "here", "compiled")
    said = dict(re.findall(r"^(\S+(?:: \S+)?) +(\d+%|as labelled)", file.getvalue(), re.MULTILINE))
    assert said["trade"] == "6%"
    assert [said[f"union: {stance}"] for stance in schema.stances] == ["11%", "4%", "85%"]
    assert said["tariffs: favor"] == "as labelled"


@pytest.mark.parametrize(
    ("classes", "f1"),
    [
        ({"absent": 6, "present": 2}, 0.0),
        ({"absent": 2, "present": 6}, 12 / 14),  # precision 6/8, recall 1
        ({"favor": 1, "against": 0, "neutral": 3}, (6 / 7) / 2),
        ({"favor": 1, "against": 1, "neutral": 2}, (4 / 6) / 3),
        ({"favor": 0, "neutral": 0}, 0.0),
    ],
)
def test_the_commonest_label_s_f1_stands_beside_a_head_s(classes: dict[str, int], f1: float) -> None:
    assert commonest_f1(classes) == pytest.approx(f1)
