"""Logged feedback from a data set whose events have propensities: what was shown, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.facts import Fact, share_of
from avrec_lib.data.shown import Shown, rewards_of, rounds_shown
from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.evaluate.off_policy.estimators import Ratio
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.frequencies import frequency_policy
from avrec_lib.evaluate.off_policy.intervals import Totals
from avrec_lib.evaluate.off_policy.numbers import decimals, with_ends
from avrec_lib.evaluate.off_policy.round_contexts import action_codes, user_contexts
from avrec_lib.evaluate.off_policy.rounds import Clusters, LoggedRounds, Missing, assemble, rows_among
from avrec_lib.schema import Event, Events, Items, Users, require_columns, with_all_columns

AMOUNTS = {"watch_seconds": "seconds", "value": "value"}
"""Rewards that are amounts, with their unit; all others are events that come or do not."""
NO_REWARD = (Event.IMPRESSION, Event.SEARCH, Event.SURVEY)
REWARDS = (*(str(event) for event in Event if event not in NO_REWARD), *AMOUNTS)
Names = str | Sequence[str]


def logged_feedback(
    log: Dataset | pl.LazyFrame | pl.DataFrame,
    reward: str = "click",
    *,
    policy: Names | None = None,
    platform: Names | None = None,
    candidates: Sequence[str] | None = None,
    clusters: Clusters = "user",
    missing: Missing = "refuse",
    seed: int = 0,
) -> LoggedFeedback:
    """The arrays of `logged_rounds`, for who needs neither the names of the rounds nor the facts."""
    return logged_rounds(
        log, reward, policy=policy, platform=platform, candidates=candidates, clusters=clusters, missing=missing,
        seed=seed,
    ).log  # fmt: skip


def logged_rounds(
    log: Dataset | pl.LazyFrame | pl.DataFrame,
    reward: str = "click",
    *,
    policy: Names | None = None,
    platform: Names | None = None,
    candidates: Sequence[str] | None = None,
    clusters: Clusters = "user",
    missing: Missing = "refuse",
    items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None,
    seed: int = 0,
) -> LoggedRounds:
    """Rounds of a data set, or of a table of events (`schema.Events`; `items` and `users` beside it).

    A round is an impression; in a log without impressions it is an event with a propensity, or all events of one
    request and item that have one. `reward` is an event (click, play, like, …: 1 where it followed in the same request
    on the same item, else 0), "watch_seconds" or "value" (the sum over the round; 0 where there is none). Outcomes are
    joined by user_id, request_id and item_id, and by position where a request shows an item twice; a log without
    impressions and request ids pays each event with its own.

    `policy` and `platform` take rounds of these only. A log of several policies must be told which. Actions are all
    items shown on the platform, by any policy, or `candidates`. `clusters` says which rounds are drawn together: by
    "user" (user_id, which in some logs is a segment of users and no person), by "request" or "none". `missing`
    propensities are refused; "drop" leaves such rounds out, "estimate" estimates all (`estimate_propensities`).

    Raises UsageError for an unknown reward, policy, platform or option; DataError for a log without rounds, an outcome
    that nothing can be joined to, negative watch time, two propensities of one round, an action that is no candidate,
    and what `assemble` refuses.
    """
    if reward not in REWARDS:
        raise unknown_name("reward", reward, REWARDS)
    events, items, users = _tables(log, items, users)
    events = _of(events, "platform", platform)
    shown = rounds_shown(events, anything=missing == "estimate")
    actions = _actions(shown, candidates)
    facts = [*shown.facts, *_platforms_apart(shown.rounds)]
    outcomes, unjoined = rewards_of(events, shown, reward, amount=reward in AMOUNTS)
    rounds = _of_policy(shown.rounds.with_columns(outcomes), policy)
    _check_candidates(rounds, actions)
    contexts = user_contexts(rounds, users)
    made = assemble(
        rounds, contexts, actions, unit=AMOUNTS.get(reward, reward), clusters=clusters, missing=missing,
        action_features=action_codes(items, actions), seed=seed,
    )  # fmt: skip
    return LoggedRounds(made.log, made.rounds, [*facts, *unjoined, *made.facts])


@dataclass(frozen=True)
class Earned:
    """What another policy earned in rounds of its own, `own` of the log that is asked, and the difference by user."""

    policy: str
    value: float
    own: float
    difference: float
    low: float
    high: float

    def words(self) -> dict[str, str]:
        """All of it as text."""
        digits = decimals(self.value, self.own)
        return {
            "policy": self.policy, "value": f"{self.value:.{digits}f}", "logged": f"{self.own:.{digits}f}",
            "difference": with_ends(self.difference, self.low, self.high, digits, signed=True),
        }  # fmt: skip


@dataclass(frozen=True)
class OtherPolicies:
    """Policies that have a log of their own, what each earned there in the same time, and why others are left out."""

    targets: Sequence[TargetPolicy]
    earned: Sequence[Earned]
    facts: Sequence[Fact]


def other_policies(
    dataset: Dataset, own: LoggedRounds, reward: str = "click", *, platform: Names | None = None,
    missing: Missing = "refuse",
) -> OtherPolicies:  # fmt: skip
    """The other policies that logged rounds of `dataset`, as targets for `own`, and what they earned themselves.

    As a target each is known by its own rounds alone (`frequency_policy`): its average over who asked. What it earned
    is counted from the first to the last moment of `own`.
    """
    names = dataset.events.select(pl.col("policy").drop_nulls().unique().sort()).collect()["policy"]
    mine = set(own.rounds["policy"]) if "policy" in own.rounds.columns else set()
    targets, earned, facts = [], [], []
    for name in (name for name in names if name not in mine):
        try:
            theirs = logged_rounds(dataset, reward, policy=name, platform=platform, missing=missing,
                                   candidates=own.log.action_ids.astype(str).tolist())  # fmt: skip
            earned += [_earned(name, theirs, own)]
            targets.append(frequency_policy(name, theirs.log, own.log))
        except DataError as error:
            facts.append(Fact("policy_left_out", 1, None, "amber", "{model} is left out: {error}",
                              {"model": name, "error": error.text("en")}))  # fmt: skip
    return OtherPolicies(targets, earned, facts)


def _earned(name: str, theirs: LoggedRounds, own: LoggedRounds) -> Earned:
    """Means of both logs and their difference by user, in the time of `own`; a user of both logs stays one."""
    during = np.ones(len(theirs.log), dtype=bool)
    if theirs.log.times is not None and own.log.times is not None:
        during = (theirs.log.times >= own.log.times.min()) & (theirs.log.times <= own.log.times.max())
    rewards = np.concatenate([theirs.log.rewards[during], own.log.rewards])
    is_theirs = np.repeat([1.0, 0.0], [int(during.sum()), len(own.log)])
    users = None
    if "user_id" in own.rounds.columns and own.log.users is not None:
        ids = pl.concat([theirs.rounds["user_id"].filter(during), own.rounds["user_id"]])
        users = rows_among(ids, ids.unique(maintain_order=True))
    sides = [Ratio(side * rewards, side) for side in (is_theirs, 1 - is_theirs)]
    both = Totals.of([[sides[0]], [sides[1]], [sides[0], Ratio(-sides[1].top, sides[1].bottom)]], users)
    value, logged, difference = both.estimates()
    lows, highs = both.intervals(1000, 0)
    return Earned(name, float(value), float(logged), float(difference), float(lows[2]), float(highs[2]))


def _tables(
    log: Dataset | pl.LazyFrame | pl.DataFrame, items: pl.DataFrame | None, users: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    if isinstance(log, Dataset):
        events = log.events
        items = log.items.collect() if items is None else items
        users = log.users.collect() if users is None else users
    else:
        events = log.lazy()
        require_columns(("user_id", "item_id"), events.collect_schema().names(), Events, "events")
        events = with_all_columns(events, Events)
    items = Items.create_empty() if items is None else items
    users = Users.create_empty() if users is None else users
    wanted = [name for name in Events.column_names() if name not in ("query", "session_id", "variant")]
    types = Events.create_empty().schema | {"event": pl.String}
    try:
        typed = events.select(pl.col(name).cast(types[name]) for name in wanted)
        rows = typed.filter(pl.col("item_id").is_not_null()).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise DataError("The events are not of the types of the vocabulary: {error}.",
                        error=str(error).splitlines()[0].rstrip(".")) from error  # fmt: skip
    rows = rows.with_columns(pl.col("propensity").fill_nan(None))
    negative = int((rows["watch_seconds"] < 0).sum())
    if negative:
        raise DataError("{count} of {rows} events have a negative watch time.",
                        hint="Clean the log first: nobody watches less than nothing.", count=negative,
                        rows=rows.height)  # fmt: skip
    return rows, items, users


def _of(rows: pl.DataFrame, column: str, names: Names | None) -> pl.DataFrame:
    """The rows of these names; UsageError for a name that no row has."""
    if names is None:
        return rows
    asked = [names] if isinstance(names, str) else list(names)
    known = rows[column].drop_nulls().unique().sort()
    for name in asked:
        if name not in known:
            raise unknown_name(column, name, known)
    return rows.filter(pl.col(column).is_in(asked))


def _of_policy(rounds: pl.DataFrame, policy: Names | None) -> pl.DataFrame:
    names = rounds["policy"].unique().sort()
    if policy is None and names.len() > 1:
        raise UsageError(
            "The log has rounds of {count} policies: {names}.",
            hint="Say whose rounds to take: in notebook 50 with logging_policy.",
            count=names.len(), names=", ".join(name or "–" for name in names),
        )  # fmt: skip
    return _of(rounds, "policy", policy)


def _actions(shown: Shown, candidates: Sequence[str] | None) -> pl.Series:
    if candidates is None:
        return shown.rounds["item_id"].unique().sort().rename("item_id")
    given = pl.Series("item_id", list(candidates), dtype=pl.String)
    if given.n_unique() < given.len():
        raise UsageError(
            "The candidates name an item twice: {item}.", item=repr(given.filter(given.is_duplicated())[0])
        )
    return given


def _check_candidates(rounds: pl.DataFrame, actions: pl.Series) -> None:
    strange = rounds.filter(~pl.col("item_id").is_in(actions.implode()))
    if strange.height:
        raise DataError(
            "{count} of {rounds} rounds took an item that is no candidate, for example {item}.",
            hint="Give all items that could be shown, or leave the candidates out.",
            count=strange.height, rounds=rounds.height, item=repr(strange["item_id"][0]),
        )  # fmt: skip


def _platforms_apart(rounds: pl.DataFrame) -> list[Fact]:
    """Items that one platform shows and another never does: a policy of all of them could not have chosen so."""
    if rounds["platform"].n_unique() < 2:
        return []
    places = rounds.group_by("item_id").agg(pl.col("platform").n_unique())
    apart = int((places["platform"] < rounds["platform"].n_unique()).sum())
    if not apart:
        return []
    return [
        Fact("actions_of_some_platforms", apart, share_of(apart, places.height), "amber",
             "Items that were not shown on every platform: {value} ({share}). Where they could not be shown they are "
             "no actions: take one platform at a time.")
    ]  # fmt: skip
