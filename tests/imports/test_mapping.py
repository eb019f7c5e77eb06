import polars as pl
import pytest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.imports.mapping import doubts, guess_mapping, parse_map, require_ids

TIMES = ["1600000000", "1600000001"]


def sample(columns: str, **values: list) -> pl.DataFrame:
    return pl.DataFrame({name: values.get(name, ["1", "2"]) for name in columns.split()})


def guess(frame: pl.DataFrame, table: str = "events", **options: object) -> dict[str, str]:
    return {ours: match.theirs for ours, match in guess_mapping(frame, table, {}, **options).items()}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("userId movieId rating", {"user_id": "userId", "item_id": "movieId", "value": "rating"}),
        ("userID artistID weight", {"user_id": "userID", "item_id": "artistID", "value": "weight"}),
        ("uid vid plays", {"user_id": "uid", "item_id": "vid", "value": "plays"}),
        ("msno song_id target", {"user_id": "msno", "item_id": "song_id"}),
        ("reviewerID asin overall", {"user_id": "reviewerID", "item_id": "asin", "value": "overall"}),
        ("visitorid itemid transactionid", {"user_id": "visitorid", "item_id": "itemid"}),
        ("user_id:token item_id:token", {"user_id": "user_id:token", "item_id": "item_id:token"}),
        ("user_id track_id artist_id", {"user_id": "user_id", "item_id": "track_id"}),
        ("username spotify_track_uri country", {"user_id": "username", "item_id": "spotify_track_uri"}),
        ("user_id clip_id play_time_ms", {"user_id": "user_id", "item_id": "clip_id", "watch_seconds": "play_time_ms"}),
        ("User ITEM Sess_ID pos", {"user_id": "User", "item_id": "ITEM", "session_id": "Sess_ID", "position": "pos"}),
        (
            "user_id item_id slate_id slot logging_policy action_prob",
            {"user_id": "user_id", "item_id": "item_id", "request_id": "slate_id", "position": "slot",
             "policy": "logging_policy", "propensity": "action_prob"},
        ),
        ("user_id item_id pscore", {"user_id": "user_id", "item_id": "item_id", "propensity": "pscore"}),
        ("用户ID 视频ID", {"user_id": "用户ID", "item_id": "视频ID"}),
    ],
)  # fmt: skip
def test_columns_are_known_by_the_names_of_the_field(columns, expected):
    assert guess(sample(columns)) == expected


@pytest.mark.parametrize(
    "name", ["ts", "time", "created_at", "unixReviewTime", "eventTime", "time_ms", "played_at", "date"]
)
def test_times_are_known_by_name_and_content(name):
    assert guess(sample(f"uid vid {name}", **{name: TIMES}))["timestamp"] == name
    assert "timestamp" not in guess(sample(f"uid vid {name}", **{name: ["morning", "noon"]}))


def test_a_day_of_the_month_is_no_time():
    assert "timestamp" not in guess(sample("uid vid day month year"))


def test_a_name_that_its_values_belie_is_pointed_out():
    frame = sample("uid vid ts", ts=["morning", "noon"])
    said = [note.text("en") for note in doubts(guess_mapping(frame, "events", {}), frame, "events")]
    assert said == [
        "The column 'ts' is left out: by its name it is timestamp, but its values cannot be read so, for example "
        "morning, noon. Say how: --map timestamp=ts:UNIT-OR-FORMAT."
    ]


def test_the_one_id_left_is_the_one_that_is_missing():
    frame = sample("user thing mood ts", ts=TIMES, mood=["0.25", "0.75"])
    match = guess_mapping(frame, "events", {})["item_id"]
    assert (match.theirs, match.how) == ("thing", "content")


def test_without_a_header_place_and_content_decide():
    frame = pl.DataFrame(
        {"column_1": ["196", "186"], "column_2": ["242", "302"], "column_3": ["3", "5"], "column_4": TIMES}
    )
    assert guess(frame, header=False) == {
        "user_id": "column_1", "item_id": "column_2", "value": "column_3", "timestamp": "column_4"
    }  # fmt: skip


def test_the_item_table_is_keyed_as_the_events_name_it():
    frame = sample("id vid title genres")
    assert guess(frame, "items", same_id="vid") == {"item_id": "vid", "title": "title", "tags": "genres"}
    assert guess(frame.drop("vid"), "items", same_id="vid")["item_id"] == "id"


def test_what_a_person_says_wins_and_frees_the_guess():
    frame = sample("uid vid rating score")
    given = parse_map(["value=score"], "events", frame.columns, "log.csv")
    assert {ours: (match.theirs, match.how) for ours, match in guess_mapping(frame, "events", given).items()} == {
        "user_id": ("uid", "name"), "item_id": ("vid", "name"), "value": ("score", "given")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "column", "unit"),
    [
        ("timestamp=ts:ms", "ts", "ms"),
        ("timestamp=ts:%b %d, %Y", "ts", "%b %d, %Y"),
        ("timestamp=a:b", "a:b", ""),
        ("timestamp=a:b:s", "a:b", "s"),
        ("timestamp=2", "ts", ""),
        ("user_id=uid,timestamp=ts:s", "ts", "s"),
    ],
)
def test_a_unit_or_a_format_may_follow_a_colon(text, column, unit):
    found = parse_map([text], "events", ["uid", "ts", "a:b"], "log.csv")
    assert (found["timestamp"].theirs, found["timestamp"].unit) == (column, unit)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user_id=usr", "log.csv has no column named 'usr'. Did you mean user?"),
        ("user_id=zzz", "log.csv has no column named 'zzz'. It has user, item."),
        ("user=user_id", "'user=user_id' is the wrong way round. Write our column first: --map user_id=user."),
        ("usr_id=user", "'usr_id' is no column of events that can be filled. Did you mean user_id?"),
        (
            "user_id=user,item_id=user",
            "The column 'user' cannot be both user_id and item_id. The others are item.",
        ),
        (
            "user",
            "'user' has no =: it must say which of our columns is which of yours. For example user_id=user.",
        ),
        (
            "user_id=user item_id=item",
            "'item_id=item' stands after a space. Put commas and no spaces between pairs: user_id=uid,timestamp=ts.",
        ),
    ],
)
def test_a_wrong_map_is_answered_with_the_right_one(text, said):
    with pytest.raises(UsageError) as raised:
        parse_map([text], "events", ["user", "item"], "log.csv")
    assert raised.value.text("en") == said


def test_ids_that_cannot_be_told_are_asked_for_with_the_line_to_type():
    frame = sample("video_id title views", title=["a long story", "another"])
    with pytest.raises(DataError) as raised:
        require_ids(guess_mapping(frame, "events", {}), frame, "events", "--map")
    assert raised.value.text("en").endswith("Say it: --map user_id=COLUMN,item_id=video_id.")


ACTS = ["impression", "play", "skip", "like"]


@pytest.mark.parametrize(
    "words", [ACTS, ["Exposure", "VIEW", "thumbs up", "add-to-playlist"], ["曝光", "播放", "跳过", "点赞"], ["click"],
              ["play", "skip", "like", "share", "teleport"], ["play", "skip", None, ""]]
)  # fmt: skip
def test_a_column_of_words_for_events_is_the_event_whatever_its_name(words):
    frame = pl.DataFrame({"uid": ["1"], "vid": ["2"]}).join(pl.DataFrame({"ev": words}), how="cross")
    for values in (frame, frame.cast({"ev": pl.Categorical})):
        match = guess_mapping(values, "events", {})["event"]
        assert (match.theirs, match.how) == ("ev", "content")


def test_a_column_of_events_leaves_the_ids_to_the_others():
    frame = pl.DataFrame({"uid": ["1", "2"], "thing": ["a", "b"], "ev": ["play", "skip"]})
    assert guess(frame) == {"user_id": "uid", "item_id": "thing", "event": "ev"}
    nameless = frame.rename({"uid": "column_1", "thing": "column_2", "ev": "column_3"})
    assert guess(nameless, header=False) == {"user_id": "column_1", "item_id": "column_2", "event": "column_3"}


def test_a_column_named_like_an_event_goes_before_one_of_such_words():
    frame = pl.DataFrame({"uid": ["1", "2"], "vid": ["3", "4"], "ev": ["play", "skip"], "action": ["like", "share"]})
    assert guess(frame)["event"] == "action"


def test_words_that_a_person_explained_count_and_numbers_do_not():
    frame = pl.DataFrame({"uid": ["1", "2"], "vid": ["1", "2"], "ev": ["imp", "ply"], "stage": ["1", "2"]})
    assert guess(frame, events={"imp": "impression", "ply": "play", "1": "click", "2": "like"})["event"] == "ev"
    assert "event" not in guess(frame)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"ev": ["view", "addtocart", "transaction"]}, {"ev": "1 of its 3 words name events (view)"}),
        ({"found in": ["search", "browse", "browse"]}, {"found in": "2 of its 2 words name events (search, browse)"}),
        (
            {"this": ["play", "skip", "like"], "next_one": ["skip", "like", "play"]},
            {"this": "3 of its 3 words name events", "next_one": "3 of its 3 words name events"},
        ),
        ({"shelf": ["top", "middle", "bottom"]}, {}),
    ],
)
def test_a_column_that_may_be_the_event_is_left_out_with_the_words_to_add(columns, said):
    frame = pl.DataFrame({"uid": ["1", "2", "3"], "vid": ["4", "5", "6"], **columns})
    found = guess_mapping(frame, "events", {})
    assert "event" not in found
    notes = [note.text("en") for note in doubts(found, frame, "events")]
    assert len(notes) == len(said)
    for note, (column, words) in zip(notes, said.items(), strict=True):
        fix = f"'event={column}'" if " " in column else f"event={column}"
        assert note.startswith(f"The column '{column}' is left out, though {words}")
        assert note.endswith(f"If it says what happened, add --map {fix}.")


def test_a_genre_that_is_also_an_event_is_no_reason_to_speak():
    genres = ["drama", "comedy", "news", "crime", "review", "war", "horror", "western"]
    frame = pl.DataFrame({"uid": ["1"] * 8, "vid": ["2"] * 8, "mood": genres})
    assert doubts(guess_mapping(frame, "events", {}), frame, "events") == []


def test_the_id_of_an_item_table_is_the_column_that_the_log_names():
    songs = sample("track_ref artist title", track_ref=["s1", "s2"], artist=["Air", "Björk"])
    log_ids = pl.Series(["s1", "s7"])
    assert guess(songs, "items")["item_id"] == "artist", "all that names can tell"
    assert guess(songs, "items", same_ids=log_ids)["item_id"] == "track_ref"
    assert guess(songs, "items", same_ids=pl.Series(["x"]))["item_id"] == "artist", "no column has an id of the log"


def test_a_column_of_years_is_not_taken_for_ids_that_have_the_same_numbers():
    films = sample("movieId year", movieId=["1", "2"], year=["1995", "1996"])
    assert guess(films, "items", same_ids=pl.Series(["2", "1995", "1996"]))["item_id"] == "movieId"
