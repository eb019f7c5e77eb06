import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.policies import EpsilonMix, Greedy, recommender_policy
from avrec_lib.policies.from_recommender import ROWS_AT_ONCE, matrix_of_ranked, score_matrix, standard_scores
from avrec_lib.protocols import Requests

ITEMS = ["a", "b", "c"]


class Scored:
    """Scores of a table; rows come in an order of their own."""

    name = "scored"

    def __init__(self, scores: dict[tuple[str, str], float | None], factor: float = 1.0):
        self.scores, self.factor, self.calls = scores, factor, 0

    def score(self, queries, candidates):
        self.calls += 1
        rows = [
            (user, user, item, None if (score := self.scores.get((user, item))) is None else score * self.factor)
            for item in reversed(candidates)
            for user in queries["query_id"]
        ]
        return pl.DataFrame(rows, ["query_id", "user_id", "item_id", "score"], orient="row")


TASTE = {("u", "a"): 1.0, ("u", "b"): 2.0, ("u", "c"): 3.0, ("v", "a"): 5.0, ("v", "b"): None, ("v", "c"): None}


def test_scores_are_placed_by_query_and_item():
    matrix = score_matrix(Scored(TASTE), ["v", "u"], ITEMS)
    np.testing.assert_equal(matrix, [[5, np.nan, np.nan], [1, 2, 3]])


def test_many_queries_are_asked_in_blocks(monkeypatch):
    monkeypatch.setattr("avrec_lib.policies.from_recommender.ROWS_AT_ONCE", 3)
    recommender = Scored(TASTE)
    np.testing.assert_equal(score_matrix(recommender, ["u", "v"], ITEMS), [[1, 2, 3], [5, np.nan, np.nan]])
    assert recommender.calls == 2
    assert ROWS_AT_ONCE > 3


def test_each_row_is_brought_to_standard_scores_and_what_is_unscored_stands_one_below_the_lowest():
    step = np.sqrt(1.5)  # of 1, 2, 3 the standard deviation is √(2/3)
    scores = np.array([[1, 2, 3], [5, np.nan, np.nan], [7, 7, 7], [np.nan, np.nan, np.nan], [0, 2, np.nan]])
    np.testing.assert_allclose(
        standard_scores(scores), [[-step, 0, step], [0, -1, -1], [0, 0, 0], [0, 0, 0], [-1, 1, -2]]
    )


def test_a_temperature_means_the_same_for_scores_of_any_scale():
    requests, rows = Requests(np.array([0, 1, 0])), np.arange(3)
    small, large = (
        recommender_policy(Scored(TASTE, factor), ["u", "v"], ITEMS, temperature=0.7).probabilities(requests, rows)
        for factor in (0.001, 1000.0)
    )
    np.testing.assert_allclose(small, large)
    step = np.sqrt(1.5) / 0.7
    weights = np.exp([-step, 0, step])
    np.testing.assert_allclose(small[2], weights / weights.sum())
    # v: 0 for a, one standard deviation below for the others.
    weights = np.exp([0, -1 / 0.7, -1 / 0.7])
    np.testing.assert_allclose(small[1], weights / weights.sum())


def test_the_best_first_with_some_exploration():
    policy = recommender_policy(Scored(TASTE), ["u", "v"], ITEMS, choose="best", epsilon=0.3)
    assert isinstance(policy, EpsilonMix)
    assert isinstance(policy.policy, Greedy)
    assert policy.name == "scored + 0.3 uniform"
    chances = policy.probabilities(Requests(np.array([0, 1])), np.array([2, 0]))
    np.testing.assert_allclose(chances, [[0.85, 0.15], [0.15, 0.85]])


def test_a_policy_of_a_ranked_table_goes_by_rank_where_scores_are_missing():
    ranked = pl.DataFrame({"query_id": ["u", "u"], "item_id": ["c", "a"], "rank": [1, 2], "score": [None, 4.0]})
    matrix = matrix_of_ranked(ranked, pl.Series(["u", "v"]), ITEMS)
    np.testing.assert_allclose(matrix, [[-np.log2(3), np.nan, -1], [np.nan] * 3])
    scored = matrix_of_ranked(ranked.with_columns(score=pl.Series([9.0, 4.0])), pl.Series(["u"]), ITEMS)
    np.testing.assert_allclose(scored, [[4, np.nan, 9]])


def test_a_request_of_a_user_without_a_query_is_refused():
    policy = recommender_policy(Scored(TASTE), ["u", "v"], ITEMS)
    with pytest.raises(DataError, match="made by user 2, but the scores are those of 2 queries"):
        policy.probabilities(Requests(np.array([2])), np.arange(3))


def test_an_unknown_choice_is_refused():
    with pytest.raises(UsageError, match=r"no choice named 'greedy'.*best, softmax"):
        recommender_policy(Scored(TASTE), ["u"], ITEMS, choose="greedy")
