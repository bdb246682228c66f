"""Stand-off labels: no text in the file, the text again from the reader's copy, also where the copy differs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.annotations import numbered_sentences
from stance.articles import read_articles
from stance.errors import LabelError
from stance.records import Annotation, Article
from stance.schema import Output, Schema
from stance.standoff import dehydrate, hydrate, read_standoff, write_standoff

SCHEMA = Schema(topics=(Output(name="aid"),), targets=(Output(name="ties"),), default_target="ties")
TEXT = "Envoys meet in Dandong\n\nGrain trucks crossed the bridge. “Trade is back,” a driver said.\n"


def annotated(article: Article) -> list[Annotation]:
    return [
        Annotation(id=name, sha=s.sha, topics=("aid",), stances={"ties": "favor"}, note="rule 2")
        for name, s in numbered_sentences(article)
    ]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The reader's copy: one article."""
    path = tmp_path / "copies" / "dandong.txt"
    path.parent.mkdir()
    path.write_bytes(TEXT.encode())
    return path


@pytest.fixture
def standoff(copy: Path, tmp_path: Path) -> Path:
    (article,) = read_articles(copy)
    write_standoff(dehydrate(annotated(article), [article]), tmp_path / "gold.jsonl")
    return tmp_path / "gold.jsonl"


def texts(standoff: Path, copies: Path) -> list[str]:
    return [row.text for row in hydrate(standoff, copies, SCHEMA).rows]


SENTENCES = ["Envoys meet in Dandong", "Grain trucks crossed the bridge.", "“Trade is back,” a driver said."]


def test_the_file_holds_no_text(standoff: Path) -> None:
    assert not any(word in standoff.read_text() for word in ("Envoys", "Grain", "driver"))


def test_a_line_has_its_keys_in_order(standoff: Path) -> None:
    first = json.loads(standoff.read_text().splitlines()[0])
    assert list(first) == ["article", "article_sha", "start", "end", "sentence_sha", "topics", "stances", "note"]


def test_spans_point_into_the_article(standoff: Path) -> None:
    assert [TEXT[label.start : label.end] for label in read_standoff(standoff, SCHEMA)] == SENTENCES


def test_the_readers_copy_gives_the_text_again(standoff: Path, copy: Path) -> None:
    assert texts(standoff, copy) == SENTENCES


def test_a_row_has_labels_and_a_group(standoff: Path, copy: Path) -> None:
    row = hydrate(standoff, copy, SCHEMA).rows[1]
    assert (row.id, row.article, row.topics, row.stances) == ("dandong@24", "dandong", ("aid",), {"ties": "favor"})


def test_the_copy_may_have_another_name(standoff: Path, copy: Path) -> None:
    assert texts(standoff, copy.rename(copy.with_name("download (3).txt"))) == SENTENCES


def test_labels_of_a_copy_with_other_line_ends_fit_one_with_these(copy: Path, tmp_path: Path) -> None:
    text = TEXT.replace("\n", "\r\n")
    sha = hashlib.sha256
    start = text.index(SENTENCES[1])
    row = {"article": "dandong", "article_sha": sha(text.encode()).hexdigest(), "start": start,
           "end": start + len(SENTENCES[1]), "sentence_sha": sha(SENTENCES[1].encode()).hexdigest(),
           "topics": [], "stances": {}}  # fmt: skip
    path = tmp_path / "crlf.jsonl"
    path.write_text(json.dumps(row))
    assert texts(path, copy) == [SENTENCES[1]]


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("Envoys", "\ufeffEnvoys")], ids=["line ends", "byte order mark"])
def test_another_encoding_of_the_same_text_does_not_matter(standoff: Path, copy: Path, change: tuple[str, str]) -> None:
    copy.write_bytes(TEXT.replace(*change, 1 if change[0] == "Envoys" else -1).encode())
    assert texts(standoff, copy) == SENTENCES


def test_unchanged_sentences_of_a_changed_article_are_found(standoff: Path, copy: Path) -> None:
    copy.write_text(TEXT.replace("Grain", "Wheat") + "\nMore to come.\n", encoding="utf-8")
    found = hydrate(standoff, copy, SCHEMA)
    assert ([row.text for row in found.rows], [label.start for label in found.missing]) == (
        [SENTENCES[0], SENTENCES[2]],
        [24],  # "Envoys meet in Dandong" is 22 characters, then two line ends
    )


def test_an_article_that_the_reader_lacks_is_reported(standoff: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("Snow fell.", encoding="utf-8")
    assert (hydrate(standoff, other, SCHEMA).rows, len(hydrate(standoff, other, SCHEMA).missing)) == ((), 3)


def test_a_span_that_does_not_hold_the_sentence_is_not_believed(standoff: Path, copy: Path) -> None:
    rows = [json.loads(line) for line in standoff.read_text().splitlines()]
    rows[0]["sentence_sha"] = "0" * 64
    standoff.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [label.start for label in hydrate(standoff, copy, SCHEMA).missing] == [0]


def test_labels_without_text_can_be_compared_as_annotations(standoff: Path) -> None:
    label = read_standoff(standoff, SCHEMA)[0]
    assert label.annotation() == Annotation(
        id="dandong@0", sha=label.sentence_sha, topics=("aid",), stances={"ties": "favor"}, note="rule 2"
    )


def test_stand_off_labels_written_are_read_back(standoff: Path, tmp_path: Path) -> None:
    labels = read_standoff(standoff, SCHEMA)
    write_standoff(labels, tmp_path / "again.jsonl")
    assert read_standoff(tmp_path / "again.jsonl", SCHEMA) == labels


def test_a_stale_annotation_is_not_dehydrated() -> None:
    article = Article(id="a", text=TEXT)
    stale = [dataclasses.replace(annotated(article)[0], sha="x")]
    with pytest.raises(LabelError, match="a-01: the sentence changed since it was labelled; label it again"):
        dehydrate(stale, [article])


def test_an_annotation_of_no_sentence_is_not_dehydrated() -> None:
    with pytest.raises(LabelError, match="no sentence of the articles has the id 'b-01'"):
        dehydrate(annotated(Article(id="b", text=TEXT)), [Article(id="a", text=TEXT)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": -1}, "expected start as a whole number from 0, got -1"),
        ({"start": True}, "expected start as a whole number from 0, got True"),
        ({"end": "9"}, "expected end as a whole number from 0, got '9'"),
        ({"end": 0}, "expected a span that ends after it starts, got 0 to 0"),
        ({"stances": {"ties": "pro"}}, "expected a stance for ties .*got 'pro'"),
        ({"text": "Envoys"}, "unknown key 'text'"),
        ({"article_sha": None}, "expected article_sha as a string, got None"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(standoff: Path, change: dict[str, object], message: str) -> None:
    first, *rest = standoff.read_text().splitlines()
    standoff.write_text("\n".join([json.dumps(json.loads(first) | change), *rest]))
    with pytest.raises(LabelError, match=r"gold\.jsonl, line 1: " + message):
        read_standoff(standoff, SCHEMA)


def test_a_span_twice_is_refused(standoff: Path) -> None:
    standoff.write_text(standoff.read_text() * 2)
    with pytest.raises(LabelError, match="line 4: expected each sentence once, got 'dandong@0' again"):
        read_standoff(standoff, SCHEMA)


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@settings(max_examples=60, deadline=None)
def test_every_sentence_of_any_text_comes_back(text: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.txt").write_bytes(b"Word came early.\n\n" + text.encode())
        (article,) = read_articles(folder / "a.txt")
        write_standoff(dehydrate(annotated(article), [article]), folder / "labels.jsonl")
        found = hydrate(folder / "labels.jsonl", folder / "a.txt", SCHEMA)
    assert [row.text for row in found.rows] == [sentence.text for _, sentence in numbered_sentences(article)]
