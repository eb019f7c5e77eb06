from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.schema import Items, check_table, with_all_columns
from avrec_lib.simulate.catalogue import items_table
from avrec_lib.simulate.options import MUSIC, VIDEO, fingerprint, varied
from avrec_lib.simulate.world import World, make_world

FROZEN = {"video": "ffc9124d72b8d06a", "music": "a6580b6ab294c99f", "moving": "ac9ef12463ff4d59"}
"""Whoever changes what the same options give raises REVISION, and writes the new ones here."""


def test_options_cannot_be_changed_once_they_are_made() -> None:
    with pytest.raises(FrozenInstanceError):
        VIDEO.click = 0.0  # type: ignore[misc]


def test_every_single_number_is_in_the_fingerprint() -> None:
    marks = {fingerprint(VIDEO, 0), fingerprint(VIDEO, 1)}
    for name, value in ((entry.name, getattr(VIDEO, entry.name)) for entry in fields(VIDEO)):
        if isinstance(value, tuple):
            other = replace(VIDEO, **{name: tuple(part * 1.01 for part in value)})
        elif name == "kind":
            other = replace(VIDEO, kind="music")
        else:
            other = replace(VIDEO, **{name: value + 1 if isinstance(value, int) else value * 0.97 + 0.002})
        marks.add(fingerprint(other, 0))
    assert len(marks) == 2 + len(fields(VIDEO))


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    # Changes only when the options or the revision do: then raise REVISION on purpose.
    assert {kind: make_world(kind, 0).fingerprint for kind in FROZEN} == FROZEN
    small = make_world("video", seed=5, items=400)
    assert small.options.canonical().startswith('{"again":0.35,"appeal_to_click":0.6,"attention":[')


def test_the_same_seed_gives_the_same_catalogue_and_another_seed_another() -> None:
    first, again, other = (make_world("music", seed=seed, items=400).catalogue for seed in (1, 1, 2))
    assert (first.seconds == again.seconds).all() and (first.topic == again.topic).all()
    assert not (first.seconds == other.seconds).all()


@pytest.mark.parametrize("options", [VIDEO, MUSIC], ids=["video", "music"])
def test_items_stand_in_order_of_publication_and_have_the_lengths_asked_for(options) -> None:
    catalogue = World(options).catalogue
    assert (np.diff(catalogue.published) >= 0).all()
    assert options.shortest_seconds <= catalogue.seconds.min() <= catalogue.seconds.max() <= options.longest_seconds
    assert np.median(catalogue.seconds) == pytest.approx(options.median_seconds, rel=0.05)
    assert (catalogue.topic != catalogue.second_topic).all()
    assert catalogue.out_at(catalogue.published[10]) >= 11


def test_the_catalogue_is_a_table_of_items() -> None:
    world = make_world("music", items=400)
    table = check_table(with_all_columns(items_table(world.catalogue, "music").lazy(), Items).collect(), Items, "items")
    assert table.height == 400
    assert table["creator_id"].str.starts_with("a").all()
    assert (table["tags"].list.first() == table["category"]).all()


def test_a_varied_world_differs_in_its_strengths_and_is_the_same_for_the_same_generator() -> None:
    first, again = (varied(VIDEO, np.random.default_rng(3)) for _ in range(2))
    assert first == again != VIDEO
    assert first.items == VIDEO.items and first.match_to_click != VIDEO.match_to_click


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"slots": 61}, "A world with slots = 61: expected 1 to 60."),
        ({"candidates": 1001}, "candidates = 1001: expected 0 to 1000."),
        ({"popular_share": 0.9}, "popular_share + taste_share"),
        ({"honesty": 2.0}, "honesty = 2.0: expected 0 to 1."),
        ({"clicks": 1}, "There is no number of a world named 'clicks'. Did you mean click?"),
    ],
)
def test_a_world_that_cannot_be_is_refused(changes: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(").replace("+", r"\+").replace("?", r"\?")):
        make_world("video", **changes)


def test_an_unknown_kind_of_world_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no world named 'vidoe'\. Did you mean video"):
        make_world("vidoe")
