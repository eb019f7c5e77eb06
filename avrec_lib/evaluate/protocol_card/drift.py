"""Did what is popular move between training and test?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avrec_lib.data.facts import Fact
from avrec_lib.data.split import Split

TOP_ITEMS, TOP_SHARE, DRAWS, STRONG_DRIFT = 100, 0.1, 20, 0.75


def popularity_drift(splits: Sequence[Split], seed: int = 0) -> Fact:
    """How many of the most chosen items of the test are so in training, against a test drawn from training.

    The top 100 items (a tenth of the catalogue when that is fewer). Chance: as many choices as the test has, drawn
    from the popularity in training, mean of 20 draws. With several windows the one that drifts most. Amber when the
    overlap is under three quarters of chance, and under every draw.
    """
    if splits[0].candidates is not None:
        return Fact(
            "popularity_drift", 0, None, "info",
            "The items that may be ranked are chosen by the split, so their popularity says nothing about drift.",
            {"reading": "–"},
        )  # fmt: skip
    found = [drift for split in splits if (drift := overlap_of_top(split, seed)) is not None]
    if not found:
        return Fact(
            "popularity_drift", 0, None, "info",
            "Whether the popular items of training are those of the test cannot be told from so few items or choices.",
            {"reading": "–"},
        )  # fmt: skip
    top, overlap, draws = min(found, key=lambda drift: drift[1] / drift[2].mean())
    by_chance = float(draws.mean())
    strong = overlap < STRONG_DRIFT * by_chance and overlap < draws.min()
    words = {"reading": f"{overlap} / {by_chance:.0f}", "top": str(top), "chance": f"{by_chance:.0f}"}
    if strong:
        template = (
            "Of the {top} items most chosen in the test {value} are so in training, where without drift {chance} would "
            "be: taste or catalogue moved, and models that lean on popularity fall behind. Train on recent rows, or "
            "read each window of split=rolling_time."
        )
    else:
        template = (
            "Of the {top} items most chosen in the test {value} are so in training; without drift {chance} would be."
        )
    return Fact("popularity_drift", overlap, None, "amber" if strong else "info", template, words)


def overlap_of_top(split: Split, seed: int) -> tuple[int, int, np.ndarray] | None:
    """Size of the top, how many items the tops of test and training share, and how many in each of the draws.

    None when the top would be fewer than 5 items, or has no more choices in the test than items.
    """
    counts = split.train.group_by("item_id").len("train").join(
        split.truth.group_by("item_id").len("test"), on="item_id", how="full", coalesce=True
    ).fill_null(0).sort("item_id")  # fmt: skip
    top = min(TOP_ITEMS, int(counts.height * TOP_SHARE))
    train, test = (counts[name].to_numpy().astype(np.float64) for name in ("train", "test"))
    if top < 5 or test.sum() < 2 * top or not train.sum():
        return None
    rng = np.random.default_rng(seed)

    def most_chosen(chosen: np.ndarray) -> np.ndarray:
        # Equal counts in an order drawn anew, else the same id would always win them.
        return np.argpartition(-(chosen + rng.random(len(chosen)) / 2), top - 1)[:top]

    popular = np.zeros(len(train), dtype=bool)
    popular[most_chosen(train)] = True
    drawn = rng.multinomial(int(test.sum()), train / train.sum(), size=DRAWS)
    by_chance = np.array([popular[most_chosen(draw)].sum() for draw in drawn])
    return (top, int(popular[most_chosen(test)].sum()), by_chance) if by_chance.mean() > 0 else None
