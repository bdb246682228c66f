"""One self-contained HTML page: articles with their sentences marked by stance and topic, and the words that decided.

No script, no outside file: the target is switched, and reasons are shown on hover and focus, by style sheet alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from stance.html_style import HEAD, LEVELS, style_sheet
from stance.reasons import Piece, Reason, pieces, reasons, word_weights
from stance.records import Article, ArticlePrediction, Explanation, Prediction, Sentence
from stance.schema import NEUTRAL, Schema
from stance.terminal import counted

_PIECES = 6
_LONGEST = 5000
"""Characters of a sentence whose reasons are shown; what is longer is none, and its reasons fill the memory."""
_LOOKS = {"favor": "pro", "against": "con", NEUTRAL: "plain"}
_OTHER_LOOKS = ("alt1", "alt2", "alt3")
# What no HTML document may hold: control characters and lone surrogates.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class ReadArticle:
    """An article and what the model says of its sentences."""

    article: Article
    prediction: ArticlePrediction


@dataclass(frozen=True, slots=True)
class _Style:
    """What every part of a page needs: the schema, how each stance looks, and how to get reasons."""

    schema: Schema
    explain: Callable[[str], Explanation]
    default: int

    def look(self, stance: str | None) -> str:
        """The CSS class of a stance; None is an abstention."""
        if stance is None:
            return "none"
        return _LOOKS.get(stance) or _OTHER_LOOKS[self.schema.stances.index(stance) % len(_OTHER_LOOKS)]


def page(
    articles: Sequence[ReadArticle],
    schema: Schema,
    explain: Callable[[str], Explanation],
    *,
    target: str | None = None,
    title: str = "Topic and stance, sentence by sentence",
    note: str = "",
) -> str:
    """The whole page.

    Args:
        articles: in the order to show them in.
        explain: `Classifier.explain` of the model that made the predictions.
        target: which target's stances show first; the schema's default target if None.
        note: a line for the foot of the page, such as which model it was.
    """
    shown = target or schema.default_target
    style = _Style(schema, explain, schema.target_names.index(shown) if shown else 0)
    body = [
        *_switches(style),
        '<div class="page"><header class="top">',
        f"<h1>{text(title)}</h1>",
        *_switch_labels(style),
        "</header>",
        '<p class="hint">Point at a sentence, tap it, or step through with Tab, to see the words that decided.</p>',
        *(_contents(articles) if len(articles) > 1 else ()),
        "<main>",
        *(line for number, read in enumerate(articles, start=1) for line in _article(read, number, style)),
        "</main>",
        _key(style),
        f"<footer>{text(note)}</footer>" if note else "",
        "</div>",
    ]
    return HEAD.format(title=text(title), css=style_sheet(len(schema.targets))) + "\n".join(body) + "\n</body></html>\n"


def text(value: str) -> str:
    """Text as HTML: escaped, and without characters that no document may hold."""
    return escape(_UNFIT.sub("\ufffd", value), quote=True)


def _switches(style: _Style) -> Iterator[str]:
    for i, target in enumerate(style.schema.target_names):
        checked = " checked" if i == style.default else ""
        label = f'aria-label="Stance toward {text(target)}"'
        yield f'<input class="switch" type="radio" name="target" id="t{i}" {label}{checked}>'


def _switch_labels(style: _Style) -> Iterator[str]:
    targets = style.schema.targets
    if not targets:
        return
    yield '<div class="switches"><span>Stance toward</span>'
    for i, target in enumerate(targets):
        yield f'<label for="t{i}" title="{text(target.description)}">{text(target.name)}</label>'
    yield "</div>"


def _contents(articles: Sequence[ReadArticle]) -> Iterator[str]:
    yield '<nav class="contents" aria-label="Articles"><ol>'
    for number, read in enumerate(articles, start=1):
        size = counted(len(read.prediction.sentences), "sentence")
        yield f'<li><a href="#a{number}">{text(_title(read.article))}</a> <small>{size}</small></li>'
    yield "</ol></nav>"


def _article(read: ReadArticle, number: int, style: _Style) -> Iterator[str]:
    facts = [read.article.metadata.get(key, "") for key in ("publisher", "register", "date")]
    facts.append(counted(len(read.prediction.sentences), "sentence"))
    yield f'<article id="a{number}"><h2>{text(_title(read.article))}</h2>'
    yield f'<p class="facts">{" · ".join(text(fact) for fact in facts if fact)}</p>'
    yield from _shares(read.prediction, style)
    yield '<div class="prose">'
    for paragraph in _paragraphs(read):
        marked = (_sentence(sentence, found, f"{number}-{n}", style) for n, sentence, found in paragraph)
        yield f"<p>{' '.join(marked)}</p>"
    yield "</div></article>"


def _paragraphs(read: ReadArticle) -> Iterator[list[tuple[int, Sentence, Prediction]]]:
    """Sentences with their numbers; a line end between two of them begins a new paragraph."""
    paragraph: list[tuple[int, Sentence, Prediction]] = []
    end = 0
    pairs = zip(read.prediction.sentences, read.prediction.predictions, strict=True)
    for number, (sentence, found) in enumerate(pairs, start=1):
        gap = read.article.text[end : sentence.start]
        if paragraph and ("\n" in gap or "\r" in gap):
            yield paragraph
            paragraph = []
        paragraph.append((number, sentence, found))
        end = sentence.end
    if paragraph:
        yield paragraph


def _shares(found: ArticlePrediction, style: _Style) -> Iterator[str]:
    yield '<div class="shares">'
    if style.schema.topics:
        yield '<table class="topics"><caption>Topics</caption>'
        for topic, share in found.topic_shares.items():
            bar = f'<span class="bar"><i style="width:{100 * share:.1f}%"></i></span>'
            yield f'<tr><th scope="row">{text(topic)}</th><td>{bar}</td><td class="number">{_percent(share)}</td></tr>'
        yield "</table>"
    if style.schema.targets:
        yield '<table class="stances"><caption>Stance toward</caption>'
        for i, (target, by_stance) in enumerate(found.stance_shares.items()):
            abstained = sum(p.stances[target] is None for p in found.predictions) / max(len(found.predictions), 1)
            stacked = _stacked(by_stance, abstained, style)
            yield f'<tr class="row{i}"><th scope="row">{text(target)}</th><td>{stacked}</td></tr>'
        yield "</table>"
    yield "</div>"


def _stacked(by_stance: dict[str, float], abstained: float, style: _Style) -> str:
    parts = list(by_stance.items())
    segments = "".join(
        f'<i class="{style.look(s)}" style="width:{100 * share:.1f}%"></i>' for s, share in parts if share
    )
    words = "".join(
        f'<span class="{style.look(s)}{"" if share else " zero"}">{text(s)} {_percent(share)}</span>'
        for s, share in parts
    )
    words += f'<span class="none">abstains {_percent(abstained)}</span>' if abstained else ""  # its bar is left blank
    return f'<span class="bar">{segments}</span><span class="legend">{words}</span>'


def _sentence(sentence: Sentence, found: Prediction, number: str, style: _Style) -> str:
    reason_list = reasons(style.explain(sentence.text), found) if len(sentence.text) <= _LONGEST else []
    looks = [f"m{i}-{style.look(found.stances[target])}" for i, target in enumerate(style.schema.target_names)]
    return (
        f'<span class="{" ".join(["s", *looks])}" tabindex="0" aria-describedby="why{number}">'
        f'<span class="words">{_highlighted(sentence.text, reason_list, found, style)}</span>'
        f"{_tags(found, style)}"
        f'<span class="why" role="tooltip" id="why{number}">{_why(reason_list, found, style)}</span></span>'
    )


def _tags(found: Prediction, style: _Style) -> str:
    """The stance toward each target in words, hidden from the eye where it is neutral, and topic chips."""
    tags = []
    for i, (target, stance) in enumerate(found.stances.items()):
        share = "" if stance is None else f" {_percent(found.stance_probabilities[target][stance])}"
        hidden = " sr" if stance == NEUTRAL else ""
        tags.append(f'<span class="tag o{i} {style.look(stance)}{hidden}">{text(stance or "abstains")}{share}</span>')
    tags += [f'<span class="chip">{text(topic)}</span>' for topic in found.topics]
    return f' <span class="tags">{" ".join(tags)}</span>' if tags else ""


def _highlighted(sentence: str, found: Sequence[Reason], prediction: Prediction, style: _Style) -> str:
    """The sentence with a class per word and target: how much the word speaks for or against what was decided."""
    classes: dict[tuple[int, int], list[str]] = {}
    for i, target in enumerate(style.schema.target_names or ("",)):
        reason = _marked(found, prediction, target)
        weights = word_weights(sentence, reason.why) if reason else []
        heaviest = max((abs(word.weight) for word in weights), default=0.0)
        for word in weights:
            level = sum(abs(word.weight) >= share * heaviest for share in LEVELS) if heaviest else 0
            if level:
                classes.setdefault((word.start, word.end), []).append(f"w{i}{'p' if word.weight > 0 else 'n'}{level}")
    parts, position = [], 0
    for (start, end), names in sorted(classes.items()):
        parts.append(f'{text(sentence[position:start])}<b class="{" ".join(names)}">{text(sentence[start:end])}</b>')
        position = end
    return "".join([*parts, text(sentence[position:])])


def _marked(found: Sequence[Reason], prediction: Prediction, target: str) -> Reason | None:
    """Whose words are highlighted: a stance that leans, else the likeliest topic given, else the stance given."""
    stance = [reason for reason in found if reason.given and reason.stance and reason.name == target]
    topics = [reason for reason in found if reason.given and not reason.stance]
    leaning = [reason for reason in stance if reason.stance != NEUTRAL]
    topics.sort(key=lambda reason: -prediction.topic_probabilities[reason.name])
    return next(iter([*leaning, *topics, *stance]), None)


def _why(found: Sequence[Reason], prediction: Prediction, style: _Style) -> str:
    blocks = []
    for i, target in enumerate(style.schema.target_names):
        probabilities = prediction.stance_probabilities[target]
        rows = "".join(_probability(stance, p, style.look(stance)) for stance, p in probabilities.items())
        decided = [reason for reason in found if reason.stance and reason.name == target and reason.given]
        silent = "The model abstains." if prediction.stances[target] is None else "Too long for its words to be shown."
        words = "".join(_words(reason) for reason in decided) or f'<span class="quiet">{silent}</span>'
        blocks.append(
            f'<span class="block o{i}"><span class="head">Stance toward {text(target)}</span>{rows}{words}</span>'
        )
    topics = [reason for reason in found if reason.stance is None]
    if topics:
        rows = "".join(_probability(r.name, r.why.probability, "topic") for r in topics)
        words = "".join(_words(reason) for reason in topics if reason.given)
        more = " more" if blocks else ""
        blocks.append(f'<span class="block{more}"><span class="head">Topics</span>{rows}{words}</span>')
    return "".join(blocks)


def _probability(name: str, probability: float, look: str) -> str:
    bar = f'<span class="bar"><i class="{look}" style="width:{100 * probability:.1f}%"></i></span>'
    return f'<span class="row"><span>{text(name)}</span>{bar}<span class="number">{_percent(probability)}</span></span>'


def _words(reason: Reason) -> str:
    """The heaviest pieces of the text with their weights, then what is left, the bias, and the sum."""
    why = reason.why
    found = pieces(why)
    rest = sum(piece.weight for piece in found[_PIECES:])
    lines = [_piece(piece) for piece in found[:_PIECES]]
    name = reason.stance or reason.name
    total = f"{len(found) - _PIECES} smaller {rest:+.2f}, " if len(found) > _PIECES else ""
    return (
        f'<span class="subhead">Words for and against “{text(name)}”</span>{"".join(lines)}'
        f'<span class="quiet">{total}bias {why.bias:+.2f}, sum {why.logit:+.2f}</span>'
    )


def _piece(piece: Piece) -> str:
    sign = "plus" if piece.weight > 0 else "minus"
    return (
        f'<span class="piece {sign}"><span class="number">{piece.weight:+.2f}</span>'
        f"<span>{text(piece.text)} <small>{text(', '.join(piece.kinds))}</small></span></span>"
    )


def _key(style: _Style) -> str:
    marks = "".join(
        f'<span class="tag {style.look(stance)}">{text(stance)}</span>'
        for stance in style.schema.stances
        if stance != NEUTRAL
    )
    return (
        f'<p class="key">{marks}<span class="chip">topic</span> The percentage is the probability of that label. '
        'Where you point: <b class="demo plus">words that speak for the label</b>, '
        '<b class="demo minus">words against it</b>.</p>'
    )


def _title(article: Article) -> str:
    return article.metadata.get("title") or article.metadata.get("headline") or article.id


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"
