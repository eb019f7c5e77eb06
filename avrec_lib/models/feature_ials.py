"""iALS that knows what items are made of, so that it can rank an item nobody has chosen yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from avrec_lib.errors import UsageError
from avrec_lib.models.fold_in import FoldIn
from avrec_lib.models.ials import IALS
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import SHARED, shared_labels
from avrec_lib.models.search_space import Real, Space


class FeatureIALS(IALS):
    """iALS on the choices of users and, below them, of features: "feature f chooses item i" for each value of an item.

    Users and features share the factors y of the items: they minimise Σ cᵤᵢ (pᵤᵢ − xᵤ·yᵢ)² + Σ dfᵢ (qfᵢ − zf·yᵢ)² +
    λ(Σ‖x‖² + Σ‖z‖² + Σ‖y‖²). For a value f that item i has in the columns `by` of the table of items (see
    `shared_labels`) q is 1 and d = `confidence` · `feature_weight`, else 0 and 1. An item that nobody chose has its
    y from the second sum alone: that no user chose it yet says nothing against it. One without features either is not
    ranked. A query's x is solved as in iALS, which this is where there is no table of items. Singh and Gordon 2008,
    "Relational learning via collective matrix factorization".
    """

    name = "iALS with features"
    space: ClassVar[Space] = {**IALS.space, "feature_weight": Real(0.1, 10.0, log=True)}

    def __init__(
        self, factors: int = 64, regularisation: float = 50.0, confidence: float = 10.0, epochs: int = 16,
        seed: int = 0, feature_weight: float = 1.0, by: Sequence[str] = SHARED,
    ) -> None:  # fmt: skip
        super().__init__(factors, regularisation, confidence, epochs, seed)
        if not 0 < feature_weight < np.inf:
            raise UsageError("feature_weight must be above 0, but is {weight}.", weight=feature_weight)
        if isinstance(by, str) or not by:
            raise UsageError("by takes a list of columns, not {by}.", by=repr(by))
        self.feature_weight, self.by = float(feature_weight), tuple(by)

    def _learn(self, interactions: Interactions) -> None:
        chosen = interactions.matrix()
        features = shared_labels(interactions, self.by) * np.float32(self.feature_weight)
        with threadpool_limits(1, "blas"):
            model = self._solver()
            model.fit(sparse.vstack([chosen, features], format="csr"), show_progress=False)
        self.item_factors = model.item_factors
        unchosen = np.flatnonzero(chosen.getnnz(axis=0) == 0)
        of_features = model.user_factors[chosen.shape[0] :]
        if len(unchosen) and len(of_features):
            fold_in = FoldIn(of_features, self.regularisation, self.confidence)
            self.item_factors[unchosen] = fold_in(features[:, unchosen].T.tocsr())
