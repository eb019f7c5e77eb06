"""Items by their words: what is written of them, as short vectors."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError
from avrec_lib.schema import Items, require_columns

_WORD = r"[^\W\u3400-\u9fff]{2,}|[\u3400-\u9fff]"
"""Two letters or more; Chinese, which is written without spaces, character by character."""


def text_embeddings(items: pl.DataFrame, dimensions: int = 64, seed: int = 0) -> pl.DataFrame:
    """Columns item_id and vector (a list of float32) of the items that have words in title, description or tags.

    Latent semantic analysis: words are weighted by TF-IDF, (1 + ln n) · (ln((1 + N) / (1 + d)) + 1) for a word that
    stands n times in the item and in d of N items, rows brought to length 1, and projected on the first `dimensions`
    right singular vectors; with fewer words than that they stay as they are. Items without a word have no row.
    Deerwester et al. 1990, "Indexing by latent semantic analysis". Raises DataError when no item has a word,
    UsageError for dimensions below 1.
    """
    if not isinstance(dimensions, int) or dimensions < 1:
        raise UsageError("dimensions must be at least 1, but is {dimensions}.", dimensions=dimensions)
    require_columns(["item_id"], items.columns, Items, "items")
    texts = items.select("item_id", text=_text(items)).filter(pl.col("text").str.contains(_WORD))
    if texts.is_empty():
        raise DataError(
            "No item has a word in its title, description or tags, so items have no text to compare.",
            hint="Give embeddings of the items, or compare them by attributes.",
        )
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights = TfidfVectorizer(token_pattern=_WORD, sublinear_tf=True).fit_transform(texts["text"].to_list())
    if weights.shape[1] <= dimensions:  # turning them would change no cosine
        vectors = weights.toarray()
    else:
        vectors = TruncatedSVD(min(dimensions, weights.shape[0]), random_state=seed).fit_transform(weights)
    kind = pl.Array(pl.Float32, vectors.shape[1])
    return texts.select("item_id", vector=pl.Series(vectors.astype(np.float32), dtype=kind).arr.to_list())


def _text(items: pl.DataFrame) -> pl.Expr:
    """Title, description and tags of an item in one string, without what the table lacks."""
    parts = [pl.col(name).cast(pl.String).fill_null("") for name in ("title", "description") if name in items.columns]
    if "tags" in items.columns:
        parts.append(pl.col("tags").cast(pl.List(pl.String)).list.join(" ", ignore_nulls=True).fill_null(""))
    return pl.concat_str(parts or [pl.lit("")], separator=" ")
