"""What tasks gain from each other, as differences that are paired by user."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.training.several_tasks import task_gains, task_values


def predicted(click: float, like: float) -> pl.DataFrame:
    """60 users with four impressions each, two clicked and one liked; a chance of `click` for what came and 1 − `click`
    for what did not, and so for likes."""
    rows = pl.DataFrame({"user_id": np.repeat([f"u{user}" for user in range(60)], 4)}).with_columns(
        click=pl.Series(np.tile([1, 1, 0, 0], 60)), like=pl.Series(np.tile([1, 0, 0, 0], 60))
    )
    return rows.with_columns(
        chance_click=pl.when(pl.col("click") == 1).then(click).otherwise(1 - click),
        chance_like=pl.when(pl.col("like") == 1).then(like).otherwise(1 - like),
    )


def test_a_gain_is_the_mean_difference_to_the_single_tasks() -> None:
    tables = {"MMoE": predicted(0.8, 0.6), "single task": predicted(0.6, 0.7)}
    values = task_values(tables, ["click", "like"], metrics=["log_loss"])
    gains = task_gains(values, ["click", "like"])
    assert gains["task"].to_list() == ["click", "like"]
    assert gains["model"].unique().to_list() == ["MMoE"]
    assert gains["baseline"].unique().to_list() == ["single task"]
    assert gains["difference"].to_list() == pytest.approx([np.log(0.6 / 0.8), np.log(0.7 / 0.6)], rel=1e-5)
    assert gains["better"].to_list() == ["lower", "lower"]


def test_an_impression_without_a_chance_and_a_task_that_was_not_learned_are_left_out() -> None:
    table = predicted(0.8, 0.6).with_row_index("row").with_columns(
        chance_click=pl.when(pl.col("row") > 3).then("chance_click")
    ).drop("row", "chance_like")  # fmt: skip
    values = task_values({"MMoE": table}, ["click", "like"], metrics=["log_loss"])
    assert values["metric"].unique().to_list() == ["click log_loss"]
    assert values["user_id"].n_unique() == 59


def test_without_single_tasks_there_is_no_gain() -> None:
    values = task_values({"MMoE": predicted(0.8, 0.6)}, ["click"], metrics=["log_loss"])
    with pytest.raises(UsageError, match="single task"):
        task_gains(values, ["click"])
