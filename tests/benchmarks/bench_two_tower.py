"""Two towers on new items against who ranks by content, and on known ones: NDCG@10, a line a data set and question.

    python tests/benchmarks/bench_two_tower.py --tags ml-latest-small/tags.csv

New items are drawn by lot, a fifth of all: draw n with seed n of the towers, differences paired by user over all draws;
and by time, those of the last fifth of the events, the same for each seed. `--tune` shows what the options were chosen
on: items that are new inside the rows that all draws train on; what is compared with was set there too. For the last
item left out the towers are at their defaults, which nobody chose for that question. `--tags` (tags.csv of
ml-latest-small: movieId, tag) joins the tags that users gave films to their genres, for all models.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from bench_cold_items import by_lot, interval, named

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.opening import open_dataset
from avrec_lib.data.split import Split, split_dataset
from avrec_lib.data.validation import validation_splits
from avrec_lib.evaluate.compare import pairwise_differences, summarise
from avrec_lib.evaluate.trial import run_trial
from avrec_lib.models import (
    EASE,
    ContentAttributes,
    ContentNeighbours,
    FeatureIALS,
    ItemSegmentPopularity,
    ItemTransitions,
    KnowledgeGraph,
    NaiveBayes,
    Popularity,
    TwoTower,
)
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.schema import TIME

DRAWS = (1, 2, 3)
TUNED_WITH = 11
LATEST = "movielens-latest-small"
LABELS = ("tags", "category", "decade")
BAR = "content by item"
TRIED: list[dict[str, Any]] = [
    {}, {"dimensions": 0}, {"dimensions": 200}, {"id_dropout": 0.9}, {"temperature": None}, {"weight_decay": 0.1},
    {"epochs": 20}, {"in_order": True, "decay": 0.98},
]  # fmt: skip
# Twenty epochs were the best of what was tried on half the rows: as many steps as ten (the default) are on all of them.
CHOSEN: dict[str, Any] = {"in_order": False, "decay": 1.0}


def with_tags(items: pl.DataFrame, file: Path) -> pl.DataFrame:
    """`items` with the tags that users gave beside those of the table, in small letters."""
    word = pl.col("tag").str.strip_chars().str.to_lowercase()
    given = pl.read_csv(file, schema_overrides={"movieId": pl.String}).select(item_id="movieId", given=word)
    given = given.unique(maintain_order=True).group_by("item_id", maintain_order=True).agg("given")
    both = pl.concat_list(pl.col("tags", "given").fill_null([])).list.unique(maintain_order=True)
    return items.join(given, on="item_id", how="left", maintain_order="left").with_columns(tags=both).drop("given")


def of_content() -> list[MatrixRecommender]:
    return [
        named(BAR, ContentNeighbours(decay=1.0)),
        ContentAttributes(attributes=LABELS, decay=1.0),
        NaiveBayes(attributes=LABELS, smoothing=0.1),
        ItemSegmentPopularity(),
        FeatureIALS(),
        KnowledgeGraph(steps=6, decay=1.0),
    ]


def towers(seed: int, **options: Any) -> TwoTower:
    return TwoTower(**CHOSEN | options, seed=seed)


def values_of(
    model: MatrixRecommender, split: Split, items: pl.DataFrame, users: pl.DataFrame | None, seed: int | None = None
) -> pl.DataFrame:  # fmt: skip
    found = run_trial(model, split, 10, items, seed, users).values(k=[10]).filter(metric="ndcg")
    return found.with_columns(seed=pl.lit(0, pl.Int64))  # the seed goes with the draw


def new_items(dataset: Dataset, items: pl.DataFrame, draws: Sequence[int], in_time: bool = False) -> str:
    users, values, seconds = dataset.users.collect(), [], 0.0
    cut = split_dataset(dataset, "cold_item", test_share=0.2) if in_time else None
    splits = [replace(cut or by_lot(dataset, draw), window=place) for place, draw in enumerate(draws)]
    for split, draw in zip(splits, draws, strict=True):
        values += [values_of(model, split, items, users) for model in of_content()]
        began = time.process_time()
        values.append(values_of(towers(draw), split, items, users, draw))
        seconds += time.process_time() - began
        own = {each["model"][0]: each["value"].mean() for each in values[-1 - len(of_content()) :]}
        print(f"  draw {draw}: {', '.join(f'{name} {value:.4f}' for name, value in own.items())}", file=sys.stderr)
    table = pl.concat(values)
    means = {row["model"]: row for row in summarise(table).iter_rows(named=True)}
    others = {name: row["value"] for name, row in means.items() if name != "two-tower"}
    pairs = pairwise_differences(table, of=["two-tower"]).filter(model="two-tower")
    best = max((name for name in others if name != BAR), key=others.__getitem__)
    told = [f"two-tower {means['two-tower']['value']:.4f} {interval(means['two-tower'])}, {seconds:.0f} CPU s"]
    for name in (BAR, best):
        row = pairs.filter(baseline=name).row(0, named=True)
        told.append(f"less {name} ({others[name]:.4f}) {row['difference']:+.4f} {interval(row)} {row['verdict']}")
    told.append(", ".join(f"{name} {value:.4f}" for name, value in others.items()))
    asked = f"{splits[0].queries.height} users, {splits[0].candidates.len()} items"
    return f"new items by {'time' if in_time else 'lot'}, {asked}, {len(draws)} seeds: {'; '.join(told)}"


def last_items(dataset: Dataset, items: pl.DataFrame, draws: Sequence[int]) -> str:
    users = dataset.users.collect()
    split = split_dataset(dataset, "leave_last_out", tie_rule="file_order")
    values = [values_of(model, split, items, users) for model in (Popularity(), EASE(), ItemTransitions())]
    told = [f"{own['model'][0]} {own['value'].mean():.4f}" for own in values]
    found = [values_of(TwoTower(), split, items, users, draw)["value"].mean() for draw in draws]
    told.append(f"two-tower {', '.join(f'{value:.4f}' for value in found)}")
    return f"last item left out: {'; '.join(told)}"


def tune(dataset: Dataset, items: pl.DataFrame, options: Sequence[dict[str, Any]]) -> None:
    ordered = dataset.events.sort("timestamp", maintain_order=True).with_columns(timestamp=pl.lit(None, dtype=TIME))
    outer = [by_lot(dataset, draw) for draw in DRAWS]
    inner = validation_splits(outer, dataset.with_events(ordered, "without times"), seed=TUNED_WITH)[0]
    tried: list[tuple[str, MatrixRecommender]] = [
        (f"{BAR}, decay {decay}", ContentNeighbours(decay=decay)) for decay in (0.9, 0.99, 1.0)
    ]
    tried += [(model.name, model) for model in of_content()[1:]]
    tried += [(f"two-tower {each}", towers(0, **each)) for each in options]
    for name, model in tried:
        began = time.process_time()
        value = values_of(model, inner, items, None)["value"].mean()
        print(f"  {name:<70} {value:.4f}  {time.process_time() - began:6.1f} CPU s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tags", type=Path)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--draws", type=int, nargs="+", default=DRAWS)
    parser.add_argument("--ask", nargs="+", choices=("lot", "time", "last"), default=("lot", "time", "last"))
    parser.add_argument("--data", nargs="+", default=[LATEST, "movielens-100k"])
    asked = parser.parse_args()
    for name in asked.data:
        dataset = open_dataset(name)
        items = dataset.items.collect()
        if name == LATEST and asked.tags is not None:
            items = with_tags(items, asked.tags)
        if asked.tune:
            tune(dataset, items, TRIED)
            continue
        for question in asked.ask:
            if question == "last":
                line = last_items(dataset, items, asked.draws)
            else:
                line = new_items(dataset, items, asked.draws, in_time=question == "time")
            print(f"{name}: {line}", flush=True)


if __name__ == "__main__":
    main()
