"""One contender of `bench_ranking.py`, run by its own Python: reads the arrays, prints what it cost, keeps its values.

    PYTHON _ranking_contenders.py NAME FOLDER

`FOLDER` holds items.npy (users × depth, item numbers in rank order), truth.npy (2 × pairs: user, item) and gets
NAME.npz, the values of each user. A contender is three functions: the tables its users would hold (not timed), the
conversion to what the library takes, and the evaluation of NDCG, recall, hit rate, MRR and MAP @10.
"""

from __future__ import annotations

import contextlib
import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

K = 10
Values = dict[str, Any]


@dataclass(frozen=True)
class Contender:
    tables: Callable[[np.ndarray, np.ndarray], Any]
    convert: Callable[[Any], Any]
    evaluate: Callable[[Any], Values]
    compare: Callable[[Any], Values] | None = None  # further values to hold against the others, not timed


def string_tables(items: np.ndarray, truth: np.ndarray, pattern: str = "{}{:07d}") -> Any:
    """Tables as avrec has them: ids are strings."""
    import polars as pl

    users = pl.Series([pattern.format("user", number) for number in range(len(items))])
    names = pl.Series([pattern.format("item", number) for number in range(int(max(items.max(), truth[1].max())) + 1)])
    row = np.repeat(np.arange(len(items)), items.shape[1])
    ranks = np.tile(np.arange(1, items.shape[1] + 1, dtype=np.int32), len(items))
    listed = users.gather(row)
    ranked = pl.DataFrame(
        {"query_id": listed, "user_id": listed, "item_id": names.gather(items.ravel()), "rank": ranks}
    )
    chosen = users.gather(truth[0])
    judged = pl.DataFrame({"query_id": chosen, "user_id": chosen, "item_id": names.gather(truth[1])})
    return ranked, judged.with_columns(relevance=pl.lit(1.0)), pl.DataFrame({"query_id": users, "user_id": users})


def long_string_tables(items: np.ndarray, truth: np.ndarray) -> Any:
    return string_tables(items, truth, "{}-00000000-0000-0000-0000-{:012d}")


def integer_tables(items: np.ndarray, truth: np.ndarray) -> Any:
    """The same tables with integer ids, for whom that is faster."""
    import polars as pl

    row = np.repeat(np.arange(len(items)), items.shape[1])
    ranks = np.tile(np.arange(1, items.shape[1] + 1), len(items))
    ranked = pl.DataFrame({"user_id": row, "item_id": items.ravel().astype(np.int64), "rank": ranks})
    return ranked, pl.DataFrame({"user_id": truth[0], "item_id": truth[1]})


def avrec(tables: Any, metrics: tuple[str, ...] = ("ndcg", "recall", "hit_rate", "mrr", "map_all_relevant")) -> Values:
    from avrec_lib.evaluate.ranking import ranking_values

    ranked, truth, queries = tables
    values = ranking_values(ranked, truth, queries, k=[K], metrics=metrics, model="avrec")
    return {metric: values.filter(metric=metric)["value"].to_numpy() for metric in metrics}


def avrec_other_divisor(tables: Any) -> Values:
    return avrec(tables, ("map",))


def avrec_ids(tables: Any) -> float:
    """CPU seconds that turning ids into integers takes of the whole."""
    import polars as pl

    from avrec_lib.evaluate.lists import number_items, row_of_each

    ranked, truth, queries = tables
    top = ranked.select("query_id", "item_id", "rank").filter(pl.col("rank") <= K)
    started = time.process_time()
    for table, name in ((top, "ranked"), (truth, "truth")):
        row_of_each(table["query_id"], queries["query_id"], name)
        number_items(table["item_id"], name)
    return time.process_time() - started


def to_pandas(tables: Any) -> Any:
    import pandas as pd

    return [pd.DataFrame({name: table[name].to_numpy() for name in table.columns}) for table in tables]


def rectools(tables: Any) -> Values:
    """One merge and one confusion table for all metrics, as its own `calc_metrics` does."""
    from rectools.metrics import MAP, MRR, NDCG, HitRate, Recall
    from rectools.metrics.base import merge_reco
    from rectools.metrics.classification import calc_confusions

    merged = merge_reco(*tables)
    confusions = calc_confusions(merged, K)
    return {
        "ndcg": NDCG(K, divide_by_achievable=True).calc_per_user_from_merged(merged).sort_index().to_numpy(),
        "mrr": MRR(K).calc_per_user_from_merged(merged).sort_index().to_numpy(),
        "map_all_relevant": MAP(K).calc_per_user_from_fitted(MAP.fit(merged, K)).sort_index().to_numpy(),
        "recall": Recall(K).calc_per_user_from_confusion_df(confusions).sort_index().to_numpy(),
        "hit_rate": HitRate(K).calc_per_user_from_confusion_df(confusions).sort_index().to_numpy(),
    }


def nested(tables: Any) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, int]]]:
    """Query -> item -> score (falling with rank), and query -> item -> relevance, as retrieval libraries take it."""
    ranked, truth, _ = tables
    runs: dict[str, dict[str, float]] = {}
    for query, items, ranks in ranked.group_by("query_id", maintain_order=True).agg("item_id", "rank").iter_rows():
        runs[query] = dict(zip(items, [1.0 / rank for rank in ranks], strict=True))
    judged = truth.group_by("query_id", maintain_order=True).agg("item_id").iter_rows()
    return runs, {query: dict.fromkeys(items, 1) for query, items in judged}


def to_ranx(tables: Any) -> Any:
    from ranx import Qrels, Run

    runs, judged = nested(tables)
    return Qrels(judged), Run(runs)


def ranx(pair: Any) -> Values:
    from ranx import evaluate

    names = {"ndcg": "ndcg", "recall": "recall", "hit_rate": "hit_rate", "mrr": "mrr", "map_all_relevant": "map"}
    evaluate(*pair, [f"{name}@{K}" for name in names.values()], threads=1)
    scores = pair[1].scores
    return {ours: _by_name(scores[f"{theirs}@{K}"]) for ours, theirs in names.items()}


def to_pytrec(tables: Any) -> Any:
    import pytrec_eval

    runs, judged = nested(tables)
    wanted = {f"ndcg_cut.{K}", f"recall.{K}", f"map_cut.{K}", f"success.{K}", "recip_rank"}
    return pytrec_eval.RelevanceEvaluator(judged, wanted), runs


def pytrec(pair: Any) -> Values:
    """Its reciprocal rank has no cut, so it is timed and not compared."""
    evaluator, runs = pair
    scored = evaluator.evaluate(runs)
    names = {"ndcg": "ndcg_cut", "recall": "recall", "map_all_relevant": "map_cut", "hit_rate": "success"}
    return {ours: _by_name({q: one[f"{theirs}_{K}"] for q, one in scored.items()}) for ours, theirs in names.items()}


def to_implicit(tables: Any) -> Any:
    from scipy import sparse

    ranked, truth = tables
    users, items = ranked["user_id"].max() + 1, max(ranked["item_id"].max(), truth["item_id"].max()) + 1
    lists = ranked["item_id"].to_numpy().reshape(users, -1)[:, :K].astype(np.int32)
    chosen = truth["user_id"].to_numpy(), truth["item_id"].to_numpy()
    matrix = sparse.csr_matrix((np.ones(truth.height, np.float32), chosen), shape=(users, items))
    return lists, matrix


def implicit(pair: Any) -> Values:
    """Four means, no values of users; it asks a model, so the lists are dressed up as one."""
    from implicit.evaluation import ranking_metrics_at_k

    lists, matrix = pair

    class Lists:
        def recommend(self, userid: np.ndarray, *_: Any, **__: Any) -> tuple[np.ndarray, None]:
            return lists[userid], None

    with contextlib.suppress(ImportError):
        means = ranking_metrics_at_k(Lists(), matrix, matrix, K=K, show_progress=False)
        return {"ndcg": means["ndcg"], "map": means["map"]}
    return {}


def _by_name(scores: dict[str, float]) -> np.ndarray:
    return np.array([scores[name] for name in sorted(scores)])


def as_they_are(tables: Any) -> Any:
    return tables


CONTENDERS = {
    "avrec": Contender(string_tables, as_they_are, avrec, avrec_other_divisor),
    "avrec, long ids": Contender(long_string_tables, as_they_are, avrec),
    "rectools": Contender(integer_tables, to_pandas, rectools),
    "ranx": Contender(string_tables, to_ranx, ranx),
    "pytrec_eval": Contender(string_tables, to_pytrec, pytrec),
    "implicit": Contender(integer_tables, to_implicit, implicit),
}


def resident_peak() -> float:
    """The peak of resident memory in MiB since `forget_peak`, or since the start where there is no /proc."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak() -> float:
    """Start the peak of resident memory anew, and say where it starts."""
    gc.collect()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return resident_peak()


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    contender = CONTENDERS[name]
    items, truth = np.load(folder / "items.npy"), np.load(folder / "truth.npy")
    few = contender.tables(items[:500], truth[:, truth[0] < 500])
    contender.evaluate(contender.convert(few))  # imports and compiles what it will use
    tables = contender.tables(items, truth)
    del items, truth
    before = forget_peak()
    wall, started = time.perf_counter(), time.process_time()
    converted = contender.convert(tables)
    between = time.process_time()
    values = contender.evaluate(converted)
    finished = time.process_time()
    cost = {
        "conversion": between - started,
        "evaluation": finished - between,
        "wall": time.perf_counter() - wall,
        "held": before,
        "peak": resident_peak(),
    }
    if name.startswith("avrec"):
        cost["ids"] = avrec_ids(tables)
    if contender.compare:
        values |= contender.compare(tables)
    np.savez(folder / f"{name}.npz", **values)
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
