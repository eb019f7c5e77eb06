"""Five accuracy metrics of 100,000 users × top-100 against the peers, value by value, on one thread.

    python tests/benchmarks/bench_ranking.py [--users 100_000] [--depth 100] [--repeats 3] [--only avrec rectools]

NDCG, recall, hit rate, MRR and MAP @10. Every contender runs in a fresh process of its own Python, in turn, and is
warmed up on 500 users, so that neither imports nor compilation count. Peers that do not fit into our environment live
in one each, PEERS/NAME, made on demand: PEERS is the variable AVREC_PEERS, else ~/.cache/avrec/peers. A peer that
cannot be installed is left out with the reason. Aim: 5 times faster than RecTools and 20 times faster than ranx with
their conversion, within 1 GiB above the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
RUNNER = Path(__file__).with_name("_ranking_contenders.py")
PEERS = {
    "rectools": ["rectools==0.19.0", "polars"],
    "ranx": ["ranx==0.3.21", "polars"],
    "pytrec_eval": ["pytrec-eval-terrier==0.5.11", "polars"],
    "implicit": ["implicit==0.7.3", "polars"],
}
OURS = ("avrec", "avrec, long ids")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL", "NUMBA", "RAYON", "NUMEXPR")} | {
    "POLARS_MAX_THREADS": "1"
}
AIMS = {"rectools": 5, "ranx": 20}
Cost = dict[str, float]


def make_data(folder: Path, users: int, depth: int, items: int = 19_997, seed: int = 0) -> None:
    """Lists of different items (walks of random step over a prime number of them), about ten chosen items a user."""
    rng = np.random.default_rng(seed)
    start, step = rng.integers(0, items, (users, 1)), rng.integers(1, items, (users, 1))
    lists = (start + step * np.arange(depth)) % items
    chosen = rng.integers(0, items, (users, 10))
    chosen = np.where(rng.random(chosen.shape) < 0.1, lists[:, :10], chosen)
    pairs = np.unique(np.arange(users)[:, None] * items + chosen)
    pairs = pairs[np.lexsort((rng.random(len(pairs)), pairs // items))]  # a user's items in no order
    np.save(folder / "items.npy", lists.astype(np.int32))
    np.save(folder / "truth.npy", np.stack(np.divmod(pairs, items)))


def peer_python(name: str) -> Path | str:
    """The Python of a peer's environment, made when it is missing; else why there is none."""
    home = Path(os.environ.get("AVREC_PEERS") or Path.home() / ".cache" / "avrec" / "peers") / name
    python, ready = home / "bin" / "python", home / ".ready"
    if ready.exists():
        return python
    print(f"installing {name} into {home} …", flush=True)
    for command in (
        [sys.executable, "-m", "venv", str(home)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS[name]],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            return said[-1] if said else f"{command[2]} ended with {done.returncode}"
    ready.touch()
    return python


def measure(python: Path, name: str, folder: Path) -> Cost | str:
    """What one run cost, or the last line of its complaint."""
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT) if name in OURS else ""}
    done = subprocess.run(
        [str(python), str(RUNNER), name, str(folder)], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    cost: Cost = json.loads(done.stdout.strip().splitlines()[-1])
    return cost


def agreement(folder: Path, name: str) -> str:
    """How far the values of a contender lie from ours, and in how many of its metrics we can say so."""
    ours, theirs = np.load(folder / "avrec.npz"), np.load(folder / f"{name}.npz")
    apart = {
        metric: abs(float(theirs[metric]) - ours[metric].mean())
        if theirs[metric].ndim == 0
        else np.abs(theirs[metric] - ours[metric]).max()
        for metric in theirs.files
        if metric in ours.files
    }
    if not apart:
        return "nothing to compare"
    worst = max(apart, key=lambda metric: apart[metric])
    said = "equal" if apart[worst] < 1e-6 else f"DIFFERENT by {apart[worst]:.2g} in {worst}"
    return f"{said} ({', '.join(sorted(apart))})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=lambda text: int(text.replace("_", "")), default=100_000)
    parser.add_argument("--depth", type=int, default=100, help="length of the lists; 10: cut for everyone beforehand")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[*OURS, *PEERS], default=[*OURS, *PEERS])
    asked = parser.parse_args()
    pythons: dict[str, Path] = {}
    for name in asked.only:
        python = Path(sys.executable) if name in OURS else peer_python(name)
        if isinstance(python, str):
            print(f"{name} is left out: {python}")
        else:
            pythons[name] = python
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_data(folder, asked.users, asked.depth)
        measured: dict[str, list[Cost]] = {name: [] for name in pythons}
        for _ in range(asked.repeats):
            for name, python in pythons.items():
                cost = measure(python, name, folder)
                if isinstance(cost, str):
                    print(f"{name} failed: {cost}")
                    return 1
                measured[name].append(cost)
        print(f"\n{asked.users:,} users × top-{asked.depth}, five metrics @10, one thread, {asked.repeats} runs, CPU s")
        print(f"{'':>16}  conversion  evaluation  total min  total median  MiB held  MiB peak  ratio of medians")
        totals = {name: [cost["conversion"] + cost["evaluation"] for cost in costs] for name, costs in measured.items()}
        for name, costs in measured.items():
            middle = {part: statistics.median(cost[part] for cost in costs) for part in costs[0]}
            total = statistics.median(totals[name])
            ratio = total / statistics.median(totals["avrec"]) if "avrec" in totals else np.nan
            note = f" (aim {AIMS[name]})" if name in AIMS else ""
            note += f" of it {middle['ids']:.2f} s for ids" if "ids" in middle else ""
            print(
                f"{name:>16}  {middle['conversion']:10.3f}  {middle['evaluation']:10.3f}  {min(totals[name]):9.3f}"
                f"  {total:12.3f}  {middle['held']:8.0f}  {middle['peak']:8.0f}  {ratio:6.1f}{note}"
            )
        if "avrec" in pythons:
            for name in pythons:
                if name != "avrec":
                    print(f"values of {name}: {agreement(folder, name)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
