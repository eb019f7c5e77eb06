"""Chromium opens the pages from the disk: all is drawn, nothing is fetched elsewhere, no script of a notebook runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from avrec_lib.paths import HOME_VARIABLE
from avrec_lib.report.compare import compare_runs
from avrec_lib.report.export import export_report
from avrec_lib.report.run_record import RunRecord
from avrec_lib.report.site import build_index

pytestmark = pytest.mark.browser
DRAWN = "[...document.querySelectorAll('.js-plotly-plot')].filter((plot) => plot.querySelector('.main-svg')).length"
GRID_COLOUR = "getComputedStyle(document.querySelector('.js-plotly-plot .xgrid')).stroke"
Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Open:
    """Opens a file and keeps, as `page.complaints`, errors and every request outside `inside`."""

    def open_file(path: Path, inside: Path | None = None, **options) -> Page:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        request.addfinalizer(context.close)
        page = context.new_page()
        page.complaints = []
        folder = (inside or path.parent).as_uri()
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith((folder, "data:", "blob:")) or page.complaints.append(f"asked for {asked.url}")
            ),
        )
        page.goto(path.as_uri())
        return page

    return open_file


@pytest.fixture
def shown(reports: Path) -> Path:
    """The folder of the run that succeeded."""
    return next(reports.glob("shown/*/run.json")).parent


def test_as_many_figures_are_drawn_as_were_recorded_and_nothing_else_is_asked_for(open_page, reports, shown):
    page = open_page(shown / "report.html", inside=reports)
    assert page.evaluate(DRAWN) == RunRecord.read(shown).figures == 3
    assert page.complaints == []


def test_no_script_out_of_the_data_ran(open_page, reports, shown):
    for path in (shown / "report.html", next(reports.glob("fails/*/report.html")), reports / "index.html"):
        page = open_page(path, inside=reports)
        page.wait_for_timeout(200)
        assert page.evaluate("window.hacked") is None
        assert page.complaints == []


def test_the_toggle_changes_prose_interface_and_axes_to_chinese_and_back(open_page, reports, shown):
    page = open_page(shown / "report.html", inside=reports)
    axis = page.locator("#figure-2 .ytitle")
    expect(page.locator("h1")).to_have_text("What a page shows", use_inner_text=True)
    expect(axis).to_have_text("Count")
    page.click("#language-toggle")
    expect(page.locator("h1")).to_have_text("页面展示什么", use_inner_text=True)
    expect(page.locator(".banner")).to_contain_text("运行完成", use_inner_text=True)
    expect(page.get_by_role("link", name="数字")).to_be_visible()
    expect(axis).to_have_text("数量")
    page.reload()
    expect(page.locator("h1")).to_have_text("页面展示什么", use_inner_text=True)
    page.click("#language-toggle")
    expect(axis).to_have_text("Count")


def test_dark_reaches_the_page_and_every_figure(open_page, reports, shown):
    page = open_page(shown / "report.html", inside=reports)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper), page.evaluate(GRID_COLOUR)
    page.click("#theme-toggle")
    dark = page.evaluate(paper), page.evaluate(GRID_COLOUR)
    assert dark[0] != light[0] and dark[1] != light[1]
    assert page.get_attribute("#theme-toggle", "aria-pressed") == "true"
    ink = page.evaluate("getComputedStyle(document.querySelector('.js-plotly-plot .xtick text')).fill")
    assert ink == page.evaluate("getComputedStyle(document.body).color")
    from_system = open_page(shown / "report.html", inside=reports, color_scheme="dark")
    assert (from_system.evaluate(paper), from_system.evaluate(GRID_COLOUR)) == dark


def test_the_contents_mark_where_the_reader_is(open_page, reports, shown):
    page = open_page(shown / "report.html", inside=reports)
    page.evaluate("document.getElementById('the-end').scrollIntoView()")
    expect(page.locator(".contents a[aria-current]")).to_have_text("The end")


def test_a_phone_sees_the_whole_width_and_folded_contents(open_page, reports, shown):
    page = open_page(shown / "report.html", inside=reports, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.locator(".contents ol")).to_be_hidden()
    page.click(".contents summary")
    page.click(".contents a >> text=The end")
    expect(page.locator(".contents ol")).to_be_hidden()


def test_the_keyboard_reaches_the_content_and_the_folds(open_page, reports, shown):
    page = open_page(shown / "report.html", inside=reports)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    fold = page.locator("details.code summary").first
    fold.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details.code pre").first).to_be_visible()


def test_a_failed_run_leads_to_its_cell(open_page, reports):
    page = open_page(next(reports.glob("fails/*/report.html")), inside=reports)
    expect(page.locator(".banner")).to_contain_text("The run failed in code cell 2 of 3.", use_inner_text=True)
    page.click(".banner a")
    expect(page.locator("#cell-2 .error")).to_be_in_viewport()
    expect(page.locator("#cell-3")).to_contain_text("not run", use_inner_text=True)


def test_the_page_for_mail_stands_alone(open_page, shown, tmp_path, reports, monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, str(reports.parent))
    moved = shutil.copy(export_report(shown, inline=True), tmp_path / "mail.html")
    page = open_page(moved)
    assert page.evaluate(DRAWN) == 3
    assert page.complaints == []


def test_a_page_without_its_assets_says_what_is_missing(open_page, shown, tmp_path):
    page = open_page(Path(shutil.copy(shown / "report.html", tmp_path / "alone.html")))
    expect(page.locator("#figure-1")).to_contain_text("files in the folder _assets")


def test_the_index_sorts_by_click_and_by_keyboard(open_page, reports):
    page = open_page(reports / "index.html")
    names = page.locator("tbody td:first-child .sub")
    heading = page.get_by_role("columnheader", name="notebook")
    assert names.all_inner_texts() == ["fails", "shown"]
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert names.all_inner_texts() == ["shown", "fails"]
    page.get_by_role("link", name="What a page shows").click()
    expect(page.locator("h1")).to_have_text("What a page shows", use_inner_text=True)


def test_an_empty_index_opens(open_page, tmp_path, monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    page = open_page(build_index())
    expect(page.locator(".empty")).to_contain_text("make report")
    assert page.complaints == []


def test_two_runs_side_by_side_open(open_page, reports, shown, monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, str(reports.parent))
    for run_id in ("20990101-000000-aaaaaa", "20990102-000000-bbbbbb"):
        folder = reports / "copies" / run_id
        shutil.copytree(shown, folder, dirs_exist_ok=True)
        record = RunRecord.read(folder)
        record.run_id, record.notebook, record.fingerprints["truth"] = run_id, "copies", "0123456789abcdef"
        record.write(folder)
    page = open_page(compare_runs("20990101", "20990102").path, inside=reports)
    expect(page.locator("main")).to_contain_text("left no values per user")
    assert page.complaints == []
