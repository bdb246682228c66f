"""Label rows in and out of files and frames, checked against the schema, with errors that say where."""

from __future__ import annotations

import csv
import dataclasses
import difflib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stance import jsonl
from stance.errors import LabelError, did_you_mean, listed
from stance.label_rows import LABEL_COLUMNS, NOT_LABELLED, PLAIN_COLUMNS, gold_row, no_text, parse_row, split_topics
from stance.records import LabelledSentence
from stance.schema import STANCES, Output, Schema
from stance.sources import SUFFIXES, Source, SourceRow, extra, folders, missing, read_source

IGNORED_COLUMNS = frozenset({
    "note", "notes", "comment", "source", "url", "link", "title", "headline", "author", "publisher", "outlet",
    "section", "language", "country", "provenance", "split", "fold", "sha", "coder", "annotator", "confidence",
    "index", "start", "end", "sentence_sha", "article_sha", "__index_level_0__",
    "topic_probabilities", "stance_probabilities",
})  # fmt: skip
"""Columns that may stand beside the labels and are never read."""


def read_rows(
    source: Source, schema: Schema | None = None, *, splits: Sequence[str] | None = None
) -> list[LabelledSentence]:
    """Read label rows, in order.

    Of several files, a row replaces one of the same ``id`` in an earlier file, and keeps that one's article unless it
    names another: corrections can stand beside what they correct.

    A row needs ``text`` and at least one label column: ``topics`` (a list, or a string split at ``;``, ``|`` or
    ``,``; blank is "no topic", absent is "not labelled"), ``stance`` (toward the schema's default target), a column
    per target named after it, or ``stances`` (target -> stance). A stance that is blank, None or NaN was not
    labelled. ``id`` defaults to ``row-<n>``; ``article`` to the id, so that the row is its own group.

    Args:
        source: path of a .csv, .tsv, .jsonl or .parquet file or of a labels folder (its ``gold/*.jsonl``), a list of
            such paths, a pandas DataFrame, a ``datasets.Dataset``, or an iterable of mappings or `LabelledSentence`.
        schema: what the labels may be; None takes `infer_schema`'s.
        splits: of labels folders, the files to read: ("train", "dev").

    Raises:
        LabelError: with file, line, what was expected, what came, and "did you mean".
    """
    found = read_source(source, splits=splits)
    if schema is None:
        schema = folder_schema(source) or infer_schema(found)
    _check_columns(found, schema)
    rows: dict[str, LabelledSentence] = {}
    places: dict[str, SourceRow] = {}
    for number, source_row in enumerate(found, start=1):
        try:
            row = parse_row(source_row.values, schema, f"row-{number}")
        except LabelError as error:
            raise source_row.error(str(error)) from None
        if row.id in places:
            if places[row.id].origin == source_row.origin:
                raise source_row.error(f"expected distinct ids, got {row.id!r} again, first in {places[row.id].place}")
            if row.article == row.id:
                row = dataclasses.replace(row, article=rows[row.id].article)
        places[row.id] = source_row
        rows[row.id] = row
    return list(rows.values())


def infer_schema(source: Source) -> Schema:
    """The schema that the labels themselves speak of; a labels folder's own ``schema.toml`` where there is one.

    Topics are the distinct values, sorted; targets are the stance columns in their order (``stance`` alone is the
    target "stance"), the first of them, or ``stance``, the default; stances are `STANCES`. The source must be one that
    can be read twice: a path, a frame, a list.

    Raises:
        LabelError: a column is neither a known one nor a target's (all of a target's values are stances).
    """
    found = folder_schema(source) or read_source(source)
    if isinstance(found, Schema):
        return found
    topics: set[str] = set()
    targets: dict[str, None] = {}
    for row in found:
        topics.update(_topics(row))
        if isinstance(stances := row.values.get("stances"), Mapping):
            targets.update(dict.fromkeys(str(target) for target in stances))
    columns = _columns(found)
    if found and "text" not in columns and not any(_like(column, ("text",)) for column in columns):
        raise found[0].error(no_text(columns))
    for column, values in columns.items():
        if column == "stance" or _is_target(column, values):
            targets[column] = None
    if not topics and not targets:
        raise LabelError("expected labels to infer a schema from (topics, stance, or a column per target), got none")
    default = "stance" if "stance" in targets else next(iter(targets), None)
    return Schema(
        topics=tuple(Output(name=topic) for topic in sorted(topics)),
        targets=tuple(Output(name=target) for target in targets),
        default_target=default,
    )


def write_rows(rows: Iterable[LabelledSentence], path: jsonl.PathLike, schema: Schema) -> None:
    """Write .csv, .tsv, .jsonl or .parquet, by the path's suffix, atomically; `read_rows` gives the same rows back.

    CSV has one column per target and begins with a byte order mark, without which Excel garbles curly quotes.

    Raises:
        LabelError: an unknown suffix, a label that the schema does not know, or text that UTF-8 cannot hold.
        MissingExtraError: Parquet without pyarrow.
    """
    rows = list(rows)
    writers: dict[str, Callable[[list[LabelledSentence], Schema], bytes]] = {
        ".csv": lambda rows, schema: _csv(rows, schema, ","),
        ".tsv": lambda rows, schema: _csv(rows, schema, "\t"),
        ".jsonl": lambda rows, schema: "".join(jsonl.dumps(gold_row(row, schema)) + "\n" for row in rows).encode(),
        ".parquet": _parquet,
    }
    suffix = Path(path).suffix.lower()
    if suffix not in writers:
        raise LabelError(f"expected a file that ends in {listed(SUFFIXES)}", file=path)
    try:
        data = writers[suffix](rows, schema)
    except UnicodeEncodeError as error:
        raise LabelError(f"expected text that UTF-8 can hold, got {error.object[:60]!r}", file=path) from None
    jsonl.write_bytes(path, data)


def to_frame(rows: Iterable[LabelledSentence], schema: Schema) -> Any:
    """A pandas DataFrame: the plain columns, ``topics`` as lists, one column per target (None: not labelled)."""
    pandas = extra("pandas", "to_frame")
    columns = _flat_columns(schema)
    return pandas.DataFrame([_flat(row, schema) for row in rows], columns=columns)


def to_dataset(rows: Iterable[LabelledSentence], schema: Schema) -> Any:
    """A ``datasets.Dataset`` of gold rows: ``topics`` a list of strings, ``stances`` a struct."""
    datasets = extra("datasets", "to_dataset")
    string = datasets.Value("string")
    features = dict.fromkeys(PLAIN_COLUMNS, string) | {"topics": [string]}
    if schema.targets:  # Arrow has no struct without fields
        features["stances"] = dict.fromkeys(schema.target_names, string)
    found = _structs(rows, schema)
    columns = {column: [row[column] for row in found] for column in features}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def folder_schema(source: Source) -> Schema | None:
    """The ``schema.toml`` of the first labels folder that has one, among the source's paths."""
    own = (folder / "schema.toml" for folder in folders(source))
    return next((Schema.load(file) for file in own if file.is_file()), None)


def _columns(found: Iterable[SourceRow]) -> dict[str, list[tuple[SourceRow, Any]]]:
    """Column -> its values and their rows, columns in order of first appearance."""
    columns: dict[str, list[tuple[SourceRow, Any]]] = {}
    for row in found:
        for column, value in row.values.items():
            columns.setdefault(str(column), []).append((row, value))
    return columns


def _topics(row: SourceRow) -> list[str]:
    value = row.values.get("topics")
    try:
        topics = [] if isinstance(value, str) and value == NOT_LABELLED else split_topics(value)
    except LabelError as error:
        raise row.error(str(error)) from None
    for topic in topics:
        if not isinstance(topic, str) or not topic.strip():
            raise row.error(f"expected a topic's name, got {topic!r}")
    return topics


def _is_target(column: str, values: list[tuple[SourceRow, Any]]) -> bool:
    """Whether a column of an unknown schema holds stances; raises where that cannot be told."""
    known = (*PLAIN_COLUMNS, *LABEL_COLUMNS)
    if column in known or _ignored(column):
        return False
    given = [(row, value) for row, value in values if not missing(value) and value != ""]
    if given and (near := _like(column, known)):
        raise given[0][0].column_error(f"unknown column {column!r}; did you mean {near!r}?")
    for row, value in given:
        if not isinstance(value, str) or value.strip() not in STANCES:
            raise row.error(
                f"column {column!r} is no known one, so expected a target's stances in it ({listed(STANCES)}), got "
                f"{value!r}{did_you_mean(value, STANCES)}; columns without labels may be called 'note', 'title', "
                "'source', 'url' and the like: rename this one, or take it away"
            )
    return bool(given)


def _ignored(column: str) -> bool:
    return not column.strip() or column in IGNORED_COLUMNS or column.startswith(("Unnamed: ", "probability_"))


def _like(column: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(column.strip().lower(), list(known), n=1, cutoff=0.8)), "")


def _check_columns(found: Iterable[SourceRow], schema: Schema) -> None:
    known = (*PLAIN_COLUMNS, *LABEL_COLUMNS, *schema.target_names)
    first: dict[str, SourceRow] = {}
    for row in found:
        for column in row.values:
            if column not in first:
                first[column] = row
    for column, row in first.items():
        # Other columns are the user's own business, unless one is a known name misspelt: labels would go unread.
        if column not in known and not _ignored(str(column)) and (near := _like(str(column), known)):
            raise row.column_error(f"unknown column {column!r}; did you mean {near!r}?")
        if column not in known and row.values[column] in schema.stances and not _ignored(str(column)):
            raise row.column_error(
                f"column {column!r} holds stances, but the schema has no such target (it has "
                f"{listed(schema.target_names)}){did_you_mean(column, schema.target_names)}"
            )


def _flat_columns(schema: Schema) -> list[str]:
    for target in schema.target_names:
        if target in (*PLAIN_COLUMNS, "topics", "stances"):
            raise LabelError(f"a target's column cannot be called {target!r}: rename the target, or write JSONL")
    return [*PLAIN_COLUMNS, "topics", *schema.target_names]


def _flat(row: LabelledSentence, schema: Schema) -> dict[str, Any]:
    gold = gold_row(row, schema)
    stances = gold.pop("stances")
    return gold | {target: stances.get(target) for target in schema.target_names}


def _structs(rows: Iterable[LabelledSentence], schema: Schema) -> list[dict[str, Any]]:
    """Gold rows with a place for every target, as columnar formats want it."""
    return [
        gold | {"stances": dict.fromkeys(schema.target_names) | gold["stances"]}
        for gold in (gold_row(row, schema) for row in rows)
    ]


def _csv(rows: Sequence[LabelledSentence], schema: Schema, delimiter: str) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")  # RFC 4180
    columns = _flat_columns(schema)
    writer.writerow(columns)
    for row in rows:
        flat = _flat(row, schema)
        topics = flat["topics"]
        if any(mark in topic for topic in topics or () for mark in ";|,"):
            raise LabelError(f"row {row.id!r}: a topic's name cannot hold ';', '|' or ',' in CSV: write JSONL")
        flat["topics"] = NOT_LABELLED if topics is None else ";".join(topics)
        writer.writerow([flat[column] or "" for column in columns])
    return buffer.getvalue().encode("utf-8-sig")


def _parquet(rows: Sequence[LabelledSentence], schema: Schema) -> bytes:
    pyarrow, parquet = extra("pyarrow", "writing Parquet"), extra("pyarrow.parquet", "writing Parquet")
    string = pyarrow.string()
    fields = [(column, string) for column in PLAIN_COLUMNS] + [("topics", pyarrow.list_(string))]
    if schema.targets:
        fields.append(("stances", pyarrow.struct([(target, string) for target in schema.target_names])))
    table = pyarrow.Table.from_pylist(_structs(rows, schema), schema=pyarrow.schema(fields))
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()
