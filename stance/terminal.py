"""Tables and lines on a terminal (coloured, wrapped to its width) or in a pipe (plain, one line a row)."""

from __future__ import annotations

import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar

T = TypeVar("T")

_SPACE = re.compile(r"\s+")
_PATIENCE = 0.7
"""Seconds before a progress bar shows: quick work needs none."""
# Text is shown, never obeyed: control characters, escape codes among them, become visible signs.
_SHOWN = {code: 0x2400 + code for code in range(32)} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD) | {0x7F: 0x2421}


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text and its rich style, such as "green" or "dim"."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column; ``width`` 0 is as wide as needed, ``drawing`` is for terminals only."""

    name: str = ""
    width: int = 0
    right: bool = False
    drawing: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """What a table says; how it looks is `Screen`'s business. The last column takes the room that is left."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    title: str = ""
    header: bool = True


def shown(text: str) -> str:
    """The text on one line, each run of white space a blank, with control characters made visible."""
    return _SPACE.sub(" ", text).translate(_SHOWN)


def counted(n: int, noun: str) -> str:
    """``"1 sentence"``, ``"1,200 sentences"``, ``"no sentences"``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s" if n else f"no {noun}s"


class Screen:
    """Prints to one file: with rich where it is a terminal, plainly elsewhere.

    Attributes:
        terminal: whether colours and drawings make sense.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.terminal = file.isatty() or bool(os.environ.get("FORCE_COLOR"))
        self._console: Any = None
        if self.terminal:
            from rich.console import Console

            self._console = Console(file=file, highlight=False, markup=False, emoji=False)

    def line(self, *cells: Cell | str, wrap: bool = True) -> None:
        """One line (or paragraph) of pieces set side by side."""
        if self._console is None:
            self._file.write("".join(_cell(cell).text for cell in cells).rstrip() + "\n")
        else:
            self._console.print(_joined(cells), soft_wrap=not wrap)

    def table(self, table: Table) -> None:
        """A table, after its title; nothing for a table without rows."""
        if not table.rows:
            return
        if table.title:
            self.line(Cell(table.title, "bold"))
        if self._console is None:
            self._file.writelines(line + "\n" for line in _plain(table))
        else:
            self._console.print(_drawn(table))

    def flush(self) -> None:
        """Hand on what is buffered."""
        self._file.flush()


def progress(items: Iterable[T], label: str, *, total: int | None = None, show: bool = True) -> Iterator[T]:
    """The items, with a bar on standard error where that is a terminal and the work takes long."""
    if not show or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(file=sys.stderr), transient=True)
    task = bar.add_task("", total=total)
    begun = time.monotonic()
    try:
        for item in items:
            yield item
            bar.advance(task)
            if not bar.live.is_started and time.monotonic() - begun > _PATIENCE:
                bar.start()
    finally:
        bar.stop()


def _cell(cell: Cell | str) -> Cell:
    return Cell(cell) if isinstance(cell, str) else cell


def _joined(cells: Sequence[Cell | str]) -> Any:
    from rich.text import Text

    return Text.assemble(*((cell.text, cell.style) for cell in map(_cell, cells)))


def _drawn(table: Table) -> Any:
    from rich import table as rich_table

    style = "bold dim underline"
    grid = rich_table.Table(
        box=None, show_header=table.header, pad_edge=False, padding=(0, 2, 0, 0), header_style=style
    )
    for column in table.columns:
        grid.add_column(
            column.name,
            justify="right" if column.right else "left",
            width=column.width or None,
            overflow="fold",
            no_wrap=column.drawing,
        )
    for row in table.rows:
        grid.add_row(*(_joined([cell]) for cell in row))
    return grid


def _plain(table: Table) -> Iterator[str]:
    kept = [i for i, column in enumerate(table.columns) if not column.drawing]
    rows = [[_cell(row[i]).text for i in kept] for row in table.rows]
    if table.header:
        rows.insert(0, [table.columns[i].name for i in kept])
    widths = [max(table.columns[i].width, *(_width(row[n]) for row in rows)) for n, i in enumerate(kept)]
    pad: dict[bool, Callable[[str, int], str]] = {True: _flush_right, False: _flush_left}
    for row in rows:
        cells = [pad[table.columns[i].right](row[n], widths[n]) for n, i in enumerate(kept)]
        yield "  ".join(cells).rstrip()


def _flush_left(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _flush_right(text: str, width: int) -> str:
    return " " * (width - _width(text)) + text


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
