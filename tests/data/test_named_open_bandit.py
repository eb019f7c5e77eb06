from datetime import UTC, datetime

import polars as pl
import pytest
from sample_files import fetched, shared, write_files

from avrec_lib.data.fetch import get
from avrec_lib.data.named import reader_of

_, read = reader_of("open_bandit")
HEAD = (
    ",timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,user_feature_3,a\n"
)
FEATURES = "81ce123cbb5bd8ce,03a5648a76832f83,c2e4f76cdbabecd3,f97571b9c14a786a"
FILES = {
    "random/men/men.csv": (
        HEAD + f"0,2019-11-24 00:00:34.762830+00:00,14,3,0,0.0294,{FEATURES},0.0\n"
        f"1,2019-11-24 00:00:35+00:00,2,1,1,0.0294,{FEATURES},0.0\n"
    ),
    "bts/men/men.csv": HEAD + f"0,2019-11-24 00:01:29.788335+00:00,2,1,0,0.7,{FEATURES},0.0\n",
    "random/men/item_context.csv": (
        ",item_id,item_feature_0,item_feature_1,item_feature_2,item_feature_3\n"
        "0,2,-0.67,c82d13885d8bf7a3,088abf8a8657959e,8ea65bc866b36a8f\n"
    ),
}
SEGMENT = "81ce123c-03a5648a-c2e4f76c-f97571b9"


def test_a_clicked_round_is_an_impression_and_a_click_of_one_request(tmp_path):
    events = read(write_files(tmp_path, FILES), "open-bandit").events.collect()
    assert events.select("item_id", "event", "request_id", "position", "propensity").rows() == [
        ("men-14", "impression", "random-men-0", 3, 0.0294),
        ("men-2", "impression", "random-men-1", 1, 0.0294),
        ("men-2", "click", "random-men-1", 1, 0.0294),
        ("men-2", "impression", "bts-men-0", 1, 0.7),
    ]
    assert events["user_id"].unique().to_list() == [SEGMENT]
    assert events["variant"].to_list() == events["policy"].to_list() == ["random"] * 3 + ["bts"]
    assert events["timestamp"][1] == datetime(2019, 11, 24, 0, 0, 35, tzinfo=UTC)


def test_items_of_one_campaign_are_not_those_of_another(tmp_path):
    items = read(write_files(tmp_path, FILES), "open-bandit").items
    assert items.rows() == [("men-2", ["c82d1388", "088abf8a", "8ea65bc8"])]


def test_the_folder_a_person_has(home):
    dataset = get("open-bandit", shared("open-bandit"), tell=lambda _: None)
    by_policy = dataset.events.group_by("platform", "policy", "event").agg(pl.len()).collect()
    assert {row[:3]: row[3] for row in by_policy.rows()} == {
        ("all", "random", "impression"): 10_000, ("all", "random", "click"): 38,
        ("all", "bts", "impression"): 10_000, ("all", "bts", "click"): 42,
        ("men", "random", "impression"): 10_000, ("men", "random", "click"): 46,
        ("men", "bts", "impression"): 10_000, ("men", "bts", "click"): 69,
    }  # fmt: skip
    random = dataset.events.filter(pl.col("policy") == "random", pl.col("platform") == "all")
    assert random.select(pl.col("propensity").unique()).collect().to_series().to_list() == [1 / 80]


@pytest.mark.slow
def test_the_wheel_has_all_three_campaigns(home):
    """Needs a package index that pip reaches."""
    dataset = fetched("open-bandit")
    assert dataset.card.counts["events"] == 60_287
    assert dataset.card.counts["items"] == 80 + 34 + 46
    assert dataset.card.filled["events"]["propensity"] == 60_287
