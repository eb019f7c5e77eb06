"""What two towers are told: the content of items, the profiles of users, the hour and weekday of a moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.content.text import text_embeddings
from avrec_lib.errors import DataError
from avrec_lib.evaluate.diversity import embedding_vectors
from avrec_lib.models.histories import NO_TIME
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import label_table
from avrec_lib.networks.towers import Content
from avrec_lib.schema import TIME

AGE_BAND = "age_band"
PROFILE = (AGE_BAND, "gender", "occupation", "country", "language")
_YEARS = 10
FEATURES = 4  # of a moment


def content_of(
    interactions: Interactions, attributes: Sequence[str], embeddings: pl.DataFrame | None, dimensions: int
) -> Content:
    """Labels, each row of length 1, and numbers: text in `dimensions` (0: none), then `embeddings` where given.

    Only labels that a chosen item shares with another count: of the others nothing can be learned, or nothing is asked.
    Raises DataError for embeddings with nulls, NaN or infinity.
    """
    table, _ = label_table(interactions, attributes)
    chosen = np.zeros(len(interactions.item_ids), bool)
    chosen[interactions.past.items] = True
    useful = (table.getnnz(axis=0) > 1) & (table[chosen].getnnz(axis=0) > 0)
    table = table[:, useful].tocsr()
    numbers = np.sqrt(np.maximum(table.getnnz(axis=1), 1))
    table = sparse.csr_matrix(sparse.diags(1 / numbers) @ table, dtype=np.float32)
    ids = pl.Series("item_id", interactions.item_ids, dtype=pl.String)
    parts = [np.empty((len(ids), 0), np.float32)]
    if dimensions and (text := _text(interactions, dimensions)) is not None:
        parts.append(embedding_vectors(text, ids))
    if embeddings is not None:
        parts.append(embedding_vectors(embeddings, ids))
    return Content(table, np.hstack([part * np.float32(part.shape[1] ** 0.5) for part in parts]))


def _text(interactions: Interactions, dimensions: int) -> pl.DataFrame | None:
    """Embeddings of the words of items, None where no item has one: labels may still say something."""
    if interactions.items is None or "item_id" not in interactions.items.columns:
        return None
    try:
        return text_embeddings(interactions.items, dimensions)
    except DataError:
        return None


def profiles_of(interactions: Interactions) -> tuple[pl.Series, np.ndarray, np.ndarray]:
    """Ids of the users of the table, codes (users, columns) int32 and the number of values of each column.

    Columns are those of PROFILE that say something of anybody, codes from 1, 0 where the value is not known. An age
    counts by its ten years, from the birth year and the last training event where it is not told.
    """
    users = interactions.users
    if users is None or "user_id" not in users.columns:
        return pl.Series("user_id", [], pl.String), np.empty((0, 0), np.int32), np.empty(0, np.int32)
    absent = {"age": pl.Int32, "birth_year": pl.Int32} | dict.fromkeys(PROFILE[1:], pl.String)
    table = users.with_columns(pl.lit(None, kind).alias(name) for name, kind in absent.items() if name not in users)
    if AGE_BAND not in users.columns:
        last_year = interactions.log.select(pl.col("timestamp").cast(TIME).max().dt.year()).item()
        told_age, born = (pl.col(name).cast(pl.Float64).fill_nan(None) for name in ("age", "birth_year"))
        table = table.with_columns((pl.coalesce(told_age, last_year - born) // _YEARS).alias(AGE_BAND))
    table = table.unique("user_id", keep="first").sort("user_id")
    told = [name for name in PROFILE if table.get_column(name).null_count() < table.height]
    codes = table.select(pl.col(name).rank("dense").fill_null(0).cast(pl.Int32) for name in told)
    values = codes.max().row(0) if told else ()
    found = codes.to_numpy().astype(np.int32).reshape(table.height, len(told))
    return table.get_column("user_id"), found, np.array(values, np.int32) + 1


def moments_of(times: np.ndarray) -> np.ndarray:
    """Sine and cosine of hour and weekday (UTC) of microseconds since 1970: (times, 4) float64, NaN for NO_TIME."""
    moments = pl.Series(np.where(times == NO_TIME, 0, times)).cast(TIME).dt
    angles = np.column_stack([moments.hour().to_numpy() / 24, moments.weekday().to_numpy() / 7]) * 2 * np.pi
    found = np.hstack([np.sin(angles), np.cos(angles)])
    found[times == NO_TIME] = np.nan
    return found


def scale_of(moments: np.ndarray) -> np.ndarray:
    """Mean of each feature of `moments`, and 1 / its standard deviation, 0 for one that never changes: (2, 4)."""
    known = moments[~np.isnan(moments[:, 0])]
    if not len(known):
        return np.zeros((2, FEATURES), np.float32)
    spread = known.std(axis=0)
    return np.stack([known.mean(axis=0), np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0)]).astype(np.float32)


def scaled(moments: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """`moments` less the mean, in standard deviations, float32; 0 where nothing is known."""
    return np.nan_to_num((moments - scale[0]) * scale[1]).astype(np.float32)
