"""The command line's commands on several coders' labels: agreement and merge."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance.cli_options import (
    LABELS,
    FigureFormat,
    FigureFormatOption,
    OutputOption,
    SchemaOption,
    check_output,
    output_file,
    schema_of,
    tell,
    write_json,
)
from stance.errors import LabelError, OptionError
from stance.terminal import counted

if TYPE_CHECKING:
    from stance.annotations import Merged
    from stance.records import Annotation
    from stance.schema import Schema
    from stance.standoff import StandoffLabel

PathsArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FOLDER | FILE FILE...]",
        help="A labels folder, or two or more coders' files, .jsonl or .csv, with or without text. Left out: labels.",
        show_default=False,
    ),
]


def coder_agreement(
    paths: PathsArgument = None,
    schema: SchemaOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap that gives the intervals.")] = 0,
    format: FigureFormatOption = FigureFormat.table,
    output: OutputOption = None,
) -> None:
    """Measure how far coders agree on each topic and target.

    Agreed: on what share of the sentences. Kappa, alpha and AC1 take off what chance would give: 1 is full
    agreement, 0 is chance; AC1 is steadier where a label is rare. In brackets: 95% intervals, drawn by article.

    \b
    Examples:
      stance labels agreement labels
      stance labels agreement coder1.jsonl coder2.jsonl --schema labels/schema.toml
    """
    from stance.agreement import agreement
    from stance.report_figures import agreement_table, plain_json
    from stance.terminal import Screen

    check_output(output, *(paths or [LABELS]), schema)
    known, coders, articles = _coders(paths, schema)
    pairs = list(itertools.combinations(coders, 2))
    if not pairs:
        raise LabelError(f"agreement: expected two coders or more, got {', '.join(coders) or 'none'}")
    found = {
        f"{one} and {other}": agreement(coders[one], coders[other], known, groups=articles, seed=seed)
        for one, other in pairs
    }
    if format is FigureFormat.json:
        write_json(
            {name: [plain_json(dataclasses.asdict(c)) for c in columns] for name, columns in found.items()}, output
        )
        return
    with output_file(output) as file:
        for name, columns in found.items():
            Screen(file).table(agreement_table(columns, name))


def merge_coders(
    paths: PathsArgument = None,
    schema: SchemaOption = None,
    adjudication: Annotated[
        Path | None,
        typer.Option(
            "--adjudication",
            metavar="FILE",
            help="What settles disagreements; of a folder, annotations/adjudication.jsonl.",
        ),
    ] = None,
    output: OutputOption = None,
) -> None:
    """Make one set of labels of several; list what is disputed.

    Write the verdicts into annotations/adjudication.jsonl, one line a sentence, with the reason as its note; then
    run this again. With --output the agreed labels are written too; labels hydrate joins them with their articles.
    The exit code is 1 while anything is open.

    \b
    Examples:
      stance labels merge labels
      stance labels merge a.jsonl b.jsonl --adjudication verdicts.jsonl --output published.jsonl
    """
    from stance.annotations import merge

    check_output(output, *(paths or [LABELS]), adjudication, schema)
    if output is not None and output.suffix.lower() != ".jsonl":
        raise OptionError(f"merge: --output writes a .jsonl file, got {output}")
    known, coders, _ = _coders(paths, schema)
    if not coders:
        raise LabelError(
            "merge: expected coders' labels, annotations/NAME.jsonl or .csv, found none", file=(paths or [LABELS])[0]
        )
    verdicts = _verdicts(paths, adjudication, known)
    merged = merge(coders, verdicts)
    for difference in merged.disagreements:
        typer.echo(str(difference))
    if output is not None:
        _write_merged(merged, paths, known, output)
    settled = f"{counted(len(merged.settled), 'disagreement')} settled, {len(merged.disagreements)} open"
    tell(f"{counted(len(merged.annotations), 'sentence')} agreed, {settled}")
    if merged.disagreements:
        raise typer.Exit(1)


def _coders(
    paths: Sequence[Path] | None, schema: Path | None
) -> tuple[Schema, dict[str, list[Annotation]], Mapping[str, str] | None]:
    """Schema, coder -> labels, and sentence -> article where that is known."""
    from stance.annotations import coder_files, read_annotations
    from stance.gold import ADJUDICATION

    given = list(paths or [LABELS])
    if len(given) == 1 and given[0].is_dir():
        known = schema_of(given[0], schema)
        files = coder_files(given[0] / "annotations")
        coders = {coder: read_annotations(file, known) for coder, file in files.items() if coder != ADJUDICATION}
        return known, coders, {label.id: label.id.rpartition("-")[0] for labels in coders.values() for label in labels}
    known = schema_of(given[0].parent.parent, schema)  # of the labels folder, where the files are in one
    names = [path.stem if [p.stem for p in given].count(path.stem) == 1 else str(path) for path in given]
    found = {name: _labels_of(path, known) for name, path in zip(names, given, strict=True)}
    articles = {
        label.id: label.id.rpartition("@" if "@" in label.id else "-")[0] for v in found.values() for label in v
    }
    return known, found, articles


def _labels_of(path: Path, schema: Schema) -> list[Annotation]:
    from stance.annotations import read_annotations
    from stance.standoff import is_standoff, read_standoff

    if path.is_dir():
        raise OptionError(f"expected one labels folder, or files, got the folder {path} among several paths")
    if is_standoff(path):
        return [label.annotation() for label in read_standoff(path, schema)]
    return read_annotations(path, schema)


def _verdicts(paths: Sequence[Path] | None, adjudication: Path | None, schema: Schema) -> list[Annotation]:
    from stance.annotations import coder_files
    from stance.gold import ADJUDICATION

    given = list(paths or [LABELS])
    if adjudication is None and len(given) == 1 and given[0].is_dir():
        adjudication = coder_files(given[0] / "annotations").get(ADJUDICATION)
    return [] if adjudication is None else _labels_of(adjudication, schema)


def _write_merged(merged: Merged, paths: Sequence[Path] | None, schema: Schema, output: Path) -> None:
    from stance.annotations import write_annotations
    from stance.standoff import is_standoff, read_standoff, write_standoff

    files = [path for path in paths or () if path.is_file()]
    if not files or not is_standoff(files[0]):
        write_annotations(merged.annotations, output)
        return
    places: dict[str, StandoffLabel] = {label.id: label for path in files for label in read_standoff(path, schema)}
    write_standoff(
        (
            dataclasses.replace(places[label.id], topics=label.topics, stances=label.stances, note=label.note)
            for label in merged.annotations
        ),
        output,
    )
