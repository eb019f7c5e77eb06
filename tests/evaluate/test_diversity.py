"""Diversity within a list: the closed form against all pairs, by scipy and by torch, dense and sparse."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avrec_lib.errors import DataError
from avrec_lib.evaluate import diversity, list_sums
from avrec_lib.evaluate.diversity import embedding_vectors, intra_list_diversity, item_labels, label_vectors
from avrec_lib.evaluate.lists import Lists


def lists_of(*items: list[str]) -> Lists:
    rows = [(str(query), item, rank) for query, shown in enumerate(items) for rank, item in enumerate(shown, 1)]
    ranked = pl.DataFrame(rows, {"query_id": pl.String, "item_id": pl.String, "rank": pl.Int32}, orient="row")
    names = [str(query) for query in range(len(items))]
    return Lists.of(ranked, pl.DataFrame({"query_id": names, "user_id": names}), max(map(len, items)))


def all_pairs(shown: list[int], vectors: np.ndarray) -> float:
    known = [vectors[item] / np.linalg.norm(vectors[item]) for item in shown if vectors[item].any()]
    cosines = [one @ other for one, other in combinations(known, 2)]
    return 1 - sum(cosines) / len(cosines) if cosines else np.nan


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_embeddings_equal_the_mean_over_all_pairs(seed: int, by_torch: bool):
    rng = np.random.default_rng(seed)
    vectors = np.round(rng.normal(size=(9, rng.integers(1, 70))), 1) * (rng.random((9, 1)) < 0.8)
    shown = [rng.permutation(9)[: rng.integers(0, 9)].tolist() for _ in range(4)] + [list(range(9))]
    lists = lists_of(*([f"i{item}" for item in some] for some in shown))
    table = pl.DataFrame({"item_id": [f"i{item}" for item in range(9)], "vector": vectors.tolist()})
    with pytest.MonkeyPatch.context() as patch:
        if by_torch:
            patch.setattr(list_sums, "_WORTH_LOADING_TORCH", 0)
        found = intra_list_diversity(lists, embedding_vectors(table, lists.item_ids), 9)
    assert found == pytest.approx([all_pairs(some, vectors) for some in shown], abs=2e-5, nan_ok=True)


@pytest.mark.parametrize("few", [256, 0])
def test_tags_are_compared_as_sets(few: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(diversity, "_FEW_LABELS", few)  # dense, then sparse
    items = pl.DataFrame(
        {"item_id": ["a", "b", "c", "d"], "tags": [["x", "y", "x"], ["y", "z"], ["q", None], []]},
    )
    lists = lists_of(["a", "b"], ["a", "c"], ["a", "b", "c", "d"], ["a", "d"], ["a"], [])
    found = intra_list_diversity(lists, label_vectors(item_labels(items, "tags"), lists.item_ids), 4)
    # a and b share one of two tags each: 1 − 1/√4; c has nothing in common with them; d has no tag and is left out.
    assert found.tolist() == pytest.approx([0.5, 1, (0.5 + 1 + 1) / 3, np.nan, np.nan, np.nan], nan_ok=True)


def test_only_the_first_places_count():
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "category": ["x", "x", "y"]})
    lists = lists_of(["a", "b", "c"])
    vectors = label_vectors(item_labels(items, "category"), lists.item_ids)
    assert intra_list_diversity(lists, vectors, 2).tolist() == [0]
    assert intra_list_diversity(lists, vectors, 3).tolist() == pytest.approx([2 / 3])


def test_a_hundred_equal_items_have_no_diversity():
    table = pl.DataFrame({"item_id": [f"i{n}" for n in range(100)], "vector": [[0.3, -0.7, 0.1]] * 100})
    lists = lists_of(table["item_id"].to_list())
    found = intra_list_diversity(lists, embedding_vectors(table, lists.item_ids), 100)
    assert 0 <= found[0] < 1e-6


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ([[1.0, 2.0], [1.0]], "same number of dimensions, but there are 1, 2"),
        ([[1.0, float("nan")], [1.0, 1.0]], "nulls, NaN or infinity"),
        ([[1.0, None], [1.0, 1.0]], "nulls, NaN or infinity"),
        ([["a"], ["b"]], "a list of numbers is needed"),
        ([1.0, 2.0], "a list of numbers is needed"),
    ],
)
def test_embeddings_that_are_none_are_refused(vectors: list, said: str):
    table = pl.DataFrame({"item_id": ["a", "b"], "vector": vectors})
    with pytest.raises(DataError, match=said):
        embedding_vectors(table, pl.Series(["a"]))


def test_an_item_with_two_embeddings_is_refused():
    table = pl.DataFrame({"item_id": ["a", "a"], "vector": [[1.0], [2.0]]})
    with pytest.raises(DataError, match="'a' twice"):
        embedding_vectors(table, pl.Series(["a"]))
