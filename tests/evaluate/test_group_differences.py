"""What one model gains over another, group by group, and whether it gains more for some than for others."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.compare import paired_difference
from avrec_lib.evaluate.group_differences import difference_by_group, gap_of_differences

RNG = np.random.default_rng(0)
STAYS, MOVES = RNG.normal(0.0, 0.1, 50), RNG.normal(0.1, 0.2, 40)
USERS = [f"u{number}" for number in range(90)]
GROUPS = pl.DataFrame({"query_id": USERS, "slice": "taste", "group": ["stays"] * 50 + ["moves"] * 40})


def values(numbers: np.ndarray, model: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"model": model, "seed": 0, "window": 0, "query_id": USERS, "user_id": USERS, "metric": "ndcg", "k": 10,
         "value": numbers},
        schema_overrides={"window": pl.Int32, "k": pl.Int32},
    )  # fmt: skip


BASE, OTHER = values(np.full(90, 0.3), "static"), values(0.3 + np.concatenate([STAYS, MOVES]), "recent")


def test_a_groups_difference_is_that_of_its_queries_alone_and_all_groups_are_one_family():
    table = difference_by_group(BASE, OTHER, GROUPS)
    assert table["group"].to_list() == ["stays", "moves"] and table["comparisons"].to_list() == [2, 2]
    assert table["difference"].to_list() == pytest.approx([STAYS.mean(), MOVES.mean()])
    alone = paired_difference(BASE.head(50), OTHER.head(50)).row(0, named=True)
    assert table.row(0, named=True)["low"] == alone["low"]


def test_the_gap_between_groups_is_welchs_test_of_their_users():
    found = gap_of_differences(difference_by_group(BASE, OTHER, GROUPS), "moves", "stays").row(0, named=True)
    twin = stats.ttest_ind(MOVES, STAYS, equal_var=False)
    interval = twin.confidence_interval()
    assert found["gap"] == pytest.approx(MOVES.mean() - STAYS.mean())
    assert (found["p_value"], found["low"], found["high"]) == pytest.approx((twin.pvalue, interval.low, interval.high))


def test_groups_without_values_have_no_row_and_without_any_there_is_nothing_to_say():
    more = pl.concat([GROUPS, pl.DataFrame({"query_id": ["x"], "slice": "taste", "group": "nobody"})])
    assert difference_by_group(BASE, OTHER, more)["group"].to_list() == ["stays", "moves"]
    with pytest.raises(DataError, match="they are of other queries"):
        difference_by_group(BASE, OTHER, more.tail(1))
    with pytest.raises(UsageError, match="no group 'moved' among stays, moves"):
        gap_of_differences(difference_by_group(BASE, OTHER, GROUPS), "moved", "stays")
