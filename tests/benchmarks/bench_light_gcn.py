"""LightGCN on leave-last-out in the order of the file: NDCG@10 and CPU seconds, and what each part of it adds.

    python tests/benchmarks/bench_light_gcn.py --data movielens-100k --seeds 3

Full ranking, seen items hidden, all ratings positive, one thread. MovieLens-100K, 3 seeds: .0754 after 5 CPU seconds
(no graph .0731, EASE .0728; RecBole's LightGCN .072 after 98), with recency .1122 (no graph .1030). Options were chosen
inside the training rows (`--tune` shows what was tried there, once each). Differences are paired by user, all seeds of
a user together; those of a relation are to choices alone, that of choices is to the same model without a graph
(`layers=0`).
"""

from __future__ import annotations

import argparse
import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")

from typing import Any

import polars as pl
from _measured import measured

from avrec_lib.data.opening import open_dataset
from avrec_lib.data.split import split_dataset
from avrec_lib.data.triples import graph_of
from avrec_lib.data.validation import validation_splits
from avrec_lib.errors import AvrecError
from avrec_lib.evaluate.compare import pairwise_differences
from avrec_lib.models import EASE, LightGCN
from avrec_lib.models.matrix_recommender import MatrixRecommender

RECENCY = 0.85
TRIED: list[dict[str, Any]] = [
    {}, {"layers": 0}, {"layers": 2}, {"loss": "BPR"}, {"loss": "BPR", "learning_rate": 0.2},
    {"loss": "sampled softmax"}, {"decay": RECENCY}, {"decay": RECENCY, "layers": 0}, {"decay": RECENCY, "layers": 2},
    {"relations": ("co-choice", "labels")}, {"relations": ("co-choice", "knowledge graph")},
]  # fmt: skip


def named(name: str, model: MatrixRecommender) -> MatrixRecommender:
    model.name = name
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tune", action="store_true")
    asked = parser.parse_args()
    try:
        data = open_dataset(asked.data)
    except AvrecError as error:
        print(error)
        return
    items = data.items.collect()
    outer = split_dataset(data, "leave_last_out", tie_rule="file_order")
    if asked.tune:
        inner = validation_splits(outer, data)[0]
        for options in TRIED:
            measured(named(str(options), LightGCN(**options)), [(inner, 0)], items)
        return
    graph = graph_of(data)
    splits = [(outer, seed) for seed in range(asked.seeds)]
    choices = named("LightGCN", LightGCN())
    measured(EASE(), splits[:1], items)
    measured(EASE(decay=RECENCY), splits[:1], items)
    values = {
        model.name: measured(model, splits, items)
        for model in (
            named("no graph", LightGCN(layers=0)),
            choices,
            named("LightGCN, labels too", LightGCN(("co-choice", "labels"))),
            named("LightGCN, knowledge graph too", LightGCN(("co-choice", "knowledge graph"), graph)),
            named("LightGCN, all three", LightGCN(("co-choice", "labels", "knowledge graph"), graph)),
            named("no graph, recency", LightGCN(layers=0, decay=RECENCY)),
            LightGCN(decay=RECENCY),
            named("LightGCN, all three, recency", LightGCN(("co-choice", "labels", "knowledge graph"), graph,
                                                            decay=RECENCY)),
        )
    }  # fmt: skip
    for baseline, *others in (
        ("no graph", "LightGCN"),
        ("LightGCN", "LightGCN, labels too", "LightGCN, knowledge graph too", "LightGCN, all three"),
        ("no graph, recency", "LightGCN, recency"),
        ("LightGCN, recency", "LightGCN, all three, recency"),
    ):
        found = pairwise_differences(pl.concat([values[baseline], *(values[name] for name in others)]), of=[baseline])
        for row in found.iter_rows(named=True):
            print(
                f"{row['model']} - {row['baseline']}: {row['difference']:+.4f} "
                f"[{row['low']:+.4f}, {row['high']:+.4f}], {row['users']} users, "
                f"adjusted p {row['p_adjusted']:.4f}: {row['verdict']}"
            )


if __name__ == "__main__":
    main()
