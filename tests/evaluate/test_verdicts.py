from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import avrec_lib.strings as strings
from avrec_lib.evaluate.verdicts import FEWEST_DIFFERING, FEWEST_USERS, SENTENCES, UNDECIDED, verdict, verdict_sentence
from avrec_lib.strings import say

CLEAR: dict[str, Any] = {
    "model": "EASE", "baseline": "popular", "metric": "ndcg", "k": 10, "difference": 0.02, "low": 0.01, "high": 0.03,
    "mean": 0.12, "baseline_mean": 0.1, "users": 200, "n": 250, "differing": 90, "identical": False, "better": "higher",
    "p_value": 0.001, "p_adjusted": 0.009, "comparisons": 9, "zone": 0.001, "standard_error": 0.005,
    "smallest_detectable": 0.018, "fewest": FEWEST_USERS,
}  # fmt: skip


def row(**changes: Any) -> dict[str, Any]:
    changed = CLEAR | changes
    return changed | {"verdict": verdict(changed)}


NEAR = {"difference": 0.0001, "low": -0.0005, "high": 0.0007, "p_value": 0.7, "p_adjusted": 1.0}
WIDE = {"difference": 0.006, "low": -0.004, "high": 0.016, "p_value": 0.2, "p_adjusted": 1.0}
DOWN = {"difference": -0.02, "low": -0.03, "high": -0.01}
NOTHING = dict.fromkeys(
    ["difference", "low", "high", "mean", "baseline_mean", "p_value", "p_adjusted", "zone", "standard_error",
     "smallest_detectable"]
) | {"users": 0, "n": 0, "differing": 0}  # fmt: skip

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "better": ({}, "better"),
    "better, size open": ({"low": 0.0004}, "better"),
    "worse": (DOWN, "worse"),
    "worse, size open": (DOWN | {"high": -0.0004}, "worse"),
    "different": ({"better": None}, "different"),
    "equivalent": (NEAR, "equivalent"),
    "the same": (dict.fromkeys(["low", "high"]) | {"difference": 0.0, "identical": True, "p_value": 1.0}, "the same"),
    "nothing in common": (NOTHING, UNDECIDED),
    "too few users": ({"users": FEWEST_USERS - 1}, UNDECIDED),
    "too few users, skewed": ({"fewest": 1234}, UNDECIDED),
    "too few differ": (NEAR | {"differing": FEWEST_DIFFERING - 1}, UNDECIDED),
    "one of many": ({"p_value": 0.02, "p_adjusted": 0.18}, UNDECIDED),
    "on the edge": ({"p_value": 0.06, "p_adjusted": 0.06, "comparisons": 1, "low": 0.0001}, UNDECIDED),
    "undecided": (WIDE, UNDECIDED),
    "undecided, out of reach": (WIDE | {"zone": 0.0}, UNDECIDED),
}


@pytest.mark.parametrize("reason", SENTENCES)
def test_each_kind_of_row_has_its_verdict_and_its_sentence(reason: str) -> None:
    changes, expected = CASES[reason]
    one = row(**changes)
    template, values = verdict_sentence(one)
    assert one["verdict"] == expected
    assert template == SENTENCES[reason]
    for language in strings.LANGUAGES:
        said = say(template, language, **values)
        assert "None" not in said and "nan" not in said
        assert "EASE" in said


def test_where_lower_is_better_the_words_turn_and_the_sentence_says_so() -> None:
    assert [row(better="lower")["verdict"], row(**DOWN, better="lower")["verdict"]] == ["worse", "better"]
    assert verdict_sentence(row(better="lower", metric="skip_rate"))[1]["metric"] == "skip rate@10 ↓"


def test_a_sentence_carries_difference_interval_users_and_means() -> None:
    template, values = verdict_sentence(row())
    assert say(template, "en", **values) == (
        "**EASE is better than popular**: NDCG@10 is 0.120 against 0.100, a difference of +0.0200 [0.0100, 0.0300] "
        "for the same 200 users (corrected p = 0.009)."
    )


def test_an_undecided_sentence_says_what_it_would_take() -> None:
    template, values = verdict_sentence(row(**WIDE | {"zone": 0.003}, comparisons=1, n=200))
    # (1.96 + .84)² · (.005² · 200) / .003² = 4,361 users, rounded up to two digits.
    assert values["needed"] == "4,400"
    sentence = say(template, "en", **values)
    assert "a true difference of 0.0180 would be found four times out of five" in sentence
    assert "the smallest that counts, 0.00300, would take about 4,400 users" in sentence


def test_the_difference_seen_changes_nothing_about_the_users_it_takes() -> None:
    wide = [row(**WIDE | {"difference": seen, "zone": 0.003}, comparisons=1) for seen in (0.0002, 0.006, -0.002)]
    assert {verdict_sentence(one)[1]["needed"] for one in wide} == {"4,400"}


@pytest.mark.parametrize("zone", [None, 0.0, 0.5])
def test_without_a_zone_or_with_one_that_is_wide_enough_no_more_users_are_asked_for(zone: float | None) -> None:
    template, values = verdict_sentence(row(**WIDE | {"zone": zone, "low": -0.6}))
    assert (template, values["needed"]) == (SENTENCES["undecided, out of reach"], "–")


def test_a_difference_that_a_few_users_carry_is_not_decided_and_says_how_many_it_takes() -> None:
    template, values = verdict_sentence(row(fewest=1234))
    assert "a few users carry the difference: there are 200, and it takes about 1,234" in say(template, "en", **values)
    assert row(fewest=1234, identical=True)["verdict"] == "the same"
    assert row(fewest=1234, **NEAR)["verdict"] == UNDECIDED


def test_the_interval_alone_and_the_test_alone_decide_nothing() -> None:
    assert row(p_adjusted=0.051)["verdict"] == UNDECIDED
    assert row(low=-0.0001)["verdict"] == UNDECIDED


def test_without_spread_the_test_speaks_alone() -> None:
    one = row(low=None, high=None, standard_error=0.0)
    assert one["verdict"] == "better"
    assert verdict_sentence(one)[1]["difference"] == "+0.0200"


def test_no_zone_means_nothing_is_equivalent() -> None:
    assert row(**NEAR | {"zone": 0.0})["verdict"] == UNDECIDED


def test_large_and_undivided_numbers_are_written_out() -> None:
    one = row(metric="watch_seconds", k=None, difference=-1234.5, low=-2000.2, high=-500.0, mean=90000.0)
    _, values = verdict_sentence(one)
    assert (values["metric"], values["difference"]) == ("watch seconds", "−1,234 [−2,000, −500]")


def test_every_sentence_and_verdict_is_translated() -> None:
    table = json.loads((Path(strings.__file__).parent / "compare.zh.json").read_text("utf-8"))
    assert [template for template in SENTENCES.values() if template not in table] == []
    assert {say(word, "zh") for word in ("different", "equivalent")} == {"不同", "相当"}
