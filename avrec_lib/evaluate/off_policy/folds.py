"""Rounds dealt into folds, so that no model predicts the rows that it learned from."""

from __future__ import annotations

import numpy as np

from avrec_lib.errors import DataError


def folds_of(rounds: int, users: np.ndarray | None, folds: int, seed: int) -> np.ndarray:
    """The fold of each round (n,), all rounds of a user in one; as many folds as users where there are fewer.

    Raises DataError for fewer than two folds or users: a model would predict what it has seen.
    """
    clusters = rounds if users is None else int(users.max()) + 1
    if clusters < 2 or folds < 2:
        raise DataError("A model of this log takes two folds of users or more, but there are {folds} folds and "
                        "{clusters} users.", hint="If all rounds are of one user_id, say clusters=none.", folds=folds,
                        clusters=clusters)  # fmt: skip
    dealt = np.random.default_rng(seed).permutation(clusters) % min(folds, clusters)
    return dealt if users is None else dealt[users]
