from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from experiment_tables import START, events, times

from avrec_lib.errors import ProtocolError, UsageError
from avrec_lib.evaluate.experiment import (
    DecisionRule,
    UserMetric,
    daily_looks,
    decide,
    detectable_by_day,
    effect_versions,
    effects,
    effects_by,
    metrics_named,
    novelty,
    quantile_effects,
    read_experiment,
    read_user_table,
)
from avrec_lib.evaluate.experiment.data import ExperimentData


@pytest.mark.parametrize(("unknown", "level", "usable"), [(0, "info", True), (1, "amber", True), (4, "red", False)])
def test_a_pre_period_without_an_age_is_no_proof(unknown: int, level: str, usable: bool) -> None:
    until: list[datetime | None] = [START - timedelta(days=1)] * 4
    until[:unknown] = [None] * unknown
    table = pl.DataFrame(
        {"user_id": list("abcd"), "variant": ["control", "new"] * 2, "assigned_at": [START] * 4, "watch": [1.0] * 4,
         "old": [1.0, 2, 3, 4], "until": pl.Series(until, dtype=pl.Datetime("us", "UTC"))}
    )  # fmt: skip
    data = read_user_table(table, ["watch"], before={"watch": "old"}, covariate_until="until")
    found = next(one for one in data.facts if one.name == "age_of_the_covariate")
    assert (found.level, found.value, data.has_before) == (level, unknown, usable)


@pytest.mark.parametrize(
    ("ceiling", "said"),
    [(None, "Seconds a user watched"), (0.9, "Seconds a user watched, the highest 10 % of users cut to their edge"),
     (0.99, "Seconds a user watched, the highest 1 % of users cut to their edge")],
)  # fmt: skip
def test_a_title_says_where_the_metric_is_cut(ceiling: float | None, said: str) -> None:
    cut = ["watch_seconds"] if ceiling else []
    metric = metrics_named(["watch_seconds"], winsorised=cut, ceiling=ceiling or 0.99)[0]
    assert metric.explanation("en") == said


def test_what_has_a_fixed_ceiling_is_not_cut_at_a_quantile() -> None:
    with pytest.raises(UsageError, match="counts 1 at most"):
        metrics_named(["returned"], winsorised=["returned"])


def test_quantiles_of_few_users_have_no_interval() -> None:
    for users, known in ((1, 0), (29, 0), (30, 1)):
        table = pl.DataFrame({"user_id": np.arange(2 * users).astype(str), "variant": ["control", "new"] * users,
                              "watch": np.arange(2.0 * users)})  # fmt: skip
        found = quantile_effects(read_user_table(table, ["watch"]), "watch", [0.5])
        assert (found["low"].count(), found["high"].count()) == (known, known)
        assert found["difference"].to_list() == [1.0]


def large(offset: float, spread: float = 1.0) -> ExperimentData:
    """Users with one amount on each of five days, all of them at `offset`."""
    rng = np.random.default_rng(0)
    row, day = np.divmod(np.arange(400 * 5), 5)
    name = np.array([f"u{number}" for number in range(400)])
    amounts = np.where(day == 0, offset, 0.0) + spread * np.round(rng.normal(0, 64, 2000)) / 64
    log = events(name[row], (day + 0.5) * 86_400, "play", amounts)
    arms, homes = np.array(["control", "new"])[np.arange(400) % 2], np.array(["a", "b"])[np.arange(400) // 200]
    who = pl.DataFrame({"user_id": name, "variant": arms, "assigned_at": times(np.zeros(400)), "home": homes})
    return read_experiment(log, who, metrics=[UserMetric("seconds", "watch_seconds")])


def test_amounts_that_are_large_and_alike_keep_their_intervals() -> None:
    near, far = large(0.0), large(1e8)
    for table in (
        lambda data: effects_by(data, "seconds", "home"),
        lambda data: daily_looks(data, "seconds", 400).rename({"fixed_low": "l", "fixed_high": "h"}),
        lambda data: novelty(data, "seconds").days,
    ):
        widths = [found["h"] - found["l"] if "h" in found.columns else found["high"] - found["low"]
                  for found in (table(near), table(far))]  # fmt: skip
        assert widths[1].to_list() == pytest.approx(widths[0].to_list(), rel=1e-3)


def test_a_metric_without_spread_says_so_by_day_too() -> None:
    with pytest.raises(ProtocolError, match="is the same for all 200 users"):
        detectable_by_day(large(1.0, spread=0.0), "seconds", 400)


def test_a_fixed_ceiling_has_no_second_version() -> None:
    data = read_user_table(
        pl.DataFrame({"user_id": np.arange(80).astype(str), "variant": ["control", "new"] * 40,
                      "days": np.arange(80.0) % 7}),
        [UserMetric("back", "days", at_most=1.0)],
    )  # fmt: skip
    assert effect_versions(data, "back", resamples=50)["version"].unique().to_list() == ["as it is"]
    assert effects(data)["control"][0] < 1


def test_without_a_plan_of_days_the_test_ends_with_its_last_day_not_with_its_first() -> None:
    rng = np.random.default_rng(3)
    start, rows, people = datetime(2024, 3, 1, tzinfo=UTC), [], []
    for number in range(400):
        arm = ("control", "new")[number % 2]
        people.append({"user_id": f"u{number}", "variant": arm, "assigned_at": start})
        rows += [
            {"user_id": f"u{number}", "timestamp": start + timedelta(days=day, hours=2), "event": "play",
             "item_id": "a", "watch_seconds": float(rng.exponential(10 + 4 * number % 2))}
            for day in range(5)
        ]  # fmt: skip
    data = read_experiment(pl.DataFrame(rows), pl.DataFrame(people))
    looks = daily_looks(data, "watch_seconds", 400)
    assert looks["planned_end"].arg_true().to_list()[0] >= looks.height - 2
    whole = effects(data, ["watch_seconds"]).row(0, named=True)
    for sequential in (False, True):
        card = decide(data, DecisionRule("watch_seconds", 400, relative=False, sequential=sequential))
        assert card.arms[0].gain.value == pytest.approx(whole["difference"], rel=0.3)
