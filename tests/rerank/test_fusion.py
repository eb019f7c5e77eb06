"""Several ranked tables become one: by ranks or by scores."""

from __future__ import annotations

import polars as pl
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.rerank import reciprocal_rank_fusion, score_fusion
from avrec_lib.schema import Ranked, check_table


def ranked(scores: dict[str, float | None], query: str = "q") -> pl.DataFrame:
    rows = [(query, "u", item, rank, score) for rank, (item, score) in enumerate(scores.items(), start=1)]
    return pl.DataFrame(rows, schema=Ranked.create_empty().schema, orient="row")


ONE = ranked({"a": 9.0, "b": 7.0, "c": 5.0})
OTHER = ranked({"c": 0.3, "b": 0.2, "d": 0.1})


def test_reciprocal_ranks_add_up():
    fused = check_table(reciprocal_rank_fusion([ONE, OTHER], 3), Ranked, "ranked")
    assert fused["item_id"].to_list() == ["c", "b", "a"]
    assert fused["score"].to_list() == pytest.approx([1 / 63 + 1 / 61, 1 / 62 + 1 / 62, 1 / 61])


def test_scores_are_scaled_by_list_and_weighted():
    fused = score_fusion([ONE, OTHER], 4, weights=[2, 1])
    # a: 2 · 1; b: 2 · .5 + .5; c: 0 + 1; d: 0.
    assert list(zip(fused["item_id"], fused["score"].round(9), strict=True)) == [
        ("a", 2.0), ("b", 1.5), ("c", 1.0), ("d", 0.0),
    ]  # fmt: skip


def test_lists_without_scores_go_by_rank():
    fused = score_fusion([ranked({"a": None, "b": None})], 2)
    assert fused["score"].to_list() == pytest.approx([1.0, 0.6309297536])


def test_ties_go_to_the_earlier_table():
    tied = [ranked({"z": 1.0, "y": 0.0}), ranked({"a": 1.0, "b": 0.0})]
    assert reciprocal_rank_fusion(tied, 4)["item_id"].to_list() == ["z", "a", "y", "b"]


def test_each_query_has_its_own_list():
    tables = [pl.concat([ONE, ranked({"x": 1.0}, "other")]), OTHER]
    fused = reciprocal_rank_fusion(tables, 2)
    assert fused.group_by("query_id", maintain_order=True).len().rows() == [("q", 2), ("other", 1)]
    assert score_fusion([tables[0], Ranked.create_empty()], 2).height == 3


@pytest.mark.parametrize("fuse", [reciprocal_rank_fusion, score_fusion], ids=["ranks", "scores"])
def test_weights_are_one_a_table(fuse):
    for weights in ([1], [1, -1], [1, 1, 1]):
        with pytest.raises(UsageError, match="one weight"):
            fuse([ONE, OTHER], 3, weights=weights)
    with pytest.raises(UsageError, match="constant"):
        reciprocal_rank_fusion([ONE], 3, constant=-1)
