from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.interleave import (
    NOBODY,
    credit,
    interleave,
    preference,
    preferences,
    queries_needed,
    team_draft,
)
from avrec_lib.evaluate.power import users_needed


def ranked(lists: dict[str, list[str]]) -> pl.DataFrame:
    rows = [
        (query, f"user of {query}", item, rank) for query, items in lists.items() for rank, item in enumerate(items, 1)
    ]
    return pl.DataFrame(rows, schema=["query_id", "user_id", "item_id", "rank"], orient="row")


def by_hand(first: list[int], second: list[int], slots: int, coins: list[int]) -> tuple[list[int], list[int]]:
    """Team draft as two captains would do it."""
    items: list[int] = []
    teams: list[int] = []
    lists = [list(first), list(second)]
    for coin in coins:
        for turn in (coin, 1 - coin):
            left = [[item for item in one if item not in items and item != NOBODY] for one in lists]
            mine = turn if left[turn] else 1 - turn
            if left[mine] and len(items) < slots:
                items.append(left[mine][0])
                teams.append(mine)
    return items, teams


def test_captains_pick_in_turn_as_by_hand() -> None:
    rng = np.random.default_rng(0)
    first = np.array([rng.permutation(8)[:5] for _ in range(200)])
    second = np.array([rng.permutation(8)[:5] for _ in range(200)])
    second[:50, 2:] = NOBODY
    items, teams = team_draft(first, second, 6, np.random.default_rng(1))
    coins = np.random.default_rng(1)
    drawn = np.array([coins.integers(0, 2, 200) for _ in range(3)])
    for query in range(200):
        expected = by_hand(first[query].tolist(), second[query].tolist(), 6, drawn[:, query].tolist())
        length = len(expected[0])
        assert (items[query][:length].tolist(), teams[query][:length].tolist()) == expected
        assert (items[query][length:] == NOBODY).all()


def test_nothing_is_shown_twice_and_each_team_has_half() -> None:
    rng = np.random.default_rng(0)
    first, second = (np.array([rng.permutation(20) for _ in range(300)]) for _ in range(2))
    items, teams = team_draft(first, second, 10, rng)
    assert all(len(set(row)) == 10 for row in items.tolist())
    assert ((teams == 1).sum(axis=1) == 5).all()


def test_tables_are_interleaved_by_query() -> None:
    shown = interleave(ranked({"q": ["a", "b"], "r": ["c"], "x": ["a"]}), ranked({"r": ["c"], "q": ["c", "a"]}), k=3)
    assert shown["query_id"].unique().sort().to_list() == ["q", "r"]
    assert shown.filter(query_id="q")["item_id"].sort().to_list() == ["a", "b", "c"]
    assert shown.filter(query_id="r").select("item_id", "rank").rows() == [("c", 1)]
    assert shown["user_id"].unique().sort().to_list() == ["user of q", "user of r"]
    with pytest.raises(DataError, match="share no query"):
        interleave(ranked({"q": ["a"]}), ranked({"r": ["a"]}), k=3)


def test_clicks_are_credited_to_the_team_that_picked_the_item() -> None:
    shown = pl.DataFrame({
        "query_id": ["q"] * 3, "user_id": ["u"] * 3, "item_id": ["a", "b", "c"], "rank": [1, 2, 3],
        "team": ["baseline", "challenger", "challenger"],
    })  # fmt: skip
    clicks = pl.DataFrame({"query_id": ["q"] * 4, "item_id": ["b", "b", "c", "z"]})
    assert credit(shown, clicks).rows() == [("q", "u", 0, 2)]


def credits(scores: list[tuple[str, int, int]]) -> pl.DataFrame:
    return pl.DataFrame(scores, schema=["user_id", "baseline", "challenger"], orient="row")


def test_a_preference_is_a_mean_over_queries_clustered_by_user() -> None:
    users = [f"u{number}" for number in range(40)]
    found = preference(
        credits([(user, 0, 1) for user in users] + [(user, 2, 1) for user in users[:10]] + [("u0", 1, 1)])
    )
    assert (found.wins, found.losses, found.ties, found.queries, found.users) == (40, 10, 1, 51, 40)
    assert found.preference == pytest.approx(30 / 51)
    assert found.p_value == pytest.approx(binomtest(30, 30).pvalue)  # ten users are in balance
    assert found.winner == "challenger"


def test_few_users_prefer_nothing_yet() -> None:
    found = preference(credits([(f"u{number}", 0, 1) for number in range(10)]))
    assert found.low > 0 and found.winner is None
    with pytest.raises(DataError, match="two users or more"):
        preference(credits([("u", 0, 1)]))


def test_a_user_who_asks_often_counts_as_one() -> None:
    rng = np.random.default_rng(0)
    leaning = np.repeat(rng.choice([0, 1], 60), 30)
    rows = [(f"u{place // 30}", int(1 - side), int(side)) for place, side in enumerate(leaning)]
    together, apart = preference(credits(rows)), preference(credits([(str(n), *row[1:]) for n, row in enumerate(rows)]))
    assert together.standard_error == pytest.approx(apart.standard_error * np.sqrt(30), rel=0.05)


def test_sessions_are_planned_like_users() -> None:
    assert queries_needed(0.1, 0.8) == users_needed(0.1, 0.8)
    found = preference(credits([(f"u{number}", number % 3, 1) for number in range(300)]))
    assert found.queries_for(0.2) == pytest.approx(users_needed(0.2, found.sd), abs=1)
    with pytest.raises(UsageError, match="between -1 and 1"):
        queries_needed(2.0, 0.8)


def test_many_tests_at_once_are_as_one() -> None:
    scores = np.random.default_rng(0).choice([-1, 0, 1], (100, 3), p=[0.2, 0.4, 0.4])
    mean, low, high = preferences(scores)
    rows = [(str(n), int(score < 0), int(score > 0)) for n, score in enumerate(scores[:, 1])]
    alone = preference(credits(rows))
    assert (mean[1], low[1], high[1]) == pytest.approx((alone.preference, alone.low, alone.high))
