"""Whole distributions of policies over the items of each round, from a long table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from avrec_lib.data.facts import Fact, share_of
from avrec_lib.errors import DataError
from avrec_lib.evaluate.brought_tables import id_column, number_column, read_brought
from avrec_lib.evaluate.off_policy.feedback import SUM_TOLERANCE, LoggedFeedback
from avrec_lib.evaluate.off_policy.rounds import rows_among

LOGGING, ONLY = "logging", "target"
NEEDED = (("round_id",), ("item_id",), ("probability",))


@dataclass(frozen=True, eq=False)
class Distributions:
    """`rows` has policy, round_id, item_id, probability: of rounds of the log only, each pair once, summing to one."""

    path: Path
    rows: pl.DataFrame
    facts: Sequence[Fact]

    def matrices(self, round_ids: pl.Series, action_ids: pl.Series) -> dict[str, np.ndarray]:
        """Policy -> its probabilities (n, a) of the actions in these rounds; 0 for what a round does not list."""
        found = {}
        for (name,), rows in self.rows.group_by(["policy"], maintain_order=True):
            own = rows.filter(pl.col("round_id").is_in(round_ids.implode()))
            matrix = np.zeros((round_ids.len(), action_ids.len()))
            matrix[rows_among(own["round_id"], round_ids), rows_among(own["item_id"], action_ids)] = own["probability"]
            found[str(name)] = matrix
        return found

    def logging_of(self, matrices: dict[str, np.ndarray], log: LoggedFeedback) -> np.ndarray | None:
        """The distributions of the policy that made the log, taken out of `matrices`; None where there are none.

        Raises DataError where they give the item that was taken another probability than its propensity.
        """
        logging = matrices.pop(LOGGING, None)
        if logging is None or log.propensities_estimated:
            return logging
        taken = np.take_along_axis(logging, log.actions[:, None], axis=1)[:, 0]
        off = np.abs(taken - log.propensities) > SUM_TOLERANCE
        if off.any():
            raise DataError(
                "In {count} of {rounds} rounds the distribution of the logging policy in {file} is not that of the "
                "propensities.", hint="Which of them is right? Leave out the other.", count=int(off.sum()),
                rounds=len(log), file=self.path,
            )  # fmt: skip
        return logging


def read_distributions(path: Path, round_ids: pl.Series) -> Distributions:
    """The long table at `path` (round_id, item_id, probability, perhaps policy) for the rounds `round_ids` of a log.

    Rows of other rounds are left out and counted. Raises UsageError when there is no such file; DataError for a missing
    column, a file that is empty or broken, a round id that the log has twice, probabilities that are missing, below 0
    or above 1, a pair that comes twice, and rounds that a policy has no distribution for or one that does not sum to 1.
    """
    _check_once(round_ids)
    table = read_brought(path, NEEDED, lambda names: {"round_id", "item_id", "probability", "policy"} & set(names))
    present = "policy" in table.rows.columns
    policies = id_column(table, "policy", needed=True) if present else pl.Series("policy", [ONLY])
    rows = pl.DataFrame([id_column(table, "round_id", needed=True), id_column(table, "item_id", needed=True),
                         number_column(table, "probability")])  # fmt: skip
    rows = rows.with_columns(policies if present else pl.lit(ONLY).alias("policy"))
    _check_values(rows, path)
    known = rows.filter(pl.col("round_id").is_in(round_ids.implode()))
    twice = known.filter(pl.struct("policy", "round_id", "item_id").is_duplicated())
    if twice.height:
        raise DataError("{file} has item {item} twice in round {round}.", file=path, item=repr(twice["item_id"][0]),
                        round=repr(twice["round_id"][0]))  # fmt: skip
    for name in rows["policy"].unique(maintain_order=True):
        _check_rounds(name, known.filter(pl.col("policy") == name), round_ids, path)
    return Distributions(path, known, _facts(rows, known))


def _check_once(round_ids: pl.Series) -> None:
    again = round_ids.filter(round_ids.is_duplicated())
    if again.len():
        raise DataError("The log has several rounds with the round_id {round}.",
                        hint="Distributions need an id for each round.", round=repr(again[0]))  # fmt: skip


def _check_values(rows: pl.DataFrame, path: Path) -> None:
    wrong = rows.filter(~pl.col("probability").is_between(0, 1 + SUM_TOLERANCE).fill_null(value=False))
    if wrong.height:
        raise DataError(
            "{count} of {rows} probabilities in {file} are missing, below 0 or above 1, the first in round {round}.",
            count=wrong.height, rows=rows.height, file=path, round=repr(wrong["round_id"][0]),
        )  # fmt: skip


def _check_rounds(name: str, rows: pl.DataFrame, round_ids: pl.Series, path: Path) -> None:
    """Every round has a distribution of this policy, and it sums to one."""
    without = round_ids.filter(~round_ids.is_in(rows["round_id"].implode()))
    if without.len():
        raise DataError(
            "{count} of {rounds} rounds have no distribution of the policy {name} in {file}, for example {round}.",
            hint="Do both tables use the same round ids?", count=without.len(), rounds=round_ids.len(), file=path,
            name=repr(name), round=repr(without[0]),
        )  # fmt: skip
    sums = rows.group_by("round_id", maintain_order=True).agg(pl.col("probability").sum())
    off = sums.filter((pl.col("probability") - 1).abs() > SUM_TOLERANCE)
    if off.height:
        raise DataError(
            "The probabilities of the policy {name} do not sum to one in {count} of {rounds} rounds: in round {round} "
            "they sum to {sum:.6g}.", hint="List every item that could be shown; what is left out has probability 0.",
            name=repr(name), count=off.height, rounds=round_ids.len(), round=repr(off["round_id"][0]),
            sum=off["probability"][0],
        )  # fmt: skip


def _facts(rows: pl.DataFrame, known: pl.DataFrame) -> list[Fact]:
    lost = rows.height - known.height
    if not lost:
        return []
    return [
        Fact("distributions_of_others", lost, share_of(lost, rows.height), "info",
             "Probabilities of rounds that the log does not have: {value} ({share}). They are left out.")
    ]  # fmt: skip
