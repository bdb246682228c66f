"""The lexicon's phrases, and text in the one form in which they are looked up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from stance.schema import Schema

BLOCKS = ("word", "char", "lexicon", "context", "presence")
SCOPE_KEYS = ("negation", "concession", "turn")
MARK_VARIANTS = ("", "/negated", "/conceded", "/before")
"""What a cue's key ends in: as it stands, and where a scope of each kind reaches it."""

WORD = re.compile(r"[^\W_]+")
# What stands between the parts of phrases, one a line.
_APART = {i: " " for i in range(128) if not chr(i).isalnum() and chr(i) not in "*\n"}
_APART_ANY = re.compile(r"[^\w*\n]|_")
# Digits to "0"; and one small sigma, since str.lower() would choose by the letters around it.
_ONE_FORM = str.maketrans("123456789ς", "000000000σ")
# Lower-case ASCII at one go: digits to "0", all that is no letter or digit to a space.
_ASCII = str.maketrans({chr(i): "0" if chr(i).isdigit() else " " for i in range(128) if not chr(i).isalpha()})


def normalise(text: str) -> str:
    """Lower case, every digit as ``0``; exactly as long as ``text``, so that spans stay valid."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters, such as "İ", have a longer lower case
        lowered = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    return lowered.translate(_ONE_FORM)


def words(text: str) -> list[str]:
    """The runs of letters and digits of the normalised text."""
    lowered = text.lower()
    if lowered.isascii():  # the same words, in half the time
        return lowered.translate(_ASCII).split()
    return WORD.findall(normalise(text))


def contexts_of(schema: Schema) -> list[tuple[str, frozenset[str]]]:
    """The sets of entity groups that outputs of the schema are about: key and groups."""
    alternatives = dict.fromkeys(a for output in (*schema.topics, *schema.targets) for a in output.entities)
    return [("&".join(f"<{group}>" for group in a), frozenset(a)) for a in alternatives]


def alias_phrases(schema: Schema) -> list[tuple[str, tuple[str, ...]]]:
    """(group, words) of every entity alias: the longest first, then in the schema's order."""
    return sorted(_phrases(schema.entities, star=" "), key=lambda phrase: -len(phrase[1]))


def cue_phrases(schema: Schema) -> list[tuple[str, tuple[str, ...]]]:
    """(key, parts) of every cue and scope; a part ``deep*`` stands for any word that begins so, ``*`` for any word."""
    groups = {f"{{{group}}}": phrases for group, phrases in schema.cues.items()}
    return _phrases({**groups, **schema.scopes}, star="* ")


def _phrases(groups: Mapping[str, Iterable[str]], star: str) -> list[tuple[str, tuple[str, ...]]]:
    """(key, parts) of each phrase of each group; a phrase without any has one that is blank. A star is put for "*"."""
    lines = [(key, phrase.replace("\n", " ")) for key, phrases in groups.items() for phrase in phrases]
    # All at one go: to normalise each by itself would take longer than all else.
    text = normalise("".join([f"{phrase}\n" for _, phrase in lines]))
    text = text.translate(_APART) if text.isascii() else _APART_ANY.sub(" ", text)
    found = text.replace("*", star).split("\n")[:-1]
    return [(key, tuple(parts.split()) or ("",)) for (key, _), parts in zip(lines, found, strict=True)]
