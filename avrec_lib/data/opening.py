"""`open_dataset`: the one call by which a notebook gets its data."""

from __future__ import annotations

import os
from pathlib import Path

from avrec_lib.data.catalogue import entries, find_entry
from avrec_lib.data.dataset import CARD, Dataset
from avrec_lib.errors import UsageError, nearest, unknown_name
from avrec_lib.paths import data_folder

FETCHED_UNASKED_MB = 50


def open_dataset(name: str | Path) -> Dataset:
    """The data set called `name` in the data folder, or the one in the folder that `name` is the path of.

    A name of the catalogue that is not here yet is fetched first when its download is at most 50 MB; a bigger one
    raises UsageError with the command that gets it, and so does an unknown name, with the nearest one known.
    """
    found = known_dataset(name)
    if Path(found).is_absolute():
        return Dataset.open(Path(found))
    if found in names_here():
        return Dataset.open(data_folder() / found)
    from avrec_lib.data.fetch import get

    return get(found)


def known_dataset(name: str | Path) -> str:
    """What `open_dataset` would open, without opening it: a name that is here or can be fetched, or an absolute path.

    Raises UsageError as `open_dataset` does.
    """
    text = os.fspath(name)
    here = names_here()
    if text in here:
        return text
    if not text:
        raise UsageError("A data set needs a name.", hint="Known: {known}.", known=", ".join(here or entries()))
    if Path(text).is_dir():
        return str(Path(text).resolve())
    if isinstance(name, Path) or Path(text).name != text:
        raise UsageError("There is no data set folder {folder}.", folder=text)
    try:
        entry = find_entry(text)
    except UsageError as unknown:
        if nearest(text, here):
            raise unknown_name("data set", text, [*here, *entries()]) from None
        if unknown.values["guess"]:
            raise
        known = ", ".join(dict.fromkeys([*here, *entries()]))  # one's own first
        raise UsageError(unknown.message, hint=unknown.hint, **unknown.values | {"known": known}) from None
    if entry.name not in here and entry.download_mb > FETCHED_UNASKED_MB:
        raise UsageError(
            "{name} is not here yet, and its download has {mb:.0f} MB.",
            hint="Get it with: avrec data get {name}",
            name=entry.name, mb=entry.download_mb,
        )  # fmt: skip
    return entry.name


def names_here() -> list[str]:
    """The data sets in the data folder: fetched and imported ones, by name."""
    return sorted(card.parent.name for card in data_folder().glob(f"*/{CARD}") if not card.parent.name.startswith("."))
