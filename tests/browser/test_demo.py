"""The demo of recommendations as a person uses it: `avrec demo`, Run All, then mouse and keyboard."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator

import polars as pl
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from avrec_lib import paths
from avrec_lib.data import open_dataset

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NOTEBOOK = "90_demo_recommendations.ipynb"
CANARY = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
CARDS = ".widget-html b"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, jupyterlab: Callable, browser: Browser) -> Iterator[Page]:
    """The page that `avrec demo` opens, after all cells have run; the film Contact has a title that would do harm."""
    home = tmp_path_factory.mktemp("workbench")
    (home / "notebooks").mkdir()
    shutil.copy(paths.notebooks_folder() / NOTEBOOK, home / "notebooks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(paths.HOME_VARIABLE, str(home))
        items = open_dataset("movielens-100k").folder / "items.parquet"
    pl.read_parquet(items).with_columns(pl.col("title").replace("Contact", CANARY)).write_parquet(items)
    with jupyterlab(home, ("-m", "avrec_lib", "demo")) as (address, token):
        page = browser.new_page(viewport={"width": 1500, "height": 1900})
        page.goto(f"{address}/?token={token}")
        page.wait_for_url(f"**/{NOTEBOOK}*", timeout=60_000)
        expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible(timeout=90_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator("li[data-command='runmenu:run-all']").click()
        expect(page.get_by_role("button", name="Be this user")).to_be_visible(timeout=180_000)
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Be this user").scroll_into_view_if_needed()
        yield page
        picture(page, "demo-last")
        page.close()


def picture(page: Page, name: str) -> None:
    """Keep a screenshot where AVREC_SCREENSHOTS says so."""
    if folder := os.environ.get("AVREC_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


def view(page: Page) -> Locator:
    return page.locator(".jp-OutputArea-output .widget-vbox").first


def titles(page: Page) -> list[str]:
    """The titles of all lists as they stand, with their ranks."""
    return view(page).locator(CARDS).all_inner_texts()


def changed(page: Page, before: list[str], seconds: float = 10) -> bool:
    """Whether the lists come to differ from `before`."""
    end = time.monotonic() + seconds
    while titles(page) == before and time.monotonic() < end:
        page.wait_for_timeout(100)
    return titles(page) != before


def test_a_user_is_found_and_picked_by_keyboard(demo: Page) -> None:
    before = titles(demo)
    assert len(before) == 3 * 8
    picture(demo, "demo-first")
    view(demo).get_by_label("Find a user").fill("405")
    expect(view(demo).get_by_label("Users").locator("option").first).to_have_text("405")
    view(demo).get_by_label("Users").focus()
    demo.keyboard.press("Tab")
    demo.keyboard.press("Enter")
    expect(view(demo).get_by_role("status")).to_contain_text("User 405, 737 choices")
    assert changed(demo, before)


def test_a_slider_moves_by_keyboard_and_reorders_the_lists(demo: Page) -> None:
    before = titles(demo)
    slider = view(demo).locator(".widget-slider", has_text="Novelty")
    slider.get_by_role("slider").focus()
    for _ in range(6):
        demo.keyboard.press("ArrowRight")
    expect(slider.locator(".widget-readout")).to_have_text("30%")
    expect(view(demo).get_by_role("status")).to_contain_text("listed items are new")
    assert changed(demo, before)
    view(demo).get_by_role("button", name="Undo").click()
    expect(slider.locator(".widget-readout")).to_have_text("0%")


def test_a_like_joins_the_choices_and_changes_the_lists(demo: Page) -> None:
    view(demo).get_by_role("button", name="Reset", exact=True).click()
    expect(view(demo).get_by_role("status")).to_contain_text("737 choices")
    before = titles(demo)
    view(demo).get_by_role("button", name="Like", exact=True).last.click()
    expect(view(demo).get_by_role("status")).to_contain_text("738 choices")
    assert changed(demo, before)
    liked = before[-1].removeprefix("8. ")
    expect(view(demo).get_by_label("Choices").locator("option").first).to_contain_text(liked)
    picture(demo, "demo-liked")


def test_a_new_user_is_built_from_titles_and_a_title_is_only_text(demo: Page) -> None:
    view(demo).get_by_role("button", name="Start as a new user").click()
    expect(view(demo).get_by_text("nothing to say about these choices")).to_have_count(2)
    assert any(CANARY in title for title in titles(demo))
    view(demo).get_by_label("Find a title").fill("star wa")
    expect(view(demo).get_by_label("Titles").locator("option").first).to_have_text("Star Wars (1977)")
    view(demo).get_by_role("button", name="Add to the choices").click()
    expect(view(demo).get_by_role("status")).to_contain_text("A new user, 1 choices")
    expect(view(demo).get_by_text("Because you chose Star Wars").first).to_be_visible()
    assert demo.evaluate("window.hacked") is None


def test_the_demo_speaks_chinese_when_asked_to(demo: Page) -> None:
    view(demo).get_by_label("Language").select_option("中文")
    expect(view(demo).get_by_text("多样性")).to_be_visible()
    expect(view(demo).get_by_role("button", name="喜欢", exact=True).first).to_be_visible()
    picture(demo, "demo-chinese")
