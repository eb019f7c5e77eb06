"""A learned ranker: the contract, and questions that hide nothing from nobody."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract, checkerboard

from avrec_lib.errors import UsageError
from avrec_lib.models import EASE, Blend, ItemKNN, LearnedRanker, Popularity
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.questions import last_choices
from avrec_lib.protocols import Recommender


class TestLearnedRanker(RecommenderContract):
    def make(self) -> Recommender:
        return LearnedRanker([ItemKNN(), EASE(regularisation=1.0)], questions=2, trees=20)

    def test_without_answers_to_learn_from_the_mean_of_the_sources_decides(self) -> None:
        train = checkerboard(6, 6, hide_diagonal=True)
        sources = [ItemKNN(), EASE(regularisation=1.0)]
        ranker, blend = (model.fit(train) for model in (LearnedRanker(sources), Blend(sources, [0.5, 0.5])))
        users = [f"u{user}" for user in range(6)]
        assert ranker.recommend(users, 5)["item_id"].equals(blend.recommend(users, 5)["item_id"])

    def test_what_is_no_candidate_follows_in_the_order_of_the_means(self) -> None:
        train = checkerboard(40, 40, hide_diagonal=True)
        ranker = LearnedRanker([Popularity(), EASE(regularisation=1.0)], candidates=3, questions=2, trees=20).fit(train)
        ranked = ranker.recommend(["u5"], 21)
        assert ranked.height == 21
        assert ranked["score"].is_sorted(descending=True)

    def test_a_score_does_not_depend_on_who_else_is_asked(self) -> None:
        train = checkerboard(40, 40, hide_diagonal=True)
        ranker = LearnedRanker([Popularity(), EASE(regularisation=1.0)], candidates=3, questions=2, trees=20).fit(train)
        items = [f"i{item}" for item in range(40)]
        alone = ranker.score(["u5"], items)
        among = ranker.score([f"u{user}" for user in range(40)], items).filter(user_id="u5")
        assert alone["score"].to_list() == pytest.approx(among["score"].to_list(), rel=1e-5)

    def test_sources_of_one_name_are_told_apart(self) -> None:
        train = checkerboard(20, 20)
        ranker = LearnedRanker([EASE(1.0), EASE(10.0)]).fit(train)
        names = ranker.features(Interactions.of(train).past).names
        assert {"score of EASE", "score of EASE (2)"} <= set(names)


def test_where_people_repeat_repeats_are_asked_and_ranked_first() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for user in range(80):
        favourites, others = rng.choice(60, 5, replace=False), rng.permutation(60)
        for place in range(24):
            item = favourites[place % 5] if rng.random() < 0.8 else others[place]
            rows.append((f"u{user}", f"i{item}"))
    train = pl.DataFrame(rows, ["user_id", "item_id"], orient="row")
    history = train.group_by("user_id").agg(pl.col("item_id").unique())
    sources = [ItemKNN(), EASE(regularisation=1.0)]
    share = {}
    for repeats in (False, True):
        ranker = LearnedRanker(sources, questions=3, trees=30, repeats=repeats).fit(train)
        first = ranker.recommend(history["user_id"].to_list(), k=5, exclude_seen=False).join(history, on="user_id")
        share[repeats] = first.select(pl.col("item_id").is_in(pl.col("item_id_right")).mean()).item()
    assert share[True] > 0.5 > share[False]


def test_questions_take_the_last_choices_out_of_the_log_and_ask_them_in_order() -> None:
    rows = [("a", item) for item in "uvwxyz"] + [("b", item) for item in "uv"] + [("c", "w")]
    log = Interactions.of(pl.DataFrame(rows, ["user_id", "item_id"], orient="row"))
    earlier, asked, answers = last_choices(log, 2)
    names = log.item_ids[answers].tolist()
    assert names == ["y", "z", "v"], "two of a's six, one of b's two, none of c's one"
    told = [log.item_ids[asked.items[asked.starts[q] : asked.starts[q + 1]]].tolist() for q in range(len(asked))]
    assert told == [list("uvwx"), list("uvwxy"), ["u"]]
    left = earlier.log.select("user_id", item_id=pl.Series(log.item_ids)[earlier.log["item_row"].to_list()])
    assert sorted(left.rows()) == sorted([("a", "u"), ("a", "v"), ("a", "w"), ("a", "x"), ("b", "u"), ("c", "w")])


def test_an_answer_that_the_history_holds_already_is_not_asked() -> None:
    rows = [("a", item) for item in "uvwu"]
    log = Interactions.of(pl.DataFrame(rows, ["user_id", "item_id"], orient="row"))
    _, _, answers = last_choices(log, 2)
    assert log.item_ids[answers].tolist() == ["w"]


def test_of_very_many_questions_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avrec_lib.models.questions.MOST_QUESTIONS", 10)
    log = Interactions.of(checkerboard(30, 30))
    drawn = [last_choices(log, 3, seed)[2] for seed in (0, 0, 1)]
    assert [len(one) for one in drawn] == [10, 10, 10]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


@pytest.mark.parametrize("options", [{"sources": []}, {"candidates": 0}, {"leaves": 1}, {"learning_rate": 0}])
def test_options_out_of_range_are_refused(options: dict) -> None:
    with pytest.raises(UsageError):
        LearnedRanker(**{"sources": [EASE()], **options})
