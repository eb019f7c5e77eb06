from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.evaluate.seeds import seed_spread
from avrec_lib.schema import Values


def values_of(by_seed: list[list[float | None]], model: str = "m") -> pl.DataFrame:
    """A list of values for each seed, one for each user."""
    rows = [
        {"model": model, "seed": seed, "window": 0, "query_id": f"q{user}", "user_id": f"u{user}", "metric": "ndcg",
         "k": 10, "value": value}
        for seed, numbers in enumerate(by_seed) for user, value in enumerate(numbers)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=Values.create_empty().schema)


def test_the_seed_s_share_is_its_variance_beside_that_of_the_users() -> None:
    table = values_of([[0.1, 0.3, 0.5, 0.7], [0.2, 0.4, 0.6, 0.8]])
    row = seed_spread(table).row(0, named=True)
    of_seed = np.var([0.4, 0.5], ddof=1)  # means of the two seeds
    of_users = np.var([0.15, 0.35, 0.55, 0.75], ddof=1) / 4  # users' means over the seeds
    assert (row["seeds"], row["n"], row["users"], row["undefined"]) == (2, 4, 4, 0)
    assert row["value"] == pytest.approx(0.45)
    assert row["sd_of_seed_means"] ** 2 == pytest.approx(of_seed)
    assert row["standard_error"] ** 2 == pytest.approx(of_users)
    assert row["share_of_variance"] == pytest.approx(of_seed / (of_seed + of_users))


def test_a_model_that_ignores_its_seed_has_no_spread() -> None:
    row = seed_spread(values_of([[0.1, 0.3]] * 3)).row(0, named=True)
    assert (row["sd_of_seed_means"], row["share_of_variance"]) == (0, 0)


def test_one_seed_or_one_user_leaves_the_share_unknown() -> None:
    for by_seed in ([[0.1, 0.2]], [[0.1], [0.2]]):
        assert seed_spread(values_of(by_seed))["share_of_variance"].to_list() == [None]


def test_only_queries_with_a_value_for_every_seed_are_compared() -> None:
    row = seed_spread(values_of([[0.1, 0.3, None], [0.3, 0.5, 0.9]])).row(0, named=True)
    assert (row["value"], row["n"], row["undefined"]) == (pytest.approx(0.3), 2, 1)
    nothing = seed_spread(values_of([[None], [0.5]])).row(0, named=True)
    assert (nothing["value"], nothing["n"], nothing["undefined"], nothing["share_of_variance"]) == (None, 0, 1, None)


def test_an_empty_table_gives_an_empty_table() -> None:
    assert seed_spread(values_of([])).height == 0


def test_every_model_has_a_row_in_order_of_appearance() -> None:
    table = pl.concat([values_of([[0.1, 0.2]], "z"), values_of([[0.1, 0.2], [0.3, 0.4]], "a")])
    assert seed_spread(table).select("model", "seeds").rows() == [("z", 1), ("a", 2)]
