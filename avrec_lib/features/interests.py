"""What somebody cares for: the labels of what was chosen, the newer the heavier, as shares."""

from __future__ import annotations

import polars as pl

from avrec_lib.content.labels import attribute_labels
from avrec_lib.errors import UsageError
from avrec_lib.features.histories import chosen

KINDS = {"tag": "tags", "category": "category", "creator": "creator_id"}
"""A kind of interest -> the column of `schema.Items` that has its labels."""

SHARES = {
    "query_id": pl.String, "user_id": pl.String, "kind": pl.String, "label": pl.String, "weight": pl.Float64,
    "events": pl.Int64,
}  # fmt: skip


def labels_of(items: pl.DataFrame | None) -> pl.DataFrame:
    """Columns item_id, kind, label, part: the distinct labels of each item, each 1/(labels of that kind) of it.

    None where an item has no label of a kind, and where the table lacks the column.
    """
    told = pl.DataFrame(schema={"item_id": pl.String}) if items is None else items
    kinds = {column: kind for kind, column in KINDS.items()}
    known = attribute_labels(told, list(kinds)).select(
        "item_id", pl.col("attribute").replace_strict(kinds, return_dtype=pl.String).alias("kind"), "label"
    )
    return known.with_columns(part=1 / pl.len().over("item_id", "kind"))


def interests_of(
    known: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    half_life_days: float = 30.0,
    half_life_events: float = 50.0,
    min_value: float | None = None,
) -> pl.DataFrame:
    """Columns query_id, user_id, kind, label, weight, events: a row a label of what a query's user chose.

    weight = Σ part · 2^(−age / half-life) over the choices with the label, divided by its sum over the kind, so that
    a query's weights of a kind sum to 1. `part` is that of `labels_of`; age is in days where every choice of the query
    has one, else it is the number of its later choices. `events` counts the choices with the label. An infinite
    half-life forgets nothing. Heaviest first within a kind. Choices without a label of a kind do not count for it, and
    a query without any has no row of it. Raises UsageError for a half-life that is not above 0.
    """
    for name, value in {"half_life_days": half_life_days, "half_life_events": half_life_events}.items():
        if not value > 0:
            raise UsageError("{name} must be above 0, but is {value}.", name=name, value=value)
    later = pl.len().over("query_id") - 1 - pl.int_range(pl.len()).over("query_id")
    halvings = (
        pl.when(pl.col("age_days").is_not_null().all().over("query_id"))
        .then(pl.col("age_days") / half_life_days)
        .otherwise(later / half_life_events)
    )
    choices = known.filter(chosen(min_value)).select("query_id", "user_id", "item_id", halvings=halvings)
    labelled = choices.join(labels, on="item_id", how="inner", maintain_order="left")
    # Counted from the newest choice of the kind: shares stay the same, and those of a user long gone do not become 0/0.
    since = pl.col("halvings") - pl.col("halvings").min().over("query_id", "kind")
    mass = labelled.with_columns(mass=pl.col("part") * 0.5**since)
    summed = mass.group_by("query_id", "user_id", "kind", "label", maintain_order=True).agg(
        weight=pl.col("mass").sum(), events=pl.len()
    )
    shares = summed.with_columns(pl.col("weight") / pl.col("weight").sum().over("query_id", "kind"))
    return in_order(shares.cast(SHARES), known)  # type: ignore[arg-type]


def in_order(shares: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`shares` with queries as in `known`, kinds as in KINDS (others after them), the heaviest label first."""
    order = known.select(pl.col("query_id").unique(maintain_order=True)).with_row_index("asked")
    rank = pl.col("kind").replace_strict({kind: place for place, kind in enumerate(KINDS)}, default=len(KINDS))
    return (
        shares.join(order, on="query_id", maintain_order="left")
        .sort("asked", rank, "kind", -pl.col("weight"), "label")
        .select(list(SHARES))
    )
