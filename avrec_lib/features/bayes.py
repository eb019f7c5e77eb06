"""Interest as P(U | C): how likely an interest is, given the context or the content that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.features.histories import chosen, typed_log
from avrec_lib.features.interests import KINDS, labels_of

CONTENT = ("category", "creator_id", "language")


@dataclass(frozen=True, eq=False)
class NaiveBayes:
    """P(u | c) of interests u, given what is seen at once, c = (c_1, …, c_m): a time of day, a device, a language.

    By Bayes, with the parts of c taken as independent once u is known:

        P(u | c) = P(u) · Π_j P(c_j | u) / Σ_v P(v) · Π_j P(c_j | v)

    `prior` has label, count and probability: P(u). `likelihood` has column (which part of c), value, label, count and
    probability: P(c_j = value | u), for all values and labels that were seen at all.
    """

    prior: pl.DataFrame
    likelihood: pl.DataFrame

    @property
    def labels(self) -> list[str]:
        """The interests, in the order of the columns of `posterior`."""
        return self.prior["label"].to_list()

    @property
    def columns(self) -> list[str]:
        """What is known of a context: the parts of c."""
        return self.likelihood["column"].unique(maintain_order=True).to_list()

    def posterior(
        self, contexts: pl.DataFrame, prior: pl.DataFrame | None = None, general_share: float = 0.2
    ) -> np.ndarray:
        """P(u | c) for each row of `contexts`: float64 (rows, labels), a row sums to 1.

        `contexts` has some of `columns` as strings. A part that is null, absent or was never seen is left out of the
        product: it says nothing. `prior` puts a user's own interests w in the place of P(u), as (1 − λ) w(u) + λ P(u)
        with λ = `general_share`, since nobody has met all that he would like: columns query_id (as in `contexts`),
        label and weight, such as a profile's interests of one kind. A query without rows there, or with none of these
        labels, keeps P(u). A row in which nothing is possible (without smoothing) is NaN. Raises UsageError for a
        share outside 0 to 1.
        """
        logarithms = self._priors(contexts, prior, general_share)
        with np.errstate(divide="ignore"):
            for column in self.columns:
                if column in contexts.columns:
                    table, rows = self._of_column(column, contexts[column])
                    logarithms = logarithms + np.log(table)[rows]
        highest = logarithms.max(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            possible = np.exp(logarithms - highest)  # NaN where every label has probability 0
        return possible / possible.sum(axis=1, keepdims=True)

    def cross_entropy(
        self, rows: pl.DataFrame, prior: pl.DataFrame | None = None, general_share: float = 0.2
    ) -> float | None:
        """−Σ w ln P(u | c) / Σ w over `rows`, in nats: how surprised the model is by interests it did not learn from.

        `rows` are those of `observations`. The lower the better: ln(labels) for one who knows nothing, 0 for one who
        always knows. Labels that the model does not know are left out; None where no other is left. Infinite where
        something happened that maximum likelihood without smoothing holds to be impossible.
        """
        known = self.surprise(rows, prior, general_share)
        if known.is_empty():
            return None
        return float(np.average(known["surprise"], weights=known["weight"]))

    def surprise(
        self, rows: pl.DataFrame, prior: pl.DataFrame | None = None, general_share: float = 0.2
    ) -> pl.DataFrame:
        """`rows` of a label that the model knows, and their `surprise` −ln P(u | c): what `cross_entropy` is made of.

        Infinite where the model held the label to be impossible.
        """
        codes = {label: place for place, label in enumerate(self.labels)}
        known = rows.filter(pl.col("label").is_in(self.labels))
        columns = known["label"].replace_strict(codes, return_dtype=pl.Int64).to_numpy()
        given = np.nan_to_num(self.posterior(known, prior, general_share)[np.arange(known.height), columns], nan=0.0)
        with np.errstate(divide="ignore"):
            return known.with_columns(surprise=pl.Series(-np.log(given)))

    def _priors(self, contexts: pl.DataFrame, prior: pl.DataFrame | None, general_share: float) -> np.ndarray:
        """ln P(u), one row a context: (rows, labels)."""
        if not 0 <= general_share <= 1:
            raise UsageError("general_share must lie between 0 and 1, but is {share}.", share=general_share)
        general = self.prior["probability"].to_numpy()
        table = np.broadcast_to(general, (contexts.height, len(general)))
        if prior is not None:
            own = prior.filter(pl.col("label").is_in(self.labels))
            queries = own.select(pl.col("query_id").unique(maintain_order=True)).with_row_index("row")
            placed = own.join(queries, on="query_id").join(self.prior.with_row_index("code"), on="label")
            shares = np.zeros((queries.height, len(general)))
            np.add.at(shares, (placed["row"].to_numpy(), placed["code"].to_numpy()), placed["weight"].to_numpy())
            total = shares.sum(axis=1, keepdims=True)
            shares = np.divide(shares, total, out=np.tile(general, (queries.height, 1)), where=total > 0)
            shares = (1 - general_share) * shares + general_share * general
            rows = contexts.select("query_id").join(queries, on="query_id", how="left", maintain_order="left")["row"]
            table = np.vstack([shares, general])[rows.fill_null(queries.height).to_numpy()]
        with np.errstate(divide="ignore"):
            return np.log(table)

    def _of_column(self, column: str, seen: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """P(c_j | u), (values + 1, labels), its last row of ones for what says nothing; and the row of each context."""
        part = self.likelihood.filter(pl.col("column") == column)
        values = part.select(pl.col("value").unique(maintain_order=True)).with_row_index("row")
        table = part["probability"].to_numpy().reshape(values.height, len(self.labels))
        asked = (
            seen.cast(pl.String).rename("value").to_frame().join(values, on="value", how="left", maintain_order="left")
        )
        return np.vstack([table, np.ones(len(self.labels))]), asked["row"].fill_null(values.height).to_numpy()


def naive_bayes(rows: pl.DataFrame, columns: Sequence[str], smoothing: float = 1.0) -> NaiveBayes:
    """Learn P(u) and P(c_j | u) from `rows`: label, the `columns` (text, null where unknown), weight where it has one.

    With n(u) the weight of the rows with label u, n(u, c_j) of those with the value c_j too, n_j(u) of those with any
    value of column j, U labels, V_j values of column j and `smoothing` α:

        P(u) = (n(u) + α) / (Σ_v n(v) + α U)        P(c_j | u) = (n(u, c_j) + α) / (n_j(u) + α V_j)

    α = 0 is maximum likelihood: shares as counted, 0 for what never came together. α = 1 is Laplace's rule. Raises
    DataError without a labelled row, UsageError for a smoothing below 0.
    """
    if not smoothing >= 0:
        raise UsageError("smoothing must be 0 or more, but is {value}.", value=smoothing)
    weight = pl.col("weight") if "weight" in rows.columns else pl.lit(1.0)
    counted = rows.select("label", *columns, weight=weight).filter(pl.col("label").is_not_null())
    if counted.is_empty():
        raise DataError("There is nothing to learn from: no row has a label.")
    labels = counted.group_by("label").agg(count=pl.col("weight").sum()).sort("label")
    prior = labels.with_columns(probability=_smoothed(pl.col("count"), pl.col("count").sum(), smoothing, pl.len()))
    parts = [_likelihood(counted, column, labels.select("label"), smoothing) for column in columns]
    empty = {
        "column": pl.String,
        "value": pl.String,
        "label": pl.String,
        "count": pl.Float64,
        "probability": pl.Float64,
    }
    return NaiveBayes(prior, pl.concat([pl.DataFrame(schema=empty), *parts]))


def observations(
    events: pl.DataFrame | pl.LazyFrame,
    items: pl.DataFrame,
    kind: str = "tag",
    content: Sequence[str] = (),
    min_value: float | None = None,
) -> pl.DataFrame:
    """One row a choice in `events` and label of its item: query_id (where there is one), label, weight, context.

    The context is hour (00 to 23, UTC), weekend ("weekend" or "weekday") and platform; `content` adds columns of the
    item table (category, creator_id, language). A choice of an item with n labels has n rows of weight 1/n. `events`
    may be a log, for everybody's interests, or what `as_of` says, for those of some users. Raises UsageError for an
    unknown kind or column.
    """
    if kind not in KINDS:
        raise unknown_name("kind of interest", kind, KINDS)
    for column in content:
        if column not in CONTENT:
            raise unknown_name("column", column, CONTENT)
    named = [name for name in ("query_id",) if name in events.lazy().collect_schema().names()]
    log = events.lazy().collect() if named else typed_log(events).collect()
    time = pl.col("timestamp")
    rows = log.filter(chosen(min_value)).select(
        *named, "item_id", "platform",
        hour=time.dt.strftime("%H"),
        weekend=pl.when(time.is_not_null()).then(
            pl.when(time.dt.weekday() >= 6).then(pl.lit("weekend")).otherwise(pl.lit("weekday"))
        ),
    )  # fmt: skip
    labels = labels_of(items).filter(pl.col("kind") == kind).select("item_id", "label", weight="part")
    known = rows.join(labels, on="item_id", maintain_order="left")
    if content:
        known = known.join(items.select("item_id", *content), on="item_id", how="left", maintain_order="left")
    return known.select(*named, "label", "weight", "hour", "weekend", "platform", *content)


def _likelihood(counted: pl.DataFrame, column: str, labels: pl.DataFrame, smoothing: float) -> pl.DataFrame:
    """P(value of `column` | label) for every value and label, values then labels sorted."""
    together = counted.select("label", "weight", value=pl.col(column).cast(pl.String)).drop_nulls("value")
    counts = together.group_by("value", "label").agg(count=pl.col("weight").sum())
    values = counts.select(pl.col("value").unique().sort())
    every = values.join(labels, how="cross").join(counts, on=["value", "label"], how="left", maintain_order="left")
    count = pl.col("count")
    return every.with_columns(count.fill_null(0.0)).select(
        pl.lit(column).alias("column"), "value", "label", "count",
        probability=_smoothed(count, count.sum(), smoothing, pl.len()).over("label"),
    )  # fmt: skip


def _smoothed(count: pl.Expr, total: pl.Expr, smoothing: float, outcomes: pl.Expr) -> pl.Expr:
    """(count + α) / (total + α · outcomes); alike for all outcomes where nothing was counted and nothing is added."""
    whole = total + smoothing * outcomes
    return pl.when(whole > 0).then((count + smoothing) / whole).otherwise(1 / outcomes)
