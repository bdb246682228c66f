"""The text of an HTML page: block elements become blank lines, page furniture is dropped, entities are decoded.

Not built on ``html.parser``: before Python 3.13.6 it takes time quadratic or worse in unclosed tags (38 s for 40 kB of
``"<a "`` on 3.11.7). The scanner here looks at each character a bounded number of times.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_FURNITURE_NAMES = """
aside button dialog figcaption footer form header iframe nav noscript object select svg template
"""
_BLOCK_NAMES = """
address article blockquote body center dd details div dl dt fieldset figure h1 h2 h3 h4 h5 h6 head hr html li main ol
option p pre section summary table tbody tfoot thead tr ul
"""
FURNITURE = frozenset(_FURNITURE_NAMES.split())
"""Elements that hold no article text."""
_BLOCKS = FURNITURE.union(_BLOCK_NAMES.split())
_NEVER_TEXT = ("script", "style")
_RAW = (*_NEVER_TEXT, "textarea", "title")
_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_TAG_STOP = re.compile("[\"'>]")
_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_SPACE = re.compile(r"\s+")
_DATE_NAMES = ("article:published_time", "datePublished", "date", "dc.date", "pubdate")


class _Token(NamedTuple):
    kind: str
    """``text``, ``open`` or ``close``."""
    name: str
    """Of a tag, in lower case."""
    data: str
    """The text, still encoded, or the tag's attributes."""


def html_to_text(page: str) -> tuple[str, dict[str, str]]:
    """The page's text, and of its metadata ``title`` and ``date`` where it states them.

    Paragraphs are parted by a blank line, ``<br>`` is a line break, white space is collapsed outside ``<pre>``. Where
    dropping navigation, forms and the like leaves nothing (a page wrapped in one form), they stay.
    """
    tokens = list(_tokens(page))
    text = _join(tokens, FURNITURE) or _join(tokens, frozenset())
    return text, _metadata(tokens)


def _tokens(page: str) -> Iterator[_Token]:
    position = 0
    while (start := page.find("<", position)) >= 0:
        name = _NAME.match(page, start + 1 + page.startswith("/", start + 1))
        if name is None and not page.startswith(("!", "?", "/"), start + 1):
            # A less-than sign, not a tag.
            yield _Token("text", "", page[position : start + 1])
            position = start + 1
            continue
        yield _Token("text", "", page[position:start])
        if name is None:
            position = _declaration_end(page, start)
            continue
        end = _tag_end(page, name.end())
        word = name.group().lower()
        closing = page[start + 1] == "/"
        yield _Token("close" if closing else "open", word, page[name.end() : end])
        position = end + 1
        if word in _RAW and not closing:
            stop = re.compile(rf"</{word}", re.IGNORECASE).search(page, position)
            end = stop.start() if stop else len(page)
            yield _Token("text", "", page[position:end])
            position = end
    yield _Token("text", "", page[position:])


def _declaration_end(page: str, start: int) -> int:
    mark = "-->" if page.startswith("<!--", start) else ">"
    end = page.find(mark, start)
    return len(page) if end < 0 else end + len(mark)


def _tag_end(page: str, position: int) -> int:
    """Index of the ``>`` that ends a tag, or the page's end; a ``>`` inside closed quotation marks does not count."""
    while (stop := _TAG_STOP.search(page, position)) is not None:
        if stop.group() == ">":
            return stop.start()
        closed = page.find(stop.group(), stop.end())
        position = (closed if closed >= 0 else stop.start()) + 1
    return len(page)


def _kept(tokens: Sequence[_Token], dropped: frozenset[str]) -> Iterator[_Token]:
    """The tokens outside dropped elements; an element that is never closed is not dropped."""
    end_of: dict[int, int] = {}
    opened: dict[str, list[int]] = {}
    for index, token in enumerate(tokens):
        if token.name in dropped or token.name in _RAW:
            starts = opened.setdefault(token.name, [])
            if token.kind == "open" and not token.data.endswith("/"):
                starts.append(index)
            elif token.kind == "close" and starts:
                end_of[starts.pop()] = index
    position = 0
    while position < len(tokens):
        token = tokens[position]
        end = end_of.get(position, position)
        if token.name in _NEVER_TEXT:
            # Without its end tag a script runs to the end of the page.
            end = end_of.get(position, position + (token.kind == "open"))
        elif token.name == "header":
            yield from _headline(tokens[position:end])
        yield token
        position = end + 1


def _headline(tokens: Sequence[_Token]) -> Iterator[_Token]:
    """The ``<h1>`` of a header: the one thing in it that is the article's."""
    inside = False
    for token in tokens:
        inside = inside or (token.name == "h1" and token.kind == "open")
        if inside:
            yield token
        inside = inside and not (token.name == "h1" and token.kind == "close")


def _join(tokens: Sequence[_Token], dropped: frozenset[str]) -> str:
    parts: list[str] = []
    verbatim = 0
    for token in _kept(tokens, dropped):
        if token.kind == "text":
            text = html.unescape(token.data)
            parts.append(text if verbatim else _SPACE.sub(" ", text))
            continue
        if token.name == "pre":
            verbatim = max(0, verbatim + (1 if token.kind == "open" else -1))
        parts.append(_white_space(token))
    lines = [line.strip() for line in "".join(parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _white_space(token: _Token) -> str:
    """What a tag puts into the text."""
    if token.name in _BLOCKS:
        return "\n\n"
    if token.name == "br":
        return "\n"
    return " " if token.name in ("td", "th") and token.kind == "open" else ""


def _metadata(tokens: Sequence[_Token]) -> dict[str, str]:
    found: dict[str, str] = {}
    for index, token in enumerate(tokens):
        if token.kind != "open":
            continue
        if token.name == "title" and "title" not in found:
            found["title"] = _SPACE.sub(" ", html.unescape(tokens[index + 1].data)).strip()
        elif token.name == "meta" and "date" not in found:
            values = {m[1].lower(): html.unescape(m[2] or m[3] or m[4] or "") for m in _ATTRIBUTE.finditer(token.data)}
            names = (values.get("property"), values.get("name"), values.get("itemprop"))
            if values.get("content") and any(name in _DATE_NAMES for name in names):
                found["date"] = values["content"].strip()
    return {key: value for key, value in found.items() if value}
