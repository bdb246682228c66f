"""Coders' files and their merging."""

from __future__ import annotations

from pathlib import Path

import pytest

from stance.annotations import (
    Disagreement,
    annotation_lines,
    coder_files,
    merge,
    read_annotations,
    write_annotations,
)
from stance.errors import LabelError
from stance.records import Annotation
from stance.schema import Output, Schema

SCHEMA = Schema(
    topics=(Output(name="aid"), Output(name="war")),
    targets=(Output(name="ties"), Output(name="aid")),
    default_target="ties",
)


def label(name: str, *topics: str, sha: str = "s", note: str = "", **stances: str) -> Annotation:
    return Annotation(id=name, sha=sha, topics=topics, stances=stances, note=note)


def coder_file(folder: Path, *lines: str) -> Path:
    path = folder / "coder.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


# Files


def test_annotations_written_are_read_back(tmp_path: Path) -> None:
    labels = [label("a-01", "aid", ties="favor", note="“warm”"), label("a-02", aid="against", ties="neutral")]
    write_annotations(labels, tmp_path / "a.jsonl")
    assert read_annotations(tmp_path / "a.jsonl", SCHEMA) == labels


def test_a_line_is_compact_and_leaves_out_an_empty_note(tmp_path: Path) -> None:
    write_annotations([label("a-01", "aid", ties="favor")], tmp_path / "a.jsonl")
    assert (
        tmp_path / "a.jsonl"
    ).read_text() == '{"id": "a-01", "sha": "s", "topics": ["aid"], "stances": {"ties": "favor"}}\n'


def test_topics_come_in_schema_order(tmp_path: Path) -> None:
    path = coder_file(tmp_path, '{"id": "a", "sha": "s", "topics": ["war", "aid"], "stances": {}}')
    assert read_annotations(path, SCHEMA)[0].topics == ("aid", "war")


def test_what_the_coder_was_given_may_stay_beside_the_labels(tmp_path: Path) -> None:
    sha = "319b44c570a417ff3444896cd4aa77f052b6781773fc2f9aa1f1180ac745005c"  # of "rain" (sha256sum)
    line = '{"id": "a-01", "article": "a", "register": "wire", "date": "", "text": "%s", "sha": "%s", %s}'
    labels = '"topics": [], "stances": {"ties": "favor"}'
    path = coder_file(tmp_path, line % ("rain", sha, labels))
    assert read_annotations(path, SCHEMA) == [label("a-01", sha=sha, ties="favor")]
    path = coder_file(tmp_path, line % ("snow", sha, labels))
    with pytest.raises(LabelError, match="line 1: a-01: expected the text as it was given, got another one"):
        read_annotations(path, SCHEMA)


def test_a_coder_s_csv_is_read_row_by_row_and_rows_left_blank_are_passed_over(tmp_path: Path) -> None:
    schema = Schema(topics=SCHEMA.topics, targets=(Output(name="ties"), Output(name="trade")), default_target="ties")
    path = tmp_path / "ann.csv"
    path.write_text(
        "id,article,sha,topics,ties,trade,note\n"
        "a-01,a,s,war; aid,favor,,“warm”\n"
        "a-02,a,s,,,,\n"
        "a-03,a,s,,neutral,against,\n",
        encoding="utf-8-sig",
    )
    assert read_annotations(path, schema) == [
        label("a-01", "aid", "war", ties="favor", note="“warm”"),
        label("a-03", ties="neutral", trade="against"),
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("id,sha,ties,topics\na,s,pro,\n", "line 2: expected a stance .*, got 'pro'"),
        ("id,sha,ties\na,s,favor\n", "line 1: expected the columns id, sha, topics, ties, got no 'topics'"),
        ("id,sha,Ties,Topics\na,s,favor,\n", "line 1: expected the columns id, sha, topics, ties, got no 'topics'"),
        ("id,sha,ties,topics\na,s,favor,['aid']\n", "line 2: expected topics separated by ';', got a list"),
        ("id,ties,topics\na,favor,\n", "line 2: expected the keys id, sha, topics, stances, got no 'sha'"),
        ("id,sha,ties,topics,nota\na,s,favor,,x\n", "line 2: unknown key 'nota'; did you mean 'note'"),
        ("id,sha,ties,topics\na,s,favor,\na,s,favor,\n", "line 3: expected each sentence once, got 'a' again"),
    ],
)
def test_what_is_wrong_with_a_coder_s_csv_is_said_with_its_line(tmp_path: Path, table: str, message: str) -> None:
    schema = Schema(topics=SCHEMA.topics, targets=(Output(name="ties"),), default_target="ties")
    path = tmp_path / "ann.csv"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(LabelError, match=message):
        read_annotations(path, schema)


def test_a_row_with_a_note_alone_and_columns_without_a_name_are_read(tmp_path: Path) -> None:
    schema = Schema(topics=SCHEMA.topics, targets=(Output(name="ties"),), default_target="ties")
    path = tmp_path / "ann.csv"
    path.write_text("id,sha,topics,ties,note,,\na,s,,,what is this?,,\n", encoding="utf-8")
    assert read_annotations(path, schema) == [label("a", note="what is this?")]


def test_a_bad_row_of_a_csv_does_not_hide_the_next_one(tmp_path: Path) -> None:
    schema = Schema(topics=SCHEMA.topics, targets=(Output(name="ties"),), default_target="ties")
    path = tmp_path / "ann.csv"
    path.write_text("id,sha,topics,ties\na,s,[x],favor\nb,s,,pro\nc,s,,favor\n", encoding="utf-8")
    found = list(annotation_lines(path, schema))
    assert [(line, isinstance(what, LabelError)) for line, what in found] == [(2, True), (3, True), (4, False)]


def test_a_coder_has_one_file(tmp_path: Path) -> None:
    for name in ("ann.jsonl", "bob.csv", "notes.txt"):
        (tmp_path / name).touch()
    assert coder_files(tmp_path) == {"ann": tmp_path / "ann.jsonl", "bob": tmp_path / "bob.csv"}
    (tmp_path / "ann.csv").touch()
    with pytest.raises(LabelError, match=r"expected one file a coder, got ann.csv and ann.jsonl"):
        coder_files(tmp_path)


BAD_LINES = [
    ('{"sha": "s", "topics": [], "stances": {}}', "expected the keys id, sha, topics, stances, got no 'id'"),
    ('{"id": "", "sha": "s", "topics": [], "stances": {}}', "expected id as a string, got ''"),
    ('{"id": "a", "sha": 5, "topics": [], "stances": {}}', "expected sha as a string, got 5"),
    ('{"id": "a", "sha": "s", "topics": [], "stances": {}, "notes": ""}', "unknown key 'notes'; did you mean 'note'"),
    ('{"id": "a", "sha": "s", "topics": "aid", "stances": {}}', "expected topics as a list, got str"),
    ('{"id": "a", "sha": "s", "topics": ["ade"], "stances": {}}', "expected a topic .*got 'ade'; did you mean 'aid'"),
    (
        '{"id": "a", "sha": "s", "topics": [], "stances": []}',
        "expected stances as an object of target to stance, got li",
    ),
    ('{"id": "a", "sha": "s", "topics": [], "stances": {"tie": "favor"}}', "expected a target .*did you mean 'ties'"),
    ('{"id": "a", "sha": "s", "topics": [], "stances": {"ties": "pro"}}', "expected a stance for ties .*got 'pro'"),
    (
        '{"id": "x", "sha": "s", "topics": [], "stances": {}}',
        "expected each sentence once, got 'x' again, first in line 1",
    ),
    ("{", "not a JSON object: "),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_a_bad_line_is_refused_with_its_place(tmp_path: Path, line: str, message: str) -> None:
    path = coder_file(tmp_path, '{"id": "x", "sha": "s", "topics": [], "stances": {}}', "", line)
    with pytest.raises(LabelError, match=r"coder\.jsonl, line 3: " + message):
        read_annotations(path, SCHEMA)


def test_every_bad_line_can_be_seen(tmp_path: Path) -> None:
    path = coder_file(tmp_path, '{"id": "a"}', '{"id": "b", "sha": "s", "topics": [], "stances": {}}', '{"id": "c"}')
    assert [(line, type(found)) for line, found in annotation_lines(path, SCHEMA)] == [
        (1, LabelError),
        (2, Annotation),
        (3, LabelError),
    ]


# Merging


def test_equal_labels_are_merged() -> None:
    merged = merge({"ann": [label("a", "aid", ties="favor", note="x")], "bob": [label("a", "aid", ties="favor")]})
    assert (merged.annotations, merged.disagreements) == ((label("a", "aid", ties="favor"),), ())


def test_every_differing_column_is_an_open_disagreement() -> None:
    merged = merge(
        {"ann": [label("a", "aid", ties="favor", aid="neutral")], "bob": [label("a", ties="against", aid="neutral")]}
    )
    assert (merged.annotations, merged.disagreements) == (
        (),
        (
            Disagreement("a", "topic", "aid", {"ann": "yes", "bob": "no"}),
            Disagreement("a", "target", "ties", {"ann": "favor", "bob": "against"}),
        ),
    )


def test_a_disagreement_reads_as_one_line() -> None:
    found = Disagreement("a-01", "target", "ties", {"ann": "favor", "bob": "against"})
    assert str(found) == "a-01: target ties: ann says favor, bob says against"


def test_the_adjudication_settles_a_disagreement() -> None:
    verdict = label("a", ties="against", note="rule 4")
    merged = merge({"ann": [label("a", ties="favor")], "bob": [label("a", ties="against")]}, [verdict])
    assert (merged.annotations, merged.disagreements, len(merged.settled)) == ((verdict,), (), 1)


def test_what_the_adjudication_leaves_out_is_taken_from_the_coders() -> None:
    coders = {
        "ann": [label("a", ties="favor", aid="neutral")],
        "bob": [label("a", "war", ties="favor", aid="neutral")],
    }
    merged = merge(coders, [label("a", "war", note="rule 1")])
    assert merged.annotations == (label("a", "war", ties="favor", aid="neutral", note="rule 1"),)


def test_a_target_that_the_adjudication_leaves_out_stays_open() -> None:
    merged = merge({"ann": [label("a", ties="favor")], "bob": [label("a", "war", ties="against")]}, [label("a", "war")])
    assert ([d.name for d in merged.disagreements], [d.name for d in merged.settled]) == (["ties"], ["war"])


def test_a_target_that_one_coder_labelled_takes_that_label() -> None:
    merged = merge({"ann": [label("a", ties="favor")], "bob": [label("a")]})
    assert merged.annotations == (label("a", ties="favor"),)


def test_a_sentence_of_one_coder_is_taken_as_it_is() -> None:
    merged = merge({"ann": [label("a", "aid"), label("b")], "bob": [label("b")]})
    assert [annotation.id for annotation in merged.annotations] == ["a", "b"]


def test_three_coders_are_compared_together() -> None:
    said = {"x": "favor", "y": "favor", "z": "against"}
    merged = merge({coder: [label("a", ties=stance)] for coder, stance in said.items()})
    assert merged.disagreements[0].labels == said


def test_labels_of_different_texts_are_refused() -> None:
    with pytest.raises(
        LabelError, match="a: expected labels of one and the same text, but ann has sha s, bob has sha t"
    ):
        merge({"ann": [label("a")], "bob": [label("a", sha="t")]})


def test_a_sentence_twice_is_refused() -> None:
    with pytest.raises(LabelError, match="ann: expected each sentence once, got 'a' twice"):
        merge({"ann": [label("a"), label("a")]})


def test_an_adjudication_of_an_unlabelled_sentence_is_refused() -> None:
    with pytest.raises(
        LabelError, match="adjudication: 'a-2' is a sentence that no coder labelled; did you mean 'a-1'"
    ):
        merge({"ann": [label("a-1")]}, [label("a-2")])


def test_two_adjudications_of_one_sentence_are_refused() -> None:
    with pytest.raises(LabelError, match="adjudication: expected each sentence once, got 'a' twice"):
        merge({"ann": [label("a")]}, [label("a"), label("a")])
