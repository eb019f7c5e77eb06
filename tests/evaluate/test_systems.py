from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from avrec_lib.data.split import Split
from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.systems import System, bring_systems
from avrec_lib.schema import Queries, Truth

CATALOGUE = pl.Series(["x", "y", "z"])


def window(number: int) -> Split:
    """Users a and b ask, a has x and wants y; c is new."""
    users = ["a", "b", "c"]
    queries = pl.DataFrame({"query_id": users, "user_id": users, "cut": None, "history": None})
    truth = pl.DataFrame({"query_id": users, "user_id": users, "item_id": ["y", "x", "z"], "relevance": 1.0})
    train = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "z"]})
    return Split(
        train, Queries.cast(queries), Truth.cast(truth), seen=train.select("user_id", "item_id"), window=number
    )


def write(path: Path, rows: list[tuple[str, str, int]], **columns: list[object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pl.DataFrame(rows, schema=["user_id", "item_id", "rank"], orient="row")
    table.with_columns(pl.Series(name, values) for name, values in columns.items()).write_parquet(path)
    return path


def bring(*paths: Path, windows: int = 1, taken: tuple[str, ...] = ()) -> list[System]:
    splits = [window(number) for number in range(windows)]
    return bring_systems(paths, splits, catalogue=CATALOGUE, k=2, taken=taken)


def ndcg_of(system: System) -> list[float]:
    return [trial.values(k=[2], metrics=["ndcg"])["value"].mean() for trial in system.trials]  # type: ignore[misc]


def test_a_file_becomes_a_trial_that_can_be_judged(tmp_path: Path) -> None:
    (system,) = bring(write(tmp_path / "mine.parquet", [("a", "y", 1), ("b", "x", 1)]))
    assert (system.model, system.trials[0].model) == ("mine", "mine")
    assert ndcg_of(system) == [pytest.approx(2 / 3)]  # a and b are answered at once, c not at all


def test_new_users_may_go_without_a_list_and_known_ones_not(tmp_path: Path) -> None:
    (system,) = bring(write(tmp_path / "mine.parquet", [("a", "y", 1)]))
    levels = {fact.name: (fact.value, fact.level) for fact in system.facts}
    assert levels["known_users_without_list"] == (1, "red")
    assert levels["new_users_without_list"] == (1, "info")


def test_seen_items_are_counted_where_the_truth_hides_them(tmp_path: Path) -> None:
    (system,) = bring(write(tmp_path / "mine.parquet", [("a", "x", 1), ("a", "y", 2)]))
    assert {fact.name: fact.value for fact in system.facts}["places_of_seen_items"] == 1


def test_two_files_are_two_systems_in_their_order(tmp_path: Path) -> None:
    old, new = (write(tmp_path / f"{name}.parquet", [("a", "y", 1)]) for name in ("zebra", "ant"))
    assert [system.model for system in bring(old, new)] == ["zebra", "ant"]


def test_names_that_occur_twice_are_told_apart_by_their_files(tmp_path: Path) -> None:
    old, new = (write(tmp_path / folder / "recs.parquet", [("a", "y", 1)]) for folder in ("old", "new"))
    assert [system.model for system in bring(old, new)] == [f"recs ({old})", f"recs ({new})"]
    (system,) = bring(write(tmp_path / "popularity.parquet", [("a", "y", 1)]), taken=("popularity",))
    assert system.model == f"popularity ({tmp_path / 'popularity.parquet'})"
    assert system.trials[0].model == system.model


def test_a_relative_path_may_start_where_the_command_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "typed here" / "recs.parquet", [("a", "y", 1)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path / "typed here"))
    assert [system.model for system in bring(Path("recs.parquet"))] == ["recs"]


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "recs.parquet", [("a", "y", 1)])
    with pytest.raises(UsageError, match="given twice"):
        bring(path, tmp_path / "." / "recs.parquet")


def test_each_window_gets_its_own_rows(tmp_path: Path) -> None:
    rows = [("a", "y", 1), ("a", "z", 1)]
    (system,) = bring(write(tmp_path / "recs.parquet", rows, window=[0, 1]), windows=2)
    assert ndcg_of(system) == [pytest.approx(1 / 3), 0.0]
    assert [trial.split.window for trial in system.trials] == [0, 1]


def test_several_windows_need_the_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column window, but this split has 2 windows.*from 0 to 1"):
        bring(write(tmp_path / "recs.parquet", [("a", "y", 1)]), windows=2)


@pytest.mark.parametrize("number", [2, -1, None])
def test_rows_for_another_window_are_refused(tmp_path: Path, number: int | None) -> None:
    path = write(tmp_path / "recs.parquet", [("a", "y", 1), ("a", "z", 1)], window=[0, number])
    with pytest.raises(DataError, match=r"1 rows of .* this split has the windows 0, 1"):
        bring(path, windows=2)


def test_a_system_that_lacks_a_window_is_refused(tmp_path: Path) -> None:
    rows = [("a", "y", 1), ("a", "z", 1), ("b", "x", 1)]
    path = write(tmp_path / "recs.parquet", rows, window=[0, 1, 1], model=["old", "old", "new"])
    with pytest.raises(DataError, match="Not every system"):
        bring(path, windows=2)


def test_the_worst_window_speaks_for_a_system(tmp_path: Path) -> None:
    rows = [("a", "y", 1), ("b", "x", 1), ("a", "z", 1)]
    (system,) = bring(write(tmp_path / "recs.parquet", rows, window=[0, 0, 1]), windows=2)
    assert {fact.name: fact.value for fact in system.facts}["known_users_without_list"] == 1
