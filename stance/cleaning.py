"""Which characters of an article's text are prose: lines joined to blocks, page residue left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stance.residue import Span, ends_sentence, is_headline_lead, is_list_heading, prose

_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_LINE = re.compile(f"([^{_BREAKS}]*)(?:\r\n|[{_BREAKS}]|\\Z)")
BLANK = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u200b\u200e\u200f\u2060\ufeff"
"""White space, and marks that leave no ink."""
_MARKER = re.compile(r"(?:#{1,6}\s+|>\s?|[-*+•‣◦▪●·]\s+|[–—]\s+(?=[“‘\"']?[A-Z])|\d{1,3}[.)]\s+(?=[“‘\"'(]?[^\W\d_]))+")
_LINK_LINE = re.compile(r"!?\[[^\[\]]{0,300}\]\([^()\s]{0,2000}\)")
_FIRST_LETTERS = re.compile(r"[\W_]{0,8}([^\W\d_]{1,3}-?[^\W\d_]?)")
_HANGING_END = re.compile(
    r",$|\b(?:a|an|and|as|at|but|by|for|from|her|his|in|into|its|of|on|or|our|that|the|their|to|with)$"
)
WIDEST_WRAPPED_LINE = 120
"""Characters: text wrapped by hand or by a mailer has shorter lines; longer lines are paragraphs."""
NARROWEST_RUNNING_LINE = 40
"""Characters: a shorter line that does not fill its paragraph's width is a heading, a tag or a list item."""


class _Piece(NamedTuple):
    start: int
    end: int
    line: int
    opens: bool
    """Begins where its line does and has no list or heading marker: it may continue the line before."""
    closes: bool
    """Ends where its line does: it may run on in the next line."""


def clean(text: str, start: int = 0) -> tuple[Span, ...]:
    """Spans of ``text[start:]`` that are article prose, sorted and disjoint, one a block.

    A block is a line, a run of hard-wrapped lines, or what is left of a line between two pieces of residue. Left out
    are advertisements, link lists, repeated headline links, bylines, credits, dates, cookie and newsletter notices,
    bare addresses, image markup, Markdown markers, and lines without a letter or digit. Whatever is not clearly
    residue stays. Time is linear in the text.
    """
    lines = _without_headline_lists(text, list(_lines(text, start)))
    pieces = [piece for line in lines for piece in _prose(text, line)]
    return tuple(_without_repeats(text, [(block[0].start, block[-1].end) for block in _blocks(text, pieces)]))


def paragraphs(text: str, start: int = 0) -> tuple[Span, ...]:
    """Spans of the lines of ``text[start:]`` with hard-wrapped lines joined; only white space is left out."""
    return tuple((block[0].start, block[-1].end) for block in _blocks(text, list(_lines(text, start))))


def _lines(text: str, start: int) -> Iterator[_Piece]:
    """The lines that are not blank, without white space at their ends."""
    for number, found in enumerate(_LINE.finditer(text, start)):
        line = found[1]
        if stripped := line.strip(BLANK):
            begin = found.start() + len(line) - len(line.lstrip(BLANK))
            yield _Piece(begin, begin + len(stripped), number, True, True)


def _prose(text: str, line: _Piece) -> Iterator[_Piece]:
    """What of a line is prose, in one or more pieces."""
    marker = _MARKER.match(text, line.start, line.end)
    begin = marker.end() if marker else line.start
    content = text[begin : line.end]
    if marker and "#" in marker.group():
        content = content.rstrip("#" + BLANK) or content
    elif _LINK_LINE.fullmatch(content):
        return
    for start, end in prose(content):
        piece = content[start:end]
        inner = start + len(piece) - len(piece.lstrip(BLANK))
        outer = start + len(piece.rstrip(BLANK))
        whole = outer == len(content) and not (marker and "#" in marker.group())
        yield _Piece(begin + inner, begin + outer, line.line, marker is None and inner == 0, whole)


def _without_headline_lists(text: str, lines: Sequence[_Piece]) -> list[_Piece]:
    """The lines without "RELATED STORIES" and the headlines listed under it."""
    kept: list[_Piece] = []
    index = 0
    while index < len(lines):
        # At the very top such a line is the text's own title.
        if kept and is_list_heading(text[lines[index].start : lines[index].end]):
            index = _list_end(text, lines, index)
        else:
            kept.append(lines[index])
            index += 1
    return kept


def _list_end(text: str, lines: Sequence[_Piece], heading: int) -> int:
    """Index of the first line after a list of headlines: at a "READ:" line, at a blank line, or at a full sentence."""
    end = None
    for index in range(heading + 1, min(heading + 17, len(lines))):
        line = text[lines[index].start : lines[index].end]
        if is_headline_lead(line):
            return index
        if end is None and lines[index].line > lines[index - 1].line + 1:
            end = index
        if len(line) > 200 or ends_sentence(line):
            return index if end is None else end
    if end is not None:
        return end
    # A list that comes to no end, unless it is the page's, is no list.
    return heading + 1 if heading + 17 <= len(lines) else len(lines)


def _blocks(text: str, pieces: Sequence[_Piece]) -> Iterator[Sequence[_Piece]]:
    """The pieces in groups: each group is one line, or hard-wrapped lines that belong together."""
    start = 0
    for index in range(1, len(pieces) + 1):
        if index == len(pieces) or not _adjoin(pieces[index - 1], pieces[index]):
            yield from _paragraphs_of_run(text, pieces[start:index])
            start = index


def _adjoin(first: _Piece, second: _Piece) -> bool:
    return second.line == first.line + 1 and first.closes and second.opens


def _paragraphs_of_run(text: str, run: Sequence[_Piece]) -> Iterator[Sequence[_Piece]]:
    """Parts lines that stand under each other at every break that is not a plain wrap."""
    lengths = [piece.end - piece.start for piece in run]
    width = max((length for length in lengths if length <= WIDEST_WRAPPED_LINE), default=0)
    full = [_is_full(text, run[i], run[i + 1], width) for i in range(len(run) - 1)]
    plain = [_runs_on(text, run[i], run[i + 1], full[i]) for i in range(len(run) - 1)]
    # A third of the breaks run on in lower case or the like: then this is wrapped text, and full lines run on too.
    wrapped = sum(plain) * 3 >= len(plain)
    start = 0
    for i in range(len(run) - 1):
        # A headline right above its article looks like a full line.
        if not (plain[i] or (wrapped and full[i] and run[i].line > 0)):
            yield run[start : i + 1]
            start = i + 1
    yield run[start:]


def _is_full(text: str, first: _Piece, second: _Piece, width: int) -> bool:
    """Whether the next line's first word would not have fitted on this line."""
    if width < NARROWEST_RUNNING_LINE or first.end - first.start > WIDEST_WRAPPED_LINE:
        return False
    word = text[second.start : min(second.end, second.start + width + 1)].split(maxsplit=1)[0]
    return first.end - first.start + 1 + len(word) > width


def _runs_on(text: str, first: _Piece, second: _Piece, full: bool) -> bool:
    """Whether a sentence plainly continues from one line to the next."""
    line = text[max(first.start, first.end - 40) : first.end]
    if not full and first.end - first.start < NARROWEST_RUNNING_LINE:
        return False
    if starts_lower(text, second.start, second.end):
        return full or not ends_sentence(line)
    return bool(_HANGING_END.search(line))


def starts_lower(text: str, start: int, end: int) -> bool:
    """Whether the stretch begins with a lower-case word, "iPhone" and "al-Shabab" excepted."""
    found = _FIRST_LETTERS.match(text, start, end)
    return found is not None and found[1].islower()


def _without_repeats(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """The spans without links: short lines that occur again. The article's own headline stays once."""
    keys = [_key(text, span) for span in spans]
    counts = Counter(keys)
    links = {
        key
        for index, key in enumerate(keys)
        if counts[key] > 1 and key and _is_link(key, adjacent=key in keys[index + 1 : index + 2])
    }
    body = next((i for i, (_, end) in enumerate(spans) if _ends_statement(text, end)), len(spans))
    seen: set[str] = set()
    for index, (span, key) in enumerate(zip(spans, keys, strict=True)):
        headline = index < body and (index == 0 or key.count(" ") >= 3)
        if key in seen and (key in links or key == keys[0]):
            continue
        if headline or key not in links:
            yield span
            if headline and key:
                seen.add(key)


def _ends_statement(text: str, end: int) -> bool:
    line = text[max(0, end - 8) : end]
    return ends_sentence(line) and "?" not in line


def _key(text: str, span: Span) -> str:
    """What makes two lines the same; empty for a line too long to be a headline."""
    return " ".join(text[span[0] : span[1]].casefold().split()) if span[1] - span[0] <= 250 else ""


def _is_link(key: str, *, adjacent: bool) -> bool:
    if adjacent:
        return key.endswith("?") or not ends_sentence(key)
    return key.count(" ") >= 2 and not ends_sentence(key)
