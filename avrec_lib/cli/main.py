"""The `avrec` command: puts the verbs together and turns errors into one sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Annotated

import typer

from avrec_lib import __version__
from avrec_lib.errors import AvrecError
from avrec_lib.strings import LANGUAGE_VARIABLE, say

STOPPED = 130  # what typer answers to Ctrl-C

app = typer.Typer(
    name="avrec", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"avrec {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    lang: Annotated[str, typer.Option("--lang", help="Language of messages and reports: en or zh.")] = "",
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True)] = False,
) -> None:
    """Look into logs, train recommenders, find out offline which is better, and leave a report."""
    if lang:
        os.environ[LANGUAGE_VARIABLE] = lang


for module in ("runs", "data", "data_import", "doctor"):
    importlib.import_module(f"avrec_lib.cli.{module}").add_to(app)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 fine, 1 a run failed, 2 wrong usage, 3 killed or timed out)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    # --debug and --lang may stand anywhere: people add them at the end of a line they repeat.
    arguments = [word for word in arguments if word != "--debug"]
    try:
        result = app(arguments, standalone_mode=False)
    except AvrecError as error:
        if debug:
            raise
        typer.echo(f"avrec: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        typer.echo("avrec: " + say("Stopped. What was finished is kept."), err=True)
        return 3
    except typer.Abort:
        return 2
    except Exception as error:
        return _last_resort(error, debug)
    if result == STOPPED:
        typer.echo("avrec: " + say("Stopped. What was finished is kept."), err=True)
        return 3
    return result if isinstance(result, int) else 0


def _last_resort(error: Exception, debug: bool) -> int:
    """Usage errors of the parser, a full disk, a folder that cannot be written: one sentence each."""
    if hasattr(error, "format_message"):  # click's own usage errors
        typer.echo(f"avrec: {error.format_message()}", err=True)
        return 2
    if debug or not isinstance(error, OSError):
        raise error
    typer.echo(
        "avrec: " + say("{path}: {reason}.", path=error.filename or "?", reason=error.strerror or error), err=True
    )
    return 1
