"""iALS with features: the contract, iALS where there are none, and items that nobody chose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract, checkerboard

from avrec_lib.errors import UsageError
from avrec_lib.models import IALS, FeatureIALS
from avrec_lib.models.fold_in import FoldIn
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import shared_labels
from avrec_lib.protocols import Recommender

OPTIONS = {"factors": 8, "regularisation": 0.1, "confidence": 10.0}
# Users choose the items of their own parity; two of each parity are new.
ITEMS = pl.DataFrame(
    {
        "item_id": [f"i{i}" for i in range(12)] + ["new odd", "new even", "unlike any"],
        "tags": [["even", "film"], ["odd", "film"]] * 6 + [["odd"], ["even"], None],
    }
)


class TestFeatureIALS(RecommenderContract):
    def make(self) -> Recommender:
        return FeatureIALS(**OPTIONS)

    def test_without_a_table_of_items_it_is_ials(self) -> None:
        train = checkerboard(12, 12)
        assert np.array_equal(self.make().fit(train).item_factors, IALS(**OPTIONS).fit(train).item_factors)

    def test_an_item_nobody_chose_is_ranked_by_its_features(self, tmp_path: Path) -> None:
        model = self.make().fit(checkerboard(12, 12), ITEMS)
        model.save(tmp_path / "model")
        for each in (model, FeatureIALS.load(tmp_path / "model")):
            ranked = each.recommend(["u0", "u1"], k=20)
            first = dict(ranked.filter(pl.col("rank") == 1).select("user_id", "item_id").iter_rows())
            assert first == {"u0": "new even", "u1": "new odd"}
            assert "unlike any" not in ranked["item_id"].to_list()

    def test_its_factors_solve_the_normal_equations_of_its_features(self) -> None:
        model = FeatureIALS(**OPTIONS, feature_weight=2.0, epochs=1).fit(checkerboard(12, 12), ITEMS)
        log = Interactions.of(checkerboard(12, 12), ITEMS)
        odd, even = (log.item_ids.tolist().index(name) for name in ("new odd", "new even"))
        z = np.random.default_rng(0).random((3, 8)).astype(np.float32)  # of the tags even, film and odd
        alone = FoldIn(z, 0.1, 10.0)(2 * shared_labels(log)[:, [odd]].T.tocsr())[0]
        left = z.T @ z + (2 * 10.0 - 1) * np.outer(z[2], z[2]) + 0.1 * np.eye(8)
        np.testing.assert_allclose(alone, np.linalg.solve(left, 20.0 * z[2]), rtol=1e-3)
        assert not np.allclose(model.item_factors[odd], model.item_factors[even])

    def test_options_that_make_no_sense_are_refused(self) -> None:
        with pytest.raises(UsageError, match="feature_weight"):
            FeatureIALS(feature_weight=0)
        with pytest.raises(UsageError, match="list of columns"):
            FeatureIALS(by="tags")
        with pytest.raises(UsageError, match="confidence above 1"):
            FeatureIALS(confidence=0.5)
