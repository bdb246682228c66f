"""What one label row says: its cells checked against the schema, and the same row as gold JSONL holds it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from stance.errors import LabelError, listed
from stance.records import LabelledSentence
from stance.schema import Schema
from stance.sources import missing

PLAIN_COLUMNS = ("id", "article", "register", "date", "text")
LABEL_COLUMNS = ("topics", "stance", "stances")
_OTHERS = {*PLAIN_COLUMNS, *LABEL_COLUMNS} - {"stance"}
NOT_LABELLED = "?"
"""In a CSV cell of topics: topics were not labelled here. (A blank cell says that there is none.)"""


def split_topics(value: object, known: Collection[str] = ()) -> list[str]:
    """Topic names as written in one cell: a list's members, or a string's parts. Names are not checked.

    Raises:
        LabelError: neither a list nor a string, or a list written out as text.
    """
    if missing(value):
        return []
    if isinstance(value, str):
        text = value.strip()
        if text in known:
            return [text]
        if text.startswith("["):
            raise LabelError(f"expected topics separated by ';', got a list written as text: {text!r}")
        separator = next((mark for mark in ";|," if mark in text), ";")
        return [part.strip() for part in text.split(separator) if part.strip()]
    if hasattr(value, "tolist"):  # NumPy's, which pandas makes of Parquet lists
        value = value.tolist()
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise LabelError(f"expected topics as a list or a string, got {type(value).__name__}")
    return list(value)


def parse_topics(value: object, schema: Schema) -> tuple[str, ...] | None:
    """Checked topics in schema order; None where they were not labelled."""
    known = schema.topic_names
    if missing(value) or (isinstance(value, str) and value == NOT_LABELLED and value not in known):
        return None
    chosen = {schema.check_topic(name) for name in split_topics(value, known)}
    return tuple(name for name in known if name in chosen)


def parse_stances(stances: Mapping[str, object], schema: Schema) -> dict[str, str]:
    """Checked target -> stance in schema order, without the targets that were not labelled."""
    known = schema.target_names
    found: dict[str, str] = {}
    for target, value in stances.items():
        if target not in known:
            schema.check_target(target)
        label = value.strip() if isinstance(value, str) else value
        if not missing(label) and label != "":
            found[target] = schema.check_stance(label, target)
    return {target: found[target] for target in known if target in found}


def no_text(columns: Iterable[object]) -> str:
    """What is wrong with a table of these columns."""
    return f"there is no column 'text'; found {', '.join(map(str, columns))}"


def parse_row(values: Mapping[str, Any], schema: Schema, default_id: str) -> LabelledSentence:
    """The row of these cells; columns beside the known ones are not looked at.

    Raises:
        LabelError: no text, no label column, or a value that does not fit.
    """
    if "text" not in values:
        raise LabelError(no_text(values))
    labels = (*LABEL_COLUMNS, *schema.target_names)
    if not any(column in values for column in labels):
        raise LabelError(f"expected a label column ({listed(labels)}), got only {listed(map(str, values))}")
    text = values.get("text")
    if missing(text) or (isinstance(text, str) and not text.strip()):
        raise LabelError("expected text, got none")
    if not isinstance(text, str):
        raise LabelError(f"expected text as a string, got {type(text).__name__} {text!r}")
    name = _plain(values, "id") or default_id
    return LabelledSentence(
        id=name,
        article=_plain(values, "article") or name,
        text=str(text),
        topics=parse_topics(values.get("topics"), schema),
        stances=_stances(values, schema),
        register=_plain(values, "register"),
        date=_plain(values, "date"),
    )


def gold_row(row: LabelledSentence, schema: Schema) -> dict[str, Any]:
    """The row as gold JSONL holds it: plain columns, topics (list or None), stances (target -> stance).

    Raises:
        LabelError: the row has a label that the schema does not know.
    """
    try:
        topics = parse_topics(row.topics, schema)
        stances = parse_stances(row.stances, schema)
    except LabelError as error:
        raise LabelError(f"row {row.id!r}: {error}") from None
    plain = {column: getattr(row, column) for column in PLAIN_COLUMNS}
    return plain | {"topics": None if topics is None else list(topics), "stances": stances}


def _plain(values: Mapping[str, Any], column: str) -> str:
    value = values.get(column)
    if missing(value):
        return ""
    if isinstance(value, date):  # of which datetime and pandas' Timestamp are kinds
        midnight = isinstance(value, datetime) and value == datetime.combine(value, datetime.min.time(), value.tzinfo)
        return (value.date() if isinstance(value, datetime) and midnight else value).isoformat()
    if isinstance(value, float) and value.is_integer():  # whole numbers beside a missing one, in pandas
        value = int(value)
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    raise LabelError(f"expected {column} as a string, got {type(value).__name__} {value!r}")


def _stances(values: Mapping[str, Any], schema: Schema) -> dict[str, str]:
    given = values.get("stances")
    if not missing(given) and not isinstance(given, Mapping):
        raise LabelError(f"expected stances as a mapping of target to stance, got {type(given).__name__}")
    # A target called like a column of its own kind can only be labelled under ``stances``.
    columns = {target: values[target] for target in schema.target_names if target in values and target not in _OTHERS}
    if "stance" in values and "stance" not in columns:
        columns = _agreeing({schema.check_target(schema.default_target): values["stance"]}, columns, schema)
    return _agreeing(given if isinstance(given, Mapping) else {}, columns, schema)


def _agreeing(one: Mapping[str, Any], other: Mapping[str, Any], schema: Schema) -> dict[str, str]:
    """Both sets of stances, checked; a target that has two different ones is an error."""
    if not one or not other:
        return parse_stances(one or other, schema)
    found, others = parse_stances(one, schema), parse_stances(other, schema)
    for target, stance in others.items():
        if found.setdefault(target, stance) != stance:
            raise LabelError(f"expected one stance for {target}, got both {found[target]!r} and {stance!r}")
    return parse_stances(found, schema)
