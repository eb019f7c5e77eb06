"""BPR: the contract, and the least squares by which a query is folded in."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract, checkerboard

from avrec_lib.errors import UsageError
from avrec_lib.models import BPR
from avrec_lib.protocols import Query, Recommender


class TestBPR(RecommenderContract):
    def make(self) -> Recommender:
        return BPR(factors=8, learning_rate=0.1, epochs=60, history_regularisation=0.1)

    def test_a_querys_factors_solve_the_normal_equations_of_its_history(self) -> None:
        model = self.make().fit(checkerboard(12, 12))
        told = model.score([Query("q", "new", history=["i1", "i3"])], candidates=["i5"])["score"][0]
        places = dict(model._fitted().item_rows.rows())
        y = model.item_factors.astype(float)
        chosen = y[[places["i1"], places["i3"]]]
        left = y.T @ y + (10.0 - 1.0) * chosen.T @ chosen + 0.1 * np.eye(9)  # 8 factors and the bias
        x = np.linalg.solve(left, 10.0 * chosen.sum(axis=0))
        assert told == pytest.approx(x @ y[places["i5"]], rel=1e-4)

    def test_an_item_nobody_chose_is_not_ranked(self) -> None:
        items = pl.DataFrame({"item_id": ["i0", "unloved"]})
        ranked = self.make().fit(checkerboard(12, 12), items).recommend(["u1"], k=50, exclude_seen=False)
        assert "unloved" not in ranked["item_id"].to_list()

    def test_the_seed_decides(self) -> None:
        train = checkerboard(12, 12)
        first, again, other = (BPR(factors=4, epochs=2, seed=seed).fit(train).item_factors for seed in (1, 1, 2))
        assert np.array_equal(first, again) and not np.array_equal(first, other)

    def test_options_that_make_no_sense_are_refused(self) -> None:
        for options in ({"factors": 0}, {"epochs": 0}, {"learning_rate": 0.0}, {"history_regularisation": 0.0}):
            with pytest.raises(UsageError, match="BPR takes"):
                BPR(**options)
