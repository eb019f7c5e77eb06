"""What may be tuned, and that every model starts from something that may."""

from __future__ import annotations

import inspect

import pytest

from avrec_lib import models
from avrec_lib.errors import UsageError
from avrec_lib.models.search_space import OneOf, Real, Whole

TUNED = [
    made for made in (getattr(models, name) for name in sorted(models.__all__)) if inspect.isclass(made)
    and getattr(made, "space", None)
]  # fmt: skip


@pytest.mark.parametrize("model", TUNED, ids=lambda model: model.__name__)
def test_every_model_starts_inside_its_space_and_its_ends_can_be_made(model):
    arguments = inspect.signature(model).parameters
    given = {"sources": [models.Popularity()]} if "sources" in arguments else {}
    for name, kind in model.space.items():
        assert kind.contains(arguments[name].default), name
        for end in kind.values if isinstance(kind, OneOf) else (kind.low, kind.high):
            model(**given, **{name: end})


def test_a_range_holds_its_ends_and_values_of_its_type():
    assert [Whole(1, 3).contains(value) for value in (1, 3, 0, 4, 2.0, True, None)] == [True, True, *[False] * 5]
    assert [Real(0, 1).contains(value) for value in (0, 1.0, 0.5, 1.1, False, "0", None)] == [True] * 3 + [False] * 4
    assert [OneOf(1, "a", None).contains(value) for value in (1, "a", None, True, 1.0, "b")] == [True] * 3 + [False] * 3


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Whole(3, 3), "from a lower to a higher number, not from 3 to 3"),
        (lambda: Whole(1.0, 2), "whole numbers, not 1.0 and 2"),
        (lambda: Whole(0, 3, log=True), "begins above 0"),
        (lambda: Real(0.0, 3, log=True), "begins above 0"),
        (lambda: Real(0, float("inf")), "finite"),
        (lambda: Real("a", 2), "finite"),
        (lambda: OneOf(), "OneOf takes"),
        (lambda: OneOf(1, 1), "OneOf takes"),
        (lambda: OneOf((1, 2), 1), "OneOf takes"),
    ],
    ids=range(9),
)
def test_a_range_that_is_none_is_refused(make, said):
    with pytest.raises(UsageError, match=said):
        make()
