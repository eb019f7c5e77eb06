"""`avrec data clean`: a cleaned copy of a data set, with every row that went accounted for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avrec_lib.cli.data import group, size_in_words
from avrec_lib.cli.data_facts import LABELS as FACTS
from avrec_lib.cli.data_facts import Json, Name
from avrec_lib.strings import say

if TYPE_CHECKING:
    from avrec_lib.data.cleaning import CleanedDataset, Cleaning
    from avrec_lib.data.dataset import Dataset

RULE_NAMES = (
    "times_in_the_future, times_before_1990, exact_duplicates, short_watches, near_duplicates, too_busy_users, "
    "clockwork_users, constant_raters, long_watches"
)


def add_to(_app: typer.Typer) -> None:
    """Register the verb of this file in the group `data`."""
    group.command("clean")(clean_data)


def clean_data(
    name: Name,
    new_name: Annotated[str, typer.Option("--as", metavar="NEW", help="What to call the cleaned copy.")] = "",
    only: Annotated[list[str] | None, typer.Option(metavar="RULE", help=f"Only this rule: {RULE_NAMES}.")] = None,
    without: Annotated[list[str] | None, typer.Option(metavar="RULE", help="Every rule but this one.")] = None,
    shortest_watch: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="A click or play watched for less is an accident [1].")
    ] = None,
    press_seconds: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="The same act again so soon is the same press [10].")
    ] = None,
    most_a_day: Annotated[int | None, typer.Option(metavar="ACTS", help="Who does more is no person [1000].")] = None,
    clockwork_share: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Whose pauses are equal to this share is no person [0.8].")
    ] = None,
    constant_raters: Annotated[
        str | None, typer.Option(metavar="keep|forget|drop", help="Who always rates the same [forget the values].")
    ] = None,
    longest_watch: Annotated[
        float | None, typer.Option(metavar="FACTOR", help="Times the item's duration a watch may last [5].")
    ] = None,
    watch_quantile: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Longest watch where durations are unknown [0.999].")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the data set called NEW.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Write a cleaned copy of a data set and say what was removed; a threshold given turns its rule on."""
    from avrec_lib.data.cleaning import Cleaning, clean_dataset
    from avrec_lib.data.opening import open_dataset
    from avrec_lib.errors import UsageError
    from avrec_lib.stopping import stopping_on_terminate

    thresholds = {
        "shortest_watch": shortest_watch, "press_seconds": press_seconds, "most_a_day": most_a_day,
        "clockwork_share": clockwork_share, "constant_raters": constant_raters, "longest_watch": longest_watch,
        "watch_quantile": watch_quantile,
    }  # fmt: skip
    options = _options(Cleaning.standard(), only or [], without or [], thresholds)
    if not new_name and not dry_run:
        raise UsageError("The cleaned copy needs a name.", hint="Give it one with --as NEW, or look first: --dry-run.")
    dataset = open_dataset(name)
    with stopping_on_terminate():
        if dry_run:
            cleaned, written = clean_dataset(dataset, options), None
        else:
            cleaned, written = _write(dataset, options, new_name, replace)
    if as_json:
        typer.echo(json.dumps(_as_json(dataset, cleaned, options, written), indent=2, ensure_ascii=False))
    else:
        _show(dataset, cleaned, written)


def _options(options: Cleaning, only: list[str], without: list[str], thresholds: dict[str, Any]) -> Cleaning:
    from dataclasses import replace

    if only:
        options = options.only(*only)
    given = {name: value for name, value in thresholds.items() if value is not None}
    return replace(options.without(*without), **given)


def _write(dataset: Dataset, options: Cleaning, name: str, replace: bool) -> tuple[CleanedDataset, Dataset]:
    import polars as pl

    from avrec_lib.data.cleaning import clean_dataset
    from avrec_lib.data.dataset import SCHEMAS
    from avrec_lib.data.write import write_dataset
    from avrec_lib.errors import UsageError
    from avrec_lib.imports.plan import free_folder

    folder = free_folder(name, replace, "--as")
    if folder.resolve() == dataset.folder.resolve():
        raise UsageError("{name} is the data to be cleaned; its copy needs another name.",
                         hint="Choose another {option}.", name=repr(name), option="--as")  # fmt: skip
    cleaned = clean_dataset(dataset, options)
    tables = {table: getattr(cleaned.dataset, table) for table in SCHEMAS if table in dataset.card.filled}
    # What an import rejected stays with the import; friends, links and the like go along.
    others = [path for path in dataset.folder.glob("*.parquet")
              if path.stem not in SCHEMAS and not path.stem.startswith("rejected")]  # fmt: skip
    card = cleaned.dataset.card
    origin = say("A copy of {name} ({fingerprint}).", "en", name=dataset.name, fingerprint=dataset.card.fingerprint)
    written = write_dataset(
        folder, tables, name=name, source=card.source, licence=card.licence,
        notes=[*dataset.card.notes, origin, cleaned.report.note("en")],
        mapping=card.mapping, rejected=card.rejected,
        further={path.stem: pl.read_parquet(path) for path in others},
    )  # fmt: skip
    return cleaned, written


def _show(dataset: Dataset, cleaned: CleanedDataset, written: Dataset | None) -> None:
    from avrec_lib.data.facts import in_percent

    typer.echo(typer.style(f"{dataset.name}: {size_in_words(dataset.card.counts)}", bold=True))
    colours = {"red": "red", "amber": "yellow", "info": None}
    for step in cleaned.report.steps:
        fact = step.fact
        number = say("none")
        if fact.value:
            number = say("{events} events of {users} users ({share})", events=f"{fact.value:,}",
                         users=f"{step.users:,}", share=in_percent(fact.share))  # fmt: skip
        typer.echo("  " + typer.style(f"{say(LABELS[step.rule])}: {number}", fg=colours[fact.level]))
        if fact.value:
            typer.echo("     " + fact.explanation())
    typer.echo(cleaned.report.note())
    if written is None:
        typer.echo(say("Nothing was written (--dry-run)."))
        return
    typer.echo(typer.style(f"{written.name}: {size_in_words(written.card.counts)}", bold=True) + f" · {written.folder}")
    typer.echo(say("Look at it: {command}", command=f"avrec data check {written.name}"))


LABELS = FACTS | {
    "short_watches": "clicks and plays by accident",
    "long_watches": "watch times beyond belief",
}


def _as_json(dataset: Dataset, cleaned: CleanedDataset, options: Cleaning, written: Dataset | None) -> dict[str, Any]:
    from dataclasses import asdict

    report = cleaned.report
    return {
        "name": dataset.name,
        "fingerprint": dataset.card.fingerprint,
        "as": written.name if written else None,
        "folder": str(written.folder) if written else None,
        "cleaned_fingerprint": cleaned.dataset.card.fingerprint,
        "options": asdict(options),
        "before": {"events": report.events, "users": report.users},
        "after": {"events": report.events_left, "users": report.users_left},
        "steps": report.table().to_dicts(),
    }
