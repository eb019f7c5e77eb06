"""Type-ahead: which names hold what was typed so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl


class Search:
    """Names to be found by parts of their words, the heavier ones (more chosen, more active) first."""

    def __init__(self, names: Sequence[str], weights: np.ndarray) -> None:
        self._names = pl.DataFrame({"name": list(names), "weight": weights}, schema_overrides={"name": pl.String})
        self._names = self._names.with_row_index("place").with_columns(folded=_folded(pl.col("name")))

    def find(self, text: str, limit: int) -> list[int]:
        """The places of at most `limit` names that hold every word of `text`, whatever its case and its accents.

        The name that is `text` comes first, then those that begin with it, then those with a word that does. An
        empty text finds the heaviest.
        """
        typed = pl.select(_folded(pl.lit(text))).item().strip()
        folded = pl.col("folded")
        found = self._names.filter([folded.str.contains(word, literal=True) for word in typed.split()] or [True])
        nearness = pl.sum_horizontal(
            (folded == typed).cast(pl.Int8), folded.str.starts_with(typed).cast(pl.Int8),
            (" " + folded).str.contains(f" {typed}", literal=True).cast(pl.Int8),
        )  # fmt: skip
        best = found.with_columns(nearness=nearness).sort("nearness", "weight", "place", descending=[True, True, False])
        return best["place"].head(limit).to_list()


def _folded(text: pl.Expr) -> pl.Expr:
    return text.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.to_lowercase()
