"""Sentences of an article with their character spans: the library sentencex, and a table where news text needs more.

The library sees a copy of each block that has the same length but no quotation marks, so that every sentence of a
quotation is found; the marks are given back to the sentence they belong to afterwards.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from stance.cleaning import BLANK, clean, paragraphs, starts_lower
from stance.errors import OptionError
from stance.records import Article, Sentence
from stance.residue import Span, ends_sentence

_OPENING = "“‘«‹„‚([{<（《「『"
_CLOSING = "”’»›\"')]}>）》」』"
_QUOTES = '"“”„‟«»‹›‚《》「」『』＂'
_BLANKED = str.maketrans(dict.fromkeys(_QUOTES + "()[]{}<>（）" + BLANK, " "))
_EDGE_APOSTROPHE = re.compile(r"(?<![^\W_])['’‘‛`´]|['’‘‛`´](?![^\W_])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_REFERENCES = re.compile(r"(?:\[\d{1,3}\])+")
_BRACKETED = re.compile(r"[(\[][^()\[\]]{1,400}[)\]]")
_INITIAL_LAST = re.compile(r"\b[A-Za-z]\.[)\]]$")
_TERMINATOR = re.compile(r"[.!?…]")
_MAYBE_END = re.compile(r"[.!?]|[^\x00-\xff‘’“”–—]")
_HELD = "·"
"""Stands in for a full stop that ends no sentence."""

_MONTH = (
    r"(?:Jan(?:uary|\.)|Feb(?:ruary|\.)|Mar(?:ch|\.)|Apr(?:il|\.)|May|June|July|Aug(?:ust|\.)|Sept?(?:ember|\.)"
    r"|Oct(?:ober|\.)|Nov(?:ember|\.)|Dec(?:ember|\.))"
)
_TIME_GOES_ON = (
    rf"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|{_MONTH}|GMT|UTC|[A-Z]{{1,3}}[SD]?T\b|Eastern|Central|Pacific"
    r"|(?:[A-Z][a-z]+ ){1,2}(?:standard |daylight |local |[Ss]ummer )?[Tt]ime\b|\d)"
)
# "U.S.", from its first letter on: begun at each letter, a long run would take quadratic time.
_RUN = r"(?<!\b[A-Z]\.)\b(?:[A-Z]\.){2,}"
HOLD, BREAK = True, False
_TABLE: tuple[tuple[re.Pattern[str], bool], ...] = tuple(
    (re.compile(pattern), verdict)
    for pattern, verdict in (
        # The letter names a thing and is nobody's initial.
        (
            r"\b(?:Plan|[Vv]itamin|[Hh]epatitis|Group|War|Type|Grade|Class|Category|Annex|Appendix|Part) [A-Z]{1,3}\."
            r"(?= +[A-Z])",
            BREAK,
        ),
        # "3 p.m. Tuesday" and "3 p.m. Seoul time" go on, "until 3 p.m. Kim left" does not.
        (rf"\b[ap]\.m\.(?= +{_TIME_GOES_ON})", HOLD),
        (r"\b[ap]\.m\.(?= +[A-Z])", BREAK),
        # "Gen. No Kwang Chol", "Mr. So": the library takes the name for a new sentence's first word.
        (
            r"\b(?:Mr|Mrs|Ms|Dr|Messrs|Prof|Rev|Hon|Gen|Lt|Col|Maj|Capt|Cpl|Sgt|Pvt|Adm|Cmdr|Brig|Sen|Rep|Gov|Pres|Sec|Amb"
            r"|Min|Dep|Asst|Atty|Insp|Supt|Mt)\.(?= +[A-Z])",
            HOLD,
        ),
        (r"(?<![.\w])[A-Z]\.(?= (?:An|No|So)\b)", HOLD),
        (r"\bvs\.(?= )", HOLD),
        # "Res. No. 2270", "Nos. 1 and 2", "Art. 5"; but "No. China did not."
        (r"\b(?:[Rr]es|[Aa]rt|[Ss]ec|[Cc]h|[Vv]ol|[Ff]ig|[Pp]ara)\.(?= ?(?:Nos?\b|\d))|\bNos?\.(?= ?\d)", HOLD),
        (r"(?:^|(?<=^ )|(?<=[.!?] )|(?<=[.!?]  ))No\.(?= +[A-Z][a-z])", BREAK),
        # Words that the library takes for abbreviations.
        (r"\b(?:May|art|ark|con|fig|ill|ken|me|miss|no|ore|etc|ID|LA)\.(?= +[A-Z])", BREAK),
        (r"\bWashington, D\.C\.(?= +[A-Z])", BREAK),
        # Words that begin a sentence and no name, missing from the library's list.
        (
            rf"{_RUN}(?= +(?:Above|Across|Against|Along|Amid|Asked|Earlier|Few|Speaking|Though|Unless)\b)",
            BREAK,
        ),
        # "MOSCOW, October 6. /TASS/. The ministry ..."
        (rf"^ *[A-Z][A-Z ,.'-]{{2,40}}{_MONTH} \d{{1,2}}\.(?= */)|/[A-Z]{{2,12}}/\.", HOLD),
        (r"\w\.(?=(?:[Cc]om|[Nn]et|[Oo]rg|[Gg]ov)\b)", HOLD),
    )
)
_DOTTED = re.compile(rf"{_RUN}(?= +[A-Z])")
_LOWER_WORD = re.compile(r"(?<![^\s(“‘\"'-])[a-z]{5}")
_ELLIPSIS_END = re.compile(r"…(?= *[A-Z0-9])")
_LEADING_ELLIPSIS = re.compile(r"(?:[:,;“‘(\[]|\s[\"'])\s{0,2}(?:…|\.{2,4}|\. \. \.)\s{0,2}$")
_GLUED_SENTENCE = re.compile(r"[^\W_]{2}[.!?…]$")
_CAPITALISED = re.compile(r"[A-Z][a-z]|[A-Z] |[^\x00-\x7f]")
_SPEECH_TAIL = re.compile(
    r"(?:[^\s.!?,;:]{1,30} ){1,7}?"
    r"(?:asked|asks|said|says|wrote|wondered|shouted|cried|quipped|added|replied|exclaimed|joked|chanted)\b"
    r"(?= ?[.,;]|\s*$| (?:in|on|at|during|after|before|to|when|as|from)\b(?![^.!?]{0,80}\bthat\b))"
)
_INK = re.compile(r"[^\W_]")
_SAFE_CUT = re.compile(r"(?<=[^\W\d_]) (?=[a-z])")
_WINDOW = 4000
"""Characters given to the library at once: what it does in more than linear time stays small."""


def article_sentences(article: Article) -> list[Sentence]:
    """The article's sentences without page residue, in order: `clean` and `split_sentences`.

    A headline is a sentence. Each satisfies ``article.text[s.start:s.end] == s.text``.
    """
    return split_sentences(article.text, clean(article.text, article.body_start))


def split_sentences(text: str, spans: Iterable[Span] | None = None) -> list[Sentence]:
    """The sentences in ``text``, in order, with their spans in it.

    Args:
        text: any string.
        spans: blocks to look in, sorted and disjoint; a sentence never crosses a block's end. Without them every line
            is a block, hard-wrapped lines are one, and every character that is not blank is in a sentence.

    Returns:
        Sentences whose spans are sorted, disjoint, not empty and without white space at their ends.

    Raises:
        TypeError: ``text`` is not a string.
        OptionError: spans overlap, are unsorted, or lie outside the text.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {type(text).__name__}")
    blocks = paragraphs(text) if spans is None else _checked(spans, len(text))
    return [
        Sentence(text[start:end], start, end)
        for block_start, block_end in blocks
        for start, end in _split_block(text[block_start:block_end], block_start)
    ]


def _checked(spans: Iterable[Span], length: int) -> Iterator[Span]:
    last = 0
    for start, end in spans:
        if not last <= start <= end <= length:
            raise OptionError(
                f"spans must be sorted, disjoint and inside 0..{length}, got ({start}, {end}) after {last}"
            )
        last = end
        yield start, end


def _split_block(block: str, offset: int) -> Iterator[Span]:
    start = len(block) - len(block.lstrip(BLANK))
    # Most headlines hold nothing that could end a sentence.
    masked = _masked(block) if _MAYBE_END.search(block) else ""
    straight_quotes = [found.start() for found in re.finditer('"', block)]
    first_ink, last_ink = _next_ink(block, start), _last_ink(block)
    for boundary in _boundaries(masked):
        stop, follows = boundary, boundary
        while stop > start and masked[stop - 1] == " ":
            stop -= 1
        while follows < len(block) and masked[follows] == " ":
            follows += 1
        # Punctuation alone is no sentence: it stays with the words after it or, at the end, before it.
        if first_ink < stop and follows <= last_ink and _is_end(block, start, stop, follows):
            stop = _after_closing_marks(block, stop, follows, straight_quotes)
            yield offset + start, offset + stop
            start = stop + len(block[stop:follows]) - len(block[stop:follows].lstrip(BLANK))
            first_ink = _next_ink(block, start)
    if start < (end := len(block.rstrip(BLANK))):
        yield offset + start, offset + end


def _next_ink(block: str, start: int) -> int:
    found = _INK.search(block, start)
    return found.start() if found else len(block)


def _last_ink(block: str) -> int:
    index = len(block) - 1
    while index >= 0 and not block[index].isalnum():
        index -= 1
    return index


def _masked(block: str) -> str:
    """The block as the library sees it: as long, blanks for quotation marks and brackets, the table applied."""
    masked = _REFERENCES.sub(lambda found: " " * len(found.group()), block)
    masked = _BRACKETED.sub(_hold_in_brackets, masked)
    masked = _EDGE_APOSTROPHE.sub(" ", masked).translate(_BLANKED)
    if not ends_sentence(block) and not _LOWER_WORD.search(block):
        # In a headline in capitals "U.S. And Allies" is no second sentence.
        masked = _DOTTED.sub(_hold, masked)
    for pattern, verdict in _TABLE:
        masked = pattern.sub(_hold if verdict is HOLD else _let_break, masked)
    masked = _ELLIPSIS_END.sub(".", masked)
    # The library takes only what can be encoded.
    return _SURROGATE.sub("x", masked)


def _hold(found: re.Match[str]) -> str:
    return found.group().replace(".", _HELD)


def _let_break(found: re.Match[str]) -> str:
    """A word of no language, capital where the match is, and a full stop."""
    return ("X" if found.group()[0].isupper() else "x") + "x" * (len(found.group()) - 2) + "."


def _hold_in_brackets(found: re.Match[str]) -> str:
    """ "(It ended. He left) " is one aside; "(He left.)" after a full stop is a sentence of its own."""
    inside, block = found.group(), found.string
    before = block[max(0, found.start() - 4) : found.start()].rstrip()
    ends = inside[-2] in '.!?…"”’' and not _INITIAL_LAST.search(inside)
    if ends and (not before or before[-1] in '.!?…"”’)'):
        return inside
    kept = 2 if ends else 1
    return _TERMINATOR.sub(_HELD, inside[:-kept]) + inside[-kept:]


def _boundaries(masked: str) -> Iterator[int]:
    """Where the library would begin a new sentence; never at a window's edge."""
    from sentencex import get_sentence_boundaries

    position = 0
    while position < len(masked):
        end = _window_end(masked, position)
        found = get_sentence_boundaries("en", masked[position:end])
        yield from (position + sentence["end_index"] for sentence in found[:-1])
        position = end


def _window_end(masked: str, position: int) -> int:
    """Where a long block can be cut: between two words that no sentence ends between."""
    end = position + _WINDOW
    if end >= len(masked):
        return len(masked)
    cuts = list(_SAFE_CUT.finditer(masked, end - 500, end))
    return cuts[-1].end() if cuts else end


def _is_end(block: str, start: int, stop: int, follows: int) -> bool:
    """Whether the sentence that begins at ``start`` ends at ``stop``, and the next begins near ``follows``."""
    if block[follows] in ",;:" or starts_lower(block, follows, len(block)):
        return False
    gap = block[stop:follows]
    if not any(mark in BLANK for mark in gap) and block[stop - 1] in ".!?…":
        return bool(_GLUED_SENTENCE.search(block, stop - 3, stop) and _CAPITALISED.match(block, follows))
    if _LEADING_ELLIPSIS.search(block, max(start, stop - 12), stop):
        return False
    # '"Will it last?" Xi asked.' is one sentence.
    quoted = bool(gap) and gap[0] in _CLOSING and block[stop - 1] in "!?…"
    return not (quoted and _SPEECH_TAIL.match(block, follows, follows + 300))


def _after_closing_marks(block: str, stop: int, follows: int, straight_quotes: list[int]) -> int:
    """Where the sentence ends, once the quotation marks and brackets that close after its full stop are its own."""
    references = _REFERENCES.match(block, stop, follows)
    end = references.end() if references else stop
    for index in range(end, follows):
        mark = block[index]
        if mark in BLANK:
            continue
        attached = index == 0 or block[index - 1] not in BLANK
        followed = index + 1 < len(block) and block[index + 1] not in BLANK and block[index + 1] not in _CLOSING
        if mark in _OPENING and (followed or not attached):
            break
        if followed and (not attached or (mark == '"' and bisect_left(straight_quotes, index) % 2 == 0)):
            break
        end = index + 1
    return end
