"""The command line's train, evaluate and compare."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stance.cli_options import (
    FigureFormat,
    FigureFormatOption,
    OutputOption,
    SplitOption,
    check_output,
    existing,
    output_file,
    tell,
    write_json,
)
from stance.errors import LabelError, ModelError, OptionError, listed
from stance.options import Options

if TYPE_CHECKING:
    from stance.classifier import Classifier
    from stance.evaluation import Comparison, EvaluationResult
    from stance.terminal import Screen

DEV = "dev"
_SHOWN_CHANGES = 10
_ATTRIBUTE = re.compile(r"^    (\w+): (.+?)(?=^    \w+: |\Z)", re.MULTILINE | re.DOTALL)


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for every field of `Options`, help taken from its docstring, and ``**options``."""

    def run(**values: Any) -> None:
        options = {field.name: values.pop(field.name) for field in dataclasses.fields(Options)}
        command(**values, options={name: _parsed(name, value) for name, value in options.items() if value is not None})

    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "options"]
    texts = _help_texts()
    added = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_kind(field.default) | None, _option(field, texts[field.name])],
        )
        for field in dataclasses.fields(Options)
    ]
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]  # what typer reads
        parameters=[*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *added]
    )
    run.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def train(
    labels: Annotated[
        list[Path],
        typer.Argument(
            metavar="LABELS...",
            help="A labels folder, or a .csv, .tsv, .jsonl or .parquet file with text and labels; several are taken "
            "together.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Where the model goes; an old model there is replaced.")
    ],
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="FILE|FOLDER|infer",
            help="The schema.toml, or the folder of a model, to take topics, targets and word lists from; infer takes "
            "topics and targets from the labels, without word lists. "
            "Left out: the labels folder's own, else the shipped model's.",
        ),
    ] = None,
    splits: Annotated[
        list[str] | None,
        typer.Option(
            "--splits",
            metavar="NAME",
            help="Of a labels folder, what to train on; may be given several times. Left out: train.",
            show_default=False,
        ),
    ] = None,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Teach a new model from labelled sentences; see what changed.

    Prints how well each output does out of fold: on sentences that were kept out of the training it was judged by.
    Where FOLDER held a model, it also prints what changed: the labels, the figures, and the decisions on the
    dev part of the first LABELS, which training does not see.

    \b
    Examples:
      stance train labels --out models/mine
      stance train labels corrected.csv --out models/mine
      stance train other.csv --schema infer --out models/other --seed 1
    """
    import stance
    from stance.model_folder import check_replaceable
    from stance.report_figures import print_training
    from stance.terminal import Screen

    for each in labels:
        existing(each, "labels (a folder or a .csv, .tsv, .jsonl or .parquet file)")
    if splits and not any(each.is_dir() for each in labels):
        raise OptionError(f"--splits are of labels folders: {listed(map(str, labels))} has none")
    parts = tuple(splits or ("train",))
    check_replaceable(out)  # before the work, not after it
    old = _model_at(out)
    model = stance.train(labels, schema=schema, splits=parts, progress=tell, **(options or {}))
    model.save(out)
    screen = Screen(sys.stdout)
    print_training(screen, model.model)
    screen.line(f"model: {out}")
    if old is not None:
        screen.line()
        _print_changes(screen, old, model, labels[0], parts)


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model folder, or a shipped model's name.")],
    labels: Annotated[
        Path | None,
        typer.Argument(metavar="[LABELS]", help="A labels folder or a label file.", show_default=False),
    ] = None,
    split: SplitOption = "test",
    standoff: Annotated[
        Path | None,
        typer.Option(
            "--standoff", metavar="FILE", help="Labels without text, for published articles; needs --articles."
        ),
    ] = None,
    articles: Annotated[
        Path | None,
        typer.Option("--articles", metavar="FOLDER", help="Your own copies of the articles that --standoff labels."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap that gives the intervals.")] = 0,
    format: FigureFormatOption = FigureFormat.table,
    output: OutputOption = None,
) -> None:
    """Measure a model on labelled sentences, beside simple baselines.

    The baselines, which any model must beat, are: always the commonest label (majority), the schema's word lists
    alone (keywords), and drawing lots (random). F1 is 1 where every label is found and none is wrong. Figures in
    brackets say how far chance could move a figure (95%), had other articles been drawn. The calibration error is how
    far probabilities are off: 0.05 means five points on average.

    \b
    Examples:
      stance evaluate default labels
      stance evaluate models/mine labels --split dev --format json
      stance evaluate default --standoff labels/standoff/gold.jsonl --articles ~/articles
    """
    import stance
    from stance.report_figures import plain_json, print_evaluation
    from stance.terminal import Screen

    if (labels is None) == (standoff is None):
        raise OptionError("evaluate: expected either LABELS or --standoff FILE --articles FOLDER")
    check_output(output, model, labels, standoff, articles)
    classifier = stance.load(model)
    if standoff is not None:
        result = _evaluate_standoff(classifier, standoff, articles, seed)
    else:
        assert labels is not None
        result = stance.evaluate(classifier, existing(labels, "labels"), split=split, seed=seed)
    if format is FigureFormat.json:
        write_json(plain_json(result.to_dict()), output)
        return
    with output_file(output) as file:
        print_evaluation(Screen(file), result)


def compare(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A model folder, or a shipped model's name.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The model to hold against it.")],
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="A labels folder or a label file.")],
    split: SplitOption = DEV,
    show: Annotated[int, typer.Option("--show", metavar="N", min=0, help="How many changed decisions to list.")] = 20,
    format: FigureFormatOption = FigureFormat.table,
    output: OutputOption = None,
) -> None:
    """Hold two models against each other on the same sentences.

    The interval is of the difference, article by article: where it leaves out zero, one model is better beyond
    the chance of which articles were drawn. (Another seed of training moves figures a little, too.) Below come the
    decisions that changed, with the truth.

    \b
    Example:
      stance compare default models/mine labels --split dev
    """
    import stance
    from stance.report_figures import plain_json, print_comparison
    from stance.terminal import Screen

    check_output(output, old, new, labels)
    found = stance.compare(stance.load(old), stance.load(new), existing(labels, "labels"), split=split)
    if format is FigureFormat.json:
        write_json(plain_json(dataclasses.asdict(found)), output)
        return
    with output_file(output) as file:
        print_comparison(Screen(file), found, show=show, more=f" (--show {len(found.changes)})")


def _model_at(folder: Path) -> Classifier | None:
    """The model that is about to be replaced, where there is one that can be read."""
    import stance

    if not (folder / "model.json").is_file():
        return None
    try:
        return stance.load(folder)
    except ModelError as error:
        tell(f"the model that was there cannot be read and is not compared: {error}")
        return None


def _print_changes(screen: Screen, old: Classifier, new: Classifier, labels: Path, splits: tuple[str, ...]) -> None:
    from stance.report_figures import print_comparison, print_model_changes

    print_model_changes(screen, old.model, new.model)
    found = _compared(old, new, labels, splits)
    if isinstance(found, str):
        screen.line(f"decisions were not compared: {found}")
        return
    screen.line()
    screen.line(f"On the {DEV} split")
    print_comparison(screen, found, show=_SHOWN_CHANGES)


def _compared(old: Classifier, new: Classifier, labels: Path, splits: tuple[str, ...]) -> Comparison | str:
    """The comparison on the dev split, or why there is none."""
    import stance

    if not labels.is_dir() or not any((folder / f"{DEV}.jsonl").is_file() for folder in (labels, labels / "gold")):
        return f"{labels} has no {DEV} split"
    if DEV in splits:
        return f"the model was trained on the {DEV} split"
    try:
        return stance.compare(old, new, labels, split=DEV)
    except LabelError as error:
        return str(error)


def _evaluate_standoff(classifier: Classifier, standoff: Path, articles: Path | None, seed: int) -> EvaluationResult:
    from stance.evaluation import evaluate_rows
    from stance.standoff import hydrate

    if articles is None:
        raise OptionError("evaluate: --standoff needs --articles, the folder with your copies of the articles")
    found = hydrate(existing(standoff, "stand-off labels"), existing(articles, "articles"), classifier.schema)
    if found.missing:
        total = len(found.rows) + len(found.missing)
        tell(f"{len(found.missing)} of {total} sentences are not in {articles} and are left out")
    return evaluate_rows(classifier, found.rows, seed=seed)


def _option(field: dataclasses.Field[Any], text: str) -> Any:
    default = field.default
    shown = ",".join(f"{number:g}" for number in default) if isinstance(default, tuple) else str(default)
    metavar = {int: "N", float: "NUMBER", tuple: "NUMBER,..."}.get(type(default))
    name = f"--{field.name.replace('_', '-')}"
    return typer.Option(name, help=f"{text} (default {shown})", show_default=False, metavar=metavar)


def _kind(default: object) -> Any:
    return str if isinstance(default, tuple) else type(default)


def _parsed(name: str, value: Any) -> Any:
    """A tuple option's text as numbers; other values as they are."""
    default = next(field.default for field in dataclasses.fields(Options) if field.name == name)
    if not isinstance(default, tuple):
        return value
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError:
        raise OptionError(f"option {name!r} must be numbers separated by commas, got {value!r}") from None


def _help_texts() -> dict[str, str]:
    """Field -> what the docstring of `Options` says of it, as a sentence."""
    block = inspect.cleandoc(Options.__doc__ or "").partition("Attributes:\n")[2]
    found = {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(block)}
    return {
        f.name: (t := found.get(f.name, ""))[:1].upper() + t[1:].replace("``", "") for f in dataclasses.fields(Options)
    }
