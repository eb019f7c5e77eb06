import subprocess
import sys
import threading
from datetime import UTC, datetime
from functools import partial

import polars as pl
import pytest

from avrec_lib.data.dataset import fingerprint
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import DataError

ABOUT = {"name": "tiny", "source": "this test", "licence": "none"}


def tiny_events() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": ["ann", "ann", "bob"],
            "item_id": ["x", "y", "x"],
            "event": ["play", "like", "play"],
            "watch_seconds": [12, None, 7],
            "timestamp": [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)],
            "their_own_column": [1, 2, 3],
        }
    )


def test_a_written_data_set_reads_back_in_file_order_with_the_whole_vocabulary(tmp_path):
    written = write_dataset(tmp_path / "tiny", {"events": tiny_events().lazy()}, **ABOUT)
    events = written.events.collect()
    assert events["item_id"].to_list() == ["x", "y", "x"]
    assert events["watch_seconds"].to_list() == [12.0, None, 7.0]
    assert events["propensity"].null_count() == 3
    assert "their_own_column" not in events.columns


def test_the_card_counts_distinct_ids_of_the_events_and_the_rows_of_the_other_tables(tmp_path):
    items = pl.DataFrame({"item_id": ["x", "y", "never played"]})
    card = write_dataset(tmp_path / "tiny", {"events": tiny_events(), "items": items}, **ABOUT).card
    assert card.counts == {"events": 3, "users": 2, "items": 2, "item_rows": 3}
    assert card.filled["events"]["watch_seconds"] == 2


def test_the_fingerprint_ignores_row_order_column_order_and_columns_of_nulls(tmp_path):
    events = tiny_events()
    shuffled = events.reverse().select(reversed(events.columns)).with_columns(query=pl.lit(None, dtype=pl.String))
    one = write_dataset(tmp_path / "one", {"events": events}, **ABOUT)
    two = write_dataset(tmp_path / "two", {"events": shuffled}, **ABOUT)
    assert one.card.fingerprint == two.card.fingerprint
    assert one.card.fingerprint == fingerprint({"users": one.users, "items": one.items, "events": one.events})


@pytest.mark.parametrize(
    "change",
    [
        pl.col("user_id").reverse(),
        pl.col("watch_seconds").fill_null(0),
        pl.col("event").replace("like", "share"),
    ],
)
def test_the_fingerprint_tells_any_change_of_a_value(tmp_path, change):
    one = write_dataset(tmp_path / "one", {"events": tiny_events()}, **ABOUT)
    two = write_dataset(tmp_path / "two", {"events": tiny_events().with_columns(change)}, **ABOUT)
    assert one.card.fingerprint != two.card.fingerprint


def test_the_fingerprint_is_the_same_in_another_process(tmp_path):
    written = write_dataset(tmp_path / "tiny", {"events": tiny_events()}, **ABOUT)
    code = (
        "import sys, pathlib; from avrec_lib.data.dataset import Dataset, fingerprint;"
        "d = Dataset.open(pathlib.Path(sys.argv[1])); print(fingerprint({'events': d.events}))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(written.folder)], capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == written.card.fingerprint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"event": pl.lit("watch")}, "3 of 3 rows of the table events break the rule 'event|dtype'"),
        ({"item_id": pl.lit(None, dtype=pl.String)}, "break the rule 'item_unless_search'"),
        ({"propensity": pl.Series([0.1, 2.0, 0.3])}, "1 of 3 rows of the table events break the rule 'propensity|max'"),
    ],
)
def test_rows_that_break_a_rule_are_refused_and_nothing_is_left(tmp_path, change, said):
    with pytest.raises(DataError) as caught:
        write_dataset(tmp_path / "tiny", {"events": tiny_events().with_columns(**change)}, **ABOUT)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataError, match="The table events has no column item_id"):
        write_dataset(tmp_path / "tiny", {"events": tiny_events().drop("item_id")}, **ABOUT)


def test_a_failed_write_leaves_the_older_data_set_as_it_was(tmp_path):
    write_dataset(tmp_path / "tiny", {"events": tiny_events()}, **ABOUT)
    twice = pl.DataFrame({"item_id": ["x", "x"]})
    with pytest.raises(DataError, match="2 of 2 rows of the table items break the rule 'primary_key'"):
        write_dataset(tmp_path / "tiny", {"events": tiny_events(), "items": twice}, **ABOUT)
    again = write_dataset(tmp_path / "tiny", {"events": tiny_events().head(1)}, **ABOUT)
    assert again.card.counts["events"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_many_writers_of_one_folder_all_succeed_and_one_whole_folder_stays(tmp_path):
    done = []

    def write() -> None:
        one = partial(write_dataset, tmp_path / "tiny", {"events": tiny_events()}, **ABOUT)
        done.extend(one().card.counts["events"] for _ in range(5))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [3] * 20
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
