import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_files import shared

from avrec_lib.data.dataset import Dataset, fingerprint
from avrec_lib.errors import DataError, UsageError
from avrec_lib.imports import spool
from avrec_lib.imports.importers import ImportSummary, import_log, run_import
from avrec_lib.imports.plan import Request, plan_import
from avrec_lib.imports.rows import REASONS

pytestmark = pytest.mark.usefixtures("home")

LOG = "uid,vid,ts,action,watch_ms\n"
GOOD = "ann,x,1600000000,view,1500\n"


def import_text(folder: Path, text: str | bytes, file: str = "log.csv", **options: object) -> ImportSummary:
    path = folder / file
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return import_log(path, **options)


def rejected(done: ImportSummary) -> pl.DataFrame:
    path = done.dataset.folder / "rejected.parquet"
    return pl.read_parquet(path) if path.is_file() else pl.DataFrame()


def events(done: ImportSummary) -> pl.DataFrame:
    return done.dataset.events.collect()


def test_columns_units_and_events_are_read_by_guess(tmp_path):
    done = import_text(tmp_path, LOG + GOOD + "bob,y,1600000001,fav,\n")
    assert events(done).select("user_id", "item_id", "timestamp", "event", "watch_seconds").rows() == [
        ("ann", "x", datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC), "play", 1.5),
        ("bob", "y", datetime(2020, 9, 13, 12, 26, 41, tzinfo=UTC), "favourite", None),
    ]
    assert done.dataset.card.mapping == {
        "user_id": "uid", "item_id": "vid", "timestamp": "ts", "event": "action", "watch_seconds": "watch_ms"
    }  # fmt: skip


def test_rows_keep_the_order_of_the_file(tmp_path):
    lines = [f"u{place % 7},v{place},160000000{place % 3}\n" for place in range(1000)]
    done = import_text(tmp_path, "uid,vid,ts\n" + "".join(lines))
    assert events(done)["item_id"].to_list() == [f"v{place}" for place in range(1000)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ann,x,1600000000", "unreadable line"),
        ("ann,x,1600000000,view,1500,and more", "unreadable line"),
        ('ann,"x,1600000000,view,1500', "unreadable line"),
        ('ann,"x"y,1600000000,view,1500', "unreadable line"),
        ("uid,vid,ts,action,watch_ms", "repeated header line"),
        (",x,1600000000,view,1500", "missing user"),
        ("NULL,x,1600000000,view,1500", "missing user"),
        ("ann, ,1600000000,view,1500", "missing item"),
        ("ann,x,,view,1500", "missing time"),
        ("ann,x,soon,view,1500", "unreadable time"),
        ("ann,x,32503680000,view,1500", "time in the future"),
        ("ann,x,1600000000,teleport,1500", "unknown event"),
        ("ann,x,1600000000,,1500", "unknown event"),
        ("ann,x,1600000000,view,-1", "negative watch time"),
        ("ann,x,1600000000,view,long", "unreadable watch_seconds"),
        ("ann,x,1600000000,view,inf", "unreadable watch_seconds"),
        (GOOD.strip(), "exact duplicate"),
    ],
)
def test_a_row_that_cannot_be_used_is_kept_with_its_reason_and_line(tmp_path, line, reason):
    others = "".join(f"bob,y{place},160000000{place},click,{place}\n" for place in range(5))
    done = import_text(tmp_path, LOG + GOOD + others + line + "\nbob,z,1600000007,like,\n")
    assert done.rejected == {reason: 1}
    assert done.rows == 8
    assert events(done).height == 7
    kept = rejected(done).row(0, named=True)
    assert (kept["rejected_reason"], kept["source_line"], kept["source_file"]) == (reason, 8, "log.csv")
    if reason == "unreadable line":
        assert kept["source_text"] == line


def test_a_search_needs_no_item(tmp_path):
    done = import_text(tmp_path, "uid,vid,ts,event,query\nann,,1600000000,search,soup\nann,x,1600000001,click,\n")
    assert events(done).select("item_id", "event", "query").rows() == [(None, "search", "soup"), ("x", "click", None)]


def test_positions_and_propensities_outside_their_range_are_rejected(tmp_path):
    rows = ["a,x,1,.5", "b,x,-1,.5", "c,x,1.5,.5", "d,x,1,1.5", "e,x,2,1"]
    done = import_text(tmp_path, "uid,vid,position,propensity\n" + "\n".join(rows) + "\n", force=True)
    assert done.rejected == {"unreadable position": 2, "propensity outside 0 to 1": 1}
    assert events(done)["user_id"].to_list() == ["a", "e"]


CELL = st.sampled_from(
    [
        "ann",
        "bob",
        "",
        "NULL",
        " cat ",
        '"quo""ted"',
        '"a,b"',
        '"open',
        'mid"dle',
        "1600000000",
        "soon",
        "view",
        "-5",
        "7",
    ]
)


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(st.lists(CELL, min_size=1, max_size=6).map(",".join), min_size=1, max_size=30))
def test_every_line_is_in_events_or_in_rejected_exactly_once(lines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    good = [f"zoe,v{place},1600000000,click,{place}" for place in range(len(lines) + 1)]
    mixed = [line for pair in zip(good, lines, strict=False) for line in pair] + good[len(lines) :]
    done = import_text(folder, LOG + "\n".join(mixed) + "\n", replace=True, force=True)
    out = rejected(done)
    assert done.dataset.card.counts["events"] + out.height == done.rows == len([line for line in mixed if line.strip()])
    assert done.dataset.card.rejected == out.height == sum(done.rejected.values())
    assert set(good) <= {f"{row[0]},{row[1]},1600000000,click,{row[2]:.0f}" for row in of_zoe(done)}
    assert out.is_empty() or out["source_line"].n_unique() == out.height
    assert set(done.rejected) <= set(REASONS)


def of_zoe(done: ImportSummary) -> list[tuple]:
    mine = events(done).filter(pl.col("user_id") == "zoe")
    return mine.select("user_id", "item_id", pl.col("watch_seconds") * 1000).rows()


def test_one_broken_line_among_many_costs_one_line(tmp_path):
    lines = [f'"u{place}","v{place}",1600000000,click,\n' for place in range(50_000)]
    lines[31_000] = '"u31000,"v31000",1600000000,click,\n'
    done = import_text(tmp_path, LOG + "".join(lines))
    assert done.rejected == {"unreadable line": 1}
    assert events(done).height == 49_999
    assert rejected(done)["source_line"].item() == 31_002


def test_a_field_may_hold_line_ends(tmp_path):
    text = 'uid,vid,comment\nann,x,"two\nlines, and ""more"""\nbob,y,plain\n'
    done = import_text(tmp_path, text, maps=["query=comment"])
    assert events(done)["query"].to_list() == ['two\nlines, and "more"', "plain"]
    assert done.rejected == {}


def test_rows_that_differ_in_a_column_not_mapped_are_no_duplicates(tmp_path):
    text = "uid,vid,receipt\nann,x,1\nann,x,2\nann,x,2\n"
    done = import_text(tmp_path, text)
    assert events(done).height == 2
    assert rejected(done).select("source_line", "rejected_reason").rows() == [(4, "exact duplicate")]


def test_a_rejected_repeat_is_kept_as_it_was_read_and_other_rows_as_they_were_written(tmp_path):
    done = import_text(tmp_path, LOG + GOOD + "bob,x,soon,view,1500\n" + GOOD)
    written, repeat = rejected(done).rows(named=True)
    assert (written["rejected_reason"], written["watch_ms"], written["read_as"]) == ("unreadable time", "1500", None)
    assert (repeat["rejected_reason"], repeat["watch_ms"], repeat["ts"]) == ("exact duplicate", None, None)
    assert repeat["read_as"] == {
        "user_id": "ann", "item_id": "x", "timestamp": datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC), "event": "play",
        "watch_seconds": 1.5,
    }  # fmt: skip


def test_a_decimal_comma_is_no_reason_to_leave_a_column_out(tmp_path):
    text = "uid;vid;watched_s;préféré\nann;x;382,03;oui\nbob;y;7,5;non\n"
    done = import_text(tmp_path, text.encode("latin-1"))
    assert done.dataset.card.mapping["watch_seconds"] == "watched_s"
    assert events(done)["watch_seconds"].to_list() == [382.03, 7.5]


def test_words_for_no_number_are_counted_and_kept_in_the_card(tmp_path):
    lines = [f"ann,y{place},1600000000,view,{word}\n" for place, word in enumerate(["n/a", "-", " NULL", "", *"78787"])]
    done = import_text(tmp_path, LOG + "".join(lines))
    assert events(done)["watch_seconds"].to_list() == [None] * 4 + [0.007, 0.008, 0.007, 0.008, 0.007]
    said = "3 values of watch_seconds are words such as NULL, n/a or - and are left empty."
    assert said in [note.text("en") for note in done.notes]
    assert said in done.dataset.card.notes


def test_nan_in_a_typed_column_is_no_number_and_costs_no_row(tmp_path):
    frame = pl.DataFrame({"uid": ["ann", "bob"], "vid": ["x", "y"], "watch_s": [1.5, float("nan")]})
    frame.write_parquet(tmp_path / "log.parquet")
    done = import_log(tmp_path / "log.parquet")
    assert events(done)["watch_seconds"].to_list() == [1.5, None]
    assert "1 values of watch_seconds are words" in done.dataset.card.notes[-1]


def test_of_two_imports_to_one_name_at_once_the_second_is_refused(tmp_path, home):
    (tmp_path / "log.csv").write_text(LOG + GOOD)
    (tmp_path / "other.csv").write_text(LOG + GOOD + "bob,y,1600000001,fav,\n")
    plans = [plan_import(Request([tmp_path / file], name="mine")) for file in ("log.csv", "other.csv")]
    run_import(plans[0])
    with pytest.raises(UsageError, match="There is a data set called 'mine' already"):
        run_import(plans[1])
    assert [path.name for path in (home / "data").iterdir()] == ["mine"]
    assert Dataset.open(home / "data" / "mine").card.source == "log.csv"


def test_duplicates_are_kept_on_demand(tmp_path):
    done = import_text(tmp_path, LOG + GOOD * 3, keep_duplicates=True)
    assert events(done).height == 3
    assert done.rejected == {}


def test_many_repeats_are_no_reason_to_stop(tmp_path):
    done = import_text(tmp_path, LOG + GOOD * 10)
    assert done.rejected == {"exact duplicate": 9}


def test_a_log_of_which_most_cannot_be_used_is_refused_with_samples(tmp_path, home):
    text = LOG + GOOD + "ann,y,1600000001,view,1\nann,,1600000000,view,1\n" + "ann,x,soon,view,1\nann,x,later,view,1\n"
    with pytest.raises(
        DataError, match=r"3 of 5 rows cannot be used, most for this reason: unreadable time\. Line 5: ann"
    ):
        import_text(tmp_path, text)
    assert list((home / "data").iterdir()) == []
    assert import_text(tmp_path, text, force=True).dataset.card.counts["events"] == 2


def test_even_force_makes_no_data_set_without_events(tmp_path, home):
    with pytest.raises(DataError, match="has no rows that can be used"):
        import_text(tmp_path, "uid,vid\n,x\n1,\n", force=True)
    assert list((home / "data").iterdir()) == []


def test_typed_and_nested_columns_of_parquet_are_understood(tmp_path):
    moment = datetime(2020, 1, 1, 8)
    pl.DataFrame(
        {
            "user_id": [1, 2, None],
            "item_id": [1.0, 2.0, 3.0],
            "ts": [moment, None, moment],
            "event_type": pl.Series(["view", "like", "like"], dtype=pl.Categorical),
            "embedding": [[1.0, 2.0], [], None],
        }
    ).write_parquet(tmp_path / "log.parquet")
    pl.DataFrame({"item_id": [1], "tags": [["a", "b"]]}).write_parquet(tmp_path / "items.parquet")
    done = import_log(tmp_path / "log.parquet", items=[tmp_path / "items.parquet"], force=True)
    assert events(done).select("user_id", "item_id", "timestamp", "event").rows() == [
        ("1", "1", moment.replace(tzinfo=UTC), "play")
    ]
    assert done.rejected == {"missing user": 1, "missing time": 1}
    assert rejected(done)["embedding"].to_list() == ["[]", None]
    assert done.dataset.items.collect()["tags"].to_list() == [["a", "b"]]


def test_a_taken_name_is_refused_and_replaced_on_demand(tmp_path, home):
    import_text(tmp_path, LOG + GOOD)
    with pytest.raises(UsageError, match="There is a data set called 'log' already"):
        import_text(tmp_path, LOG + GOOD)
    with pytest.raises(DataError):
        import_text(tmp_path, LOG + "a,b,c,d,e\n", replace=True)
    assert Dataset.open(home / "data" / "log").card.counts["events"] == 1
    done = import_text(tmp_path, LOG + GOOD + "bob,y,1600000001,like,\n", replace=True)
    assert done.dataset.card.counts["events"] == 2


def test_a_folder_that_is_no_data_set_is_never_replaced(tmp_path, home):
    (home / "data" / "log").mkdir(parents=True)
    (home / "data" / "log" / "thesis.doc").write_text("years of work")
    with pytest.raises(UsageError, match="is no data set and will not be replaced"):
        import_text(tmp_path, LOG + GOOD, replace=True)


@pytest.mark.parametrize("name", ["../out", "Big", "a/b", ".hidden", "artefacts", "a b"])
def test_a_name_must_be_a_plain_folder_name(tmp_path, name):
    with pytest.raises(UsageError, match="A data set cannot be called"):
        import_text(tmp_path, LOG + GOOD, name=name)


def test_the_name_comes_from_the_file(tmp_path):
    assert import_text(tmp_path, LOG + GOOD, "My Log (2024).CSV").dataset.name == "my-log-2024"


def test_a_folder_of_parts_is_one_log_in_natural_order(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "part-10.csv").write_text("cat,z,1600000003,view,\n")
    (folder / "part-2.csv.gz").write_bytes(gzip.compress(b"bob,y,1600000002,view,\n"))
    (folder / "part-1.csv").write_text(LOG + GOOD)
    (folder / "_SUCCESS").write_text("")
    (folder / "README.txt").write_text("prose")
    (folder / "part-3.csv").write_text("")
    done = import_log(folder)
    assert done.dataset.name == "parts"
    assert events(done)["user_id"].to_list() == ["ann", "bob", "cat"]


def test_files_with_different_columns_are_no_log(tmp_path):
    (tmp_path / "a.csv").write_text("uid,vid\n1,2\n")
    (tmp_path / "b.csv").write_text("vid,title\n2,Soup\n")
    with pytest.raises(DataError, match=r"a\.csv and b\.csv have different columns: uid, vid, and vid, title"):
        import_log([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_the_same_rows_in_any_format_are_the_same_data(tmp_path):
    rows = [
        {"uid": f"u{place % 9}", "vid": f"v{place}", "ts": 1600000000 + place, "rating": place % 5}
        for place in range(99)
    ]
    frame = pl.DataFrame(rows)
    frame.write_csv(tmp_path / "log.csv")
    frame.write_csv(tmp_path / "log.tsv", separator="\t")
    frame.write_csv(tmp_path / "quoted.csv", quote_style="always")
    frame.write_ndjson(tmp_path / "log.jsonl")
    frame.write_parquet(tmp_path / "log.parquet")
    frame.with_columns(pl.from_epoch("ts")).write_parquet(tmp_path / "typed.parquet")
    (tmp_path / "log.jsonl.gz").write_bytes(gzip.compress((tmp_path / "log.jsonl").read_bytes()))
    (tmp_path / "bars.dat").write_text((tmp_path / "log.csv").read_text().replace(",", "::"))
    (tmp_path / "dos.csv").write_text((tmp_path / "log.csv").read_text().replace("\n", "\r\n"))
    (tmp_path / "utf16.csv").write_text((tmp_path / "log.csv").read_text(), encoding="utf-16")
    files = sorted(tmp_path.glob("*.*"))
    found = {file.name: import_log(file, name=file.name.replace(".", "-")).dataset.card.fingerprint for file in files}
    assert len(found) == 10
    assert len(set(found.values())) == 1, found


def test_the_fingerprint_is_that_of_the_stored_tables(tmp_path):
    done = import_text(tmp_path, LOG + GOOD + GOOD + "bob,y,1600000001,like,\n")
    stored = pl.scan_parquet(done.dataset.folder / "events.parquet")
    assert done.dataset.card.fingerprint == fingerprint({"events": stored})


def test_a_log_larger_than_what_is_held_in_memory_is_the_same(tmp_path, monkeypatch):
    lines = "".join(
        f"u{place % 50},v{place % 40},160000{place % 4000:04},view,{place % 3}\n" for place in range(20_000)
    )
    here = import_text(tmp_path, LOG + lines)
    monkeypatch.setattr(spool, "HELD_BYTES", 0)
    monkeypatch.setattr(spool, "HASHED_AT_ONCE", 500)
    there = import_text(tmp_path, LOG + lines, name="there")
    assert there.dataset.card.fingerprint == here.dataset.card.fingerprint
    assert there.rejected == here.rejected
    assert events(there).equals(events(here))
    assert sorted(file.name for file in there.dataset.folder.iterdir()) == [
        "dataset.json", "events.parquet", "rejected.parquet"
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16", "utf-16-le", "utf-8"])
def test_chinese_text_is_read_in_the_encodings_it_comes_in(tmp_path, encoding):
    text = "用户,视频\n" + "".join(f"张三{place},电影{place}\n" for place in range(20))
    done = import_text(tmp_path, text.encode(encoding))
    assert events(done).select("user_id", "item_id").row(3) == ("张三3", "电影3")


def test_a_western_encoding_is_guessed_and_can_be_set(tmp_path):
    text = "user,item\n" + "zoé,naïve café\nbob,über\n" * 3
    done = import_text(tmp_path, text.encode("latin-1"), keep_duplicates=True)
    assert set(events(done)["user_id"]) == {"zoé", "bob"}
    assert done.dataset.name == "log"
    done = import_text(tmp_path, text.encode("cp850"), encoding="cp850", keep_duplicates=True, replace=True)
    assert set(events(done)["item_id"]) == {"naïve café", "über"}


def test_a_line_in_another_encoding_is_one_unreadable_line(tmp_path):
    lines = [f"jö{place},x\n".encode() for place in range(50)]
    lines[20] = "jö20,x\n".encode("latin-1")
    done = import_text(tmp_path, b"user,item\n" + b"".join(lines))
    assert done.rejected == {"unreadable line": 1}


def test_items_and_users_come_along(tmp_path):
    (tmp_path / "films.csv").write_text(
        'vid,title,genres,runtime,year\nx,"Soup, hot",Drama|Comedy,90,1999\nx,again,,,\n,nobody,,,\n'
        "y,Rain,(no genres listed),,\n"
    )
    (tmp_path / "people.csv").write_text("uid,age,sex\nann,41,F\n")
    done = import_text(
        tmp_path,
        LOG + GOOD + "bob,z,1600000001,like,\n",
        items=[tmp_path / "films.csv"],
        users=[tmp_path / "people.csv"],
    )
    items = done.dataset.items.collect()
    assert items.select("item_id", "title", "tags", "duration_seconds").rows() == [
        ("x", "Soup, hot", ["Drama", "Comedy"], 5400.0),
        ("y", "Rain", None, None),
    ]
    assert items["published_at"].to_list() == [datetime(1999, 1, 1, tzinfo=UTC), None]
    assert done.dataset.users.collect().select("user_id", "age", "gender").rows() == [("ann", 41, "F")]
    assert done.rejected_rows["items"] == {"missing item": 1, "repeated id": 1}
    assert "1 of the 2 item_ids in the log have a row in items.parquet." in [note.text() for note in done.notes]


def test_tags_are_read_from_json_and_cut_at_bars_with_quotes(tmp_path):
    (tmp_path / "a.csv").write_text('vid,tags\nx,"a|""b c""|d"\ny,e\n')
    done = import_text(tmp_path, LOG + GOOD, items=[tmp_path / "a.csv"])
    assert done.dataset.items.collect()["tags"].to_list() == [["a", "b c", "d"], ["e"]]
    (tmp_path / "b.csv").write_text(
        'vid,genres\nx,"[{""id"": 1, ""name"": ""Action""}, {""id"": 2, ""name"": ""War""}]"\ny,[]\n'
    )
    done = import_text(tmp_path, LOG + GOOD, items=[tmp_path / "b.csv"], replace=True)
    assert done.dataset.items.collect()["tags"].to_list() == [["Action", "War"], []]


def test_the_card_on_disk_says_where_it_came_from_in_english(tmp_path, monkeypatch):
    monkeypatch.setenv("AVREC_LANGUAGE", "zh")
    done = import_text(tmp_path, "uid,vid,ts,stars\n1,2,1600000000,4\n")
    card = json.loads((done.dataset.folder / "dataset.json").read_text())
    assert card["source"] == "log.csv"
    assert card["notes"] == [
        "timestamp: seconds since 1970", "No column says what happened: every row is taken as rating."
    ]  # fmt: skip


def test_an_unreadable_end_of_a_packed_file_leaves_nothing(tmp_path, home):
    whole = gzip.compress((LOG + "".join(f"u{place},v,1600000000,view,{place}\n" for place in range(200_000))).encode())
    with pytest.raises(DataError, match=r"cannot be (read to its end|unpacked)"):
        import_text(tmp_path, whole[: len(whole) // 2], "log.csv.gz")
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


FILMS = {"users": 610, "items": 9724, "events": 100_836, "item_rows": 9742}
ARTISTS = {"users": 1892, "items": 17_632, "events": 92_834, "item_rows": 17_632}


@pytest.mark.parametrize(
    ("folder", "log", "items", "counts"),
    [
        ("ml-latest-small", "ratings.csv", "movies.csv", FILMS),
        ("lastfm-2k", "user_artists.dat", "artists.dat", ARTISTS),
    ],
)
def test_real_logs_are_read_whole_by_guess_alone(folder, log, items, counts):
    source = shared(folder)
    done = run_import(plan_import(Request([source / log], items=[source / items])))
    assert done.dataset.card.counts == counts
    assert done.rejected == {}
    assert done.dataset.has("timestamp") == (folder == "ml-latest-small")
    assert done.dataset.card.filled["items"]["title"] == counts["item_rows"]
