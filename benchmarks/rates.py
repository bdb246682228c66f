"""How often published news has each label, by readings of the same pages; `labels/schema.toml` takes its rates here.

Two readers judged the stances of every sentence, two others the topics. `labels/rates/pages.tsv` has a line for each
page that a reader counted: how many of its sentences were judged. `marks.tsv` has a line for each label given: on which
sentence of the page, and why, in the reader's words. The pages' text is not ours to ship.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.domain import LABELS
from benchmarks.record import with_interval
from stance.metrics import Interval, draws, interval

RESAMPLES = 2000


def readings(seed: int = 0) -> dict[str, Any]:
    """Of each reading ("stances", "topics"): pages, sentences, and the rates of its labels.

    A rate has an interval by page, shares by what the query asked for, and how far the two readers agree.
    """
    pages = pd.read_csv(LABELS / "rates" / "pages.tsv", sep="\t")
    marks = pd.read_csv(LABELS / "rates" / "marks.tsv", sep="\t")
    return {str(name): _reading(part, marks[marks["reading"] == name], seed) for name, part in pages.groupby("reading")}


def _reading(pages: pd.DataFrame, marks: pd.DataFrame, seed: int) -> dict[str, Any]:
    counts = marks.groupby(["reader", "page", "label"]).size().unstack("label", fill_value=0)
    table = pages.groupby(["reader", "page"])["sentences"].sum().to_frame().join(counts).fillna(0)
    page = table.index.get_level_values("page")
    both = page[page.duplicated()]
    kinds = pages["query"].map(lambda query: " and ".join(n for n in ("China", "Russia") if n in query) or "neither")
    kind_of = dict(zip(pages["page"], kinds, strict=True))
    return {
        "pages": int(pages["page"].nunique()),
        "sentences": {reader: int(n) for reader, n in pages.groupby("reader")["sentences"].sum().items()},
        "rates": [
            {
                "label": label,
                **dataclasses.asdict(_share(table, label, seed)),
                "by query": {
                    kind: round(_mean_share(part, label), 3) for kind, part in table.groupby(page.map(kind_of))
                },
                "agreed": _agreed(table.loc[(slice(None), both), :], label),
            }
            for label in counts.columns
        ],
    }


def _mean_share(table: pd.DataFrame, label: str) -> float:
    """The mean over readers of the share of their sentences that have the label."""
    sums = table.groupby("reader")[["sentences", label]].sum()
    return float((sums[label] / sums["sentences"]).mean())


def _share(table: pd.DataFrame, label: str, seed: int) -> Interval:
    pages = sorted(set(table.index.get_level_values("page")))
    weights = draws(pages, resamples=RESAMPLES, seed=seed)
    shares = []
    for _, part in table.groupby("reader"):
        own = part.droplevel("reader").reindex(pages, fill_value=0)
        judged = weights @ own["sentences"].to_numpy(float)
        taken = weights @ own[label].to_numpy(float)
        shares.append(np.divide(taken, judged, out=np.full(len(judged), np.nan), where=judged > 0))
    return interval(_mean_share(table, label), np.mean(shares, axis=0))


def _agreed(table: pd.DataFrame, label: str) -> float:
    """Dice coefficient of the two readers' counts page by page, on pages that both counted."""
    one, two = (table.xs(reader, level="reader")[label].sort_index() for reader in ("a", "b"))
    return round(float(2 * np.minimum(one, two).sum() / (one.sum() + two.sum())), 3)


def table(found: dict[str, Any]) -> list[str]:
    """Markdown of `readings`."""
    kinds = list(found["stances"]["rates"][0]["by query"])
    lines = []
    for name, reading in found.items():
        sentences = " and ".join(f"{n:,}" for n in reading["sentences"].values())
        lines.append(f"{name.capitalize()}: {reading['pages']} pages, {sentences} sentences by two readers.")
    lines += [
        "",
        f"| label | share of the sentences | {' | '.join(f'query names {kind}' for kind in kinds)} | readers agree |",
        f"|---|---|{'---|' * len(kinds)}---|",
    ]
    for reading in found.values():
        for rate in reading["rates"]:
            cells = [f"{rate['by query'][kind]:.3f}" for kind in kinds]
            lines.append(f"| {rate['label']} | {with_interval(rate)} | {' | '.join(cells)} | {rate['agreed']:.2f} |")
    return lines
