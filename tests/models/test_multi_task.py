"""A network of several tasks: the contract, what it learns from impressions, and what it says it cannot learn."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract

from avrec_lib.data.outcomes import task_outcomes
from avrec_lib.errors import UsageError
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.multi_task import MultiTask
from avrec_lib.models.promises import START
from avrec_lib.models.task_tables import choices_on_requests, shown_on_requests, with_cuts
from avrec_lib.schema import Events, with_all_columns
from avrec_lib.training.several_tasks import task_conflict


def tiny(**options: Any) -> MultiTask:
    return MultiTask(**{
        "width": 8, "hidden": 8, "experts": 2, "epochs": 25, "batch": 512, "learning_rate": 0.01, "dropout": 0.0,
        "weight_decay": 0.01, "threads": 1, **options,
    })  # fmt: skip


class TestMultiTask(RecommenderContract):
    def make(self) -> MultiTask:
        return tiny()


def shop(users: int = 24, items: int = 12, likes: bool = True) -> pl.DataFrame:
    """A log of `schema.Events`: every user is shown six items four times, clicks those of the own parity, watches half
    of these for long, and likes the first of a slate."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(users):
        for request in range(4):
            at = START + timedelta(hours=request, minutes=user)
            of = {"user_id": f"u{user}", "request_id": f"r{user}-{request}", "platform": ("web", "tv")[user % 2]}
            for place, item in enumerate(rng.permutation(items)[:6]):
                one = {**of, "item_id": f"i{item}", "position": place, "timestamp": at + timedelta(seconds=place)}
                rows.append({**one, "event": "impression"})
                if item % 2 == user % 2:
                    later = one["timestamp"] + timedelta(seconds=1)
                    rows.append(
                        {**one, "event": "click", "timestamp": later, "watch_seconds": 30.0 if item < 6 else 2.0}
                    )
                    if likes and place == 0:
                        rows.append({**one, "event": "like", "timestamp": later})
    types = Events.create_empty().schema
    table = pl.DataFrame(rows, {name: types[name] for name in (*of, "item_id", "position", "timestamp", "event",
                                                                "watch_seconds")})  # fmt: skip
    return with_all_columns(table.lazy(), Events).cast(types).sort("timestamp", "user_id").collect()


def clips(items: int = 12) -> pl.DataFrame:
    """Their items, a minute and a half each."""
    return pl.DataFrame({"item_id": [f"i{item}" for item in range(items)], "duration_seconds": [90.0] * items})


def outcomes() -> pl.DataFrame:
    return task_outcomes(shop(), items=clips()).rows


@pytest.fixture(scope="module")
def taught() -> MultiTask:
    return tiny(epochs=25, batch=64).fit(shop(), clips())


def test_chances_tell_what_comes_of_an_impression(taught: MultiTask) -> None:
    assert taught.task_names == ["click", "long_view", "like"]
    rows = outcomes()
    found = taught.predict(rows).filter(pl.col("request_id").str.ends_with("-3"))
    assert found.select(pl.col("^chance_.*$").is_between(0, 1).all()).row(0) == (True, True, True)
    chosen, not_chosen = (found.filter(click=value)["chance_click"].mean() for value in (1, 0))
    assert chosen > 0.8 > 0.2 > not_chosen  # type: ignore[operator]
    long, short = (found.filter(click=1, long_view=value)["chance_long_view"].mean() for value in (1, 0))
    assert long > 0.7 > 0.3 > short  # type: ignore[operator]
    on_top, below = (
        found.filter(pl.col("click") == 1, (pl.col("position") == 0) == top)["chance_like"].mean()
        for top in (True, False)
    )
    assert on_top > 2 * below  # type: ignore[operator]


def test_weights_of_tasks_say_what_a_list_is_for(taught: MultiTask) -> None:
    items = [f"i{item}" for item in range(12)]
    whole = taught.score(["u1"], items)["score"].to_numpy()
    parts = []
    for task in taught.task_names:
        alone = copy.copy(taught)
        alone.task_weights = {other: float(other == task) for other in taught.task_names}
        parts.append(alone.score(["u1"], items)["score"].to_numpy())
    assert whole == pytest.approx(sum(parts), abs=1e-3)


def test_a_catalogue_larger_than_what_is_scored_at_a_time_gets_the_same_scores(
    taught: MultiTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, items = ["u1", "u2", "u3"], [f"i{item}" for item in range(12)]
    whole, rows = taught.score(users, items)["score"].to_numpy(), taught.predict(outcomes())
    for module in ("models.multi_task", "networks.experts", "networks.task_learner"):
        monkeypatch.setattr(f"avrec_lib.{module}.ROWS_AT_ONCE", 5)
    assert taught.score(users, items)["score"].to_numpy() == pytest.approx(whole, abs=1e-5)
    chances = [f"chance_{task}" for task in taught.task_names]
    assert taught.predict(outcomes())[chances].to_numpy() == pytest.approx(rows[chances].to_numpy(), abs=1e-5)


def test_a_saved_model_predicts_as_before(taught: MultiTask, tmp_path: Path) -> None:
    taught.save(tmp_path / "model")
    rows = outcomes()
    assert MultiTask.load(tmp_path / "model").predict(rows).equals(taught.predict(rows))


def test_nothing_at_or_after_a_request_is_known_of_it(taught: MultiTask) -> None:
    log = shop()
    rows = task_outcomes(log).rows
    asked = rows.filter(pl.col("request_id") == "r3-2")
    start = asked["timestamp"].min()
    future = log.with_columns(
        item_id=pl.when((pl.col("user_id") == "u3") & (pl.col("timestamp") >= start)).then(pl.lit("i0"))
        .otherwise("item_id")
    )  # fmt: skip
    assert taught.predict(asked, future).equals(taught.predict(asked, log))
    past = log.filter((pl.col("user_id") != "u3") | (pl.col("timestamp") >= start))
    assert not taught.predict(asked, past).equals(taught.predict(asked, log))


def test_what_its_own_request_brings_is_not_in_the_history_it_learns_from() -> None:
    log = shop()
    interactions = Interactions.of(log)
    rows = with_cuts(task_outcomes(log).rows)
    requests, shown, _ = shown_on_requests(interactions, rows, ["click"], 50, ["tv", "web"])
    asked = rows.select("user_id", "cut", "request_id").unique().sort("cut", "user_id", "request_id")
    for place, (user, cut, _) in enumerate(asked.iter_rows()):
        choices = log.filter(pl.col("event").is_in(["click", "like"]), user_id=user).filter(pl.col("timestamp") < cut)
        start = requests.starts[place]
        known = interactions.item_ids[requests.items[start : start + requests.lengths[place]]]
        assert known.tolist() == choices["item_id"].to_list()[-50:]
    assert shown.places.min() == 1, "places are counted from 1, so that 0 is free for unknown ones"


def test_rows_of_an_unknown_platform_are_predicted_as_they_were_learned() -> None:
    """Where the platform is null 3 of 4 are clicked, elsewhere 1 of 4."""
    rows = [
        {"user_id": f"u{user}", "item_id": f"i{place}", "position": place, "request_id": f"r{user}-{request}",
         "platform": ("web", None)[request % 2], "timestamp": START + timedelta(hours=request), "event": event}
        for user in range(40) for request in range(4) for place in range(4)
        for event in (["impression", "click"] if (place + user) % 4 < 1 + 2 * (request % 2) else ["impression"])
    ]  # fmt: skip
    types = Events.create_empty().schema
    table = pl.DataFrame(rows, {name: types[name] for name in rows[0]})
    log = with_all_columns(table.lazy(), Events).cast(types).sort("timestamp", "user_id").collect()
    asked = task_outcomes(log, ("click",)).rows
    model = tiny(tasks=["click"], batch=64, weight_decay=0.0).fit(log)
    found = model.predict(asked).group_by(pl.col("platform").is_null()).agg(pl.col("chance_click").mean())
    assert dict(found.rows()) == pytest.approx({True: 0.75, False: 0.25}, abs=0.1)


def test_choices_are_learned_from_what_came_before_without_a_copy_of_each_history() -> None:
    interactions = Interactions.of(shop().filter(pl.col("event") == "click"))
    past = interactions.past
    requests, shown, _ = choices_on_requests(interactions, 3, 2)
    assert requests.items is past.items
    places = requests.starts + requests.lengths
    assert np.array_equal(past.items[places], shown.items)
    assert np.array_equal(requests.lengths, np.minimum(places - past.starts[past.queries[places]], 3))
    assert len(np.unique(past.queries[places] * past.catalogue + shown.items)) == len(shown.items)


def test_a_task_with_one_answer_is_left_out_and_said() -> None:
    model = tiny(epochs=1).fit(shop(likes=False), clips())
    assert model.task_names == ["click", "long_view"]
    assert "chance_like" not in model.predict(outcomes()).columns
    assert any("like" in fact.explanation() for fact in model.facts)
    assert np.isfinite(model.weights).all()


def test_without_impressions_choices_are_learned_and_said() -> None:
    model = tiny(epochs=1).fit(shop().filter(pl.col("event") == "click"))
    assert model.task_names == ["choice"]
    assert any("choice" in fact.explanation() for fact in model.facts)


def test_items_that_are_not_in_the_catalogue_have_no_chance(taught: MultiTask) -> None:
    found = taught.predict(pl.DataFrame({"user_id": ["u1", "u1"], "item_id": ["i1", "never met"]}))
    assert found["chance_click"].is_null().to_list() == [False, True]


def test_the_angle_between_two_tasks_is_told_for_each_pair(taught: MultiTask) -> None:
    found = task_conflict(taught, outcomes(), batches=2)
    assert found.select("task", "other").rows() == [("click", "long_view"), ("click", "like"), ("long_view", "like")]
    assert found["cosine"].is_between(-1, 1).all()
    assert found["batches"].to_list() == [2, 2, 2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tasks": ["clicks"]}, "click"), ({"task_weights": {"likes": 1.0}}, "like"),
        ({"architecture": "MMOE"}, "MMoE"), ({"balance": "means"}, "mean"), ({"decay": 0.0}, "decay"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        MultiTask(**options)
