"""The contract test that runs before a stranger's class sees the data: what it lets pass, and what it names."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import strangers
from strangers import Neighbours

from avrec_lib.errors import UsageError
from avrec_lib.models import EASE, ItemKNN, Popularity
from avrec_lib.models.contract import check_contract, require_contract

OPTIONAL = {
    "A query may bring its own history.",
    "Nothing at or after the cut of a query is known.",
    "It can score, save and load.",
}


@pytest.mark.parametrize("make", [Popularity, ItemKNN, EASE])
def test_our_own_models_keep_every_promise(make) -> None:
    assert check_contract(make) == []


def test_a_strangers_class_in_plain_polars_passes_and_what_it_lacks_is_mentioned() -> None:
    lacking = require_contract(Neighbours)
    assert {one.promise.template for one in lacking} == OPTIONAL
    assert "It has no score, save, load." in {one.reason.text("en") for one in lacking}


@pytest.mark.parametrize(
    ("make", "promise", "said"),
    [
        (strangers.SaysNaN, "schema.Ranked", "8 of 8 scores are NaN or infinite"),
        (strangers.WrongColumns, "schema.Ranked", "lacks item_id, rank; it has query_id, user_id, movie, score"),
        (strangers.NumbersAsIds, "schema.Ranked", "item_id of the ranked table holds Int64; ids are strings"),
        (strangers.FromZero, "schema.Ranked", "rank"),
        (strangers.SaysItTwice, "schema.Ranked", "stands in one list twice"),
        (strangers.UpsideDown, "schema.Ranked", "do not fall with the rank"),
        (strangers.AnswersOthers, "schema.Ranked", "for query 'nobody', who did not ask"),
        (strangers.Lists, "schema.Ranked", "returned list, not a polars DataFrame"),
        (strangers.Invents, "larger than the catalogue", "which is in no training row"),
        (strangers.IgnoresK, "at most k items", "With k = 1 a list has 6 items"),
        (strangers.ShowsSeen, "seen in training", "5 of the 5 items that the user has in training"),
        (strangers.ForgetsFurtherSeen, "pairs of `seen`", "although `seen` names it"),
        (strangers.IgnoresCandidates, "Only candidates", "which is no candidate"),
        (strangers.FailsOnStrangers, "unknown user", "It raised KeyError: 'a user nobody has met' in"),
        (strangers.ScoresOtherwise, "score and recommend", "by itself"),
        (strangers.Nameless, "has a name", "has no name"),
        (strangers.CannotRecommend, "has a name, fit and recommend", "CannotRecommend has no recommend"),
        (strangers.FitsNothing, "returns the model itself", "fit returned NoneType"),
        (strangers.NeedsRatings, "fit learns", "It raised IndexError"),
        (strangers.LeavesWhileItLearns, "fit learns", "It raised SystemExit: 0 in"),
        (strangers.LeavesWhenAsked, "schema.Ranked", "It raised SystemExit: done in"),
    ],
)
def test_a_broken_promise_is_named_with_what_came_instead(make, promise: str, said: str) -> None:
    broken = [one for one in check_contract(make) if one.required]
    assert any(promise in one.promise.text("en") and said in one.reason.text("en") for one in broken), broken
    with pytest.raises(UsageError) as caught:
        require_contract(make)
    assert said in caught.value.text("en")


def test_a_model_that_learns_by_chance_is_let_in_and_it_is_mentioned() -> None:
    mentioned = require_contract(strangers.RollsDice)
    assert [one.reason.text("en") for one in mentioned if one.promise.template.startswith("Fitting twice")] == [
        "Two lists for the same query differ; set a seed."
    ]


def test_an_error_in_their_code_is_given_with_its_line() -> None:
    lines = Path(strangers.__file__).read_text("utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "the line that is to be blamed" in text)
    reasons = [one.reason.text("en") for one in check_contract(strangers.FailsOnStrangers)]
    assert f"It raised KeyError: 'a user nobody has met' in {strangers.__file__}:{line}." in reasons


def test_what_cannot_be_fitted_is_asked_nothing_else() -> None:
    assert len(check_contract(strangers.NeedsRatings)) == 1
    assert len(check_contract(lambda: strangers.FailsToStart())) == 1


def test_it_takes_a_moment() -> None:
    started = time.perf_counter()
    check_contract(Neighbours)
    assert time.perf_counter() - started < 5


def test_it_speaks_chinese() -> None:
    texts = [one.promise.text("zh") + one.reason.text("zh") for one in check_contract(strangers.IgnoresK)]
    assert "每个列表最多 k 个物品。" in texts[0]
