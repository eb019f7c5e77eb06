"""Open Bandit: rounds of two policies (random, Bernoulli Thompson sampling) in three campaigns of a fashion shop.

A round is an event `impression`, and an event `click` after it where it was clicked; both carry the same `request_id`,
`position` (1 to 3), `policy` and `propensity` (of this item at this position). `variant` repeats the policy: the two
were the arms of an A/B test. `platform` is the campaign (all, men, women), and item ids start with it, for item 0 of
one campaign is not item 0 of another. The log knows no persons: `user_id` is a segment, the combination of the four
hashed user features. `tags` are the hashed item features of the random log; the affinities of user and item are left
out.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from avrec_lib.data.named.files import Tables, find, read_table
from avrec_lib.errors import DataError
from avrec_lib.schema import TIME

POLICIES = ("random", "bts")
CAMPAIGNS = ("all", "men", "women")
WANTED = tuple(
    f"{policy}/{campaign}/{file}"
    for policy in POLICIES
    for campaign in CAMPAIGNS
    for file in (f"{campaign}.csv", "item_context.csv")
)
HASHED = [f"user_feature_{number}" for number in range(4)]
SHORT = 8  # hexadecimal digits of a hash that are kept: the features have few values


def read(folder: Path, name: str) -> Tables:
    """The tables of all campaigns and policies found; raises DataError when there is none."""
    logs, items = [], []
    for campaign in CAMPAIGNS:
        for policy in POLICIES:
            rounds = find(folder, f"{policy}/{campaign}/{campaign}.csv")
            if rounds is not None:
                logs.append(_events(rounds, policy, campaign))
        features = find(folder, f"{POLICIES[0]}/{campaign}/item_context.csv")
        if features is not None:
            items.append(_items(features, campaign))
    if not logs:
        raise DataError("This does not look like {name}: it has no file {file}.", name=name, file=WANTED[0])
    return Tables(
        pl.concat(logs),
        pl.concat(items) if items else None,
        notes=[
            "user_id is a segment of users (the combination of four hashed features), not a person.",
            "A clicked round has two events, impression and click, with the same request_id.",
            "variant repeats the policy (the arms of an A/B test), platform is the campaign, item ids start with it.",
            "The propensity is that of the item at its position, as logged; the affinity columns are left out.",
        ],
    )


def _events(rounds: Path, policy: str, campaign: str) -> pl.LazyFrame:
    segment = pl.concat_str([pl.col(feature).str.head(SHORT) for feature in HASHED], separator="-")
    kinds = pl.when(pl.col("click") == "1").then(pl.lit(["impression", "click"])).otherwise(pl.lit(["impression"]))
    return (
        pl.scan_csv(rounds, infer_schema=False)
        .with_row_index("round")
        .select(
            segment.alias("user_id"),
            pl.format("{}-{}", pl.lit(campaign), "item_id").alias("item_id"),
            pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", time_zone="UTC").cast(TIME),
            kinds.alias("event"),
            pl.format("{}-{}-{}", pl.lit(policy), pl.lit(campaign), "round").alias("request_id"),
            pl.col("position").cast(pl.Int32),
            pl.lit(campaign).alias("platform"),
            pl.lit(policy).alias("variant"),
            pl.lit(policy).alias("policy"),
            pl.col("propensity_score").cast(pl.Float64).alias("propensity"),
        )
        .explode("event")
    )


def _items(features: Path, campaign: str) -> pl.DataFrame:
    hashes = [pl.col(f"item_feature_{number}").str.head(SHORT) for number in range(1, 4)]
    return read_table(features, ",").select(
        pl.format("{}-{}", pl.lit(campaign), "item_id").alias("item_id"), pl.concat_list(hashes).alias("tags")
    )
