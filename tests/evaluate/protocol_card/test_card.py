from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from card_logs import people, shuffled, split_of, table
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_files import shared
from small_logs import FakeDataset, log, untimed

from avrec_lib.data.facts import Fact
from avrec_lib.data.opening import open_dataset
from avrec_lib.data.split import SplitMethod, TieRule, split_windows
from avrec_lib.errors import DataError, ProtocolError, UsageError
from avrec_lib.evaluate.protocol_card import ProtocolCard, protocol_card
from avrec_lib.evaluate.protocol_card.card import CHECKS, reading
from avrec_lib.imports.importers import import_log
from avrec_lib.strings import Language

PEOPLE = people()


def lines(card: ProtocolCard) -> dict[str, Fact]:
    return {fact.name: fact for fact in card.facts}


def line(name: str, *splits, **options) -> Fact:
    return lines(protocol_card(splits, **options))[name]


def levels(*levels_of: str) -> ProtocolCard:
    facts = (Fact(f"check_{place}", place, None, level, "A sentence.") for place, level in enumerate(levels_of))  # type: ignore[arg-type]
    return ProtocolCard(tuple(facts))


def test_a_card_is_as_bad_as_its_worst_line():
    assert [levels(*given).level for given in (("info", "amber"), ("info",), ("amber", "red", "info"), ())] == [
        "amber", "info", "red", "info",
    ]  # fmt: skip


def test_red_stops_unless_it_is_accepted_and_amber_never_does():
    levels("amber", "info").stop()
    levels("red").stop(accept=["check_0"])
    levels("red", "red").stop(accept=["all"])
    with pytest.raises(ProtocolError):
        levels("info", "red").stop()
    with pytest.raises(ProtocolError, match=r"red \(1 of 3 lines\).* accept_red=check_0,check_2: "):
        levels("red", "info", "red").stop(accept=["check_0"])


def test_a_name_that_no_check_has_is_refused_with_the_nearest_one():
    with pytest.raises(UsageError, match=r"no check named 'ties_in_tme'\. Did you mean ties_in_time"):
        levels("info").stop(accept=["ties_in_tme"])
    levels("info").stop(accept=["sampled_negatives"])  # a line that this card happens not to have


def test_the_banner_names_what_was_accepted():
    said = levels("red", "amber", "red").summary.explanation("en")
    assert said.endswith("They are shown because accept_red let pass: check_0, check_2.")


def test_every_line_of_any_card_can_be_accepted():
    truth = [("u1", "i1")]
    split = split_of(PEOPLE, truth, k_core=5, min_value=3.0, graded=True, events_without_time=9)
    narrowed = replace(split, candidates=pl.Series(["i1"]))
    assert {fact.name for fact in protocol_card([narrowed], sampled_negatives=9).facts} == CHECKS


def test_the_error_names_each_red_line_and_the_way_out_in_both_languages():
    split = split_of(PEOPLE, [("u1", "i1")], method="leave_last_out", tied_queries=1, future_share=0.41, train_events=1)
    with pytest.raises(ProtocolError) as caught:
        protocol_card([split]).stop()
    english, chinese = caught.value.text("en"), caught.value.text("zh")
    assert "41.0 % of the training events are later" in english
    assert (
        "ties in time: " in english
        and "accept_red=training_later_than_test,ties_in_time: " in english
        and "split=global_time" in english
    )
    assert "41.0 % 的训练事件晚于测试事件" in chinese and "accept_red=training_later_than_test,ties_in_time " in chinese
    assert caught.value.exit_code == 1


def test_the_table_has_a_row_a_line_worst_first_in_either_language():
    card = protocol_card([split_of(PEOPLE, [("u1", "i1")], method="random", future_share=0.5)])
    english, chinese = card.table("en"), card.table("zh")
    assert english.columns == ["level", "check", "value", "reason"]
    assert english.height == len(card.facts) == chinese.height
    assert english.row(0)[:3] == ("red", "training later than test", "50.0 %")
    assert (chinese["level"][0], chinese["level"][-1]) == ("红", "绿")
    assert not english["reason"].str.contains("[{}]").any() and not chinese["reason"].str.contains("[{}]").any()


def test_the_summary_counts_the_lines_of_the_worst_level():
    summary = levels("amber", "info", "amber").summary
    assert (summary.value, summary.level) == (2, "amber")
    assert summary.explanation("en").startswith("The protocol card is amber: 2 of its 3 lines")


def test_what_the_row_checks_did_not_find_is_said_so():
    found = lines(protocol_card([split_of(PEOPLE, [("u1", "i1")])]))
    assert found["exact_duplicates"].explanation("en") == "No event repeats another in every column."
    assert found["exact_duplicates"].explanation("zh") == "没有事件在每一列上都与另一事件相同。"


def test_every_check_has_a_chinese_name():
    split = split_of(PEOPLE, [("u1", "i1")], k_core=5, min_value=3.0, graded=True, events_without_time=9)
    card = protocol_card([split], sampled_negatives=100)
    assert [name for name in card.table("zh")["check"] if name.isascii()] == []


def test_a_clean_split_by_time_over_people_in_sessions_has_no_red_line():
    data = FakeDataset(PEOPLE)
    card = protocol_card(split_windows(data, "global_time"), events=data.events)
    assert card.level != "red"
    assert lines(card)["pauses_of_users"].level == lines(card)["order_within_users"].level == "info"
    assert lines(card)["training_later_than_test"].share == 0


def test_a_copy_with_shuffled_times_turns_the_card_red_and_says_why():
    data = FakeDataset(shuffled(PEOPLE, seed=1))
    card = protocol_card(split_windows(data, "global_time"), events=data.events)
    with pytest.raises(ProtocolError, match="The times look shuffled: the pauses"):
        card.stop()


def test_order_shuffled_within_users_is_amber_under_any_split():
    data = FakeDataset(shuffled(PEOPLE, seed=1, within_users=True))
    found = {
        method: lines(protocol_card(split_windows(data, method), events=data.events))["order_within_users"].level  # type: ignore[arg-type]
        for method in ("global_time", "leave_last_out", "user_holdout")
    }
    assert found == dict.fromkeys(found, "amber")


@pytest.mark.parametrize(
    ("share", "level"),
    [(0.0, "info"), (0.005, "info"), (0.01, "amber"), (0.333, "amber"), (0.41, "red"), (None, "amber")],
)
def test_the_future_in_training_has_its_bounds(share: float | None, level: str):
    assert (
        line("training_later_than_test", split_of(PEOPLE, [("u1", "i1")], method="random", future_share=share)).level
        == level
    )


def test_of_several_windows_the_leak_is_that_of_the_worst():
    splits = [
        split_of(PEOPLE, [("u1", "i1")], method="leave_last_out", future_share=share) for share in (0.0, 0.4, 0.1)
    ]
    assert line("training_later_than_test", *splits).share == 0.4


def test_known_and_new_users_are_counted_over_the_windows():
    # Two windows: u1 and u2 are known from training, stranger is not.
    splits = [split_of(PEOPLE, truth, test_events_of_unseen_users=1)
              for truth in ([("u1", "a"), ("stranger", "b")], [("u1", "c"), ("u2", "d")])]  # fmt: skip
    fact = line("users_with_history", *splits)
    assert (fact.value, fact.share, fact.level) == (3, 3 / 4, "amber")
    assert "Only 2 users of the test have a history (3 of 4 queries)" in fact.explanation("en")


def test_a_test_of_mostly_new_users_is_amber_and_enough_known_ones_are_green():
    truth = [(f"u{number}", "a") for number in range(30)]
    of_few, of_most = (line("users_with_history", split_of(PEOPLE, truth, test_events_of_unseen_users=cold)).level
                       for cold in (15, 16))  # fmt: skip
    assert (of_few, of_most) == ("info", "amber")
    cold_by_design = split_of(PEOPLE, [("stranger", "a")], method="cold_user", test_events_of_unseen_users=1)
    assert line("users_with_history", cold_by_design).level == "info"


def test_answers_that_were_dropped_turn_amber_and_red():
    def found(dropped: int, **options) -> Fact:
        return line("answers_dropped_as_seen", split_of(PEOPLE, [("u1", "a")], test_pairs=100,
                                                        repeats_dropped_from_truth=dropped, **options))  # fmt: skip

    assert [found(dropped).level for dropped in (0, 19, 20, 49, 50)] == ["info", "info", "amber", "amber", "red"]
    assert "Use exclude_seen=false" in found(60).explanation("en")
    assert "nothing was dropped" in found(0, exclude_seen=False).explanation("en")


def test_a_copy_of_a_test_row_in_training_is_found():
    # The log holds (ann, x) twice; one of them is trained on, the other asked for.
    rows = table(["ann", "ann", "ann", "bob", "bob"], ["w", "x", "x", "x", "y"], [0, 60, 60, 5, 9])
    truth = [("ann", "x"), ("bob", "y")]
    fact = line("duplicates_across_the_split", split_of(rows[[0, 1, 3]], truth), events=rows.lazy())
    assert (fact.value, fact.share, fact.level) == (1, 1 / 2, "red")
    unique = rows[[0, 1, 3, 4]]
    assert line("duplicates_across_the_split", split_of(rows[[0, 3]], truth), events=unique.lazy()).value == 0


def test_copies_on_one_side_of_the_split_are_not_across():
    rows = table(["ann"] * 4, ["x", "x", "y", "z"], [0, 0, 60, 120])
    data = FakeDataset(rows)
    splits = split_windows(data, "leave_last_out")
    assert line("duplicates_across_the_split", *splits, events=data.events).value == 0
    assert line("duplicates_across_the_split", split_of(rows[2:], [("ann", "x")]), events=data.events).value == 0


def test_popularity_that_moved_is_amber_and_popularity_that_stayed_is_green():
    train = table([f"u{n}" for n in range(2000)], [f"i{n // 2 % (20 if n % 2 else 200)}" for n in range(2000)],
                  list(range(2000)))  # fmt: skip
    same = list(zip(train["user_id"], train["item_id"], strict=True))
    moved = [(user, f"i{(int(item[1:]) + 100) % 200}") for user, item in same]
    stayed, drifted = (line("popularity_drift", split_of(train, truth)) for truth in (same, moved))
    assert (stayed.level, drifted.level) == ("info", "amber")
    assert stayed.value > 15 and drifted.value < 5  # of the 20 most chosen of 200 items


def test_what_was_narrowed_is_named_and_nothing_else():
    plain = lines(protocol_card([split_of(PEOPLE, [("u1", "i1")])]))
    assert not {"k_core", "min_value", "graded_answers", "candidates", "sampled_negatives"} & set(plain)
    narrowed = split_of(PEOPLE, [("u1", "i1")], k_core=5, min_value=4.0, graded=True)
    narrowed = replace(narrowed, candidates=pl.Series(["i1", "i2"]))
    found = lines(protocol_card([narrowed], sampled_negatives=100))
    assert [(name, found[name].level, reading(found[name])) for name in (
        "k_core", "min_value", "graded_answers", "candidates", "sampled_negatives")] == [
        ("k_core", "amber", "5"), ("min_value", "info", "≥ 4"), ("graded_answers", "info", "✓"),
        ("candidates", "info", "2"), ("sampled_negatives", "red", "100"),
    ]  # fmt: skip


def test_few_users_asked_of_many_is_amber():
    few, many = (line("users_asked", split_of(PEOPLE, [("u1", "i1")], users=users)) for users in (10, 9))
    assert (few.level, few.share, many.level) == ("amber", 0.1, "info")


def test_scores_that_are_all_equal_are_red_and_missing_ones_are_not_known():
    def ranked(*scores: float | None) -> pl.DataFrame:
        return pl.DataFrame({"query_id": "q", "rank": range(1, len(scores) + 1), "score": scores},
                            schema_overrides={"score": pl.Float64})  # fmt: skip

    given = {"flat": ranked(1, 1, 1), "half": ranked(3, 2, 2), "fine": ranked(3, 2, 1), "mute": ranked(None, None),
             "bare": ranked(1, 2).drop("score"), "empty": ranked()}  # fmt: skip
    facts = [fact for fact in protocol_card([split_of(PEOPLE, [("u1", "i1")])], ranked=given).facts
             if fact.name == "equal_scores"]  # fmt: skip
    assert [(fact.level, fact.values["models"], fact.share) for fact in facts] == [
        ("red", "flat", 1.0), ("amber", "half", 1 / 2), ("info", "mute, bare, empty", None), ("info", "fine", 0.0),
    ]  # fmt: skip


def test_only_the_first_k_ranks_are_read_for_equal_scores():
    ranked = pl.DataFrame({"query_id": "q", "rank": [1, 2, 3, 4], "score": [4.0, 3.0, 1.0, 1.0]})
    split = split_of(PEOPLE, [("u1", "i1")])
    assert [line("equal_scores", split, ranked={"model": ranked}, k=k).share for k in (3, 4)] == [0, 1 / 3]


def test_a_log_without_times_says_what_cannot_be_known_and_is_not_stopped():
    data = untimed([(f"u{number % 40}", f"i{number // 40}") for number in range(2000)])
    for method in ("random", "user_holdout"):
        card = protocol_card(split_windows(data, method), events=data.events)  # type: ignore[arg-type]
        found = lines(card)
        assert "this split goes by no times" in found["training_later_than_test"].explanation("en")
        assert found["training_later_than_test"].level == "amber"
        assert {found[name].level for name in ("ties_in_time", "pauses_of_users", "order_within_users")} == {"info"}
        assert not [fact.name for fact in card.at("red")]


def test_an_empty_split_and_a_bare_log_break_nothing():
    empty = split_of(PEOPLE.clear(), [])
    bare = PEOPLE.lazy().select("user_id", "item_id")
    for events in (None, PEOPLE.clear().lazy(), bare, bare.head(0)):
        assert protocol_card([empty], events=events).table("en").height > 10


ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("uvwxyz"), st.none() | st.integers(0, 9)),
    min_size=4,
    max_size=40,
)


@settings(max_examples=40)
@given(ROWS, st.sampled_from(get_args(SplitMethod)), st.sampled_from(get_args(TieRule)), st.booleans())
def test_no_small_log_breaks_a_line(
    rows: list[tuple[str, str, int | None]], method: SplitMethod, tie_rule: TieRule, exclude_seen: bool
):
    data = log(rows)
    try:
        splits = split_windows(data, method, test_share=0.5, tie_rule=tie_rule, exclude_seen=exclude_seen)
    except DataError:
        return
    for language in get_args(Language):
        sentences = protocol_card(splits, events=data.events).table(language)["reason"]
        assert not sentences.str.contains("[{}]").any()


def test_a_split_made_by_hand_may_say_nothing_of_its_protocol():
    said_nothing = replace(split_of(PEOPLE, [("u1", "i1")]), protocol={})
    assert protocol_card([said_nothing]).level == "amber"  # of one user, and with nobody to say what training knew


def test_a_card_needs_a_split_and_both_halves_of_the_swing():
    with pytest.raises(UsageError, match="none was given"):
        protocol_card([])
    with pytest.raises(UsageError, match="splits_by_tie_rule"):
        protocol_card([split_of(PEOPLE, [("u1", "i1")])], rerun=lambda _: PEOPLE)


def test_the_red_of_the_row_checks_for_ties_does_not_stop_a_split_by_time():
    tied = PEOPLE.with_columns(pl.col("timestamp").dt.truncate("10m"))
    data = FakeDataset(tied)
    card = protocol_card(split_windows(data, "global_time"), events=data.events)
    assert lines(card)["ties_in_time"].share > 0.5 and lines(card)["ties_in_time"].level == "info"
    card.stop()


def test_the_same_card_comes_of_the_same_rows_in_another_order():
    data, again = FakeDataset(PEOPLE), FakeDataset(PEOPLE.sample(fraction=1, shuffle=True, seed=5))
    cards = [protocol_card(split_windows(given, "global_time"), events=given.events) for given in (data, again)]
    differing = [one.name for one, other in zip(*(card.facts for card in cards), strict=True) if one != other]
    assert differing in ([], ["item_id_order_in_ties"])


def test_every_fact_can_be_written_as_json():
    card = protocol_card([split_of(PEOPLE, [("u1", "i1")])])
    assert all(json.dumps(dict(fact.words)) for fact in card.facts)


def test_movielens_100k_turns_red_by_leave_last_out_and_not_by_time(workbench: Path):
    data = open_dataset("movielens-100k")
    by_time, by_user = (protocol_card(split_windows(data, method), events=data.events)
                        for method in ("global_time", "leave_last_out"))  # fmt: skip
    assert (by_time.level, by_user.level) == ("amber", "red")
    assert [reading(lines(by_user)[name]) for name in ("training_later_than_test", "ties_in_time")] == [
        "41.3 %",
        "44.0 %",
    ]
    assert lines(by_time)["users_with_history"].value == 109
    assert {lines(by_time)[name].level for name in ("pauses_of_users", "order_within_users")} == {"info"}


def test_lastfm_without_times_is_read_with_care(home: Path):
    data = import_log(shared("lastfm-2k") / "user_artists.dat").dataset
    for method in ("random", "user_holdout"):
        assert protocol_card(split_windows(data, method), events=data.events).level == "amber"  # type: ignore[arg-type]


def test_one_row_in_the_future_is_amber_and_a_thousandth_or_a_cut_there_is_red():
    def levels_of(rows_late: int, cut: str | None) -> str:
        late = pl.int_range(pl.len()) < rows_late
        rows = people(users=60).with_columns(  # 60 · 40 = 2,400 rows: one is < .1 %, three are more
            timestamp=pl.when(late).then(pl.datetime(2099, 1, 1, time_zone="UTC")).otherwise("timestamp")
        )
        split = split_of(rows, [("u1", "i1")], cut=cut)
        return line("times_in_the_future", split, events=rows.lazy()).level

    assert [levels_of(late, "2024-06-01T00:00:00+00:00") for late in (0, 1, 3)] == ["info", "amber", "red"]
    assert [levels_of(late, "2098-06-01T00:00:00+00:00") for late in (0, 1)] == ["info", "red"]
    assert levels_of(1, None) == "amber"


def test_without_times_a_repeat_cannot_be_told_from_a_copy():
    played = [(f"u{number % 40}", f"i{number % 7}") for number in range(2000)]
    data = untimed(played)
    card = protocol_card(split_windows(data, "random", exclude_seen=False), events=data.events)
    found = lines(card)
    assert found["exact_duplicates"].level == "amber"
    assert "without times nobody can tell" in found["exact_duplicates"].explanation("en")
    rows = data.events.collect()
    half = split_of(rows[:1000], [(f"u{number}", "i1") for number in range(40)])
    across = line("duplicates_across_the_split", half, events=rows.lazy())
    assert across.level == "amber" and across.share > 0.5
    assert "Without times nobody can tell" in across.explanation("en")


def test_answers_that_training_never_met_put_a_ceiling_on_recall():
    def found(new: int, old: int) -> Fact:
        # One user with all new answers and `old` known ones, one with a single known answer.
        truth = [*(("u1", f"new{n}") for n in range(new)), *(("u1", f"i{n}") for n in range(old)), ("u2", "i1")]
        return line("answers_on_new_items", split_of(PEOPLE, truth, truth_of_unseen_items=new))

    assert [found(new, old).level for new, old in ((1, 9), (1, 8), (5, 1))] == ["info", "amber", "amber"]
    assert found(1, 8).values["ceiling"] == f"{(8 / 9 + 1) / 2:.3f}"
    assert "its recall reaches 0.583 at most" in found(5, 1).explanation("en")  # (1/6 + 1) / 2


def test_candidates_say_where_they_come_from():
    timed, bare = FakeDataset(PEOPLE), untimed([(f"u{n % 40}", f"i{n // 40}") for n in range(2000)])
    fewer = FakeDataset(PEOPLE.filter(~((pl.col("item_id") == "i7") & (pl.col("timestamp").dt.month() < 11))))
    said = [line("candidates", *split_windows(data, "cold_item")).explanation("en") for data in (fewer, bare)]
    assert "those that are chosen in the test and have no training row" in said[0]
    assert "drawn at random to be cold" in said[1]
    by_hand = replace(split_of(timed.events.collect(), [("u1", "i1")]), candidates=pl.Series(["i1"]))
    assert "Only 1 items may be ranked: numbers are higher" in line("candidates", by_hand).explanation("en")


def test_orders_of_ties_are_no_windows():
    data = FakeDataset(PEOPLE.with_columns(pl.col("timestamp").dt.truncate("10m")))
    said = line("users_asked", *split_windows(data, "leave_last_out", tie_rule="random", tie_orders=3)).explanation(
        "en"
    )
    assert "tie orders: 3" in said and "windows" not in said
