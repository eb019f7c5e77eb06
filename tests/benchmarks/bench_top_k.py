"""Exact top-10 of users × items factors, seen items dropped, against the bare product and the peers, on one thread.

    python tests/benchmarks/bench_top_k.py [--users 100_000] [--items 20_000] [--factors 64] [--seen 100] [--repeats 3]

Every contender runs in a fresh process, in turn, and is held against the bare product (numpy, one block used again)
that the same process takes right after. A contender that is not installed here is left out with the reason. A small
catalogue (943 × 1,682) follows, where one call is all there is to time. Aim: 2.2 times the product for the large one,
and a peak of memory that is some blocks above what was held.
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
RUNNER = Path(__file__).with_name("_top_k_contenders.py")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
TUNING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # would choose other kernels than the processor's own
NAMES = ("avrec", "implicit", "torch", "numpy")
Cost = dict[str, float]


def number(text: str) -> int:
    return int(text.replace("_", ""))


def measure(name: str, folder: Path, sizes: list[str]) -> Cost | str:
    """What one run cost, or the last line of its complaint."""
    environment = {key: value for key, value in os.environ.items() if key not in TUNING}
    environment |= ONE_THREAD | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(RUNNER), name, str(folder), *sizes]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    cost: Cost = json.loads(done.stdout.strip().splitlines()[-1])
    return cost


def agreement(folder: Path, name: str) -> str:
    """How the first users' answers compare with ours; products of two libraries differ in the last digits."""
    ours, theirs = np.load(folder / "avrec.npz"), np.load(folder / f"{name}.npz")
    apart = np.abs(ours["scores"] - theirs["scores"]).max()
    same = (ours["columns"] == theirs["columns"]).mean()
    scores = "equal" if apart < 1e-3 else f"DIFFERENT by {apart:.2g}"
    return f"scores {scores}, {same:.2%} of the items in the same place"


def race(sizes: list[str], names: list[str], repeats: int) -> None:
    """Run the contenders in turn, and print what they cost."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        measured: dict[str, list[Cost]] = {}
        for turn in range(repeats):
            for name in names if turn == 0 else list(measured):
                cost = measure(name, folder, sizes)
                if isinstance(cost, str):
                    print(f"{name} is left out: {cost}")
                    measured.pop(name, None)
                else:
                    measured.setdefault(name, []).append(cost)
        print(f"{'':>9}  CPU s min  median  product min  median  × product: median (of each run)   MiB held    peak")
        for name, costs in measured.items():
            ratios = [cost["cpu"] / cost["bare"] for cost in costs]
            cpu, bare = ([cost[part] for cost in costs] for part in ("cpu", "bare"))
            listed = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(
                f"{name:>9}  {min(cpu):9.3f}  {statistics.median(cpu):6.3f}  {min(bare):11.3f}  "
                f"{statistics.median(bare):6.3f}  {statistics.median(ratios):8.2f} ({listed})"
                f"  {max(cost['held'] for cost in costs):8.0f}  {max(cost['peak'] for cost in costs):6.0f}"
            )
        for name in measured:
            if name != "avrec" and "avrec" in measured:
                print(f"answers of {name}: {agreement(folder, name)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=number, default=100_000)
    parser.add_argument("--items", type=number, default=20_000)
    parser.add_argument("--factors", type=number, default=64)
    parser.add_argument("--seen", type=number, default=100, help="items a user has seen")
    parser.add_argument("--mebibytes", type=float, default=24, help="size of a block of scores")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    asked = parser.parse_args()
    for users, items in ((asked.users, asked.items), (943, 1_682)):
        sizes = [str(size) for size in (users, items, asked.factors, asked.seen, asked.mebibytes)]
        print(
            f"\nTop-10 of {users:,} × {items:,} × {asked.factors}, {asked.seen} seen items each dropped, "
            f"one thread, {asked.repeats} runs"
        )
        race(sizes, asked.only, asked.repeats)
    return 0


if __name__ == "__main__":
    sys.exit(main())
