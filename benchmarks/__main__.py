"""``python -m benchmarks [dataset|domain|speed ...]``: measure, write records, and make README.md from them."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import dataset, domain, speed
from benchmarks.record import RESULTS, Record
from stance.jsonl import write_text

TABLES = {"dataset": dataset.table, "domain": domain.table, "speed": speed.table}


def main() -> None:
    """Run the suites named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", default=sorted(TABLES), help="dataset, domain, speed; all if left out")
    parser.add_argument("--model", default="default", help="a model folder or the name of a shipped model")
    parser.add_argument("--articles", type=Path, help="your copies of the published articles, for domain")
    parser.add_argument("--real", type=Path, help="a TSV of other real sentences, for domain")
    given = parser.parse_args()
    for suite in given.suites:
        if suite not in TABLES:
            parser.error(f"unknown suite {suite!r}: expected {' or '.join(sorted(TABLES))}")
        record = _run(suite, given)
        print(f"{record.write()}\n{TABLES[suite](record)}\n")
    write_page()


def _run(suite: str, given: argparse.Namespace) -> Record:
    if suite == "dataset":
        return dataset.run(articles=given.articles, real=given.real)
    if suite == "domain":
        return domain.run(given.model, articles=given.articles, real=given.real)
    return speed.run(given.model)


def write_page() -> None:
    """Make ``benchmarks/README.md``, and the figures on the project's README, from the records."""
    lines = ["# Benchmarks", "", "Made by `python -m benchmarks` from the records in `results/`; not to be edited.", ""]
    for suite, table in TABLES.items():
        path = RESULTS / f"{suite}.json"
        if path.exists():
            record = Record.read(path)
            versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
            lines += [f"## {suite}", "", table(record), ""]
            lines += [f"{record.date}, commit {record.commit}, {record.machine}; {versions}.", ""]
    write_text(Path(__file__).parent / "README.md", "\n".join(lines))
    path = RESULTS / "dataset.json"
    if path.exists():
        record = Record.read(path)
        dataset.plots(record, dataset.LABELS / "plots")
        pictures = "![Learning curve](plots/learning_curve.svg)\n![Registers](plots/registers.svg)"
        between(dataset.LABELS / "README.md", f"{dataset.table(record)}\n\n{pictures}")
    path = RESULTS / "domain.json"
    if path.exists():
        between(Path(__file__).parent.parent / "README.md", domain.table(Record.read(path)))


def between(page: Path, figures: str) -> None:
    """Put figures between the page's markers."""
    start, end = "<!-- figures: start -->", "<!-- figures: end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    write_text(page, f"{before}{start}\n\n{figures}\n\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    main()
