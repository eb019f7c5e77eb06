"""The demo of a test as a person uses it: `avrec demo experiment`, Run All, then mouse and keyboard."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from avrec_lib import paths

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NOTEBOOK = "91_demo_experiment.ipynb"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, jupyterlab: Callable, browser: Browser) -> Iterator[Page]:
    """The page that `avrec demo experiment` opens, after all cells have run."""
    home = tmp_path_factory.mktemp("workbench")
    (home / "notebooks").mkdir()
    shutil.copy(paths.notebooks_folder() / NOTEBOOK, home / "notebooks")
    with jupyterlab(home, ("-m", "avrec_lib", "demo", "experiment")) as (address, token):
        page = browser.new_page(viewport={"width": 1500, "height": 1500})
        page.goto(f"{address}/?token={token}")
        page.wait_for_url(f"**/{NOTEBOOK}*", timeout=60_000)
        expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible(timeout=90_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator("li[data-command='runmenu:run-all']").click()
        expect(page.get_by_role("button", name="Next day")).to_be_visible(timeout=180_000)
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=60_000)
        # The cells below the demo run first; then nothing moves any more.
        expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible(timeout=90_000)
        page.get_by_role("button", name="Next day").evaluate("button => button.scrollIntoView()")
        yield page
        picture(page, "experiment-last")
        page.close()


def picture(page: Page, name: str) -> None:
    """Keep a screenshot where AVREC_SCREENSHOTS says so."""
    if folder := os.environ.get("AVREC_SCREENSHOTS"):
        page.wait_for_timeout(500)
        page.screenshot(path=f"{folder}/{name}.png")


def view(page: Page) -> Locator:
    return page.locator(".jp-OutputArea-output .widget-vbox").first


def press(page: Page, slider: str, key: str, times: int = 1) -> Locator:
    """Press `key` on a slider so many times; the slider."""
    found = view(page).locator(".widget-slider", has_text=slider)
    found.get_by_role("slider").focus()
    for _ in range(times):
        page.keyboard.press(key)
    return found


def card(page: Page, title: str) -> Locator:
    """The card under `title`."""
    return view(page).locator(".widget-html", has=page.locator(f'div:text-is("{title}")'))


def test_the_demo_opens_on_a_running_test_and_a_day_more_moves_the_figure(demo: Page) -> None:
    picture(demo, "experiment-first")
    expect(card(demo, "Refusal light")).to_contain_text("Green")
    expect(card(demo, "Fixed test, peeked at")).to_contain_text("Don't ship")
    expect(card(demo, "Confidence sequence, read every day")).to_contain_text("Keep running")
    line = view(demo).locator(".js-plotly-plot .scatterlayer path.js-line").nth(2)
    before = line.get_attribute("d")
    view(demo).get_by_role("button", name="Next day").click()
    expect(view(demo).get_by_role("status")).to_contain_text("Day 7 of 14")
    expect(line).not_to_have_attribute("d", before or "")


def test_a_slider_moves_by_keyboard_and_the_cards_follow(demo: Page) -> None:
    peeked = card(demo, "Fixed test, peeked at")
    expect(peeked).to_contain_text("A miss: the true effect is +2 %")
    slider = press(demo, "True effect", "ArrowLeft", 8)
    expect(slider.locator(".widget-readout")).to_have_text("+0.00%")
    expect(peeked).to_contain_text("Nothing is lost by it: the true effect is 0 %")
    expect(card(demo, "Before the test")).to_contain_text("whatever a test finds is a false alarm")
    expect(view(demo).get_by_role("row", name="Fixed test, read once")).to_contain_text("–")
    slider = press(demo, "Peeking", "ArrowLeft", 2)
    expect(slider.locator(".widget-readout")).to_have_text("at the end")
    expect(peeked).to_contain_text("Not a look yet")


def test_the_light_goes_red_while_a_slider_is_dragged(demo: Page) -> None:
    slider = view(demo).locator(".widget-slider", has_text="Lost users")
    handle, track = slider.get_by_role("slider").bounding_box(), slider.locator(".noUi-target").bounding_box()
    assert handle and track
    middle = handle["y"] + handle["height"] / 2
    demo.mouse.move(handle["x"] + handle["width"] / 2, middle)
    demo.mouse.down()
    for share in (0.2, 0.5, 0.8):
        demo.mouse.move(track["x"] + share * track["width"], middle, steps=4)
    # The button is still down: what follows is seen while dragging.
    expect(card(demo, "Refusal light")).to_contain_text("Red: no effect may be read")
    expect(card(demo, "Confidence sequence, read every day")).to_contain_text("Cannot tell")
    picture(demo, "experiment-red")
    demo.mouse.up()
    press(demo, "Lost users", "Home")
    expect(card(demo, "Refusal light")).to_contain_text("Green")


def test_a_test_is_stopped_and_another_begins(demo: Page) -> None:
    slider = press(demo, "True effect", "ArrowRight", 8)
    expect(slider.locator(".widget-readout")).to_have_text("+2.00%")  # no key is lost, however fast they come
    press(demo, "Peeking", "ArrowRight", 2)
    stop = view(demo).get_by_role("button", name="Stop now")
    stop.focus()
    demo.keyboard.press("Space")
    expect(view(demo).get_by_role("status")).to_contain_text("Stopped on day 7 of 14")
    expect(card(demo, "Fixed test, read once")).to_contain_text("its interval promises nothing")
    expect(stop).to_be_disabled()
    expect(view(demo).get_by_role("button", name="Run to the end")).to_be_disabled()
    picture(demo, "experiment-stopped")
    view(demo).get_by_role("button", name="Another test").click()
    expect(card(demo, "Refusal light")).to_contain_text("Off")
    view(demo).get_by_role("button", name="Run to the end").click()
    expect(view(demo).get_by_role("status")).to_contain_text("Day 14 of 14")
    expect(card(demo, "Fixed test, read once")).to_contain_text("The plan is fulfilled")


def test_every_answer_says_that_it_came_within_200_milliseconds(demo: Page) -> None:
    answers = []
    for key in ("ArrowRight", "ArrowLeft"):
        press(demo, "Planned days", key)
        said = view(demo).get_by_role("status").inner_text()
        answers.append(int(re.search(r"(\d+) ms", said)[1]))  # type: ignore[index]
    assert min(answers) < 200


def test_the_demo_speaks_chinese_when_asked_to(demo: Page) -> None:
    view(demo).get_by_label("Language").select_option("中文")
    expect(view(demo).get_by_text("拒绝灯", exact=True)).to_be_visible()
    expect(view(demo).get_by_role("button", name="下一天")).to_be_visible()
    expect(view(demo).get_by_text("真实效应", exact=True).first).to_be_visible()
    picture(demo, "experiment-chinese")
