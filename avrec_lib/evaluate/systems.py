"""Systems that somebody else runs, as trials beside ours: from files, window by window, each under its own name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.facts import Fact
from avrec_lib.data.split import Split
from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.bring import Brought, place_lists
from avrec_lib.evaluate.ranked_file import RankedFile, read_ranked_file
from avrec_lib.evaluate.trial import Trial
from avrec_lib.paths import seek


@dataclass(frozen=True)
class System:
    """One system of one file: a trial for each window, and the facts about its lists (each of its worst window)."""

    model: str
    path: Path
    trials: list[Trial]
    facts: list[Fact]


def bring_systems(
    paths: Sequence[Path], splits: Sequence[Split], *, catalogue: pl.Series, k: int, taken: Collection[str] = ()
) -> list[System]:
    """The systems in the files `paths`, in that order, placed on `splits` (the windows of one `split_windows`).

    A relative path may start where the command was typed, or in the workbench (`paths.seek`).
    `catalogue` are all known item ids, `k` the deepest rank that is read, `taken` the names of models beside them: a
    name that occurs twice gets its file's path added. With several windows a file needs the column window. Raises
    what `read_ranked_file` and `place_lists` raise; UsageError for the same file twice.
    """
    paths = [seek(path) for path in paths]
    twice = [path for place, path in enumerate(paths) if path.resolve() in {other.resolve() for other in paths[:place]}]
    if twice:
        raise UsageError("{file} is given twice.", file=twice[0])
    brought: list[tuple[Path, list[list[Brought]]]] = []
    for path in paths:
        file = read_ranked_file(path)
        _check_windows(file, splits)
        by_window = [_placed(file, split, catalogue, k) for split in splits]
        brought.append((path, _by_model(file, by_window)))
    names = [*taken, *(system[0].model for _, systems in brought for system in systems)]
    return [
        _system(path, windows, splits, names.count(windows[0].model) > 1)
        for path, systems in brought
        for windows in systems
    ]


def catalogue_of(dataset: Dataset) -> pl.Series:
    """The ids of all items that the data set has events or a row of."""
    known = [table.select("item_id").drop_nulls() for table in (dataset.events, dataset.items)]
    return pl.concat(known).unique().collect(engine="streaming").get_column("item_id")


def _placed(file: RankedFile, split: Split, catalogue: pl.Series, k: int) -> list[Brought]:
    seen = split.seen if split.exclude_seen else None
    return place_lists(
        file, split.queries, catalogue=catalogue, k=k, seen=seen, candidates=split.candidates,
        warm=split.warm_queries["query_id"], window=split.window,
    )  # fmt: skip


def _check_windows(file: RankedFile, splits: Sequence[Split]) -> None:
    known = [split.window for split in splits]
    if "window" not in file.rows.columns:
        if len(known) > 1:
            raise DataError(
                "{file} has no column window, but this split has {count} windows.",
                hint="Add the column window, from 0 to {last}: the lists made for each of them.",
                file=file.path, count=len(known), last=max(known),
            )  # fmt: skip
        return
    others = file.rows.filter(~pl.col("window").is_in(known).fill_null(value=False))
    if others.height:
        raise DataError(
            "{count} rows of {file} are for window {window}, but this split has the windows {known}.",
            hint="Is it the same split?", count=others.height, file=file.path, window=others["window"][0],
            known=", ".join(map(str, known)),
        )  # fmt: skip


def _by_model(file: RankedFile, by_window: Sequence[Sequence[Brought]]) -> list[list[Brought]]:
    """The same systems regrouped: for each its windows, in order."""
    names = [one.model for one in by_window[0]]
    grouped = [[one for window in by_window for one in window if one.model == name] for name in names]
    found = sum(map(len, by_window))
    if found != len(names) * len(by_window) or any(len(windows) < len(by_window) for windows in grouped):
        raise DataError(
            "Not every system of {file} has rows for every window.", hint="Bring such systems in files of their own.",
            file=file.path,
        )  # fmt: skip
    return grouped


def _system(path: Path, windows: Sequence[Brought], splits: Sequence[Split], is_taken: bool) -> System:
    name = f"{windows[0].model} ({path})" if is_taken else windows[0].model
    trials = [Trial(name, split, one.ranked) for split, one in zip(splits, windows, strict=True)]
    # The share decides; where it is undefined for all windows, the number.
    facts = [max(same, key=lambda fact: (fact.share or 0.0, fact.value)) for same in
             zip(*(one.facts for one in windows), strict=True)]  # fmt: skip
    return System(name, path, trials, facts)
