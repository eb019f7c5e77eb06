"""What a simulated platform costs: a log on disk, an event, a small world; and the shapes of the default worlds.

    python tests/benchmarks/bench_simulate.py --users 1_000 10_000 100_000 --days 30

CPU seconds of the whole process (Polars writes with its threads), wall seconds, cost an event, and peak memory; each
size in a process of its own. Aims: 100,000 users × 30 days in 5 minutes and 4 GiB on 2 cores, the cost of an event no
higher in a large log than at 1,000 users, a small world below 0.3 CPU s.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measured(users: int, days: int, kind: str, dataset: bool) -> dict[str, float]:
    """One run in this process: into day parts, or with `dataset` into a checked and described folder."""
    from avrec_lib.simulate.dataset import simulate_dataset
    from avrec_lib.simulate.decisions import LOGGING
    from avrec_lib.simulate.log import write_log
    from avrec_lib.simulate.run import begin
    from avrec_lib.simulate.world import make_world

    wall, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["AVREC_HOME"] = scratch
        if dataset:
            events = simulate_dataset(Path(scratch) / "log", kind, users, days).card.counts["events"]
        else:
            import polars as pl

            parts = write_log(begin(make_world(kind), LOGGING, users, days), days, Path(scratch))
            events = pl.scan_parquet(parts).select(pl.len()).collect().item()
    return {
        "events": events,
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_its_own_process(*asked: object) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", json.dumps(asked)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def small_worlds(count: int) -> float:
    """CPU seconds of a world of 400 users and 5 days: catalogue, people, run and arrays."""
    import numpy as np

    from avrec_lib.simulate.decisions import LOGGING
    from avrec_lib.simulate.options import options_of, varied
    from avrec_lib.simulate.run import run
    from avrec_lib.simulate.world import World

    rng = np.random.default_rng(0)
    start = time.process_time()
    for seed in range(count):
        run(World(varied(options_of("video"), rng), seed), LOGGING, 400, 5, seed, keep_candidates=True)
    return (time.process_time() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=lambda text: int(text.replace("_", "")), nargs="*", default=[1000, 10_000])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--kind", default="video")
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(*json.loads(asked.one))))
        return
    print(f"a small world, 400 users × 5 days, with candidates kept: {small_worlds(asked.worlds):.3f} CPU s (aim 0.3)")
    for dataset in (False, True):
        print("as a data set, checked and described" if dataset else "simulated and written, a part a day")
        for users in asked.users:
            found = in_its_own_process(users, asked.days, asked.kind, dataset)
            print(
                f"  {users:>8,} users × {asked.days} days: {found['events']:>12,} events, {found['cpu']:7.1f} CPU s, "
                f"{found['wall']:7.1f} s, {found['cpu'] / found['events'] * 1e6:5.2f} µs an event, "
                f"peak {found['peak_mb']:,.0f} MiB"
            )


if __name__ == "__main__":
    main()
