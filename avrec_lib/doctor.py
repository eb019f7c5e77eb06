"""What this machine has, what it lacks, and what each lack would cost."""

from __future__ import annotations

import importlib.metadata as metadata
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from avrec_lib.packages import has_nvidia_gpu, megabytes
from avrec_lib.paths import data_folder, reports_folder
from avrec_lib.reachable import Check, data_hosts, package_index
from avrec_lib.strings import say

TOGETHER = ("jupyterlab", "jupyter_server", "ipykernel", "ipywidgets", "jupyterlab_widgets", "plotly")
COMFORTABLE_MEMORY = 4 * 1024  # MiB: MovieLens-25M needs about 3 GiB
COMFORTABLE_DISK = 5e9  # bytes: the largest named data set with its archive
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def examine() -> list[Check]:
    """Look at everything, the slow answers (network, tools) side by side; in the order to show them."""
    looks: list[Callable[[], Check | list[Check]]] = [
        python, packages, development, together, processors, memory, disk, gpu, ffmpeg, fonts, chromium,
        lambda: writable("data/", data_folder()), lambda: writable("reports/", reports_folder()),
        package_index, data_hosts,
    ]  # fmt: skip
    with ThreadPoolExecutor(len(looks)) as pool:
        answers = [pool.submit(look) for look in looks]
        return [check for answer in answers for check in _as_list(answer.result())]


def _as_list(found: Check | list[Check]) -> list[Check]:
    return found if isinstance(found, list) else [found]


def python() -> Check:
    """The Python that runs avrec, against what avrec declares."""
    here = ".".join(map(str, sys.version_info[:3]))
    wanted = metadata.metadata("avrec")["Requires-Python"]
    if SpecifierSet(wanted).contains(here):
        return Check("Python", "ok", f"{here} ({sys.prefix})")
    cost = say("avrec needs Python {wanted}.", wanted=wanted)
    return Check("Python", "broken", here, cost, "make setup PYTHON=python3.12")


def packages() -> Check:
    """What avrec needs to run, against what is installed."""
    wanted = [entry for entry in _requirements("avrec") if _applies(entry)]
    wrong = list(unmet(wanted))
    if not wrong:
        return Check(say("Packages"), "ok", say("all {n} that avrec asks for", n=len(wanted)))
    return Check(say("Packages"), "broken", "; ".join(wrong), say("what uses them stops with an error."), "make setup")


def development() -> Check:
    """The tools for developing avrec itself."""
    wanted = [entry for entry in _requirements("avrec") if not _applies(entry) and _applies(entry, "dev")]
    wrong = list(unmet(wanted))
    name = say("Development tools")
    if not wrong:
        return Check(name, "ok", " · ".join(f"{entry.name} {installed(entry.name)}" for entry in wanted))
    return Check(name, "missing", "; ".join(wrong), say("make test and make lint cannot run."), "make setup")


def together() -> Check:
    """Server, kernel, widgets and plotly: each within the range that the others declare."""
    here = [f"{name} {installed(name) or '–'}" for name in TOGETHER]
    entries = [entry for name in TOGETHER for entry in _requirements(name) if _applies(entry)]
    wrong = list(unmet(entries))
    name = say("Versions that must agree")
    if not wrong:
        return Check(name, "ok", " · ".join(here))
    cost = say("widgets and figures may stay blank in JupyterLab; reports are unaffected.")
    return Check(name, "differs", "; ".join([*here, *wrong]), cost, "make setup")


def unmet(wanted: list[Requirement]) -> Iterator[str]:
    """A sentence for each requirement that is not installed or lies outside its range."""
    for entry in wanted:
        version = installed(entry.name)
        if version is None:
            yield say("{name} is not installed", name=entry.name)
        elif not entry.specifier.contains(version, prereleases=True):
            yield say(
                "{name} is {version}, but {wanted} is needed", name=entry.name, version=version, wanted=entry.specifier
            )


def installed(name: str) -> str | None:
    """The installed version of a distribution, None without one."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requirements(name: str) -> list[Requirement]:
    try:
        return [Requirement(line) for line in metadata.requires(name) or []]
    except metadata.PackageNotFoundError:
        return [Requirement(name)]


def _applies(entry: Requirement, extra: str = "") -> bool:
    return entry.marker is None or entry.marker.evaluate({"extra": extra})


def processors() -> Check:
    """The processors that this process may use."""
    from avrec_lib.runs.kernel import cores

    return Check(say("Processors"), "ok", str(cores()))


def memory() -> Check:
    """The machine's memory, or its container's when that is less."""
    from avrec_lib.runs.kernel import memory_limit

    found = f"{memory_limit() / 1024:.1f} GiB"
    if memory_limit() >= COMFORTABLE_MEMORY:
        return Check(say("Memory"), "ok", found)
    cost = say("runs on data sets of millions of events may be killed; MovieLens-100K runs in 1 GiB.")
    return Check(say("Memory"), "missing", found, cost, say("a larger machine, or --profile smoke"))


def disk() -> Check:
    """The space left where data sets and reports go."""
    free = shutil.disk_usage(_existing(data_folder())).free
    found = say("{size} free for {folder}", size=megabytes(free), folder=data_folder())
    if free >= COMFORTABLE_DISK:
        return Check(say("Disk"), "ok", found)
    cost = say("the larger data sets may not fit.")
    return Check(say("Disk"), "missing", found, cost, say("make room, or set AVREC_HOME to another disk"))


def gpu() -> Check:
    """An NVIDIA GPU, and whether torch can use it. torch is imported only where there is one."""
    if not has_nvidia_gpu():
        cost = say("neural models train on the processors, slower; nothing is refused.")
        return Check("GPU", "missing", say("no NVIDIA GPU"), cost)
    import torch

    if torch.cuda.is_available():
        return Check("GPU", "ok", torch.cuda.get_device_name(0))
    cost = say("there is a GPU, but torch {version} cannot use it: models train on the processors.").format(
        version=installed("torch")
    )
    return Check("GPU", "differs", say("torch without CUDA"), cost, "make clean-all setup")


def ffmpeg() -> Check:
    """The tool that cuts and converts media."""
    cost = say("clips cannot be cut or converted; logs, models and reports are unaffected.")
    return _tool("ffmpeg", ("ffmpeg",), cost, "apt-get install ffmpeg · brew install ffmpeg")


def chromium() -> Check:
    """The browser that draws reports in tests."""
    cost = say("browser tests are skipped; reports are unaffected.")
    return _tool("Chromium", CHROMIUMS, cost, "apt-get install chromium · brew install --cask chromium")


def _tool(name: str, commands: tuple[str, ...], cost: str, remedy: str) -> Check:
    found = next(filter(None, map(shutil.which, commands)), None)
    return Check(name, "ok", found) if found else Check(name, "missing", say("not found"), cost, remedy)


def fonts() -> Check:
    """A font with Chinese characters, as fontconfig knows it."""
    name = say("Chinese fonts")
    lister = shutil.which("fc-list")
    if lister is None and sys.platform in ("darwin", "win32"):
        return Check(name, "ok", say("those of the system"))
    answer = ""
    if lister:
        answer = subprocess.run(
            [lister, ":lang=zh", "family"], capture_output=True, text=True, check=False, timeout=10
        ).stdout
    families = sorted({line.split(",")[0] for line in answer.splitlines() if line.strip()})
    if families:
        return Check(name, "ok", families[0] + (f" (+{len(families) - 1})" if len(families) > 1 else ""))
    cost = say("Chromium on this machine draws Chinese characters as boxes; readers elsewhere see them.")
    return Check(name, "missing", say("not found"), cost, "apt-get install fonts-noto-cjk")


def writable(name: str, folder: Path) -> Check:
    """Whether a file can be written into `folder` (or the nearest folder above it that exists)."""
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return Check(name, "ok", say("{folder} can be written", folder=folder))
    except OSError as error:
        found = say("{folder} cannot be written: {reason}", folder=folder, reason=error.strerror or error)
        cost = say("no data set can be fetched and no report written.")
        return Check(name, "broken", found, cost, say("mend its permissions, or set AVREC_HOME to a folder of yours"))


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
