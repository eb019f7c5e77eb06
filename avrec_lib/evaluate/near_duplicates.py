"""Lists that nearly repeat themselves: the same title again, or a vector that points the same way."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.evaluate.list_sums import first_places
from avrec_lib.evaluate.lists import Lists, as_values, row_of_each
from avrec_lib.evaluate.ratio import ratio
from avrec_lib.schema import Items, require_columns

_PLACES_AT_ONCE = 2**21
_YEARS = r"[(\[（【]\s*\d{4}(\s*[-–/]\s*\d{4})?\s*[)\]）】]"
_NO_LETTERS = r"[^\p{L}\p{M}\p{N}]+"


def title_groups(items: pl.DataFrame) -> pl.DataFrame:
    """Columns item_id, group: items with the same group have the same title, and the same creator where both are told.

    Titles are compared in lower case, without years in brackets, punctuation and spaces. An item whose creator is not
    told is grouped with others of unknown creator only; one without a title, or with nothing left of it, has no row.
    """
    require_columns(("item_id", "title"), items.columns, Items, "items")
    title = pl.col("title").str.normalize("NFKC").str.to_lowercase().str.replace_all(_YEARS, "")
    creator = pl.col("creator_id") if "creator_id" in items.columns else pl.lit(None, pl.String)
    named = items.select("item_id", title=title.str.replace_all(_NO_LETTERS, ""), creator=creator)
    known = named.filter(pl.col("title") != "")
    return known.select("item_id", group=pl.struct("title", "creator").rank("dense").cast(pl.Int64) - 1)


def same_title_values(
    lists: Lists, items: pl.DataFrame, *, k: int, model: str, seed: int = 0, window: int = 0
) -> pl.DataFrame:
    """`near_duplicates`: the share of places among the first `k` whose item has the title of an earlier one.

    `items` has item_id and title, and creator_id where it is known (`title_groups`). Items without a title are left
    out; null for a list of fewer than two items with one.
    """
    shown = items.filter(pl.col("item_id").is_in(lists.item_ids.implode()))
    group = np.append(np.nan_to_num(lists.place(title_groups(shown), "group"), nan=-1.0), -1.0)
    places = np.sort(group[first_places(lists, k)], axis=1)
    titled = places >= 0
    repeats = (titled[:, 1:] & (np.diff(places, axis=1) == 0)).sum(axis=1)
    share = _of_two_or_more(repeats, titled.sum(axis=1))
    return as_values(lists, {"near_duplicates": share}, k=k, model=model, seed=seed, window=window)


def near_duplicate_values(
    lists: Lists, vectors: pl.DataFrame, *, threshold: float = 0.95, k: int, model: str, seed: int = 0, window: int = 0
) -> pl.DataFrame:
    """`near_duplicates`: the share of places among the first `k` whose item nearly repeats an earlier one.

    Nearly: the cosine of their vectors is at least `threshold`. `vectors` has item_id and vector (a list or array of
    numbers); items without one, or of length 0, are left out. Null for a list of fewer than two items with a vector.
    """
    table = np.vstack(vectors["vector"].to_list()).astype(np.float32)
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    unit = np.append(np.divide(table, norms, out=np.zeros_like(table), where=norms > 0), table[:1] * 0, axis=0)
    known = np.append(norms[:, 0] > 0, False)
    row_of = np.append(row_of_each(lists.item_ids, vectors["item_id"], "items"), -1)
    items = row_of[first_places(lists, k)]
    share = np.empty(len(items))
    size = max(1, _PLACES_AT_ONCE // max(1, items.shape[1] * unit.shape[1]))
    earlier = np.tri(items.shape[1], k=-1, dtype=bool)
    for start in range(0, len(items), size):
        block = items[start : start + size]
        cosine = unit[block] @ unit[block].transpose(0, 2, 1)
        repeats = ((cosine >= threshold) & earlier & known[block][:, None, :]).any(axis=2) & known[block]
        of = known[block].sum(axis=1)
        share[start : start + size] = _of_two_or_more(repeats.sum(axis=1), of)
    return as_values(lists, {"near_duplicates": share}, k=k, model=model, seed=seed, window=window)


def _of_two_or_more(repeats: np.ndarray, known: np.ndarray) -> np.ndarray:
    return ratio(repeats, np.where(known > 1, known, 0))
