"""The models that a demo can show, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from avrec_lib.errors import unknown_name
from avrec_lib.models import EASE, IALS, ItemKNN, Popularity
from avrec_lib.protocols import Recommender

SHELF: dict[str, Callable[[], Recommender]] = {
    "popularity": Popularity,
    "item-KNN": ItemKNN,
    "EASE": EASE,
    "iALS": IALS,
}


def fit_shelf(names: Sequence[str], events: pl.DataFrame, items: pl.DataFrame | None = None) -> dict[str, Recommender]:
    """The models `names` at their default options, fitted on all `events`, in that order.

    Raises UsageError for a name that is not on the SHELF.
    """
    for name in names:
        if name not in SHELF:
            raise unknown_name("model", name, SHELF)
    return {name: SHELF[name]().fit(events, items) for name in dict.fromkeys(names)}
