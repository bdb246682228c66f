"""What of one line is page residue: advertisements, link lists, bylines, credits, markup. Patterns, not site names.

Every pattern is anchored or bounded, so that a line costs time in proportion to its length. What no pattern knows
stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]


def _any(*patterns: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), flags)


_MONTH = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?\.?|July?\.?|Aug(?:ust|\.)?"
    r"|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_DAY = (
    rf"(?:(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,? )?(?:{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
    rf"|\d{{1,2}} {_MONTH},? \d{{4}})|\d{{4}}-\d\d-\d\d|\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{4}})"
)
_DATE = rf"{_DAY}(?:,?(?: at| -| \|)? \d{{1,2}}[:.]\d\d(?: ?[ap]\.?m\b\.?)?(?: [A-Z]{{2,4}}\b)?)?"
_READING_TIME = r"\d{1,3}[ -]?min(?:ute)?s? read(?:ing time)?"
_COMMENTS_ON = r"\b(?:No|\d{1,5}) [Cc]omments? on\b"
_AGENCY = (
    r"(?:Agence France-Presse|AFP|(?:The )?Associated Press|AP|EPA|Reuters|Xinhua|KCNA|Yonhap|TASS|Kyodo(?: News)?"
    r"|Sputnik|Getty Images)"
)
_NAME = r"[A-Z][\w.'’-]*"
_PERSON = rf"{_NAME}(?: (?:de|del|der|van|von|bin|al|{_NAME})){{1,3}}"
_PEOPLE = rf"{_PERSON}(?:(?:,? (?:and|AND) |, ?|; ?| & | in | for | of )(?:{_PERSON}|{_NAME}))*"
_NAMES_AND_PARTICLES = (
    rf"(?:[\s,;()/]+(?:{_NAME}|and|by|in|for|of|the|with|de|del|der|van|von|bin|al|[Aa]dditional|reporting|writing"
    r"|editing))+[.)\]]*$"
)
_CREDIT_VERB = r"(?:Additional reporting|Reporting|Reported|Written|Writing|Editing|Edited|Compiled|Translated)"
_LIST_NAME = r"(?:FEATURED|RELATED|LATEST|RECOMMENDED|TRENDING|POPULAR|TOP|MORE) (?:STORIES|ARTICLES|POSTS|VIDEOS)"

_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_FINAL = re.compile(r"[.!?…][\"'”’)\]]*$")
_SENTENCE_BEFORE = re.compile(r"[.!?…”’)\]]\s*$|[.!?…][\"']\s*$|[a-z0-9]$")
_SIX_WORDS = re.compile(r"\s*(?:\S{1,200}\s{1,20}){5}\S")
# Where prose can resume after a headline: glued to it ("in BeijingState media"), or as a further sentence.
_RESUMES = re.compile(r"(?<=[a-z]{3})[”’]?(?=[A-Z][a-z])|(?<=[a-z]{3}[.!?])[\"”’]?\s{1,5}(?=[\"“‘]?[A-Z])")
# "TikTok", "YouTube": a capital inside a short capitalised word is a name, no seam.
_SHORT_NAME_BEFORE = re.compile(r"(?<![^\s(“\"'‘-])[A-Z][a-z]{0,3}$")

# Residue that can stand anywhere in a line, with prose glued to either side.
_ANYWHERE = (
    re.compile(
        r"(?:article|story|content|text) continues (?:after|below)(?: this| the)? (?:advertisement(?:s\b)?|ad\b)[.:]?",
        re.IGNORECASE,
    ),
    re.compile(r"</?(?:p|br|div|li|ul|ol|h[1-6]|figure|blockquote|section|article)\s{0,3}/?>", re.IGNORECASE),
)
# Residue that begins a line, with prose glued to it.
_AT_START = re.compile(r"ADVERTISEMENT\s{0,3}(?=[A-Z][a-z])|Advertisement(?=[A-Z“‘])")
_GLUED_BYLINES = (
    re.compile(
        rf"(?:By {_NAME}(?: {_NAME}){{0,3}}?)?[\s|,·•–-]{{0,3}}{_DATE}[\s|,·•–-]{{0,3}}(?:{_READING_TIME})?"
        r"(?=[\"“‘]?[A-Z])"
    ),
    re.compile(rf"By {_NAME}(?: {_NAME}){{0,2}} [A-Z][a-z]{{2,20}}(?=[A-Z][a-z]{{0,20}}[\s,’])"),
)
_COMMENTS_LINE = re.compile(rf".{{0,200}}?{_COMMENTS_ON}.{{0,300}}?{_READING_TIME}")
# Residue that begins where a sentence could, and runs on as far as its headline or slogan does.
_LEADS = _any(
    r"(?:READ(?: ALSO| MORE| NEXT| ON)?|(?:ALSO|MUST) READ|SEE ALSO|WATCH|LISTEN)\s?:",
    r"RELATED(?: STORY| STORIES| ARTICLE| NEWS)?\s?:",
    r"(?:Read (?:also|more|next)|Also read|See also|Related(?: story| stories| article| articles)?)\s?:",
    rf"{_LIST_NAME}\b",
    r"(?:Subscribe|Sign up) (?:now |today |here )?(?:to|for) [^.!?]{0,60}?(?:newsletter|briefing|bulletin)s?",
    r"(?:Leave|Post|Add) a (?:comment|reply)",
    r"Share this(?: article| story| post| page)?(?=\s*(?:$|:|[A-Z])| on | via | with )",
)
_LEAD_AT_START = re.compile(r"(?:Read|Related|Watch|More):\s")
# Residue that begins where a sentence could, and ends the line.
_AT_END = (
    re.compile(rf"\(?{_CREDIT_VERB} by{_NAMES_AND_PARTICLES}"),
    re.compile(
        rf"[(\[]?(?:File |AP |AFP )?(?:Photos?|Image|Picture|Photograph) (?:by|via|courtesy of){_NAMES_AND_PARTICLES}"
    ),
    re.compile(
        r"[(\[]?(?:(?:File |AP |AFP )?Photos?|Image|Picture|PHOTO|IMAGE)(?: [Cc]redits?| [Cc]ourtesy)?"
        r"\s?[:/]\s?[^!?]{1,60}$"
    ),
    re.compile(rf"[(\[](?:(?:File|Pool|AP|AFP|EPA) )?(?:Photo|{_AGENCY})(?:\s?(?:via|/|by|:)[^()\[\]]{{1,80}})?[)\]]$"),
    re.compile(rf"(?:{_AGENCY}|Pool)(?:/| via )[\w.'’/ -]{{1,40}}$"),
)
_LONGEST_CREDIT = 300
_ATTRIBUTE = re.compile(
    r"(?:<\w{1,12}\s{1,3}|[\"”]\s{0,3})?\b(?:alt|width|height|src|srcset|sizes|class|style|id|href|title|rel|target"
    r"|loading|decoding|fetchpriority|data-[\w-]{1,40}|aria-[\w-]{1,40})="
    r"(?:\"[^\"]*(?:\"|$)|'[^']*(?:'|$)|\d{1,5}(?:px|%)?)(?:\s{0,3}/?>)?"
)

# Residue that fills a line.
_FURNITURE = re.compile(
    "(?:"
    + "|".join(
        (
            r"advertisements?(?:\W+continue reading.{0,40})?|sponsored(?: content)?|promoted(?: content)?",
            r"story continues(?: below)?|scroll to continue",
            r"continue reading(?: (?:below|the (?:main )?(?:story|article)))?",
            r"(?:leave|post|add) a (?:comment|reply)|no comments|\d+ comments?|comments",
            r"share|tweet|print|e-?mail|copy link|click to (?:share|email|print).*|like this|like loading",
            r"share (?:on|via|with) .{1,30}|share this(?: (?:article|story|post|page|via|on|with))?",
            r"(?:read|see|view|show|load) (?:more|less|all)|read (?:the )?full (?:story|article)",
            r"(?:featured|related|latest|recommended|trending|popular|top|more)(?: stories| articles| posts| videos)?",
            r"related (?:articles|topics|coverage|news)|editor[’']?s['’]? picks?|you may also like|what to read next",
            r"don[’']t miss|most (?:read|popular|viewed)|must read|back to top|skip to (?:main )?content",
            r"log ?in|sign in|register|(?:subscribe|sign up)(?: now| today)?",
            r"(?:subscribe|sign up)(?: now| today)? (?:to|for) .{0,60}(?:newsletters?|briefing|updates)",
            r"follow (?:us|me) on .{1,60}|listen to this article|(?:next|previous) (?:article|post)|loading",
            r"photo|image|(?:image|media) (?:caption|copyright)\b.{0,300}",
            r"media playback is (?:un)?supported on your device.{0,300}",
            rf"(?:source:? |[—–-]+ ?|\()?{_AGENCY}",
            rf"(?:(?:first |last )?(?:published|posted|updated|modified))\b.{{0,20}}{_DATE}.{{0,40}}",
            rf"{_DATE}|(?:estimated )?reading time:?.{{1,20}}|{_READING_TIME}",
        )
    )
    + r")\W*",
    re.IGNORECASE,
)
_BYLINE = re.compile(
    rf"(?:By|BY|{_CREDIT_VERB} by|Words by|Story by) (?:{_PEOPLE}|{_AGENCY}|[Ss]taff(?: [Ww]riters?| [Rr]eporters?)?)"
    rf"[\s|,·•–-]*(?:{_DATE})?[\s|,·•–-]*(?:{_READING_TIME})?"
)
_LINK = _any(r"[^.!?]{20,200}\bRead more", rf"[^.!?]{{0,100}}{_DATE}.{{0,20}}{_COMMENTS_ON}[^.!?]{{0,300}}")
_NOTICE = _any(
    r".{0,200}?\b(?:we|this (?:web)?site|our (?:web)?site|our partners)\b.{0,40}\buses?\b.{0,40}\bcookies\b",
    r"(?:accept|reject|manage)(?: all)? cookies|.{0,100}\bcookies? (?:policy|settings|preferences|notice)\W*$",
    r"by (?:providing|submitting|entering|signing up|subscribing|clicking|continuing|using)\b.{0,120}"
    r"\b(?:(?:you|I) (?:agree|accept|consent|acknowledge|confirm)|privacy policy)",
    r"your e-?mail address will not be published|required fields are marked",
    r"(?:©|\(c\)|copyright)\W*(?:\d{4}\b|.{0,80}all rights reserved)|.{0,80}\ball rights reserved\W*$",
    flags=re.IGNORECASE,
)
_LONGEST_NOTICE = 600
_ADDRESS = _any(
    r"(?:https?://|www\.)\S+",
    r"pic\.twitter\.com/\S+",
    r"\d+(?:\.\d+)?[wx],?",
    r"[\w.+-]{1,60}@[\w.-]{1,60}",
    r"@\w+",
)


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
    if len(piece) > _LONGEST_NOTICE:
        return False
    whole = any(pattern.fullmatch(piece) for pattern in (_FURNITURE, _BYLINE, _LINK))
    return whole or _NOTICE.match(piece) is not None or all(map(_ADDRESS.fullmatch, piece.split()))


def ends_sentence(piece: str) -> bool:
    """Whether the piece ends in ``.``, ``!``, ``?`` or an ellipsis, closing quotation marks and brackets aside."""
    return bool(_FINAL.search(piece, max(0, len(piece) - 8)))


def is_list_heading(piece: str) -> bool:
    """Whether a line such as "RELATED STORIES" announces a list of headlines."""
    return len(piece) < 40 and bool(re.fullmatch(rf"{_LIST_NAME}\W*", piece, re.IGNORECASE))


def is_headline_lead(piece: str) -> bool:
    """Whether the line begins "READ: " or the like."""
    found = _LEADS.match(piece)
    return found is not None and found.group().endswith(":")


def _cuts(line: str) -> Iterator[Span]:
    """Spans of residue in the line, in no order, possibly overlapping."""
    for pattern in _ANYWHERE:
        yield from (found.span() for found in pattern.finditer(line))
    yield from _markup(line)
    yield from _leads(line)
    for pattern in _AT_END:
        # Looking at the end alone keeps a long line cheap.
        for found in pattern.finditer(line, max(0, len(line) - _LONGEST_CREDIT)):
            if _at_sentence_start(line, found.start()):
                yield found.span()
    head = line[:1000]
    for start in (_AT_START.match(head), _COMMENTS_LINE.match(head) if "omment" in head else None):
        if start is not None:
            yield start.span()
    for pattern in _GLUED_BYLINES:
        byline = pattern.match(head)
        if byline is not None and _is_sentence(line, byline.end(), len(line)):
            yield byline.span()


def _leads(line: str) -> Iterator[Span]:
    """Spans of "READ: ...", "FEATURED STORIES ...", slogans: as far as the next residue, or to where prose resumes."""
    leads = [found for found in _LEADS.finditer(line) if _at_sentence_start(line, found.start())]
    first = _LEAD_AT_START.match(line)
    if first is not None and (not leads or leads[0].start() > 0):
        leads.insert(0, first)
    if not leads:
        return
    stops = sorted(
        [found.start() for pattern in _ANYWHERE for found in pattern.finditer(line)]
        + [lead.start() for lead in leads]
        + [len(line)]
    )
    index = 0
    for lead in leads:
        while stops[index] <= lead.start():
            index += 1
        yield lead.start(), _resumption(line, lead.end(), stops[index])


def _resumption(line: str, start: int, stop: int) -> int:
    """Where between ``start`` and ``stop`` a sentence follows the headline, or ``stop``."""
    for found in _RESUMES.finditer(line, start, stop):
        glued = not found.group()
        if glued and _SHORT_NAME_BEFORE.search(line, max(start, found.end() - 5), found.end()):
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
    """Spans of HTML attributes: from a tag's first to its end or, where that is cut off, to the line's end."""
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
