"""The border of off-policy evaluation: rounds by their names become `LoggedFeedback`, and what is odd is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from avrec_lib.data.facts import Fact, level_of, share_of
from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.evaluate.off_policy.feedback import CERTAIN, LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.propensities import estimate_propensities
from avrec_lib.evaluate.off_policy.round_contexts import context_columns

Clusters = Literal["user", "request", "none"]
Missing = Literal["refuse", "drop", "estimate"]
LARGE_CLUSTER = 0.05
"""A user with more of the rounds than this moves the result alone; it may be no person."""


@dataclass(frozen=True, eq=False)
class LoggedRounds:
    """A log as arrays, the same rounds by their names outside, and what was found and decided on the way.

    `rounds` has a row for each round of `log`, in order: user_id, item_id, reward, propensity, and timestamp, position,
    request_id, platform where the log has them. `targets` are the policies that came with the log.
    """

    log: LoggedFeedback
    rounds: pl.DataFrame
    facts: Sequence[Fact]
    targets: Mapping[str, TargetPolicy] = field(default_factory=dict)

    def users(self) -> tuple[pl.Series, np.ndarray]:
        """The ids of the users in order of appearance, and the row among them of the user of each round (n,).

        These are the users of the log even where clusters are something else. Raises DataError without user ids.
        """
        if "user_id" not in self.rounds.columns or self.rounds["user_id"].null_count():
            raise DataError("Not every round of the log names its user.")
        ids = self.rounds["user_id"].unique(maintain_order=True)
        return ids, rows_among(self.rounds["user_id"], ids)


def rows_among(values: pl.Series, known: pl.Series) -> np.ndarray:
    """The row of each of `values` among the distinct `known`, int64; -1 for what is not among them."""
    places = pl.DataFrame({"id": known}).with_row_index("row")
    found = pl.DataFrame({"id": values}).join(places, on="id", how="left", maintain_order="left")
    return found["row"].cast(pl.Int64).fill_null(-1).to_numpy(writable=True)


def assemble(
    rounds: pl.DataFrame,
    contexts: pl.DataFrame,
    action_ids: pl.Series,
    *,
    unit: str,
    clusters: Clusters = "user",
    missing: Missing = "refuse",
    action_features: np.ndarray | None = None,
    seed: int = 0,
) -> LoggedRounds:
    """`rounds` (item_id, reward, propensity; perhaps user_id, request_id, position, timestamp) as `LoggedRounds`.

    `contexts` has a row for each round. `position` counts from 0 or 1. Raises UsageError for an unknown option;
    DataError for propensities that are missing in a way that `missing` does not allow, and what `LoggedFeedback`
    refuses. Rewards that are all 0 and a log without chance are red facts: an assessment refuses them.
    """
    for kind, value, known in (
        ("cluster", clusters, get_args(Clusters)), ("way with missing propensities", missing, get_args(Missing)),
    ):  # fmt: skip
        if value not in known:
            raise unknown_name(kind, value, known)
    facts: list[Fact] = []
    kept = _with_propensities(rounds, missing, facts)
    rounds, contexts = rounds.filter(kept), contexts.filter(kept) if contexts.width else contexts
    rewards = rounds["reward"].cast(pl.Float64).to_numpy()
    if len(rewards) and not rewards.any():
        facts.append(
            Fact("rounds_without_reward", len(rewards), 1.0, "red",
                 "The reward of all {value} rounds is 0: nothing can be told from nothing. Ask for another reward, or "
                 "bring a longer log.")
        )  # fmt: skip
    parts: dict[str, Any] = {
        "actions": rows_among(rounds["item_id"], action_ids), "rewards": rewards,
        "action_ids": action_ids.to_numpy(), "users": _clusters(rounds, clusters, facts), "unit": unit,
        "action_features": action_features,
    }  # fmt: skip
    parts["contexts"], parts["context_names"] = context_columns(contexts)
    parts |= _where_all_have(rounds, facts)
    if missing == "estimate" and len(rewards):
        estimated = estimate_propensities(
            parts["actions"], action_ids.len(), contexts=parts["contexts"], positions=parts["positions"],
            users=parts["users"], seed=seed,
        )  # fmt: skip
        parts |= {"propensities": estimated.of_logged, "logging": estimated.logging, "propensities_estimated": True}
        facts += estimated.facts
        rounds = rounds.with_columns(propensity=pl.Series(estimated.of_logged))
    else:
        parts["propensities"] = rounds["propensity"].cast(pl.Float64).to_numpy()
        parts["logging"] = _uniform(parts["propensities"], action_ids.len(), facts)
    _check_places(rounds, parts)
    log = LoggedFeedback(**parts)
    if (log.propensities >= CERTAIN).all():
        facts.append(
            Fact("rounds_without_chance", len(log), 1.0, "red",
                 "Every propensity is 1: the logging policy left nothing to chance, so its log cannot say what another "
                 "choice would have earned.")
        )  # fmt: skip
    return LoggedRounds(log, rounds, facts)


def _check_places(rounds: pl.DataFrame, parts: Mapping[str, Any]) -> None:
    """Raise DataError where a request has two rounds at one position: it is no slate, or the rows are there twice."""
    if parts["requests"] is None or parts["positions"] is None:
        return
    again = rounds.filter(~pl.struct("request_id", "position").is_first_distinct())
    if again.height:
        raise DataError(
            "{count} of {rounds} rounds repeat a position of their request, for example position {position} of request "
            "{request}.", hint="Remove rows that are there twice, or give each list that was shown a request_id of its "
            "own.", count=again.height, rounds=rounds.height, position=again["position"][0],
            request=repr(again["request_id"][0]),
        )  # fmt: skip


def _with_propensities(rounds: pl.DataFrame, missing: Missing, facts: list[Fact]) -> pl.Series:
    """Which rounds are kept."""
    total, lacking = rounds.height, rounds["propensity"].null_count()
    everything = pl.Series([True]).new_from_index(0, total)
    if missing == "estimate" or not lacking:
        return everything
    if lacking == total:
        raise DataError(
            "No round of the log has a propensity.",
            hint="Log the probability of what was shown, or let it be estimated: in notebook 50 propensities=estimate.",
        )
    if missing == "refuse":
        raise DataError(
            "{count} of {rounds} rounds have no propensity.",
            hint="In notebook 50: propensities=drop leaves them out, so that the result speaks for the others only; "
            "propensities=estimate estimates all.", count=lacking, rounds=total,
        )  # fmt: skip
    share = share_of(lacking, total)
    facts.append(
        Fact("rounds_without_propensity", lacking, share, level_of(share, 1e-12, 0.5),
             "Rounds without a propensity: {value} ({share}). They are left out, so the result speaks for the others "
             "only.")
    )  # fmt: skip
    return rounds["propensity"].is_not_null()


def _clusters(rounds: pl.DataFrame, clusters: Clusters, facts: list[Fact]) -> np.ndarray | None:
    """The row of the cluster of each round (n,), or None where each stands alone; who is nobody stands alone."""
    column = {"user": "user_id", "request": "request_id"}.get(clusters)
    if column is None or (clusters == "user" and column not in rounds.columns):
        return None
    if column not in rounds.columns or rounds[column].null_count() == rounds.height:
        if clusters == "user":
            return None
        raise UsageError("Rounds are to be clustered by request, but the log has no request_id.",
                         hint="Cluster them by user, or not at all: clusters=none.")  # fmt: skip
    ids = rounds[column]
    known = ids.drop_nulls().unique(maintain_order=True)
    rows = rows_among(ids, known)
    nobody = np.flatnonzero(ids.is_null().to_numpy())
    rows[nobody] = known.len() + np.arange(len(nobody))
    if len(nobody):
        share = share_of(len(nobody), rounds.height)
        facts.append(
            Fact("rounds_of_nobody", len(nobody), share, "info",
                 "Rounds that name no user or request: {value} ({share}). Each of them stands alone.")
        )  # fmt: skip
    largest = int(np.bincount(rows).max())
    share = share_of(largest, rounds.height)
    facts.append(
        Fact("largest_cluster", largest, share, level_of(share, LARGE_CLUSTER),
             "Rounds are drawn together by {column}: {clusters} of them, the largest with {value} rounds ({share}). Is "
             "it a person? Segments of users are no persons: with clusters=request or clusters=none rounds "
             "stand for themselves.", {"column": column, "clusters": f"{int(rows.max()) + 1:,}"})
    )  # fmt: skip
    return rows


def _where_all_have(rounds: pl.DataFrame, facts: list[Fact]) -> dict[str, np.ndarray | None]:
    """positions, requests and times, each where every round has one."""
    found: dict[str, np.ndarray | None] = {"positions": None, "requests": None, "times": None}
    for name, column, lack in (
        ("positions", "position", "rounds_without_position"), ("requests", "request_id", "rounds_without_request_id"),
        ("times", "timestamp", "rounds_without_timestamp"),
    ):  # fmt: skip
        if column not in rounds.columns or not rounds.height or rounds[column].null_count() == rounds.height:
            continue
        values, lacking = rounds[column], rounds[column].null_count()
        if lacking:
            facts.append(
                Fact(lack, lacking, share_of(lacking, rounds.height), "info",
                     "Rounds without a {column}: {value} ({share}). So it is used for none.", {"column": column})
            )  # fmt: skip
        elif name == "positions":
            found[name] = values.to_numpy().astype(np.int64) - int(values.min() == 1)
        elif name == "requests":
            found[name] = rows_among(values, values.unique(maintain_order=True))
        else:
            found[name] = values.dt.epoch("us").to_numpy() / 1e6
    return found


def _uniform(propensities: np.ndarray, actions: int, facts: list[Fact]) -> np.ndarray | None:
    """All probabilities of a logging policy that took each of its actions with the same one, else None."""
    if not len(propensities) or not np.allclose(propensities, 1 / max(actions, 1), rtol=1e-4, atol=0):
        return None
    facts.append(
        Fact("logged_at_random", len(propensities), 1.0, "info",
             "Every propensity is one in {actions}: the logging policy chose among all actions alike.",
             {"actions": actions})
    )  # fmt: skip
    return np.broadcast_to(1 / actions, (len(propensities), actions))
