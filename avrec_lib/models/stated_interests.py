"""What users said they like, matched to the tags of items: for those who answered and did nothing yet."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.errors import UsageError
from avrec_lib.models.content_attributes import unit_rows
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import known_items
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import Real, Space
from avrec_lib.models.top_k import UNRANKED


class StatedInterests(MatrixRecommender):
    """Score = (1 − p) · cos(u, xᵢ) + p · n / max n: stated interests, and a share p = `popularity` of popularity.

    xᵢ has ln(1 + N / n) for each tag of item i, n of the N items of the catalogue have it; u has the stated weight
    times the same for each tag that the user named; n users chose the item. `stated` has user_id, label and weight
    (`features.surveys`), one row a user and label. Who stated nothing that an item is tagged with gets the items by
    popularity. Histories play no part but for what is hidden. An item that nobody chose and that shares no tag is not
    ranked. `fit` raises DataError without a table of items. A saved model knows what was stated.
    """

    name = "stated interests"
    space: ClassVar[Space] = {"popularity": Real(0.0, 1.0)}
    learned = (
        "users", "stated_columns", "stated_starts", "stated_weights", "tag_columns", "tag_starts", "tag_weights",
        "shares",
    )  # fmt: skip

    def __init__(self, stated: pl.DataFrame | None = None, popularity: float = 0.5) -> None:
        if not 0 <= popularity <= 1:
            raise UsageError("popularity must be a share from 0 to 1, but is {share}.", share=popularity)
        self.stated, self.popularity = stated, float(popularity)

    def options(self) -> dict[str, Any]:
        """The constructor arguments of this model but for what was stated, which is among what it learned."""
        return {name: value for name, value in super().options().items() if name != "stated"}

    def _learn(self, interactions: Interactions) -> None:
        items = known_items(interactions, self.name)
        placed = items.select("item_id", label="tags").explode("label").drop_nulls().unique()
        placed = placed.join(interactions.item_rows, on="item_id")
        tags = placed.select("label").unique().sort("label").with_row_index("column")
        cells = placed.join(tags, on="label").sort("item_row", "column")
        number = len(interactions.item_ids)
        self.tag_columns = cells["column"].to_numpy().astype(np.int32)
        self.tag_starts = _starts(cells["item_row"], number)
        self.tag_weights = np.log1p(number / np.bincount(self.tag_columns, minlength=tags.height)).astype(np.float32)
        stated = pl.DataFrame(schema={"user_id": pl.String, "label": pl.String, "weight": pl.Float64})
        told = (stated if self.stated is None else self.stated).join(tags, on="label").drop_nulls()
        people = told.select("user_id").unique().sort("user_id").with_row_index("row")
        said = told.join(people, on="user_id").sort("row", "column")
        self.users = np.frombuffer(json.dumps(people["user_id"].to_list()).encode(), np.uint8)
        self.stated_columns = said["column"].to_numpy().astype(np.int32)
        self.stated_starts = _starts(said["row"], people.height)
        self.stated_weights = said["weight"].to_numpy().astype(np.float32)
        counts = np.bincount(interactions.matrix().indices, minlength=number)
        self.shares = (counts / max(counts.max(initial=0), 1)).astype(np.float32)

    def _prepare(self, items: int) -> None:
        ids = json.loads(self.users.tobytes())
        tags = len(self.tag_weights)
        ones = np.ones(len(self.tag_columns), np.float32)
        of_items = sparse.csr_matrix((ones, self.tag_columns, self.tag_starts), shape=(items, tags))
        cells = (self.stated_weights, self.stated_columns, self.stated_starts)
        of_users = sparse.csr_matrix(cells, shape=(len(ids), tags))
        for table in (of_items, of_users):
            table.check_format(full_check=True)  # numbers from a file must not reach beyond the arrays
        numbers = (self.tag_weights, self.stated_weights, self.shares)
        if len(self.shares) != items or not all(np.isfinite(each).all() for each in numbers):
            raise ValueError("shares or weights do not fit the catalogue")
        self._by_tag = unit_rows(of_items.multiply(self.tag_weights).tocsr()).T.tocsr()
        told = unit_rows(of_users.multiply(self.tag_weights).tocsr())
        self._told = sparse.vstack([told, sparse.csr_matrix((1, tags), dtype=np.float32)]).tocsr()  # the last: nobody
        self._people = pl.DataFrame({"user_id": ids}, schema={"user_id": pl.String}).with_row_index("row")

    def _score(self, histories: Histories) -> np.ndarray:
        asked = pl.DataFrame({"user_id": histories.user_ids})
        found = asked.join(self._people, on="user_id", how="left", maintain_order="left").get_column("row")
        rows = found.cast(pl.Int64).fill_null(self._people.height).to_numpy()
        liking = (self._told[rows] @ self._by_tag).toarray()
        scores = np.float32(1 - self.popularity) * liking
        scores += np.float32(self.popularity) * self.shares
        silent = self._told[rows].getnnz(axis=1) == 0
        scores[silent] = self.shares
        scores[(liking == 0) & (self.shares == 0)] = UNRANKED
        return scores


def _starts(rows: pl.Series, number: int) -> np.ndarray:
    """Where each row of a sparse table begins, int32 (number + 1,); `rows` is sorted."""
    return np.searchsorted(rows.to_numpy(), np.arange(number + 1)).astype(np.int32)
