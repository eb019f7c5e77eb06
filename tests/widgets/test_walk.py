from __future__ import annotations

import polars as pl
import pytest
from small_shop import FILMS, Mute, items, state

from avrec_lib.report.recording import RUN_ID_VARIABLE
from avrec_lib.widgets.overview import items_shown, list_measures, tag_mixture
from avrec_lib.widgets.showing import show_demo
from avrec_lib.widgets.walk import Walk, ordinary_user, side_by_side, titles_to_start, with_reasons


def test_each_step_keeps_its_lists_its_time_and_what_is_new() -> None:
    walk = Walk(state())
    walk.act("a new user", walk.state.new_user, ["drama 1"])
    step = walk.act("skip", walk.state.skip, "drama 0")
    assert walk.steps[0].lists["item-KNN"][0].item_id == "drama 0"
    assert step.changed["item-KNN"] == 1, "one item moved up from below"
    assert step.seconds > 0
    assert walk.table().columns == ["action", "milliseconds", "popularity", "item-KNN"]
    assert walk.measures()["model"].to_list() == ["popularity", "item-KNN"] * 2


def test_measures_are_those_of_the_lists_and_null_for_an_empty_one() -> None:
    shop = state()
    shop.new_user(["comedy 1", "drama 1"])
    table = list_measures(shop)
    history = table.row(0, named=True)
    assert history["list"] == "history"
    assert history["diversity"] == 1, "a comedy and a drama share no tag"
    assert history["users"] == 8, "comedy 1 lacks users 1 and 7, drama 1 users 13 and 19"
    assert history["born"] == 1991
    shop.new_user()
    assert list_measures(shop).filter(list="item-KNN")["users"].to_list() == [None]


def test_the_tags_of_an_item_count_one_together() -> None:
    films = items().with_columns(
        tags=pl.when(pl.col("item_id") == "comedy 1").then(pl.lit(["comedy", "war"])).otherwise("tags")
    )
    shop = state(items=films)
    shop.new_user(["comedy 1", "drama 1"])
    own = {row["tag"]: row["share"] for row in tag_mixture(shop).filter(list="history").iter_rows(named=True)}
    assert own == {"comedy": 0.25, "war": 0.25, "drama": 0.5}
    assert items_shown(shop).filter(list="history")["title"].to_list() == ["Comedy 1", "Drama 1"]


def test_tables_of_lists_are_filled_up_to_the_longest() -> None:
    shop = state()
    shop.pick_user("user 3")
    table = side_by_side(shop.lists())
    assert table["item-KNN"].to_list() == ["Comedy 3 (1993)", None, None]
    assert with_reasons(shop.lists()["item-KNN"])["reason"][0].startswith("Because you chose")
    assert with_reasons([]).height == 0
    assert side_by_side({"mute": []}).columns == ["rank", "mute"]


def test_who_and_what_to_start_with_is_found_or_chosen() -> None:
    shop = state()
    assert ordinary_user(shop) in {f"user {number}" for number in range(20)}
    assert titles_to_start(shop, ["drama 3", "no such film"]) == ["drama 3"]
    popular = titles_to_start(shop, [])
    assert len(popular) == 3
    assert set(popular) <= set(FILMS)
    assert ordinary_user(state(models={"mute": Mute()})) == ordinary_user(shop)


def test_in_a_run_without_a_person_the_demo_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "20240101-000000-abcdef")
    monkeypatch.setenv("AVREC_LANGUAGE", "en")
    show_demo(state())
    assert "avrec demo" in capsys.readouterr().out
