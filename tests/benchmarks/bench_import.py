"""Importing a large CSV against the least that can be done with it: a bare Polars scan into Parquet.

    python tests/benchmarks/bench_import.py --rows 10_000_000

The file is made here, seeded, in a temporary folder: five columns, times in milliseconds, some lines broken, some rows
unusable, some repeated. Both sides run in fresh processes, one after the other in turn. Aim: three times, 4 GiB.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parent.parent.parent
CHUNK = 1_000_000
BARE = "import sys, polars as pl; pl.scan_csv(sys.argv[1]).sink_parquet(sys.argv[2])"
IMPORT = (
    "import sys; from pathlib import Path; from avrec_lib.imports.importers import import_log; "
    "done = import_log(Path(sys.argv[1]), 'bench', replace=True); "
    "print(done.rows, done.dataset.card.counts['events'], done.rejected)"
)


def make_log(path: Path, rows: int, times: str, quoted: bool, seed: int = 0) -> None:
    """Write about `rows` events to `path`, a thousandth of them unusable and half a hundredth repeated."""
    rng = np.random.default_rng(seed)
    start = 1_600_000_000_000
    with path.open("wb") as file:
        file.write(b"uid,vid,ts,action,watch_ms\n")
        for done in range(0, rows, CHUNK):
            count = min(CHUNK, rows - done)
            frame = pl.DataFrame(
                {
                    "uid": rng.zipf(1.3, count) % 200_000,
                    "vid": rng.zipf(1.2, count) % 50_000,
                    "ts": start + (done + np.arange(count)) * 700 + rng.integers(0, 700, count),
                    "action": rng.choice(np.array(["view", "click", "fav", "skip"]), count),
                    "watch_ms": rng.integers(0, 300_000, count),
                }
            )
            bad = pl.Series(rng.random(count) < 0.001)
            frame = frame.with_columns(watch_ms=pl.when(bad).then(-1).otherwise("watch_ms"))
            if times == "iso":
                frame = frame.with_columns(pl.col("ts").cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
            style = "non_numeric" if quoted else "necessary"
            frame.write_csv(file, include_header=False, quote_style=style)
            frame[: count // 200].write_csv(file, include_header=False, quote_style=style)


def spoil(path: Path) -> None:
    """Add lines that are no rows: too short, too long, a stray quote."""
    with path.open("ab") as file:
        file.write(b'7,9\n7,9,1600000000000,view,12,13,14\n7,"9,1600000000000,view,12\n7,9,soon,view,12\n')


def run(code: str, *arguments: str) -> tuple[float, float, float, str]:
    """Wall seconds, CPU seconds and peak memory (MiB) of a fresh process, and what it printed."""
    command = [sys.executable, "-c", code, *arguments]
    started = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[2][:60]}… ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--times", choices=["epoch", "iso"], default="epoch")
    parser.add_argument("--quoted", action="store_true", help="text in quotes, as R and many databases write it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clean, log = Path(folder, "clean.csv"), Path(folder, "log.csv")
        make_log(clean, asked.rows, asked.times, asked.quoted)
        shutil.copy(clean, log)
        spoil(log)  # the bare scan would stop at these four lines
        os.environ["AVREC_HOME"] = folder
        print(
            f"{asked.rows:,} rows, {log.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} cores, polars {pl.__version__}"
        )
        sides = {"bare": (BARE, str(clean), str(Path(folder, "bare.parquet"))), "import": (IMPORT, str(log))}
        measured: dict[str, list[tuple[float, float, float, str]]] = {side: [] for side in sides}
        for _ in range(asked.repeats):
            for side, call in sides.items():
                wall, cpu, peak, output = run(*call)
                measured[side].append((wall, cpu, peak, output))
                print(f"{side:>7}  wall {wall:6.2f} s  CPU {cpu:6.2f} s  peak {peak:6.0f} MiB  {output}", flush=True)
        for place, what in enumerate(("wall", "CPU")):
            bare, ours = (statistics.median(one[place] for one in measured[side]) for side in sides)
            print(f"{what}: {ours:.2f} s against {bare:.2f} s, ratio {ours / bare:.2f}")


if __name__ == "__main__":
    main()
