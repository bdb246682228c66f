"""Coders' labels: their files, and several coders' labels merged into one with a list of what they differ on.

A coder's file is JSON lines or CSV, as `stance labels sentences` prints them: id and sha tell the sentence, the labels
stand beside it, and what else is there of the sentence may stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stance import jsonl
from stance.errors import LabelError, did_you_mean
from stance.jsonl import sha256
from stance.label_rows import parse_stances, parse_topics, split_topics
from stance.records import Annotation, Article, Sentence
from stance.schema import Schema
from stance.sentences import article_sentences
from stance.sources import read_source

SUFFIXES = (".jsonl", ".csv")
_KEYS = ("id", "sha", "topics", "stances")
_SENTENCE = ("article", "register", "date", "text")
"""What may stand beside the labels, as the coder was given it."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One column of one sentence on which coders differ: a topic ("yes" or "no") or a target (a stance)."""

    id: str
    kind: str
    """"topic" or "target"."""
    name: str
    labels: Mapping[str, str]
    """Coder -> label."""

    def __str__(self) -> str:
        """One line for people."""
        said = ", ".join(f"{coder} says {label}" for coder, label in self.labels.items())
        return f"{self.id}: {self.kind} {self.name}: {said}"


@dataclass(frozen=True, slots=True)
class Merged:
    """Several coders' labels made one: what is agreed or adjudicated, and what is still open."""

    annotations: tuple[Annotation, ...]
    """Without the sentences that have an open disagreement."""
    disagreements: tuple[Disagreement, ...]
    """Open ones."""
    settled: tuple[Disagreement, ...] = ()
    """Those that the adjudication decided."""


def numbered_sentences(article: Article) -> Iterator[tuple[str, Sentence]]:
    """Each sentence of an article with its id, ``<article>-<nn>``, counted from 01 in text order."""
    for number, sentence in enumerate(article_sentences(article), start=1):
        yield f"{article.id}-{number:02d}", sentence


def coder_files(folder: jsonl.PathLike) -> dict[str, Path]:
    """Coder -> file of a folder of coders' files, by name.

    Raises:
        LabelError: two files of one name.
    """
    found: dict[str, Path] = {}
    for file in sorted(path for path in Path(folder).glob("[!.]*") if path.suffix.lower() in SUFFIXES):
        if file.stem in found:
            raise LabelError(f"expected one file a coder, got {found[file.stem].name} and {file.name}", file=folder)
        found[file.stem] = file
    return found


def read_annotations(path: jsonl.PathLike, schema: Schema) -> list[Annotation]:
    """One coder's file: id, sha, topics, stances and, if wanted, note; a JSON object a line, or CSV.

    In CSV, topics are joined by ``;``, and each target has a column. A row in which nothing is filled in yet is passed
    over.

    Raises:
        LabelError: with file and line: a missing or unknown key, an unknown label, or an id that comes twice.
    """
    annotations = []
    for _, found in annotation_lines(path, schema):
        if isinstance(found, LabelError):
            raise found
        annotations.append(found)
    return annotations


def annotation_lines(path: jsonl.PathLike, schema: Schema) -> Iterator[tuple[int, Annotation | LabelError]]:
    """Line number and annotation, or what is wrong with the line, for those who want to see every error."""
    lines: dict[str, int] = {}
    table = Path(path).suffix.lower() == ".csv"
    rows = _csv_rows(path, schema) if table else jsonl.read_jsonl(path)
    while True:
        try:
            line, row = next(rows)
        except StopIteration:
            return
        except LabelError as error:  # not JSON: the reader ends here
            yield error.line or 0, error
            return
        try:
            if table:
                row["topics"] = split_topics(row["topics"], schema.topic_names)
            annotation = parse_annotation(row, schema)
            if annotation.id in lines:
                raise LabelError(
                    f"expected each sentence once, got {annotation.id!r} again, first in line {lines[annotation.id]}"
                )
        except LabelError as error:
            yield line, LabelError(str(error), file=path, line=line)
        else:
            lines[annotation.id] = line
            yield line, annotation


def _csv_rows(path: jsonl.PathLike, schema: Schema) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and object of each row of a coder's CSV in which something is filled in; topics as they stand there."""
    columns = ("topics", *schema.target_names)
    for row in read_source(path):
        for column in columns:
            if column not in row.values:
                raise row.column_error(f"expected the columns id, sha, {', '.join(columns)}, got no {column!r}")
        cells = {column: cell for column, cell in row.values.items() if column and column not in columns}
        labels = {column: row.values[column].strip() for column in columns}
        if schema.targets and not any(labels.values()) and not cells.get("note", "").strip():
            continue
        stances = {target: stance for target, stance in labels.items() if target != "topics" and stance}
        yield row.line or 0, cells | {"topics": labels["topics"], "stances": stances}


def write_annotations(annotations: Iterable[Annotation], path: jsonl.PathLike) -> None:
    """Write what `read_annotations` reads, atomically; an empty note is left out."""
    rows = (
        {"id": a.id, "sha": a.sha, "topics": list(a.topics), "stances": dict(a.stances)}
        | ({"note": a.note} if a.note else {})
        for a in annotations
    )
    jsonl.write_jsonl(path, rows)


def parse_annotation(row: Mapping[str, Any], schema: Schema) -> Annotation:
    """The annotation of one JSON object, checked; topics and targets come in schema order."""
    check_keys(row, _KEYS, ("note", *_SENTENCE))
    topics, stances = parse_labels(row, schema)
    if "text" in row and sha256(string(row, "text")) != row["sha"]:
        raise LabelError(f"{row['id']}: expected the text as it was given, got another one; its sha tells")
    return Annotation(
        id=string(row, "id"), sha=string(row, "sha"), topics=topics, stances=stances, note=string(row, "note", "")
    )


def parse_labels(row: Mapping[str, Any], schema: Schema) -> tuple[tuple[str, ...], dict[str, str]]:
    """The ``topics`` list and ``stances`` object of a coder's row, checked."""
    if not isinstance(row["topics"], list):
        raise LabelError(f"expected topics as a list, got {type(row['topics']).__name__}")
    if not isinstance(row["stances"], dict):
        raise LabelError(f"expected stances as an object of target to stance, got {type(row['stances']).__name__}")
    return parse_topics(row["topics"], schema) or (), parse_stances(row["stances"], schema)


def check_keys(row: Mapping[str, Any], needed: Sequence[str], optional: Sequence[str] = ()) -> None:
    """A `LabelError` where a key is missing or unknown."""
    for key in row:
        if key not in (*needed, *optional):
            raise LabelError(f"unknown key {key!r}{did_you_mean(key, (*needed, *optional))}")
    for key in needed:
        if key not in row:
            raise LabelError(f"expected the keys {', '.join(needed)}, got no {key!r}")


def string(row: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """The string under ``key``; a `LabelError` where it is something else, or empty without a default."""
    value = row.get(key, default)
    if not isinstance(value, str) or not (value or default is not None):
        raise LabelError(f"expected {key} as a string, got {value!r}")
    return value


def merge(coders: Mapping[str, Sequence[Annotation]], adjudication: Iterable[Annotation] = ()) -> Merged:
    """One annotation per sentence: what its coders agree on, or what the adjudication says.

    An adjudicated sentence has the adjudication's topics, its stances, and for targets that it leaves out the stance
    that the coders agree on. A target that only some coders labelled takes their label.

    Args:
        coders: coder -> annotations.

    Raises:
        LabelError: coders labelled different texts under one id, a coder has an id twice, or the adjudication decides
            a sentence that nobody labelled.
    """
    said: dict[str, dict[str, Annotation]] = {}
    for coder, labels in coders.items():
        for annotation in labels:
            if coder in said.setdefault(annotation.id, {}):
                raise LabelError(f"{coder}: expected each sentence once, got {annotation.id!r} twice")
            said[annotation.id][coder] = annotation
    verdicts = _verdicts(adjudication, said)
    merged: list[Annotation] = []
    still_open: list[Disagreement] = []
    settled: list[Disagreement] = []
    for name, by_coder in said.items():
        verdict = verdicts.get(name)
        _one_text(name, by_coder if verdict is None else by_coder | {"adjudication": verdict})
        undecided: list[Disagreement] = []
        for difference in _differences(name, by_coder):
            (settled if _decides(verdict, difference) else undecided).append(difference)
        still_open += undecided
        if not undecided:
            merged.append(_joined(list(by_coder.values()), verdict))
    return Merged(tuple(merged), tuple(still_open), tuple(settled))


def _verdicts(adjudication: Iterable[Annotation], said: Mapping[str, object]) -> dict[str, Annotation]:
    verdicts: dict[str, Annotation] = {}
    for verdict in adjudication:
        if verdict.id not in said:
            raise LabelError(
                f"adjudication: {verdict.id!r} is a sentence that no coder labelled" + did_you_mean(verdict.id, said)
            )
        if verdict.id in verdicts:
            raise LabelError(f"adjudication: expected each sentence once, got {verdict.id!r} twice")
        verdicts[verdict.id] = verdict
    return verdicts


def _one_text(name: str, by_coder: Mapping[str, Annotation]) -> None:
    shas = {coder: annotation.sha for coder, annotation in by_coder.items()}
    if len(set(shas.values())) > 1:
        told = ", ".join(f"{coder} has sha {sha[:12]}" for coder, sha in shas.items())
        raise LabelError(f"{name}: expected labels of one and the same text, but {told}")


def _differences(name: str, by_coder: Mapping[str, Annotation]) -> Iterator[Disagreement]:
    for topic in dict.fromkeys(topic for a in by_coder.values() for topic in a.topics):
        labels = {coder: "yes" if topic in a.topics else "no" for coder, a in by_coder.items()}
        if len(set(labels.values())) > 1:
            yield Disagreement(name, "topic", topic, labels)
    for target in dict.fromkeys(target for a in by_coder.values() for target in a.stances):
        labels = {coder: a.stances[target] for coder, a in by_coder.items() if target in a.stances}
        if len(set(labels.values())) > 1:
            yield Disagreement(name, "target", target, labels)


def _decides(verdict: Annotation | None, difference: Disagreement) -> bool:
    return verdict is not None and (difference.kind == "topic" or difference.name in verdict.stances)


def _joined(agreed: Sequence[Annotation], verdict: Annotation | None) -> Annotation:
    stances = {target: stance for a in agreed for target, stance in a.stances.items()}
    if verdict is None:
        return replace(agreed[0], stances=stances, note="")
    return replace(verdict, stances=stances | dict(verdict.stances))
