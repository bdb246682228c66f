"""The words that decided, for people and machines: each output's pieces of the text with their weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stance.reasons import Reason, pieces, word_weights
from stance.records import Explanation
from stance.report import percent, stance_style
from stance.terminal import Cell, Column, Screen, Table, shown

_STRONG = 0.35
"""Words with this share of the heaviest word's weight are coloured in place."""


def explanation_row(explanation: Explanation, found: Sequence[Reason]) -> dict[str, Any]:
    """One JSON object: the text and, per output, bias, contributions, their sum (the logit) and probability."""
    return {
        "text": explanation.text,
        "outputs": [
            {
                "output": reason.key,
                "given": reason.given,
                "probability": reason.why.probability,
                "logit": reason.why.logit,
                "bias": reason.why.bias,
                "contributions": [
                    {"start": c.start, "end": c.end, "text": c.text, "feature": c.feature, "weight": c.weight}
                    for c in reason.why.contributions
                ],
            }
            for reason in found
        ],
    }


def print_reason(screen: Screen, text: str, reason: Reason, rivals: Sequence[Reason], limit: int) -> None:
    """One output: the text with its words coloured, the heaviest pieces, bias, sum, probability."""
    why = reason.why
    label = f"topic {reason.name}" if reason.stance is None else f"{reason.stance} toward {reason.name}"
    style = stance_style(reason.stance, ()) if reason.stance else "bold blue"
    screen.line(Cell(label, style), f"  probability {percent(why.probability)}",
                Cell("" if reason.given else "  (not given)", "dim"))  # fmt: skip
    if screen.terminal:
        screen.line(*coloured(text, reason))
    screen.table(_pieces_table(reason, limit))
    screen.line(Cell(f"  probability {why.probability:.3f} = {_formula(reason, rivals)}", "dim"), wrap=False)
    screen.line()


def _formula(reason: Reason, rivals: Sequence[Reason]) -> str:
    """How the sum becomes the probability."""
    if reason.stance is None:
        return f"1 / (1 + exp({-reason.why.logit:+.2f}))"
    return "softmax of " + ", ".join(f"{r.why.logit:+.2f} ({r.stance})" for r in (reason, *rivals))


def coloured(text: str, reason: Reason) -> Iterator[Cell]:
    """The text in pieces: words that speak for the output green and underlined, those against orange in italics."""
    weights = word_weights(text, reason.why)
    bar = _STRONG * max((abs(word.weight) for word in weights), default=0.0)
    position = 0
    for word in weights:
        if bar and abs(word.weight) >= bar:
            yield Cell(shown(text[position : word.start]))
            style = "bold underline green" if word.weight > 0 else "bold italic dark_orange"
            yield Cell(shown(text[word.start : word.end]), style)
            position = word.end
    yield Cell(shown(text[position:]))


def _pieces_table(reason: Reason, limit: int) -> Table:
    found = pieces(reason.why)
    rest = found[limit:]
    rows: list[tuple[Cell | str, ...]] = [
        (
            Cell(f"{p.weight:+.2f}", "green" if p.weight > 0 else "dark_orange"),
            shown(p.text),
            Cell(", ".join(p.kinds), "dim"),
        )
        for p in found[:limit]
    ]
    if rest:
        rows.append((f"{sum(p.weight for p in rest):+.2f}", Cell(f"{len(rest)} smaller ones", "italic"), ""))
    rows.append((f"{reason.why.bias:+.2f}", Cell("bias", "italic"), Cell("without any words", "dim")))
    rows.append((Cell(f"{reason.why.logit:+.2f}", "bold"), Cell("sum", "bold"), ""))
    return Table((Column("weight", width=7, right=True), Column("piece of the text"), Column("as")), tuple(rows))
