"""`avrec data describe` and `avrec data check`: what a data set is, and facts about its rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from avrec_lib.cli.data import group, size_in_words
from avrec_lib.strings import say

Json = Annotated[bool, typer.Option("--json", help="For scripts: JSON on standard output.")]
Name = Annotated[str, typer.Argument(help="A data set in data/.")]


def add_to(_app: typer.Typer) -> None:
    """Register the verbs of this file in the group `data`."""
    group.command("describe")(describe_data)
    group.command("check")(check_data)


def describe_data(name: Name, as_json: Json = False) -> None:
    """Counts, span, density, kinds of events, what is filled, and what the data cannot be used for."""
    from dataclasses import asdict

    from avrec_lib.data.describe import describe, left_out
    from avrec_lib.data.facts import in_percent
    from avrec_lib.data.opening import open_dataset

    dataset = open_dataset(name)
    seen = describe(dataset)
    if as_json:
        facts = asdict(seen) | {"cannot": [note.text() for note in seen.cannot]}
        facts = {"name": dataset.name, "source": dataset.card.source, "licence": dataset.card.licence,
                 "fingerprint": dataset.card.fingerprint, "notes": dataset.card.notes} | facts  # fmt: skip
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False, default=str))
        return
    typer.echo(typer.style(f"{dataset.name}: {size_in_words(seen.counts)}", bold=True))
    typer.echo("  " + say("Source: {source}. Licence: {licence}.", source=dataset.card.source,
                          licence=say(dataset.card.licence)))  # fmt: skip
    if seen.first and seen.last:
        typer.echo("  " + say("From {first} to {last}.", first=f"{seen.first:%Y-%m-%d %H:%M}",
                              last=f"{seen.last:%Y-%m-%d %H:%M}"))  # fmt: skip
    typer.echo("  " + say("{pairs} different user-item pairs, density {density}.", pairs=f"{seen.pairs:,}",
                          density=_density(seen.density)))  # fmt: skip
    for per, template in ((seen.per_user, USER_LINE), (seen.per_item, ITEM_LINE)):
        typer.echo("  " + say(template, median=f"{per['median']:,.0f}", mean=f"{per['mean']:,.1f}",
                              most=f"{per['max']:,}"))  # fmt: skip
    total = sum(seen.kinds.values())
    typer.echo(say("Events by kind"))
    print_columns([(kind, f"{count:>12,}", in_percent(count / total)) for kind, count in seen.kinds.items()])
    for table, columns in seen.filled.items():
        rows = seen.counts.get(f"{table.removesuffix('s')}_rows", seen.counts["events"])
        typer.echo(say("Columns of {table}, filled", table=table))
        print_columns([(column, in_percent(count / max(rows, 1))) for column, count in columns.items() if count])
        empty = [column for column, count in columns.items() if not count]
        typer.echo("  " + say("empty: {columns}", columns=", ".join(empty) or "–"))
    for note in [*left_out(dataset), *seen.cannot]:
        typer.echo("  " + note.text())


USER_LINE = "Events of a user: median {median}, mean {mean}, at most {most}."
ITEM_LINE = "Events of an item: median {median}, mean {mean}, at most {most}."


def _density(density: float | None) -> str:
    return "–" if density is None else f"{density:.2%}".replace("%", " %") if density >= 1e-4 else f"{density:.1e}"


def check_data(name: Name, as_json: Json = False) -> None:
    """Facts about the rows that decide what an evaluation is worth: ties, repeats, bots, gaps, strange times."""
    from dataclasses import asdict

    from avrec_lib.data.checks import check_events
    from avrec_lib.data.describe import left_out, rejected_rows
    from avrec_lib.data.facts import in_percent
    from avrec_lib.data.opening import open_dataset

    dataset = open_dataset(name)
    facts = check_events(dataset.events, dataset.items if dataset.has("item_id", "items") else None)
    if as_json:
        listed = [
            {key: value for key, value in asdict(fact).items() if key not in ("template", "values")}
            | {"explanation": fact.explanation()}
            for fact in facts
        ]
        rejected = {"rows": dataset.card.rejected, "reasons": rejected_rows(dataset)}
        whole = {"name": dataset.name, "rejected": rejected, "facts": listed}
        typer.echo(json.dumps(whole, indent=2, ensure_ascii=False))
        return
    order = {"red": 0, "amber": 1, "info": 2}
    marks = {"red": say("red"), "amber": say("amber"), "info": say("info")}
    colours = {"red": "red", "amber": "yellow", "info": None}
    for fact in sorted(facts, key=lambda fact: (order[fact.level], not fact.value)):
        mark = typer.style(marks[fact.level], fg=colours[fact.level], bold=fact.level == "red")
        number = f"{fact.value:,} ({in_percent(fact.share)})" if fact.value else say("none")
        typer.echo(f"{mark}  {say(LABELS[fact.name])}: {number}")
        if fact.value:
            typer.echo("     " + fact.explanation())
    for note in left_out(dataset):
        typer.echo(note.text())


LABELS = {
    "events_without_time": "events without a time",
    "tied_events": "events that share their time with another of the user",
    "users_with_tied_last_event": "users whose last event is tied",
    "times_in_the_future": "times in the future",
    "times_before_1990": "times before 1990",
    "times_at_midnight": "times at midnight",
    "days_without_events": "days without events",
    "too_busy_users": "users too busy for one person",
    "clockwork_users": "users with the pauses of a clock",
    "exact_duplicates": "exact duplicates",
    "near_duplicates": "near duplicates",
    "repeats": "user and item met again",
    "users_with_one_event": "users with one event",
    "items_with_one_event": "items with one event",
    "constant_raters": "users who always rate the same",
    "items_without_row": "items without a row in the item table",
}


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Plain columns, as wide as their widest cell: fit for a terminal, a file and a test alike."""
    from rich.cells import cell_len, set_cell_size

    widths = [max(cell_len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = "  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  " + padded.rstrip())
