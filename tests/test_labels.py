"""Label rows in and out: what is read, what is refused and with which words, and exact round trips."""

from __future__ import annotations

import datetime
import json
import tempfile
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.errors import LabelError, MissingExtraError, OptionError
from stance.labels import infer_schema, read_rows, to_dataset, to_frame, write_rows
from stance.records import LabelledSentence
from stance.schema import Output, Schema

SCHEMA = Schema(
    topics=(Output(name="sanctions"), Output(name="anniversary")),
    targets=(Output(name="china_ties"), Output(name="sanctions")),
    default_target="china_ties",
)
NO_TARGETS = Schema(topics=(Output(name="sanctions"),), targets=(), default_target=None)


def saved(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def only(source: Any, schema: Schema | None = SCHEMA) -> LabelledSentence:
    (row,) = read_rows(source, schema)
    return row


# Reading


def test_a_csv_row_with_text_topics_and_stance_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.csv", "text,topics,stance\nThe council met.,anniversary; sanctions,favor\n")
    assert only(path) == LabelledSentence(
        id="row-1",
        article="row-1",
        text="The council met.",
        topics=("sanctions", "anniversary"),  # schema order
        stances={"china_ties": "favor"},
    )


def test_columns_named_after_targets_hold_stances(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.tsv", "text\tsanctions\tchina_ties\nThe council met.\tagainst\tneutral\n")
    assert only(path).stances == {"china_ties": "neutral", "sanctions": "against"}


def test_a_blank_stance_is_not_labelled(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.csv", "text,china_ties,sanctions\nThe council met.,,favor\n")
    assert only(path).stances == {"sanctions": "favor"}


def test_a_blank_topics_cell_says_that_there_is_no_topic(tmp_path: Path) -> None:
    assert only(saved(tmp_path, "a.csv", "text,topics\nThe council met.,\n")).topics == ()


def test_without_a_topics_column_topics_are_not_labelled(tmp_path: Path) -> None:
    assert only(saved(tmp_path, "a.csv", "text,stance\nThe council met.,favor\n")).topics is None


def test_plain_columns_are_kept(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.csv", "id,article,register,date,text,stance\n7,a-1,wire,2020-01-02,Yes.,favor\n")
    row = only(path)
    assert (row.id, row.article, row.register, row.date) == ("7", "a-1", "wire", "2020-01-02")


def test_a_row_without_an_article_is_its_own_group() -> None:
    rows = read_rows([{"text": "One.", "stance": "favor"}, {"text": "Two.", "id": "x", "stance": "favor"}], SCHEMA)
    assert [row.article for row in rows] == ["row-1", "x"]


def test_topics_may_be_separated_by_bars_or_commas() -> None:
    rows = read_rows([{"text": "a", "topics": "sanctions|anniversary"}, {"text": "b", "topics": "sanctions, "}], SCHEMA)
    assert [row.topics for row in rows] == [("sanctions", "anniversary"), ("sanctions",)]


def test_a_mapping_of_stances_is_read() -> None:
    row = only([{"text": "a", "stances": {"sanctions": "favor", "china_ties": None}}])
    assert row.stances == {"sanctions": "favor"}


def test_a_csv_saved_by_a_spreadsheet_with_semicolons_and_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.csv", '\ufefftext;topics;stance\r\n"One, two.";"sanctions;anniversary";favor\r\n')
    row = only(path)
    assert (row.text, row.topics) == ("One, two.", ("sanctions", "anniversary"))


def test_lines_of_separators_alone_are_passed_over(tmp_path: Path) -> None:
    assert only(saved(tmp_path, "a.csv", "text,stance\n,\na,favor\n\n,,,\n")).text == "a"


def test_quotes_inside_an_unquoted_field_are_text(tmp_path: Path) -> None:
    assert only(saved(tmp_path, "a.csv", 'text,stance\nHe said "yes",favor\n')).text == 'He said "yes"'


def test_rows_of_a_frame_are_read() -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "topics": [["sanctions"], None], "stance": ["favor", None]})
    assert [(row.topics, row.stances) for row in read_rows(frame, SCHEMA)] == [
        (("sanctions",), {"china_ties": "favor"}),
        (None, {}),
    ]


def test_a_frame_of_read_csv_means_what_the_file_means(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.csv", "id,text,topics,stance\n1,a,,favor\n2,b,sanctions,\n")
    assert read_rows(pd.read_csv(path), SCHEMA) == read_rows(path, SCHEMA)


def test_frame_dates_and_whole_numbers_become_strings() -> None:
    frame = pd.DataFrame({"text": ["a"], "stance": ["favor"], "date": pd.to_datetime(["2020-01-02"]), "id": [3.0]})
    row = only(frame)
    assert (row.date, row.id) == ("2020-01-02", "3")


def test_python_dates_become_iso_strings() -> None:
    rows = [{"text": "a", "stance": "favor", "date": datetime.date(2020, 1, 2)}]
    assert only(rows).date == "2020-01-02"


@pytest.mark.parametrize("topics", [(), ("sanctions",), ("sanctions", "anniversary")])
def test_topics_as_a_numpy_array_are_read(topics: tuple[str, ...]) -> None:
    assert only([{"text": "a", "topics": np.array(topics, dtype=object)}]).topics == topics


def test_a_frame_of_read_parquet_means_what_the_file_means(tmp_path: Path) -> None:
    rows = [
        LabelledSentence(id=str(n), article="a", text="b", topics=topics, stances={"sanctions": "favor"})
        for n, topics in enumerate([None, (), ("sanctions",), ("sanctions", "anniversary")])
    ]
    write_rows(rows, tmp_path / "a.parquet", SCHEMA)
    assert read_rows(pd.read_parquet(tmp_path / "a.parquet"), SCHEMA) == rows


def test_a_target_called_like_a_plain_column_is_labelled_under_stances(tmp_path: Path) -> None:
    schema = Schema(topics=(), targets=(Output(name="text"),), default_target="text")
    row = LabelledSentence(id="a", article="a", text="b", topics=None, stances={"text": "favor"})
    write_rows([row], tmp_path / "a.jsonl", schema)
    assert read_rows(tmp_path / "a.jsonl", schema) == [row]


def test_columns_that_say_the_same_twice_are_read() -> None:
    row = {"text": "a", "stance": "favor", "china_ties": "favor", "stances": {"china_ties": "favor"}}
    assert only([row]).stances == {"china_ties": "favor"}


def test_a_column_that_contradicts_the_mapping_is_refused() -> None:
    with pytest.raises(LabelError, match="expected one stance for sanctions, got both 'favor' and 'against'"):
        read_rows([{"text": "a", "sanctions": "against", "stances": {"sanctions": "favor"}}], SCHEMA)


def test_class_labels_of_a_dataset_are_read_by_name() -> None:
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "stance": datasets.ClassLabel(names=["against", "favor"]),
            "topics": [datasets.ClassLabel(names=["anniversary", "sanctions"])],
        }
    )
    dataset = datasets.Dataset.from_list([{"text": "a", "stance": 1, "topics": [1]}], features=features)
    row = only(dataset)
    assert (row.stances, row.topics) == ({"china_ties": "favor"}, ("sanctions",))


def test_labelled_sentences_themselves_can_be_read() -> None:
    row = LabelledSentence(id="a", article="b", text="c", topics=("sanctions",), stances={"sanctions": "favor"})
    assert only([row]) == row


def test_a_labels_folder_gives_the_splits_asked_for(tmp_path: Path) -> None:
    for split in ("test", "train", "dev"):
        saved(tmp_path, f"gold/{split}.jsonl", json.dumps({"id": split, "text": "a", "stance": "favor"}) + "\n")
    found = [[row.id for row in read_rows(tmp_path, SCHEMA, splits=splits)] for splits in (None, ("dev", "train"))]
    assert found == [["train", "dev", "test"], ["train", "dev"]]


def test_an_unknown_column_of_the_users_own_is_ignored() -> None:
    assert only([{"text": "a", "stance": "favor", "page number": 3}]).text == "a"


# Errors

CSV_ERRORS = [
    ("text,stance\na,favr\n", r"a\.csv, line 2: expected a stance for china_ties .*got 'favr'; did you mean 'favor'"),
    (
        "text,topics\na,\nb,sanction\n",
        r"line 3: expected a topic \('sanctions' or 'anniversary'\), got 'sanction'; did",
    ),
    ('text,stance\n"a\nb",favor\n\nc,no\n', r"line 5: expected a stance .*got 'no'"),
    ("text,stance\n,favor\n", r"line 2: expected text, got none"),
    ("words,stance\na,favor\n", r"line 2: there is no column 'text'; found words, stance"),
    ("text,source\na,b\n", r"line 2: expected a label column \('topics', .*'china_ties'.* got only 'text' or 'source'"),
    ("text,stanse\na,favor\n", r"line 1: unknown column 'stanse'; did you mean 'stance'\?"),
    ("text,stance,Sanctions\na,favor,favor\n", r"line 1: unknown column 'Sanctions'; did you mean 'sanctions'\?"),
    ("text,stance,stance\na,favor,favor\n", r"line 1: expected distinct column names, got 'stance' twice"),
    ("text,stance\na,b,favor\n", r"line 2: expected 2 fields \(text, stance\), got 3; quote a field that"),
    (
        'text,stance\na,favor\n"b,favor\nc,favor\n',
        r"line 3: expected quotes only around whole fields.*unexpected end of d",
    ),
    (
        'text,stance\n"Yes," he said,favor\n',
        r"line 2: expected quotes only around whole fields, and doubled \(\"\"\) inside",
    ),
    ("", r"line 1: expected a line of column names, got an empty file"),
    ("id,text,stance\nx,a,favor\nx,b,favor\n", r"line 3: expected distinct ids, got 'x' again, first in .*line 2"),
    ("text,stance,china_ties\na,favor,against\n", r"line 2: expected one stance for china_ties, got both"),
    ("text,topics\na,\"['sanctions']\"\n", r"line 2: expected topics separated by ';', got a list written as text"),
]


@pytest.mark.parametrize(("text", "message"), CSV_ERRORS)
def test_a_bad_csv_file_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_rows(saved(tmp_path, "a.csv", text), SCHEMA)


def test_the_error_carries_file_and_line(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.csv", "text,stance\na,favr\n")
    with pytest.raises(LabelError, match="favr") as caught:
        read_rows(path, SCHEMA)
    assert (caught.value.file, caught.value.line) == (str(path), 2)


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,stance\na,favor\nNorth Korea\x92s,favor\n")
    with pytest.raises(
        LabelError, match=r"a\.csv, line 3: expected UTF-8, got the byte 0x92; save the file as 'CSV UTF"
    ):
        read_rows(path, SCHEMA)


def test_a_bad_jsonl_row_is_refused_with_its_line(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.jsonl", '{"text": "a", "stance": "favor"}\n\n{"text": 5, "stance": "favor"}\n')
    with pytest.raises(LabelError, match=r"a\.jsonl, line 3: expected text as a string, got int 5"):
        read_rows(path, SCHEMA)


ROW_ERRORS: list[tuple[Any, str]] = [
    ([{"text": "a", "stance": "favor"}, {"text": "b", "stance": 1}], r"rows: row 2: expected a stance .*got 1"),
    ([{"text": "a", "topics": 3}], r"row 1: expected topics as a list or a string, got int"),
    ([{"text": "a", "topics": ["sanctions", 3]}], r"row 1: expected a topic .*got 3"),
    ([{"text": "a", "stances": "favor"}], r"row 1: expected stances as a mapping of target to stance, got str"),
    ([{"text": "a", "stances": {"china": "favor"}}], r"row 1: expected a target .*got 'china'; did you mean 'china_ti"),
    ([{"text": "a", "stance": "favor", "id": ["x"]}], r"row 1: expected id as a string, got list"),
    ([{"text": "a", "stance": "favor", "id": True}], r"row 1: expected id as a string, got bool"),
    ([5], r"rows: row 1: expected a mapping of column to value, got int"),
    (["labels", {"text": "a"}], r"row 1: expected a mapping of column to value, got str 'labels'; a list holds either"),
    (["a text"], r"a text: expected a labels folder or a file that ends in '\.csv'"),
    (["nowhere.csv", "other.csv"], r"nowhere\.csv: expected a file with labels, found no file"),
    ({"text": "a", "stance": "favor"}, r"labels must be a path, a DataFrame, .*got dict"),
    (None, r"labels must be a path, .*got NoneType"),
    (b"labels.csv", r"labels must be a path, .*got bytes"),
    ("labels.xlsx", r"labels\.xlsx: expected a labels folder or a file that ends in '\.csv', .*'\.parquet'"),
    ("nowhere.csv", r"nowhere\.csv: expected a file with labels, found no file"),
    (pd.DataFrame({"text": ["a", ""], "stance": ["favor", "favor"]}), r"DataFrame: row 2: expected text, got none"),
    (pd.DataFrame([["a", "b"]], columns=["text", "text"]), r"DataFrame: expected distinct column names, got 'text'"),
]


@pytest.mark.parametrize(("source", "message"), ROW_ERRORS)
def test_bad_rows_are_refused_with_their_number(source: Any, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_rows(source, SCHEMA)


def test_a_dataset_of_several_splits_is_refused_with_their_names() -> None:
    splits = datasets.DatasetDict({"train": datasets.Dataset.from_list([{"text": "a", "stance": "favor"}])})
    with pytest.raises(LabelError, match=r"got DatasetDict; choose one split: 'train'"):
        read_rows(splits, SCHEMA)


def test_a_schema_without_targets_refuses_a_stance() -> None:
    with pytest.raises(LabelError, match=r"row 1: expected a target \(none in this schema\)"):
        read_rows([{"text": "a", "stance": "favor"}], NO_TARGETS)


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"a\.parquet: expected a Parquet file, got "):
        read_rows(saved(tmp_path, "a.parquet", "not a table"), SCHEMA)


def test_an_unknown_split_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    saved(tmp_path, "gold/train.jsonl", "")
    with pytest.raises(LabelError, match=r"expected a split \('train'\), got 'trian'; did you mean 'train'"):
        read_rows(tmp_path, SCHEMA, splits=("trian",))


def test_splits_of_something_that_has_none_are_refused() -> None:
    with pytest.raises(OptionError, match="splits must be left out unless the source is a labels folder"):
        read_rows([], SCHEMA, splits=("train",))


def test_splits_as_one_string_are_refused(tmp_path: Path) -> None:
    saved(tmp_path, "gold/train.jsonl", "")
    with pytest.raises(OptionError, match="splits must be a sequence of names, got the string 'train'"):
        read_rows(tmp_path, SCHEMA, splits="train")


def test_a_labels_folder_without_gold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"expected gold/\*\.jsonl, found none"):
        read_rows(tmp_path, SCHEMA)


def test_without_pyarrow_parquet_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(
        MissingExtraError, match=r"reading Parquet needs the package 'pyarrow': pip install 'stance-news\[tr"
    ):
        read_rows(saved(tmp_path, "a.parquet", ""), SCHEMA)


# Inference


def test_topics_and_targets_are_inferred_in_order() -> None:
    rows = [
        {"text": "a", "topics": "war;aid", "russia": "favor", "china": ""},
        {"text": "b", "topics": "", "russia": "", "china": "neutral", "note": "odd"},
    ]
    schema = infer_schema(rows)
    assert (schema.topic_names, schema.target_names, schema.default_target) == (
        ("aid", "war"),
        ("russia", "china"),
        "russia",
    )


def test_a_stance_column_alone_gives_the_target_stance() -> None:
    rows = [{"text": "a", "stance": "favor"}]
    schema = infer_schema(rows)
    assert (schema.target_names, read_rows(rows)[0].stances) == (("stance",), {"stance": "favor"})


def test_targets_of_a_stances_mapping_are_inferred() -> None:
    assert infer_schema([{"text": "a", "stances": {"b": "favor", "a": None}}]).target_names == ("b", "a")


def test_a_labels_folder_brings_its_schema(tmp_path: Path) -> None:
    saved(tmp_path, "schema.toml", 'default_target = "aid"\n[targets.aid]\n')
    saved(tmp_path, "gold/train.jsonl", '{"text": "a", "stance": "favor"}\n')
    assert read_rows(tmp_path)[0].stances == {"aid": "favor"}


INFERENCE_ERRORS: list[tuple[list[dict[str, Any]], str]] = [
    ([{"text": "a", "china": "favour"}], r"row 1: column 'china' is no known one.*got 'favour'; did you mean 'favor'"),
    (
        [{"text": "a", "stance": "favor", "page": 3}],
        r"column 'page' is no known one.*got 3; columns without labels may",
    ),
    ([{"text": "a", "stanse": "favor"}], r"unknown column 'stanse'; did you mean 'stance'"),
    ([{"text": "a", "topic": "aid"}], r"unknown column 'topic'; did you mean 'topics'"),
    ([{"text": "a", "topics": [""]}], r"row 1: expected a topic's name, got ''"),
    ([{"text": "a", "topics": "[aid]"}], r"row 1: expected topics separated by ';'"),
    ([{"sentence": "a", "stance": "favor"}], r"row 1: there is no column 'text'; found sentence, stance"),
    ([{"text": "a", "note": "b"}], r"expected labels to infer a schema from"),
    ([], r"expected labels to infer a schema from"),
]


@pytest.mark.parametrize(("rows", "message"), INFERENCE_ERRORS)
def test_what_cannot_be_inferred_is_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_rows(rows)


# Writing


def test_a_gold_line_has_its_keys_in_order(tmp_path: Path) -> None:
    row = LabelledSentence(
        id="a-01",
        article="a",
        text="“Yes”",
        topics=("sanctions",),
        stances={"sanctions": "favor", "china_ties": "neutral"},
    )
    write_rows([row], tmp_path / "a.jsonl", SCHEMA)
    assert (tmp_path / "a.jsonl").read_text(encoding="utf-8") == (
        '{"id": "a-01", "article": "a", "register": "", "date": "", "text": "“Yes”", "topics": ["sanctions"], '
        '"stances": {"china_ties": "neutral", "sanctions": "favor"}}\n'
    )


def test_csv_leaves_text_that_looks_like_a_formula_alone(tmp_path: Path) -> None:
    row = LabelledSentence(id="a", article="a", text="=1+1", topics=(), stances={})
    write_rows([row], tmp_path / "a.csv", SCHEMA)
    assert (tmp_path / "a.csv").read_bytes().decode("utf-8-sig") == (
        "id,article,register,date,text,topics,china_ties,sanctions\r\na,a,,,=1+1,,,\r\n"
    )


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.jsonl", "old")
    row = LabelledSentence(id="a", article="a", text="half a \ud83d pair", topics=(), stances={})
    with pytest.raises(LabelError, match="expected text that UTF-8 can hold, got "):
        write_rows([row], path, SCHEMA)
    assert path.read_text() == "old"


def test_a_label_outside_the_schema_is_not_written(tmp_path: Path) -> None:
    row = LabelledSentence(id="a", article="a", text="b", topics=("war",), stances={})
    with pytest.raises(LabelError, match=r"row 'a': expected a topic .*got 'war'"):
        write_rows([row], tmp_path / "a.jsonl", SCHEMA)


def test_an_unknown_suffix_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"a\.xlsx: expected a file that ends in '\.csv'"):
        write_rows([], tmp_path / "a.xlsx", SCHEMA)


def test_a_topic_that_holds_a_separator_is_not_written_as_csv(tmp_path: Path) -> None:
    schema = Schema(topics=(Output(name="a;b"),), targets=(), default_target=None)
    row = LabelledSentence(id="a", article="a", text="b", topics=("a;b",), stances={})
    with pytest.raises(LabelError, match="a topic's name cannot hold ';'"):
        write_rows([row], tmp_path / "a.csv", schema)


def test_a_target_called_like_a_plain_column_is_not_written_as_csv(tmp_path: Path) -> None:
    schema = Schema(topics=(), targets=(Output(name="text"),), default_target="text")
    with pytest.raises(LabelError, match="a target's column cannot be called 'text'"):
        write_rows([], tmp_path / "a.csv", schema)


# Round trips

# Any character that UTF-8 can hold: quotes, commas, line ends, controls, NUL, astral planes.
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
texts = any_text.filter(lambda text: bool(text.strip()))
tricky = st.sampled_from(
    ['a "quoted", b\r\nc', "\r", "=1+1", "a\n\n;b|c,", "\ufeffmark", "line\u2028end", "?", "NaN", "null"]
)


@st.composite
def label_rows(draw: st.DrawFn) -> list[LabelledSentence]:
    names = draw(st.lists(texts, max_size=4, unique=True))
    stances = st.sampled_from([None, *SCHEMA.stances])
    rows = []
    for name in names:
        chosen = {target: draw(stances) for target in SCHEMA.target_names}
        rows.append(
            LabelledSentence(
                id=name,
                article=draw(texts),
                text=draw(st.one_of(texts, tricky.filter(lambda text: bool(text.strip())))),
                topics=draw(st.sampled_from([None, (), ("sanctions",), ("sanctions", "anniversary")])),
                stances={target: stance for target, stance in chosen.items() if stance is not None},
                register=draw(any_text),
                date=draw(any_text),
            )
        )
    return rows


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@given(rows=label_rows())
@settings(max_examples=60, deadline=None)
def test_a_file_gives_back_the_rows_written(suffix: str, rows: list[LabelledSentence]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{suffix}"
        write_rows(rows, path, SCHEMA)
        assert read_rows(path, SCHEMA) == rows


@given(rows=label_rows())
@settings(max_examples=60, deadline=None)
def test_a_frame_gives_back_its_rows(rows: list[LabelledSentence]) -> None:
    assert read_rows(to_frame(rows, SCHEMA), SCHEMA) == rows


@given(rows=label_rows())
@settings(max_examples=30, deadline=None)
def test_a_dataset_gives_back_its_rows(rows: list[LabelledSentence]) -> None:
    assert read_rows(to_dataset(rows, SCHEMA), SCHEMA) == rows


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_schema_without_targets_makes_the_round_trip(tmp_path: Path, suffix: str) -> None:
    rows = [LabelledSentence(id=str(n), article="a", text="b", topics=t, stances={}) for n, t in enumerate([None, ()])]
    write_rows(rows, tmp_path / f"a{suffix}", NO_TARGETS)
    assert read_rows(tmp_path / f"a{suffix}", NO_TARGETS) == rows


def test_a_dataset_has_the_features_of_a_gold_row() -> None:
    row = LabelledSentence(id="a", article="a", text="b", topics=(), stances={})
    assert list(to_dataset([row], SCHEMA).features) == [
        "id", "article", "register", "date", "text", "topics", "stances",
    ]  # fmt: skip


def test_stances_in_a_column_that_no_target_has_are_not_dropped_in_silence() -> None:
    schema = Schema.from_dict({"default_target": "union", "topics": {"trade": {}}, "targets": {"union": {}}})
    with pytest.raises(LabelError, match="column 'league' holds stances, but the schema has no such target"):
        read_rows([{"text": "x", "topics": "trade", "league": "favor"}], schema)


def test_several_files_are_read_as_one_and_name_their_own_lines(tmp_path: Path, tiny_schema: Schema) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.jsonl"
    one.write_text("text,union\nNorland waved.,favor\n")
    other.write_text('{"text": "Ostia frowned.", "union": "against"}\n')
    rows = read_rows([one, str(other)], tiny_schema)
    assert [(row.id, row.text, dict(row.stances)) for row in rows] == [
        ("row-1", "Norland waved.", {"union": "favor"}),
        ("row-2", "Ostia frowned.", {"union": "against"}),
    ]
    other.write_text('{"text": "Ostia frowned.", "union": "agianst"}\n')
    with pytest.raises(LabelError, match=r"other\.jsonl, line 1: expected a stance for union"):
        read_rows([one, other], tiny_schema)


def test_of_a_folder_and_a_file_the_splits_are_the_folder_s(tmp_path: Path, tiny_schema: Schema) -> None:
    (tmp_path / "gold").mkdir()
    for split in ("train", "dev"):
        (tmp_path / "gold" / f"{split}.jsonl").write_text(f'{{"text": "A {split} sentence.", "union": "favor"}}\n')
    more = tmp_path / "more.csv"
    more.write_text("text,union\nNorland waved.,favor\n")
    rows = read_rows([tmp_path, more], tiny_schema, splits=("dev",))
    assert [row.text for row in rows] == ["A dev sentence.", "Norland waved."]
    with pytest.raises(OptionError, match="splits must be left out unless the source is a labels folder"):
        read_rows([more], tiny_schema, splits=("dev",))


def test_a_row_replaces_one_of_the_same_id_in_an_earlier_file_and_keeps_its_article(
    tmp_path: Path, tiny_schema: Schema
) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("id,article,text,union\na-1,a,Norland waved.,neutral\na-2,a,Snow fell.,neutral\n")
    new.write_text("id,text,union\na-1,Norland waved.,favor\n")
    rows = read_rows([old, new], tiny_schema)
    assert [(row.id, row.article, row.stances["union"]) for row in rows] == [
        ("a-1", "a", "favor"),
        ("a-2", "a", "neutral"),
    ]
    new.write_text("id,article,text,union\na-1,b,Norland waved.,favor\n")
    assert read_rows([old, new], tiny_schema)[0].article == "b"
    new.write_text("id,text,union\na-1,Norland waved.,favor\na-1,Norland waved.,favor\n")
    with pytest.raises(
        LabelError, match=r"new\.csv, line 3: expected distinct ids, got 'a-1' again, first in .*new\.csv"
    ):
        read_rows([old, new], tiny_schema)


def test_a_file_that_is_named_twice_is_refused(tmp_path: Path, tiny_schema: Schema) -> None:
    path = tmp_path / "one.csv"
    path.write_text("text,union\nNorland waved.,favor\n")
    with pytest.raises(OptionError, match="is named twice"):
        read_rows([path, tmp_path / "." / "one.csv"], tiny_schema)


def test_a_cell_of_a_csv_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("text,topics\n" + "a " * 100_000 + ",sanctions\n")
    (row,) = read_rows(path, SCHEMA)
    assert len(row.text) == 200_000
