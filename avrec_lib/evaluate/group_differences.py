"""Two models in each group of queries: for whom is one better, and does it gain more for some than for others?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.compare import PAIRED_COLUMNS, paired_difference, with_verdicts
from avrec_lib.evaluate.significance import Correction
from avrec_lib.evaluate.verdicts import Better

METRIC = ("metric", "k")


def difference_by_group(
    values_a: pl.DataFrame, values_b: pl.DataFrame, groups: pl.DataFrame, *, correction: Correction = "holm",
    equivalence_zone: float = 0.01, better: Mapping[str, Better] | None = None, resamples: int = 2000, seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """Columns slice, group and those of `compare.paired_difference`: B minus A on the queries of each group.

    `groups` says which query is in which group (query_id, slice, group: `slices.query_groups`; with a `window` where
    there are several). Groups stand in the order of the table; all rows are judged as one family. A group whose queries
    have no value has no row. Raises DataError when that leaves none, and what `paired_difference` raises.
    """
    on = ["query_id", "window"] if "window" in groups.columns else ["query_id"]
    parts = []
    for (name, group), members in groups.group_by("slice", "group", maintain_order=True):
        sides = [side.join(members, on=on, how="semi", maintain_order="left") for side in (values_a, values_b)]
        if any(side.is_empty() for side in sides):
            continue
        table = paired_difference(*sides, equivalence_zone=equivalence_zone, resamples=resamples, seed=seed)
        parts.append(table.select(pl.lit(name).alias("slice"), pl.lit(group).alias("group"), *PAIRED_COLUMNS))
    if not parts:
        raise DataError("No value belongs to any of the groups: they are of other queries.")
    return with_verdicts(pl.concat(parts), correction=correction, better=better)


def gap_of_differences(differences: pl.DataFrame, group: str, than: str) -> pl.DataFrame:
    """Columns metric, k, group, than, gap, low, high, standard_error, p_value: the difference in `group` minus that in
    the group `than`, of a table of `difference_by_group`: whether a model gains more for some than for others.

    The groups must be of different users. The interval is of Welch's t for two means with the standard errors e and
    n users each: e² = e₁² + e₂² on e⁴ / (e₁⁴ / (n₁ − 1) + e₂⁴ / (n₂ − 1)) degrees of freedom. Null where a group has
    no spread. Raises UsageError for a group that the table does not have.
    """
    from scipy.stats import t

    for name in (group, than):
        if differences.filter(group=name).is_empty():
            known = differences["group"].unique(maintain_order=True)
            raise UsageError("There is no group {name} among {known}.", name=repr(name), known=", ".join(known))
    wanted = (*METRIC, "difference", "standard_error", "users")
    one, other = (differences.filter(group=name).select(wanted) for name in (group, than))
    both = one.join(other, on=METRIC, suffix="_than", nulls_equal=True, maintain_order="left")
    errors = both.select("standard_error", "standard_error_than").cast(pl.Float64).fill_null(np.nan).to_numpy()
    freedom = both.select("users", "users_than").cast(pl.Float64).to_numpy() - 1
    gap = (both["difference"] - both["difference_than"]).cast(pl.Float64).fill_null(np.nan).to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt((errors**2).sum(axis=1))
        degrees = error**4 / (errors**4 / freedom).sum(axis=1)
        reach = t.ppf(0.975, degrees) * error
        p_value = 2 * t.sf(np.abs(gap) / error, degrees)
    numbers = {"gap": gap, "low": gap - reach, "high": gap + reach, "standard_error": error, "p_value": p_value}
    return both.select(
        *METRIC, group=pl.lit(group), than=pl.lit(than),
        **{name: pl.Series(column).fill_nan(None) for name, column in numbers.items()},
    )  # fmt: skip
