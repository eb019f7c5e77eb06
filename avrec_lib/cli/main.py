"""The `avrec` command: puts the verbs together and turns errors into one sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Annotated

import typer

from avrec_lib import __version__
from avrec_lib.errors import AvrecError, unknown_name
from avrec_lib.strings import LANGUAGE_VARIABLE, LANGUAGES, say

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
    if lang and lang not in LANGUAGES:
        raise unknown_name("language", lang, LANGUAGES)
    if lang:
        os.environ[LANGUAGE_VARIABLE] = lang


VERBS = (
    "runs", "data", "data_import", "data_clean", "data_split", "evaluate", "recommend", "calibrate", "demo", "doctor",
)  # fmt: skip
for module in VERBS:
    importlib.import_module(f"avrec_lib.cli.{module}").add_to(app)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 fine, 1 a run failed, 2 wrong usage, 3 killed or timed out)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    arguments = _global_options_first(arguments)
    debug = "--debug" in arguments
    try:
        result = app(arguments, standalone_mode=False)
    except AvrecError as error:
        if debug:
            raise
        typer.echo(f"avrec: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        result = STOPPED
    except typer.Abort:
        return 2
    except Exception as error:  # noqa: BLE001, the last line of defence: what it does not know it raises again
        return _last_resort(error, debug)
    if result == STOPPED:
        typer.echo("avrec: " + say("Stopped. What was finished is kept."), err=True)
        return 3
    return result if isinstance(result, int) else 0


def _global_options_first(words: list[str]) -> list[str]:
    """--debug and --lang may stand anywhere: people add them at the end of a line that they repeat."""
    first: list[str] = []
    rest: list[str] = []
    end = words.index("--") if "--" in words else len(words)
    position = 0
    while position < end:
        takes = 2 if words[position] == "--lang" and position + 1 < end else 1
        is_global = takes == 2 or words[position] == "--debug" or words[position].startswith("--lang=")
        (first if is_global else rest).extend(words[position : position + takes])
        position += takes
    return [*first, *rest, *words[position:]]


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
