"""Predicted chances are judged as scikit-learn would, and as a bootstrap of whole users would spread."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss as twin_log_loss
from sklearn.metrics import roc_auc_score

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.bootstrap import standard_errors
from avrec_lib.evaluate.compare import paired_difference, summarise
from avrec_lib.evaluate.prediction import METRICS, directions, prediction_values
from avrec_lib.schema import Values, check_table

ROWS = pl.DataFrame({
    "user_id": ["ann", "ann", "ann", "bob", "bob", "eve"],
    "click": [1, 0, 1, 0, 1, 0],
    "chance": [0.8, 0.4, 0.4, 0.6, 0.5, 0.1],
})  # fmt: skip
"""Ann: one pair in order, one tied, so 1.5 of 2. Bob: his one pair the wrong way round. Eve never clicks."""


def judged(rows: pl.DataFrame = ROWS, **options) -> pl.DataFrame:
    return prediction_values(rows, **({"label": "click", "prediction": "chance", "model": "m"} | options))


def means(rows: pl.DataFrame = ROWS, **options) -> dict[str, float]:
    table = summarise(judged(rows, **options))
    return dict(zip(table["metric"], table["value"], strict=True))


def impressions(users: int = 60, seed: int = 0, skill: float = 1.0) -> pl.DataFrame:
    """Users of different size, taste for clicking, and luck of being predicted; predictions with ties."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), rng.integers(1, 40, users))
    logit = rng.normal(-1, 1, users)[user] + rng.normal(0, 1, len(user))
    clicked = rng.random(len(user)) < 1 / (1 + np.exp(-logit))
    guess = 1 / (1 + np.exp(-skill * logit - rng.normal(0, 0.5, users)[user]))
    names = pl.Series(user).cast(pl.String)
    return pl.DataFrame({"user_id": names, "click": clicked.astype(np.int8), "chance": np.round(guess, 2)})


def test_every_measure_is_the_arithmetic_of_six_impressions():
    found = means()
    # Of nine pairs: .8 beats .4, .6, .1; the .4 of the second click ties with .4, loses to .6, beats .1; .5 loses once.
    assert found["auc"] == pytest.approx((3 + 1.5 + 2) / 9)
    assert found["gauc"] == pytest.approx((3 * 0.75 + 2 * 0) / 5)
    assert found["user_auc"] == pytest.approx((0.75 + 0) / 2)
    loss = -np.log([0.8, 0.6, 0.4, 0.4, 0.5, 0.9]).mean()
    assert found["log_loss"] == pytest.approx(loss)
    assert found["normalised_entropy"] == pytest.approx(loss / np.log(2))  # half of the six are clicks
    assert found["calibration"] == pytest.approx(2.8 / 3)


def test_a_user_with_one_kind_of_outcome_has_no_auc_of_their_own_and_is_counted():
    values = check_table(judged(), Values, "values")
    assert values.height == 3 * len(METRICS)
    table = summarise(values)
    undefined = dict(zip(table["metric"], table["undefined"], strict=True))
    assert undefined == {name: int(name in ("gauc", "user_auc")) for name in METRICS}


def test_many_impressions_are_judged_as_scikit_learn_judges_them():
    rows = impressions()
    found, outcome, chance = means(rows), rows["click"].to_numpy(), rows["chance"].to_numpy()
    assert found["auc"] == pytest.approx(roc_auc_score(outcome, chance), abs=1e-12)
    assert found["log_loss"] == pytest.approx(twin_log_loss(outcome, np.clip(chance, 1e-7, 1 - 1e-7)), abs=1e-12)
    assert found["calibration"] == pytest.approx(chance.sum() / outcome.sum())
    each = [
        (user.height, roc_auc_score(user["click"], user["chance"]))
        for user in rows.partition_by("user_id")
        if user["click"].n_unique() == 2
    ]
    sizes, aucs = np.array(each).T
    assert found["gauc"] == pytest.approx((sizes * aucs).sum() / sizes.sum(), abs=1e-12)
    assert found["user_auc"] == pytest.approx(aucs.mean(), abs=1e-12)


def test_the_rows_of_users_spread_as_the_measure_does_when_whole_users_are_drawn_again():
    rows = impressions(users=80)
    groups = rows.partition_by("user_id")
    rng = np.random.default_rng(1)
    drawn: dict[str, list[float]] = {name: [] for name in METRICS}
    for _ in range(200):
        picked = [groups[place] for place in rng.integers(0, len(groups), len(groups))]
        again = pl.concat(
            part.with_columns(user_id=pl.lit(str(number))) for number, part in enumerate(picked)
        )  # fmt: skip
        for (name,), values in judged(again).group_by("metric"):
            drawn[str(name)].append(values["value"].mean())
    values = judged(rows)
    for name in METRICS:
        column = values.filter(metric=name)["value"].drop_nulls().to_numpy()[:, None]
        error = standard_errors(column, np.ones_like(column))[0]
        assert error == pytest.approx(np.std(drawn[name], ddof=1), rel=0.25), name


def test_two_models_are_paired_by_user_and_the_difference_is_that_of_the_measures():
    good, poor = impressions(skill=1.0), impressions(skill=0.2)
    assert (good["click"] == poor["click"]).all()
    sides = [judged(rows, task="click", model=name) for rows, name in ((poor, "poor"), (good, "good"))]
    table = paired_difference(*sides, better=directions(["click"]), permutations=500)
    of = {row["metric"]: row for row in table.iter_rows(named=True)}
    assert of["click auc"]["difference"] == pytest.approx(means(good)["auc"] - means(poor)["auc"])
    assert of["click auc"]["low"] > 0 > of["click log_loss"]["high"]
    assert of["click auc"]["verdict"] == of["click log_loss"]["verdict"] == "better"
    assert of["click gauc"]["undefined"] > 0
    assert of["click calibration"]["better"] is None


def test_unknown_labels_are_left_out():
    rows = pl.concat([ROWS, ROWS.with_columns(click=pl.lit(None, dtype=pl.Int64), user_id=pl.lit("new"))])
    assert means(rows) == means()


def test_only_one_kind_of_outcome_has_a_loss_but_no_order():
    values = judged(ROWS.with_columns(click=0))
    table = summarise(values)
    known = table.filter(pl.col("value").is_not_null())["metric"].to_list()
    assert known == ["log_loss"]


def test_a_certain_mistake_costs_much_but_not_everything():
    rows = pl.DataFrame({"user_id": ["a", "b"], "click": [1, 0], "chance": [0.0, 0.0]})
    assert means(rows)["log_loss"] == pytest.approx(-np.log(1e-7) / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS.drop("chance"), "no column chance"),
        (ROWS.with_columns(click=pl.lit(None)), "No impression has a known label 'click'"),
        (ROWS.with_columns(click=pl.col("click") * 2), "3 of 6 labels 'click' are neither 0 nor 1"),
        (ROWS.with_columns(chance=pl.lit(float("nan"))), "6 of 6 impressions have no prediction"),
        (ROWS.with_columns(chance=pl.col("chance") * 2), "2 of 6 predictions 'chance' are no chances"),
    ],
    ids=["no column", "no label", "strange label", "no prediction", "no chance"],
)
def test_what_cannot_be_judged_is_refused(rows: pl.DataFrame, said: str):
    with pytest.raises(DataError, match=said):
        judged(rows)


def test_scores_that_are_no_chances_have_an_order_and_an_unknown_metric_is_refused():
    wide = ROWS.with_columns(chance=pl.col("chance") * 100 - 50)
    assert means(wide, metrics=["auc"])["auc"] == means()["auc"]
    with pytest.raises(UsageError, match="Did you mean gauc"):
        judged(metrics=["gaucc"])
