"""Off-policy estimates against obp's: are they equal, how fast, and is MIPS as right as it is fast?

    python tests/benchmarks/bench_off_policy.py --peer /tmp/obp-env/bin/python

(a) eight estimators of the same 100,000 rounds: the largest difference (aim 1e-10); (b) seven estimators with 200
shared resamples on 1,000,000 rounds × 20 actions (aim ≥ 20 × faster than obp's intervals, ≤ 2 GiB); (c) MIPS with
estimated embeddings on obp's own synthetic logs of 100,000 rounds (aim ≥ 20 ×), and the relative errors over `--seeds`
logs. CPU seconds, one thread on either side, each in a process of its own that reads the same .npy files; reading
them is not timed. Ours includes checking the log and the policy. How obp's environment is made: `_obp_side.py`.
"""

from __future__ import annotations

import argparse
import os

if __name__ == "__main__":
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[name] = "1"
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.special  # noqa: F401  (obp's side has its libraries imported too when its clock starts)

from avrec_lib.evaluate.off_policy.embeddings import Embeddings, MarginalInversePropensity, marginal_weights
from avrec_lib.evaluate.off_policy.estimators import (
    DirectMethod,
    DoublyRobust,
    Estimator,
    Evidence,
    InversePropensity,
    SelfNormalised,
    SelfNormalisedDoublyRobust,
    ShrunkDoublyRobust,
    SwitchDoublyRobust,
    estimate,
    evidence_of,
)
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.intervals import estimates_table

HERE = Path(__file__).resolve()
CLIP, THRESHOLD, SHRINKAGE = 1.5, 1.5, 2.0
ESTIMATORS: list[Estimator] = [
    InversePropensity(), SelfNormalised(), DirectMethod(), DoublyRobust(), SelfNormalisedDoublyRobust(),
    SwitchDoublyRobust(THRESHOLD), ShrunkDoublyRobust(SHRINKAGE),
]  # fmt: skip


def write_log(folder: Path, rounds: int, actions: int, seed: int = 0) -> None:
    """A log of a softmax policy, another that is asked about, and a reward model that is a little wrong."""
    rng = np.random.default_rng(seed)

    def softmax(scores: np.ndarray) -> np.ndarray:
        odds = np.exp(scores)
        return odds / odds.sum(axis=1, keepdims=True)

    tastes = rng.normal(size=(rounds, 4)) @ rng.normal(size=(4, actions)) / 2
    logging = softmax(tastes / 2)
    action = (rng.random((rounds, 1)) > np.cumsum(logging, axis=1)).sum(axis=1).clip(max=actions - 1)
    expected = 1 / (1 + np.exp(1.5 - tastes))
    at = np.arange(rounds)
    for name, array in {
        "action": action, "propensity": logging[at, action], "target": softmax(tastes),
        "reward": (rng.random(rounds) < expected[at, action]).astype(float),
        "predicted": np.clip(expected + rng.normal(0, 0.1, expected.shape), 0, 1),
    }.items():  # fmt: skip
        np.save(folder / f"{name}.npy", array)


def evidence_in(arrays: dict[str, np.ndarray]) -> Evidence:
    count = arrays["target"].shape[1]
    log = LoggedFeedback(arrays["action"], arrays["reward"], arrays["propensity"], np.arange(count))
    return evidence_of(log, TargetPolicy.of("target", log, arrays["target"]), arrays["predicted"])


def our_time(folder: Path, resamples: int) -> dict[str, float]:
    """CPU seconds of checks, estimates and intervals, and the most memory of this process in MiB."""
    arrays = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    started = time.process_time()
    evidence = evidence_in(arrays)
    ready = time.process_time()
    estimates_table(ESTIMATORS, evidence, resamples=resamples)
    done = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": done - started, "evidence": ready - started, "MiB": peak}


def our_mips(folder: Path) -> dict[str, float]:
    """Estimates with counted embeddings and with the true ones, plain and self-normalised, and IPS; CPU seconds."""
    arrays = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    actions, logging = arrays["action"], arrays["logging"]
    started = time.process_time()
    log = LoggedFeedback(
        actions, arrays["reward"], logging[np.arange(len(actions)), actions], np.arange(logging.shape[1]), logging
    )
    target = TargetPolicy.of("target", log, arrays["target"])
    weights = marginal_weights(log, target, Embeddings.counted(log, arrays["codes"]))
    evidence = Evidence(weights, log.rewards)
    value = estimate(MarginalInversePropensity(weights), evidence)
    taken = time.process_time() - started
    true = Embeddings(arrays["codes"], tuple(np.moveaxis(arrays["likelihoods"], 2, 0)))
    given = estimate(MarginalInversePropensity(marginal_weights(log, target, true)), evidence)
    return {
        "seconds": taken, "MIPS": value, "MIPS, given": given,
        "SNMIPS": estimate(MarginalInversePropensity(weights, self_normalised=True), evidence),
        "IPS": estimate(InversePropensity(), evidence_of(log, target)),
    }  # fmt: skip


def told(command: list[str], *options: object) -> dict[str, float]:
    answer = subprocess.run([*command, *map(str, options)], capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(answer.stderr)
    return json.loads(answer.stdout.splitlines()[-1])


def compare_values(peer: list[str], rounds: int, actions: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_log(folder, rounds, actions)
        theirs = told(peer, "numbers", folder, f"--clip={CLIP}", f"--threshold={THRESHOLD}", f"--shrinkage={SHRINKAGE}")
        evidence = evidence_in({path.stem: np.load(path) for path in folder.glob("*.npy")})
    print(f"(a) {rounds:,} rounds × {actions} actions: ours, obp's, difference")
    differences = []
    for estimator in [*ESTIMATORS, InversePropensity(CLIP)]:
        own = estimate(estimator, evidence)
        differences.append(abs(own - theirs[estimator.name]))
        print(f"    {estimator.name:12} {own:.12f} {theirs[estimator.name]:.12f} {differences[-1]:.1e}")
    print(f"    largest difference {max(differences):.1e} (aim 1e-10)")


def compare_times(peer: list[str], rounds: int, actions: int, resamples: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_log(Path(folder), rounds, actions)
        ours = [
            told([sys.executable, str(HERE)], "--ours", "time", "--folder", folder, "--resamples", resamples)
            for _ in range(repeats)
        ]
        theirs = told(peer, "time", folder, f"--resamples={resamples}")
    runs = [one["seconds"] for one in ours]
    own, their = statistics.median(runs), sum(theirs.values())
    print(f"(b) {rounds:,} rounds × {actions} actions, seven estimators, {resamples} resamples, CPU seconds")
    print("    obp  " + "  ".join(f"{name} {taken:.2f}" for name, taken in theirs.items()) + f"  = {their:.2f}")
    checks, peak = statistics.median(one["evidence"] for one in ours), max(one["MiB"] for one in ours)
    print(f"    ours {own:.2f} ({', '.join(f'{run:.2f}' for run in runs)}), of it evidence and checks {checks:.2f}; "
          f"peak {peak:,.0f} MiB")  # fmt: skip
    print(f"    {their / own:.1f} × faster (aim 20)")


def compare_mips(peer: list[str], rounds: int, actions: int, seeds: int) -> None:
    errors: dict[str, list[float]] = {}
    seconds: list[tuple[float, float]] = []
    furthest = 0.0
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            theirs = told(peer, "mips", folder, f"--rounds={rounds}", f"--actions={actions}", f"--seed={seed}")
            ours = told([sys.executable, str(HERE)], "--ours", "mips", "--folder", folder)
        seconds.append((theirs["seconds"], ours["seconds"]))
        furthest = max(furthest, abs(theirs["MIPS, given"] - ours["MIPS, given"]))
        for name, value in {"obp MIPS": theirs["MIPS"], **ours}.items():
            if name != "seconds":
                errors.setdefault(name, []).append(value / theirs["truth"] - 1)
    their, own = np.median(seconds, axis=0)
    print(f"(c) MIPS, {rounds:,} rounds × {actions} actions, {seeds} of obp's synthetic logs")
    print(f"    obp {their:.2f} s, ours {own:.3f} s (medians): {their / own:.0f} × faster (aim 20)")
    print(f"    with the true embeddings both differ by at most {furthest:.1e}")
    for name, one in errors.items():
        error = np.abs(one)
        print(f"    relative error {name:12} mean {error.mean():.4f}  largest {error.max():.4f}  "
              f"bias {np.mean(one):+.4f} ± {1.96 * np.std(one, ddof=1) / np.sqrt(seeds):.4f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="the interpreter of obp's environment")
    parser.add_argument("--parts", default="abc")
    for name, default in (("rounds", 1_000_000), ("actions", 20), ("resamples", 200), ("repeats", 3), ("seeds", 20)):
        parser.add_argument(f"--{name}", type=lambda text: int(text.replace("_", "")), default=default)
    parser.add_argument("--ours", choices=("time", "mips"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ours:
        print(json.dumps(our_mips(asked.folder) if asked.ours == "mips" else our_time(asked.folder, asked.resamples)))
        return
    if not asked.peer:
        parser.error("--peer is the interpreter of obp's environment, see _obp_side.py")
    peer = [asked.peer, str(HERE.parent / "_obp_side.py")]
    tenth = max(asked.rounds // 10, 2)
    if "a" in asked.parts:
        compare_values(peer, tenth, asked.actions)
    if "b" in asked.parts:
        compare_times(peer, asked.rounds, asked.actions, asked.resamples, asked.repeats)
    if "c" in asked.parts:
        compare_mips(peer, tenth, asked.actions, asked.seeds)


if __name__ == "__main__":
    main()
