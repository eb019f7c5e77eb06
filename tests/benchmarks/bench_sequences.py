"""Our transformer and RecTools' SASRec: NDCG@10 against CPU seconds in one plot, and real targets a second.

    make peers && python tests/benchmarks/bench_sequences.py

MovieLens-100K, the last choice of each user, ties in file order, all items ranked, one thread on either side, each in
a process of its own. (a) Throughput at equal width, depth, length, loss and batch, in targets that are real and
not padding (aim ≥ 2 × RecTools); (b) quality over `--seeds` at several lengths of training (aims: .081 in ≤ 20 CPU
seconds, .10 in ≤ 150). The plot is `reports/benchmarks/sequences.html`. Without
`.venv-rectools` (or `--peer`) ours alone.
"""

from __future__ import annotations

import argparse
import os

if __name__ == "__main__":
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "AVREC_THREADS"):
        os.environ[name] = "1"
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from avrec_lib.data import open_dataset
from avrec_lib.data.split import Split, split_windows
from avrec_lib.evaluate.ranking import ranking_values
from avrec_lib.models.item_transitions import ItemTransitions
from avrec_lib.models.sequence_transformer import SequenceTransformer
from avrec_lib.models.shelf import transitions_and_ease
from avrec_lib.networks.precision import Precision
from avrec_lib.paths import reports_folder

HERE = Path(__file__).resolve()
PEER = HERE.parents[2] / ".venv-rectools" / "bin" / "python"
EQUAL = {"width": 64, "blocks": 2, "heads": 2, "length": 100}
SEQUENCES = 128  # in a batch of RecTools
SHORT = {"dropout": 0.3, "learning_rate": 3e-3}  # for trainings of few epochs
RECIPES = [SHORT | {"epochs": 6}, SHORT | {"epochs": 12}, {"epochs": 30}, {}]
PEER_EPOCHS = [5, 10, 20, 40]
RANKED = {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int32, "score": pl.Float64}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", type=Path, default=PEER if PEER.exists() else None,
                        help="the Python of an environment with RecTools [.venv-rectools of `make peers`]")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--peer-seeds", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3, help="of the measurement of throughput; the median counts")
    parser.add_argument("--only", choices=["throughput", "quality"])
    options = parser.parse_args()
    data = open_dataset("movielens-100k")
    split = split_windows(data, "leave_last_out", tie_rule="file_order")[0]
    with tempfile.TemporaryDirectory() as folder:
        write_log(split, Path(folder))
        if options.only != "quality":
            throughput(split, Path(folder), options.peer, options.repeats)
        if options.only != "throughput":
            quality(split, Path(folder), options.peer, options.seeds, options.peer_seeds)


def write_log(split: Split, folder: Path) -> None:
    ordered = split.train.sort("timestamp", maintain_order=True).with_row_index("order")
    ordered.select("user_id", "item_id", "order").write_csv(folder / "train.csv")


def rectools(peer: Path, folder: Path, epochs: list[int], seed: int) -> list[dict]:
    command = [peer, HERE.parent / "_rectools_side.py", folder, "--epochs", *epochs]
    command += ["--batch", SEQUENCES, "--seed", seed]
    command += [part for name, value in EQUAL.items() for part in (f"--{name}", value)]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def throughput(split: Split, folder: Path, peer: Path | None, repeats: int) -> None:
    """Real targets a second of both, in turn in every repeat; the first epoch, which warms up, is not timed.

    Ours as it comes (products in bfloat16 where the processor has them) and all in float32, as RecTools computes.
    """
    lengths = split.train.group_by("user_id").len()["len"]
    targets = 2 * int((lengths - 1).clip(upper_bound=EQUAL["length"]).sum())
    found: dict[str, list[float]] = {"auto": [], "float32": [], "RecTools": []}
    for repeat in range(repeats):
        for precision in ("auto", "float32"):
            found[precision].append(targets / seconds_of_epochs(split, precision))
        if peer is not None:
            first, last = rectools(peer, folder, [1, 3], repeat)
            found["RecTools"].append(targets / (last["seconds"] - first["seconds"]))
    for name, speeds in found.items():
        if speeds:
            each = ", ".join(f"{one:,.0f}" for one in speeds)
            print(
                f"throughput, {name}: {statistics.median(speeds):,.0f} real targets a CPU second ({each})", flush=True
            )
    if found["RecTools"]:
        theirs = statistics.median(found["RecTools"])
        times = {name: statistics.median(found[name]) / theirs for name in ("auto", "float32")}
        print(", ".join(f"{name} {value:.2f} x RecTools" for name, value in times.items()), "(aim >= 2)", flush=True)


def seconds_of_epochs(split: Split, precision: Precision) -> float:
    """CPU seconds of two epochs: of three less those of one, after one that is not counted."""
    batch = SEQUENCES * EQUAL["length"]
    model = SequenceTransformer(**EQUAL, loss="softmax", dropout=0.2, batch=batch, epochs=1, precision=precision)
    model.fit(split.train)
    seconds = []
    for model.epochs in (1, 3):
        began = time.process_time()
        model.fit(split.train)
        seconds.append(time.process_time() - began)
    return seconds[1] - seconds[0]


def quality(split: Split, folder: Path, peer: Path | None, seeds: int, peer_seeds: int) -> None:
    rows = [measured(made, split, made.name, 0) for made in (ItemTransitions(), transitions_and_ease())]
    for recipe in RECIPES:
        for seed in range(seeds):
            model = SequenceTransformer(**recipe, seed=seed)
            rows.append(measured(model, split, f"avrec transformer, {model.epochs} epochs", model.epochs))
        print(line_of(rows[-seeds:]), flush=True)
    if peer is not None:
        for seed in range(peer_seeds):
            for said in rectools(peer, folder, PEER_EPOCHS, seed):
                lists = pl.read_csv(folder / f"ranked-{said['epochs']}.csv", schema_overrides=RANKED)
                value = ndcg(lists.with_columns(query_id="user_id"), split)
                rows.append(said | {"model": f"RecTools SASRec, {said['epochs']} epochs", "ndcg": value})
        for epochs in PEER_EPOCHS:
            print(line_of([row for row in rows if row["model"] == f"RecTools SASRec, {epochs} epochs"]), flush=True)
    columns = ["model", "epochs", "seconds", "ndcg"]
    draw(pl.DataFrame(rows).select(columns))


def measured(model, split: Split, name: str, epochs: int) -> dict:
    began = time.process_time()
    model.fit(split.train)
    seconds = time.process_time() - began
    ranked = model.recommend(split.queries, 10, exclude_seen=split.exclude_seen, seen=split.seen)
    return {"model": name, "epochs": epochs, "seconds": seconds, "ndcg": ndcg(ranked, split)}


def ndcg(ranked: pl.DataFrame, split: Split) -> float:
    asked = split.queries.select("query_id", "user_id")
    lists = ranked.drop("query_id").join(asked, on="user_id").select("query_id", "user_id", "item_id", "rank", "score")
    return ranking_values(lists, split.truth, split.queries, model="", k=[10], metrics=["ndcg"])["value"].mean()


def line_of(rows: list[dict]) -> str:
    values, seconds = [row["ndcg"] for row in rows], [row["seconds"] for row in rows]
    each = ", ".join(f"{value:.4f}" for value in values)
    return f"{rows[0]['model']}: NDCG@10 {statistics.mean(values):.4f} ({each}), {statistics.mean(seconds):.1f} CPU s"


def draw(rows: pl.DataFrame) -> None:
    """Mean NDCG@10 of the seeds against mean CPU seconds, both axes told, a point a length of training."""
    import plotly.graph_objects as go

    means = rows.group_by("model", "epochs", maintain_order=True).mean().sort("seconds")
    figure = go.Figure()
    for family, symbol in (("avrec transformer", "circle"), ("RecTools SASRec", "square")):
        own = means.filter(pl.col("model").str.starts_with(family))
        if own.height:
            figure.add_scatter(
                x=own["seconds"], y=own["ndcg"], mode="lines+markers+text", name=family,
                marker={"symbol": symbol, "size": 10},
                text=[f"{epochs} epochs" for epochs in own["epochs"]], textposition="top left",
            )  # fmt: skip
    for row in means.filter(pl.col("epochs") == 0).iter_rows(named=True):
        figure.add_hline(row["ndcg"], line_dash="dot", annotation_text=f"{row['model']}, {row['seconds']:.1f} s")
    figure.update_layout(
        title="MovieLens-100K, last choice of each user, file order: NDCG@10 against CPU seconds (one thread)",
        xaxis={"title": "CPU seconds", "type": "log"}, yaxis={"title": "NDCG@10, mean over seeds"},
        template="plotly_white",
    )  # fmt: skip
    file = reports_folder() / "benchmarks" / "sequences.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(file, include_plotlyjs=True)
    print(f"plot: {file}")


if __name__ == "__main__":
    sys.exit(main())
