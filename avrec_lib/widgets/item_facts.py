"""What a demo knows of every item whatever the model: words to show, and numbers to re-rank by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.evaluate.diversity import item_labels, label_vectors
from avrec_lib.evaluate.popularity import birth_of_items, choices, item_popularity, popularity_bands
from avrec_lib.schema import Items

UNKNOWN_AGE = 0.5


@dataclass(frozen=True, eq=False)
class ItemFacts:
    """One place an item in every array; the items are those of the item table and of the events, sorted by id.

    `titles` is the id where an item has none. `born` is the year of publication, or of the first event where no item
    says when it was published (`is_published` tells which), as a float, NaN where it is not known. `users` counts who
    chose the item, of `everybody`. `novelty` is −log2 of that share (one user at least), `freshness` the rank of
    `born`, both scaled to 0..1 over the catalogue; an item of unknown age has freshness 0.5.
    """

    ids: np.ndarray  # of str
    titles: list[str]
    tags: list[list[str]]
    years: list[int | None]
    born: np.ndarray
    is_published: bool
    users: np.ndarray
    everybody: int
    is_head: np.ndarray
    is_tail: np.ndarray
    novelty: np.ndarray
    freshness: np.ndarray
    tag_vectors: np.ndarray | sparse.csr_matrix | None  # unit rows, zeros for an item without tags
    choice_vectors: sparse.csr_matrix  # items × users, unit rows
    place_of: dict[str, int]

    @classmethod
    def of(cls, events: pl.DataFrame, items: pl.DataFrame | None = None) -> Self:
        """From events (`schema.Events`) and the item table; without one the ids are the titles."""
        rows = Items.create_empty() if items is None else items
        chosen = choices(events)
        known = pl.concat([chosen["item_id"], rows["item_id"]]).unique().sort()
        table = known.to_frame().join(_shown(rows), on="item_id", how="left", maintain_order="left")
        popularity, bands = item_popularity(chosen), popularity_bands(chosen)
        births = birth_of_items(popularity, rows)
        is_published = "published_at" in rows.columns and rows["published_at"].count() > 0
        numbers = (
            table.select("item_id")
            .join(popularity.select("item_id", "users"), on="item_id", how="left", maintain_order="left")
            .join(bands.select("item_id", "band"), on="item_id", how="left", maintain_order="left")
            .join(births.select("item_id", "born"), on="item_id", how="left", maintain_order="left")
        )
        users = numbers["users"].fill_null(0).to_numpy()
        everybody = chosen["user_id"].n_unique()
        band = numbers["band"].cast(pl.String).fill_null("tail")  # what nobody chose is in the tail too
        moment = pl.col("born").dt
        years = numbers.select(moment.year() + (moment.ordinal_day() - 1) / 366).to_series()
        born = years.cast(pl.Float64).fill_null(np.nan).to_numpy()
        labels = item_labels(rows, "tags") if "tags" in rows.columns else pl.DataFrame()
        return cls(
            known.to_numpy(), table["title"].fill_null(table["item_id"]).to_list(), table["tags"].to_list(),
            table["year"].to_list(), born, is_published, users, everybody, (band == "head").to_numpy(),
            (band == "tail").to_numpy(), _to_unit(-np.log2(np.maximum(users, 1) / max(everybody, 1))), _rank(born),
            label_vectors(labels, known) if labels.height else None, _choice_vectors(chosen, known),
            {item: place for place, item in enumerate(known.to_list())},
        )  # fmt: skip

    def places(self, item_ids: Iterable[str]) -> np.ndarray:
        """The places of the ids that are known; others are left out."""
        return np.array([self.place_of[item] for item in item_ids if item in self.place_of], dtype=np.int64)

    @property
    def has_ages(self) -> bool:
        """Whether any item says how old it is."""
        return bool(np.isfinite(self.born).any())

    def similarity(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """How alike items are, 0..1, (rows, columns): the mean of the cosine of their tags and of who chose them.

        Where one of the two items has no tags, the cosine of who chose them alone.
        """
        return self.similarities(rows)(columns)

    def similarities(self, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """`similarity` of `rows` to any columns, for asking again and again."""
        ours = self.choice_vectors[rows]
        our_tags = None if self.tag_vectors is None else self.tag_vectors[rows]

        def to(columns: np.ndarray) -> np.ndarray:
            # Dense on the right: sparse times few dense columns is many times faster than sparse times sparse.
            alike = ours @ self.choice_vectors[columns].toarray().T
            if self.tag_vectors is None or our_tags is None:
                return alike
            their_tags = self.tag_vectors[columns]
            by_tags = our_tags @ their_tags.T
            by_tags = by_tags.toarray() if sparse.issparse(by_tags) else by_tags
            return np.where(np.outer(_is_filled(our_tags), _is_filled(their_tags)), (alike + by_tags) / 2, alike)

        return to


def _shown(items: pl.DataFrame) -> pl.DataFrame:
    """Columns item_id, title, tags (a list without nulls, empty where there are none), year."""
    shown = ("title", "tags", "published_at")
    types = Items.create_empty().schema
    missing = [pl.lit(None, dtype=types[name]).alias(name) for name in shown if name not in items.columns]
    title = pl.col("title").str.strip_chars()
    return items.with_columns(missing).select(
        "item_id", pl.when(title != "").then(title).alias("title"),
        pl.col("tags").list.drop_nulls().list.unique(maintain_order=True), year=pl.col("published_at").dt.year(),
    )  # fmt: skip


def _to_unit(values: np.ndarray) -> np.ndarray:
    """`values` scaled to 0..1; zeros where all are equal."""
    low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
    return (values - low) / (high - low) if high > low else np.zeros(len(values))


def _rank(born: np.ndarray) -> np.ndarray:
    """0 for the oldest, 1 for the newest, items of one age alike; UNKNOWN_AGE where it is not known."""
    rank = np.full(len(born), UNKNOWN_AGE)
    known = np.isfinite(born)
    levels, level = np.unique(born[known], return_inverse=True)
    if len(levels) > 1:
        counts = np.bincount(level)
        middle = np.cumsum(counts) - (counts + 1) / 2
        rank[known] = _to_unit(middle)[level]
    return rank


def _choice_vectors(chosen: pl.DataFrame, item_ids: pl.Series) -> sparse.csr_matrix:
    pairs = chosen.select("user_id", "item_id").unique()
    rows = pairs["item_id"].cast(pl.Enum(item_ids)).to_physical().to_numpy()
    users = pairs["user_id"].rank("dense").to_numpy().astype(np.int64) - 1
    shape = (len(item_ids), int(users.max()) + 1 if len(users) else 0)
    matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, users)), shape=shape)
    lengths = np.sqrt(matrix.getnnz(axis=1))
    scale = np.divide(1, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
    return sparse.diags(scale).dot(matrix).astype(np.float32).tocsr()


def _is_filled(vectors: np.ndarray | sparse.csr_matrix) -> np.ndarray:
    return np.asarray(vectors.any(axis=1) if isinstance(vectors, np.ndarray) else vectors.getnnz(axis=1) > 0)
