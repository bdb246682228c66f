"""The command line's labels commands: from articles to gold, with everything between."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance import cli_coders
from stance.cli_options import (
    LABELS,
    OutputOption,
    SchemaOption,
    check_output,
    existing,
    output_file,
    schema_of,
    tell,
)
from stance.errors import LabelError, OptionError
from stance.terminal import counted

if TYPE_CHECKING:
    from stance.records import LabelledSentence
    from stance.schema import Schema
    from stance.terminal import Table

app = typer.Typer(rich_markup_mode=None)

FolderArgument = Annotated[
    Path, typer.Argument(metavar="[FOLDER]", help="The labels folder: schema.toml, articles/, annotations/, gold/.")
]


class SentenceFormat(StrEnum):
    """How sentences to label are printed."""

    text = "text"
    jsonl = "jsonl"
    csv = "csv"


@app.callback(invoke_without_command=True)
def _labels(context: typer.Context) -> None:
    """Make and keep labels: sentences, check, agreement, merge, hydrate, split.

    \b
    From articles to a model:
      stance labels sentences labels --format csv -o NAME.csv    what coders fill in, into labels/annotations
      stance labels agreement labels                        how far two coders agree
      stance labels merge labels                            what they differ on, to be settled
      stance labels check labels                            everything that is still wrong
      stance labels split labels                            writes labels/gold: train, dev, test
      stance train labels --out models/mine
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def sentences(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="A labels folder, or any file or folder of articles.")
    ] = LABELS,
    article: Annotated[
        list[str] | None, typer.Option("--article", metavar="ID", help="Only this article; may be given several times.")
    ] = None,
    format: Annotated[
        SentenceFormat, typer.Option("--format", "-f", help="Text to read, JSONL or CSV to label in.")
    ] = SentenceFormat.jsonl,
    schema: SchemaOption = None,
    output: OutputOption = None,
) -> None:
    """Print the sentences of articles for coders to label.

    Articles are cleaned and split; each sentence has its number and the checksum that ties labels to its text.

    A coder fills in the CSV, whose columns for topics (joined by ;), targets and a note are blank, or adds to each line
    of the JSONL: "topics": ["sanctions"], "stances": {"china_ties": "favor", ...} and perhaps "note". The file goes
    into labels/annotations, under the coder's name.

    \b
    Examples:
      stance labels sentences labels --format csv --output labels/annotations/anna.csv
      stance labels sentences labels --article wire-001 --format text
    """
    from stance.gold import sentences_to_label

    check_output(output, folder, schema)
    found = [s for s in sentences_to_label(existing(folder, "articles")) if not article or s.article in article]
    if not found:
        raise LabelError(f"no article has the id {', '.join(article or ())}", file=folder)
    rows = [{field.name: getattr(s, field.name) for field in dataclasses.fields(s)} for s in found]
    with output_file(output, mark=format is SentenceFormat.csv) as file:
        if format is SentenceFormat.jsonl:
            from stance.jsonl import dumps

            file.writelines(dumps(row) + "\n" for row in rows)
        elif format is SentenceFormat.csv:
            labels = ["topics", *schema_of(folder, schema).target_names, "note"]
            writer = csv.DictWriter(file, [*rows[0], *labels], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        else:
            from stance.terminal import shown

            file.writelines(f"{row['id']}  {shown(row['text'])}\n" for row in rows)


@app.command("check")
def check_labels(folder: FolderArgument = LABELS, schema: SchemaOption = None) -> None:
    """Find everything that is wrong with a labels folder.

    With file and line: labels that do not parse or name no sentence, sentences that changed since they were
    labelled, articles labelled in part, open disagreements. The exit code is 1 if there is any problem.

    \b
    Example:
      stance labels check labels
    """
    from stance.gold import check, sentences_to_label

    problems = check(existing(folder, "a labels folder"), schema_of(folder, schema))
    for problem in problems:
        typer.echo(str(problem))
    if problems:
        tell(counted(len(problems), "problem"))
        raise typer.Exit(1)
    found = sentences_to_label(folder)
    typer.echo(
        f"all is well: {counted(len(found), 'sentence')} of {counted(len({s.article for s in found}), 'article')}"
    )


app.command("agreement")(cli_coders.coder_agreement)
app.command("merge")(cli_coders.merge_coders)


@app.command("hydrate")
def hydrate_labels(
    standoff: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Labels without text: labels/standoff/gold.jsonl, or a coder's or merged file."
        ),
    ],
    articles: Annotated[Path, typer.Option("--articles", metavar="FOLDER", help="Your own copies of the articles.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the rows go: .jsonl, .csv, .tsv or .parquet.")
    ],
    schema: SchemaOption = None,
) -> None:
    """Join labels that come without text with your own articles.

    Labels of published articles are passed on without the text (stand-off), which is not ours to give.

    A copy is recognised by its text, whatever the file is called; coders' labels are joined by the sentences' ids, so
    theirs must be the articles that labels sentences was given. Sentences that are not in your copies are counted and
    left out.

    \b
    Examples:
      stance labels hydrate labels/standoff/gold.jsonl --articles ~/articles --output published.jsonl
      stance labels hydrate merged.jsonl --articles ~/articles --output mine.csv
    """
    from stance.annotations import read_annotations
    from stance.gold import with_text
    from stance.labels import write_rows
    from stance.standoff import hydrate, is_standoff

    check_output(output, standoff, articles, schema)
    known = schema_of(standoff.parent.parent, schema)
    rows: Sequence[LabelledSentence]
    missing: Sequence[object]
    if is_standoff(existing(standoff, "labels without text")):
        found = hydrate(standoff, existing(articles, "articles"), known)
        rows, missing = found.rows, found.missing
    else:
        rows, missing = with_text(read_annotations(standoff, known), existing(articles, "articles"))
    write_rows(rows, output, known)
    tell(f"{counted(len(rows), 'sentence')} written to {output}, {len(missing)} not found in {articles}")


@app.command("split")
def split_labels(
    folder: FolderArgument = LABELS,
    schema: SchemaOption = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the draw; moves no article that gold/ has, unless --afresh.")
    ] = 0,
    shares: Annotated[
        str, typer.Option("--shares", metavar="NAME=SHARE,...", help="How much of the sentences each part gets.")
    ] = "train=0.8,dev=0.07,test=0.13",
    afresh: Annotated[bool, typer.Option("--afresh", help="Draw all parts anew, whatever gold/ has.")] = False,
) -> None:
    """Build the train, dev and test parts from articles and labels.

    Writes gold/train.jsonl, dev.jsonl and test.jsonl. An article is never parted, and each part gets its share of
    every label and register. What gold/ already has in a part stays there, so that the test part stays unseen as
    labels grow. The same folder and seed give the same files, to the byte.

    \b
    Example:
      stance labels split labels
    """
    from stance.gold import build_gold, drawn, write_gold
    from stance.terminal import Screen

    known = schema_of(existing(folder, "a labels folder"), schema)
    given = _shares(shares)
    before = drawn(folder, [split for split, _ in given])
    gold = build_gold(folder, known, seed=seed, shares=given, kept={} if afresh else before)
    paths = write_gold(gold, folder, known)
    Screen(sys.stdout).table(_gold_table(gold, known))
    now = {row.article: split for split, rows in gold.items() for row in rows}
    moved = sum(now.get(article, split) != split for article, split in before.items())
    if moved:
        tell(
            f"{counted(moved, 'article')} of {len(before):,} changed the part: train again, for models trained before "
            "this have seen what is now held out"
        )
    for path in paths:
        tell(f"wrote {path}")


def _shares(text: str) -> list[tuple[str, float]]:
    try:
        return [(name.strip(), float(share)) for name, share in (part.split("=") for part in text.split(","))]
    except ValueError:
        raise OptionError(f"--shares must look like train=0.8,dev=0.07,test=0.13, got {text!r}") from None


def _gold_table(gold: Mapping[str, Sequence[LabelledSentence]], schema: Schema) -> Table:
    from stance.terminal import Column, Table

    counts: dict[str, Callable[[Sequence[LabelledSentence]], int]] = {
        "articles": lambda rows: len({row.article for row in rows}),
        "sentences": len,
    }
    rows = [(name, *(str(count(part)) for part in gold.values())) for name, count in counts.items()]
    labels = {split: Counter(key for row in part for key in _keys(row)) for split, part in gold.items()}
    keys = [*schema.topic_names, *(f"{t}: {s}" for t in schema.target_names for s in schema.stances)]
    rows += [(key, *(str(found[key]) for found in labels.values())) for key in keys]
    return Table((Column(), *(Column(split, right=True) for split in gold)), tuple(rows))


def _keys(row: LabelledSentence) -> list[str]:
    return [*(row.topics or ()), *(f"{target}: {stance}" for target, stance in row.stances.items())]
