"""Two records of one suite side by side; a fall beyond noise is a regression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.record import Record, with_interval

NOISE = 1.5
"""A time this many times the old one is slower; below it, machines differ."""


def compare(old: Record, new: Record) -> tuple[str, list[str]]:
    """Markdown of every figure in both records that can be judged, and the names of those that became worse.

    A figure with an interval is worse where its new value lies below the old interval and its old value above the new
    one; a time or size where it is more than `NOISE` times the old one.

    Raises:
        ValueError: the records are of two suites.
    """
    if old.suite != new.suite:
        raise ValueError(f"compare takes two records of one suite, got {old.suite!r} and {new.suite!r}")
    lines = [f"{old.suite}: {old.date} {old.commit} -> {new.date} {new.commit}"]
    if old.fingerprint != new.fingerprint:
        lines.append("The data differ: figures are not of the same sentences.")
    if old.machine != new.machine:
        lines.append(f"The machines differ: {old.machine} -> {new.machine}")
    lines += ["", "| figure | old | new | |", "|---|---|---|---|"]
    before, worse = dict(_figures(old.results)), []
    for name, figure in _figures(new.results):
        if name not in before:
            continue
        said = _judged(before[name], figure)
        if said == "worse":
            worse.append(name)
        lines.append(f"| {name} | {_shown(before[name])} | {_shown(figure)} | {said} |")
    lines += ["", f"{len(worse)} worse beyond noise" + (": " + ", ".join(worse) if worse else "")]
    return "\n".join(lines), worse


def _figures(results: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Intervals anywhere, and numbers that are times or sizes."""
    if isinstance(results, Mapping):
        if {"value", "low", "high"} <= results.keys():
            yield name, results
            return
        for key, value in results.items():
            yield from _figures(value, f"{name}: {key}" if name else str(key))
    elif isinstance(results, list):
        for item in results:
            if isinstance(item, Mapping) and "system" in item:
                yield from _figures(item, f"{name}: {item['system']}")
    elif isinstance(results, int | float) and any(
        word in name for word in ("second", "bytes", "latency", "call sizes")
    ):
        yield name, float(results)


def _judged(old: Any, new: Any) -> str:
    if isinstance(old, Mapping):
        if new["value"] < old["low"] and old["value"] > new["high"]:
            return "worse"
        return "better" if new["value"] > old["high"] and old["value"] < new["low"] else ""
    if new > NOISE * old:
        return "worse"
    return "better" if old > NOISE * new else ""


def _shown(figure: Any) -> str:
    if isinstance(figure, Mapping):
        return with_interval(figure)
    return f"{figure:,.2f}"
