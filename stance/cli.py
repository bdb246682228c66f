"""The command line: the way in to every command, and how errors leave it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from stance import __version__, cli_labels, cli_models, cli_predict, cli_training
from stance.cli_options import tell
from stance.errors import StanceError

_CTRL_C, _BROKEN_PIPE, _BAD_INPUT = 130, 141, 2

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command()(cli_predict.classify)
app.command()(cli_predict.explain)
app.command()(cli_training.with_options(cli_training.train))
app.command()(cli_training.evaluate)
app.command()(cli_training.compare)
app.add_typer(cli_labels.app, name="labels")
app.add_typer(cli_models.app, name="models")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit code 0, or 1 (a check failed), 2 (bad input), 130 (Ctrl-C), 141 (closed pipe)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # What a stream cannot encode is written as an escape, which JSON reads back as the same character.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(args=arguments, prog_name="stance", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return _CTRL_C
    except BrokenPipeError:
        return _close_quietly()
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except (StanceError, UnicodeDecodeError) as error:
        return _refuse(str(error))
    except SystemExit as error:  # how typer leaves a pipe that was closed
        return _close_quietly() if error.code == 1 else int(error.code or 0)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return _refuse_usage(error)
    return code if isinstance(code, int) else 0


@app.callback(invoke_without_command=True)
def _stance(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Topic and stance of news, sentence by sentence.

    stance says what each sentence of an article is about (its topics) and whether it speaks in favor of something,
    against it, or neither (its stance toward a target). It learned that from labelled sentences, shows the words
    that decided, and can be taught anew from labels of your own.

    \b
    Start here:
      stance classify article.txt
      stance explain "Xi vowed to deepen cooperation with Pyongyang."
      stance classify --html page.html article.txt
    """
    if version:
        typer.echo(f"stance {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _refuse(message: str) -> int:
    sys.stdout.flush()
    tell(f"stance: {' '.join(message.split())}")
    return _BAD_INPUT


def _refuse_usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "stance"
    message = error.format_message().replace("Value error, ", "").rstrip(".")
    return _refuse(f"{message} (see {command} --help)")


def _close_quietly() -> int:
    """The reader of our output has gone: write no more, not even on the way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
