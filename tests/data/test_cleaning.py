from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sample_files import shared

from avrec_lib.data.cleaning import RULES, Cleaned, Cleaning, clean_dataset, clean_events
from avrec_lib.data.dataset import Dataset
from avrec_lib.data.opening import open_dataset
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import DataError, UsageError
from avrec_lib.imports.importers import import_log
from avrec_lib.schema import Events, with_all_columns

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
TYPES = Events.create_empty().schema
ITEMS = pl.LazyFrame({"item_id": ["short", "long", "odd"], "duration_seconds": [0.5, 100.0, 0.0]})


def act(user: str, item: str | None, seconds: float | datetime | None, event: str = "play", **more: object) -> dict:
    """A row: `seconds` after noon of the first of January 2024, or at a time of its own, or without one."""
    time = NOON + timedelta(seconds=seconds) if isinstance(seconds, (int, float)) else seconds
    return {"user_id": user, "item_id": item, "timestamp": time, "event": event, **more}


def log(*rows: dict) -> pl.LazyFrame:
    present = {name: dtype for name, dtype in TYPES.items() if any(name in row for row in rows) or name in BASIC}
    return with_all_columns(pl.LazyFrame(list(rows), schema=present, strict=False), Events)


BASIC = ("user_id", "item_id", "timestamp", "event")


def counted(cleaned: Cleaned) -> dict[str, tuple[int, int]]:
    """Rule -> rows and users, of the rules that found something."""
    steps = cleaned.report.steps
    return {step.rule: (step.fact.value, step.users) for step in steps if step.fact.value}


def kept(cleaned: Cleaned) -> pl.DataFrame:
    return cleaned.events.collect()


def only(rule: str, **thresholds: object) -> Cleaning:
    options = Cleaning.standard().only(rule)
    return Cleaning(**{**vars(options), **thresholds})


@pytest.fixture
def faulty() -> pl.LazyFrame:
    """One instance of each fault among five good rows."""
    robot = [act("robot", f"v{place}", 900 * place) for place in range(32)]
    busy = [act("busy", f"v{place}", 20 * place + place % 7) for place in range(1001)]
    same = [act("same", f"v{place}", 50 * place**1.5, "rating", value=5.0) for place in range(10)]
    return log(
        act("ann", "long", 0, watch_seconds=90.0),
        act("ann", "long", 0, watch_seconds=90.0),  # written twice
        act("ann", "long", 6, watch_seconds=80.0),  # the same press
        act("ann", "long", 100, watch_seconds=80.0),  # once more, and meant
        act("ann", "odd", 200, watch_seconds=0.4),  # an accident
        act("ann", "short", 300, watch_seconds=0.5),  # brief, but watched to the end
        act("ann", "long", 400, watch_seconds=9_000.0),  # asleep
        act("bob", "long", datetime(2200, 1, 1, tzinfo=UTC)),
        act("bob", "long", datetime(1970, 1, 1, tzinfo=UTC)),
        act("bob", "long", 0),
        *robot, *busy, *same,
    )  # fmt: skip


def test_each_fault_is_found_once_and_counted(faulty: pl.LazyFrame):
    cleaned = clean_events(faulty, Cleaning.standard(), ITEMS)
    assert counted(cleaned) == {
        "times_in_the_future": (1, 1),
        "times_before_1990": (1, 1),
        "exact_duplicates": (1, 1),
        "short_watches": (1, 1),
        "near_duplicates": (1, 1),
        "too_busy_users": (1001, 1),
        "clockwork_users": (32, 1),
        "constant_raters": (10, 1),
        "long_watches": (1, 1),
    }
    report = cleaned.report
    assert (report.events, report.events_left) == (10 + 32 + 1001 + 10, 5 + 10)
    assert (report.users, report.users_left) == (5, 3)
    assert (report.removed, report.changed) == (1 + 1 + 1 + 1 + 1 + 1001 + 32, 10 + 1)


def test_what_stays_keeps_its_order_and_its_values(faulty: pl.LazyFrame):
    rows = kept(clean_events(faulty, Cleaning.standard(), ITEMS))
    ann = rows.filter(pl.col("user_id") == "ann").select("item_id", "watch_seconds").rows()
    assert ann == [("long", 90.0), ("long", 80.0), ("short", 0.5), ("long", 5 * 100.0)]
    assert rows["user_id"].to_list() == ["ann"] * 4 + ["bob"] + ["same"] * 10
    assert rows.columns == Events.column_names()


def test_without_any_rule_nothing_happens(faulty: pl.LazyFrame):
    cleaned = clean_events(faulty, Cleaning.none(), ITEMS)
    assert cleaned.report.steps == []
    assert_frame_equal(kept(cleaned), faulty.collect())


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_can_work_alone_or_be_left_out(faulty: pl.LazyFrame, rule: str):
    alone = clean_events(faulty, Cleaning.standard().only(rule), ITEMS)
    assert [step.rule for step in alone.report.steps] == [rule] and alone.report.steps[0].fact.value > 0
    others = clean_events(faulty, Cleaning.standard().without(rule), ITEMS)
    assert rule not in {step.rule for step in others.report.steps}


def test_a_chain_of_presses_is_one_act_even_when_it_lasts():
    presses = [act("ann", "x", seconds) for seconds in (16, 0, 8, 27, 50)]  # pauses 8, 8, 11, 23
    cleaned = clean_events(log(*presses), only("near_duplicates", press_seconds=10.0))
    assert [(time - NOON).seconds for time in kept(cleaned)["timestamp"]] == [0, 27, 50]


def test_different_acts_items_and_users_are_not_the_same_press():
    rows = [act("ann", "x", 0), act("ann", "x", 1, "like"), act("ann", "y", 2), act("bob", "x", 3),
            act("ann", None, 4, "search"), act("ann", None, 5, "search")]  # fmt: skip
    assert counted(clean_events(log(*rows), only("near_duplicates"))) == {}


def test_an_accident_before_the_real_play_does_not_take_it_along():
    rows = [act("ann", "x", 0, watch_seconds=0.3), act("ann", "x", 4, watch_seconds=300.0)]
    assert kept(clean_events(log(*rows), Cleaning.standard()))["watch_seconds"].to_list() == [300.0]


def test_a_watch_of_unknown_length_is_no_accident():
    rows = [act("ann", "x", 0), act("ann", "y", 0, watch_seconds=float("nan")), act("ann", "z", 0, "impression")]
    assert counted(clean_events(log(*rows), Cleaning.standard())) == {}


def test_unknown_durations_are_capped_at_the_quantile():
    rows = [act("ann", f"v{place}", 1000 * place, watch_seconds=float(place)) for place in range(1, 12)]
    cleaned = clean_events(log(*rows), only("long_watches", watch_quantile=0.8), ITEMS)
    # Place 0.8 · (11 − 1) = 8 of the ascending values 1 … 11 is 9.
    assert kept(cleaned)["watch_seconds"].to_list() == [*range(1, 10), 9, 9]


def test_known_durations_do_not_enter_the_quantile():
    known = [act("ann", "long", 1000 * place, watch_seconds=400.0) for place in range(50)]
    rows = [*known, act("ann", "x", 1, watch_seconds=5.0), act("ann", "odd", 1, watch_seconds=7.0)]
    cleaned = clean_events(log(*rows), only("long_watches", watch_quantile=0.5), ITEMS)
    assert kept(cleaned)["watch_seconds"].to_list() == [400.0] * 50 + [5.0, 7.0]  # "higher" of 5 and 7


def test_a_second_row_of_an_item_makes_no_second_event():
    rows = log(act("ann", "long", 0, watch_seconds=501.0), act("ann", "long", 60, watch_seconds=0.1))
    cleaned = clean_events(rows, Cleaning.standard(), pl.concat([ITEMS, ITEMS]))
    assert kept(cleaned)["watch_seconds"].to_list() == [500.0]


def test_without_a_quantile_only_known_durations_are_capped():
    rows = [act("ann", "long", 0, watch_seconds=501.0), act("ann", "x", 1, watch_seconds=1e9)]
    cleaned = clean_events(log(*rows), only("long_watches", watch_quantile=None), ITEMS)
    assert kept(cleaned)["watch_seconds"].to_list() == [500.0, 1e9]


def test_constant_raters_are_forgotten_kept_or_dropped():
    nearly = [act("same", f"v{place}", 100 * place, "rating", value=5.0 if place else 1.0) for place in range(20)]
    plays = [act("same", "x", 1, "play", value=3.0)]
    mixed = [act("ann", f"v{place}", 100 * place, "rating", value=float(place % 5)) for place in range(20)]
    rows = log(*nearly, *plays, *mixed)
    forgotten = clean_events(rows, only("constant_raters"))
    assert counted(forgotten) == {"constant_raters": (20, 1)}
    assert forgotten.report.steps[0].action == "changed"
    assert kept(forgotten)["value"].to_list() == [None] * 20 + [3.0] + [float(place % 5) for place in range(20)]
    dropped = clean_events(rows, only("constant_raters", constant_raters="drop"))
    assert (counted(dropped), dropped.report.steps[0].action) == ({"constant_raters": (21, 1)}, "removed")
    assert kept(dropped)["user_id"].unique().to_list() == ["ann"]
    assert clean_events(rows, Cleaning.standard().without("constant_raters")).report.changed == 0


def test_rows_that_become_equal_are_one_row():
    ratings = [act("same", f"v{place}", None, "rating", value=5.0) for place in range(20)]
    cleaned = clean_events(log(*ratings, act("same", "v3", None, "rating", value=4.0)), Cleaning.standard())
    assert counted(cleaned) == {"constant_raters": (21, 1), "exact_duplicates": (1, 1)}
    assert cleaned.report.events_left == 20


def test_impressions_neither_make_a_bot_nor_stay_with_one():
    shown = [act("ann", f"v{place}", 20 * place, "impression") for place in range(1500)]
    acts = [act("bot", f"v{place}", 20 * place + place % 7) for place in range(1001)]
    seen_by_bot = act("bot", "x", 86_400, "impression")
    cleaned = clean_events(log(*shown, *acts, seen_by_bot), Cleaning.standard())
    assert counted(cleaned) == {"too_busy_users": (1002, 1)}


def test_an_empty_log_stays_empty():
    cleaned = clean_events(log(), Cleaning.standard(), ITEMS)
    assert kept(cleaned).is_empty()
    assert {(step.fact.value, step.fact.share, step.users) for step in cleaned.report.steps} == {(0, None, 0)}


def test_the_report_is_a_table_and_a_sentence(faulty: pl.LazyFrame, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AVREC_LANGUAGE", "en")
    report = clean_events(faulty, Cleaning.standard(), ITEMS).report
    row = report.table().row(by_predicate=pl.col("rule") == "too_busy_users", named=True)
    assert (row["action"], row["events"], row["share"], row["users"]) == ("removed", 1001, 1001 / 1053, 1)
    assert row["explanation"] == (
        "Users with over 1,000 acts on one day, removed with all their 1,001 events (95.1 %): 1."
    )
    assert report.table()["rule"].to_list() == list(RULES)
    assert report.note().startswith("Cleaned: 1,038 of 1,053 events and 2 of 5 users removed, 11 values changed (")
    assert report.note("zh").startswith("已清洗")


@pytest.mark.parametrize(
    "wrong",
    [
        {"watch_quantile": 99.9},
        {"shortest_watch": -1},
        {"longest_watch": 0.5},
        {"most_a_day": 0},
        {"clockwork_share": float("nan")},
        {"constant_raters": "ignore"},
    ],
)
def test_a_threshold_without_sense_is_refused(wrong: dict):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Cleaning(**wrong)


def test_an_unknown_rule_or_preset_is_told_the_nearest():
    with pytest.raises(UsageError, match="Did you mean near_duplicates"):
        Cleaning.standard().without("near_duplicate")
    with pytest.raises(UsageError, match="Did you mean standard"):
        Cleaning.preset("standart")


def test_a_log_without_users_is_refused():
    with pytest.raises(DataError, match="user_id"):
        clean_events(pl.LazyFrame({"item_id": ["x"], "event": ["play"]}), Cleaning.standard())


# A few users, items, moments and watch times, so that faults and their combinations are frequent.
ROW = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from("ab"),
        "item_id": st.sampled_from(["short", "long", "x"]),
        "timestamp": st.sampled_from([None, None, *(NOON + timedelta(seconds=3 * step) for step in range(20))]),
        "event": st.sampled_from(["play", "rating", "impression"]),
        "value": st.sampled_from([None, 4.0, 5.0]),
        "watch_seconds": st.sampled_from([None, 0.3, 1.0, 2.0, 3.0, 4.0, 600.0, 700.0]),
    }
)
STRICT = Cleaning(
    future_times=True, early_times=True, exact_duplicates=True, shortest_watch=0.8, press_seconds=5.0, most_a_day=12,
    clockwork_share=0.8, constant_raters="forget", constant_share=0.6, longest_watch=5.0, watch_quantile=0.7,
)  # fmt: skip


@given(
    st.lists(ROW, min_size=10, max_size=60),
    st.sampled_from(
        [STRICT, STRICT.without("near_duplicates"), Cleaning(**{**vars(STRICT), "constant_raters": "drop"})]
    ),
)
@settings(max_examples=60)
def test_cleaning_twice_is_cleaning_once(rows: list[dict], options: Cleaning):
    once = clean_events(log(*rows), options, ITEMS)
    first = kept(once)
    twice = clean_events(first.lazy(), options, ITEMS)
    assert counted(twice) == {}
    assert_frame_equal(kept(twice), first)
    assert once.report.events - once.report.removed == first.height


@given(st.lists(ROW, max_size=30))
@settings(max_examples=60)
def test_presses_and_accidents_go_as_in_plain_python(rows: list[dict]):
    options = Cleaning(exact_duplicates=True, shortest_watch=0.8, press_seconds=5.0)
    stay: list[dict] = []
    for row in rows:
        brief = row["event"] == "play" and (row["watch_seconds"] or 9) < 0.8
        if row not in stay and not (brief and not (row["item_id"] == "short" and row["watch_seconds"] >= 0.5)):
            stay.append(row)
    last: dict[tuple, datetime] = {}
    gone = []
    for row in sorted((row for row in stay if row["timestamp"] and row["event"] != "impression"),
                      key=lambda row: row["timestamp"]):  # fmt: skip
        key = (row["user_id"], row["item_id"], row["event"])
        if key in last and (row["timestamp"] - last[key]).total_seconds() <= 5:
            gone.append(row)
        last[key] = row["timestamp"]
    expected = [row for row in stay if row not in gone]
    assert_frame_equal(kept(clean_events(log(*rows), options, ITEMS)), log(*expected).collect())


def written(folder, faulty: pl.LazyFrame) -> Dataset:
    tables = {"events": faulty, "items": ITEMS}
    return write_dataset(folder, tables, name="raw", source="here", licence="own", notes=["as it came"])


def test_a_cleaned_data_set_cannot_be_mistaken_for_the_raw_one(tmp_path, faulty: pl.LazyFrame):
    raw = written(tmp_path / "raw", faulty)
    cleaned = clean_dataset(raw, Cleaning.standard()).dataset
    assert cleaned.card.fingerprint != raw.card.fingerprint
    assert cleaned.card.counts == {"users": 3, "items": 12, "events": 15, "item_rows": 3}
    assert cleaned.card.filled["events"]["value"] == 0 and raw.card.filled["events"]["value"] == 10
    assert cleaned.card.notes[0] == "as it came" and cleaned.card.notes[1].startswith("Cleaned: 1,038 of 1,053")
    assert_frame_equal(cleaned.items.collect(), raw.items.collect())
    assert cleaned.users.collect().is_empty()


def test_the_fingerprint_in_memory_is_the_one_of_the_same_rows_in_a_folder(tmp_path, faulty: pl.LazyFrame):
    cleaned = clean_dataset(written(tmp_path / "raw", faulty), Cleaning.standard()).dataset
    stored = written(tmp_path / "clean", cleaned.events)
    assert stored.card.fingerprint == cleaned.card.fingerprint
    assert_frame_equal(stored.events.collect(), cleaned.events.collect())


def test_a_data_set_with_nothing_to_clean_keeps_its_fingerprint(tmp_path):
    raw = written(tmp_path / "raw", log(act("ann", "x", 0), act("bob", "y", 0)))
    cleaned = clean_dataset(raw, Cleaning.standard()).dataset
    assert cleaned.card.fingerprint == raw.card.fingerprint
    assert cleaned.card.notes[-1] == "Cleaned: nothing to remove or change was found."
    assert clean_dataset(raw, Cleaning.none()).dataset is raw


def test_cleaning_everything_away_is_refused(tmp_path):
    raw = written(tmp_path / "raw", log(act("ann", "x", 0, watch_seconds=0.1), act("bob", "y", 0, watch_seconds=0.2)))
    with pytest.raises(DataError, match="no event of raw: short_watches alone removed 2"):
        clean_dataset(raw, Cleaning.standard())


def test_standard_cleaning_leaves_movielens_100k_as_it_is(workbench):
    raw = open_dataset("movielens-100k")
    cleaned = clean_dataset(raw, Cleaning.standard())
    assert (cleaned.report.removed, cleaned.report.changed) == (0, 0)
    assert cleaned.dataset.card.fingerprint == raw.card.fingerprint


def test_standard_cleaning_leaves_lastfm_without_times_as_it_is(home):
    raw = import_log(shared("lastfm-2k") / "user_artists.dat").dataset
    cleaned = clean_dataset(raw, Cleaning.standard())
    assert (cleaned.report.removed, cleaned.report.changed) == (0, 0)
