"""What will be chosen next? Labels told from the user's earlier choices, from everybody's, and from what was said."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.features.interests import labels_of

GRID: dict[str, tuple[float, ...]] = {
    "own": tuple(2.0**power for power in range(-7, 4)), "said": tuple(2.0**power for power in range(-3, 7))
}  # fmt: skip
"""What a choice of one's own, or all that one said, may weigh beside everybody's shares together."""


def next_labels(
    choices: pl.DataFrame, items: pl.DataFrame, kind: str = "tag", half_life: float = float("inf"),
    said: pl.DataFrame | None = None,
) -> pl.DataFrame:  # fmt: skip
    """One row a label of each of `choices_in_order`, with what was known of it before that choice.

    Columns user_id, place, later, label, part, own, known, general, said. With r = 2^(−1 / `half_life`), in choices:

        own = Σ_{s < place, s has the label} part_s · r^(place − s)        known = Σ_{s < place} r^(place − s)

    `general` is the label's share in the earlier halves of everybody, (Σ part + 1) / (Σ all parts + labels). `said`
    (user_id, label, weight) gives the share of what the user stated, weights below 0 as 0; who stated nothing of weight
    has `general` there. `later` marks the later half of a user's choices. Raises UsageError for a half-life that is not
    above 0.
    """
    if not half_life > 0:
        raise UsageError("{name} must be above 0, but is {value}.", name="half_life", value=half_life)
    labels = labels_of(items).filter(pl.col("kind") == kind).select("item_id", "label", "part")
    rows = choices.select(
        "user_id", "item_id", "place", later=pl.col("place") >= pl.col("choices") // 2
    ).join(labels, on="item_id", maintain_order="left").drop("item_id")  # fmt: skip
    rows = rows.sort("user_id", "label", "place")
    keep = 0.5 ** (1 / half_life)
    gap = pl.col("place").diff().over("user_id", "label")
    decay = rows.select((keep ** gap.cast(pl.Float64)).fill_null(0.0)).to_series().to_numpy()
    part = rows["part"].to_numpy()
    place = rows["place"].to_numpy()
    known = place.astype(float) if keep == 1 else keep * (1 - keep**place) / (1 - keep)
    # Rounding must not leave a trace of what was never chosen.
    own = np.where(decay == 0, 0.0, decayed_sums(part, decay) - part)
    earlier = rows.filter(~pl.col("later"))
    shares = rows.select("label").unique().sort("label").join(
        earlier.group_by("label").agg(total=pl.col("part").sum()), on="label", how="left"
    ).with_columns(pl.col("total").fill_null(0.0))  # fmt: skip
    shares = shares.select("label", general=(pl.col("total") + 1) / (pl.col("total").sum() + pl.len()))
    told = rows.with_columns(own=pl.Series(own), known=pl.Series(known)).join(shares, on="label", maintain_order="left")
    return _with_said(told, said)


def decayed_sums(values: np.ndarray, decay: np.ndarray) -> np.ndarray:
    """x_i = decay_i · x_{i−1} + values_i for all i, float64; a decay of 0 begins anew.

    By doubling: after step s every x_i holds its last 2^s terms, so that the longest stretch takes its logarithm.
    """
    total, reach = values.astype(np.float64), decay.astype(np.float64)
    step = 1
    while step < len(total) and reach[step:].any():
        total[step:] += reach[step:] * total[:-step].copy()
        reach[step:] *= reach[:-step].copy()
        reach[:step] = 0.0
        step *= 2
    return total


def surprise_by_user(rows: pl.DataFrame, weights: Mapping[str, float]) -> pl.DataFrame:
    """Columns user_id, choices, value: the mean over a user's choices of −Σ_l part(l) ln P(l), in nats.

    `rows` are those of `next_labels`, `weights` what `own` and `said` weigh (absent: 0) beside everybody's shares:

        P(l) = (general(l) + w_own · own(l) + w_said · said(l)) / (1 + w_own · known + w_said)

    ln(labels) is the surprise of one who knows nothing.
    """
    surprise = (_surprise(weights) * pl.col("part")).sum() / pl.col("part").sum()
    return rows.group_by("user_id", maintain_order=True).agg(choices=pl.col("place").n_unique(), value=surprise)


def best_weights(rows: pl.DataFrame, sources: Collection[str]) -> dict[str, float]:
    """The weights of GRID for `sources` with the least mean surprise over `rows`; of equals the smallest.

    Choose them on the earlier halves, and ask the later ones. Raises UsageError for an unknown source.
    """
    for name in sources:
        if name not in GRID:
            raise unknown_name("source", name, GRID)
    tried = [dict(zip(sources, each, strict=True)) for each in itertools.product(*(GRID[name] for name in sources))]
    mean = pl.col("part") / pl.col("part").sum()
    found = rows.select((_surprise(weights) * mean).sum().alias(str(place)) for place, weights in enumerate(tried))
    return tried[int(np.argmin(found.row(0)))]


def memory(
    choices: pl.DataFrame, items: pl.DataFrame, kind: str = "tag",
    half_lives: Sequence[float] = (2, 5, 10, 20, 50, 100, float("inf")),
) -> pl.DataFrame:  # fmt: skip
    """How well interests with each half-life (in choices) tell the next: one row a half-life and user.

    Columns half_life, own (the weight), earlier, user_id, choices, value. The weight is chosen on the earlier halves,
    where `earlier` is the mean surprise it reaches; `value` is the user's mean surprise in the later half (both of
    `surprise_by_user`). A single choice is a later half.
    """
    parts = []
    for half_life in half_lives:
        rows = next_labels(choices, items, kind, half_life)
        earlier = rows.filter(~pl.col("later"))
        weights = best_weights(earlier, ["own"])
        reached = earlier.select((_surprise(weights) * pl.col("part")).sum() / pl.col("part").sum()).item()
        values = surprise_by_user(rows.filter("later"), weights)
        parts.append(values.select(
            pl.lit(float(half_life)).alias("half_life"), pl.lit(weights["own"]).alias("own"),
            pl.lit(reached).alias("earlier"), "user_id", "choices", "value",
        ))  # fmt: skip
    return pl.concat(parts)


def _surprise(weights: Mapping[str, float]) -> pl.Expr:
    own, said = weights.get("own", 0.0), weights.get("said", 0.0)
    chance = (pl.col("general") + own * pl.col("own") + said * pl.col("said")) / (1 + own * pl.col("known") + said)
    return -chance.log()


def _with_said(rows: pl.DataFrame, said: pl.DataFrame | None) -> pl.DataFrame:
    if said is None:
        return rows.with_columns(said="general")
    known = rows.select("label").unique()
    liked = said.select("user_id", "label", weight=pl.col("weight").clip(0)).join(known, on="label", how="semi")
    shares = liked.group_by("user_id", "label").agg(pl.col("weight").sum())
    shares = shares.with_columns(whole=pl.col("weight").sum().over("user_id")).filter(pl.col("whole") > 0)
    shares = shares.select("user_id", "label", said=pl.col("weight") / pl.col("whole"))
    spoke = pl.col("user_id").is_in(shares["user_id"].unique().implode())
    return rows.join(shares, on=["user_id", "label"], how="left", maintain_order="left").with_columns(
        said=pl.when(spoke).then(pl.col("said").fill_null(0.0)).otherwise("general")
    )
