"""What pip would install, and how much of it would have to be fetched. Runs on a bare Python."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avrec_lib.errors import AvrecError
from avrec_lib.strings import say

CPU_BUILDS = "https://download.pytorch.org/whl/cpu/torch/"
CUDA_NAMES = re.compile(r"nvidia-|cuda-|triton")


@dataclass(frozen=True)
class Package:
    """What pip would install: one version of a distribution and the address of its file."""

    name: str
    version: str
    url: str
    sha256: str = ""


def requirements(project: dict[str, Any], extras: Sequence[str] = ()) -> list[str]:
    """What `pyproject.toml` asks for: to build, to run, and for each of `extras`."""
    table = project["project"]
    asked = [*project["build-system"]["requires"], *table["dependencies"]]
    return asked + [entry for extra in extras for entry in table["optional-dependencies"][extra]]


def pinned(lock: str) -> dict[str, str]:
    """Name (lower case, dashes) -> version of every `name==version` line of a lock file."""
    lines = (line.split("#")[0].strip() for line in lock.splitlines())
    pairs = (line.split("==") for line in lines if "==" in line)
    return {normal(name): version for name, version in pairs}


def normal(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def planned(report: dict[str, Any]) -> list[Package]:
    """The packages in a `pip install --report`, in its order."""
    entries = [(entry["metadata"], entry["download_info"]) for entry in report["install"]]
    return [
        Package(m["name"], m["version"], d["url"], d.get("archive_info", {}).get("hashes", {}).get("sha256", ""))
        for m, d in entries
    ]


def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver is loaded and lists a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        answer = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and "GPU" in answer.stdout


def cpu_builds(version: str, page: str = CPU_BUILDS, seconds: float = 5.0) -> list[str]:
    """The pip options that offer torch's CPU builds, or none when `page` cannot be reached or lacks `version`."""
    try:
        with urllib.request.urlopen(page, timeout=seconds) as answer:
            listed = answer.read().decode("utf-8", "replace")
    except (OSError, ValueError):
        return []
    return ["--find-links", page] if re.search(rf"torch-{re.escape(version)}(%2B|\+)cpu", listed) else []


def pip(python: Path) -> list[str]:
    """The start of a `pip install` command for the environment of `python`; it asks nothing."""
    return [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]


def resolve(python: Path, wanted: Sequence[str], pins: dict[str, str], options: Sequence[str] = ()) -> list[Package]:
    """What pip would newly install for `wanted` under `pins`; raises AvrecError with pip's reason when it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        constraints, report = Path(folder, "constraints.txt"), Path(folder, "report.json")
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), "utf-8")
        command = [*pip(python), "--dry-run", "-q", "--retries", "2", "--report", str(report), "-c", str(constraints)]
        answer = subprocess.run([*command, *options, *wanted], capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise AvrecError(
                "pip cannot find what avrec needs: {reason}.",
                hint="Check the network, or the package index that pip is set to use (pip config list).",
                reason=pip_reason(answer.stderr),
            )
        return planned(json.loads(report.read_text("utf-8")))


def pip_reason(output: str) -> str:
    """Why pip failed: that no index answered, else the last error it printed, without `ERROR:` and full stop."""
    if "connection broken by" in output:  # what pip says next, that versions conflict, is only what follows from it
        return say("the package index cannot be reached")
    lines = [line.removeprefix("ERROR:").strip() for line in output.splitlines() if line.startswith("ERROR:")]
    told = [line for line in lines if not line.startswith("ResolutionImpossible")]
    return (told or output.strip().splitlines() or ["?"])[-1].rstrip(".")


def file_size(url: str, seconds: float = 5.0) -> int | None:
    """Bytes behind a file:// or http(s):// address, asked for without fetching it; None when nobody says."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds) as answer:
            return int(answer.headers["Content-Length"])
    except (OSError, ValueError, TypeError):
        return None


def announce(plan: Sequence[Package], sizes: Sequence[int | None], gpu: bool) -> list[str]:
    """The sentences said before anything is fetched: how many packages, how much to download, which torch."""
    here = sum(size or 0 for package, size in zip(plan, sizes, strict=True) if package.url.startswith("file:"))
    coming = sum(size or 0 for size in sizes) - here
    unknown = sum(size is None for size in sizes)
    lines = [say("{n} packages to install, at most {size} to download.", n=len(plan), size=megabytes(coming))]
    lines[0] += say(" The size of {n} more is not known.", n=unknown) if unknown else ""
    lines[0] += say(" {size} lie on this disk already.", size=megabytes(here)) if here else ""
    cuda = [size or 0 for p, size in zip(plan, sizes, strict=True) if CUDA_NAMES.match(normal(p.name))]
    torch = [(p, size or 0) for p, size in zip(plan, sizes, strict=True) if p.name == "torch"]
    for package, size in torch:
        if not cuda:
            sentence = say("torch {version} is the CPU build: {size}.")
        elif gpu:
            sentence = say("torch {version} comes with CUDA for the GPU here: {size} of it.")
        else:
            sentence = say("No NVIDIA GPU here, but only the CUDA build of torch {version} can be had: {size} of it.")
        lines.append(sentence.format(version=package.version, size=megabytes(size + sum(cuda))))
    return lines


def megabytes(size: int) -> str:
    """Bytes to read: `0.4 MB`, `12 MB`, `2.1 GB`."""
    millions = size / 1e6
    return f"{millions / 1e3:.1f} GB" if millions >= 1000 else f"{millions:.{0 if millions >= 10 else 1}f} MB"
