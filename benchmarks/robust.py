"""How steady: how often the answer changes when it must not, and stays when it must change.

Every perturbation is a function of one text; it gives None where it does not apply. A system's answer to the changed
text is held against its own answer to the text as it was, and, where the codebook says what the changed text's labels
are, against those. The idea is Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with
CheckList": invariance and directional tests.

The test split is measured on, never looked at: rules were written and read on the dev split (``--split dev``).
"""

from __future__ import annotations

import dataclasses
import math
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import stance
from benchmarks.domain import LABELS
from benchmarks.record import Record
from stance.baselines import Keywords, Outcome, System
from stance.classifier import Classifier
from stance.evaluation import ModelSystem
from stance.features import Featurizer
from stance.labels import read_rows
from stance.lexicon import cue_phrases, words
from stance.metrics import Floats, Interval, draws, f1_of_counts, group_sums, interval
from stance.records import LabelledSentence, fingerprint, training_order
from stance.schema import NEUTRAL, Schema

Bools = NDArray[np.bool_]
Change = Callable[[str], "str | None"]

RESAMPLES = 1000
PAIRS = ("china_ties", "russia_ties")
"""The two targets that trade places where China and Russia do."""

SAME, SWAPPED, NOT_FAVOR, UNTIED = "same", "swapped", "not favor", "neutral to both ties"
"""What must become of the answer."""


@dataclass(frozen=True)
class Perturbation:
    """One way to change a text.

    Attributes:
        name: in tables.
        expect: what must become of the answer: `SAME`, `SWAPPED`, `NOT_FAVOR` or `UNTIED`.
        change: text -> changed text, or None where it does not apply.
        rule: what it does and where it applies, for the reader.
    """

    name: str
    expect: str
    change: Change
    rule: str

    def applied(self, row: LabelledSentence) -> str | None:
        """The row's changed text; None where the change does not apply or changes nothing.

        `NOT_FAVOR` is asked only where the one stance that the row takes is favor: a sentence that also takes a side
        elsewhere has clauses that a negated main verb does not reach.
        """
        if self.expect == NOT_FAVOR and _sides(row) != ["favor"]:
            return None
        changed = self.change(row.text)
        return None if changed == row.text else changed


def _sides(row: LabelledSentence) -> list[str]:
    return [stance for stance in row.stances.values() if stance != NEUTRAL]


def perturbations(schema: Schema, seed: int = 0) -> list[Perturbation]:
    """All of them, those that must change the answer first."""
    typo = "two neighbouring inner letters swapped, in words of four letters or more drawn with the seed:"
    return [
        Perturbation(
            "China, Russia swapped: one named",
            SWAPPED,
            swapper(schema, both=False),
            "every alias of China becomes the like one of Russia, or the other way round; sentences that name neither "
            "are left out, however many third parties they name",
        ),
        Perturbation(
            "China, Russia swapped: both named", SWAPPED, swapper(schema, both=True), "the same, in both directions"
        ),
        Perturbation(
            "main verb negated",
            NOT_FAVOR,
            negated,
            "'not' behind the auxiliary, 'did not' before a past form, 'no longer' before a present one, where the "
            "first known verb comes before any comma, quotation mark or subordinate clause, nothing is negated yet "
            "and no further clause is joined on; asked of sentences whose one stance is favor",
        ),
        Perturbation(
            "targets masked",
            UNTIED,
            masker(schema),
            "North Korea becomes 'the country', China and Russia 'a neighbour'; only where North Korea and one of the "
            "others are named, and none of 'the North', 'northern', 'Kim', 'Yalu' would give them away",
        ),
        *(
            Perturbation(f"typos, {k} word{'s' * (k > 1)}", SAME, partial(typos, k=k, seed=seed), f"{typo} {k}")
            for k in (1, 2, 3)
        ),
        Perturbation("upper case", SAME, str.upper, "all letters"),
        Perturbation("lower case", SAME, str.lower, "all letters"),
        Perturbation(
            "last clause cut",
            SAME,
            cutter(schema, without_last_clause),
            "what follows the last comma, semicolon, colon or dash goes, where some cue of the keyword rules stays, "
            "and no cue, name or scope word goes",
        ),
        Perturbation(
            "last quarter cut", SAME, cutter(schema, without_last_quarter), "the same of the last 25% of the words"
        ),
        Perturbation("quoted", SAME, quoted, "'\"...,\" a newspaper said.', where the sentence quotes nothing"),
        Perturbation("'READ:' before", SAME, "READ: {}".format, "page furniture"),
        Perturbation("newsletter after", SAME, "{} Subscribe to our daily newsletter".format, "page furniture"),
        Perturbation("'(Reuters) -' before", SAME, "(Reuters) - {}".format, "page furniture"),
        Perturbation("curly quotes", SAME, curly, "straight quotation marks and apostrophes become curly"),
        Perturbation("extra blanks", SAME, blanks, "two blanks for one, a tab, a no-break space, blanks at both ends"),
        Perturbation("accents dropped", SAME, unaccented, "é becomes e"),
        Perturbation("British/American", SAME, respelled, "neighbour/neighbor and its like, whichever is there"),
    ]


# --- must change ---


COUNTERPARTS = (
    ("China", "Russia"),
    ("Chinese", "Russian"),
    ("Beijing", "Moscow"),
    ("PRC", "Russian Federation"),
    ("People's Republic of China", "Russian Federation"),
    ("Xi Jinping", "Vladimir Putin"),
    ("Xi", "Putin"),
    ("Sino", "Russo"),
    ("Hu Jintao", "Medvedev"),
    ("Wang Yi", "Sergei Lavrov"),
    ("Wang Yi", "Lavrov"),
    ("Li Qiang", "Belousov"),
    ("Li Keqiang", "Shoigu"),
    ("Zhao Leji", "Volodin"),
    ("Wen Jiabao", "Kozlov"),
    ("Wang Yi", "Matsegora"),
    ("Zhongnanhai", "Kremlin"),
    ("Communist Party of China", "Kremlin"),
    ("Chinese Communist Party", "Kremlin"),
    ("CPC", "Kremlin"),
    ("Global Times", "TASS"),
    ("Dandong", "Khasan"),
    ("Tumen", "Khasan"),
    ("Hunchun", "Vladivostok"),
    ("Yanji", "Vostochny"),
    ("Jilin", "Primorye"),
    ("Liaoning", "Primorye"),
    ("Jilin", "Kursk"),
    ("Chinese people", "Russians"),
)
"""China's alias and Russia's of the same kind, for both directions; a pair given first wins. What a schema adds
without a pair here becomes the country's name."""

_NOT_THE_COUNTRY = re.compile(r"\b(?:South|East) China\b|\bRussian roulette\b|\bUnited Russia\b")


def alias_pattern(aliases: Sequence[str]) -> re.Pattern[str]:
    """Any of the aliases as whole words, the longest first, whatever the case, as the library matches them."""
    phrases = sorted({tuple(words(alias)) for alias in aliases if not alias.endswith("'s")}, key=lambda p: -len(p))
    choices = "|".join(r"[\W_]+".join(map(re.escape, phrase)) for phrase in phrases)
    return re.compile(rf"(?<![^\W_])(?:{choices})(?![^\W_])", re.IGNORECASE)


def swapper(schema: Schema, *, both: bool) -> Change:
    """China for Russia and Russia for China, where both are named or where one is."""
    become: dict[tuple[str, ...], str] = {}
    for chinese, russian in COUNTERPARTS:
        become.setdefault(tuple(words(chinese)), russian)
        become.setdefault(tuple(words(russian)), chinese)
    for group, name in (("china", "Russia"), ("russia", "China")):
        for alias in schema.entities[group]:
            become.setdefault(tuple(words(alias)), name)
    patterns = [alias_pattern(schema.entities[group]) for group in ("china", "russia")]
    either = alias_pattern([*schema.entities["china"], *schema.entities["russia"]])

    def change(text: str) -> str | None:
        named = sum(pattern.search(text) is not None for pattern in patterns)
        if _NOT_THE_COUNTRY.search(text) or named != 1 + both:
            return None
        return either.sub(lambda match: like(match.group(), become[tuple(words(match.group()))]), text)

    return change


_ACRONYMS = frozenset({"PRC", "CPC", "TASS", "DPRK"})


def like(model: str, word: str) -> str:
    """``word`` in the case of ``model``: all upper, all lower, or as it stands."""
    if model.isupper() and model not in _ACRONYMS:
        return word.upper()
    return word.lower() if model.islower() else word


_ADJECTIVE = re.compile(r"(?:Chinese|Russian|Korean|Sino|Russo)$", re.IGNORECASE)
_GIVEAWAY = re.compile(r"\b(?:the North|northern|Kims?|Yalu|Amnok)\b", re.IGNORECASE)


def masker(schema: Schema) -> Change:
    """Neutral words for North Korea, China and Russia; an adjective becomes a possessive."""
    neutral = {"north_korea": "the country", "china": "a neighbour", "russia": "a neighbour"}
    patterns = {
        group: re.compile(rf"(?:\b(?:the|an?)\s+)?({alias_pattern(schema.entities[group]).pattern})", re.IGNORECASE)
        for group in neutral
    }

    def change(text: str) -> str | None:
        named = [group for group, pattern in patterns.items() if pattern.search(text)]
        if "north_korea" not in named or len(named) < 2:
            return None
        for group in named:
            text = patterns[group].sub(partial(_masked, neutral=neutral[group]), text)
        if _GIVEAWAY.search(text):
            return None
        return text[0].upper() + text[1:]

    return change


def _masked(match: re.Match[str], *, neutral: str) -> str:
    return f"{neutral}'s" if _ADJECTIVE.search(match.group(1)) else neutral


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NEGATED = re.compile(
    r"n['’]t\b|\b(?:not|no|never|neither|nor|without|cannot|hardly|barely|stop(?:s|ped)?|refus\w+|fail\w*|den(?:y|ied|ies))\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[,;:—–()\"“”]")
_AUXILIARIES = _set("will would can could may might must should shall has have had is are was were")
_STOPS = _set(
    "who whom whose which where when while although though despite if because since until before after as unless "
    "whether how what why"
)
_SAYING = _set("said says added told announced reported reports declared")
# Past forms that cannot be read as participles, verbs of "to", and the rest; past form -> base.
_PLAIN = {
    "arrived": "arrive", "came": "come", "went": "go", "grew": "grow", "rose": "rise", "began": "begin",
    "gave": "give", "took": "take", "wrote": "write", "flew": "fly", "spoke": "speak", "drew": "draw",
    "met": "meet", "called": "call", "urged": "urge", "thanked": "thank", "stood": "stand", "left": "leave",
}  # fmt: skip
_TOWARD = {
    "vowed": "vow", "pledged": "pledge", "agreed": "agree", "promised": "promise", "offered": "offer",
    "continued": "continue", "decided": "decide", "voted": "vote", "moved": "move", "travelled": "travel",
    "returned": "return", "demanded": "demand",
}  # fmt: skip
_TRANSITIVE = {
    "signed": "sign", "sent": "send", "visited": "visit", "hosted": "host", "welcomed": "welcome", "praised": "praise",
    "hailed": "hail", "congratulated": "congratulate", "deepened": "deepen", "strengthened": "strengthen",
    "expanded": "expand", "boosted": "boost", "reopened": "reopen", "restored": "restore", "resumed": "resume",
    "imposed": "impose", "adopted": "adopt", "announced": "announce", "backed": "back", "supported": "support",
    "defended": "defend", "shipped": "ship", "supplied": "supply", "delivered": "deliver", "launched": "launch",
    "blacklisted": "blacklist", "sanctioned": "sanction", "froze": "freeze", "tightened": "tighten", "seized": "seize",
    "added": "add", "exchanged": "exchange", "marked": "mark", "celebrated": "celebrate", "received": "receive",
    "invited": "invite", "held": "hold", "opened": "open", "reaffirmed": "reaffirm", "expressed": "express",
    "ratified": "ratify", "built": "build", "bought": "buy", "sold": "sell", "brought": "bring", "accepted": "accept",
}  # fmt: skip
_PRESENT = _set(
    "supports backs wants seeks hopes continues stands gives sends sells buys needs relies urges calls supplies ships "
    "welcomes hails praises enforces demands deepens grows trains provides offers brings"
)
_PRONOUNS = _set("it he she they we i this that these there got made said put set kept")
_AFTER_PARTICIPLE = _set("by in on at last during under after between from since earlier this")
_AFTER_TRANSITIVE = _AFTER_PARTICIPLE | _set("to for with as into off")
_BEFORE_PARTICIPLE = _set("and a an the its his her their our this that these those newly recently to be")


def negated(text: str) -> str | None:
    """The text with its main verb negated, by a rule that rather gives up than errs; see `perturbations`."""
    if _NEGATED.search(text):
        return None
    tokens = list(_TOKEN.finditer(text))
    for i, token in enumerate(tokens):
        word = token.group()
        before = tokens[i - 1].group().lower() if i else ""
        after = tokens[i + 1].group() if i + 1 < len(tokens) else ""
        if not word[0].isalnum() or word.lower() in _STOPS or (word == "that" and before not in _SAYING):
            return None
        form = _negative(word)
        if form and i:
            blocked = _blocked(word) | _AUXILIARIES
            if before in _BEFORE_PARTICIPLE or not after or not after[0].isalnum() or after.lower() in blocked:
                return None
            rest = text[token.end() :]
            return None if _goes_on(rest) else text[: token.start()] + form + rest
    return None


def _goes_on(rest: str) -> bool:
    """Whether a further clause follows that the negation would not reach."""
    if re.search(r", and\b|\bbut\b|[;:—]|,.*\b(?:wh\w+|as|although|\w+ing)\b", rest):
        return True
    verbs = _AUXILIARIES | _SAYING | _PRESENT | set(_PLAIN) | set(_TOWARD) | set(_TRANSITIVE)
    joined = re.findall(r"\b(?:and|then)\s+(?:then\s+|also\s+)?([a-z]+)", rest)
    return any(word in verbs or word in _PRONOUNS or word.endswith("ed") for word in joined)


def _negative(word: str) -> str:
    """The negated form of a known verb; empty if the word is none."""
    if word in _AUXILIARIES:
        return "cannot" if word == "can" else f"{word} not"
    if word in _PRESENT:
        return f"no longer {word}"
    base = {**_PLAIN, **_TOWARD, **_TRANSITIVE}.get(word)
    return f"did not {base}" if base else ""


def _blocked(word: str) -> frozenset[str]:
    """What must not follow, since the word could then be a participle."""
    if word in _TRANSITIVE:
        return _AFTER_TRANSITIVE
    return _AFTER_PARTICIPLE if word in _TOWARD else frozenset()


# --- must not change ---


def typos(text: str, *, k: int, seed: int = 0) -> str | None:
    """Swap two neighbouring inner letters of ``k`` words; None where fewer words have two that differ."""
    draw = random.Random(f"{seed} {k} {text}")
    places = []
    for match in re.finditer(r"[^\W\d_]{4,}", text):
        inner = [i for i in range(match.start() + 1, match.end() - 2) if text[i].lower() != text[i + 1].lower()]
        if inner:
            places.append(draw.choice(inner))
    if len(places) < k:
        return None
    letters = list(text)
    for i in draw.sample(places, k):
        letters[i], letters[i + 1] = letters[i + 1], letters[i]
    return "".join(letters)


def without_last_clause(text: str) -> str | None:
    """The text up to its last comma, semicolon, colon or dash; four words must stay and two must go."""
    found = list(re.finditer(r"[,;:](?=\s)|\s*—\s*|\s–\s|\s-\s", text))
    if not found:
        return None
    kept, gone = text[: found[-1].start()], text[found[-1].end() :]
    return _ended(kept, text) if len(kept.split()) >= 4 and len(gone.split()) >= 2 else None


def without_last_quarter(text: str) -> str | None:
    """The text without the last quarter of its words, rounded down; eight words or more."""
    parts = text.split()
    return _ended(" ".join(parts[: -(len(parts) // 4)]), text) if len(parts) >= 8 else None


def _ended(kept: str, text: str) -> str:
    return kept.rstrip(" ,;:—–-") + (text[-1] if text[-1] in ".!?" else "")


def cutter(schema: Schema, cut: Change) -> Change:
    """``cut``, only where all that the lexicon sees stays, and a cue of the keyword rules is among it.

    So the keyword rules cannot change; what bears the label without being in the lexicon may be lost.
    """
    featurizer = Featurizer(schema, char_min=1, char_max=0)
    outputs = (*schema.topics, *schema.targets)
    voting = {f"{{{group}}}" for output in outputs for groups in output.keywords.values() for group in groups}
    phrases = [phrase for key, phrase in cue_phrases(schema) if key in schema.scopes]
    choices = "|".join(" ".join(part.replace("*", r"\S*") for part in phrase) for phrase in phrases)
    scope = re.compile(rf"(?<!\S)(?:{choices or '(?!)'})(?!\S)")

    def seen(text: str) -> tuple[Counter[str], int, set[str], int]:
        analysis = featurizer.analyse(text)
        scopes = len(scope.findall(" ".join(analysis.words)))
        return Counter(cue.key for cue in analysis.cues), len(analysis.aliases), set(analysis.groups), scopes

    def change(text: str) -> str | None:
        kept = cut(text)
        if kept is None:
            return None
        found = seen(kept)
        return kept if found == seen(text) and voting & set(found[0]) else None

    return change


def quoted(text: str) -> str | None:
    """The sentence as somebody's words."""
    if re.search(r"[\"“”]", text):
        return None
    return f'"{text}" a newspaper said.' if text[-1] in "!?" else f'"{text.rstrip(".")}," a newspaper said.'


def curly(text: str) -> str | None:
    """Curly for straight quotation marks and apostrophes; None where there are none."""
    if not re.search(r"[\"']", text):
        return None
    for straight, left, right in (('"', "“", "”"), ("'", "‘", "’")):
        text = re.sub(rf"(?:(?<=^)|(?<=[\s(\[—“‘])){straight}", left, text).replace(straight, right)
    return text


def blanks(text: str) -> str | None:
    """More white space than needed: two blanks, a tab or a no-break space for one in turn, and blanks at both ends."""
    parts = text.split(" ")
    gaps = ["  ", " \t", " \u00a0"]
    return "  " + "".join(part + gaps[i % 3] for i, part in enumerate(parts)) if len(parts) > 1 else None


def unaccented(text: str) -> str | None:
    """Letters without their accents; None where there are none."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return plain if plain != unicodedata.normalize("NFD", text) else None


SPELLINGS = (
    ("neighbour", "neighbor"), ("favour", "favor"), ("labour", "labor"), ("honour", "honor"), ("harbour", "harbor"),
    ("colour", "color"), ("rumour", "rumor"), ("armour", "armor"), ("behaviour", "behavior"), ("endeavour", "endeavor"),
    ("defence", "defense"), ("offence", "offense"), ("licence", "license"), ("programme", "program"),
    ("centre", "center"), ("theatre", "theater"), ("metre", "meter"), ("kilometre", "kilometer"), ("fibre", "fiber"),
    ("grey", "gray"), ("towards", "toward"), ("sceptic", "skeptic"), ("sceptical", "skeptical"),
    ("scepticism", "skepticism"), ("travelled", "traveled"), ("travelling", "traveling"), ("fuelled", "fueled"),
    ("cancelled", "canceled"), ("signalled", "signaled"), ("labelled", "labeled"),
)  # fmt: skip
"""British and American words."""
IS_OR_IZ = (
    "modern", "organ", "recogn", "critic", "normal", "emphas", "destabil", "stabil", "penal", "author", "mobil",
    "symbol", "apolog", "denuclear", "real", "final", "util",
)  # fmt: skip
"""What the British may and Americans must spell with z: "criticise", "criticize"."""

_OTHER = dict([*SPELLINGS, *((american, british) for british, american in SPELLINGS)])
_WORD = re.compile(
    rf"\b(?:({'|'.join(sorted(_OTHER, key=len, reverse=True))})(?=(?:s|ed|ing|ly|able|ite|ites|hood|man|men)?\b)"
    rf"|((?:{'|'.join(IS_OR_IZ)})i)([sz])(?=(?:e|ed|es|er|ers|ing|ation|ations)\b))",
    re.IGNORECASE,
)


def respelled(text: str) -> str | None:
    """Every British spelling American and every American one British; None where there are none."""

    def other(match: re.Match[str]) -> str:
        word, stem, letter = match.groups()
        if word is None:
            return str(stem + {"s": "z", "z": "s", "S": "Z", "Z": "S"}[letter])
        found = _OTHER[word.lower()]
        return like(word, found.capitalize() if word[0].isupper() else found)

    changed = _WORD.sub(other, text)
    return None if changed == text else changed


# --- measure ---


def run(model: str, *, split: str = "test", seed: int = 0, resamples: int = RESAMPLES) -> Record:
    """Measure a model and the keyword rules under every perturbation.

    Args:
        split: whose sentences; develop on "dev".
        seed: of the typos and of the bootstrap.
        resamples: of the bootstrap, by article.
    """
    classifier = stance.load(model)
    rows = read_rows(LABELS, classifier.schema, splits=(split,))
    trained_on = classifier.model.provenance.get("fingerprint")
    results = {
        "split": split,
        "sentences": len(rows),
        "articles": len({row.article for row in rows}),
        "model": {
            "fingerprint": trained_on,
            "trained on this train split": trained_on == _of_training(classifier.schema),
        },
        "perturbations": measure(classifier, rows, seed=seed, resamples=resamples),
    }
    return Record("robust", results, fingerprint=fingerprint(rows), seed=seed)


def _of_training(schema: Schema) -> str:
    """The fingerprint that a model trained on the train split as it is now would have."""
    rows = read_rows(LABELS, schema, splits=("train",))
    return fingerprint(training_order(rows))


def measure(
    classifier: Classifier, rows: Sequence[LabelledSentence], *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Perturbation -> what it applies to and each system's figures; one that applies to nothing has no figures."""
    schema = classifier.schema
    systems: list[System] = [ModelSystem(classifier, "model"), Keywords(schema)]
    originals = [system.decide([row.text for row in rows]) for system in systems]
    found: dict[str, Any] = {}
    for perturbation in perturbations(schema, seed):
        changed = {i: text for i, row in enumerate(rows) if (text := perturbation.applied(row)) is not None}
        chosen = [rows[i] for i in changed]
        found[perturbation.name] = {
            "expect": perturbation.expect,
            "rule": perturbation.rule,
            "sentences": len(chosen),
            "articles": len({row.article for row in chosen}),
            "systems": {
                system.name: figures(
                    perturbation.expect,
                    chosen,
                    Outcome(original.topics[list(changed)], original.stances[list(changed)]),
                    system.decide(list(changed.values())),
                    schema,
                    seed=seed,
                    resamples=resamples,
                )
                for system, original in zip(systems, originals, strict=True)
                if chosen
            },
        }
    return found


def figures(
    expect: str,
    rows: Sequence[LabelledSentence],
    before: Outcome,
    after: Outcome,
    schema: Schema,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """One system under one perturbation, every figure with a 95% interval by article.

    ``wrong`` is the share of sentences that are not answered as ``expect`` wants, of those of which it wants
    something: where nothing must change, all; where stances must, those whose stance before was one to change.
    """
    groups = [row.article for row in rows]
    weights = draws(groups, resamples=resamples, seed=seed)
    topics = (before.topics != after.topics).any(axis=1)
    stances = before.stances != after.stances
    asked, wrong = _judged(expect, before, after, schema)
    every = np.ones(len(rows), dtype=bool)
    found: dict[str, Any] = {
        "asked": int(asked.sum()),
        "wrong": _share(wrong, asked, groups, weights),
        "topics changed": _share(topics, every, groups, weights),
        "stance changed": {
            "any": _share(stances.any(axis=1), every, groups, weights),
            **{t: _share(stances[:, j], every, groups, weights) for j, t in enumerate(schema.target_names)},
        },
    }
    if expect in (SAME, SWAPPED):
        found["F1"] = _f1s(expect, rows, before, after, schema, groups, weights)
    return found


def _judged(expect: str, before: Outcome, after: Outcome, schema: Schema) -> tuple[Bools, Bools]:
    """Of which sentences something is asked, and which are answered wrongly."""
    if expect == SAME:
        wrong = (before.topics != after.topics).any(axis=1) | (before.stances != after.stances).any(axis=1)
        return np.ones(len(wrong), dtype=bool), wrong
    if expect == NOT_FAVOR:
        favor = before.stances == schema.stances.index("favor")
        return favor.any(axis=1), (favor & (after.stances == before.stances)).any(axis=1)
    columns = [schema.target_names.index(target) for target in PAIRS]
    old, new = before.stances[:, columns], after.stances[:, columns]
    if expect == SWAPPED:
        return old[:, 0] != old[:, 1], (new != old[:, ::-1]).any(axis=1)
    neutral = schema.stances.index(NEUTRAL)
    return (old != neutral).any(axis=1), (new != neutral).any(axis=1)


def _share(hit: Bools, of: Bools, groups: Sequence[str], weights: Floats) -> dict[str, float | None]:
    counts = group_sums(np.stack([hit & of, of], axis=1).astype(float), groups)
    one, sample = counts.sum(axis=0)[None], weights @ counts
    return _plain(interval(float(_ratio(one)[0]), _ratio(sample)))


def _ratio(counts: Floats) -> Floats:
    hits, of = counts[:, 0], counts[:, 1]
    ratio: Floats = np.divide(hits, of, out=np.full(of.shape, np.nan), where=of > 0)
    return ratio


def _plain(found: Interval) -> dict[str, float | None]:
    """JSON has no nan."""
    return {name: None if math.isnan(x) else round(x, 6) for name, x in dataclasses.asdict(found).items()}


def _f1s(
    expect: str,
    rows: Sequence[LabelledSentence],
    before: Outcome,
    after: Outcome,
    schema: Schema,
    groups: Sequence[str],
    weights: Floats,
) -> dict[str, Any]:
    """Mean topic F1 and mean stance macro-F1 against the labels before and after, and their paired difference.

    Where China and Russia are swapped the labels of the two ties are too; whether the sentence is still about Russia's
    dealings does not follow from its labels, so that topic is left out, before and after.
    """
    names = [name for name in schema.topic_names if expect == SAME or name != "russia_ties"]
    columns = [schema.topic_names.index(name) for name in names]
    truth = [dict(row.stances) for row in rows]
    after_truth = [_swapped(stances) for stances in truth] if expect == SWAPPED else truth
    in_topics = np.array([[name in (row.topics or ()) for name in names] for row in rows], dtype=bool)
    in_topics = in_topics.reshape(len(rows), len(names))
    found: dict[str, Any] = {}
    old = _mean_f1(in_topics, before.topics[:, columns], groups, weights)
    new = _mean_f1(in_topics, after.topics[:, columns], groups, weights)
    found["topics"] = _sides_by_side(old, new)
    old = _stance_f1(truth, before, schema, groups, weights)
    new = _stance_f1(after_truth, after, schema, groups, weights)
    found["stances"] = _sides_by_side(old, new)
    return found


def _swapped(stances: Mapping[str, str]) -> dict[str, str]:
    one, other = PAIRS
    return {**stances, one: stances[other], other: stances[one]}


def _sides_by_side(old: Floats, new: Floats) -> dict[str, dict[str, float | None]]:
    pairs = {"before": old, "after": new, "difference": new - old}
    return {name: _plain(interval(float(values[0]), values[1:])) for name, values in pairs.items()}


def _mean_f1(truth: Bools, said: Bools, groups: Sequence[str], weights: Floats) -> Floats:
    """Mean F1 over the columns: of all sentences first, then of each bootstrap sample."""
    counts = group_sums(np.stack([truth & said, said & ~truth, truth & ~said], axis=2).astype(float), groups)
    sums = np.concatenate([counts.sum(axis=0)[None], np.tensordot(weights, counts, axes=1)])
    return _mean(f1_of_counts(sums))


def _stance_f1(
    truth: Sequence[Mapping[str, str]], said: Outcome, schema: Schema, groups: Sequence[str], weights: Floats
) -> Floats:
    """Mean over targets of the mean over stances that occur in truth or answers."""
    by_target = []
    for j, target in enumerate(schema.target_names):
        known = np.array([[stances[target] == name for name in schema.stances] for stances in truth], dtype=bool)
        given = said.stances[:, j, None] == np.arange(len(schema.stances))
        by_target.append(_mean_f1(known, given, groups, weights))
    return _mean(np.stack(by_target, axis=1))


def _mean(values: Floats) -> Floats:
    """Mean over the last axis, leaving out nan; nan where all are."""
    known = ~np.isnan(values)
    mean: Floats = np.divide(
        np.where(known, values, 0).sum(axis=-1),
        known.sum(axis=-1),
        out=np.full(values.shape[:-1], np.nan),
        where=known.any(axis=-1),
    )
    return mean


# --- show ---


def table(record: Record) -> str:
    """Markdown: what must change, what must not, and what each perturbation does."""
    found = record.results["perturbations"]
    targets = _targets(found)
    must = {name: item for name, item in found.items() if item["expect"] != SAME}
    must_not = {name: item for name, item in found.items() if item["expect"] == SAME}
    columns = " | ".join(f"{target} changed" for target in targets)
    warned = [] if record.results["model"]["trained on this train split"] else [WARNING, ""]
    lines = [
        *warned,
        f"{record.results['sentences']:,} sentences of {record.results['articles']} articles, split "
        f"{record.results['split']}; in brackets 95% bootstrap intervals by article.",
        "",
        "The answer must change:",
        "",
        f"| perturbation | sentences | system | must change | changed rightly | topics changed | {columns} "
        "| stance F1 before | after |",
        f"|---|---|---|---|---|---|{'---|' * len(targets)}---|---|",
    ]
    for name, item in must.items():
        for system, figure in item["systems"].items():
            cells = [
                f"{name} ({item['expect']})",
                f"{item['sentences']:,}",
                system,
                f"{figure['asked']:,}",
                _percent(_complement(figure["wrong"])),
                _percent(figure["topics changed"]),
                *(_percent(figure["stance changed"][target]) for target in targets),
                *(_f1(figure["F1"]["stances"][key]) if "F1" in figure else "" for key in ("before", "after")),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "The answer must not change:",
        "",
        f"| perturbation | sentences | system | any answer changed | topics changed | any stance changed | {columns} |",
        f"|---|---|---|---|---|---|{'---|' * len(targets)}",
    ]
    for name, item in must_not.items():
        for system, figure in item["systems"].items():
            stances = [_percent(figure["stance changed"][key]) for key in ("any", *targets)]
            cells = [name, f"{item['sentences']:,}", system, _percent(figure["wrong"])]
            lines.append(f"| {' | '.join([*cells, _percent(figure['topics changed']), *stances])} |")
    lines += [
        "",
        "F1 on the same sentences before and after, and the paired difference:",
        "",
        "| perturbation | system | topic F1 before | after | difference | stance F1 before | after | difference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, item in found.items():
        for system, figure in item["systems"].items():
            if "F1" in figure:
                cells = [
                    _f1(figure["F1"][kind][key], signed=key == "difference")
                    for kind in ("topics", "stances")
                    for key in ("before", "after", "difference")
                ]
                lines.append(f"| {name} | {system} | {' | '.join(cells)} |")
    lines += ["", *(f"- *{name}*: {item['rule']}." for name, item in found.items()), "", NOTE]
    return "\n".join(lines)


WARNING = (
    "**The model was not trained on the train split as it is now: if the splits were drawn anew since, it has seen "
    "some of these sentences, and its figures are too good.**"
)
NOTE = (
    "*Must change*: the sentences whose stance, as the system itself saw it before, was one to change; *changed "
    "rightly* is a share of those, so that a system which is always neutral has none to get right. By construction the "
    "keyword rules do not move under cuts, case, quotation marks and blanks, and are neutral to a masked pair."
)


def _targets(found: Mapping[str, Any]) -> list[str]:
    for item in found.values():
        for figure in item["systems"].values():
            return [name for name in figure["stance changed"] if name != "any"]
    return []


def _complement(share: Mapping[str, float | None]) -> dict[str, float | None]:
    flipped = {"value": share["value"], "low": share["high"], "high": share["low"]}
    return {name: None if x is None else 1 - x for name, x in flipped.items()}


def _percent(share: Mapping[str, float | None]) -> str:
    value, low, high = (share[name] for name in ("value", "low", "high"))
    if value is None:
        return "none"
    return f"{value:.1%}" + ("" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]")


def _f1(figure: Mapping[str, float | None], *, signed: bool = False) -> str:
    value, low, high = (figure[name] for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return "none"
    form = "+.3f" if signed else ".3f"
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def plots(record: Record, folder: Path) -> list[Path]:
    """One bar a perturbation and system: the share of sentences answered wrongly after it, as an SVG file."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "stance"  # the same figures give the same bytes
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    shown = [(name, item) for name, item in record.results["perturbations"].items() if item["systems"]]
    figure, axis = plt.subplots(figsize=(8, 0.6 + 0.42 * len(shown)))
    for number, (system, colour) in enumerate((("model", "tab:blue"), ("keywords", "tab:orange"))):
        drawn = [
            (i + 0.4 * number - 0.2, item["systems"][system]["wrong"])
            for i, (_, item) in enumerate(shown)
            if item["systems"][system]["wrong"]["value"] is not None
        ]
        values = [100 * share["value"] for _, share in drawn]
        reach = [[100 * (s["value"] - s["low"]) for _, s in drawn], [100 * (s["high"] - s["value"]) for _, s in drawn]]
        axis.barh([at for at, _ in drawn], values, height=0.38, color=colour, label=system)
        axis.errorbar(values, [at for at, _ in drawn], xerr=np.maximum(reach, 0), fmt="none", ecolor="0.3", lw=1)
        for at, share in drawn:
            axis.text(100 * share["high"] + 0.8, at, f"{100 * share['value']:.1f}", va="center", fontsize=7)
    labels = [f"{name} ({_of(item)})" for name, item in shown]
    axis.set_yticks(range(len(shown)), labels)
    axis.set_ylim(len(shown) - 0.4, -0.6)
    changing = sum(item["expect"] != SAME for _, item in shown)
    axis.axhline(changing - 0.5, color="0.5", lw=0.8, ls="--")
    for at, va, text in ((changing - 0.55, "bottom", "must change"), (changing - 0.45, "top", "must not change")):
        axis.text(111, at, text, ha="right", va=va, color="0.4", fontsize=8)
    axis.set(
        xlabel="% answered wrongly after the change",
        xlim=(0, 112),
    )
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    axis.legend(frameon=False, loc="lower right")
    figure.tight_layout()
    path = folder / "robust.svg"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return [path]


def _of(item: Mapping[str, Any]) -> str:
    """How many sentences the bars stand for: one number, or the model's and the keyword rules'."""
    asked = [str(figure["asked"]) for figure in item["systems"].values()]
    return "n " + (asked[0] if len(set(asked)) == 1 else " / ".join(asked))
