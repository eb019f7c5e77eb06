from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from feature_logs import ITEMS, asks, events_of

from avrec_lib.errors import DataError, UsageError
from avrec_lib.features import as_of, profile
from avrec_lib.features.bayes import NaiveBayes, naive_bayes, observations

# News is watched on the phone, films on the telly: three of news (all by phone), one of films (telly).
ROWS = pl.DataFrame(
    {
        "label": ["news", "news", "news", "film"],
        "platform": ["phone", "phone", "phone", "tv"],
        "hour": ["08", "08", None, "21"],
    }
)


def on(**context: str | None) -> pl.DataFrame:
    return pl.DataFrame({name: [value] for name, value in context.items()}, schema=dict.fromkeys(context, pl.String))


def test_maximum_likelihood_counts_shares():
    learned = naive_bayes(ROWS, ["platform"], smoothing=0)
    assert learned.prior.rows() == [("film", 1.0, 1 / 4), ("news", 3.0, 3 / 4)]
    assert learned.likelihood.select("value", "label", "probability").rows() == [
        ("phone", "film", 0.0), ("phone", "news", 1.0), ("tv", "film", 1.0), ("tv", "news", 0.0),
    ]  # fmt: skip
    assert learned.posterior(on(platform="tv")).tolist() == [[1.0, 0.0]]


def test_laplace_adds_one_to_every_count():
    learned = naive_bayes(ROWS, ["platform", "hour"])
    # P(film) = (1 + 1) / (4 + 2); P(phone | film) = (0 + 1) / (1 + 2), P(phone | news) = (3 + 1) / (3 + 2).
    film, news = 2 / 6 * 1 / 3, 4 / 6 * 4 / 5
    assert learned.posterior(on(platform="phone"))[0] == pytest.approx([film / (film + news), news / (film + news)])
    # At 21 o'clock as well: (1 + 1) / (1 + 2) for films; (0 + 1) / (2 + 2) for news, one of which has no hour.
    film, news = film * 2 / 3, news * 1 / 4
    assert learned.posterior(on(platform="phone", hour="21"))[0] == pytest.approx(
        [film / (film + news), news / (film + news)]
    )


def test_what_is_unknown_says_nothing():
    learned = naive_bayes(ROWS, ["platform", "hour"])
    for context in (on(platform=None), on(platform="watch", hour=None), on(weather="rain")):
        assert learned.posterior(context)[0] == pytest.approx([2 / 6, 4 / 6])


def test_a_users_own_interests_take_the_place_of_the_prior():
    learned = naive_bayes(ROWS, ["platform"])
    contexts = pl.DataFrame({"query_id": ["fan", "stranger", "other"], "platform": ["phone"] * 3})
    own = pl.DataFrame(
        {"query_id": ["fan", "fan", "other"], "label": ["film", "news", "opera"], "weight": [0.9, 0.1, 1.0]}
    )
    film, news = 0.9 / 3, 0.1 * 4 / 5
    given = learned.posterior(contexts, own, general_share=0)
    assert given[0] == pytest.approx([film / (film + news), news / (film + news)])
    assert given[1:] == pytest.approx(learned.posterior(contexts)[1:])
    # P(film) = 2/6 for all; with a quarter of it the fan's prior is 0.75 · 0.9 + 0.25 · 2/6.
    film, news = (0.75 * 0.9 + 0.25 * 2 / 6) / 3, (0.75 * 0.1 + 0.25 * 4 / 6) * 4 / 5
    assert learned.posterior(contexts, own, 0.25)[0, 0] == pytest.approx(film / (film + news))
    with pytest.raises(UsageError, match="between 0 and 1"):
        learned.posterior(contexts, own, 1.5)


def test_cross_entropy_is_the_mean_surprise_in_nats():
    learned = naive_bayes(ROWS, ["platform"])
    film, news = 2 / 6 * 1 / 3, 4 / 6 * 4 / 5
    held_out = pl.DataFrame({"label": ["news", "film", "opera"], "platform": ["phone"] * 3, "weight": [2.0, 1.0, 5.0]})
    total = film + news
    assert learned.cross_entropy(held_out) == pytest.approx(-(2 * math.log(news / total) + math.log(film / total)) / 3)
    assert learned.cross_entropy(held_out.tail(1)) is None
    impossible = naive_bayes(ROWS, ["platform"], smoothing=0)
    assert impossible.cross_entropy(held_out.slice(1, 1)) == math.inf


def test_nothing_is_possible_where_every_label_has_a_zero():
    learned = naive_bayes(ROWS, ["platform", "hour"], smoothing=0)
    assert np.isnan(learned.posterior(on(platform="phone", hour="21"))).all()


def test_maximum_likelihood_fits_its_own_rows_best():
    rng = np.random.default_rng(0)
    label = rng.choice(["a", "b", "c"], 300)
    rows = pl.DataFrame(
        {"label": label, "hour": np.where(rng.random(300) < 0.7, label, rng.choice(["a", "b", "c"], 300)),
         "weight": np.ones(300)}
    )  # fmt: skip
    entropies = [naive_bayes(rows, ["hour"], smoothing).cross_entropy(rows) for smoothing in (0, 10, 100, 1e6)]
    assert all(one < other for one, other in pairwise(entropies))  # type: ignore[operator]
    assert entropies[-1] == pytest.approx(math.log(3), abs=1e-2)


def test_observations_are_choices_with_their_context():
    log = events_of(
        [("u", "a", 5.5), ("u", "c", None), ("v", "d", 0), ("v", "b", 0)], event=["play", "play", "play", "skip"],
        platform=["tv", None, "tv", "tv"],
    )  # fmt: skip
    rows = observations(log, ITEMS, content=["category"])
    assert rows.rows() == [
        ("x", 0.5, "12", "weekend", "tv", "x"), ("y", 0.5, "12", "weekend", "tv", "x"),
        ("z", 1.0, None, None, None, "z"),
    ]  # fmt: skip
    known = observations(as_of(log, [asks("u")]), ITEMS, "creator")
    assert sorted(known.select("query_id", "label").rows()) == [("u", "anna"), ("u", "bert")]


def test_a_profile_is_a_prior():
    log = events_of([("u", "a", 1), ("u", "c", 1), ("v", "c", 1)], platform=["tv", "web", "web"])
    learned: NaiveBayes = naive_bayes(observations(log, ITEMS), ["platform"])
    interests = profile(log, [asks("u", 2)], ITEMS).interests.filter(pl.col("kind") == "tag")
    given = learned.posterior(pl.DataFrame({"query_id": ["u"], "platform": ["tv"]}), interests, 0)
    # Own x, y, z: ¼, ¼, ½. P(tv | x) = P(tv | y) = (½ + 1) / (½ + 2), P(tv | z) = (0 + 1) / (2 + 2).
    parts = np.array([0.25 * 0.6, 0.25 * 0.6, 0.5 * 0.25])
    assert given[0] == pytest.approx(parts / parts.sum())


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="no row has a label"):
        naive_bayes(ROWS.clear(), ["platform"])
    with pytest.raises(UsageError, match="0 or more"):
        naive_bayes(ROWS, ["platform"], smoothing=-1)
    with pytest.raises(UsageError, match="column"):
        observations(events_of([("u", "a", 0)]), ITEMS, content=["colour"])
