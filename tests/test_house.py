"""The house rules of how the rooms may depend on each other, read off the imports."""

from __future__ import annotations

import ast
import importlib.metadata as metadata
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "avrec_lib"
MODULES = sorted(LIBRARY.rglob("*.py"))
HEAVY = ("torch", "transformers", "lightgbm", "papermill", "plotly", "polars", "jupyter_client")


def imported(path: Path) -> Iterator[str]:
    """Full names of what a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = node.module or ""
            if node.level:
                above = path.relative_to(ROOT).parts[: -node.level]
                package = ".".join([*above, package]).rstrip(".")
            yield package
            yield from (f"{package}.{name.name}" for name in node.names)


def offenders(room: str, forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in MODULES
        if path.is_relative_to(LIBRARY / room)
        for name in imported(path)
        if name.startswith(forbidden)
    ]


def test_the_library_never_imports_a_notebook():
    assert offenders(".", ("notebooks", "tests")) == []


def test_evaluation_knows_no_model_no_world_no_policy_and_no_report():
    outside = ("models", "simulate", "calibrate", "policies", "report")
    assert offenders("evaluate", tuple(f"avrec_lib.{room}" for room in outside)) == []


def test_calibration_tries_yardsticks_without_a_model_or_a_report():
    assert offenders("calibrate", ("avrec_lib.models", "avrec_lib.training", "avrec_lib.report")) == []


def test_the_simulator_knows_policies_by_protocol_and_nothing_that_learns_judges_or_reports():
    others = ("models", "policies", "training", "evaluate", "report", "runs", "widgets")
    contract = "avrec_lib.evaluate.off_policy.feedback"  # what a logged bandit is
    found = offenders("simulate", tuple(f"avrec_lib.{room}" for room in others))
    assert [line for line in found if contract not in line] == []


def test_data_knows_no_model_no_simulator_and_no_evaluation():
    assert offenders("data", ("avrec_lib.models", "avrec_lib.simulate", "avrec_lib.evaluate")) == []


def test_reports_know_no_model_and_not_what_runs_notebooks():
    assert offenders("report", ("avrec_lib.models", "avrec_lib.runs")) == []


@pytest.mark.parametrize("room", ["content", "features", "rerank"])
def test_what_describes_users_and_items_or_reorders_lists_knows_no_model_and_no_report(room: str):
    assert offenders(room, ("avrec_lib.models", "avrec_lib.training", "avrec_lib.widgets", "avrec_lib.report")) == []


def test_policies_know_recommenders_by_protocol_and_not_who_judges_them():
    others = ("models", "training", "evaluate", "simulate", "report", "widgets", "runs")
    assert offenders("policies", tuple(f"avrec_lib.{room}" for room in others)) == []


def test_training_knows_no_report_and_models_know_no_training():
    assert offenders("training", ("avrec_lib.report", "avrec_lib.runs", "avrec_lib.widgets")) == []
    assert offenders("models", ("avrec_lib.training", "avrec_lib.report", "avrec_lib.runs", "avrec_lib.widgets")) == []


def test_networks_know_arrays_and_no_recommender():
    others = ("models", "training", "evaluate", "features", "content", "simulate", "policies", "report", "runs")
    assert offenders("networks", tuple(f"avrec_lib.{room}" for room in others)) == []


def test_widgets_know_recommenders_by_protocol_and_their_state_needs_no_browser():
    assert offenders("widgets", ("avrec_lib.models", "avrec_lib.training", "avrec_lib.runs")) == []
    drawn = ("view", "list_column", "finder", "labels", "live_figure", "figures", "showing")
    drawn += ("experiment_view", "experiment_controls", "experiment_figure")
    state = [path.stem for path in MODULES if path.parent == LIBRARY / "widgets" and path.stem not in drawn]
    assert [
        name for stem in state for name in offenders(f"widgets/{stem}.py", ("ipywidgets", "plotly", "avrec_lib.report"))
    ] == []


def test_nothing_but_the_command_line_imports_the_command_line():
    others = [path for path in MODULES if not path.is_relative_to(LIBRARY / "cli") and path.stem != "__main__"]
    assert [path for path in others for name in imported(path) if name.startswith("avrec_lib.cli")] == []


def test_no_room_is_a_drawer_for_everything():
    drawers = {"utils", "util", "core", "common", "helpers", "helper", "misc"}
    assert [path for path in MODULES if {path.stem, *path.relative_to(LIBRARY).parts[:-1]} & drawers] == []


def test_every_library_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {_bare(entry) for entry in project["dependencies"]}
    providers = metadata.packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in MODULES
        for name in imported(path)
        if (top := name.split(".")[0]) not in sys.stdlib_module_names and top not in ("avrec_lib", "__future__")
        and not declared & {_bare(provider) for provider in providers.get(top, [top])}
    }  # fmt: skip
    assert undeclared == set()


def _bare(requirement: str) -> str:
    name = requirement
    for mark in "<>=!~;[ ":
        name = name.split(mark)[0]
    return name.lower().replace("_", "-").replace(".", "-")


def run(code: str) -> str:
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def test_help_imports_nothing_heavy():
    assert run(f"import sys, avrec_lib.cli; print([m for m in {HEAVY} if m in sys.modules])") == "[]"


@pytest.mark.slow
def test_every_module_imports_without_the_tools_of_development():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {_bare(entry) for extra in project["optional-dependencies"].values() for entry in extra}
    providers = metadata.packages_distributions()
    absent = [top for top, names in providers.items() if {_bare(name) for name in names} & extras]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in MODULES]
    code = (
        f"import sys, importlib\nfor m in {absent}: sys.modules[m] = None\nfor n in {names}: importlib.import_module(n)"
    )
    assert "pytest" in absent
    run(code)


def test_torchvision_is_not_installed():
    # No CPU build of it matches the pinned torch everywhere, and nothing here may come to depend on it.
    assert "torchvision" not in metadata.packages_distributions()
