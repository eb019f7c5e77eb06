from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import DataError
from avrec_lib.features import agreement


def table(rows: list[tuple[str, str, float]]) -> pl.DataFrame:
    return pl.DataFrame(rows, {"user_id": pl.String, "label": pl.String, "weight": pl.Float64}, orient="row")


def test_who_does_as_they_say_agrees_with_themselves_and_not_with_strangers() -> None:
    said = table([("u", "jazz", 2.0), ("v", "rock", 1.0), ("nobody", "jazz", 1.0)])
    chose = table([("u", "jazz", 1.0), ("v", "rock", 3.0), ("v", "jazz", 4.0), ("silent", "rock", 1.0)])
    # v: (0, 1) against (4, 3) / 5 is .6; u's answers against v's choices .8; v's answers against u's choices 0.
    assert agreement(said, chose).rows() == [("u", 1.0, 0.0), ("v", pytest.approx(0.6), pytest.approx(0.8))]


def test_strangers_are_the_mean_over_all_pairs() -> None:
    rng = np.random.default_rng(2)
    sides = [[(f"u{user}", f"l{label}", float(rng.normal())) for user in range(12) for label in range(5)] for _ in "ab"]
    said, chose = (np.array([weight for *_, weight in side]).reshape(12, 5) for side in sides)
    unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (said, chose)]
    cosines = unit[0] @ unit[1].T
    slow = [np.mean([cosines[other, user] for other in range(12) if other != user]) for user in range(12)]
    found = agreement(table(sides[0]), table(sides[1])).sort(pl.col("user_id").str.slice(1).cast(pl.Int64))
    np.testing.assert_allclose(found["own"], np.diag(cosines))
    np.testing.assert_allclose(found["strangers"], slow)


def test_one_user_has_no_stranger() -> None:
    with pytest.raises(DataError, match="two users who both said and chose something, but there are 1"):
        agreement(table([("u", "x", 1.0), ("v", "x", 0.0)]), table([("u", "x", 1.0), ("v", "x", 1.0)]))
