"""Who was in which arm from when: one row a user, with flips, empty arms and strangers found at the border."""

from __future__ import annotations

from datetime import UTC

import polars as pl

from avrec_lib.data.facts import Fact, level_of, share_of
from avrec_lib.errors import DataError, nearest
from avrec_lib.evaluate.experiment.days import need_columns, with_utc_times
from avrec_lib.evaluate.experiment.design import ExperimentDesign

FLIPS_AMBER, FLIPS_RED = 1e-12, 0.01
"""Any flip is worth a word. From one user in a hundred on those who are left may differ by arm."""


def from_events(events: pl.LazyFrame) -> pl.LazyFrame:
    """user_id, variant, assigned_at: an assignment for each variant that the events of a user name, at the first."""
    need_columns(events, ["user_id", "timestamp", "variant"], "events")
    named = events.filter(pl.col("variant").is_not_null(), pl.col("timestamp").is_not_null())
    return named.group_by("user_id", "variant").agg(assigned_at=pl.col("timestamp").min())


def read_assignments(
    assignments: pl.DataFrame | pl.LazyFrame, design: ExperimentDesign, *, timed: bool = True
) -> tuple[pl.DataFrame, list[Fact]]:  # fmt: skip
    """One row a user in a single arm, ordered by user_id: user_id, variant, assigned_at (if `timed`), other columns.

    A user with several rows of one arm has the earliest. Users assigned from `design.end` on are left out and counted.
    Raises DataError for a missing column, a row without user, arm or time, flips that the design refuses, a control
    without users, or an arm that is planned but empty.
    """
    needed = ["user_id", "variant", *(["assigned_at"] if timed else []), *design.other_experiments]
    need_columns(assignments, needed, "assignments")
    lazy = assignments.lazy().with_columns(pl.col("user_id", "variant").cast(pl.String))
    if timed:
        lazy = with_utc_times(lazy, ["assigned_at"], "assignments")
    rows = lazy.collect()
    _refuse_gaps(rows, needed[: 3 if timed else 2])
    everyone = rows["user_id"].n_unique()
    if timed and design.end is not None:
        rows = rows.filter(pl.col("assigned_at") < design.end.astimezone(UTC))
    late = everyone - rows["user_id"].n_unique()
    arms = rows.group_by("user_id").agg(pl.col("variant").n_unique())
    flipped = arms.filter(pl.col("variant") > 1)
    if design.flips == "refuse" and flipped.height:
        raise DataError(
            "{count} of {total} users were assigned to more than one arm.",
            hint="Find out why first; with flips=exclude they are left out and counted.",
            count=flipped.height, total=arms.height,
        )  # fmt: skip
    if arms.height and flipped.height == arms.height:
        raise DataError(
            "Every one of {total} users was seen in more than one arm: nobody is left to compare.",
            hint="If these are no persons but segments of them, let each request stand for itself "
            "(requests_as_users=true).",
            total=arms.height,
        )  # fmt: skip
    order = ["user_id", "assigned_at"] if timed else ["user_id"]
    kept = rows.join(flipped, on="user_id", how="anti").sort(order, maintain_order=True)
    kept = kept.unique("user_id", keep="first", maintain_order=True)
    _refuse_empty_arms(kept, design)
    share = share_of(flipped.height, arms.height)
    fact = Fact(
        "users_in_several_arms", flipped.height, share, level_of(share, FLIPS_AMBER, FLIPS_RED),
        "{value} users ({share}) were seen in more than one arm and are left out: if an arm makes a flip more likely, "
        "those who stay are no longer comparable." if flipped.height else "No user was seen in more than one arm.",
    )  # fmt: skip
    if not timed or design.end is None:
        return kept, [fact]
    after = Fact(
        "users_after_the_end", late, share_of(late, everyone), "amber" if late else "info",
        "{value} users ({share}) were assigned after the end of the experiment and are left out: nothing that they did "
        "counts." if late else "No user was assigned after the end of the experiment.",
    )  # fmt: skip
    return kept, [fact, after]


def _refuse_gaps(rows: pl.DataFrame, needed: list[str]) -> None:
    gaps = rows.filter(pl.any_horizontal(pl.col(needed).is_null())).height
    if rows.is_empty():
        raise DataError("Nobody was assigned: the table of assignments has no row.")
    if gaps:
        raise DataError(
            "{count} of {total} assignments lack one of {columns}.",
            hint="Without it nobody can say who saw what: fill it or drop those rows, and say so.",
            count=gaps, total=rows.height, columns=", ".join(needed),
        )  # fmt: skip


def _refuse_empty_arms(kept: pl.DataFrame, design: ExperimentDesign) -> None:
    present = sorted(kept["variant"].unique())
    if design.control not in present:
        guess = nearest(design.control, present)
        raise DataError(
            "The control {control} has no user.", hint="Did you mean {guess}?" if guess else "The arms are {arms}.",
            control=repr(design.control), guess=guess, arms=", ".join(present) or "–",
        )  # fmt: skip
    empty = [arm for arm in design.shares or () if arm not in present]
    if empty or len(present) < 2:
        raise DataError(
            "The arm {arm} has no user." if empty else "All users are in the arm {arm}: there is nothing to compare.",
            hint="The arms are {arms}.", arm=", ".join(map(repr, empty or present)), arms=", ".join(present),
        )  # fmt: skip
    strangers = [arm for arm in present if design.shares is not None and arm not in design.shares]
    if strangers:
        raise DataError(
            "Users are in the arm {arm}, which the design does not plan.",
            hint="Name it in shares, or drop its users.", arm=", ".join(map(repr, strangers)),
        )  # fmt: skip
