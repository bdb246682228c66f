"""Options that several commands share, where their output goes, and what they read from standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from stance.errors import OptionError, StanceError
from stance.jsonl import decode, dumps

if TYPE_CHECKING:
    from stance.schema import Schema

STDIN = STDOUT = "-"
LABELS = Path("labels")
"""Where labels are, unless told."""


class FigureFormat(StrEnum):
    """How figures are printed."""

    table = "table"
    json = "json"


ModelOption = Annotated[
    str,
    typer.Option("--model", "-m", metavar="MODEL", help="A model folder, or the name of a shipped model."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of standard output (-)."),
]
FigureFormatOption = Annotated[
    FigureFormat, typer.Option("--format", "-f", help="A table for people, or JSON for machines.")
]
SchemaOption = Annotated[
    Path | None,
    typer.Option(
        "--schema",
        metavar="FILE|FOLDER",
        help="The schema.toml, or the folder of labels or of a model, with topics, targets and stances. Left out: that "
        "of the labels folder.",
    ),
]
SplitOption = Annotated[
    str,
    typer.Option("--split", metavar="NAME", help="Which part of a labels folder to measure on: train, dev or test."),
]


@contextmanager
def output_file(path: Path | None, *, mark: bool = False) -> Iterator[TextIO]:
    """Standard output, or a file that is put in place whole when all went well.

    Args:
        mark: begin a file with a byte order mark, without which Excel garbles curly quotes.
    """
    if path is None or str(path) == STDOUT:
        yield sys.stdout
        return
    path = path.resolve()  # a link is followed
    if not path.parent.is_dir():
        raise OptionError(f"expected a folder to write {path.name} in, found none at {path.parent}")
    plain = path.is_file() or not path.exists()  # a pipe or a device is written to, never replaced
    staged = path.with_name(f".{path.name}.{os.getpid()}") if plain else path
    try:
        encoding = "utf-8-sig" if mark else "utf-8"
        with open(staged, "w", encoding=encoding, errors="backslashreplace", newline="\n") as file:
            yield file
        if plain:
            os.replace(staged, path)
    finally:
        if plain:
            staged.unlink(missing_ok=True)


def check_output(output: Path | None, *read: str | Path | None, option: str = "--output") -> None:
    """Refuse to replace what is read: a file, or one in a folder or a model.

    Args:
        read: paths, shipped models' names, and what is neither.

    Raises:
        OptionError: ``output`` is one of them, or is there and lies in one.
    """
    from stance.model_folder import shipped_models

    if output is None or str(output) == STDOUT or not output.exists():
        return
    shipped = shipped_models()
    for given in map(str, filter(None, read)):
        path = shipped.get(given) or Path(given[:4096])
        if given == STDIN or not os.path.exists(path):
            continue
        if output.samefile(path):
            raise OptionError(f"{option} {output} is what is read: it would be replaced; name another file")
        if path.resolve() in output.resolve().parents:
            raise OptionError(
                f"{option} {output} is there already, in {path}, which is read: it would be replaced; name another "
                "file, or take this one away first"
            )


def write_json(value: Any, output: Path | None) -> None:
    """One indented JSON document."""
    with output_file(output) as file:
        file.write(dumps(value, indent=2) + "\n")


def tell(line: str) -> None:
    """One line to the person at the screen, beside the output."""
    print(line, file=sys.stderr, flush=True)


def read_stdin() -> str:
    """All of standard input as text.

    Raises:
        StanceError: it is not UTF-8.
    """
    try:
        return decode(sys.stdin.buffer.read())
    except UnicodeDecodeError as error:
        raise StanceError(f"standard input: expected UTF-8, got {error.reason} at byte {error.start}") from None


def read_lines(path: str) -> Iterator[str]:
    """The lines of a file, or of standard input (``-``), one at a time.

    Raises:
        StanceError: a line is not UTF-8.
    """
    if path == STDIN:
        yield from _decoded(sys.stdin.buffer, "standard input")
        return
    with open(path, "rb") as file:
        yield from _decoded(file, path)


def _decoded(lines: Iterable[bytes], name: str) -> Iterator[str]:
    for number, raw in enumerate(lines, start=1):
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise StanceError(f"{name}, line {number}: expected UTF-8, got {error.reason}") from None


def schema_of(folder: Path | None, schema: Path | None) -> Schema:
    """The schema given, else the labels folder's, else that of the shipped model."""
    from stance.labels import folder_schema
    from stance.model_folder import DEFAULT_MODEL, load_model, read_schema

    if schema is not None:
        return read_schema(schema)
    return (None if folder is None else folder_schema(folder)) or load_model(DEFAULT_MODEL).schema


def existing(path: Path, what: str) -> Path:
    """The path, or an error that says what was expected there."""
    if not path.exists():
        raise OptionError(f"expected {what}, found nothing at {path}")
    return path
