"""Team-draft interleaving: two rankings in one list, and the clicks say which of them is preferred.

Radlinski, Kurup and Joachims 2008, "How does clickthrough data reflect retrieval quality?": two captains pick in turn,
a coin decides each round who goes first. Each user sees both rankings, so differences between users cancel; but only
clicks are compared, and how much is won over an A/B test belongs to the way people click.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.bootstrap import FEWEST_USERS, standard_errors
from avrec_lib.evaluate.power import ALPHA, POWER, users_needed
from avrec_lib.evaluate.ratio import ratio

NOBODY = -1
"""A place that neither ranking could fill, as item and as team."""


def team_draft(
    first: np.ndarray, second: np.ndarray, slots: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Items and teams (0: `first`, 1: `second`), both (n, slots), of the rankings (n, k) of n queries.

    Items are whole numbers from 0, NOBODY where a ranking has ended. An item that both rank is shown once, for the team
    that picked it; when one ranking is used up the other picks on.
    """
    rankings = (first, second)
    open_to = [ranking != NOBODY for ranking in rankings]
    queries = np.arange(len(first))
    items = np.full((len(first), slots), NOBODY, dtype=np.int64)
    teams = np.full((len(first), slots), NOBODY, dtype=np.int64)
    starts = np.zeros(len(first), dtype=np.int64)
    for slot in range(slots):
        if slot % 2 == 0:
            starts = rng.integers(0, 2, len(first))
        turn = starts if slot % 2 == 0 else 1 - starts
        left = np.stack([free.any(axis=1) for free in open_to])
        turn = np.where(left[turn, queries], turn, 1 - turn)
        picks = [
            ranking[queries, free.argmax(axis=1)] for ranking, free in zip(rankings, open_to, strict=True)
        ]  # fmt: skip
        possible = left[turn, queries]
        item = np.where(possible, np.where(turn == 0, *picks), NOBODY)
        items[:, slot], teams[:, slot] = item, np.where(possible, turn, NOBODY)
        open_to = [free & (ranking != item[:, None]) for ranking, free in zip(rankings, open_to, strict=True)]
    return items, teams


def interleave(baseline: pl.DataFrame, challenger: pl.DataFrame, k: int, *, seed: int = 0) -> pl.DataFrame:
    """The interleaved lists of `k` places: query_id, user_id, item_id, rank, team ("baseline" or "challenger").

    Both are `schema.Ranked` tables; queries that only one of them answers are left out. Raises DataError when they
    share no query.
    """
    sides = [side.select("query_id", "user_id", "item_id", "rank") for side in (baseline, challenger)]
    queries = sides[0].select("query_id", "user_id").unique().join(sides[1].select("query_id").unique(), on="query_id")
    queries = queries.sort("query_id").with_row_index("row")
    if queries.is_empty():
        raise DataError("The two rankings share no query, so there is nothing to interleave.")
    names = pl.concat([side["item_id"] for side in sides]).unique().sort()
    rankings = [_as_rows(side, queries, names) for side in sides]
    items, teams = team_draft(rankings[0], rankings[1], k, np.random.default_rng(seed))
    row, slot = np.nonzero(teams != NOBODY)
    table = pl.DataFrame({"row": row.astype(np.uint32), "item": items[row, slot], "rank": slot.astype(np.int32) + 1})
    team = pl.Series(np.array(["baseline", "challenger"])[teams[row, slot]])
    shown = table.with_columns(item_id=names.gather(table["item"]), team=team)
    return shown.join(queries, on="row", how="left", maintain_order="left").select(
        "query_id", "user_id", "item_id", "rank", "team"
    )


def _as_rows(side: pl.DataFrame, queries: pl.DataFrame, names: pl.Series) -> np.ndarray:
    """Item rows by query and place, NOBODY behind the end."""
    placed = side.join(queries.select("query_id", "row"), on="query_id").sort("row", "rank")
    place = placed.select(pl.int_range(pl.len()).over("row")).to_series().to_numpy()
    rows = np.full((queries.height, int(place.max(initial=-1)) + 1), NOBODY, dtype=np.int64)
    rows[placed["row"].to_numpy(), place] = names.search_sorted(placed["item_id"]).to_numpy()
    return rows


@dataclass(frozen=True)
class Preference:
    """How much more often users clicked the challenger's picks, clustered by user.

    `preference` [`low`, `high`] is the mean over queries of +1 (more clicks for the challenger), −1 or 0; `wins`,
    `losses` and `ties` are those queries. `p_value` is of the sign test over `users` by their own balance,
    `standard_error` that of the preference and `sd` of a single query, from which `queries_for` plans.
    """

    preference: float
    low: float
    high: float
    standard_error: float
    sd: float
    wins: int
    losses: int
    ties: int
    users: int
    queries: int
    p_value: float

    @property
    def winner(self) -> str | None:
        """The side preferred, where the interval does not hold 0; None else, and for under FEWEST_USERS users."""
        if self.users < FEWEST_USERS:
            return None
        if self.low > 0:
            return "challenger"
        return "baseline" if self.high < 0 else None

    def queries_for(self, preference: float, *, power: float = POWER, alpha: float = ALPHA) -> int | None:
        """How many queries a true `preference` takes to be decided, with this sd of a query (users clustered)."""
        return queries_needed(preference, self.sd, power=power, alpha=alpha)


def credit(shown: pl.DataFrame, clicks: pl.DataFrame) -> pl.DataFrame:
    """Clicks by query and team: query_id, user_id, baseline, challenger.

    `shown` is the table of `interleave`, `clicks` (query_id, item_id) holds one row a click; several clicks on an item
    of a list count once, and clicks on what was not shown not at all.
    """
    clicked = clicks.select("query_id", "item_id").unique().with_columns(clicked=1)
    joined = shown.join(clicked, on=["query_id", "item_id"], how="left").with_columns(pl.col("clicked").fill_null(0))
    sums = {team: pl.col("clicked").filter(pl.col("team") == team).sum() for team in ("baseline", "challenger")}
    return joined.group_by("query_id", "user_id", maintain_order=True).agg(**sums)


def preference(credits: pl.DataFrame, *, alpha: float = ALPHA) -> Preference:
    """Which ranking users prefer, from the table of `credit`. Raises DataError for fewer than two users."""
    scores = np.sign(credits["challenger"].to_numpy().astype(np.int64) - credits["baseline"].to_numpy())
    _, user = np.unique(credits["user_id"].to_numpy(), return_inverse=True)
    if not len(scores) or user.max() < 1:
        raise DataError("A preference needs the clicks of two users or more.")
    sums, counts = np.bincount(user, scores), np.bincount(user).astype(np.float64)
    return _preference(scores, sums, counts, alpha)


def _preference(scores: np.ndarray, sums: np.ndarray, counts: np.ndarray, alpha: float) -> Preference:
    from scipy.special import stdtrit
    from scipy.stats import binomtest

    mean = float(scores.mean())
    error = float(standard_errors(sums[:, None], counts[:, None])[0])
    reach = float(stdtrit(len(sums) - 1, 1 - alpha / 2)) * error
    wins, losses = int((scores > 0).sum()), int((scores < 0).sum())
    ahead, behind = int((sums > 0).sum()), int((sums < 0).sum())
    p_value = float(binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0
    return Preference(
        mean, mean - reach, mean + reach, error, error * float(np.sqrt(len(scores))), wins, losses,
        len(scores) - wins - losses, len(sums), len(scores), p_value,
    )  # fmt: skip


def queries_needed(
    preference: float, sd: float, *, power: float = POWER, alpha: float = ALPHA
) -> int | None:  # fmt: skip
    """The fewest queries of which a true mean score of `preference` is found with probability `power`.

    None where no number is enough. Raises UsageError for a preference outside −1 to 1.
    """
    if not -1 <= preference <= 1:
        raise UsageError("A preference lies between -1 and 1, but is {preference}.", preference=preference)
    return users_needed(preference, sd, power, alpha)


def preferences(scores: np.ndarray, *, alpha: float = ALPHA) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, low and high of the scores (−1, 0, 1) of many simulated tests at once, (queries, tests), a user a query."""
    from scipy.special import stdtrit

    ones = np.ones_like(scores, dtype=np.float64)
    mean = ratio(scores.sum(axis=0), ones.sum(axis=0))
    reach = stdtrit(len(scores) - 1, 1 - alpha / 2) * standard_errors(scores.astype(np.float64), ones)
    return mean, mean - reach, mean + reach
