"""What people do with a slate: look, click, watch, like, share. Every chance is a formula of the world's options."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avrec_lib.simulate.catalogue import DAY
from avrec_lib.simulate.chance import Purpose, logistic, sigmoid, uniform
from avrec_lib.simulate.options import WorldOptions
from avrec_lib.simulate.people import part_of_day
from avrec_lib.simulate.world import World

LENGTH_FIT = np.array([-1.0, 0.0, 1.0], np.float32)  # what a long item is to mobile, web and TV
NEWNESS_DAYS = 3.0
BETWEEN_PLACES = 2.0  # seconds from one place to the next


@dataclass(frozen=True)
class Moment:
    """n requests as the world sees them: true tastes (n, topics), platforms, hours, times (n,), keys of their luck."""

    taste: np.ndarray
    platform: np.ndarray
    hour: np.ndarray
    times: np.ndarray
    key: np.ndarray


@dataclass(frozen=True)
class Responses:
    """What happened to a slate, arrays (n, slots), and what it was worth to its user, `experience` (n,) in −1 … 1.

    `at` is in seconds after the request when an item was clicked; `busy` (n,) when the user was done with the slate.
    """

    looked: np.ndarray
    clicked: np.ndarray
    watched: np.ndarray
    liked: np.ndarray
    shared: np.ndarray
    at: np.ndarray
    busy: np.ndarray
    experience: np.ndarray


def examination(options: WorldOptions, platform: np.ndarray, slots: int) -> np.ndarray:
    """The chance (n, slots) that each place is looked at: (p + 1)^−steepness of the platform, p from 0."""
    steepness = np.asarray(options.steepness)[platform]
    return np.arange(1, slots + 1) ** -steepness[:, None]


def true_match(world: World, moment: Moment, items: np.ndarray) -> np.ndarray:
    """How well `items` (n, m) meet the true taste of the moment: the blend of the tastes for their two topics."""
    catalogue, mood = world.catalogue, world.hidden.mood
    now = (
        moment.taste
        + np.float32(world.options.mood_to_click / max(world.options.match_to_click, 1e-9))
        * (mood[part_of_day(moment.hour)])
    )
    blend = catalogue.blend[items]
    first = np.take_along_axis(now, catalogue.topic[items], axis=1)
    second = np.take_along_axis(now, catalogue.second_topic[items], axis=1)
    return second + blend * (first - second)


def attraction(
    world: World, moment: Moment, items: np.ndarray, match: np.ndarray, glow: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """The chance (n, m) of a click on each of `items` once it is looked at.

    `match` is `true_match`, `glow` (items,) the logarithm of popularity over its mean, `known` (n, m) what the user
    chose before.
    """
    options, hidden = world.options, world.hidden
    age = (moment.times[:, None] - world.catalogue.published[items]) / DAY
    fit = LENGTH_FIT[moment.platform][:, None] * hidden.long[items]
    static = options.appeal_to_click * hidden.appeal + options.popularity_to_click * glow
    logit = options.click + options.match_to_click * match + static[items] + options.length_to_click * fit
    logit += options.newness_to_click * np.exp(-age / NEWNESS_DAYS) + options.known_to_click * known
    return sigmoid(logit)


def pleasure(world: World, items: np.ndarray, match: np.ndarray) -> np.ndarray:
    """What an item is worth to a user who chose it, −1 … 1: tanh of half its match and quality."""
    return np.tanh(0.5 * (match + world.hidden.quality[items]))


def respond(world: World, moment: Moment, items: np.ndarray, glow: np.ndarray, known: np.ndarray) -> Responses:
    """What the users of a moment do with their slates `items` (n, slots)."""
    options, slots = world.options, items.shape[1]
    match = true_match(world, moment, items)
    looked = uniform(moment.key, Purpose.LOOK, slots) < examination(options, moment.platform, slots)
    chance = attraction(world, moment, items, match, glow, known)
    clicked = looked & (uniform(moment.key, Purpose.CLICK, slots) < chance)
    seconds = world.catalogue.seconds[items]
    watched, liked, shared = np.zeros(items.shape), np.zeros(items.shape, bool), np.zeros(items.shape, bool)
    row, slot = np.nonzero(clicked)  # what follows a click is worked out for clicks only
    match, quality, length = match[row, slot], world.hidden.quality[items[row, slot]], seconds[row, slot]
    noise = logistic(uniform(moment.key, Purpose.WATCH, slots)[row, slot])
    pull = options.match_to_watch * match + options.quality_to_watch * quality + options.spread_of_watch * noise
    seen = np.minimum(np.asarray(options.attention)[moment.platform[row]] * np.exp(pull), length)
    watched[row, slot] = np.maximum(np.round(seen, 1), 0.1)
    warmth = match + quality + 1.5 * (seen / length - 0.5)
    liked[row, slot] = uniform(moment.key, Purpose.LIKE, slots)[row, slot] < sigmoid(options.like + warmth)
    shared[row, slot] = uniform(moment.key, Purpose.SHARE, slots)[row, slot] < sigmoid(options.share + warmth)
    at = BETWEEN_PLACES * np.arange(1, slots + 1) + np.cumsum(watched, axis=1) - watched
    joy = np.zeros(items.shape)
    joy[row, slot] = np.tanh(0.5 * (match + quality))
    experience = np.tanh(joy.sum(1) - 0.25 * ~clicked.any(1))
    busy = BETWEEN_PLACES * (slots + 1) + watched.sum(1)
    return Responses(looked, clicked, watched, liked, shared, at, busy, experience)
