"""New items by their content, by a knowledge graph and by both: NDCG@10 against the popularity of their segment.

    python tests/benchmarks/bench_cold_items.py --data movielens-100k --titles ml-latest-small/movies.csv

By lot a fifth of the items is hidden from training (the order of events stays, so that late ones can count more); by
time what came after a cut is new. Differences are paired by user, all draws of a kind together. What the models are
set to was chosen on the draw TUNED_ON, which `--tune` shows and the report leaves out; so was the best segment.
Three controls are no model of a user: whether an item is in the graph, its number of edges, and the walk from all that
anybody chose.

The links of MovieLens-100K's graph are numbered as in later MovieLens, not as in its items. `--titles` (movies.csv of
ml-latest-small: movieId, title with the year) gives them their items by title and year; without it the graph "as given"
is that of the item table again.
"""

from __future__ import annotations

import argparse
import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.opening import open_dataset
from avrec_lib.data.split import Split, split_dataset
from avrec_lib.data.triples import Graph, graph_of, read_titles, triples_of_items
from avrec_lib.evaluate.compare import pairwise_differences, summarise
from avrec_lib.evaluate.trial import run_trial
from avrec_lib.models import (
    Blend,
    ContentAttributes,
    ContentNeighbours,
    ItemSegmentPopularity,
    KnowledgeGraph,
    NaiveBayes,
    Popularity,
)
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.schema import TIME

TUNED_ON = 0
BY_LOT = (1, 2, 3, 4, 5)
BY_TIME = (0.1, 0.2, 0.35)
SEGMENT = "popularity in segment"
BEST_SEGMENT = f"{SEGMENT}, by category"


def by_lot(dataset: Dataset, seed: int) -> Split:
    """A fifth of the items is cold; events keep the order of their times, which are taken away."""
    ordered = dataset.events.sort("timestamp", maintain_order=True).with_columns(timestamp=pl.lit(None, dtype=TIME))
    return split_dataset(dataset.with_events(ordered, "without times"), "cold_item", seed=seed)


def named(name: str, model: MatrixRecommender) -> MatrixRecommender:
    model.name = name
    return model


class SameForAll(KnowledgeGraph):
    """The walk from all that anybody chose, whoever asks."""

    def _resume(self, interactions: Interactions) -> None:
        super()._resume(interactions)
        counts = sparse.csr_matrix(interactions.matrix().sum(axis=0))
        self._for_all = self.walked(counts)

    def _score(self, histories: Histories) -> np.ndarray:
        return np.tile(self._for_all, (len(histories), 1))


class Given(Popularity):
    """Items by a number that is known of each; an item without one is last."""

    def __init__(self, numbers: pl.DataFrame) -> None:
        self.numbers = numbers

    def _learn(self, interactions: Interactions) -> None:
        found = interactions.item_rows.join(self.numbers, on="item_id", how="left", maintain_order="left")
        self.counts = found["number"].fill_null(0).cast(pl.Float32).to_numpy()


def edges_of(graph: Graph) -> pl.DataFrame:
    """Columns item_id and number, of the entities that each item has an edge to."""
    both = pl.concat([graph.triples.select("head", "tail"), graph.triples.select(head="tail", tail="head")]).unique()
    found = graph.links.join(both, left_on="entity", right_on="head")
    return found.group_by("item_id").agg(number=pl.len()).sort("item_id")


def contenders(given: Graph, of_items: Graph) -> list[MatrixRecommender]:
    def walk(graph: Graph) -> KnowledgeGraph:
        return KnowledgeGraph(graph, steps=6, decay=1.0)

    def bayes() -> NaiveBayes:
        return NaiveBayes(smoothing=0.1)

    both = given.joined(of_items)
    return [
        named(SEGMENT, ItemSegmentPopularity()),
        named(BEST_SEGMENT, ItemSegmentPopularity(by=["category"])),
        named("control: in the graph as given", Given(edges_of(given).with_columns(number=1))),
        named("control: edges, item table", Given(edges_of(of_items))),
        named("control: edges, both", Given(edges_of(both))),
        named("control: walk from all, item table", SameForAll(of_items, steps=6)),
        named("control: walk from all, both", SameForAll(both, steps=6)),
        named("content: by item (text)", ContentNeighbours(decay=0.9)),
        named("content: by attribute", ContentAttributes(decay=1.0)),
        named("content: naive Bayes", bayes()),
        named("graph: item table", walk(of_items)),
        named("graph: as given", walk(given)),
        named("graph: both", walk(both)),
        named("graph, item table + naive Bayes", Blend([walk(of_items), bayes()], [8, 1])),
        named("graph, both + naive Bayes", Blend([walk(both), bayes()], [8, 1])),
    ]


def tuning(given: Graph, of_items: Graph) -> list[MatrixRecommender]:
    """What was tried on TUNED_ON."""
    both = given.joined(of_items)
    tried: list[MatrixRecommender] = [
        named(f"{SEGMENT} by {', '.join(by)}", ItemSegmentPopularity(by=by))
        for by in (["tags"], ["category"], ["tags", "category"])
    ]
    tried += [named(f"{kind.__name__} decay {decay}", kind(decay=decay))
              for kind in (ContentNeighbours, ContentAttributes) for decay in (0.9, 0.99, 1.0)]  # fmt: skip
    tried += [named(f"NaiveBayes smoothing {alpha}", NaiveBayes(smoothing=alpha)) for alpha in (0.01, 0.1, 1.0, 10.0)]
    options = [
        {"steps": steps, "decay": decay, "damping": damping, "restart": restart}
        for steps, decay, damping, restart in (
            (4, 1.0, 0.0, 0.2), (6, 1.0, 0.0, 0.2), (12, 1.0, 0.0, 0.1), (6, 0.99, 0.0, 0.2), (6, 1.0, 0.5, 0.2),
            (6, 1.0, 0.0, 0.5),
        )
    ]  # fmt: skip
    for name, graph in {"item table": of_items, "given": given, "both": both}.items():
        tried += [named(f"graph {name} {each}", KnowledgeGraph(graph, **each)) for each in options]
    for weight in (1, 2, 4, 8):
        for name, graph in {"item table": of_items, "both": both}.items():
            parts = [KnowledgeGraph(graph, steps=6, decay=1.0), NaiveBayes(smoothing=0.1)]
            tried.append(named(f"graph {name} · {weight} + naive Bayes", Blend(parts, [weight, 1])))
    return tried


def values_of(models: Sequence[MatrixRecommender], splits: Sequence[Split], items: pl.DataFrame) -> pl.DataFrame:
    parts = []
    for model in models:
        started = time.process_time()
        own = [run_trial(model, split, 10, items).values(k=[10]).filter(metric="ndcg") for split in splits]
        parts += own
        mean = pl.concat(own)["value"].mean()
        print(f"  {model.name:<72} {mean:.4f}  {time.process_time() - started:6.1f} CPU s", flush=True)
    return pl.concat(parts)


def report(values: pl.DataFrame, baselines: Sequence[str]) -> None:
    for row in summarise(values).iter_rows(named=True):
        print(f"  {row['model']:<40} {row['value']:.4f} {interval(row)} n {row['n']}")
    table = pairwise_differences(values, of=baselines)
    for baseline in baselines:
        print(f"  less {baseline}")
        for row in table.filter(baseline=baseline).iter_rows(named=True):
            facts = f"users {row['users']}, fewest {row['fewest']}, adjusted p {row['p_adjusted']:.4f}"
            print(f"    {row['model']:<40} {row['difference']:+.4f} {interval(row)}  {facts}")


def interval(row: dict[str, Any]) -> str:
    return "[–]" if row["low"] is None else f"[{row['low']:+.4f}, {row['high']:+.4f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--titles", type=Path)
    parser.add_argument("--tune", action="store_true")
    asked = parser.parse_args()
    dataset = open_dataset(asked.data)
    items = dataset.items.collect()
    numbered = None if asked.titles is None else read_titles(asked.titles)
    of_items, given = triples_of_items(items), graph_of(dataset, numbered)
    print(f"{given.linked_items} of {items.height} items in the graph as given")
    if asked.tune:
        print(f"by lot, draw {TUNED_ON}: NDCG@10")
        values_of(tuning(given, of_items), [by_lot(dataset, TUNED_ON)], items)
        return
    draws = {"by lot": [by_lot(dataset, seed) for seed in BY_LOT]}
    for share in BY_TIME:
        draws[f"by time, the last {share:.0%}"] = [split_dataset(dataset, "cold_item", test_share=share)]
    for kind, splits in draws.items():
        told = [replace(split, window=window) for window, split in enumerate(splits)]
        for split in told:
            print(f"{kind}: {split.protocol['candidates']} cold items, {split.queries.height} users")
        values = values_of(contenders(given, of_items), told, items)
        report(values, [SEGMENT, BEST_SEGMENT, "content: naive Bayes", "control: walk from all, item table",
                        "control: walk from all, both"])  # fmt: skip


if __name__ == "__main__":
    main()
