"""Recent and seasonal popularity: the contract, answers by hand, and a twin that reads the log row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract
from hypothesis import given
from hypothesis import strategies as st

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models import RecentPopularity, SeasonalPopularity
from avrec_lib.models.popularity_in_time import counts_of
from avrec_lib.models.promises import checkerboard, nothing_at_or_after_the_cut_is_known
from avrec_lib.protocols import Query, Recommender

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def log_of(*rows: tuple[str, str, float | None]) -> pl.DataFrame:
    """User, item, and days since that Monday."""
    times = [None if days is None else MONDAY + timedelta(days=days) for *_, days in rows]
    return pl.DataFrame(
        {"user_id": [row[0] for row in rows], "item_id": [row[1] for row in rows], "timestamp": times}
    ).cast({"timestamp": pl.Datetime("us", "UTC")})


LOG = log_of(("a", "old", 0), ("b", "old", 0.5), ("c", "old", 1), ("a", "new", 8), ("b", "fresh", 9), ("c", "new", 10))


def scores(model: Recommender, days: float | None, log: pl.DataFrame = LOG) -> dict[str, float]:
    """What a stranger is told that many days after that Monday."""
    cut = None if days is None else MONDAY + timedelta(days=days)
    ranked = model.fit(log).recommend([Query("q", "stranger", cut=cut)], k=9)
    return dict(ranked.select("item_id", "score").iter_rows())


class TimedContract(RecommenderContract):
    personal = False
    test_the_withheld_item_ranks_first = None
    test_a_cut_needs_training_rows_with_times = None  # they are asked for before any cut is
    unkept = (nothing_at_or_after_the_cut_is_known,)  # as it is asked: the cut changes what others had chosen, too

    def test_a_log_without_times_is_refused(self) -> None:
        with pytest.raises(DataError, match="times"):
            self.make().fit(checkerboard(4, 4).drop("timestamp"))

    def test_nothing_at_or_after_the_cut_counts_nor_anything_without_a_time(self) -> None:
        later = pl.concat([LOG, log_of(("d", "later", 8), ("d", "later", 20), ("d", "never", None))])
        assert scores(self.make(), 8, later) == scores(self.make(), 8)
        assert "never" not in scores(self.make(), None, later)

    def test_before_the_first_choice_there_is_nothing_to_say(self) -> None:
        assert scores(self.make(), 0) == {}


class TestRecentPopularity(TimedContract):
    def make(self) -> Recommender:
        return RecentPopularity(window_days=7)

    def test_it_counts_the_days_before_the_cut(self) -> None:
        # On day 10 the week before holds "new" and "fresh" once each; "old" had three of the three choices before it.
        assert scores(RecentPopularity(7), 10) == {"fresh": 1, "new": 1, "old": 0.75}
        assert scores(RecentPopularity(10), 10) == {"old": 3, "fresh": 1, "new": 1}

    def test_without_a_cut_it_counts_the_days_before_the_end_of_training(self) -> None:
        assert scores(RecentPopularity(7), None) == {"new": 2, "fresh": 1, "old": 0.75}

    def test_options_that_make_no_sense_are_refused(self) -> None:
        for days in (0, -1, float("nan"), 10**6):
            with pytest.raises(UsageError, match="window_days"):
                RecentPopularity(days)


class TestSeasonalPopularity(TimedContract):
    def make(self) -> Recommender:
        return SeasonalPopularity("weekday", smoothing=1)

    def test_it_counts_the_same_season_and_a_little_of_all(self) -> None:
        # On Monday of the third week: Mondays had "old" twice; all so far are old 3, new 2, fresh 1 of 6.
        assert scores(SeasonalPopularity("weekday", smoothing=1), 14) == pytest.approx(
            {"old": 2 + 3 / 6, "new": 2 / 6, "fresh": 1 / 6}
        )
        # On Tuesday: "old" once on the first, "new" once on the second.
        assert scores(SeasonalPopularity("weekday", smoothing=6), 15) == pytest.approx({"old": 4, "new": 3, "fresh": 1})

    def test_seasons_are_hours_and_months_too(self) -> None:
        assert scores(SeasonalPopularity("hour", smoothing=0), 12.5) == {"old": 1, "fresh": 0, "new": 0}
        assert scores(SeasonalPopularity("month", smoothing=0), 10) == {"old": 3, "fresh": 1, "new": 1}
        assert set(scores(SeasonalPopularity("month", smoothing=0), 40).values()) == {0.0}  # nothing in a February yet

    def test_options_that_make_no_sense_are_refused(self) -> None:
        with pytest.raises(UsageError, match="smoothing"):
            SeasonalPopularity(smoothing=-1)
        with pytest.raises(UsageError, match="weekday"):
            SeasonalPopularity("week")


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.data())
def test_runs_of_a_list_are_counted_as_a_loop_would(rows: list[int], data: st.DataObject) -> None:
    runs = data.draw(st.lists(st.tuples(*[st.integers(0, len(rows))] * 2).map(sorted), min_size=1, max_size=6))
    first, end = np.array(runs).T
    expected = [[rows[start:stop].count(item) for item in range(5)] for start, stop in runs]
    np.testing.assert_array_equal(counts_of(np.array(rows, np.int32), first, end, 5), expected)


@pytest.mark.parametrize("period", ["hour", "weekday", "month"])
def test_many_queries_at_once_are_answered_as_row_by_row(period: str) -> None:
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(0, 100 * 24, 300)) / 24
    chosen = zip(rng.integers(0, 6, 300), times, strict=True)
    log = log_of(*((f"u{place % 7}", f"i{item}", float(days)) for place, (item, days) in enumerate(chosen)))
    cuts = [MONDAY + timedelta(days=float(days)) for days in rng.choice(times, 12)]
    asked = [Query(str(place), "stranger", cut=cut) for place, cut in enumerate(cuts)]
    of = {"hour": lambda t: t.hour, "weekday": lambda t: t.weekday(), "month": lambda t: t.month}[period]
    rows = list(zip(log["item_id"], log["timestamp"], strict=True))
    items = sorted(set(log["item_id"]))
    for model in (RecentPopularity(9), SeasonalPopularity(period, smoothing=5)):
        found = model.fit(log).score(asked, items)["score"].fill_null(-1).to_numpy().reshape(len(cuts), len(items))
        for row, cut in zip(found, cuts, strict=True):
            past = [(item, at) for item, at in rows if at < cut]
            if isinstance(model, RecentPopularity):
                chosen = [item for item, at in past if at >= cut - timedelta(days=9)]
                before = [item for item, at in past if at < cut - timedelta(days=9)]
                rest = [before.count(item) / (len(before) + 1) for item in items]
            else:
                chosen = [item for item, at in past if of(at) == of(cut)]
                rest = [5 * sum(other == item for other, _ in past) / max(len(past), 1) for item in items]
            expected = [chosen.count(item) + extra for item, extra in zip(items, rest, strict=True)]
            np.testing.assert_allclose(row, [value or -1 for value in expected], rtol=1e-5)
