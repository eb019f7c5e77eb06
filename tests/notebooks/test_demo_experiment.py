"""The notebook of the test demo without a person: a test by script, and how fast state and view answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from workbench import avrec, new_home, page, runs

from avrec_lib.widgets.experiment_settings import Settings
from avrec_lib.widgets.experiment_state import ExperimentState
from avrec_lib.widgets.experiment_view import ExperimentView

NOTEBOOK = "91_demo_experiment"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbench on which the notebook ran."""
    folder = new_home(tmp_path_factory.mktemp("demo"))
    done = avrec(folder, "run", "91", "--profile", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_report_tells_the_test_and_holds_no_widget(home: Path) -> None:
    report = page(home, NOTEBOOK)
    for said in (
        "avrec demo experiment",
        "stopped on the first day",
        "5 % of B lost",
        "raise a false alarm",
        "可以试什么",
    ):
        assert said in report
    (folder,) = (home / "reports" / NOTEBOOK).iterdir()
    executed = folder / "executed.ipynb"
    assert "widget-view" not in executed.read_text("utf-8")
    assert "widgets" not in json.loads(executed.read_text("utf-8"))["metadata"]
    (record,) = runs(home, NOTEBOOK)
    assert [result["name"] for result in record["results"]] == ["slowest action"]


@pytest.mark.parametrize(
    "settings", [Settings(), Settings(planned_days=56, users_a_day=100_000)], ids=["as it opens", "the longest test"]
)
def test_every_action_is_answered_within_200_milliseconds(settings: Settings) -> None:
    def times() -> dict[str, float]:
        state = ExperimentState(settings, seed=1)
        demo = ExperimentView(state, "en")
        actions: list[tuple[str, Callable[[], None]]] = [("day", demo.buttons["forward"].click)]
        actions.append(("end", demo.buttons["run_to_end"].click))
        moved = {
            "effect": 0.03, "sd": 2.0, "lost": 0.03, "peeking": "every week", "users_a_day": 50_000,
            "planned_days": settings.planned_days - 1, "smallest_effect": 0.01, "alpha": 0.1,
        }  # fmt: skip
        for name, value in moved.items():
            actions.append((name, lambda name=name, value=value: setattr(demo.sliders[name], "value", value)))
        actions += [("another test", demo.buttons["new_test"].click), ("day again", demo.buttons["forward"].click)]
        actions += [("stop", demo.buttons["stop"].click), ("Chinese", lambda: setattr(demo.language, "value", "zh"))]
        taken = {}
        for name, act in actions:
            started = time.perf_counter()
            act()
            taken[name] = time.perf_counter() - started
        return taken

    best = times()
    for _ in range(15):  # whoever shares the machine can only make it slower
        if max(best.values()) < 0.1:
            break
        best = {action: min(best[action], seconds) for action, seconds in times().items()}
    print({action: f"{1000 * seconds:.0f} ms" for action, seconds in best.items()})
    assert max(best.values()) < 0.2, best
