"""KuaiRand-Pure and KuaiRec, two logs of the short-video app Kuaishou. Follows their documentation.

KuaiRand: a row is one exposure and becomes an `impression`, followed by what the user did, at the same time and with
the same `request_id` (the number of the row): `play` with `watch_seconds` where something was played, `click` (in the
single-column interface this means a valid play), `like`, `follow`, `comment`, `share` (is_forward), `dislike`
(is_hate). `policy` is `random` for exposures put in at random, else `standard`; no propensity is published. `platform`
is the scenario (`tab`). KuaiRec: a row is one `play` with `watch_seconds`, `value` the watch ratio, `policy` the matrix
it stands in: in `small_matrix` nearly every user saw nearly every video. Times in milliseconds become seconds.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from avrec_lib.data.named.files import Tables, find, need, read_table
from avrec_lib.schema import TIME

WANTED = (
    "log_standard_4_08_to_4_21_pure.csv", "log_standard_4_22_to_5_08_pure.csv", "log_random_4_22_to_5_08_pure.csv",
    "user_features_pure.csv", "video_features_basic_pure.csv",
    "big_matrix.csv", "small_matrix.csv", "item_categories.csv", "item_daily_features.csv", "user_features.csv",
    "kuairec_caption_category.csv",
)  # fmt: skip
LOGS = WANTED[:3]
SIGNALS = {
    "is_click": "click", "is_like": "like", "is_follow": "follow", "is_comment": "comment", "is_forward": "share",
    "is_hate": "dislike",
}  # fmt: skip


def read(folder: Path, name: str) -> Tables:
    """The tables of `kuairec` or of `kuairand-pure`; raises DataError when a file of it is missing."""
    return _read_rec(folder, name) if name == "kuairec" else _read_rand(folder, name)


def _read_rand(folder: Path, name: str) -> Tables:
    log = pl.concat([pl.scan_csv(need(folder, file, name), infer_schema=False) for file in LOGS])
    done = [pl.when(pl.col(signal) == "1").then(pl.lit(event)) for signal, event in SIGNALS.items()]
    watched = pl.col("play_time_ms").cast(pl.Float64) / 1000
    play = pl.when(watched > 0).then(pl.lit("play"))
    events = (
        log.with_row_index("row")
        .select(
            pl.col("user_id"),
            pl.col("video_id").alias("item_id"),
            pl.from_epoch(pl.col("time_ms").cast(pl.Int64), "ms").cast(TIME).alias("timestamp"),
            pl.concat_list(pl.lit("impression"), play, *done).list.drop_nulls().alias("event"),
            watched.alias("watched"),
            pl.col("row").cast(pl.String).alias("request_id"),
            pl.format("tab {}", "tab").alias("platform"),
            pl.when(pl.col("is_rand") == "1").then(pl.lit("random")).otherwise(pl.lit("standard")).alias("policy"),
        )
        .explode("event")
        .with_columns(pl.when(pl.col("event") == "play").then("watched").alias("watch_seconds"))
        .drop("watched")
    )
    people = find(folder, "user_features_pure.csv")
    return Tables(
        events,
        _videos(need(folder, "video_features_basic_pure.csv", name)),
        None if people is None else read_table(people, ",", quoted=True).select("user_id"),
        notes=[
            "An exposure is an impression and, with the same request_id, what the user did: play, click, like, ….",
            "policy is random for exposures put in at random, else standard; propensities are not published.",
            "In the single-column interface a click means a valid play (7 seconds, or the whole of a shorter video).",
            "tags are the numbers of the video's categories, category is the first; platform is the scenario (tab).",
        ],
    )


def _videos(path: Path) -> pl.DataFrame:
    tags = pl.col("tag").fill_null("").str.split(",").list.eval(pl.element().filter(pl.element() != ""))
    return read_table(path, ",", quoted=True).select(
        pl.col("video_id").alias("item_id"),
        tags.alias("tags"),
        tags.list.first().alias("category"),
        pl.col("author_id").alias("creator_id"),
        (pl.col("video_duration").cast(pl.Float64) / 1000).alias("duration_seconds"),
        pl.col("upload_dt").str.to_datetime("%Y-%m-%d", time_zone="UTC", strict=False).cast(TIME).alias("published_at"),
    )


def _read_rec(folder: Path, name: str) -> Tables:
    matrices = [
        pl.scan_csv(need(folder, f"{matrix}.csv", name), infer_schema=False).select(
            "user_id",
            pl.col("video_id").alias("item_id"),
            # A few rows have no time; they stay, without one.
            (pl.col("timestamp").cast(pl.Float64) * 1e6).cast(pl.Int64).cast(TIME).alias("timestamp"),
            pl.lit("play").alias("event"),
            pl.col("watch_ratio").cast(pl.Float64).alias("value"),
            (pl.col("play_duration").cast(pl.Float64) / 1000).alias("watch_seconds"),
            pl.lit(matrix).alias("policy"),
        )
        for matrix in ("big_matrix", "small_matrix")
    ]
    return Tables(
        pl.concat(matrices),
        _rec_items(folder, name),
        notes=[
            "A row is a play; value is the watch ratio (watched time by the video's length, above 1 when repeated).",
            "policy is the matrix a row stands in: in small_matrix nearly every user saw nearly every video.",
            "tags are the numbers of the video's categories, category is the first.",
        ],
    )


def _rec_items(folder: Path, name: str) -> pl.DataFrame:
    listed = read_table(need(folder, "item_categories.csv", name), ",", quoted=True)
    tags = pl.col("feat").str.strip_chars("[]").str.split(",").list.eval(pl.element().str.strip_chars())
    items = listed.select(pl.col("video_id").alias("item_id"), tags.alias("tags"), tags.list.first().alias("category"))
    daily = find(folder, "item_daily_features.csv")
    if daily is None:
        return items
    facts = (
        pl.scan_csv(daily, infer_schema=False)
        .group_by(pl.col("video_id").alias("item_id"))
        .agg(
            pl.col("author_id").drop_nulls().first().alias("creator_id"),
            (pl.col("video_duration").drop_nulls().first().cast(pl.Float64) / 1000).alias("duration_seconds"),
            pl.col("upload_dt").drop_nulls().first().str.to_datetime("%Y-%m-%d", time_zone="UTC", strict=False)
            .cast(TIME).alias("published_at"),
        )
        .collect(engine="streaming")
    )  # fmt: skip
    return items.join(facts, on="item_id", how="left", maintain_order="left")
