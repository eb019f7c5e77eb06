"""Write `tests/evaluate/off_policy/obp_numbers.json`: obp's estimates of the logs of `obp_arrays.py` beside it.

    python tests/benchmarks/make_obp_numbers.py --peer /tmp/obp-env/bin/python

How obp's environment is made stands in `_obp_side.py`. Continuous integration has no obp: it reads the file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "evaluate" / "off_policy"))

import obp_arrays  # noqa: E402


def told_by_obp(peer: str, arrays: dict[str, np.ndarray], *options: str) -> dict[str, float]:
    """obp's numbers of these arrays."""
    with tempfile.TemporaryDirectory() as folder:
        for name, array in arrays.items():
            np.save(Path(folder) / f"{name}.npy", array)
        command = [peer, str(HERE / "_obp_side.py"), "numbers", folder, *options]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True, help="the interpreter of obp's environment")
    asked = parser.parse_args()
    options = [
        f"--clip={obp_arrays.CLIP}",
        f"--threshold={obp_arrays.THRESHOLD}",
        f"--shrinkage={obp_arrays.SHRINKAGE}",
    ]
    told = {
        "obp": "0.5.7",
        "rounds": told_by_obp(asked.peer, obp_arrays.rounds(), *options),
        "slates": told_by_obp(asked.peer, obp_arrays.slates(ragged=False)),
        "ragged slates": told_by_obp(asked.peer, obp_arrays.slates(ragged=True)),
    }
    path = HERE.parent / "evaluate" / "off_policy" / "obp_numbers.json"
    path.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    print(path.read_text("utf-8"))


if __name__ == "__main__":
    main()
