"""The widgets without a browser: made, and their events fired."""

from __future__ import annotations

import pytest
from small_shop import HARMFUL, Mute, events, items, state

from avrec_lib.widgets.recommendation_state import RecommendationState
from avrec_lib.widgets.view import DemoView


@pytest.fixture
def shop() -> RecommendationState:
    shop = state()
    shop.pick_user("user 3")
    return shop


@pytest.fixture
def demo(shop: RecommendationState) -> DemoView:
    return DemoView(shop, "en")


def cards(demo: DemoView, model: str = "popularity") -> list[str]:
    """What the visible places of a list show."""
    return [slot.card.value for slot in demo.columns[model].slots if slot.widget.layout.display != "none"]


def test_every_list_has_a_column_with_a_card_for_each_item(demo: DemoView) -> None:
    assert list(demo.columns) == ["popularity", "item-KNN"]
    assert len(cards(demo)) == 3
    (card,) = cards(demo, "item-KNN")
    assert "<b>1. Comedy 3</b> (1993)" in card
    assert "Because you chose" in card


def test_the_buttons_of_an_item_do_what_they_say(demo: DemoView, shop: RecommendationState) -> None:
    for action, kept in (("like", "liked"), ("skip", "hidden"), ("less_like", "lowered")):
        slot = demo.columns["popularity"].slots[0]
        before = slot.card.value
        assert len(getattr(shop.visit, kept)) == 0 or kept == "hidden"
        slot.buttons[action].click()
        assert len(getattr(shop.visit, kept)) == 1
        assert slot.card.value != before
    assert "6 choices" in demo.status.value


def test_a_slider_that_moves_moves_the_state_and_undo_moves_it_back(demo: DemoView, shop: RecommendationState) -> None:
    demo.sliders["freshness"].value = 0.45
    assert shop.visit.sliders.freshness == 0.45
    demo.undo.click()
    assert (demo.sliders["freshness"].value, shop.visit.sliders.freshness) == (0, 0)
    assert not any(slider.value for slider in demo.sliders.values())


def test_a_user_is_searched_for_and_picked(demo: DemoView, shop: RecommendationState) -> None:
    demo.users.text.value = "user 15"
    assert demo.users.options.options == (("user 15", "user 15"),)
    demo.users.button.click()
    assert shop.visit.user_id == "user 15"
    demo.users.text.value = "no such user"
    assert demo.users.button.disabled


def test_a_new_user_is_built_from_titles_and_a_title_can_be_taken_out(
    demo: DemoView, shop: RecommendationState
) -> None:
    demo.newcomer.click()
    assert "nothing to say" in demo.columns["item-KNN"].heading.value
    assert cards(demo, "item-KNN") == []
    demo.titles.text.value = "drama 2"
    demo.titles.button.click()
    assert [text for text, _ in demo.history.options] == ["Drama 2 (1992)"]
    assert len(cards(demo, "item-KNN")) == 3
    demo.remove.click()
    assert shop.visit.history == ()
    assert demo.remove.disabled


def test_the_language_changes_all_words_and_nothing_else(demo: DemoView, shop: RecommendationState) -> None:
    before = shop.visit
    demo.language.value = "zh"
    assert demo.sliders["diversity"].description == "多样性"
    assert demo.users.text.description == "查找用户"
    assert demo.columns["popularity"].slots[0].buttons["like"].description == "喜欢"
    assert "大家都喜欢" in cards(demo)[0]
    assert demo.figures[0].widget.layout.xaxis.title.text == "发布年份"
    assert shop.visit == before
    demo.language.value = "en"
    assert demo.sliders["diversity"].description == "Diversity"


def test_every_control_has_a_name(demo: DemoView) -> None:
    buttons = [button for column in demo.columns.values() for slot in column.slots for button in slot.buttons.values()]
    shown = [button for button in buttons if button.description]
    assert len(shown) == 3 * 4, "three items of popularity, one of item-KNN"
    assert all(button.tooltip for button in shown)
    rest = [demo.undo, demo.reset, demo.newcomer, demo.remove, demo.history, demo.language, *demo.sliders.values()]
    assert all(control.description for control in rest)


def test_a_harmful_title_is_text_in_cards_and_figures() -> None:
    shop = state(items=items().with_columns(title=items()["title"].replace("Comedy 0", HARMFUL)))
    shop.new_user(["comedy 0"])
    demo = DemoView(shop, "en")
    shown = [*cards(demo), *cards(demo, "item-KNN"), demo.columns["item-KNN"].heading.value]
    assert any("&lt;script&gt;" in card for card in shown)
    assert not any("<script" in card or "<img" in card for card in shown)
    texts = [text for trace in demo.figures[0].widget.data for text in trace.text]
    assert any("&lt;script&gt;" in text for text in texts)
    assert not any("<script" in text for text in texts)


def test_the_figures_follow_the_lists(demo: DemoView) -> None:
    popular, tags = (figure.widget for figure in demo.figures)
    assert [trace.name for trace in popular.data] == ["history", "popularity", "item-KNN"]
    assert list(popular.data[2].text) == ["Comedy 3"]
    demo.newcomer.click()
    assert [trace.name for trace in popular.data] == ["popularity"], "an empty history and an empty list have no points"
    assert [trace.name for trace in tags.data] == ["popularity"]


def test_without_tags_and_dates_there_is_one_figure_and_no_slider_for_freshness() -> None:
    shop = state(events=events().drop("timestamp"), items=None)
    demo = DemoView(shop, "en")
    assert len(demo.figures) == 1
    assert demo.sliders["freshness"].disabled
    demo.sliders["diversity"].value = 0.5
    assert len(cards(demo)) == 3


def test_models_that_say_nothing_are_shown_as_such() -> None:
    demo = DemoView(state(models={"mute": Mute()}), "en")
    demo.titles.button.click()
    assert "nothing to say" in demo.columns["mute"].heading.value


def test_what_the_state_refuses_is_said_and_nothing_breaks(demo: DemoView, shop: RecommendationState) -> None:
    demo._act(shop.pick_user, "user 77")
    assert 'role="alert"' in demo.status.value
    assert "There is no user named" in demo.status.value
