"""How often published news takes sides, by two readings of the same pages; `labels/schema.toml` takes its rates here.

`labels/rates/pages.tsv` has a line for each page that a reader counted: how many of its sentences were judged.
`sides.tsv` has a line for each sentence that takes a side on a target: its number on the page, and why, in the reader's
words. The pages' text is not ours to ship.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.domain import LABELS
from stance.metrics import Interval, draws, interval

RESAMPLES = 2000


def readings(seed: int = 0) -> dict[str, Any]:
    """Counts, shares with intervals by page, shares by what the query asked for, and how far the readers agree."""
    pages = pd.read_csv(LABELS / "rates" / "pages.tsv", sep="\t")
    sides = pd.read_csv(LABELS / "rates" / "sides.tsv", sep="\t")
    sides["side"] = sides["target"] + ": " + sides["stance"]
    counts = sides.groupby(["reader", "page", "side"]).size().unstack("side", fill_value=0)
    table = pages.groupby(["reader", "page"])["sentences"].sum().to_frame().join(counts).fillna(0)
    both = table.index.get_level_values("page")[table.index.get_level_values("page").duplicated()]
    kinds = pages["query"].map(lambda query: " and ".join(n for n in ("China", "Russia") if n in query) or "neither")
    kind_of = dict(zip(pages["page"], kinds, strict=True))
    return {
        "readers": int(pages["reader"].nunique()),
        "pages": int(pages["page"].nunique()),
        "sentences": {reader: int(n) for reader, n in pages.groupby("reader")["sentences"].sum().items()},
        "rates": [
            {
                "side": side,
                **dataclasses.asdict(_share(table, side, seed)),
                "by query": {
                    kind: round(_mean_share(part, side), 3)
                    for kind, part in table.groupby(table.index.get_level_values("page").map(kind_of))
                },
                "agreed": _agreed(table.loc[(slice(None), both), :], side),
            }
            for side in counts.columns
        ],
    }


def _mean_share(table: pd.DataFrame, side: str) -> float:
    """The mean over readers of the share of their sentences that take the side."""
    sums = table.groupby("reader")[["sentences", side]].sum()
    return float((sums[side] / sums["sentences"]).mean())


def _share(table: pd.DataFrame, side: str, seed: int) -> Interval:
    pages = sorted(set(table.index.get_level_values("page")))
    weights = draws(pages, resamples=RESAMPLES, seed=seed)
    shares = []
    for _, part in table.groupby("reader"):
        own = part.droplevel("reader").reindex(pages, fill_value=0)
        judged = weights @ own["sentences"].to_numpy(float)
        taken = weights @ own[side].to_numpy(float)
        shares.append(np.divide(taken, judged, out=np.full(len(judged), np.nan), where=judged > 0))
    return interval(_mean_share(table, side), np.mean(shares, axis=0))


def _agreed(table: pd.DataFrame, side: str) -> float:
    """Dice coefficient of the two readers' counts page by page, on pages that both counted."""
    one, two = (table.xs(reader, level="reader")[side].sort_index() for reader in ("a", "b"))
    return round(float(2 * np.minimum(one, two).sum() / (one.sum() + two.sum())), 3)


def table(found: dict[str, Any]) -> list[str]:
    """Markdown of `readings`."""
    kinds = list(found["rates"][0]["by query"])
    sentences = " and ".join(f"{n:,}" for n in found["sentences"].values())
    lines = [
        f"{found['pages']} pages, {sentences} sentences by two readers.",
        "",
        f"| side | share of the sentences | {' | '.join(f'query names {kind}' for kind in kinds)} | readers agree |",
        f"|---|---|{'---|' * len(kinds)}---|",
    ]
    for rate in found["rates"]:
        cells = [f"{rate['by query'][kind]:.3f}" for kind in kinds]
        share = f"{rate['value']:.3f} [{rate['low']:.3f}, {rate['high']:.3f}]"
        lines.append(f"| {rate['side']} | {share} | {' | '.join(cells)} | {rate['agreed']:.2f} |")
    return lines
