from datetime import UTC, datetime

import polars as pl
import pytest
from sample_files import shared, write_files

from avrec_lib.data.named import reader_of
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import DataError

_, read = reader_of("kuaishou")
LOG = (
    "user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,"
    "play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab\n"
)
RAND = {
    "log_standard_4_08_to_4_21_pure.csv": LOG + "3,7,20220408,1200,1649390400123,1,1,0,0,0,0,1,4500,9000,0,0,0,0,1\n",
    "log_standard_4_22_to_5_08_pure.csv": LOG + "3,8,20220422,1200,1650600000000,0,0,0,0,0,1,0,0,9000,0,0,0,0,1\n",
    "log_random_4_22_to_5_08_pure.csv": LOG + "4,7,20220423,1200,1650686400000,0,0,0,0,1,0,0,1000,9000,0,0,0,1,4\n",
    "video_features_basic_pure.csv": (
        "video_id,author_id,video_type,upload_dt,upload_type,visible_status,video_duration,server_width,server_height,"
        "music_id,music_type,tag\n"
        '7,12,NORMAL,2022-04-10,LongImport,0.0,9000.0,720.0,1280.0,9,9.0,"12,65"\n'
        "8,13,NORMAL,2022-04-10,LongImport,0.0,,720.0,1280.0,9,9.0,\n"
    ),
    "user_features_pure.csv": 'user_id,user_active_degree,fans_user_num_range\n3,full_active,"[1k,5k)"\n4,UNKNOWN,0\n',
}
MATRIX = "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio\n"
REC = {
    "big_matrix.csv": MATRIX + '0,3649,13838,10867,2020-07-05 00:08:23.438,20200705,1593878903.438,1.273397\n',
    "small_matrix.csv": MATRIX + "14,148,4381,6067,,,,0.722103\n",
    "item_categories.csv": 'video_id,feat\n148,"[27, 9]"\n3649,[8]\n',
    "item_daily_features.csv": (
        "video_id,date,author_id,video_type,upload_dt,upload_type,visible_status,video_duration\n"
        "148,20200705,50,NORMAL,2020-03-30,ShortImport,public,\n148,20200706,50,NORMAL,2020-03-30,ShortImport,public,6067.0\n"
    ),
}  # fmt: skip


def test_an_exposure_becomes_an_impression_and_what_the_user_did(tmp_path):
    events = read(write_files(tmp_path, RAND), "kuairand-pure").events.collect()
    assert events.select("user_id", "item_id", "event", "watch_seconds", "request_id", "policy").rows() == [
        ("3", "7", "impression", None, "0", "standard"),
        ("3", "7", "play", 4.5, "0", "standard"),
        ("3", "7", "click", None, "0", "standard"),
        ("3", "7", "like", None, "0", "standard"),
        ("3", "8", "impression", None, "1", "standard"),
        ("3", "8", "dislike", None, "1", "standard"),
        ("4", "7", "impression", None, "2", "random"),
        ("4", "7", "play", 1.0, "2", "random"),
        ("4", "7", "share", None, "2", "random"),
    ]
    assert events["timestamp"][0] == datetime(2022, 4, 8, 4, 0, 0, 123_000, tzinfo=UTC)
    assert events["platform"].unique(maintain_order=True).to_list() == ["tab 1", "tab 4"]


def test_videos_have_seconds_and_categories(tmp_path):
    items = read(write_files(tmp_path, RAND), "kuairand-pure").items
    published = datetime(2022, 4, 10, tzinfo=UTC)
    assert items.rows() == [
        ("7", ["12", "65"], "12", "12", 9.0, published),
        ("8", [], None, "13", None, published),
    ]


def test_kuairec_keeps_which_matrix_a_row_stands_in_and_rows_without_a_time(tmp_path):
    tables = read(write_files(tmp_path, REC), "kuairec")
    assert tables.events.collect().rows() == [
        ("0", "3649", datetime(2020, 7, 4, 16, 8, 23, 438_000, tzinfo=UTC), "play", 1.273397, 13.838, "big_matrix"),
        ("14", "148", None, "play", 0.722103, 4.381, "small_matrix"),
    ]
    assert tables.items.rows() == [
        ("148", ["27", "9"], "27", "50", 6.067, datetime(2020, 3, 30, tzinfo=UTC)),
        ("3649", ["8"], "8", None, None, None),
    ]


@pytest.mark.parametrize(("files", "name"), [(RAND, "kuairand-pure"), (REC, "kuairec")])
def test_what_is_read_passes_the_rules_of_the_vocabulary(tmp_path, files, name):
    tables = read(write_files(tmp_path / "raw", files), name)
    written = write_dataset(tmp_path / "set", tables.vocabulary(), name=name, source="this test", licence="none")
    assert written.card.counts["users"] == 2


def test_the_real_feature_tables_of_kuairand_are_read(tmp_path):
    """The logs could not be had, so only the tables of users and videos are real here."""
    folder = shared("kuairand-pure-features")
    for file in folder.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    write_files(tmp_path, {name: text for name, text in RAND.items() if name.startswith("log_")})
    tables = read(tmp_path, "kuairand-pure")
    assert tables.users.height == 27_285
    assert tables.items.height == 7_583
    assert tables.items["duration_seconds"].null_count() == 239
    assert tables.items.select((pl.col("tags").list.len() == 0).sum()).item() == 96


def test_a_missing_log_is_named(tmp_path):
    write_files(tmp_path, {name: text for name, text in RAND.items() if "random" not in name})
    with pytest.raises(DataError, match=r"it has no file log_random_4_22_to_5_08_pure\.csv"):
        read(tmp_path, "kuairand-pure")
