"""A labels folder: sentence ids, every kind of problem, and gold that comes out the same to the byte."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stance.annotations import read_annotations, write_annotations
from stance.errors import LabelError
from stance.gold import Problem, build_gold, check, sentences_to_label, write_gold
from stance.labels import read_rows
from stance.records import Annotation
from stance.schema import Output, Schema

SCHEMA = Schema(topics=(Output(name="aid"),), targets=(Output(name="ties"),), default_target="ties")
SHARES = (("train", 0.6), ("test", 0.4))


def write_article(folder: Path, name: str, *sentences: str) -> None:
    path = folder / "articles" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"---\nid: {name}\nregister: wire\ndate: 2020-01-02\n---\n"
    path.write_text(head + "\n\n".join(sentences) + "\n", encoding="utf-8")


def code(folder: Path, coder: str, change: Callable[[Annotation], Annotation | None] = lambda label: label) -> None:
    """A coder's file that labels every sentence alike, but for ``change``; None leaves a sentence out."""
    labels = (
        change(Annotation(id=s.id, sha=s.sha, topics=("aid",), stances={"ties": "favor"}))
        for s in sentences_to_label(folder)
    )
    write_annotations([label for label in labels if label is not None], folder / "annotations" / f"{coder}.jsonl")


def differing(name: str, **changes: object) -> Callable[[Annotation], Annotation | None]:
    """Changes one sentence's label; ``leave_out=True`` drops it."""

    def change(label: Annotation) -> Annotation | None:
        if label.id != name:
            return label
        return None if changes.get("leave_out") else dataclasses.replace(label, **changes)  # type: ignore[arg-type]

    return change


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five articles of two sentences, labelled alike by two coders."""
    for name in ("e", "d", "c", "b", "a"):
        write_article(
            tmp_path, name, f"Envoys of the {name} delegation met in Dandong.", "Grain trucks crossed the bridge."
        )
    code(tmp_path, "coder_a")
    code(tmp_path, "coder_b")
    return tmp_path


def problems(folder: Path) -> list[str]:
    return [str(problem).removeprefix(f"{folder}/") for problem in check(folder, SCHEMA)]


def test_sentences_are_numbered_in_each_article(folder: Path) -> None:
    found = sentences_to_label(folder)
    assert [s.id for s in found[:4]] == ["a-01", "a-02", "b-01", "b-02"]


def test_a_sentence_to_label_carries_its_articles_register_and_date(folder: Path) -> None:
    first = sentences_to_label(folder)[0]
    assert (first.article, first.register, first.date, first.text) == (
        "a",
        "wire",
        "2020-01-02",
        "Envoys of the a delegation met in Dandong.",
    )


def test_articles_outside_a_labels_folder_can_be_split_too(folder: Path) -> None:
    assert sentences_to_label(folder / "articles") == sentences_to_label(folder)


def test_a_sound_folder_has_no_problems(folder: Path) -> None:
    assert problems(folder) == []


def test_gold_holds_every_sentence_once_and_whole_articles(folder: Path) -> None:
    gold = build_gold(folder, SCHEMA, seed=0, shares=SHARES)
    articles = {split: {row.article for row in rows} for split, rows in gold.items()}
    assert (sorted(row.id for rows in gold.values() for row in rows), articles["train"] & articles["test"]) == (
        [sentence.id for sentence in sentences_to_label(folder)],
        set(),
    )


def test_gold_rows_are_sorted_by_article_and_sentence(folder: Path) -> None:
    ids = [row.id for row in build_gold(folder, SCHEMA, seed=0, shares=SHARES)["train"]]
    assert ids == sorted(ids)


def test_the_hundredth_sentence_comes_after_the_ninety_ninth(tmp_path: Path) -> None:
    write_article(tmp_path, "a", *(f"Grain truck number {n} crossed the bridge." for n in range(1, 102)))
    code(tmp_path, "coder_a")
    rows = build_gold(tmp_path, SCHEMA, seed=0, shares=(("train", 1.0),))["train"]
    assert [row.id for row in rows[98:]] == ["a-99", "a-100", "a-101"]


def test_gold_comes_out_the_same_to_the_byte(folder: Path, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        paths = write_gold(build_gold(folder, SCHEMA, seed=1, shares=SHARES), tmp_path / name, SCHEMA)
        written.append({path.name: path.read_bytes() for path in paths})
    assert written[0] == written[1]


def test_gold_written_is_read_as_a_labels_folder(folder: Path) -> None:
    gold = build_gold(folder, SCHEMA, seed=0, shares=SHARES)
    write_gold(gold, folder, SCHEMA)
    assert read_rows(folder, SCHEMA, splits=("test",)) == gold["test"]


# Problems


def test_a_changed_sentence_makes_its_label_stale(folder: Path) -> None:
    write_article(folder, "a", "Envoys of the a delegation met in Dandong.", "Grain trucks crossed both bridges.")
    pattern = (
        r"annotations/coder_a\.jsonl, line 2: a-02: the sentence changed since it was labelled \(sha \w+, now \w+\);"
    )
    assert re.match(pattern + " label it again", problems(folder)[0])


def test_a_stale_label_is_one_problem_a_coder(folder: Path) -> None:
    write_article(folder, "a", "Envoys of the a delegation met in Dandong.", "Grain trucks crossed both bridges.")
    assert len(problems(folder)) == 2


def test_a_label_whose_text_moved_says_where_to(folder: Path) -> None:
    write_article(folder, "a", "Word came early.", "Envoys of the a delegation met in Dandong.")
    assert any(
        "a-01: the sentence changed" in line and "the text labelled is now a-02" in line for line in problems(folder)
    )


def test_a_label_of_no_sentence_is_a_problem(folder: Path) -> None:
    code(folder, "coder_a", differing("b-02", id="b-20"))
    assert problems(folder)[0] == (
        "annotations/coder_a.jsonl, line 4: no sentence has the id 'b-20'; its text is now b-02"
    )


def test_a_sentence_left_out_is_a_problem(folder: Path) -> None:
    code(folder, "coder_b", differing("c-01", leave_out=True))
    assert problems(folder) == [
        "annotations/coder_b.jsonl: expected a label for every sentence of c, got none for c-01"
    ]


def test_articles_that_nobody_labelled_are_one_problem(folder: Path) -> None:
    write_article(folder, "f", "Snow fell.")
    write_article(folder, "g", "Snow fell again.")
    assert problems(folder) == ["annotations: expected labels for every article, got none for 2: f, g"]


def test_an_article_of_one_coder_is_no_problem(folder: Path) -> None:
    write_article(folder, "f", "Snow fell.")
    code(folder, "coder_a")
    assert problems(folder) == []


def test_a_target_without_a_stance_is_a_problem(folder: Path) -> None:
    code(folder, "coder_a", differing("a-01", stances={}))
    assert problems(folder) == [
        "annotations/coder_a.jsonl, line 1: a-01: expected a stance for every target, got none for ties"
    ]


def test_an_open_disagreement_is_a_problem(folder: Path) -> None:
    code(folder, "coder_b", differing("d-02", stances={"ties": "against"}))
    assert problems(folder) == [
        "annotations/adjudication.jsonl: open disagreement: d-02: target ties: coder_a says favor, coder_b says against"
    ]


def adjudicate(folder: Path, name: str, **changes: object) -> None:
    def verdict(label: Annotation) -> Annotation | None:
        return differing(name, **changes)(label) if label.id == name else None

    code(folder, "adjudication", verdict)


def test_an_adjudicated_disagreement_is_none(folder: Path) -> None:
    code(folder, "coder_b", differing("d-02", stances={"ties": "against"}))
    adjudicate(folder, "d-02", stances={"ties": "against"}, note="rule 3: concern is against")
    assert problems(folder) == []


def test_the_adjudications_label_goes_into_gold(folder: Path) -> None:
    code(folder, "coder_b", differing("d-02", stances={"ties": "against"}))
    adjudicate(folder, "d-02", stances={"ties": "against"}, note="rule 3: concern is against")
    rows = {row.id: row for rows in build_gold(folder, SCHEMA, seed=0, shares=SHARES).values() for row in rows}
    assert rows["d-02"].stances == {"ties": "against"}


@pytest.mark.parametrize("note", ["", "two\nlines"])
def test_an_adjudication_without_a_reason_in_one_line_is_a_problem(folder: Path, note: str) -> None:
    adjudicate(folder, "d-02", note=note)
    assert problems(folder) == [
        f"annotations/adjudication.jsonl, line 1: d-02: expected a note that gives the reason in one line, got {note!r}"
    ]


def test_an_adjudication_of_what_nobody_labelled_is_a_problem(folder: Path) -> None:
    write_article(folder, "f", "Snow fell.")
    adjudicate(folder, "f-01", note="rule 6")
    assert "annotations/adjudication.jsonl: f-01 is adjudicated, but no coder labelled it" in problems(folder)


def test_a_label_that_does_not_parse_is_a_problem_with_its_line(folder: Path) -> None:
    path = folder / "annotations" / "coder_a.jsonl"
    path.write_text(path.read_text().replace('"favor"', '"favour"', 1))
    assert problems(folder)[0] == (
        "annotations/coder_a.jsonl, line 1: "
        "expected a stance for ties ('favor', 'against' or 'neutral'), got 'favour'; did you mean 'favor'?"
    )


def test_all_problems_are_listed(folder: Path) -> None:
    code(folder, "coder_a", differing("a-01", stances={}))
    code(folder, "coder_b", differing("c-01", leave_out=True))
    assert len(problems(folder)) == 2


def test_a_folder_without_coders_is_a_problem(tmp_path: Path) -> None:
    write_article(tmp_path, "a", "Snow fell.")
    assert problems(tmp_path) == ["annotations: expected a coder's labels, <coder>.jsonl or <coder>.csv, found none"]


def test_a_folder_without_articles_is_a_problem(tmp_path: Path) -> None:
    assert problems(tmp_path) == ["articles: expected a folder of articles, found nothing"]


def test_an_article_that_cannot_be_read_is_a_problem_of_that_file(folder: Path) -> None:
    (folder / "articles" / "z.txt").write_bytes(b"\xff")
    (found,) = check(folder, SCHEMA)
    assert (Path(found.file).name, found.message.startswith("expected UTF-8")) == ("z.txt", True)


def test_gold_is_not_built_while_there_are_problems(folder: Path) -> None:
    code(folder, "coder_a", differing("a-01", stances={}))
    code(folder, "coder_b", differing("c-01", leave_out=True))
    with pytest.raises(
        LabelError, match=r"coder_a\.jsonl, line 1: a-01: expected a stance .*\(and 1 more: `stance labels"
    ):
        build_gold(folder, SCHEMA, seed=0)


def test_a_problem_reads_with_its_place_first() -> None:
    assert str(Problem("no", "labels/x.jsonl", 3)) == "labels/x.jsonl, line 3: no"


def test_a_coders_file_of_the_folder_is_an_annotation_file(folder: Path) -> None:
    assert len(read_annotations(folder / "annotations" / "coder_a.jsonl", SCHEMA)) == 10


def test_a_split_that_is_given_up_must_be_taken_away(folder: Path) -> None:
    write_gold(build_gold(folder, SCHEMA, seed=0, shares=(("train", 0.6), ("dev", 0.4))), folder, SCHEMA)
    two = build_gold(folder, SCHEMA, seed=0, shares=SHARES)  # the two articles of dev are in train or test
    (folder / "gold" / "extra.jsonl").write_text('{"article": "of one\'s own"}\n')
    with pytest.raises(LabelError, match=r"dev\.jsonl: it holds 2 articles that are now in another part"):
        write_gold(two, folder, SCHEMA)
    (folder / "gold" / "dev.jsonl").unlink()
    write_gold(two, folder, SCHEMA)
    (folder / "gold" / "extra.jsonl").unlink()
    assert len(read_rows(folder, SCHEMA)) == 10


def test_gold_keeps_the_splits_it_has_unless_asked_for_new_ones(folder: Path) -> None:
    first = build_gold(folder, SCHEMA, seed=0, shares=SHARES)
    write_gold(first, folder, SCHEMA)
    assert build_gold(folder, SCHEMA, seed=1, shares=SHARES) == first
    seeds = [build_gold(folder, SCHEMA, seed=seed, shares=SHARES, kept={}) for seed in range(4)]
    assert seeds[0] == first
    assert any(gold != first for gold in seeds)
