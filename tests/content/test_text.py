"""Words as vectors: weights that can be worked out by hand, and what has no words."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.content.text import text_embeddings
from avrec_lib.errors import DataError, UsageError


def vectors(items: dict, dimensions: int = 64) -> tuple[list[str], np.ndarray]:
    table = text_embeddings(pl.DataFrame(items), dimensions)
    return table["item_id"].to_list(), np.array(table["vector"].to_list())


def test_with_all_dimensions_cosines_are_those_of_tf_idf() -> None:
    _, found = vectors({"item_id": ["a", "b"], "title": ["red fox", "red hen"]})
    # "red" is in both of two items: ln(3/3) + 1 = 1; "fox" in one: ln(3/2) + 1
    rare = np.log(3 / 2) + 1
    cosine = 1 / (1 + rare**2)
    assert found @ found.T == pytest.approx(np.array([[1, cosine], [cosine, 1]]), abs=1e-5)


def test_title_description_and_tags_are_read_and_what_has_no_word_has_no_row() -> None:
    ids, found = vectors(
        {
            "item_id": ["a", "b", "c", "none", "sign"],
            "title": ["fox", None, None, None, "?! x"],
            "description": [None, "fox", None, "", None],
            "tags": [None, None, ["fox", None], [], None],
        }
    )
    assert ids == ["a", "b", "c"]
    assert found @ found.T == pytest.approx(np.ones((3, 3)), abs=1e-5)


def test_chinese_is_read_character_by_character() -> None:
    _, found = vectors({"item_id": ["a", "b", "c"], "title": ["红狐狸", "白狐", "母鸡"]})
    similar = found @ found.T
    assert similar[0, 1] > 0.2
    assert similar[0, 2] == pytest.approx(0, abs=1e-5)


def test_dimensions_are_a_limit_and_the_answer_is_always_the_same() -> None:
    items = {"item_id": list("abcd"), "title": ["red fox", "red hen", "blue fox", "blue hen"]}
    few = vectors(items, 2)[1]
    assert few.shape == (4, 2)
    full = vectors(items)[1]
    left = np.linalg.svd(full, compute_uv=False)[2:]  # what two dimensions leave out
    assert np.linalg.norm(full @ full.T - few @ few.T) == pytest.approx(np.linalg.norm(left**2), rel=1e-4)
    assert text_embeddings(pl.DataFrame(items), 2).equals(text_embeddings(pl.DataFrame(items), 2))


def test_one_item_with_one_word_is_enough() -> None:
    ids, found = vectors({"item_id": ["a"], "title": ["fox"]})
    assert (ids, found.tolist()) == (["a"], [[1.0]])


def test_items_without_any_word_and_no_dimensions_are_refused() -> None:
    with pytest.raises(DataError, match="word"):
        text_embeddings(pl.DataFrame({"item_id": ["a"], "duration_seconds": [1.0]}))
    with pytest.raises(UsageError):
        text_embeddings(pl.DataFrame({"item_id": ["a"], "title": ["fox"]}), 0)
