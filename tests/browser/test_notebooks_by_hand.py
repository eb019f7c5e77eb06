"""The quick-start notebooks opened in JupyterLab and run as a person would: Run All, look, save."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from avrec_lib import paths

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOKS = ["00_start_here", "10_explore_logs", "40_compare_recommenders"]
FIGURES = {"00_start_here": 0, "10_explore_logs": 8, "40_compare_recommenders": 2}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, jupyterlab: Callable) -> Iterator[tuple[str, Path]]:
    """The address of a JupyterLab on a workbench of its own, and that workbench's folder."""
    home = tmp_path_factory.mktemp("workbench")
    shutil.copytree(paths.notebooks_folder(), home / "notebooks", ignore=shutil.ignore_patterns(".*"))
    with jupyterlab(home) as (address, token):
        yield f"{address}/lab/workspaces/NOTEBOOK/tree/NOTEBOOK.ipynb?token={token}", home


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_run_all_cells_by_hand(name: str, lab: tuple[str, Path], browser: Browser, tmp_path: Path) -> None:
    address, home = lab
    page = browser.new_page(viewport={"width": 1400, "height": 1600})
    try:
        page.goto(address.replace("NOTEBOOK", name))
        expect(page.locator(".jp-CodeCell").first).to_be_visible(timeout=60_000)
        expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible(timeout=60_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator("li[data-command='runmenu:run-all']").click()
        saved = _saved_when_done(page, home / "notebooks" / f"{name}.ipynb")
        cells = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
        errors = [out for cell in cells for out in cell["outputs"] if out["output_type"] == "error"]
        assert not errors
        assert all(cell["execution_count"] for cell in cells)
        drawn = page.locator(".js-plotly-plot .main-svg:first-child")
        if FIGURES[name]:
            expect(drawn.first).to_be_visible(timeout=20_000)
            figures = sum(
                "application/vnd.plotly.v1+json" in out.get("data", {}) for cell in cells for out in cell["outputs"]
            )
            assert figures >= FIGURES[name]
            expect(drawn).to_have_count(figures, timeout=20_000)
    finally:
        page.screenshot(path=os.environ.get("AVREC_SCREENSHOTS", str(tmp_path)) + f"/lab-{name}.png")
        page.close()


def _saved_when_done(page, file: Path, seconds: float = 120) -> dict:
    """Save until the file on disk has run to its last code cell, or to an error."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        page.keyboard.press("Control+s")
        time.sleep(1.0)
        saved = json.loads(file.read_text("utf-8"))
        cells = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
        failed = any(out["output_type"] == "error" for cell in cells for out in cell["outputs"])
        if failed or cells[-1]["execution_count"]:
            return saved
    pytest.fail(f"{file.name} did not finish within {seconds} s")
