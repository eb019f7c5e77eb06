"""The notebook of the demo without a person: a visit by script, on real data, and how fast its state answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from workbench import SHARED, avrec, new_home, page, runs

from avrec_lib.data.dataset import Dataset
from avrec_lib.models.shelf import SHELF_NAMES, from_shelf
from avrec_lib.runs.notebook import find_notebook
from avrec_lib.widgets.recommendation_state import RecommendationState
from avrec_lib.widgets.walk import Walk, ordinary_user, titles_to_start

NOTEBOOK = "90_demo_recommendations"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbench on which the notebook ran on MovieLens-100K."""
    folder = new_home(tmp_path_factory.mktemp("demo"))
    done = avrec(folder, "run", "90", "--profile", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_report_tells_the_visit_and_holds_no_widget(home: Path) -> None:
    report = page(home, NOTEBOOK)
    for said in ("Because you chose", "What the new user chose", "diversity to 0.5", "less like "):
        assert said in report
    (folder,) = (home / "reports" / NOTEBOOK).iterdir()
    executed = folder / "executed.ipynb"
    assert "widget-view" not in executed.read_text("utf-8")
    assert "widgets" not in json.loads(executed.read_text("utf-8"))["metadata"]
    assert executed.stat().st_size < 500_000
    assert (folder / "report.html").stat().st_size < 300_000
    (record,) = runs(home, NOTEBOOK)
    assert [result["name"] for result in record["results"]] == ["slowest action"]


def test_the_notebook_offers_what_is_on_the_shelf() -> None:
    offered = find_notebook(NOTEBOOK).parameters["shelf"].type.item
    assert offered is not None
    assert set(offered.choices) <= set(SHELF_NAMES)


@pytest.mark.parametrize("more", [[], ["hybrid"]], ids=["as it opens", "with the hybrid"])
def test_every_action_on_movielens_100k_is_answered_within_200_milliseconds(home: Path, more: list[str]) -> None:
    data = Dataset.open(home / "data" / "movielens-100k")
    events, items, users = data.events.collect(), data.items.collect(), data.users.collect()
    shelf = from_shelf([*find_notebook(NOTEBOOK).parameters["shelf"].default, *more])
    models = {name: make().fit(events, items, users) for name, make in shelf.items()}

    def times() -> dict[str, float]:
        state = RecommendationState(models, events, items)
        walk, last = Walk(state), list(models)[-1]
        walk.act("pick", state.pick_user, ordinary_user(state))
        walk.act("pick the longest history", state.pick_user, "405")
        for slider in ("diversity", "novelty", "freshness", "tail_share"):
            walk.act(slider, state.move, **{slider: 0.5})
        for action in (state.like, state.less_like, state.skip):
            walk.act(action.__name__, action, state.lists()[last][0].item_id)
        walk.act("undo", state.undo)
        walk.act("new user", state.new_user, titles_to_start(state, ["star wars", "toy story", "fargo"]))
        walk.act("reset", state.reset)
        return {step.action: step.seconds for step in walk.steps}

    best = times()
    for _ in range(15):  # whoever shares the machine can only make it slower
        if max(best.values()) < 0.1:
            break
        best = {action: min(best[action], seconds) for action, seconds in times().items()}
    print({action: f"{1000 * seconds:.0f} ms" for action, seconds in best.items()})
    assert max(best.values()) < 0.2, best


@pytest.mark.parametrize(("name", "files"), [("lastfm-2k", ["user_artists.dat", "--items", "artists.dat"])])
def test_the_notebook_runs_on_a_log_without_times(home: Path, name: str, files: list[str]) -> None:
    if not (SHARED / name).is_dir():
        pytest.skip(f"{SHARED / name} is not here")
    words = [word if word.startswith("--") else str(SHARED / name / word) for word in files]
    assert avrec(home, "data", "import", *words, "--name", "mine").returncode == 0
    done = avrec(home, "run", "90", "-p", "dataset=mine", "-p", "titles=")
    assert done.returncode == 0, done.stdout + done.stderr
    report = page(home, NOTEBOOK)
    for said in (
        "transitions + EASE needs to know what came after what",
        "content by attribute needs to know what items",
    ):
        assert said in report
