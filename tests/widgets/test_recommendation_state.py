from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest
from small_shop import FILMS, HARMFUL, Mute, events, items, listed, state

from avrec_lib.errors import UsageError
from avrec_lib.models import Popularity


def test_a_state_needs_no_widgets() -> None:
    code = "import sys, avrec_lib.widgets.recommendation_state; print('ipywidgets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_a_picked_user_gets_what_is_left_of_the_own_taste_and_nothing_twice() -> None:
    shop = state()
    shop.pick_user("user 3")
    assert {item.item_id for item in shop.history()} == set(FILMS[:6]) - {"comedy 3"}
    assert listed(shop) == ["comedy 3"], "dramas share no user with comedies, so the model says nothing of them"
    (item,) = shop.lists()["item-KNN"]
    assert (item.title, item.tags, item.year) == ("Comedy 3", ("comedy",), 1993)


def test_the_history_is_in_the_order_of_time_and_a_like_is_its_latest() -> None:
    shop = state()
    shop.pick_user("user 3")
    assert [item.item_id for item in shop.history(2)] == ["comedy 5", "comedy 4"]
    shop.like("drama 1")
    assert [item.item_id for item in shop.history(2)] == ["drama 1", "comedy 5"]
    assert "drama 0" in listed(shop), "the models are asked anew"
    shop.forget("drama 1")
    assert listed(shop) == ["comedy 3"]


def test_what_is_skipped_leaves_all_lists_and_comes_back_with_undo() -> None:
    shop = state()
    shop.new_user(["comedy 1"])
    first = listed(shop)
    shop.skip(first[0])
    assert first[0] not in listed(shop) + listed(shop, "popularity")
    assert listed(shop)[:2] == first[1:]
    shop.undo()
    assert listed(shop) == first


def test_less_like_this_lowers_what_has_the_same_tags_and_users() -> None:
    shop = state(k=4)
    shop.new_user(["comedy 1", "drama 1"])
    shop.less_like("comedy 0")
    kinds = [item.split()[0] for item in listed(shop)]
    assert kinds[:4] == ["drama"] * 4
    assert "comedy 0" not in listed(shop)


def test_undo_takes_back_one_action_at_a_time_and_then_nothing() -> None:
    shop = state()
    assert not shop.can_undo
    shop.pick_user("user 3")
    shop.move(novelty=0.5)
    for value in (0.2, 0.4, 0.6):  # one slider on its way is one action
        shop.move(diversity=value)
    shop.undo()
    assert (shop.visit.sliders.novelty, shop.visit.sliders.diversity) == (0.5, 0)
    shop.undo()
    assert shop.visit.sliders.novelty == 0
    shop.undo()
    assert shop.visit.user_id == ""
    shop.undo()
    assert not shop.can_undo


def test_reset_is_the_user_as_picked_and_can_be_undone() -> None:
    shop = state()
    shop.pick_user("user 3")
    picked = shop.visit
    shop.like("drama 1")
    shop.move(novelty=1.0)
    shop.reset()
    assert shop.visit == picked
    shop.undo()
    assert shop.visit.sliders.novelty == 1


def test_the_models_are_asked_once_for_a_history_and_not_by_sliders() -> None:
    asked = []

    class Counting(Popularity):
        def recommend(self, *values, **named):
            asked.append(1)
            return super().recommend(*values, **named)

    shop = state(models={"popularity": Counting().fit(events(), items())})
    shop.pick_user("user 3")
    shop.lists()
    for value in (0.2, 0.4, 0.6):
        shop.move(diversity=value, novelty=value, freshness=value)
        shop.lists()
    assert len(asked) == 1


def test_a_user_without_events_gets_what_needs_no_history() -> None:
    shop = state(users=pl.DataFrame({"user_id": ["nobody"]}))
    shop.pick_user("nobody")
    assert shop.history() == []
    assert listed(shop) == []
    assert len(listed(shop, "popularity")) == 3


def test_an_item_without_title_tags_and_date_is_shown_by_its_id() -> None:
    shop = state(k=12)
    shop.new_user(["drama 1"])
    item = next(item for item in shop.lists()["item-KNN"] if item.item_id == "drama 5")
    assert (item.title, item.tags, item.year) == ("drama 5", (), None)
    shop.move(diversity=1.0, freshness=1.0)
    assert "drama 5" in listed(shop)


def test_without_an_item_table_and_times_ids_are_titles() -> None:
    shop = state(events=events().drop("timestamp"), items=None)
    assert [item.title for item in shop.find_titles("COMEDY 1")] == ["comedy 1"]
    assert not shop.facts.has_ages
    shop.new_user(["comedy 1"])
    shop.move(diversity=0.5, freshness=0.5, tail_share=0.5)
    assert len(listed(shop)) == 3


def test_a_catalogue_of_one_item_leaves_nothing_to_show_once_it_is_chosen() -> None:
    one = events().filter(pl.col("item_id") == "comedy 0")
    shop = state(events=one, items=items().filter(pl.col("item_id") == "comedy 0"))
    assert listed(shop, "popularity") == ["comedy 0"]
    shop.like("comedy 0")
    shop.move(diversity=1.0, novelty=1.0, tail_share=1.0)
    assert listed(shop, "popularity") == []


def test_a_model_that_says_nothing_leaves_an_empty_list() -> None:
    shop = state(models={"mute": Mute()})
    shop.pick_user("user 1")
    shop.move(tail_share=0.5, diversity=0.5)
    assert shop.lists() == {"mute": []}


def test_a_title_is_found_by_parts_of_its_words_whatever_case_and_accent() -> None:
    shop = state(items=items().with_columns(pl.col("title").replace("Comedy 1", "La Comédie humaine")))
    assert [item.item_id for item in shop.find_titles("HUM comedie")] == ["comedy 1"]
    assert shop.find_titles("no such film") == []
    assert shop.find_titles("")[0].users == 10, "nothing typed: the most chosen first"
    assert shop.find_users("user 1")[0] == "user 1", "what is typed in full comes before what begins with it"


def test_a_harmful_title_passes_through_as_it_is() -> None:
    shop = state(items=items().with_columns(pl.col("title").replace("Comedy 1", HARMFUL)))
    assert shop.find_titles("script")[0].title == HARMFUL


@pytest.mark.parametrize(
    ("action", "value", "said"),
    [
        ("pick_user", "user 33", "There is no user named"),
        ("like", "comedy 77", "There is no item named"),
        ("skip", "", "There is no item named"),
        ("new_user", ["comedy 1", "x"], "There is no item named"),
    ],
)
def test_an_unknown_id_is_refused_and_nothing_changes(action: str, value: object, said: str) -> None:
    shop = state()
    with pytest.raises(UsageError, match=said):
        getattr(shop, action)(value)
    assert not shop.can_undo


def test_sliders_outside_0_to_1_unknown_ones_and_no_models_are_refused() -> None:
    shop = state()
    with pytest.raises(UsageError, match="goes from 0 to 1"):
        shop.move(novelty=1.5)
    with pytest.raises(UsageError, match="no slider named"):
        shop.move(novelti=0.5)
    with pytest.raises(UsageError, match="1 to 7 models"):
        state(models={f"mute {number}": Mute() for number in range(8)})
    with pytest.raises(UsageError, match="k must be at least 1"):
        state(k=0)
