"""Trials: one a model, window and seed; what a model learned on one window does not reach the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.split import split_windows
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.beyond_accuracy import beyond_accuracy_values
from avrec_lib.evaluate.trial import (
    Trial,
    all_lists,
    all_queries,
    beyond_accuracy_of,
    fitted,
    judged_by,
    lists_by_model,
    run_on_one_training,
    run_trial,
    run_trials,
)
from avrec_lib.models import IALS, ItemKNN, Popularity

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def splits(tmp_path):
    rows = [(f"u{u}", f"i{(u * 3 + n * n) % 11}", START + timedelta(hours=n)) for u in range(8) for n in range(12)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row").with_columns(
        event=pl.lit("play")
    )
    write_dataset(tmp_path / "log", {"events": events}, name="log", source="made here", licence="none")
    return split_windows(Dataset.open(tmp_path / "log"), "rolling_time", windows=2, test_share=0.5, exclude_seen=False)


def test_a_model_with_a_seed_runs_once_a_seed_and_others_once(splits):
    trials = run_trials([Popularity(), IALS(factors=4, epochs=2)], splits, k=3, seeds=[1, 2])
    assert [(trial.model, trial.split.window, trial.seed) for trial in trials] == [
        ("popularity", 0, 1), ("popularity", 1, 1),
        ("iALS", 0, 1), ("iALS", 0, 2), ("iALS", 1, 1), ("iALS", 1, 2),
    ]  # fmt: skip
    lists = all_lists(trials)
    assert lists.select("model", "seed", "window").unique().height == 6


def test_the_model_that_was_handed_in_is_left_as_it_was(splits):
    model = Popularity()
    run_trials([model], splits, k=3)
    assert not hasattr(model, "counts")


def test_values_carry_model_seed_and_window(splits):
    trial = run_trials([Popularity()], splits, k=3)[1]
    values = trial.values(k=[3], metrics=["ndcg"])
    assert values.select("model", "seed", "window", "k").unique().rows() == [("popularity", 0, 1, 3)]
    assert values["query_id"].to_list() == splits[1].queries["query_id"].to_list()


def test_queries_are_told_apart_by_window(splits):
    known = all_queries(splits)
    assert known.height == sum(split.warm_queries.height for split in splits)
    assert all_queries(splits, known=False).height == sum(split.cold_queries.height for split in splits)


def test_two_models_of_one_name_are_refused(splits):
    with pytest.raises(UsageError, match="popularity"):
        run_trials([Popularity(), Popularity()], splits, k=3)


def test_the_lists_of_a_model_over_all_windows_keep_their_queries_apart(splits):
    lists = lists_by_model(run_trials([Popularity(), IALS(factors=2, epochs=1)], splits, k=3, seeds=[1, 2]))
    each = [split.queries.height for split in splits]
    assert lists["popularity"]["query_id"].n_unique() == sum(each)
    assert lists["iALS"]["query_id"].n_unique() == 2 * sum(each)


class NotesUsers(Popularity):
    """Says in its name which users it was told of."""

    def fit(self, train, items=None, users=None):
        self.name = "none" if users is None else " ".join(users["user_id"])
        return super().fit(train, items)


class KnowsNoUsers(Popularity):
    name = "knows no users"

    def fit(self, train, items=None):
        return super().fit(train, items)


def test_users_reach_a_model_that_asks_for_them_and_no_other(splits):
    users = pl.DataFrame({"user_id": ["u0", "u1"]})
    assert run_trial(NotesUsers(), splits[0], 3, users=users).model == "u0 u1"
    assert run_trial(NotesUsers(), splits[0], 3).model == "none"
    trials = run_trials([NotesUsers(), KnowsNoUsers()], splits[:1], 3, users=users)
    assert [trial.model for trial in trials] == ["u0 u1", "knows no users"]
    assert fitted(NotesUsers(), splits[0], users=users).name == "u0 u1"
    judged = judged_by(NotesUsers(), "ndcg", 3, users=users)(splits[:1])
    assert judged["model"].unique().to_list() == ["u0 u1"]


class OtherColumns(Popularity):
    """Answers rightly, but with columns in another order and types of their own."""

    def recommend(self, *arguments, **more):
        ranked = super().recommend(*arguments, **more)
        return ranked.select("rank", "item_id", "score", "user_id", "query_id", note=pl.lit("x")).with_columns(
            pl.col("rank").cast(pl.Int64), pl.col("score").cast(pl.Float32)
        )


def test_a_strangers_columns_may_come_in_any_order_and_width(splits):
    ours, theirs = (run_trials([model], splits[:1], k=3)[0] for model in (Popularity(), OtherColumns()))
    assert ours.ranked.equals(theirs.ranked)


def test_looking_at_several_models_at_once_changes_nothing(splits):
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(11)], "tags": [["a"], ["b"]] * 5 + [["c"]]})
    trials = run_trials([Popularity(), IALS(factors=4, epochs=2)], splits, k=3)
    together = beyond_accuracy_of(trials, 3, items)
    for one, found in zip(trials, together, strict=True):
        alone = beyond_accuracy_values(
            one.lists(3), k=3, model=one.model, queries=one.queries, train=one.split.train, items=items,
            truth=one.split.truth, exclude_seen=False, window=one.split.window,
        )  # fmt: skip
        for part, expected in zip(found, alone, strict=True):
            assert_frame_equal(part, expected)


def test_lists_of_titled_items_tell_how_far_they_repeat_themselves(splits):
    (one,) = run_trials([Popularity()], splits[:1], k=3)
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(11)], "title": ["Same"] * 11})
    assert "near_duplicates" not in one.media(3)["metric"]
    assert one.media(3, items).filter(metric="near_duplicates")["value"].unique().to_list() == [2 / 3]


def test_lists_that_hide_what_was_seen_can_cover_all_the_watch_time_that_is_left(splits):
    seen = pl.DataFrame({"user_id": ["u0"], "item_id": ["i0"]})
    rows = {"user_id": ["u0"] * 2, "item_id": ["i0", "i1"], "event": ["play"] * 2, "watch_seconds": [9.0, 3.0]}
    test = pl.DataFrame(rows)
    ranked = pl.DataFrame({"query_id": ["u0"], "user_id": ["u0"], "item_id": ["i1"], "rank": [1], "score": [1.0]})
    queries = splits[0].queries.filter(user_id="u0")
    ranked = ranked.with_columns(query_id=pl.lit(queries["query_id"][0]))
    for hides, expected in ((True, 1.0), (False, 0.25)):
        split = replace(splits[0], queries=queries, seen=seen, test=test, exclude_seen=hides)
        values = Trial("given", split, ranked).media(1)
        assert values.filter(metric="watch_share")["value"].to_list() == [expected]


def test_one_training_answers_several_splits_as_each_alone_would(splits):
    split = splits[0]
    half = replace(split, queries=split.queries.head(4), window=1)
    found = run_on_one_training([Popularity(), ItemKNN()], [split, half], k=3)
    assert [(trial.model, trial.split.window) for trial in found] == [
        ("popularity", 0), ("popularity", 1), ("item-KNN", 0), ("item-KNN", 1),
    ]  # fmt: skip
    assert_frame_equal(found[3].ranked, run_trial(ItemKNN(), half, 3).ranked)
    with pytest.raises(UsageError, match="share their training rows"):
        run_on_one_training([Popularity()], splits, k=3)
