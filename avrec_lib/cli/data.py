"""`avrec data list` and `avrec data get`: the named data sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avrec_lib.strings import say

if TYPE_CHECKING:
    from avrec_lib.data.dataset import DatasetCard

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Data sets: list the named ones, get one, import your own log, describe it, check it.",
)


def add_to(app: typer.Typer) -> None:
    """Register the group `data` and the verbs of this file."""
    app.add_typer(group, name="data")
    group.command("list")(list_data)
    group.command("get")(get_data)


def list_data(as_json: Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")] = False) -> None:
    """List the named data sets and your own: size, licence, what they are good for, what is here."""
    import json

    from avrec_lib.data.catalogue import entries
    from avrec_lib.data.opening import names_here

    named = [_facts(name) for name in entries()]
    own = [_own_facts(name) for name in names_here() if name not in entries()]
    if as_json:
        typer.echo(json.dumps({"named": named, "own": own}, indent=2, ensure_ascii=False))
        return
    for facts in named:
        _print_entry(facts)
    for facts in own:
        title = say("your own; {source}", source=facts["source"])
        typer.echo(f"{typer.style(facts['name'], bold=True)} – {title}\n  {size_in_words(facts['counts'])}")
    typer.echo(say("Get one with: avrec data get NAME. Import your own log with: avrec data import FILE."))
    typer.echo(say("Simulate one with: avrec data get simulated --world video --users 1000 --days 30"))


def get_data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of `avrec data list`.")],
    archive: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="An archive or folder you already have.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Read it anew even if it is here.")] = False,
    world: Annotated[
        str | None, typer.Option(metavar="video|music|moving", help="simulated: what kind of platform [video].")
    ] = None,
    users: Annotated[int | None, typer.Option(min=1, help="simulated: how many people [1000].")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="simulated: how many days [30].")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="simulated: which catalogue and people [0].")] = None,
    drifting_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="simulated: share of the users whose taste moves [1].")
    ] = None,
    jumps: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="simulated: chance a day that such a user takes up another interest [0]."),
    ] = None,
) -> None:
    """Get a named data set into data/: downloaded (resumed, verified, from a mirror if need be) or read from FILE.

    NAME simulated makes a log of a platform whose truth is known.
    """
    from avrec_lib.cli.simulated import Wanted, get_simulated, is_simulated, refuse_for
    from avrec_lib.data.fetch import get
    from avrec_lib.stopping import stopping_on_terminate

    wanted = Wanted(world, users, days, seed, drifting_share, jumps)
    with stopping_on_terminate():
        if is_simulated(name) and not archive:
            dataset = get_simulated(name, wanted, force)
        else:
            refuse_for(name, wanted)
            dataset = get(name, archive.expanduser() if archive else None, force)
    typer.echo(f"{dataset.name}: {size_in_words(dataset.card.counts)}. {dataset.folder}")
    for note in dataset.card.notes:
        typer.echo(f"  {say(note)}")


def _facts(name: str) -> dict[str, Any]:
    """All that `list` knows of a named data set; counts of the data here, else of the documentation."""
    from avrec_lib.data.catalogue import entries
    from avrec_lib.data.fetch import download_cache, is_here

    entry = entries()[name]
    documented = {"users": entry.users, "items": entry.items, "events": entry.events}
    card = _card(name) if is_here(name) else None
    return {
        "name": name,
        "title": entry.title,
        "counts": card.counts if card else documented,
        "documented": documented,
        "download_mb": entry.download_mb,
        "licence": entry.licence,
        "good_for": entry.good_for,
        "homepage": entry.homepage,
        "aliases": list(entry.aliases),
        "sources": [{"place": source.place, "checksum": source.checksum or None} for source in entry.sources],
        "tested": entry.tested or None,
        "here": card is not None,
        "cached": any((download_cache() / source.filename).is_file() for source in entry.sources),
    }


def _own_facts(name: str) -> dict[str, Any]:
    card = _card(name)
    if card is None:
        return {"name": name, "source": say("damaged: its dataset.json cannot be read"), "licence": "", "counts": {}}
    return {"name": name, "source": card.source, "licence": card.licence, "counts": card.counts}


def _card(name: str) -> DatasetCard | None:
    """The card of a data set in data/, or none when it is damaged: one bad folder must not hide the others."""
    from avrec_lib.data.dataset import Dataset
    from avrec_lib.errors import DataError
    from avrec_lib.paths import data_folder

    try:
        return Dataset.open(data_folder() / name).card
    except DataError:
        return None


def _print_entry(facts: dict[str, Any]) -> None:
    if facts["here"]:
        state = typer.style(say("here"), fg="green")
    else:
        state = say("archive in the cache") if facts["cached"] else say("not here")
    if facts["tested"]:
        tested = say("tested {how}", how=say(facts["tested"]))
    else:
        tested = say("not tested here; follows its documentation")
    size = say("{mb:.1f} MB to download", mb=facts["download_mb"])
    typer.echo(f"{typer.style(facts['name'], bold=True)} – {facts['title']} · {state}")
    typer.echo(f"  {size_in_words(facts['counts'])} · {size} · {tested}")
    typer.echo(f"  {say(facts['good_for'])}")
    typer.echo(f"  {say('Licence')}: {say(facts['licence'])}")


def size_in_words(counts: Mapping[str, Any]) -> str:
    """Users, items and events of a data set in one line."""
    parts = {
        "users": say("{n} users", n=_number(counts.get("users"))),
        "items": say("{n} items", n=_number(counts.get("items"))),
        "events": say("{n} events", n=_number(counts.get("events"))),
    }
    return " · ".join(part for kind, part in parts.items() if counts.get(kind))


def _number(count: int | None) -> str:
    return f"{count:,}" if count else "?"
