from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest
from card_logs import last_out, table
from small_logs import FakeDataset

from avrec_lib.data.opening import open_dataset
from avrec_lib.data.split import Split, TieRule, split_windows
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.protocol_card import protocol_card, tie_swing
from avrec_lib.evaluate.protocol_card.swing import swing_not_measured
from avrec_lib.evaluate.trial import judged_by
from avrec_lib.models import EASE, Popularity


def values(*of_users: float | None, window: int = 0) -> pl.DataFrame:
    names = [f"u{number}" for number in range(len(of_users))]
    return pl.DataFrame({"user_id": names, "window": window, "value": of_users}, schema_overrides={"value": pl.Float64})


def alternating(mean: float, users: int = 100, spread: float = 0.01) -> pl.DataFrame:
    return values(*(mean + spread * (-1) ** number for number in range(users)))


@pytest.mark.parametrize(
    ("measured", "level", "reading"),
    [
        ({"file_order": 0.072, "item_id": 0.042, "item_id_descending": 0.099}, "red", "2.36×"),  # .099 / .042
        ({"file_order": 0.10, "item_id": 0.12}, "amber", "1.20×"),
        ({"file_order": 0.10, "item_id": 0.105}, "info", "1.05×"),
        ({"file_order": 0.1}, "info", "–"),
        ({}, "info", "–"),
    ],
)
def test_the_swing_is_the_greatest_mean_over_the_least(measured: dict[str, float], level: str, reading: str):
    fact = tie_swing({rule: alternating(mean) for rule, mean in measured.items()})
    assert (fact.level, fact.values["reading"]) == (level, reading)
    assert "{" not in fact.explanation("en") + fact.explanation("zh")


def test_a_difference_within_three_standard_errors_is_chance_whatever_the_factor():
    # Hits of b of 100 users: mean b/100, standard error sqrt(b/100 · (1 − b/100) / 99); 9 hits are 3.13 of them.
    of_hits = [
        tie_swing({"item_id": values(*[0] * 100), "random": values(*[1] * hits, *[0] * (100 - hits))})
        for hits in (1, 8, 9)
    ]
    assert [fact.level for fact in of_hits] == ["info", "info", "red"]
    assert of_hits[1].values["noise"] == f"{3 * (0.08 * 0.92 / 99) ** 0.5:.3f}"
    assert "no more than chance" in of_hits[1].explanation("en")
    assert "a difference of 0.090 ± 0.086" in of_hits[2].explanation("en")


def test_the_pairs_are_users_and_what_they_share_is_no_noise():
    # Users differ by .5, each moves by the same .01: 10 % and beyond doubt. Unpaired it would drown.
    apart = [0.0, 0.2] * 50
    pair = {"item_id": values(*(value + 0.01 for value in apart)), "random": values(*(value + 0.03 for value in apart))}
    assert tie_swing(pair).level == "amber"
    mixed = {rule: rows.sample(fraction=1, shuffle=True, seed=3) for rule, rows in pair.items()}
    assert tie_swing(mixed) == tie_swing(pair)


def test_each_user_enters_once_with_the_mean_over_windows_and_only_if_defined_under_every_rule():
    twice = pl.concat([values(0.1, 0.1, None), values(0.3, None, None, window=1)])  # means .2, .1
    fact = tie_swing({"random": twice, "item_id": values(0.2, 0.1, 0.9), "file_order": values(float("nan"), None)})
    assert (fact.value, fact.values["users"], fact.values["least"], fact.values["most"]) == (2, "2", "0.150", "0.150")


def test_nothing_is_said_of_one_user_or_of_nothing_found():
    one = {"item_id": values(0.1), "random": values(0.9)}
    none = {"item_id": values(0, 0), "random": values(0, 0)}
    strangers = {"item_id": values(0.1, None), "random": values(None, 0.1)}
    assert [tie_swing(found).values["reading"] for found in (one, none, strangers)] == ["–"] * 3


def test_values_of_several_metrics_or_models_are_refused():
    several = values(0.1, 0.2).with_columns(metric=pl.Series(["ndcg", "recall"]))
    with pytest.raises(UsageError, match="several: metric"):
        tie_swing({"item_id": several, "random": several})


def test_the_swing_of_a_split_that_draws_the_order_is_amber_at_most():
    assert tie_swing({"item_id": alternating(0.04), "random": alternating(0.1)}, drawn=True).level == "amber"
    assert tie_swing({"item_id": alternating(0.1), "random": alternating(0.1)}, drawn=True).level == "info"


def test_a_swing_that_was_not_measured_matters_where_ties_choose():
    assert [swing_not_measured(last_out(tied)).level for tied in (0, 44)] == ["info", "amber"]


def test_rerunning_is_asked_once_a_rule_with_its_splits():
    asked = []

    def rerun(splits: Sequence[Split]) -> pl.DataFrame:
        asked.append(splits)
        return alternating(len(splits) / 10)

    splits = {"file_order": last_out(1), "random": last_out(1) * 4}
    card = protocol_card(last_out(1), rerun=rerun, splits_by_tie_rule=splits)
    fact = next(fact for fact in card.facts if fact.name == "swing_over_tie_rules")
    assert asked == list(splits.values())
    assert (fact.level, fact.values["reading"]) == ("red", "4.00×")


def in_sittings(seed: int) -> FakeDataset:
    """100 users in sittings of six choices at one time, by popularity alone."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, 501)
    chosen = [rng.choice(500, 18, replace=False, p=weights / weights.sum()) for _ in range(100)]
    return FakeDataset(
        table(
            [f"u{user}" for user in range(100) for _ in range(18)],
            [str(item) for own in chosen for item in own],
            [int(second) for _ in range(100) for second in np.repeat(np.sort(rng.integers(0, 10**7, 3)), 6)],
        )
    )


def test_four_orders_at_random_are_no_swing():
    levels, factors = [], []
    for world in range(8):
        data, judge = in_sittings(world), judged_by(Popularity(), "ndcg", 10)
        orders = {
            f"order {seed}": judge(split_windows(data, "leave_last_out", tie_rule="random", tie_orders=1, seed=seed))
            for seed in range(4)
        }
        fact = tie_swing(orders)
        levels.append(fact.level)
        factors.append(float(fact.values["factor"]))
    assert levels == ["info"] * 8
    assert sum(factor >= 1.1 for factor in factors) >= 6  # the factor alone would accuse nearly all


@pytest.mark.slow
def test_ease_on_movielens_100k_swings_twofold_over_tie_rules(workbench: Path):
    data = open_dataset("movielens-100k")
    splits = {rule: split_windows(data, "leave_last_out", tie_rule=rule, tie_orders=2) for rule in get_args(TieRule)}
    card = protocol_card(
        splits["file_order"], events=data.events, rerun=judged_by(EASE(), "ndcg", 10), splits_by_tie_rule=splits
    )
    fact = next(fact for fact in card.facts if fact.name == "swing_over_tie_rules")
    assert fact.level == "red"
    assert (fact.values["least_rule"], fact.values["most_rule"]) == ("item_id", "item_id_descending")
    assert 2 < float(fact.values["factor"]) < 2.8
    assert float(fact.values["difference"]) > 2 * float(fact.values["noise"])
