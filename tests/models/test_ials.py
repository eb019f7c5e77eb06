"""iALS: the contract, and the normal equations it claims to solve."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract, checkerboard

from avrec_lib.errors import UsageError
from avrec_lib.models import IALS
from avrec_lib.protocols import Query, Recommender


class TestIALS(RecommenderContract):
    def make(self) -> Recommender:
        return IALS(factors=8, regularisation=0.1, confidence=10.0)

    def test_a_querys_factors_solve_its_normal_equations(self) -> None:
        model = IALS(factors=4, regularisation=2.0, confidence=5.0).fit(checkerboard(12, 12))
        told = model.score([Query("q", "new", history=["i1", "i3"])], candidates=["i5"])["score"][0]
        places = dict(model._fitted().item_rows.rows())
        y = model.item_factors.astype(float)
        chosen = y[[places["i1"], places["i3"]]]
        left = y.T @ y + (5.0 - 1.0) * chosen.T @ chosen + 2.0 * np.eye(4)
        x = np.linalg.solve(left, 5.0 * chosen.sum(axis=0))
        assert told == pytest.approx(x @ y[places["i5"]], rel=1e-4)

    def test_an_item_nobody_chose_is_not_ranked(self) -> None:
        items = pl.DataFrame({"item_id": ["i0", "unloved"]})
        ranked = self.make().fit(checkerboard(12, 12), items).recommend(["u1"], k=50, exclude_seen=False)
        assert "unloved" not in ranked["item_id"].to_list()

    def test_options_that_make_no_sense_are_refused(self) -> None:
        with pytest.raises(UsageError, match="confidence above 1"):
            IALS(confidence=0.5)
