"""`avrec data import`: the user's own logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avrec_lib.cli import data_facts
from avrec_lib.cli.data import group, size_in_words
from avrec_lib.cli.data_facts import print_columns
from avrec_lib.strings import say

if TYPE_CHECKING:
    from avrec_lib.imports.importers import ImportSummary
    from avrec_lib.imports.plan import ImportPlan, TablePlan

PAIRS = "OURS=THEIRS,…"
MAP_HELP = "Which column is which, over the guess: user_id=uid,timestamp=ts:ms."
Map = typer.Option(metavar=PAIRS, help="The same for this table.")


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this file and of `data_facts` in the group `data`."""
    group.command("import")(import_data)
    data_facts.add_to(app)


def import_data(
    events: Annotated[list[Path], typer.Argument(help="CSV, TSV, JSON lines or Parquet, packed or not; or a folder.")],
    maps: Annotated[list[str] | None, typer.Option("--map", metavar=PAIRS, help=MAP_HELP)] = None,
    items: Annotated[
        list[Path] | None, typer.Option(help="The table of items, to be given again for each file.")
    ] = None,
    map_items: Annotated[list[str] | None, Map] = None,
    users: Annotated[
        list[Path] | None, typer.Option(help="The table of users, to be given again for each file.")
    ] = None,
    map_users: Annotated[list[str] | None, Map] = None,
    name: Annotated[str, typer.Option(help="What to call the data set; else after the file.")] = "",
    event: Annotated[str, typer.Option(help="What every row is: play, click, rating, …")] = "",
    event_words: Annotated[
        list[str] | None, typer.Option("--events", metavar="THEIRS=OURS,…", help="What their words for events mean.")
    ] = None,
    separator: Annotated[str | None, typer.Option(help="What stands between columns: , ; tab :: …")] = None,
    encoding: Annotated[str | None, typer.Option(help="utf-8, gb18030, latin-1, utf-16, …")] = None,
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates", help="Keep rows that repeat another.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the data set of that name.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Import even if most rows cannot be used.")] = False,
) -> None:
    """Import your own log: guess whose column is which, show the guess, keep what cannot be used with the reason."""
    from avrec_lib.imports.importers import run_import
    from avrec_lib.imports.plan import Request, plan_import
    from avrec_lib.stopping import stopping_on_terminate

    request = Request(
        events, items or (), users or (), name, maps or (), map_items or (), map_users or (), event, event_words or (),
        separator, encoding, replace, force, keep_duplicates,
    )  # fmt: skip
    plan = plan_import(request)
    for table, found in plan.tables.items():
        _show_guess(table, found, plan)
    with stopping_on_terminate():
        done = run_import(plan)
    _show_summary(done)


def _show_guess(table: str, found: TablePlan, plan: ImportPlan) -> None:
    """Ours, theirs, sample values and how it was decided."""
    from avrec_lib.imports.mapping import examples

    files = found.files[0].path.name + (f" … ({len(found.files)})" if len(found.files) > 1 else "")
    how = {"given": say("as you said"), "name": say("by its name"), "content": say("by its values"),
           "place": say("by its place")}  # fmt: skip
    rows = [
        (
            match.ours, f"← {match.theirs}", examples(found.sample[match.theirs]),
            ", ".join([how[match.how], *([plan.events.notes[ours].text()] if _has_note(table, ours, plan) else [])]),
        )
        for ours, match in found.matches.items()
    ]  # fmt: skip
    typer.echo(typer.style(f"{say(TABLES[table])}: {files}", bold=True) + f" ({_written(found)})")
    print_columns(rows)
    if found.unused():
        typer.echo("  " + say("not used: {columns}", columns=", ".join(found.unused())))
    for doubt in found.doubts:
        typer.echo("  " + typer.style(doubt.text(), fg="yellow"))


TABLES = {"events": "Events", "items": "Items", "users": "Users"}


def _has_note(table: str, ours: str, plan: ImportPlan) -> bool:
    return table == "events" and ours in plan.events.notes


def _written(found: TablePlan) -> str:
    """The format of the first file in words."""
    file = found.files[0]
    if file.kind != "delimited":
        return {"jsonl": "JSON lines", "parquet": "Parquet"}[file.kind]
    separator = {"\t": "tab"}.get(file.separator, file.separator)
    parts = [say("separator {separator}", separator=separator)]
    if file.encoding not in ("utf-8", "utf-8-sig"):
        parts.append(say("encoding {name} (set another with --encoding)", name=file.encoding))
    if not file.header:
        parts.append(say("no header"))
    return ", ".join(parts)


def _show_summary(done: ImportSummary) -> None:
    card = done.dataset.card
    counts = size_in_words(card.counts)
    typer.echo(typer.style(f"{card.name}: {counts}", bold=True) + f" · {done.seconds:.1f} s · {done.dataset.folder}")
    span = _span(done)
    typer.echo(
        "  " + (say("From {first} to {last}.", **span) if span else say("No times: it cannot be split by time."))
    )
    for note in done.notes:
        typer.echo("  " + note.text())
    _show_rejected(done)
    typer.echo(say("Look at it: {command}", command=f"avrec run 10_explore_logs -p dataset={card.name}"))


def _span(done: ImportSummary) -> dict[str, str]:
    import polars as pl

    if not done.dataset.has("timestamp"):
        return {}
    time = pl.col("timestamp").dt.strftime("%Y-%m-%d %H:%M")
    return done.dataset.events.select(first=time.min(), last=time.max()).collect(engine="streaming").row(0, named=True)


def _show_rejected(done: ImportSummary) -> None:
    from avrec_lib.imports.rows import reason_in_words

    for table, reasons in [("", done.rejected), *done.rejected_rows.items()]:
        if not reasons:
            continue
        file = f"rejected_{table}.parquet" if table else "rejected.parquet"
        listed = ", ".join(f"{reason_in_words(reason)} {count:,}" for reason, count in reasons.items())
        total = f"{sum(reasons.values()):,}"
        typer.echo("  " + say("Left out and kept in {file}: {count} ({reasons}).", count=total,
                              file=file, reasons=listed))  # fmt: skip
    if not done.rejected:
        typer.echo("  " + say("All {count} rows could be used.", count=f"{done.rows:,}"))
    if "exact duplicate" in done.rejected and not done.dataset.has("timestamp"):
        typer.echo("  " + say("Without times such rows may be real repeats: --keep-duplicates keeps them."))
