"""Put avrec and its locked packages into an environment of their own.

Runs on a bare Python, before anything is installed: `python3 -m avrec_lib.install --into .venv`. pip works out what to
take, from the requirements of `pyproject.toml` held to the versions of `requirements.lock`; its answer says how much
will come, and is then installed as it stands, so that the index is asked once.
"""

from __future__ import annotations

import argparse
import html
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from avrec_lib.errors import AvrecError, UsageError
from avrec_lib.packages import (
    CUDA_NAMES,
    Package,
    announce,
    cpu_builds,
    file_size,
    has_nvidia_gpu,
    megabytes,
    normal,
    pinned,
    pip,
    pip_reason,
    requirements,
    resolve,
)
from avrec_lib.progress import Meter, in_words
from avrec_lib.strings import say

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements.lock"
LOCK_HEAD = "# Written by `make lock`: the versions that everything here is tested with.\n"
PIP = "pip==26.3"  # resolves twice as fast as the one Python 3.11 brings
UNPACKED = 4.0  # bytes on disk for one byte of wheel, measured on the whole lock


def make_environment(folder: Path) -> Path:
    """The Python of a virtual environment in `folder`, made (or made anew, for another Python) when it is not there."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    config = folder / "pyvenv.cfg"
    if not config.exists() and folder.exists() and any(folder.iterdir()):
        raise UsageError("{folder} is not empty and not a Python environment.", folder=folder)
    wanted = "{}.{}".format(*sys.version_info)
    made_for = re.search(r"version = (\d+\.\d+)", config.read_text("utf-8")) if config.exists() else None
    if python.exists() and made_for and made_for[1] == wanted:
        return python
    if importlib.util.find_spec("ensurepip") is None:
        raise UsageError(
            "This Python ({python}) cannot make an environment: its venv module is missing.",
            hint="On Debian and Ubuntu: apt-get install python{version}-venv.",
            python=sys.executable,
            version=wanted,
        )
    venv.EnvBuilder(with_pip=True, clear=True, symlinks=os.name != "nt").create(folder)
    subprocess.run([*pip(python), "-qq", PIP], capture_output=True, check=False)
    return python


def install(python: Path, plan: Sequence[Package]) -> None:
    """Install exactly `plan`, from the addresses pip found, showing how far it is; raises AvrecError when pip fails."""
    with tempfile.TemporaryDirectory() as folder:
        page, chosen, log = (Path(folder, name) for name in ("links.html", "plan.txt", "pip.log"))
        links = (html.escape(f"{p.url}#sha256={p.sha256}" if p.sha256 else p.url) for p in plan)
        names = (Path(p.url.split("?")[0]).name for p in plan)
        anchors = (f'<a href="{link}">{name}</a>\n' for link, name in zip(links, names, strict=True))
        page.write_text("<!DOCTYPE html>\n" + "".join(anchors), "utf-8")
        chosen.write_text("".join(f"{p.name}=={p.version}\n" for p in plan), "utf-8")
        # Bytecode is written at first import: compiling all 25,000 files takes as long as installing them.
        command = [*pip(python), "--no-deps", "--no-compile", "--progress-bar", "off", "-r", str(chosen)]
        # An index may hand out addresses that work only from its own pages: then ask it again.
        for source in (["--no-index", "--find-links", str(page)], []):
            if follow([*command, *source], log, python, len(plan)) == 0:
                return
        raise AvrecError("pip could not install: {reason}.", reason=pip_reason(log.read_text("utf-8", "replace")))


def follow(command: Sequence[str], log: Path, python: Path, total: int) -> int:
    """Run pip with its output in `log`, counting what is fetched, then what is installed; returns its exit code."""
    before = installed(python)
    fetching = Meter(say("Fetching"), total, say("packages"))
    installing = Meter(say("Installing"), total, say("packages"))
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                time.sleep(0.5)
                text = log.read_text("utf-8", "replace")
                if "\nInstalling collected packages" in text:
                    installing.advance(installed(python) - before - installing.done)
                else:
                    fetching.advance(text.count("Processing ") + text.count("Collecting ") - fetching.done)
        finally:
            process.terminate()
            process.wait()
            installing.close()
    return process.returncode


def installed(python: Path) -> int:
    """How many distributions lie in the environment of `python`."""
    place = sysconfig.get_path("purelib", "venv", {"base": str(python.parent.parent)})
    return sum(1 for _ in Path(place).glob("*.dist-info"))


def write_lock(plan: Sequence[Package], path: Path) -> None:
    """Write the exact versions of `plan` to `path`, without builds of one machine (`+cpu`, CUDA packages)."""
    lines = sorted(
        f"{normal(p.name)}=={p.version.split('+')[0]}\n" for p in plan if not CUDA_NAMES.match(normal(p.name))
    )
    path.write_text(LOCK_HEAD + "".join(lines), "utf-8")


def run(into: Path, extras: Sequence[str]) -> None:
    """Make the environment, say what will come, install it and this checkout (editable)."""
    started = time.monotonic()
    pins = pinned((ROOT / LOCK).read_text("utf-8"))
    python = make_environment(into)
    tell(say("Asking pip what is needed (under half a minute)…"))
    gpu = has_nvidia_gpu()
    options = [] if gpu or sys.platform != "linux" else cpu_builds(pins["torch"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    plan = resolve(python, requirements(project, extras), pins, options)
    if plan:
        with ThreadPoolExecutor(16) as pool:
            sizes = list(pool.map(file_size, (package.url for package in plan)))
        for line in announce(plan, sizes, gpu):
            tell(line)
        needed, free = UNPACKED * sum(size or 0 for size in sizes), shutil.disk_usage(into).free
        if needed > free:
            raise AvrecError(
                "{folder} has {free} free, but about {needed} are needed.",
                folder=into,
                free=megabytes(free),
                needed=megabytes(int(needed)),
            )
        install(python, plan)
    itself = [*pip(python), "-qq", "--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    answer = subprocess.run(itself, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise AvrecError("pip could not install: {reason}.", reason=pip_reason(answer.stderr))
    tell(
        say("avrec is ready: {n} packages installed in {time}.", n=len(plan), time=in_words(time.monotonic() - started))
    )


def renew_lock() -> None:
    """Write the lock anew: the newest versions that `pyproject.toml` allows, torch as it was.

    torch is moved by hand: it is most of the download, and a new one changes what machines can run it.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    torch = pinned((ROOT / LOCK).read_text("utf-8"))["torch"]
    with tempfile.TemporaryDirectory() as folder:
        python = make_environment(Path(folder) / "venv")
        extras = list(project["project"]["optional-dependencies"])
        plan = resolve(python, requirements(project, extras), {"torch": torch}, cpu_builds(torch))
    write_lock(plan, ROOT / LOCK)
    tell(say("{n} versions written to {file}.", n=len(plan), file=LOCK))


def tell(line: str) -> None:
    """One line on standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of this file; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m avrec_lib.install", description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / ".venv", help="folder of the environment (default: .venv)")
    parser.add_argument("--base", action="store_true", help="only what avrec needs to run: no tools for developing it")
    parser.add_argument("--renew-lock", action="store_true", help=f"write {LOCK} anew and install nothing")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.renew_lock:
            renew_lock()
        else:
            run(chosen.into.resolve(), [] if chosen.base else ["dev"])
    except AvrecError as error:
        sys.stderr.write(f"avrec: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("avrec: " + say("Stopped. What was finished is kept.") + "\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
