"""The command line's models commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from stance import DEFAULT_MODEL
from stance.cli_options import tell
from stance.errors import ModelError

app = typer.Typer(rich_markup_mode=None, help="The models that come with stance, and your own.")


@app.callback(invoke_without_command=True)
def _models(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_models() -> None:
    """List the models that come with stance.

    \b
    Example:
      stance models list
    """
    from stance.model_folder import load_model, shipped_models
    from stance.terminal import Column, Screen, Table

    found = {name: (folder, load_model(folder)) for name, folder in shipped_models().items()}
    rows = tuple(
        (
            name,
            ", ".join(model.schema.topic_names),
            ", ".join(model.schema.target_names),
            str(model.provenance.get("sentences", "?")),
            str(folder),
        )
        for name, (folder, model) in found.items()
    )
    if not rows:
        tell("no models are shipped with this installation; train one: stance train labels --out models/default")
    Screen(sys.stdout).table(Table(tuple(map(Column, ("name", "topics", "targets", "sentences", "folder"))), rows))


@app.command("info")
def model_info(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model folder, or a shipped model's name.")
    ] = DEFAULT_MODEL,
) -> None:
    """Tell what a model decides, what it was trained on, and from which probability it gives each label,
    and whether this installation scores with the compiled kernel or the reference.

    \b
    Example:
      stance models info models/mine
    """
    from stance.compiled import make_scorer
    from stance.model_folder import find_model, load_model
    from stance.report_figures import print_model
    from stance.terminal import Screen

    found = load_model(model)
    print_model(Screen(sys.stdout), found, str(find_model(model)), make_scorer(found).name)


@app.command("verify")
def verify_models(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...", help="Model folders or names; left out, all that are shipped.", show_default=False
        ),
    ] = None,
) -> None:
    """Check that model folders are whole and unchanged: every checksum, shape and name.

    Loading a model does the same and refuses a damaged one; nothing in a folder is ever run.

    \b
    Example:
      stance models verify models/mine
    """
    from stance.classifier import Classifier
    from stance.model_folder import find_model, load_model, shipped_models

    damaged = 0
    for model in models or list(shipped_models()):
        try:
            load_model(model, Classifier)
            typer.echo(f"{find_model(model)}: whole")
        except ModelError as error:
            tell(str(error))
            damaged += 1
    if damaged:
        raise typer.Exit(2)
