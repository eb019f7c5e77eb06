"""Chromium draws the groups, and nobody can miss the banner: wide and narrow, in English and in Chinese."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect

from avrec_lib import report
from avrec_lib.data.facts import Fact
from avrec_lib.paths import HOME_VARIABLE, reports_folder
from avrec_lib.report.export import export_report
from avrec_lib.report.run_record import RunRecord
from avrec_lib.report.site import build_index
from avrec_lib.strings import LANGUAGE_VARIABLE

pytestmark = pytest.mark.browser
GROUPS = [("gender", "F", 200, False), ("gender", "M", 300, False), ("known or new user", "new", 3, True)]
SLICES = pl.DataFrame(
    [
        (model, "ndcg", 10, name, group, value, value - 0.02, value + 0.02, users, 0.2, value - 0.2, value / 0.2, small,
         None if small else 0.5)
        for model, value in (("popularity", 0.15), ("EASE", 0.25), ("iALS", 0.22))
        for name, group, users, small in GROUPS
    ],
    schema=["model", "metric", "k", "slice", "group", "value", "low", "high", "users", "overall", "gap", "ratio",
            "small", "p_adjusted"], orient="row",
)  # fmt: skip


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run that showed a banner, a red check and slices."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setenv(LANGUAGE_VARIABLE, "en")
    shown: list[dict] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    report.banner("would mislead")
    report.show_checks([Fact("tied_events", 3, 0.75, "red", "{share} of the events have no time: they cannot be split "
                             "by time, nor put in order.")], headline=True)  # fmt: skip
    report.show_slices(SLICES, "ndcg", 10)
    outputs = [{"output_type": "display_data", "data": json.loads(json.dumps(one)), "metadata": {}} for one in shown]
    cell = {"cell_type": "code", "source": "show", "metadata": {}, "outputs": outputs, "execution_count": 1}
    folder = reports_folder() / "40_x" / "20260101-000000-aaaaaa"
    folder.mkdir(parents=True)
    (folder / "executed.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}), "utf-8")
    RunRecord(run_id=folder.name, notebook="40_x", status="ok", started="2026-01-01T00:00:00+00:00").write(folder)
    export_report(folder)
    return folder


@pytest.fixture(params=[1280, 390], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Page:
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    request.addfinalizer(context.close)
    return context.new_page()


def test_the_banner_is_the_first_thing_seen_and_stands_in_the_index(page, written):
    page.goto((written / "report.html").as_uri())
    banner = page.locator("main > .avrec-banner")
    expect(banner).to_be_in_viewport()
    assert banner.bounding_box()["y"] < page.locator("#avrec-short").bounding_box()["y"]
    page.goto(build_index().as_uri())
    expect(page.locator(".avrec-banner")).to_contain_text("would mislead", use_inner_text=True)
    page.click("#language-toggle")
    expect(page.locator(".avrec-banner")).to_contain_text("会误导", use_inner_text=True)


def test_groups_are_drawn_within_the_page_and_change_their_language(page, written):
    page.goto((written / "report.html").as_uri())
    rows = page.locator("#figure-1 .ytick text, #figure-1 .y2tick text")
    expect(rows.nth(0)).to_contain_text("F")
    assert ["few users" in text for text in rows.all_text_contents()] == [False, False, True]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("#language-toggle")
    expect(page.locator("#figure-1 .y2tick text")).to_contain_text("用户太少")
    expect(page.locator("#figure-1 .annotation").first).to_contain_text("性别")
    expect(page.locator(".avrec-checks").first).to_contain_text("会误导", use_inner_text=True)
