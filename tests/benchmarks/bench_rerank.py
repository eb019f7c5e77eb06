"""How much diversity for how little accuracy: MovieLens-100K, leave-last-out, item transitions + EASE, top 60 to 10.

    python tests/benchmarks/bench_rerank.py --orders 4

Optimises the similarity of tags (genres) and reports that of embeddings, then the other way round. The embeddings are
the leading 64 directions of the items' positive pointwise mutual information in the histories (Levy and Goldberg 2014),
from rows that are nobody's answer, in validation or test: they know no tag, so that one side cannot be read off the
other. Ties of time are put in order by `--orders` lots; each user's lists in all of them are one cluster of the
bootstrap. Method, relevance and trade-off are chosen on validation (leave-last-out inside the training rows): the
largest share of the gap at a loss of at most 2 % of NDCG@10; nothing is chosen on the test. The gap runs from the
model's list to the most diverse one of its first 60, found and judged by the reported similarity. `by chance` is a
random ten of the 60. Last: milliseconds for one list.
"""

from __future__ import annotations

import argparse
import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.split import Split, split_windows
from avrec_lib.models.co_choice import co_choice_embeddings
from avrec_lib.models.shelf import transitions_and_ease
from avrec_lib.paths import data_folder
from avrec_lib.rerank import (
    Candidates,
    HitChance,
    ItemVectors,
    MaximalMarginalRelevance,
    MaxSumDiversity,
    Reranker,
    accuracy_diversity_front,
    rerank,
)

K, DEPTH, MOST_LOSS = 10, 60, 0.02
Methods = dict[str, Callable[[ItemVectors], Callable[[float], Reranker]]]
METHODS: Methods = {
    "marginal relevance": lambda vectors: lambda share: MaximalMarginalRelevance(share, vectors),
    "max-sum": lambda vectors: lambda share: MaxSumDiversity(share, vectors),
    "max-sum of cosines": lambda vectors: lambda share: MaxSumDiversity(share, vectors, distance="cosine"),
}
SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
# A chance to hit is some hundredths, a distance near 1.
SMALL_SHARES = (0.001, 0.002, 0.004, 0.006, 0.009, 0.013, 0.02, 0.03, 0.045, 0.07, 0.1, 0.2, 1.0)
SHOWN = ("loss", "loss_low", "loss_high", "gap_closed", "gap_closed_low", "gap_closed_high")


@dataclass(frozen=True, eq=False)
class Lists:
    """The lists of all tie orders together, each query named by user and order, and what was right."""

    ranked: pl.DataFrame
    truth: pl.DataFrame


class RandomPick:
    """Ten of the candidates by lot."""

    def pick(self, candidates: Candidates, k: int, keep: int = 0) -> np.ndarray:
        """Places among the candidates."""
        lots = np.random.default_rng(0).random(candidates.items.shape) + (candidates.items < 0)
        return np.argsort(lots, axis=1)[:, :k]


def ranked_by_the_model(split: Split) -> pl.DataFrame:
    """The first DEPTH places of item transitions and EASE, weighed alike."""
    return transitions_and_ease().fit(split.train).recommend(split.queries, DEPTH, exclude_seen=True, seen=split.seen)


def lists_of(splits: list[Split]) -> Lists:
    def named(table: pl.DataFrame, order: int) -> pl.DataFrame:
        return table.with_columns(query_id=pl.format("{} {}", "user_id", pl.lit(order)))

    ranked = pl.concat(named(ranked_by_the_model(split), order) for order, split in enumerate(splits))
    truth = pl.concat(named(split.truth, order) for order, split in enumerate(splits))
    return Lists(ranked.select("query_id", "user_id", "item_id", "rank", "score"), truth)


def fronts(lists: Lists, chance: HitChance, optimised: ItemVectors, reported: ItemVectors) -> Iterator[pl.DataFrame]:
    """A front a way to say what a place is worth, and one with the first three places kept."""
    for worth, keep in (("score", 0), ("score", 3), ("rank", 0), ("given", 0)):
        made = {name: make(optimised) for name, make in METHODS.items()}
        ranked = chance.apply(lists.ranked) if worth == "given" else lists.ranked
        shares = SMALL_SHARES if worth == "given" else SHARES
        front = accuracy_diversity_front(
            ranked, lists.truth, K, made, shares, optimised=optimised, reported=reported, depth=DEPTH,
            relevance=worth, keep=keep,
        )  # fmt: skip
        yield front.with_columns(relevance=pl.lit(worth), keep=pl.lit(keep))


def line(row: dict[str, object]) -> str:
    loss, loss_low, loss_high, gap, gap_low, gap_high = (100 * float(row[name] or 0) for name in SHOWN)  # type: ignore[arg-type]
    name = f"{row['method']}, {row['relevance']}, keep {row['keep']}, {row['trade_off']}"
    return (
        f"    {name:48} NDCG {row['ndcg']:.4f}  loss {loss:5.1f} % [{loss_low:5.1f}, {loss_high:5.1f}]  "
        f"gap closed {gap:5.1f} % [{gap_low:5.1f}, {gap_high:5.1f}]"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=4)
    parser.add_argument("--save", help="write all fronts to this Parquet file")
    asked = parser.parse_args()
    folder = data_folder() / "movielens-100k"
    if not folder.is_dir():
        print("MovieLens-100K is not here: avrec data get ml-100k")
        return
    data = Dataset.open(folder)
    tests = split_windows(data, "leave_last_out", tie_rule="random", tie_orders=asked.orders)
    inner = [
        split_windows(data.with_events(split.train.lazy(), "training rows"), "leave_last_out", tie_rule="random",
                      tie_orders=1, seed=1 + order)[0]
        for order, split in enumerate(tests)
    ]  # fmt: skip
    answers = pl.concat(split.truth.select("user_id", "item_id") for split in (*tests, *inner))
    common = tests[0].train.join(answers, on=["user_id", "item_id"], how="anti")
    validation, test = lists_of(inner), lists_of(tests)
    chance = HitChance.fit(validation.ranked, validation.truth, DEPTH)
    sides = {
        "tags": ItemVectors.of_labels(data.items.collect()),
        "embeddings": ItemVectors.of_embeddings(co_choice_embeddings(common)),
    }
    kept = []
    for name, other in (("tags", "embeddings"), ("embeddings", "tags")):
        optimised, reported = sides[name], sides[other]
        print(f"{name} optimised, {other} reported")
        told = {}
        for part, lists in (("validation", validation), ("test", test)):
            told[part] = pl.concat(fronts(lists, chance, optimised, reported))
            kept.append(told[part].with_columns(optimise=pl.lit(name), report=pl.lit(other), part=pl.lit(part)))
        within = told["validation"].filter((pl.col("loss") <= MOST_LOSS) & pl.col("trade_off").is_not_null())
        chosen = within.sort("gap_closed", descending=True).head(1)
        keys = ["method", "relevance", "keep", "trade_off"]
        found = told["test"].join(chosen.select(keys), on=keys, how="semi")
        base = told["test"].row(0, named=True)
        print(f"    model, test: NDCG@{K} {base['ndcg']:.4f} [{base['ndcg_low']:.4f}, {base['ndcg_high']:.4f}]  "
              f"diversity {base['reported']:.3f} reported, {base['optimised']:.3f} optimised")  # fmt: skip
        print("  chosen on validation\n" + line(chosen.row(0, named=True)))
        print("  the same on test\n" + line(found.row(0, named=True)))
        top = told["test"]["optimised"].to_numpy().max()
        own = (found["optimised"][0] - base["optimised"]) / (top - base["optimised"])
        print(f"    judged by what was optimised, it would read {100 * own:.1f} % of that gap")
        ends = told["test"].filter(pl.col("trade_off") == 1).sort("gap_closed").tail(1)
        print("  all the way on test\n" + line(ends.row(0, named=True)))
        lots = accuracy_diversity_front(test.ranked, test.truth, K, {"by chance": lambda _: RandomPick()}, [1.0],
                                        optimised=optimised, reported=reported)  # fmt: skip
        print(line(lots.row(1, named=True) | {"relevance": "–", "keep": 0}))
        best = told["test"].filter(pl.col("gap_closed") >= 0.5, pl.col("trade_off").is_not_null()).sort("loss").head(1)
        print(
            "  the cheapest half of the gap on test\n" + (line(best.row(0, named=True)) if best.height else "    none")
        )
    if asked.save:
        pl.concat(kept).write_parquet(asked.save)
    one = test.ranked.filter(pl.col("query_id") == test.ranked["query_id"][0])
    for label, make in METHODS.items():
        method = make(sides["embeddings"])(0.5)
        candidates = Candidates.of(one, DEPTH)
        for what, call in (
            ("from the table", lambda: rerank(one, K, method)),  # noqa: B023
            ("again, other trade-off", lambda: candidates.ranked(method.pick(candidates, K))),  # noqa: B023
        ):
            started = time.process_time()
            for _ in range(20):
                call()
            print(f"one list, {label}, {what}: {(time.process_time() - started) * 50:.1f} CPU ms")


if __name__ == "__main__":
    main()
