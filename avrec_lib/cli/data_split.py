"""`avrec data split`: the rows that everyone who is compared here must train on, as files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avrec_lib.cli.data import group
from avrec_lib.strings import say

if TYPE_CHECKING:
    from avrec_lib.data.dataset import Dataset
    from avrec_lib.data.split import Split

CARD = "split.json"
TABLES = ("train", "queries", "truth", "seen", "candidates")
WRITTEN = re.compile(rf"split\.json|window_\d+|(window_\d+/)?({'|'.join(TABLES)})\.parquet")
NAMED = 3  # of a stranger's files, in an error

Method = Annotated[str, typer.Option(
    "--split", metavar="METHOD",
    help="auto, global_time, rolling_time, leave_last_out, random, user_holdout, cold_item or cold_user.",
)]  # fmt: skip
TestShare = Annotated[float, typer.Option(help="Share of the choices (or users, items) that is held out.")]
MinValue = Annotated[float | None, typer.Option(help="A row with a lower value (rating, play count) is no choice.")]
ExcludeSeen = Annotated[bool, typer.Option(help="Leave out of the answers what the user already has.")]
KCore = Annotated[int, typer.Option("--k-core", min=0, help="Keep users and items with so many choices.")]
TieRuleName = Annotated[str, typer.Option(
    "--tie-rule", metavar="RULE",
    help="Which of the events at one time came last: file_order, item_id, item_id_descending or random.",
)]  # fmt: skip
TieOrders = Annotated[int, typer.Option(min=1, help="With --tie-rule random: how many orders, each a window.")]
Windows = Annotated[int, typer.Option(min=1, help="With --split rolling_time: how many windows.")]
Graded = Annotated[bool, typer.Option("--graded", help="Relevance is the value (a rating), not 1.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")]


def add_to(_app: typer.Typer) -> None:
    """Register the verb of this file in the group `data`."""
    group.command("split")(split_data)


def split_data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set in data/.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where to write the files.")],
    method: Method = "auto",
    test_share: TestShare = 0.2,
    min_value: MinValue = None,
    k_core: KCore = 0,
    tie_rule: TieRuleName = "file_order",
    exclude_seen: ExcludeSeen = True,
    windows: Windows = 4,
    tie_orders: TieOrders = 4,
    graded: Graded = False,
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace a split that was written there before.")] = False,
) -> None:
    """Write train, queries, seen and truth of a split, to train your own system on exactly these rows.

    `avrec evaluate` with the same options judges what it recommends. Several windows go to window_0, window_1, …
    """
    from avrec_lib.data.opening import open_dataset
    from avrec_lib.paths import replacing
    from avrec_lib.stopping import stopping_on_terminate

    out = out.expanduser()
    _check_target(out, force)
    options = {
        "test_share": test_share, "min_value": min_value, "exclude_seen": exclude_seen, "k_core": k_core,
        "tie_rule": tie_rule, "windows": windows, "tie_orders": tie_orders, "graded": graded, "seed": seed,
    }  # fmt: skip
    dataset = open_dataset(name)
    splits = make_splits(dataset, method, options)
    with stopping_on_terminate(), replacing(out) as beside:
        for split in splits:
            folder = beside / f"window_{split.window}" if len(splits) > 1 else beside
            folder.mkdir(parents=True)
            _write_tables(split, folder)
        card = split_card(dataset, splits)
        (beside / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
        _check_target(out, force)  # again: a split takes a while, and what came meanwhile would go
    _show(out, splits)


def make_splits(dataset: Dataset, method: str, options: Mapping[str, Any]) -> list[Split]:
    """`split_windows` with the options of the command line, whose names it checks."""
    from avrec_lib.data.split import split_windows

    return split_windows(dataset, method, **options)  # type: ignore[arg-type]


def split_card(dataset: Dataset, splits: Sequence[Split]) -> dict[str, Any]:
    """What split.json says: the data, and the protocol and fingerprints of each window."""
    return {
        "data": {"name": dataset.name, "fingerprint": dataset.card.fingerprint},
        "windows": [{"protocol": split.protocol, "fingerprints": split.fingerprints()} for split in splits],
    }


def _check_target(out: Path, force: bool) -> None:
    """Only a split is ever replaced, with nothing of anybody else in its folder, and only when asked to."""
    from avrec_lib.errors import UsageError

    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not _is_split(out):
        raise UsageError("{folder} exists and is no split.", hint="Name another folder.", folder=out)
    others = sorted(name for path in out.rglob("*") if not WRITTEN.fullmatch(name := path.relative_to(out).as_posix()))
    if others:
        named = ", ".join(others) if len(others) <= NAMED else f"{', '.join(others[:NAMED])}, … ({len(others)})"
        raise UsageError("{folder} holds what no split writes: {names}.", hint="Move it away, or name another folder.",
                         folder=out, names=named)  # fmt: skip
    if not force:
        raise UsageError("{folder} holds a split already.", hint="Replace it with --force.", folder=out)


def _is_split(folder: Path) -> bool:
    """Whether the card in `folder` is one that `split_card` made."""
    try:
        card = json.loads((folder / CARD).read_text("utf-8"))
        return bool(card["data"].keys() >= {"name", "fingerprint"} and card["windows"]
                    and all(window.keys() >= {"protocol", "fingerprints"} for window in card["windows"]))  # fmt: skip
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _write_tables(split: Split, folder: Path) -> None:
    from avrec_lib.data.write import system_errors

    candidates = None if split.candidates is None else split.candidates.to_frame("item_id")
    for name, table in zip(TABLES, (split.train, split.queries, split.truth, split.seen, candidates), strict=True):
        if table is None:
            continue
        with system_errors(folder):
            table.write_parquet(folder / f"{name}.parquet", compression="zstd")


def _show(out: Path, splits: list[Split]) -> None:
    for split in splits:
        folder = out / f"window_{split.window}" if len(splits) > 1 else out
        typer.echo(
            say(
                "{folder}: {train} training rows, {queries} queries, {truth} answers.", folder=folder,
                train=f"{split.train.height:,}", queries=f"{split.queries.height:,}", truth=f"{split.truth.height:,}",
            )
        )  # fmt: skip
    typer.echo(say("Train on train.parquet, answer queries.parquet, and write query_id, item_id and rank to a file."))
    if splits[0].exclude_seen:
        typer.echo(say("Leave out what seen.parquet names: the answers do not hold it."))
    if splits[0].candidates is not None:
        typer.echo(say("Rank only what candidates.parquet names."))
    if len(splits) > 1:
        typer.echo(say("Put the lists of all windows into one file, with the number of the window as column window."))
