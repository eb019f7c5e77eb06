"""The command line: thin, one verb one thing. Each command imports what it needs when it runs, so `--help` is quick."""

from avrec_lib.cli.main import main

__all__ = ["main"]
