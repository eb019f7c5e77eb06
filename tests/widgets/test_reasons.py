from __future__ import annotations

from small_shop import Mute, events, items, listed, state

from avrec_lib.models import ItemKNN
from avrec_lib.protocols import Query
from avrec_lib.widgets.reasons import Reason, because_of


def test_the_reason_is_the_choice_whose_absence_lowers_the_score_most() -> None:
    model = ItemKNN().fit(events(), items())
    history, candidates = ["drama 2", "comedy 1", "comedy 2"], ["comedy 0", "comedy 3", "drama 1"]
    found = because_of(model, "new", history, candidates, range(3))

    def score(past: list[str], item: str) -> float:
        return model.score([Query("one", "new", history=past)], [item])["score"][0] or float("-inf")

    for item, place in zip(candidates, found, strict=True):
        without = [score([*history[:left], *history[left + 1 :]], item) for left in range(3)]
        assert place == without.index(min(without))
    assert history[found[2]] == "drama 2"


def test_a_model_that_ignores_the_history_shows_what_is_popular() -> None:
    shop = state()
    shop.pick_user("user 3")
    reasons = [item.reason for item in shop.lists()["popularity"]]
    assert reasons[0] == Reason("popular", users=10, everybody=20)
    assert reasons[0].text("en") == "Popular with everyone: 10 of 20 users"


def test_a_single_choice_is_the_reason_of_the_whole_list() -> None:
    shop = state()
    shop.new_user(["drama 1"])
    assert {item.reason for item in shop.lists()["item-KNN"]} == {Reason("because", title="Drama 1")}
    assert shop.lists()["item-KNN"][0].reason.text("zh") == "因为您选择了《Drama 1》"


def test_nothing_is_the_reason_without_history_candidates_or_scores() -> None:
    assert because_of(Mute(), "new", ["comedy 1"], ["comedy 2"], [0]).tolist() == [-1]
    assert because_of(Mute(), "new", [], ["comedy 2"], []).tolist() == [-1]
    assert because_of(Mute(), "new", ["comedy 1"], [], [0]).tolist() == []
    assert listed(state()) == []
