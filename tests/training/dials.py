"""A model whose value is plain to see: it ranks the items nearest to where it aims, and everybody wants item 9."""

from __future__ import annotations

import time
from typing import ClassVar

import polars as pl
from small_logs import log

from avrec_lib.data.split import Split, split_windows
from avrec_lib.errors import DataError
from avrec_lib.models.search_space import OneOf, Whole
from avrec_lib.protocols import queries_table

ITEMS = 15
WANTED = 9


def windows(count: int = 3) -> list[Split]:
    """Users who choose item 9 again and again: rolling windows over the end."""
    rows = [(f"u{user}", f"i{WANTED}", minute) for minute in range(12) for user in range(6)]
    return split_windows(log(rows), "rolling_time", windows=count, test_share=0.5, exclude_seen=False)


class Dial:
    """Aims at 3 when nobody chooses; value falls with the distance from 9."""

    name = "dial"
    space: ClassVar = {"aim": Whole(0, ITEMS - 1)}
    fits: ClassVar[list[int]] = []

    def __init__(self, aim: int = 3, pause: float = 0.0) -> None:
        self.aim, self.pause = aim, pause

    def fit(self, train, items=None, users=None):
        self.fits.append(self.aim)
        time.sleep(self.pause)
        return self

    def recommend(self, queries, k, candidates=None, exclude_seen=True, seen=None):
        nearest = sorted(range(ITEMS), key=lambda item: (abs(item - self.aim), item))[:k]
        ranked = pl.DataFrame(
            {
                "item_id": [f"i{item}" for item in nearest],
                "rank": range(1, len(nearest) + 1),
                "score": [-float(place) for place in range(len(nearest))],
            },
            schema_overrides={"rank": pl.Int32},
        )
        asked = queries_table(queries).select("query_id", "user_id")
        return asked.join(ranked, how="cross").select("query_id", "user_id", "item_id", "rank", "score")


class Picky(Dial):
    """Cannot aim at an odd item."""

    name = "picky"

    def __init__(self, aim: int = 4) -> None:
        super().__init__(aim)

    def fit(self, train, items=None, users=None):
        if self.aim % 2:
            raise DataError("The split leaves no {side} rows ({train} train, {test} test).", side=1, train=2, test=3)
        return super().fit(train, items, users)


class Hopeless(Picky):
    """Is never trained."""

    name = "hopeless"
    space: ClassVar = {}

    def __init__(self) -> None:
        super().__init__(1)


class Switch(Dial):
    """Three ways to aim and one default that is none of them."""

    name = "switch"
    space: ClassVar = {"way": OneOf("low", "right", "high")}
    aims: ClassVar = {None: 3, "low": 0, "right": WANTED, "high": 14}

    def __init__(self, way: str | None = None) -> None:
        super().__init__(self.aims[way])
        self.way = way
