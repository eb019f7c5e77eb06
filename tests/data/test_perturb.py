"""Less of the training rows, and other items in them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from small_logs import log, untimed

from avrec_lib.data.perturb import noised, perturbed, thinned
from avrec_lib.data.split import split_dataset
from avrec_lib.errors import DataError, UsageError


def rows(counts: dict[str, int]) -> pl.DataFrame:
    """So many rows of different items for each user, user by user in turn."""
    pairs = [(user, f"{user}{n}") for n in range(max(counts.values())) for user in counts if n < counts[user]]
    return untimed(pairs).events.collect().with_columns(value=pl.int_range(len(pairs)).cast(pl.Float64))


TRAIN = rows({"a": 10, "b": 4, "c": 1})


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_thinning_keeps_a_share_of_each_user_but_at_least_one_row() -> None:
    kept = thinned(TRAIN, 0.3, rng())
    assert dict(kept.group_by("user_id").len().rows()) == {"a": 3, "b": 1, "c": 1}
    assert dict(thinned(TRAIN, 0, rng()).group_by("user_id").len().rows()) == {"a": 1, "b": 1, "c": 1}
    assert thinned(TRAIN, 1, rng()).equals(TRAIN)


def test_what_is_kept_stays_in_order_and_a_larger_share_keeps_all_of_a_smaller() -> None:
    small, large = (thinned(TRAIN, share, rng(4))["value"].to_list() for share in (0.3, 0.6))
    assert small == sorted(small)
    assert set(small) < set(large)


def test_every_row_of_a_user_is_kept_as_often() -> None:
    kept = np.concatenate([thinned(TRAIN, 0.3, rng(seed)).filter(user_id="a")["item_id"] for seed in range(1000)])
    _, counts = np.unique(kept, return_counts=True)
    assert len(counts) == 10
    assert abs(counts - 300).max() < 5 * np.sqrt(1000 * 0.3 * 0.7)


def test_noise_changes_the_items_of_a_share_and_nothing_else() -> None:
    other = noised(TRAIN, 0.5, rng())
    assert other.drop("item_id").equals(TRAIN.drop("item_id"))
    changed = TRAIN.filter(other["item_id"] != TRAIN["item_id"])
    assert dict(changed.group_by("user_id").len().rows()) == {"a": 5, "b": 2}
    assert noised(TRAIN, 0, rng()).equals(TRAIN)
    assert (noised(TRAIN, 1, rng())["item_id"] == TRAIN["item_id"]).sum() == 3, "one true row of each user"


def test_a_larger_share_has_all_the_noise_of_a_smaller() -> None:
    small, large = (noised(TRAIN, share, rng(3))["item_id"] for share in (0.2, 0.5))
    changed = small != TRAIN["item_id"]
    assert changed.sum() == 3
    assert (small == large).filter(changed).all()


def test_noise_is_drawn_by_popularity_from_what_the_user_does_not_have() -> None:
    own = [("a", f"a{n}") for n in range(400)]
    others = [(f"u{n}", "hit") for n in range(60)] + [(f"u{n}", "b") for n in range(20)]
    train = untimed([*own, *others]).events.collect()
    new = noised(train, 0.5, rng()).filter(user_id="a").filter(~pl.col("item_id").str.starts_with("a"))
    shares = dict(new["item_id"].value_counts(normalize=True).rows())
    assert set(shares) == {"hit", "b"}
    assert shares["hit"] == pytest.approx(0.75, abs=0.1)
    out = pl.DataFrame({"user_id": ["a"], "item_id": ["hit"]})
    assert set(noised(train, 0.5, rng(), out).filter(user_id="a")["item_id"]) & {"hit", "b"} == {"b"}


def test_who_has_everything_keeps_it() -> None:
    train = untimed([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]).events.collect()
    assert noised(train, 1, rng()).equals(train)


def test_perturbed_splits_ask_the_same_of_the_same_users() -> None:
    noise = rng(1)
    data = untimed([(f"u{user}", f"i{item}") for user in range(30) for item in noise.permutation(40)[:15]])
    split = split_dataset(data, "random")
    met = pl.concat([split.seen, split.truth.select("user_id", "item_id")])
    for how, shares in (("thinned", [1.0, 0.2]), ("noised", [0.0, 0.4])):
        found = perturbed(split, how, shares, seed=2)  # type: ignore[arg-type]
        assert found[shares[0]].train.equals(split.train)
        other = found[shares[1]]
        assert other.truth.equals(split.truth) and other.seen.equals(found[shares[0]].seen)
        assert other.warm_queries.equals(split.warm_queries)
        assert other.protocol["perturbation"] == how and other.protocol["perturbed_share"] == shares[1]
        strange = other.train.join(split.train, on=["user_id", "item_id"], how="anti")
        assert strange.height == (0 if how == "thinned" else pytest.approx(0.4 * split.train.height, rel=0.1))
        assert strange.join(met, on=["user_id", "item_id"], how="semi").height == 0, "noise is nothing that was wanted"
        assert strange.join(other.seen, on=["user_id", "item_id"], how="anti").height == 0
        assert split.seen.join(other.seen, on=["user_id", "item_id"], how="anti").height == 0


def test_a_split_whose_queries_carry_histories_is_refused() -> None:
    data = log([(f"u{user}", f"i{item}", 10 * user + item) for user in range(6) for item in range(5)])
    split = split_dataset(data, "user_holdout", test_share=0.4)
    with pytest.raises(DataError, match="would not see the perturbed rows"):
        perturbed(split, "thinned", [0.5])


def test_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(UsageError, match=r"between 0 and 1, but is 1\.5"):
        thinned(TRAIN, 1.5, rng())
    with pytest.raises(UsageError, match=r"between 0 and 1, but is -0\.1"):
        noised(TRAIN, -0.1, rng())
    split = split_dataset(untimed([(f"u{n % 5}", f"i{n}") for n in range(40)]), "random")
    with pytest.raises(UsageError, match="Did you mean thinned"):
        perturbed(split, "thined", [0.5])  # type: ignore[arg-type]
