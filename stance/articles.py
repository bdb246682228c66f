"""Articles from files: plain text and Markdown with front matter, HTML, JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stance.cleaning import clean
from stance.errors import LabelError, did_you_mean, listed
from stance.html_text import html_to_text
from stance.jsonl import PathLike, decode, read_jsonl
from stance.records import Article

__all__ = ["SUFFIXES", "article_files", "article_from_html", "article_from_text", "clean", "is_html", "read_articles"]

_FENCE = re.compile(r"---[ \t]*(?:\r\n|\n|\r)")
_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")
# Each comment ends at its first end, so that there is one way to tell comments in a row apart.
_PAGE = re.compile(
    r"\s*(?:(?:<\?xml[^>]*>|<!--(?:(?!-->).)*-->)\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_PAIR = re.compile(r"([A-Za-z_][\w-]*)[ \t]*:(?:[ \t]+(.*))?")


def read_articles(path: PathLike) -> Iterator[Article]:
    """Yield the articles of a file, or of every readable file below a folder, sorted by path.

    - ``.txt``, ``.md`` (and files without a suffix): one article. Front matter (``---``, lines ``key: value``, ``---``)
      gives ``id`` and metadata; ``Article.text`` is the whole decoded file, ``body_start`` where the front matter ends.
    - ``.html``, ``.htm``: one article. ``Article.text`` is the *extracted* text, so spans point into that, not into
      the page.
    - ``.jsonl``: one article a line: ``text``, perhaps ``id``, and whatever else is metadata.

    Files are UTF-8, or UTF-16 or UTF-32 with a byte order mark. Line ends stay as they are. Without an ``id``, an
    article is named after its file (``.jsonl``: file and line). Hidden files and other suffixes in a folder are passed
    over.

    Raises:
        FileNotFoundError: there is no such file or folder; at once, not when the first article is asked for.
        LabelError: a file has another suffix, is not UTF-8 or is malformed, two articles share an id, or a folder
            holds none; names file and line or byte.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"expected a file or folder of articles, found nothing at {path}")
    if not path.is_dir() and path.suffix.lower() not in _READERS:
        table = path.suffix.lower() in (".csv", ".tsv", ".parquet")
        hint = "; texts in a table: --column NAME" if table else did_you_mean(path.suffix, SUFFIXES)
        raise LabelError(f"expected an article ({listed(SUFFIXES)}), got suffix {path.suffix!r}{hint}", file=path)
    return _read_all(path, article_files(path))


def article_from_text(text: str, id: str = "text") -> Article:
    """An article from a string; front matter, if it begins with any, is metadata and no prose.

    Raises:
        TypeError: ``text`` is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {type(text).__name__}")
    try:
        metadata, body_start = _front_matter(text, "text")
    except LabelError:
        metadata, body_start = {}, 0
    metadata.pop("id", None)
    return Article(id=id, text=text, body_start=body_start, metadata=metadata)


def article_from_html(page: str, id: str) -> Article:
    """The article of a web page, its text extracted."""
    text, metadata = html_to_text(page)
    return Article(id=id, text=text, metadata=metadata)


def is_html(text: str) -> bool:
    """Whether a text begins as web pages do."""
    return _PAGE.match(text) is not None


def article_files(path: Path) -> list[Path]:
    """The files that `read_articles` reads, in its order."""
    if not path.is_dir():
        return [path]
    return sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )


def _read_all(path: Path, files: list[Path]) -> Iterator[Article]:
    if not files:
        raise LabelError(f"expected articles ({listed(SUFFIXES)}), found none in this folder", file=path)
    seen: dict[str, Path] = {}
    for file in files:
        for article in _READERS[file.suffix.lower()](file):
            if article.id in seen:
                raise LabelError(
                    f"article ids must be distinct, got {article.id!r} again, first in {seen[article.id]}; rename one"
                    " file or give it an id",
                    file=file,
                )
            seen[article.id] = file
            yield article


def _decoded(file: Path) -> str:
    try:
        return decode(file.read_bytes())
    except UnicodeDecodeError as error:
        # The codec counts from behind a byte order mark.
        skipped = 3 if file.read_bytes().startswith(b"\xef\xbb\xbf") else 0
        raise LabelError(
            f"expected UTF-8, got {error.reason} at byte {error.start + skipped}; save it as UTF-8", file=file
        ) from None


def _read_text(file: Path) -> Iterator[Article]:
    text = _decoded(file)
    metadata, body_start = _front_matter(text, file)
    yield Article(id=metadata.pop("id", "") or file.stem, text=text, body_start=body_start, metadata=metadata)


def _read_html(file: Path) -> Iterator[Article]:
    yield article_from_html(_decoded(file), id=file.stem)


def _read_json_lines(file: Path) -> Iterator[Article]:
    for number, row in read_jsonl(file):
        text = row.pop("text", None)
        if not isinstance(text, str):
            raise LabelError(
                f"expected a string under 'text', got {text!r}" + ("" if row is None else did_you_mean("text", row)),
                file=file,
                line=number,
            )
        id = row.pop("id", None)
        if id is not None and not isinstance(id, str | int):
            raise LabelError(f"expected a string under 'id', got {id!r}", file=file, line=number)
        name = f"{file.stem}-{number}" if id is None or id == "" else str(id)
        yield Article(id=name, text=text, metadata={key: _as_text(value) for key, value in row.items()})


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _front_matter(text: str, file: object) -> tuple[dict[str, str], int]:
    """The front matter's pairs and where the body begins; ({}, 0) where the text does not begin with front matter.

    ``---`` followed by anything but ``key:`` is a ruled line and belongs to the article.
    """
    fence = _FENCE.match(text)
    if fence is None or not _PAIR.match(text, fence.end()):
        return {}, 0
    pairs: dict[str, str] = {}
    key = ""
    for number, found in enumerate(_LINE.finditer(text, fence.end()), start=2):
        line = found[1].rstrip()
        if line == "---":
            return pairs, found.end()
        pair = _PAIR.fullmatch(line)
        if pair is not None:
            key = pair[1]
            pairs[key] = _unquoted(pair[2] or "")
        elif line.startswith((" ", "\t", "- ")):
            # A list or a folded value goes on; it is kept as one line.
            pairs[key] = f"{pairs[key]} {line.strip()}".strip()
        elif line and not line.startswith("#"):
            raise LabelError(
                f"expected 'key: value' or '---' in the front matter, got {line[:60]!r}", file=file, line=number
            )
    raise LabelError("expected '---' at the end of the front matter, found none", file=file, line=1)


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


_READERS: dict[str, Callable[[Path], Iterator[Article]]] = {
    ".txt": _read_text,
    ".md": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".jsonl": _read_json_lines,
    "": _read_text,
}
SUFFIXES = tuple(suffix for suffix in _READERS if suffix)
"""File name endings of articles; files without any are read as plain text when named themselves."""
