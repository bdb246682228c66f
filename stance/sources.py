"""Where label rows come from: files, frames and datasets, as plain mappings that know their place."""

from __future__ import annotations

import csv
import importlib
import io
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stance.errors import LabelError, MissingExtraError, OptionError, did_you_mean, listed
from stance.jsonl import PathLike, decode, read_jsonl
from stance.records import LabelledSentence

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
SPLITS = ("train", "dev", "test")
_LONGEST_CELL = 1 << 30
"""Characters of a cell of CSV; the csv module by itself stops at 131,072."""

Source = Any
"""A path or a list of paths, a pandas DataFrame, a ``datasets.Dataset``, or an iterable of mappings or
`LabelledSentence`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One row as it came, before anything is believed of it, and the place that an error names."""

    values: Mapping[str, Any]
    name: str
    """The file's path, or "DataFrame", "Dataset", "rows"."""
    number: int
    """Position among the rows of its source, from 1."""
    line: int | None = None
    """Physical line (from 1) on which the row starts, in files that have lines."""
    header: int | None = None
    """Physical line of the column names, in files that have one."""
    origin: int = 0
    """Number of its path among those given together; all files of a labels folder are of one."""

    @property
    def place(self) -> str:
        """Where the row stands, for people."""
        return f"{self.name}, line {self.line}" if self.line is not None else f"{self.name}, row {self.number}"

    def error(self, message: str) -> LabelError:
        """A `LabelError` about this row."""
        if self.line is None:
            return LabelError(f"row {self.number}: {message}", file=self.name)
        return LabelError(message, file=self.name, line=self.line)

    def column_error(self, message: str) -> LabelError:
        """A `LabelError` about the columns, not about this row's values."""
        return LabelError(message, file=self.name, line=self.header or self.line)


def read_source(source: Source, *, splits: Sequence[str] | None = None) -> list[SourceRow]:
    """All rows of ``source`` in order; ``splits`` picks files of a labels folder by name.

    Raises:
        LabelError: no such file, an unknown kind of source, or a file that is not what its suffix says.
        OptionError: ``splits`` with a source that has none.
        MissingExtraError: a Parquet file without pyarrow.
    """
    if splits is not None and not folders(source):
        raise OptionError(f"splits must be left out unless the source is a labels folder, got {splits!r}")
    if paths := _paths(source):
        for number, path in enumerate(paths):
            if any(path.exists() and path.samefile(other) for other in paths[:number] if other.exists()):
                raise OptionError(f"{path} is named twice: its sentences would count twice, and judge each other")
        rows = [
            (origin, row)
            for origin, path in enumerate(paths)
            for file in (_gold_files(path, splits) if path.is_dir() else [path])
            for row in _read_file(file)
        ]
        return [row if origin == 0 else replace(row, origin=origin) for origin, row in rows]
    if isinstance(source, list) and all(isinstance(row, SourceRow) for row in source):
        return source
    return _read_memory(source)


def folders(source: Source) -> list[Path]:
    """The labels folders, which have splits, among the source's paths."""
    return [path for path in _paths(source) if path.is_dir()]


def _paths(source: Source) -> list[Path]:
    if isinstance(source, str | os.PathLike):
        return [Path(source)]
    several = isinstance(source, list | tuple) and all(isinstance(part, str | os.PathLike) for part in source)
    return [Path(part) for part in source] if several else []


def missing(value: object) -> bool:
    """True for None, NaN and pandas' NA and NaT: no value."""
    if isinstance(value, str):  # mostly
        return False
    # By name, so that pandas need not be imported to recognise what only pandas makes.
    nan = isinstance(value, float) and math.isnan(value)
    return value is None or nan or type(value).__name__ in ("NAType", "NaTType")


def extra(module: str, what: str) -> Any:
    """The imported module, or a `MissingExtraError` that says ``what`` needs it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtraError(what, "train", module.partition(".")[0]) from None


def _gold_files(folder: Path, splits: Sequence[str] | None) -> list[Path]:
    gold = folder / "gold" if (folder / "gold").is_dir() else folder
    rank = {name: position for position, name in enumerate(SPLITS)}
    files = {
        file.stem: file
        for file in sorted(gold.glob("*.jsonl"), key=lambda file: (rank.get(file.stem, len(SPLITS)), file.stem))
    }
    if not files:
        raise LabelError("expected gold/*.jsonl, found none; `stance labels split` builds them", file=folder)
    if isinstance(splits, str):
        raise OptionError(f"splits must be a sequence of names, got the string {splits!r}")
    for split in files if splits is None else splits:
        if split not in files:
            message = f"expected a split ({listed(files)}), got {split!r}{did_you_mean(split, files)}"
            raise LabelError(message, file=gold)
    return [file for split, file in files.items() if splits is None or split in splits]


def read_column(path: PathLike, column: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Ids, one column as texts, and the other columns' cells, of a .csv, .tsv, .jsonl or .parquet file.

    A missing text is blank. A row's id is its cell of the column ``id``, if there are such cells in all rows and no two
    are the same; else it is blank.

    Raises:
        LabelError: no such file, no such column, or a cell that is no text; says where.
    """
    texts = []
    rows = _read_file(Path(path), column)
    for row in rows:
        if column not in row.values:
            hint = did_you_mean(column, row.values)
            raise row.column_error(f"expected a column {column!r}, got {listed(row.values)}{hint}")
        cell = "" if missing(row.values[column]) else row.values[column]
        if not isinstance(cell, str):
            raise row.error(f"column {column!r}: expected text, got {cell!r}")
        texts.append(cell)
    ids = [str(cell) for row in rows if column != "id" and not missing(cell := row.values.get("id")) and cell != ""]
    others = ({key: cell for key, cell in row.values.items() if key != column} for row in rows)
    return list(zip(ids if len(set(ids)) == len(rows) else [""] * len(rows), texts, others, strict=True))


def _read_file(path: Path, sought: str = "text") -> list[SourceRow]:
    if path.suffix.lower() not in SUFFIXES:
        raise LabelError(f"expected a labels folder or a file that ends in {listed(SUFFIXES)}", file=path)
    if not path.is_file():
        raise LabelError("expected a file with labels, found no file", file=path)
    match path.suffix.lower():
        case ".jsonl":
            lines = enumerate(read_jsonl(path), start=1)
            return [SourceRow(values=row, name=str(path), number=n, line=line) for n, (line, row) in lines]
        case ".parquet":
            return _read_parquet(path)
        case suffix:
            return _read_csv(path, "\t" if suffix == ".tsv" else ",", sought)


def _read_csv(path: Path, delimiter: str, sought: str) -> list[SourceRow]:
    data = path.read_bytes()
    try:
        text = decode(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"expected UTF-8, got the byte {data[error.start]:#04x}; save the file as 'CSV UTF-8'"
        raise LabelError(message, file=path, line=line) from None
    # Spreadsheets of many countries separate with ';' or tabs and still call it CSV.
    first = text.partition("\n")[0]
    if sought not in _cells(first, delimiter):
        most = max((delimiter, *",;\t"), key=lambda other: len(_cells(first, other)))
        delimiter = next((other for other in ",;\t" if sought in _cells(first, other)), most)
    return _csv_rows(path, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(delimiter)]


def _csv_rows(path: Path, reader: Any) -> list[SourceRow]:
    columns: list[str] = []
    rows: list[SourceRow] = []
    header = line = 1
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                pass  # spreadsheets leave lines of separators behind
            elif not columns:
                columns, header = [cell.strip() for cell in cells], line
                _distinct(columns, path, line)
            elif len(cells) != len(columns):
                message = f"expected {len(columns)} fields ({', '.join(columns)}), got {len(cells)}"
                raise LabelError(f"{message}; quote a field that holds the separator", file=path, line=line)
            else:
                values = dict(zip(columns, cells, strict=True))
                rows.append(SourceRow(values=values, name=str(path), number=len(rows) + 1, line=line, header=header))
            line = reader.line_num + 1
    except csv.Error as error:
        message = 'expected quotes only around whole fields, and doubled ("") inside them'
        raise LabelError(f"{message}; got: {error}", file=path, line=line) from None
    finally:
        csv.field_size_limit(limit)
    if not columns:
        raise LabelError("expected a line of column names, got an empty file", file=path, line=1)
    return rows


def _distinct(columns: Sequence[str], name: object, line: int | None = None) -> None:
    for column in columns:
        if column and columns.count(column) > 1:
            raise LabelError(f"expected distinct column names, got {column!r} twice", file=name, line=line)


def _read_parquet(path: PathLike) -> list[SourceRow]:
    pyarrow, parquet = extra("pyarrow", "reading Parquet"), extra("pyarrow.parquet", "reading Parquet")
    try:
        table = parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise LabelError(f"expected a Parquet file, got {error}", file=path) from None
    _distinct(table.column_names, path)
    return _numbered(table.to_pylist(), str(path))


def _read_memory(source: Source) -> list[SourceRow]:
    # A frame can only exist where its library is already imported: looking there keeps `import stance` lean.
    pandas, datasets = sys.modules.get("pandas"), sys.modules.get("datasets")
    if pandas is not None and isinstance(source, pandas.DataFrame):
        columns = [str(column) for column in source.columns]
        _distinct(columns, "DataFrame")
        return _numbered(source.set_axis(columns, axis=1).to_dict("records"), "DataFrame")
    if datasets is not None and isinstance(source, datasets.Dataset):
        return _numbered(_dataset_rows(source), "Dataset")
    if isinstance(source, (Mapping, bytes)) or not isinstance(source, Iterable):
        kinds = "a path, a DataFrame, a datasets.Dataset or an iterable of rows"
        which = f"; choose one split: {listed(map(str, source))}" if type(source).__name__ == "DatasetDict" else ""
        raise LabelError(f"labels must be {kinds}, got {type(source).__name__}{which}")
    rows = [asdict(row) if isinstance(row, LabelledSentence) else row for row in source]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            message = f"row {number}: expected a mapping of column to value, got {type(row).__name__}"
            if isinstance(row, str | os.PathLike):
                message += f" {os.fspath(row)[:60]!r}; a list holds either rows or paths"
            raise LabelError(message, file="rows")
    return _numbered(rows, "rows")


def _dataset_rows(dataset: Any) -> list[dict[str, Any]]:
    """Python rows; ``ClassLabel`` numbers become their names."""
    rows: list[dict[str, Any]] = dataset.with_format(None).to_list()
    for column, feature in dataset.features.items():
        to_name = getattr(getattr(feature, "feature", feature), "int2str", None)
        if to_name is not None:
            for row in rows:
                row[column] = None if row[column] is None else to_name(row[column])
    return rows


def _numbered(rows: Sequence[Mapping[str, Any]], name: str) -> list[SourceRow]:
    # ``read_csv`` makes NaN of a blank cell, and a blank topics cell says "no topic". Beside lists it says nothing.
    topics = [row["topics"] for row in rows if "topics" in row]
    blank = not any(not isinstance(value, str) and not missing(value) for value in topics) and any(
        value is not None for value in topics
    )
    return [
        SourceRow(
            values={**row, "topics": ""} if blank and "topics" in row and missing(row["topics"]) else row,
            name=name,
            number=number,
        )
        for number, row in enumerate(rows, start=1)
    ]
