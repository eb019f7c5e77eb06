from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from experiment_tables import START, tables
from scipy import stats
from scipy.special import ndtri

from avrec_lib.data.facts import Fact
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.experiment import (
    Baseline,
    DecisionRule,
    ExperimentDesign,
    Guardrail,
    UserMetric,
    baseline_of,
    beside_truth,
    check_experiment,
    decide,
    detectable_by_day,
    detectable_by_users,
    plan_experiment,
    read_experiment,
    read_user_table,
    smallest_effect,
    traffic_by_day,
)
from avrec_lib.evaluate.experiment.checks import sample_ratio
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.planning import cumulative_users
from avrec_lib.evaluate.experiment.rule import decision, guardrail_state, outcome, true_decision
from avrec_lib.evaluate.experiment.tails import tail_index, variance_share
from avrec_lib.strings import say


def level(facts: list[Fact], name: str) -> str:
    return next(fact.level for fact in facts if fact.name == name)


def own(users: int = 2000, gain: float = 0.0, seed: int = 0, **more: np.ndarray) -> ExperimentData:
    rng = np.random.default_rng(seed)
    arm = np.arange(users) % 2
    table = pl.DataFrame({
        "user_id": np.arange(users).astype(str), "variant": np.array(["control", "new"])[arm],
        "watch": rng.normal(10, 2, users) + gain * arm, "skips": rng.normal(5, 1, users), **more,
    })  # fmt: skip
    metrics = [UserMetric("watch", "watch"), UserMetric("skips", "skips", better="lower")]
    return read_user_table(table, metrics, attributes=[name for name in more if more[name].dtype.kind == "U"])


def test_the_sample_ratio_is_a_chi_square_test() -> None:
    fact = sample_ratio([5000, 5200], [0.5, 0.5])
    assert fact.level == "info"
    assert fact.values["p"] == f"{stats.chisquare([5000, 5200]).pvalue:.2g}"
    assert sample_ratio([5000, 5400], [0.5, 0.5]).level == "red"
    assert sample_ratio([9000, 1000], [0.9, 0.1]).level == "info"


def test_an_arm_that_loses_users_is_red_and_nothing_is_decided() -> None:
    log, assignments = tables(3000, effect=0.5)
    lost = assignments.filter((pl.col("variant") == "control") | (pl.int_range(pl.len()) % 5 > 0))
    data = read_experiment(log, lost)
    assert level(check_experiment(data), "sample_ratio") == "red"
    card = decide(data, DecisionRule("watch_seconds", 1000))
    assert card.decision == "cannot tell" and card.variant is None
    assert "sample ratio" in card.reasons[0].text("en")


def test_few_users_in_an_arm_are_red() -> None:
    assert level(check_experiment(own(40)), "users_in_the_smallest_arm") == "red"


def test_what_no_arm_can_have_caused_must_be_balanced() -> None:
    rng = np.random.default_rng(0)
    arm = np.arange(2000) % 2
    fair, unfair = rng.random(2000) < 0.5, rng.random(2000) < 0.5 + 0.2 * arm
    for member, expected in ((fair, "info"), (unfair, "red")):
        data = own(country=np.where(member, "de", "fr"))
        assert level(check_experiment(data), "balance_before") == expected


def test_a_covariate_that_the_arm_has_changed_is_out_of_balance() -> None:
    log, assignments = tables(3000, effect=1.0)
    late = assignments.with_columns(pl.col("assigned_at") + pl.duration(days=8))
    shifted = log.with_columns(
        watch_seconds=pl.when(pl.col("user_id").is_in(late.filter(variant="new")["user_id"].to_list()))
        .then(pl.col("watch_seconds") * 1.6).otherwise("watch_seconds")
    )  # fmt: skip
    facts = [fact for fact in check_experiment(read_experiment(shifted, late)) if fact.name == "balance_before"]
    assert {fact.values["what"] for fact in facts if fact.level == "red"} == {"before_watch_seconds"}


def test_another_experiment_must_be_independent_and_must_not_change_the_effect() -> None:
    rng = np.random.default_rng(0)
    arm = np.arange(4000) % 2
    apart = np.array(["x", "y"])[rng.integers(0, 2, 4000)]
    tied = np.where(rng.random(4000) < 0.8, np.array(["x", "y"])[arm], apart)
    watch = rng.normal(10, 2, 4000) + arm * np.where(apart == "y", 1.0, 0.0)
    base = {"user_id": np.arange(4000).astype(str), "variant": np.array(["control", "new"])[arm], "watch": watch}
    design = ExperimentDesign(other_experiments=("home",))
    found = [
        check_experiment(read_user_table(pl.DataFrame(base | {"home": other}), ["watch"], design=design))
        for other in (apart, tied)
    ]
    assert level(found[0], "assignment_independent_of_others") == "info"
    assert level(found[0], "interaction_with_others") == "amber"
    assert level(found[1], "assignment_independent_of_others") == "red"


def test_a_tail_without_a_variance_is_red_and_a_ceiling_cures_it() -> None:
    rng = np.random.default_rng(0)
    users = 20_000
    table = pl.DataFrame({
        "user_id": np.arange(users).astype(str), "variant": np.array(["control", "new"])[np.arange(users) % 2],
        "pareto": 1 + rng.pareto(1.1, users), "log": rng.lognormal(size=users),
    })  # fmt: skip
    metrics = [UserMetric("pareto", "pareto"), UserMetric("log", "log"), UserMetric("cut", "pareto", winsorise=0.99)]
    facts = [fact for fact in check_experiment(read_user_table(table, metrics)) if fact.name == "heavy_tail"]
    assert [fact.level for fact in facts] == ["red", "info", "info"]


def test_hills_index_finds_the_exponent_of_a_pareto_tail() -> None:
    amounts = 1 + np.random.default_rng(0).pareto(2.5, 200_000)
    index, high = tail_index(amounts)
    assert index == pytest.approx(2.5, rel=0.1) and high > index
    assert tail_index(np.ones(100)) == (np.inf, np.inf)
    assert variance_share(np.array([0.0] * 98 + [-1.0, 1.0]), top=2) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [((0.1, 0.5), "gain"), ((-0.5, -0.1), "harm"), ((-0.1, 0.15), "too small"), ((0.05, 0.15), "too small"),
     ((-0.1, 0.3), "open"), ((-math.inf, math.inf), "open"), ((math.nan, math.nan), "open")],
)  # fmt: skip
def test_an_interval_says_one_of_four_things(interval: tuple[float, float], expected: str) -> None:
    assert outcome(*interval, smallest=0.2) == expected


def test_a_guardrail_is_held_only_when_a_loss_is_ruled_out() -> None:
    assert [guardrail_state(low, low + 0.02, 0.01) for low in (-0.005, -0.015, -0.05)] == ["held", "open", "breached"]


def test_decisions_follow_the_rule() -> None:
    over, before = {"ended": True, "sequential": False}, {"ended": False, "sequential": True}
    assert decision("gain", ["held"], **over) == "ship"
    assert decision("gain", ["open"], **over) == "cannot tell"
    assert decision("gain", ["breached"], **over) == "don't ship"
    assert decision("harm", **before) == "don't ship"
    assert decision("open", **before) == "keep running"
    assert decision("open", **over) == "cannot tell"
    assert decision("harm", ended=False, sequential=False) == "keep running"
    assert decision("gain", ["held"], **over, red=True) == "cannot tell"


def test_a_gain_ships_when_its_guardrail_is_held() -> None:
    rule = DecisionRule("watch", 2000, 0.01, guardrails=(Guardrail("skips", 0.05),))
    card = decide(own(gain=0.6), rule)
    assert (card.decision, card.variant) == ("ship", "new")
    assert card.table().select("metric", "state").rows() == [("watch", "gain"), ("skips", "held")]
    assert card.word.text("zh") == "上线"
    chinese = [reason.text("zh") for reason in card.reasons]
    assert len(chinese) == 3 and all("{" not in text for text in chinese)


def test_more_skips_are_a_loss_where_fewer_are_better() -> None:
    data = own(gain=0.6)
    skips = pl.when(pl.col("variant") == "new").then(pl.col("skips") * 1.2).otherwise("skips")
    worse = read_user_table(data.users.with_columns(skips=skips), list(data.metrics.values()))
    card = decide(worse, DecisionRule("watch", 2000, guardrails=(Guardrail("skips", 0.05),)))
    assert card.decision == "don't ship"
    assert card.table()["gain"][1] == pytest.approx(-0.2, abs=0.03)


def test_a_fixed_test_says_nothing_before_its_end_and_a_watched_one_may() -> None:
    data = own(gain=1.0)
    fixed, watched = (decide(data, DecisionRule("watch", 5000, sequential=way)) for way in (False, True))
    assert (fixed.decision, watched.decision) == ("keep running", "ship")
    early = decide(data, DecisionRule("watch", 50_000, sequential=True))
    assert early.decision == "keep running"  # before the first look


def test_a_watched_test_with_days_reads_the_planned_end() -> None:
    data = read_experiment(*tables(2000, effect=0.6))
    rule = DecisionRule("watch_seconds", 2000, planned_days=10, sequential=True, cuped=True)
    card = decide(data, rule)
    assert card.decision == "ship"
    assert "14 of 10 days" in card.reasons[0].text("en")


def test_of_two_arms_the_one_with_the_larger_gain_ships() -> None:
    rng = np.random.default_rng(0)
    arm = np.arange(3000) % 3
    table = pl.DataFrame({"user_id": np.arange(3000).astype(str), "variant": np.array(["control", "b", "c"])[arm],
                          "watch": rng.normal(10, 2, 3000) + np.array([0, 0.7, 1.2])[arm]})  # fmt: skip
    card = decide(read_user_table(table, ["watch"]), DecisionRule("watch", 3000))
    assert [one.decision for one in card.arms] == ["ship", "ship"]
    assert card.variant == "c"


def test_a_rule_that_decides_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="margin above 0"):
        Guardrail("skips", 0.0)
    with pytest.raises(UsageError, match="A metric decides once"):
        DecisionRule("watch", 10, guardrails=(Guardrail("watch", 0.1),))
    with pytest.raises(UsageError, match="Did you mean watch"):
        decide(own(200), DecisionRule("wach", 200))


def test_every_check_has_a_name_in_chinese() -> None:
    facts = check_experiment(read_experiment(*tables(300)))
    assert all(say(fact.name, "zh") != fact.name for fact in facts)
    assert all("{" not in fact.explanation("zh") for fact in facts)


def test_a_plan_is_the_textbook_formula() -> None:
    plan = plan_experiment(Baseline(10.0, 5.0), 0.02, relative=True)
    per_arm = 2 * (ndtri(0.975) + ndtri(0.8)) ** 2 * 5**2 / 0.2**2
    assert plan.users == pytest.approx(2 * per_arm, rel=1e-3)
    assert plan.effect == pytest.approx(0.2)
    assert smallest_effect(plan.baseline, plan.users) == pytest.approx(0.2, rel=1e-3)
    assert 1 < plan.premium < 1.3


def test_cuped_saves_the_squared_correlation_and_more_arms_cost() -> None:
    plain = plan_experiment(Baseline(10.0, 5.0), 0.2).users
    assert plan_experiment(Baseline(10.0, 5.0, 0.6), 0.2).users == pytest.approx(plain * 0.64, rel=1e-3)
    three = plan_experiment(Baseline(10.0, 5.0), 0.2, treatments=2)
    each = ((ndtri(1 - 0.025 / 2) + ndtri(0.8)) / (ndtri(0.975) + ndtri(0.8))) ** 2
    assert three.users == pytest.approx(plain / 2 * 3 * each, rel=1e-3)
    uneven = plan_experiment(Baseline(10.0, 5.0), 0.2, shares=(0.9, 0.1))
    assert uneven.users == pytest.approx(plain / 4 * (1 / 0.9 + 1 / 0.1), rel=1e-3)


def test_an_effect_of_nothing_cannot_be_planned() -> None:
    with pytest.raises(UsageError, match="No number of users"):
        plan_experiment(Baseline(10.0, 5.0), 0.0)
    with pytest.raises(UsageError, match="the mean is 0"):
        plan_experiment(Baseline(0.0, 5.0), 0.1, relative=True)


def test_days_come_from_users_who_are_new_to_the_test() -> None:
    traffic = cumulative_users([100, 150, 170])
    assert traffic.days_for(150) == (2, False)
    # 35 newcomers a day: 170 + 35 · 2 is the first to reach 240.
    assert traffic.days_for(240) == (5, True)
    assert cumulative_users([100, 100]).days_for(101) == (None, True)


def test_traffic_counts_who_returns_once() -> None:
    log, _ = tables(500)
    table = traffic_by_day(log, days=7)
    last = START.date().replace(day=15)
    dates = log.with_columns(day=pl.col("timestamp").dt.date()).filter(pl.col("day") < last)
    recent = dates.filter(pl.col("day") >= last.replace(day=8))
    assert table["cumulative"][-1] == recent["user_id"].n_unique()
    assert table["users"].sum() == recent.select("user_id", "day").n_unique()


def test_a_baseline_is_that_of_the_control() -> None:
    data = read_experiment(*tables(800, effect=1.0))
    base = baseline_of(data, "sessions", cuped=True)
    control = data.users.filter(variant="control")
    assert base.mean == pytest.approx(control["sessions"].mean())
    assert base.sd == pytest.approx(control["sessions"].std())
    assert base.correlation == pytest.approx(np.corrcoef(control["sessions"], control["before_sessions"])[0, 1])


def test_what_can_be_found_follows_from_users_and_correlation() -> None:
    base = Baseline(10.0, 5.0, 0.6)
    table = detectable_by_users(base, [1000, 4000])
    # Four times the users find half the effect, and CUPED takes √(1 − 0.6²) = 0.8 of it.
    assert table["once"][0] / table["once"][1] == pytest.approx(2, rel=1e-2)
    assert table["once, CUPED"][0] == pytest.approx(0.8 * table["once"][0])
    assert table["once"][1] == pytest.approx(smallest_effect(Baseline(10.0, 5.0), 4000) / 10)
    plan = plan_experiment(base, 0.2)
    assert (table["watched"] / table["once, CUPED"]).to_list() == pytest.approx([plan.premium**0.5] * 2, rel=1e-3)


def test_the_last_day_finds_what_the_whole_control_says() -> None:
    data = read_experiment(*tables(800))
    table = detectable_by_day(data, "watch_seconds", 800, cuped=True)
    whole = detectable_by_users(baseline_of(data, "watch_seconds", cuped=True), [800])
    assert table["day"].to_list() == list(range(1, table.height + 1))
    assert table.drop("day").row(-1) == pytest.approx(whole.row(0))
    assert table["users"][0] < table["users"][-1]


def test_who_knows_the_truth_decides_by_the_same_rule() -> None:
    data = own(gain=1.0)
    rule = DecisionRule("watch", 10, smallest_effect=0.05)
    card = decide(data, rule)
    lifts = pl.DataFrame({"variant": ["new"] * 2, "metric": ["watch", "other"], "lift": [0.02, 0.9]})
    table = beside_truth(card, data, lifts)
    assert table.select("metric", "truth", "decision", "right").rows() == [("watch", 0.02, "ship", "don't ship")]
    assert beside_truth(card, data, lifts.clear())["right"].to_list() == [None]
    with pytest.raises(UsageError, match="no metric named 'watch'"):
        true_decision(rule, {"wach": 0.1})
    guarded = DecisionRule("watch", 10, guardrails=(Guardrail("skips", 0.05),))
    assert true_decision(guarded, {"watch": 0.1, "skips": -0.06}) == "don't ship"
