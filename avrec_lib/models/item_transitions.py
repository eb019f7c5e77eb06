"""What people chose next: a Markov chain of items with a long memory, the strongest simple model of sequences."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy import sparse

from avrec_lib.errors import UsageError
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import Real, Space, Whole
from avrec_lib.models.top_k import UNRANKED


class ItemTransitions(MatrixRecommender):
    """Score of j = Σ decayᵃ · T[h, j] / (nⱼ^target_power · nₕ^source_power) over the last `steps` items h of a history.

    The age a of the last item is 0. T[i, j] = Σ decay^(d − 1) over all places in the training histories where j came
    d ≤ `steps` events after i, or with `both_ways` before it; n is the number of users of an item. An item that never
    followed one of the last ones is not ranked. The memory it takes grows with events × steps. A first-order chain
    (Rendle et al. 2010 factorise it) smoothed over more than one step.
    """

    name = "item transitions"
    space: ClassVar[Space] = {
        "steps": Whole(1, 30, log=True),
        "decay": Real(0.5, 1.0),
        "target_power": Real(0.0, 1.0),
        "source_power": Real(0.0, 1.0),
    }
    learned = ("transition_data", "transition_columns", "transition_starts")

    def __init__(
        self, steps: int = 10, decay: float = 0.8, target_power: float = 0.3, source_power: float = 0.5,
        both_ways: bool = False,
    ) -> None:  # fmt: skip
        if not isinstance(steps, int) or steps < 1 or not 0 < decay <= 1 or min(target_power, source_power) < 0:
            raise UsageError(
                "Item transitions take steps from 1, a decay above 0, up to 1, and powers of 0 or more, not {options}.",
                options=(steps, decay, target_power, source_power),
            )  # fmt: skip
        self.steps, self.decay, self.both_ways = steps, float(decay), bool(both_ways)
        variant = [f"{steps} steps"] * (steps != 10) + ["both ways"] * self.both_ways
        self.name = ", ".join(["item transitions", *variant])
        self.target_power, self.source_power = float(target_power), float(source_power)

    def _learn(self, interactions: Interactions) -> None:
        past = interactions.past
        users = past.queries
        shape = (past.catalogue, past.catalogue)
        transitions = sparse.csr_matrix(shape, dtype=np.float32)
        for distance in range(1, min(self.steps, len(past.items) - 1) + 1):
            same = users[distance:] == users[:-distance]
            earlier, later = past.items[:-distance][same], past.items[distance:][same]
            weights = np.full(len(earlier), self.decay ** (distance - 1), dtype=np.float32)
            transitions += sparse.csr_matrix((weights, (earlier, later)), shape=shape)
        if self.both_ways:
            transitions += transitions.T.tocsr()
        people = np.maximum(np.bincount(past.matrix().indices, minlength=past.catalogue), 1.0)
        scaled = sparse.diags(people**-self.source_power) @ transitions @ sparse.diags(people**-self.target_power)
        scaled.sort_indices()
        self.transition_data, self.transition_columns = scaled.data.astype(np.float32), scaled.indices
        self.transition_starts = scaled.indptr

    def _prepare(self, items: int) -> None:
        arrays = (self.transition_data, self.transition_columns, self.transition_starts)
        self._transitions = sparse.csr_matrix(arrays, shape=(items, items))
        self._transitions.check_format(full_check=True)  # numbers from a file must not reach beyond the arrays
        if not np.isfinite(self.transition_data).all():
            raise ValueError("transition_data are no numbers")

    def _score(self, histories: Histories) -> np.ndarray:
        scores = (histories.latest(self.steps).recent(self.decay) @ self._transitions).toarray()
        return np.where(scores > 0, scores, np.float32(UNRANKED))
