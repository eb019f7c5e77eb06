"""Setting up: what pip would take, what is said beforehand, and a real installation of a tiny package."""

from __future__ import annotations

import http.server
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from avrec_lib.errors import AvrecError, UsageError
from avrec_lib.install import install, installed, make_environment, write_lock
from avrec_lib.packages import (
    Package,
    announce,
    cpu_builds,
    file_size,
    has_nvidia_gpu,
    megabytes,
    pinned,
    pip_reason,
    planned,
    requirements,
    resolve,
)  # fmt: skip

CPU_TORCH = Package("torch", "2.13.0+cpu", "https://index/torch.whl")
CUDA_TORCH = Package("torch", "2.13.0", "https://index/torch.whl")
CUDA = Package("nvidia-cudnn-cu13", "9.0", "https://index/cudnn.whl")
POLARS = Package("polars", "2.1.0", "file:///wheels/polars.whl")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server on loopback, and the folder it serves."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    folder = tmp_path / "site"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", folder
    server.shutdown()
    server.server_close()


def wheel(folder: Path, name: str, version: str = "1.0", needs: str = "") -> Path:
    """A wheel that holds one module."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    card = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (f"Requires-Dist: {needs}\n" if needs else "")
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "answer = 42\n")
        archive.writestr(f"{info}/METADATA", card)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


def test_requirements_are_those_of_building_running_and_the_chosen_extras():
    project = {
        "build-system": {"requires": ["setuptools"]},
        "project": {"dependencies": ["polars>=2"], "optional-dependencies": {"dev": ["ruff"], "media": ["av"]}},
    }
    assert requirements(project) == ["setuptools", "polars>=2"]
    assert requirements(project, ["dev"]) == ["setuptools", "polars>=2", "ruff"]


def test_a_lock_is_read_with_its_comments_and_any_spelling_of_names():
    assert pinned("# head\nJinja2==3.1.6\nast_serialize==0.13.1  # why\n\n") == {
        "jinja2": "3.1.6",
        "ast-serialize": "0.13.1",
    }


def test_a_written_lock_is_free_of_one_machine_s_builds(tmp_path: Path):
    write_lock([CPU_TORCH, CUDA, POLARS], tmp_path / "lock")
    assert (tmp_path / "lock").read_text().splitlines()[1:] == ["polars==2.1.0", "torch==2.13.0"]


def test_what_pip_reports_becomes_a_plan():
    hashes = {"hashes": {"sha256": "ab"}}
    report = {
        "install": [
            {
                "metadata": {"name": "a", "version": "1"},
                "download_info": {"url": "file:///a.whl", "archive_info": hashes},
            },
            {"metadata": {"name": "b", "version": "2"}, "download_info": {"url": "https://index/b.whl"}},
        ]
    }
    assert planned(report) == [Package("a", "1", "file:///a.whl", "ab"), Package("b", "2", "https://index/b.whl")]


def test_the_reason_of_pip_is_its_last_error():
    assert pip_reason("WARNING: slow\nERROR: first\nERROR: No matching distribution found for x.\n") == (
        "No matching distribution found for x"
    )
    retrying = "WARNING: Retrying after connection broken by 'NewConnectionError': /simple/x/\n"
    assert pip_reason(f"{retrying}ERROR: Cannot install x.\n") == "the package index cannot be reached"
    assert pip_reason("boom\n") == "boom"
    assert pip_reason("") == "?"


def test_sizes_are_asked_for_without_fetching(site: tuple[str, Path]):
    address, folder = site
    (folder / "a.whl").write_bytes(b"x" * 1234)
    assert file_size(f"{address}a.whl") == 1234
    assert file_size((folder / "a.whl").as_uri()) == 1234
    assert file_size(f"{address}missing.whl") is None
    assert file_size("nonsense") is None


def test_sizes_are_written_to_be_read():
    assert [megabytes(size) for size in (400_000, 12_300_000, 2_100_000_000)] == ["0.4 MB", "12 MB", "2.1 GB"]


def test_the_announcement_counts_what_comes_and_what_lies_here_and_what_nobody_knows():
    lines = announce(
        [CPU_TORCH, POLARS, Package("x", "1", "https://index/x.whl")], [190_000_000, 50_000_000, None], gpu=False
    )
    first, unknown, here = lines[0].split(". ")
    assert first == "3 packages to install, at most 190 MB to download"
    assert unknown == "The size of 1 more is not known"
    assert here == "50 MB lie on this disk already."
    assert lines[1] == "torch 2.13.0+cpu is the CPU build: 190 MB."


@pytest.mark.parametrize(
    ("gpu", "said"),
    [
        (True, "torch 2.13.0 comes with CUDA for the GPU here: 2.9 GB of it."),
        (False, "No NVIDIA GPU here, but only the CUDA build of torch 2.13.0 can be had: 2.9 GB of it."),
    ],
)
def test_a_cuda_build_is_announced_with_all_that_it_brings(gpu: bool, said: str):
    lines = announce([CUDA_TORCH, CUDA], [900_000_000, 2_000_000_000], gpu)
    assert lines == ["2 packages to install, at most 2.9 GB to download.", said]


def test_cpu_builds_are_offered_when_their_page_lists_the_version(site: tuple[str, Path]):
    address, folder = site
    (folder / "torch").mkdir()
    (folder / "torch" / "index.html").write_text('<a href="/torch-2.13.0%2Bcpu-cp311-linux.whl">torch</a>')
    assert cpu_builds("2.13.0", f"{address}torch/") == ["--find-links", f"{address}torch/"]
    assert cpu_builds("2.13.1", f"{address}torch/") == []


def test_no_cpu_builds_are_offered_when_nobody_answers():
    assert cpu_builds("2.13.0", "http://127.0.0.1:9/torch/", seconds=1) == []


@pytest.mark.parametrize(
    ("script", "found"), [("echo 'GPU 0: Tesla T4'", True), ("exit 9", False), ("echo none", False)]
)
def test_a_gpu_counts_when_the_driver_lists_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, found: bool
):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert has_nvidia_gpu() is found


def test_a_folder_with_other_things_is_never_made_an_environment(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not a Python environment"):
        make_environment(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # as on Debian without python3-venv
    with pytest.raises(UsageError, match=rf"apt-get install python3\.{sys.version_info[1]}-venv"):
        make_environment(tmp_path / "venv")


@pytest.mark.slow
def test_a_cpu_build_on_an_offered_page_is_taken_for_the_pinned_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: tuple[str, Path]
):
    address, folder = site
    wheel(tmp_path, "probe", "1.0")
    built = wheel(folder, "probe", "1.0+cpu").name
    (folder / "index.html").write_text(f'<!DOCTYPE html><a href="/{built.replace("+", "%2B")}">{built}</a>')
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    python = make_environment(tmp_path / "venv")
    (plan,) = resolve(python, ["probe"], {"probe": "1.0"}, ["--find-links", address])
    assert plan.version == "1.0+cpu"
    install(python, [plan])
    assert resolve(python, ["probe"], {"probe": "1.0"}) == []


@pytest.mark.slow
def test_a_package_goes_from_requirement_to_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wheel(tmp_path, "probe_a", needs="probe_b")
    wheel(tmp_path, "probe_b", "1.0")
    wheel(tmp_path, "probe_b", "2.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    python = make_environment(tmp_path / "venv")
    assert make_environment(tmp_path / "venv") == python

    plan = resolve(python, ["probe_a"], {"probe-b": "1.0"})
    assert {(package.name, package.version) for package in plan} == {("probe_a", "1.0"), ("probe_b", "1.0")}
    before = installed(python)
    install(python, plan)
    assert installed(python) == before + 2
    assert resolve(python, ["probe_a"], {"probe-b": "1.0"}) == []

    with pytest.raises(
        AvrecError, match=r"pip cannot find what avrec needs: No matching distribution found for probe_c"
    ):
        resolve(python, ["probe_c"], {})
    (tmp_path / "probe_b-1.0-py3-none-any.whl").unlink()
    (tmp_path / "probe_b-2.0-py3-none-any.whl").write_bytes(b"not a wheel")
    broken = Package("probe_b", "2.0", (tmp_path / "probe_b-2.0-py3-none-any.whl").as_uri())
    with pytest.raises(AvrecError, match="pip could not install"):
        install(python, [broken])
