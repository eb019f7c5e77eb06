from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.models.co_choice import co_choice_embeddings


def test_items_chosen_by_the_same_people_point_the_same_way() -> None:
    pairs = [(f"u{user}", item) for user in range(20) for item in ("abc" if user % 2 else "xyz")]
    train = pl.DataFrame(pairs, ["user_id", "item_id"], orient="row")
    table = co_choice_embeddings(train, dimensions=2)
    vectors = dict(table.select("item_id", "vector").rows())

    def cosine(one: str, other: str) -> float:
        left, right = np.array(vectors[one]), np.array(vectors[other])
        return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))

    assert cosine("a", "b") == pytest.approx(1)
    assert cosine("a", "x") == pytest.approx(0, abs=1e-6)


def test_an_item_that_nobody_chose_with_another_has_zeros() -> None:
    train = pl.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "alone"]})
    vectors = dict(co_choice_embeddings(train, 4).rows())
    assert set(vectors["alone"]) == {0.0}
    assert len(vectors["x"]) == 4


def test_dimensions_below_one_are_refused() -> None:
    with pytest.raises(UsageError):
        co_choice_embeddings(pl.DataFrame({"user_id": ["a"], "item_id": ["x"]}), 0)
