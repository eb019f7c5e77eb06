import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from avrec_lib.cli import main
from avrec_lib.cli.data_clean import LABELS, RULE_NAMES
from avrec_lib.data.cleaning import RULES
from avrec_lib.data.opening import open_dataset
from avrec_lib.data.write import write_dataset

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def raw(home: Path):
    """Six plays of three users, of which one was written twice, one repeats a press and one lasts a moment."""
    plays = [("ann", "x", 0, 90.0), ("ann", "x", 0, 90.0), ("ann", "x", 4, 60.0), ("bob", "y", 0, 0.2),
             ("bob", "y", 60, 30.0), ("cat", "x", 0, 30.0)]  # fmt: skip
    events = pl.DataFrame(
        {
            "user_id": [play[0] for play in plays],
            "item_id": [play[1] for play in plays],
            "timestamp": [NOON + timedelta(seconds=play[2]) for play in plays],
            "event": ["play"] * len(plays),
            "watch_seconds": [play[3] for play in plays],
        }
    )
    items = pl.DataFrame({"item_id": ["x", "y"], "title": ["Ex", "Why"]})
    friends = pl.DataFrame({"user_id": ["ann"], "friend_id": ["bob"]})
    return write_dataset("raw", {"events": events, "items": items}, name="raw", source="here", licence="own",
                         notes=["as it came"], further={"friends": friends})  # fmt: skip


def test_a_cleaned_copy_says_what_went_and_keeps_what_belongs_to_it(capsys, raw):
    assert main(["data", "clean", "raw", "--as", "clean"]) == 0
    said = capsys.readouterr().out
    assert "exact duplicates: 1 events of 1 users (16.7 %)" in said
    assert "clicks and plays by accident: 1 events of 1 users (16.7 %)" in said
    assert "near duplicates: 1 events of 1 users (16.7 %)" in said
    assert "users too busy for one person: none" in said
    clean = open_dataset("clean")
    assert clean.events.collect()["watch_seconds"].to_list() == [90.0, 30.0, 30.0]
    assert clean.items.collect()["title"].to_list() == ["Ex", "Why"]
    assert (clean.folder / "friends.parquet").is_file()
    assert clean.card.counts["events"] == 3 and clean.card.fingerprint != raw.card.fingerprint
    assert clean.card.notes == [
        "as it came",
        f"A copy of raw ({raw.card.fingerprint}).",
        "Cleaned: 3 of 6 events and 0 of 3 users removed, 0 values changed "
        "(exact_duplicates 1, short_watches 1, near_duplicates 1).",
    ]
    assert open_dataset("raw").card == raw.card


def test_a_dry_run_writes_nothing(capsys, home):
    assert main(["data", "clean", "raw", "--dry-run"]) == 0
    assert "Nothing was written" in capsys.readouterr().out
    assert [folder.name for folder in (home / "data").iterdir()] == ["raw"]


def test_for_scripts_the_report_is_json(capsys):
    assert main(["data", "clean", "raw", "--as", "clean", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["before"]["events"], told["after"]["events"], told["as"]) == (6, 3, "clean")
    assert [step["rule"] for step in told["steps"]] == list(RULES)
    assert told["cleaned_fingerprint"] == open_dataset("clean").card.fingerprint


def left(capsys, *words: str) -> int:
    assert main(["data", "clean", "raw", "--dry-run", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)["after"]["events"]


def test_rules_and_thresholds_are_options(capsys):
    assert left(capsys, "--only", "exact_duplicates") == 5
    assert left(capsys, "--without", "exact_duplicates", "--without", "near_duplicates") == 5
    assert left(capsys, "--only", "exact_duplicates", "--shortest-watch", "40") == 2  # a threshold turns its rule on
    assert left(capsys, "--press-seconds", "60") == 3
    assert left(capsys, "--most-a-day", "1") == 3  # after the other rules everybody has one act a day


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["raw"], "The cleaned copy needs a name."),
        (["raw", "--as", "raw"], "There is a data set called 'raw' already. Choose another --as"),
        (["raw", "--as", "raw", "--replace"], "'raw' is the data to be cleaned; its copy needs another name."),
        (["raw", "--as", "../out"], "A data set cannot be called '../out'."),
        (["rwa", "--as", "clean"], "There is no data set named 'rwa'. Did you mean raw?"),
        (["raw", "--as", "clean", "--without", "short_watch"], "Did you mean short_watches?"),
        (["raw", "--as", "clean", "--watch-quantile", "99"], "watch_quantile must lie between 0.5 and 1"),
        (["raw", "--as", "clean", "--shortest-watch", "1000"], "short_watches alone removed 5"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_leaves_nothing(capsys, home, words, said):
    assert main(["data", "clean", *words]) == 2
    assert said in capsys.readouterr().err
    assert [folder.name for folder in (home / "data").iterdir()] == ["raw"]


def test_every_rule_is_named_in_the_help_and_has_words():
    assert RULE_NAMES.split(", ") == list(RULES)
    assert set(RULES) <= set(LABELS)
