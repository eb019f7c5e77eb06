"""The shelf: names that are there, and what a data set lacks for a model that then need not be tried."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from contract import checkerboard

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import UsageError
from avrec_lib.models.shelf import LACKING, SHELF_NAMES, from_shelf, lacking
from avrec_lib.schema import TIME

BARE = checkerboard(8, 8).select("user_id", "item_id", event=pl.lit("click"))
ITEMS = BARE.select("item_id").unique().sort("item_id")
TITLES = ITEMS.with_columns(title=pl.concat_str(pl.lit("the film number "), "item_id"))
TIMED = {
    "item transitions", "item-KNN, recency", "user-KNN, recency", "EASE, recency", "transitions + EASE",
    "recent popularity", "seasonal popularity", "transformer", "GRU", "LSTM", "LightGCN, recency",
    "hybrid + transformer",
}  # fmt: skip
LABELLED = {"content by attribute", "naive Bayes", "knowledge graph", "iALS with features"}


def dataset(folder: Path, **tables: pl.DataFrame) -> Dataset:
    return write_dataset(folder / "mine", tables, name="mine", source="made", licence="none")


def test_a_name_that_is_not_on_the_shelf_is_refused_and_a_repeated_one_is_there_once() -> None:
    with pytest.raises(UsageError, match="Did you mean EASE"):
        from_shelf(["EASY"])
    assert list(from_shelf(["EASE", "popularity", "EASE"])) == ["EASE", "popularity"]


def test_a_bare_log_lacks_times_words_labels_and_users(tmp_path: Path) -> None:
    found = {name: lacking(name, dataset(tmp_path, events=BARE)) for name in SHELF_NAMES}
    assert {name for name, why in found.items() if why == LACKING["times"]} == TIMED
    assert {name for name, why in found.items() if why == LACKING["words"]} == {"content by item"}
    assert {name for name, why in found.items() if why == LACKING["labels"]} == LABELLED
    assert {name for name, why in found.items() if why == LACKING["users"]} == {"popularity in segment"}


@pytest.mark.parametrize("has", ["nothing but titles", "everything"])
def test_what_lacks_nothing_can_be_fitted_and_asked(tmp_path: Path, has: str) -> None:
    events, items, users = BARE, TITLES, None
    tables = {"events": events, "items": items}
    if has == "everything":
        moment = (pl.int_range(pl.len()) * 60_000_000).cast(TIME)
        tables["events"] = events = events.with_columns(timestamp=moment)
        tables["items"] = items = items.with_columns(tags=pl.lit(["film"]), category=pl.lit("film"))
        users = BARE.select("user_id").unique().sort("user_id").with_columns(age=pl.lit(30), gender=pl.lit("F"))
        tables["users"] = users
    mine = dataset(tmp_path, **tables)
    able = [name for name in SHELF_NAMES if lacking(name, mine) is None]
    assert has != "everything" or able == list(SHELF_NAMES)
    for name, make in from_shelf(able).items():
        model = make().fit(events, items, users)
        assert model.recommend(["u0"], k=3, exclude_seen=False).height == 3, name
