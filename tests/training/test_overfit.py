"""What can learn a few users by heart does; what cannot is red."""

from __future__ import annotations

import polars as pl

from avrec_lib.models import Popularity
from avrec_lib.models.promises import checkerboard
from avrec_lib.models.sequence_transformer import SequenceTransformer
from avrec_lib.training.overfit import overfits


def by_lot(users: int = 40, events: int = 12, items: int = 300) -> pl.DataFrame:
    """What nobody could guess: every choice drawn by lot."""
    numbers = pl.int_range(users * events, eager=True)
    table = pl.DataFrame({"user": numbers // events, "item": (numbers * 7919) % items, "minute": numbers})
    return table.select(
        pl.format("u{}", "user").alias("user_id"), pl.format("i{}", "item").alias("item_id"),
        (pl.col("minute") * 60_000_000).cast(pl.Datetime("us", "UTC")).alias("timestamp"),
    )  # fmt: skip


def test_a_network_that_learns_is_said_to_and_one_that_cannot_is_red():
    able = SequenceTransformer(width=32, blocks=1, learning_rate=0.01, batch=256, threads=1)
    learned = overfits(able, by_lot(), people=30, epochs=60)
    assert learned.level == "info" and learned.share >= 0.8 and learned.words["people"] == 30
    hopeless = overfits(SequenceTransformer(width=32, blocks=1, learning_rate=1e-9, threads=1), by_lot(), epochs=2)
    assert hopeless.level == "red"
    assert able.dropout == 0.5 and not hasattr(able, "weights")  # the model that was handed in is as before


def test_popularity_learns_nobody_by_heart():
    assert overfits(Popularity(), by_lot()).level == "red"


def test_where_nobody_has_five_items_it_is_not_asked_and_said():
    fact = overfits(Popularity(), checkerboard(4, 6))
    assert fact.level == "amber" and fact.share is None and "cannot be asked" in fact.explanation("en")


def test_a_choice_again_is_not_what_is_asked():
    again = pl.concat([by_lot(), by_lot().with_columns(pl.col("timestamp") + pl.duration(days=300))])
    assert overfits(Popularity(), again).words == overfits(Popularity(), by_lot()).words
