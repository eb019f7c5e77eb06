"""What is known beside the lists, worked out once in the form in which the metrics beyond accuracy want it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.evaluate.diversity import embedding_vectors, item_labels, label_vectors
from avrec_lib.evaluate.judged import Judged
from avrec_lib.evaluate.list_sums import first_places
from avrec_lib.evaluate.lists import Lists, row_of_each
from avrec_lib.evaluate.popularity import birth_of_items, choices, item_popularity, popularity_bands
from avrec_lib.evaluate.taste import histories_of
from avrec_lib.protocols import queries_table
from avrec_lib.schema import Items, require_columns

REASONS = {
    "popularity": "There are no training rows.",
    "bands": "There are no training rows.",
    "histories": "No query has a history.",
    "tags": "No item has a tag.",
    "tags vectors": "No item has a tag.",
    "category": "No item has a category.",
    "category vectors": "No item has a category.",
    "embedding vectors": "No item has an embedding.",
    "births": "Neither the items nor the training rows have times.",
    "cuts": "No query has a time.",
    "judged": "Nothing says what was relevant.",
    "catalogue": "Neither training rows nor an item table say what could have been shown.",
    "creators": "No item has a creator.",
}
"""What a metric may need -> why it is left out when that is not there (a template of `strings`)."""

LABELS = ("tags", "category")
"""The columns of items that label them."""


@dataclass(frozen=True, eq=False)
class Background:
    """What the lists are held against, whichever model made them: the same for every model on a split.

    `known` are those of REASONS that do not depend on the lists, and `seen`: the histories that the lists hide (None:
    they hide nothing).
    """

    queries: pl.DataFrame
    truth: pl.DataFrame | None
    embeddings: pl.DataFrame | None
    known: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        queries: pl.DataFrame,
        train: pl.DataFrame | None = None,
        items: pl.DataFrame | pl.LazyFrame | None = None,
        truth: pl.DataFrame | None = None,
        embeddings: pl.DataFrame | None = None,
        catalogue: pl.Series | None = None,
        exclude_seen: bool = True,
    ) -> Self:
        """The tables as `beyond_accuracy_values` takes them, in the form in which the metrics want them."""
        asked = queries_table(queries)
        rows = pl.DataFrame(schema={"item_id": pl.String}) if items is None else items.lazy().collect()
        require_columns(("item_id",), rows.columns, Items, "items")
        chosen = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String}) if train is None else choices(train)
        histories = histories_of(asked, chosen)
        known: dict[str, Any] = {"seen": histories if exclude_seen else None}
        if histories.height:
            known["histories"] = histories
        if chosen.height:
            known |= {"popularity": item_popularity(chosen), "bands": popularity_bands(chosen)}
        labels = {column: item_labels(rows, column) for column in LABELS if column in rows.columns}
        known |= {column: table for column, table in labels.items() if table.height}
        if "creator_id" in rows.columns and rows["creator_id"].count():
            known["creators"] = rows
        known |= _births(rows, known) | _catalogue(rows, chosen, catalogue)
        return cls(asked, truth, embeddings, known)

    def beside(self, lists: Lists) -> dict[str, Any]:
        """Those of REASONS that can be told of `lists`, and `seen`. Raises DataError for lists of other queries."""
        known = dict(self.known)
        cuts = _in_order(lists, self.queries)["cut"]
        if cuts.count():
            known["cuts"] = cuts
        if self.truth is not None and self.truth.height:
            known["judged"] = Judged.of(lists, self.truth)
        vectors = {
            f"{column} vectors": label_vectors(known[column], lists.item_ids) for column in LABELS if column in known
        }
        if self.embeddings is not None and self.embeddings.height:
            vectors["embedding vectors"] = embedding_vectors(self.embeddings, lists.item_ids)
        return known | vectors


def gaps(lists: Lists, known: dict[str, Any], k: int) -> pl.DataFrame:
    """Columns feature, k, places, without: the filled places among the first `k`, and how many of them hold an item
    without the feature (tags, category, embedding, time). Features that no item has are no row.
    """
    features = {name.removesuffix(" vectors"): _has_vector(known[name]) for name in known if name.endswith("vectors")}
    if "births" in known:
        days = known["births"].select("item_id", known=pl.col("born").is_not_null())
        features["time"] = np.nan_to_num(lists.place(days, "known"))
    places = first_places(lists, k)
    shown = np.bincount(places[places >= 0], minlength=len(lists.item_ids))
    filled = int(shown.sum())
    rows = [(name, k, filled, filled - int(shown @ has)) for name, has in features.items()]
    schema = {"feature": pl.String, "k": pl.Int32, "places": pl.Int64, "without": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")


def _has_vector(vectors: Any) -> np.ndarray:
    return np.asarray(vectors.any(axis=1) if isinstance(vectors, np.ndarray) else vectors.getnnz(axis=1) > 0)


def _in_order(lists: Lists, asked: pl.DataFrame) -> pl.DataFrame:
    """The rows of `asked` in the order of the lists."""
    row = row_of_each(lists.queries["query_id"], asked["query_id"], "queries")
    if (row < 0).any():
        raise DataError(
            "{count} lists belong to none of the queries, the first of them to {query}.",
            hint="Pass the queries that the lists were made for.",
            count=int((row < 0).sum()), query=repr(lists.queries["query_id"][int(np.argmin(row))]),
        )  # fmt: skip
    return asked[row]


def _births(items: pl.DataFrame, known: dict[str, Any]) -> dict[str, Any]:
    born = birth_of_items(known.get("popularity"), items)
    return {"births": born} if born["born"].count() else {}


def _catalogue(items: pl.DataFrame, chosen: pl.DataFrame, catalogue: pl.Series | None) -> dict[str, Any]:
    if catalogue is None:
        catalogue = pl.concat([items["item_id"], chosen["item_id"]])
    return {"catalogue": catalogue} if catalogue.count() else {}
