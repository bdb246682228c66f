"""What of one line is page residue: advertisements, link lists, bylines, credits, markup. Patterns, not site names.

Every pattern is anchored or bounded, so that a line costs time in proportion to its length. What no pattern knows stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_MONTH = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?\.?|July?\.?|Aug(?:ust|\.)?"
    r"|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_DATE = (
    rf"(?:(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,? )?(?:{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
    rf"|\d{{1,2}} {_MONTH},? \d{{4}})|\d{{4}}-\d\d-\d\d|\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{4}})"
    r"(?:,?(?: at| -| \|)? \d{1,2}[:.]\d\d(?: ?[ap]\.?m\b\.?)?(?: [A-Z]{2,4}\b)?)?"
)
_READING_TIME = r"\d{1,3}[ -]?min(?:ute)?s? read(?:ing time)?"
_AGENCY = r"(?:Agence France-Presse|AFP|Associated Press|AP|EPA|Reuters|Xinhua|KCNA|Yonhap|TASS|Kyodo(?: News)?|Sputnik)"
_NAME = r"[A-Z][\w.'’-]*"
_PARTICLE = r"(?:and|by|in|for|of|the|with|de|del|der|van|von|bin|al|&)"
_PEOPLE = rf"{_NAME}(?:[\s,;]+(?:{_NAME}|{_PARTICLE}))*[\s,;]+{_NAME}"
_CREDIT_VERB = r"(?:Additional reporting|Reporting|Reported|Written|Writing|Editing|Edited|Compiled|Translated)"

_FINAL = re.compile(r"[.!?…][\"'”’)\]]*$")
_SENTENCE_BEFORE = re.compile(r"[.!?…”’)\]]\s*$|[.!?…][\"']\s*$|[a-z0-9]$")
_SIX_WORDS = re.compile(r"\s*(?:\S{1,200}\s{1,20}){5}\S")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
# Where prose can resume after a headline: glued to it ("in BeijingState media"), or as a further sentence.
_RESUMES = re.compile(r"(?<=[a-z]{3})[”’]?(?=[A-Z][a-z])|(?<=[a-z]{3}[.!?])[\"”’]?\s{1,5}(?=[\"“‘]?[A-Z])")
_CAPITALISED_WORD_BEFORE = re.compile(r"(?<![^\s(“\"'‘-])[A-Z][a-z]{0,3}$")

_ADVERTISEMENT = re.compile(
    r"(?:article|story|content|text) continues (?:after|below)(?: this| the)? (?:advertisement(?:s\b)?|ad\b)[.:]?",
    re.IGNORECASE,
)
_ADVERTISEMENT_LABEL = re.compile(r"ADVERTISEMENT\s{0,3}(?=[A-Z][a-z])|Advertisement(?=[A-Z“‘])")
_BLOCK_TAG = re.compile(r"</?(?:p|br|div|li|ul|ol|h[1-6]|figure|blockquote|section|article)\s{0,3}/?>", re.IGNORECASE)
# What runs on as far as its headline or slogan does.
_LEADS = re.compile(
    r"(?:READ(?: ALSO| MORE| NEXT| ON)?|(?:ALSO|MUST) READ|RELATED(?: STORY| STORIES| ARTICLE| NEWS)?|SEE ALSO|WATCH"
    r"|LISTEN|Read (?:also|more|next)|Also read|See also|Related(?: story| stories| article| articles)?)\s?:"
    r"|(?:FEATURED|RELATED|LATEST|RECOMMENDED|TRENDING|POPULAR|TOP) (?:STORIES|ARTICLES|POSTS|VIDEOS)\b"
    r"|(?:Subscribe|Sign up) (?:now |today |here )?(?:to|for) [^.!?]{0,60}?(?:newsletter|briefing|bulletin)s?"
    r"|(?:Leave|Post|Add) a (?:comment|reply)|Share this(?: article| story| post| page)?(?=\s*(?:$|:|[A-Z])| on | via | with )"
)
_READ_AT_START = re.compile(r"(?:Read|Related|Watch|More):\s")
_CREDITS = (
    re.compile(rf"\(?(?:{_CREDIT_VERB}) by(?:[\s,;()]+(?:{_NAME}|{_PARTICLE}|[Aa]dditional|reporting|writing|editing))+[.)]*$"),
    re.compile(
        r"[(\[]?(?:(?:File |AP |AFP )?Photos?|Image|Picture|Photograph|PHOTO|IMAGE)(?: [Cc]redits?| [Cc]ourtesy)?"
        r"(?:\s?[:/]\s?| by (?=[A-Z])| of (?=[A-Z])| via (?=[A-Z]))[^!?]{1,60}$"
    ),
    re.compile(rf"[(\[](?:(?:File|Pool|AP|AFP|EPA) )?(?:Photo|Getty Images|{_AGENCY})(?:\s?(?:via|/|by|:)[^()\[\]]{{1,80}})?[)\]]$"),
    re.compile(rf"(?:{_AGENCY}|Getty Images|Pool)(?:/| via )[\w.'’/ -]{{1,40}}$"),
)
_ATTRIBUTE = re.compile(
    r"(?:<\w{1,12}\s{1,3}|[\"”]\s{0,3})?\b(?:alt|width|height|src|srcset|sizes|class|style|id|href|title|rel|target|loading"
    r"|decoding|fetchpriority|data-[\w-]{1,40}|aria-[\w-]{1,40})=(?:\"[^\"]*(?:\"|$)|'[^']*(?:'|$)|\d{1,5}(?:px|%)?)(?:\s{0,3}/?>)?"
)
_META = re.compile(rf".{{0,200}}?\b(?:No|\d{{1,5}}) [Cc]omments? on\b.{{0,300}}?{_READING_TIME}")
_GLUED_BYLINE = (
    re.compile(rf"(?:By {_NAME}(?: {_NAME}){{0,3}}?)?[\s|,·•–-]{{0,3}}{_DATE}[\s|,·•–-]{{0,3}}(?:{_READING_TIME})?(?=[\"“‘]?[A-Z])"),
    re.compile(r"By [A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,2} [A-Z][a-z]{2,20}(?=[A-Z][a-z]{0,20}[\s,’])"),
)

_WHOLE = re.compile(
    r"(?:advertisements?(?:\W+continue reading(?: the main story)?)?|sponsored(?: content)?|promoted(?: content)?|story continues(?: below)?|scroll to continue"
    r"|(?:leave|post|add) a (?:comment|reply)|(?:no|\d+) comments?(?: on .*)?|comments|share|tweet|print|email|e-mail|copy link"
    r"|(?:subscribe|sign up)(?: now| today)? (?:to|for) .{0,60}newsletters?"
    r"|(?:image|media) (?:caption|copyright)\b.{0,300}|media playback is (?:un)?supported on your device.{0,300}"
    r"|[^.!?]{20,200}\bread more|share (?:on|via|to|with) .{1,30}|share this(?: \w+)?|click to (?:share|email|print).*|like this|like loading"
    r"|(?:read|see|view|show|load) (?:more|less|all)(?: \w+)?|read (?:the )?full (?:story|article)|continue reading.{0,100}"
    r"|(?:featured|related|latest|recommended|trending|popular|top|more|most read|most popular)"
    r"(?: stories| articles| posts| videos| topics| coverage)?|editor[’']?s['’]? picks?|you may also like|what to read next"
    r"|don[’']t miss|most read|must read|back to top|skip to (?:main )?content|log ?in|sign in|register|subscribe(?: now)?"
    r"|follow (?:us|me) on .{1,60}|listen to this article|next (?:article|post)|previous (?:article|post)|loading"
    rf"|photo|image|getty images|\W*(?:source:? )?{_AGENCY}\W*"
    rf"|(?:(?:first )?(?:published|posted|updated|modified)|last (?:updated|modified))\b.{{0,20}}{_DATE}.{{0,40}}"
    rf"|{_DATE}|(?:estimated )?reading time:?.{{1,20}}|{_READING_TIME})\W*",
    re.IGNORECASE,
)
_BYLINE = re.compile(
    rf"(?:By|BY|{_CREDIT_VERB} by|Words by|Story by) (?:{_PEOPLE}|{_AGENCY}|[Ss]taff(?: [Ww]riters?| [Rr]eporters?)?)"
    rf"[\s|,·•–-]*(?:{_DATE})?[\s|,·•–-]*(?:{_READING_TIME})?"
)
_COOKIES = re.compile(
    r"(?:we|this (?:web)?site|our (?:web)?site|our partners)\b.{0,40}\buses?\b.{0,40}\bcookies\b|^(?:accept|reject|manage)"
    r"(?: all)? cookies|\bcookies?(?: policy| settings| preferences| notice)\W*$|\b(?:accept|consent to) (?:our |the |all )?"
    r"(?:use of )?cookies\b",
    re.IGNORECASE,
)
_SIGN_UP = re.compile(
    r"by (?:providing|submitting|signing up|subscribing|clicking|continuing)\b.{0,200}(?:e-?mail|terms|privacy|newsletter|cookies)"
    r"|your e-?mail address will not be published|required fields are marked",
    re.IGNORECASE,
)
_COPYRIGHT = re.compile(r"(?:©|\(c\)|copyright)\W*(?:\d{4}\b|.{0,80}all rights reserved)|.{0,80}\ball rights reserved\W*$", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|pic\.twitter\.com/\S+|\d+(?:\.\d+)?[wx],?|[\w.+-]{1,60}@[\w.-]{1,60}|@\w+")


def prose(line: str) -> Iterator[Span]:
    """Spans of the line that are prose, after cutting out residue that stands before, between or after sentences."""
    position = 0
    for start, end in [*sorted(_cuts(line)), (len(line), len(line))]:
        if start > position and not is_residue(line[position:start].strip()):
            yield position, start
        position = max(position, end)


def is_residue(piece: str) -> bool:
    """Whether a whole line, or what is left of one, is page furniture and no sentence."""
    if not _LETTER_OR_DIGIT.search(piece):
        return True
    if len(piece) > 600:
        return False
    words = piece.split()
    if _COOKIES.search(piece) or _SIGN_UP.match(piece) or _COPYRIGHT.match(piece):
        return True
    if all(_ADDRESS.fullmatch(word) for word in words) and not words[0].isdigit():
        return True
    return bool(_WHOLE.fullmatch(piece)) or (len(words) <= 20 and bool(_BYLINE.fullmatch(piece)))


def ends_sentence(piece: str) -> bool:
    """Whether the piece ends in ``.``, ``!``, ``?`` or an ellipsis, closing quotation marks and brackets aside."""
    return bool(_FINAL.search(piece, max(0, len(piece) - 8)))


def is_list_heading(piece: str) -> bool:
    """Whether a line such as "RELATED STORIES" announces a list of headlines."""
    return bool(re.fullmatch(r"(?:FEATURED|RELATED|LATEST|RECOMMENDED|TRENDING|POPULAR|TOP) (?:STORIES|ARTICLES|POSTS|VIDEOS)\W*", piece))


def is_headline_lead(piece: str) -> bool:
    """Whether the line begins "READ: " or the like."""
    found = _LEADS.match(piece)
    return found is not None and found.group().endswith(":")


def _cuts(line: str) -> Iterator[Span]:
    """Spans of residue in the line, in no order, possibly overlapping."""
    yield from (found.span() for found in _ADVERTISEMENT.finditer(line))
    yield from (found.span() for found in _BLOCK_TAG.finditer(line))
    yield from _markup(line)
    yield from _leads(line)
    if (found := _ADVERTISEMENT_LABEL.match(line)) is not None:
        yield found.span()
    for pattern in _CREDITS:
        yield from (found.span() for found in _near_end(pattern, line) if _at_sentence_start(line, found.start()))
    head = line[:1000]
    if "omment" in head and (found := _META.match(head)) is not None:
        yield found.span()
    for pattern in _GLUED_BYLINE:
        if (found := pattern.match(head)) is not None and _is_sentence(line, found.end(), len(line)):
            yield found.span()


def _near_end(pattern: re.Pattern[str], line: str) -> Iterator[re.Match[str]]:
    # Credits are short and stand last; looking at the end alone keeps a long line cheap.
    return pattern.finditer(line, max(0, len(line) - 300))


def _leads(line: str) -> Iterator[Span]:
    """"READ: headline", "FEATURED STORIES ...", slogans: each as far as the next one, or to where prose resumes."""
    stops = [found.start() for found in _ADVERTISEMENT.finditer(line)]
    leads = [found for found in _LEADS.finditer(line) if _at_sentence_start(line, found.start())]
    first = _READ_AT_START.match(line)
    if first is not None and (not leads or leads[0].start() > 0):
        leads.insert(0, first)
    stops = sorted([*stops, *(lead.start() for lead in leads), len(line)])
    index = 0
    for lead in leads:
        while stops[index] <= lead.start():
            index += 1
        yield lead.start(), _resumption(line, lead.end(), stops[index])


def _resumption(line: str, start: int, stop: int) -> int:
    """Where between ``start`` and ``stop`` a sentence follows the headline, or ``stop``."""
    for found in _RESUMES.finditer(line, start, stop):
        # "TikTok", "YouTube": a capital inside a short capitalised word is a name, no seam.
        if not found.group() and _CAPITALISED_WORD_BEFORE.search(line, max(start, found.end() - 5), found.end()):
            continue
        if _is_sentence(line, found.end(), stop):
            return found.end()
    return stop


def _is_sentence(line: str, start: int, stop: int) -> bool:
    """Whether a stretch reads as prose: six words or more and a full stop at its end."""
    ending = line[max(start, stop - 8) : stop].rstrip().rstrip("\"'”’)]")
    return ending.endswith((".", "…")) and _SIX_WORDS.match(line, start, stop) is not None


def _at_sentence_start(line: str, position: int) -> bool:
    before = line[max(0, position - 8) : position]
    return (position <= 8 and not before.strip()) or _SENTENCE_BEFORE.search(before) is not None


def _markup(line: str) -> Iterator[Span]:
    """HTML attributes left in the text, from each tag's first to its end or, where that is cut off, the line's end."""
    found = list(_ATTRIBUTE.finditer(line)) if "=" in line else []
    if not found or (len(found) == 1 and line[: found[0].start()].strip("<\"'” ")):
        return
    start = found[0].start()
    for index, attribute in enumerate(found):
        follows = found[index + 1].start() if index + 1 < len(found) else len(line)
        if attribute.group().endswith(">"):
            yield start, attribute.end()
            start = follows
        elif index + 1 == len(found):
            yield start, attribute.end() if _is_sentence(line, attribute.end(), len(line)) else len(line)
