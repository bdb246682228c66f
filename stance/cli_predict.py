"""The command line's classify and explain."""

from __future__ import annotations

import dataclasses
import itertools
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from stance import DEFAULT_MODEL, __version__
from stance.cli_options import (
    STDIN,
    STDOUT,
    ModelOption,
    OutputOption,
    check_output,
    output_file,
    read_lines,
    read_stdin,
    tell,
)
from stance.errors import LabelError, OptionError
from stance.terminal import counted

if TYPE_CHECKING:
    from stance.classifier import Classifier
    from stance.html_report import ReadArticle
    from stance.records import Article
    from stance.report import Report

_TEXT_SUFFIXES = (".txt", ".md", ".html", ".htm", ".jsonl", ".csv")
_LINES_AT_ONCE = 512
_LARGE_PAGE = 20
"""Megabytes from which a page's size is told."""
NamedText = tuple[str, str, Mapping[str, Any]]
"""Its name, the text, and what stood beside it."""


class Format(StrEnum):
    """How predictions are printed."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"


class ReasonFormat(StrEnum):
    """How reasons are printed."""

    table = "table"
    jsonl = "jsonl"


def classify(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|FOLDER|TEXT|-]...",
            help="Articles: .txt, .md, .html or .jsonl files, folders of them, a text in quotation marks, or - for "
            "standard input.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            metavar="NAME",
            help="Whose stance the table and the page show; left out, the model's default target. "
            "JSONL and CSV always hold all targets.",
        ),
    ] = None,
    min_precision: Annotated[
        float | None,
        typer.Option(
            "--min-precision",
            metavar="SHARE",
            help="Abstain where the model is not this reliable: with 0.9, labels are given only where nine of ten "
            "were right on sentences held out in training. Mostly favor and against are withheld: mind it with shares.",
        ),
    ] = None,
    lines: Annotated[
        bool,
        typer.Option(
            "--lines", help="Each line of the input is a text of its own: no cleaning, no splitting, any length."
        ),
    ] = False,
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Each row of a .csv, .tsv, .jsonl or .parquet file is a text of its own, taken from this column. Rows "
            "keep their order, and their ids where a column id has a distinct one in each; else their ids end in their "
            "numbers. Other columns are copied to JSONL and CSV, after the labels.",
        ),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            help="A table for people, JSONL for programs, CSV for spreadsheets; left out, what --output ends in, "
            "else table. JSONL and CSV are label rows: correct them, then stance train.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Also write one page to read: sentences marked, reasons where you point."
        ),
    ] = None,
    output: OutputOption = None,
) -> None:
    """Find the topics and the stance of each sentence of an article.

    Each article is cleaned of what web pages leave in it (adverts, captions, links), split into sentences, and
    classified sentence by sentence. The table shows the stance toward one target, its probability, and the topics;
    below it, what share of the sentences has each. A label can be given below 50%: rare labels have lower bars,
    which `stance models info` lists. A file of a folder that cannot be read is left out; the exit code is 1 then.

    \b
    Examples:
      stance classify article.txt
      stance classify --html page.html articles/
      stance classify --target sanctions --min-precision 0.9 article.html
      curl -s https://example.org/story.txt | stance classify -
      stance classify --lines --format csv headlines.txt > headlines.csv
      stance classify --column headline -o coded.csv headlines.csv
    """
    import stance
    from stance.html_report import ReadArticle
    from stance.report import written_columns

    given = paths or _piped()
    check_output(output, *given, model)
    check_output(html, *given, model, option="--html")
    if html is not None and str(html) == STDOUT:
        raise OptionError("--html writes a file, as the page goes with the table: name one")
    if html is not None and output is not None and html.resolve() == output.resolve():
        raise OptionError(f"--output and --html both name {html}: give each a file of its own")
    if column is not None and not column:
        raise OptionError("--column: expected a column's name, got a blank one")
    if html is not None and (lines or column):
        raise OptionError(f"--html shows articles: leave out {'--lines' if lines else '--column'}")
    if lines and column:
        raise OptionError("--lines and --column say two things of the input: leave out one")
    form = format or _format_of(output)
    classifier = stance.load(model)
    classifier.classify(
        "", target=target, min_precision=min_precision
    )  # refuses what is out of range before any output
    shown = target or classifier.schema.default_target
    pages: list[ReadArticle] = []
    left_out: list[Path] = []
    taken = None if form is Format.table else written_columns(classifier.schema)
    with ExitStack() as stack:
        file = stack.enter_context(output_file(output, mark=form is Format.csv))
        report = _report(
            form, file, classifier, shown, sentences=html is None or format is not None or output is not None
        )
        quiet = file.isatty()
        if lines or column:
            rows = _named_rows(given, column, taken) if column else _named_lines(given)
            for names, texts, others in _batches(rows, show=not quiet):
                report.texts(names, classifier.classify(texts, target=shown, min_precision=min_precision), others)
        else:
            for article in _articles(given, left_out, show=not quiet):
                found = classifier.classify_article(article, target=shown, min_precision=min_precision)
                report.article(article, found)
                if html is not None:
                    pages.append(ReadArticle(article, found))
        report.close()
    if html is not None:
        _write_page(html, pages, classifier, model, shown, min_precision)
    if left_out:
        tell(f"{counted(len(left_out), 'file')} could not be read to the end")
        raise typer.Exit(1)


def explain(
    text: Annotated[
        str, typer.Argument(metavar="TEXT|-", help="One sentence in quotation marks, or - for standard input.")
    ],
    model: ModelOption = DEFAULT_MODEL,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", "-t", metavar="NAME", help="Always show the stance toward this target, even if neutral."
        ),
    ] = None,
    output_name: Annotated[
        list[str] | None,
        typer.Option(
            "--output-name",
            metavar="NAME",
            help="Show this output, decided or not: a topic, a target, or target:stance such as china_ties:against. "
            "May be given several times.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many pieces of the text to list.")] = 8,
    format: Annotated[
        ReasonFormat,
        typer.Option("--format", "-f", help="A table for people, or JSONL with every weight for programs."),
    ] = ReasonFormat.table,
) -> None:
    """Show which words of a sentence decided, with their weights.

    Every piece of the text (a word, a pair of words, a cue such as "deepen", the spelling) adds a weight for or
    against a label. The weights and the bias add up to the sum exactly, and the sum gives the probability.

    \b
    Examples:
      stance explain "Xi vowed to deepen cooperation with Pyongyang."
      stance explain --output-name sanctions "Beijing blocked the resolution."
      echo "Moscow's veto ended the panel's mandate." | stance explain --format jsonl -
    """
    import stance
    from stance.jsonl import dumps
    from stance.reasons import chosen, deciding, reasons
    from stance.report_reasons import explanation_row, print_reason
    from stance.terminal import Screen, shown

    if not text.strip():
        raise OptionError("explain: expected one sentence in quotation marks, got a blank one")
    if " " not in text and text.endswith(_TEXT_SUFFIXES) and not os.path.isfile(text):
        raise OptionError(f"explain takes one sentence, and there is no file {text}; for articles: stance classify")
    if os.path.isfile(text[:4096]):
        raise OptionError(f"explain takes one sentence, got the file {text}; for articles: stance classify --html")
    whole = read_stdin().strip() if text == STDIN else text
    classifier = stance.load(model)
    schema = classifier.schema
    aim = schema.default_target if target is None else schema.check_target(target)
    explanation = classifier.explain(whole)
    every = reasons(explanation, explanation.prediction)
    found = chosen(every, output_name, schema) if output_name else deciding(every, aim)
    if format is ReasonFormat.jsonl:
        sys.stdout.write(dumps(explanation_row(explanation, found)) + "\n")
        return
    screen = Screen(sys.stdout)
    if not screen.terminal:
        screen.line(shown(whole))
        screen.line()
    for reason in found:
        rivals = [r for r in every if reason.stance and r.name == reason.name and r.stance not in (None, reason.stance)]
        print_reason(screen, whole, reason, rivals, limit)
    if not found:
        screen.line("no topic is given; see all with --output-name")


def _piped() -> list[str]:
    if sys.stdin.isatty():
        raise OptionError("expected articles: name a file or folder, give a text in quotation marks, or pipe one in")
    return [STDIN]


def _format_of(output: Path | None) -> Format:
    suffix = "" if output is None else output.suffix.lower()
    if suffix in (".html", ".htm"):
        raise OptionError(f"--output writes table, JSONL or CSV; for a page: --html {output}")
    if suffix in (".tsv", ".xlsx", ".xls", ".ods", ".parquet"):
        raise OptionError(f"--output writes table, JSONL or CSV, not {suffix}; spreadsheets open CSV")
    return {".jsonl": Format.jsonl, ".csv": Format.csv}.get(suffix, Format.table)


def _report(form: Format, file: TextIO, classifier: Classifier, target: str | None, *, sentences: bool) -> Report:
    from stance.report import CsvReport, JsonlReport, TableReport

    if form is Format.jsonl:
        return JsonlReport(file)
    if form is Format.csv:
        return CsvReport(file, classifier.schema)
    return TableReport(file, classifier.schema, target, sentences=sentences)


def _articles(given: Sequence[str], left_out: list[Path], *, show: bool) -> Iterator[Article]:
    """Every article, with distinct ids; a bar on standard error where there are many."""
    from stance.terminal import progress

    seen: set[str] = set()
    for article in progress(_read_all(given, left_out), "articles", show=show):
        names = itertools.chain([article.id], (f"{article.id}~{again}" for again in itertools.count(2)))
        name = next(name for name in names if name not in seen)
        seen.add(name)
        yield article if name == article.id else dataclasses.replace(article, id=name)


def _read_all(given: Sequence[str], left_out: list[Path]) -> Iterator[Article]:
    """Every article. A file of a folder that cannot be read is told of and left out; one that is named is an error."""
    from stance.articles import article_files, article_from_html, article_from_text, is_html, read_articles

    for path in given:
        if not path.strip():
            raise OptionError("classify: expected a file, a folder or a text, got a blank argument")
        if path == STDIN:
            text = read_stdin()
            yield article_from_html(text, id="stdin") if is_html(text) else article_from_text(text, id="stdin")
        elif _is_text(path):
            yield article_from_text(path)
        elif os.path.isdir(path) and (files := article_files(Path(path))):
            for file in files:
                read = False
                try:
                    for article in read_articles(file):
                        yield article
                        read = True
                except LabelError as error:
                    left_out.append(file)
                    tell(f"left out{' from here on' if read else ''}: {error}")
        else:
            yield from read_articles(path)


def _is_text(argument: str) -> bool:
    """A text in quotation marks rather than a path: several words, and no file's name."""
    several = len(argument.split()) > 1
    return several and not argument.lower().endswith(_TEXT_SUFFIXES) and not os.path.exists(argument[:4096])


def _batches(
    rows: Iterable[NamedText], *, show: bool
) -> Iterator[tuple[list[str], list[str], list[Mapping[str, Any]]]]:
    """Names, texts and what stood beside them, so many at a time that memory stays small."""
    from stance.terminal import progress

    left = progress(rows, "texts", show=show)
    while batch := list(itertools.islice(left, _LINES_AT_ONCE)):
        yield [name for name, _, _ in batch], [text for _, text, _ in batch], [others for _, _, others in batch]


def _named_lines(given: Sequence[str]) -> Iterator[NamedText]:
    for path in given:
        name = "stdin" if path == STDIN else path
        for number, line in enumerate([path] if _is_text(path) else read_lines(path), start=1):
            yield f"{'text' if _is_text(path) else name}:{number}", line, {}


def _named_rows(given: Sequence[str], column: str, taken: Collection[str] | None) -> Iterator[NamedText]:
    """Texts of one column; the other columns, but for those ``taken``, go with them. None: no columns do."""
    from stance.jsonl import plain
    from stance.sources import SUFFIXES, read_column

    kept: Sequence[str] | None = None
    first = ""
    for path in given:
        if path == STDIN or not path.lower().endswith(SUFFIXES):
            raise OptionError(f"--column reads tables ({', '.join(SUFFIXES)}), got {path}")
        rows = read_column(path, column)
        blank = sum(not text.strip() for _, text, _ in rows)
        if blank:
            tell(f"{path}: {blank} of {len(rows)} texts are blank; they count as neutral and without topics")
        if taken is not None and rows:
            first = first or path
            kept = _kept(path, rows, taken, kept, first)
        for number, (own, text, others) in enumerate(rows, start=1):
            beside = {name: plain(others.get(name)) for name in kept or ()}
            yield own if own and len(given) == 1 else f"{path}:{own or number}", text, beside


def _kept(
    path: str, rows: Sequence[NamedText], taken: Collection[str], before: Sequence[str] | None, first: str
) -> Sequence[str]:
    """The columns to copy: those of the first file, since a table has the same ones throughout. Tells of the others."""
    columns = dict.fromkeys(name for _, _, others in rows for name in others)
    kept = [name for name in columns if name not in taken] if before is None else before
    ids = all(own for own, _, _ in rows)
    for why, lost in (
        ("the output has its own", [name for name in columns if name in taken and not (name == "id" and ids)]),
        (f"not in {first}", [name for name in columns if name not in taken and name not in kept]),
    ):
        if lost:
            tell(f"{path}: not copied: {', '.join(lost)} ({why})")
    return kept


def _write_page(
    path: Path,
    articles: Iterable[ReadArticle],
    classifier: Classifier,
    model: str,
    target: str | None,
    min_precision: float | None,
) -> None:
    from stance.html_report import page
    from stance.jsonl import write_text

    seen = classifier.model.provenance
    note = (
        f"stance {__version__}, model {Path(model).name}, trained on {seen.get('sentences', '?')} sentences "
        f"(data {str(seen.get('fingerprint', '?'))[:12]})."
    )
    if min_precision is not None:
        note += f" It abstains where it would not be right in {100 * min_precision:g}% of such cases."
    written = page(list(articles), classifier.schema, classifier.explain, target=target, note=note)
    write_text(path, written)
    size = len(written) >> 20
    tell(f"page: {path}" + (f" ({size} MB: browsers take long to show it)" if size >= _LARGE_PAGE else ""))
