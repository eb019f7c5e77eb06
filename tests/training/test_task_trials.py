"""Several tasks on one log: what is predicted lies after what was learned, and every architecture is asked the same."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import DataError
from avrec_lib.models.multi_task import MultiTask
from avrec_lib.models.promises import checkerboard
from avrec_lib.simulate.dataset import simulate_dataset
from avrec_lib.training.task_trials import _some, task_trials


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return simulate_dataset(tmp_path_factory.mktemp("world") / "small", users=120, days=5, seed=3)


def test_every_architecture_is_judged_on_every_task_and_held_against_single_tasks(world: Dataset) -> None:
    found = task_trials(world, epochs=1, threads=1, width=8, hidden=8, most_impressions=3000)
    assert set(found.values["model"]) == {"MMoE", "shared bottom", "single task"}
    assert set(found.labels["task"]) == {"click", "long_view", "like"}
    assert found.labels["impressions"].max() <= 3000
    assert set(found.gains["baseline"]) == {"single task"} and found.gains.height == 2 * 3 * 3
    assert found.conflict.height == 3 and found.conflict["cosine"].is_between(-1, 1).all()
    assert found.summary(resamples=100).filter(metric="click auc")["value"].is_between(0.4, 1).all()


def test_a_log_without_impressions_is_refused(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "log", {"events": checkerboard(12, 12)}, name="log", source="made", licence="none")
    with pytest.raises(DataError, match="impression"):
        task_trials(data, epochs=1)


def test_one_user_is_kept_even_if_the_first_drawn_has_too_many_impressions() -> None:
    rows = pl.DataFrame({"user_id": ["ann"] * 5 + ["bob"] * 5})
    assert _some(rows, 3, 0).height == 5
    assert _some(rows, 9, 0).height == 5
    assert _some(rows, 10, 0).height == 10


def test_tasks_without_a_click_are_judged_too(world: Dataset) -> None:
    found = task_trials(world, tasks=("like",), epochs=1, threads=1, width=8, hidden=8, most_impressions=1000)
    assert found.labels["task"].to_list() == ["like"] and found.labels["of_clicks"].to_list() == [None]


def test_tasks_of_which_nothing_can_be_told_are_refused_before_training(
    world: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MultiTask, "fit", lambda *_: pytest.fail("trained in vain"))
    with pytest.raises(DataError, match="Of none of the tasks follow"):
        task_trials(world, tasks=("follow",), epochs=1)


def test_the_same_seed_gives_the_same_numbers(world: Dataset) -> None:
    first, again = (task_trials(world, epochs=1, threads=1, width=8, hidden=8, most_impressions=1000) for _ in range(2))
    assert first.values.select(pl.exclude("window")).equals(again.values.select(pl.exclude("window")))
