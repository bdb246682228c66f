"""``python -m benchmarks [SUITE ...]``: measure, write records, and make README.md from them.

``python -m benchmarks peers [NAME ...]`` fits the peers that `domain` is compared with; ``compare OLD NEW`` sets two
records side by side. ``--quick`` runs every suite on little data and writes nothing that is kept.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import stance
from benchmarks import dataset, domain, peer_runs, picture, public, robust, scale, speed
from benchmarks.comparison import compare
from benchmarks.peers import PEERS
from benchmarks.record import RESULTS, Record
from stance.jsonl import write_text
from stance.labels import read_rows

ROOT = Path(__file__).parent.parent
TABLES: dict[str, Callable[[Record], str]] = {
    "dataset": dataset.table,
    "domain": domain.table,
    "public": public.table,
    "speed": speed.table,
    "scale": scale.table,
    "robust": robust.table,
}
PLOTS = Path(__file__).parent / "plots"


def main() -> None:
    """Run what the command line names: suites (all if none), the peers, or a comparison."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", help=f"{', '.join(TABLES)}; peers [NAME ...]; compare OLD NEW")
    parser.add_argument("--model", default="default", help="a model folder or the name of a shipped model")
    parser.add_argument("--articles", type=Path, help="your copies of the published articles, for domain and dataset")
    parser.add_argument("--real", type=Path, help="a TSV of other real sentences, for domain and dataset")
    parser.add_argument("--public", type=Path, help="a folder with tweeteval-stance/ and newsmtsc/; else from the Hub")
    parser.add_argument("--limit", type=int, help="rows that the peers are fitted on, drawn by article")
    parser.add_argument("--quick", action="store_true", help="little data: that all runs, and records are well formed")
    given = parser.parse_args()
    if given.what[:1] == ["compare"]:
        if len(given.what) != 3:
            parser.error("compare takes two record files: OLD NEW")
        text, worse = compare(*(Record.read(Path(path)) for path in given.what[1:]))
        print(text)
        sys.exit(1 if worse else 0)
    if given.what[:1] == ["peers"]:
        _peers(given, parser)
        return
    for suite in given.what:
        if suite not in TABLES:
            parser.error(f"unknown suite {suite!r}: expected {' or '.join(TABLES)}")
    if given.quick:
        _quick(given)
        return
    for suite in given.what or TABLES:
        record = _run(suite, given)
        print(f"{record.write()}\n{TABLES[suite](record)}\n", flush=True)
    write_page()


def _peers(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    names = given.what[1:] or list(PEERS)
    for name in names:
        if name not in PEERS:
            parser.error(f"unknown peer {name!r}: expected {' or '.join(PEERS)}")
    schema = stance.load(given.model).schema
    sets = domain.test_sets(schema, articles=given.articles, real=given.real)
    peer_runs.fit_peers(names, read_rows(domain.LABELS, schema, splits=("train",)), sets, schema, limit=given.limit)


def _run(suite: str, given: argparse.Namespace) -> Record:
    if suite == "dataset":
        return dataset.run(articles=given.articles, real=given.real)
    if suite == "domain":
        return domain.run(given.model, articles=given.articles, real=given.real)
    if suite == "public":
        return public.run(given.public)
    if suite == "speed":
        return speed.run(given.model)
    return scale.run(given.model) if suite == "scale" else robust.run(given.model)


def _quick(given: argparse.Namespace) -> None:
    """Every suite but `dataset`, which only trains what `domain` trains, on little data; records go nowhere."""
    runs: dict[str, Callable[[], Record]] = {
        "domain": lambda: domain.run(
            given.model, articles=given.articles, real=given.real, resamples=20, years=domain.YEARS[:1]
        ),
        "speed": lambda: speed.run(given.model, rounds=2, quick=True),
        "scale": lambda: scale.run(given.model, quick=True),
        "robust": lambda: robust.run(given.model, split="dev", resamples=20),
    }
    if given.public:
        runs["public"] = lambda: public.run(given.public, resamples=20)
    with tempfile.TemporaryDirectory() as folder:
        for suite, run in runs.items():
            record = run()
            again = Record.read(record.write(Path(folder)))
            lines = TABLES[suite](again).count("\n")
            print(f"{suite}: {lines} lines of tables from a record of commit {again.commit}", flush=True)


def write_page() -> None:
    """Make ``benchmarks/README.md``, the plots, and the figures on the other pages, from the records."""
    records = {s: Record.read(RESULTS / f"{s}.json") for s in TABLES if (RESULTS / f"{s}.json").exists()}
    lines = ["# Benchmarks", "", "Made by `python -m benchmarks` from the records in `results/`; not to be edited.", ""]
    if {"domain", "speed"} <= records.keys():
        picture.draw(records["domain"], records["speed"], PLOTS / "accuracy_and_speed.svg")
        lines += ["![Accuracy and speed of every system](plots/accuracy_and_speed.svg)", ""]
    for suite, plots in (("scale", scale.plots), ("robust", robust.plots)):
        if suite in records:
            plots(records[suite], PLOTS)
    for suite, record in records.items():
        versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
        lines += [f"## {suite}", "", TABLES[suite](record), ""]
        if suite in ("scale", "robust"):
            lines += [f"![{suite}](plots/{suite}.svg)", ""]
        lines += [f"{record.date}, commit {record.commit}, {record.machine}; {versions}.", ""]
    write_text(Path(__file__).parent / "README.md", "\n".join(lines))
    if "dataset" in records:
        dataset.plots(records["dataset"], domain.LABELS / "plots")
        pictures = "![Learning curve](plots/learning_curve.svg)\n![Registers](plots/registers.svg)"
        between(domain.LABELS / "README.md", f"{dataset.table(records['dataset'])}\n\n{pictures}")
    if "domain" in records:
        between(ROOT / "README.md", domain.summary(records["domain"]))


def between(page: Path, figures: str) -> None:
    """Put figures between the page's markers."""
    start, end = "<!-- figures: start -->", "<!-- figures: end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    write_text(page, f"{before}{start}\n\n{figures}\n\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    main()
