from __future__ import annotations

import polars as pl
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.requirement import Requirement, hold, read_requirements


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("ndcg@10=.1", ("ndcg", 10, 0.1)),
        (" hit_rate @ 5 = 2e-1", ("hit_rate", 5, 0.2)),
        ("auc=0.7", ("auc", None, 0.7)),
        ("ndcg@10=-1", ("ndcg", 10, -1.0)),
    ],
)
def test_a_requirement_is_metric_k_and_least(text: str, read: tuple[str, int | None, float]) -> None:
    (bar,) = read_requirements([text], ["ndcg", "hit_rate", "auc"], [5, 10])
    assert (bar.metric, bar.k, bar.least) == read


def test_k_may_be_left_out_where_there_is_one() -> None:
    assert read_requirements(["ndcg=.1"], ["ndcg"], [10])[0].name == "ndcg@10"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ndcg@10", "'ndcg@10' is no requirement. Expected METRIC@K=LEAST"),
        ("ndcg@10=", "is no requirement"),
        ("ndcg@10=high", "is no requirement"),
        ("ndcg@10=nan", "is no requirement"),
        ("ndcg@ten=.1", "is no requirement"),
        ("ndgc@10=.1", "Did you mean ndcg?"),
        ("mrr@10=.1", "mrr is required but not judged. Add it: --metrics ndcg,recall,mrr."),
        ("ndcg@20=.1", "ndcg at 20 is required but not judged. Add it: --k 5,10,20."),
        ("ndcg=.1", "does not say at which k"),
    ],
)
def test_what_cannot_be_held_is_refused_before_anything_is_read(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_requirements([text], ["ndcg", "recall"], [5, 10])
    assert said in caught.value.text("en")


@pytest.mark.parametrize(
    ("least", "met", "said"),
    [
        (0.1, True, "0.1 is asked: met, and the whole interval agrees."),
        (0.25, True, "met by the mean, but the interval holds 0.25"),
        (0.3, True, "met by the mean, but the interval holds 0.3"),
        (0.35, False, "not met by the mean, but the interval holds 0.35"),
        (0.5, False, "not met, and the whole interval agrees."),
    ],
)
def test_the_mean_decides_and_the_interval_is_told(least: float, met: bool, said: str) -> None:
    summary = pl.DataFrame(
        {"model": ["new"], "metric": ["ndcg"], "k": [10], "value": [0.3], "low": [0.2], "high": [0.4], "n": [1234]}
    )
    outcome = hold(Requirement("ndcg", 10, least), summary, "new")
    assert outcome.met is met
    assert outcome.note().text("en").startswith("new: ndcg@10 is 0.3000 [0.2000, 0.4000] (n = 1,234), ")
    assert said in outcome.note().text("en")


@pytest.mark.parametrize(
    ("least", "met", "said"),
    [
        (0.1, True, "0.1 is asked of the lower end of the interval: met."),
        (0.2, True, "0.2 is asked of the lower end of the interval: met."),
        (0.25, False, "lower end of the interval: not met, though the mean reaches it."),
        (0.35, False, "0.35 is asked of the lower end of the interval: not met."),
    ],
)
def test_a_bar_for_the_lower_end_is_not_reached_by_the_mean_alone(least: float, met: bool, said: str) -> None:
    summary = pl.DataFrame(
        {"model": ["new"], "metric": ["ndcg"], "k": [10], "value": [0.3], "low": [0.2], "high": [0.4], "n": [1234]}
    )
    (bar,) = read_requirements([f"ndcg@10={least}"], ["ndcg"], [10], of="low")
    outcome = hold(bar, summary, "new")
    assert outcome.met is met
    assert said in outcome.note().text("en")
    unsure = hold(bar, summary.with_columns(low=None, high=None), "new")
    assert not unsure.met
    assert "not met, for there is no interval" in unsure.note().text("en")


def test_what_is_undefined_is_not_met() -> None:
    empty = {"model": ["new"], "metric": ["auc"], "k": [None], "value": [None], "low": [None], "high": [None], "n": [0]}
    for model in ("new", "another"):
        outcome = hold(Requirement("auc", None, 0.1), pl.DataFrame(empty), model)
        assert not outcome.met
        assert "has no value" in outcome.note().text("en")


def test_a_mean_without_an_interval_says_so() -> None:
    one = {"model": ["new"], "metric": ["ndcg"], "k": [10], "value": [1.0], "low": [None], "high": [None], "n": [1]}
    outcome = hold(Requirement("ndcg", 10, 0.1), pl.DataFrame(one), "new")
    assert outcome.met
    assert "There is no interval." in outcome.note().text("en")
