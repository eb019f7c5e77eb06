"""A model whose options may be chosen: who makes it, what may be tried, and where it starts."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from avrec_lib.data.dataset import fingerprint
from avrec_lib.errors import UsageError, nearest
from avrec_lib.models.search_space import OneOf, Range, Real, Space, Whole, is_plain
from avrec_lib.protocols import Recommender

Maker = Callable[..., Recommender]


@dataclass(frozen=True)
class Tunable:
    """`make(**fixed, **options)` gives an unfitted model; `defaults` are the options it has when nobody chooses."""

    name: str
    make: Maker
    fixed: Mapping[str, Any]
    space: Space
    defaults: Mapping[str, Any]

    @classmethod
    def of(cls, make: Maker, fixed: Mapping[str, Any] | None = None, space: Space | None = None) -> Tunable:
        """What `make` declares as its `space`, or `space`, without the arguments that are `fixed`.

        The arguments of a `functools.partial` are fixed too. Raises UsageError for a name that is no argument, and for
        an argument to be tuned that has no default to start from.
        """
        if isinstance(make, functools.partial):
            if make.args:
                raise UsageError("A partial model takes its options by name.", hint="Use partial(Model, option=value).")
            return cls.of(make.func, {**make.keywords, **(fixed or {})}, space)
        fixed = dict(fixed or {})
        wanted = dict(getattr(make, "space", {}) if space is None else space)
        label = getattr(make, "__name__", type(make).__name__)
        known = inspect.signature(make).parameters
        for name in (*fixed, *wanted):
            if name not in known:
                guess = nearest(name, known)
                raise UsageError(
                    "{model} has no argument {name}.", hint="Did you mean {guess}?" if guess else "Known: {known}.",
                    model=label, name=repr(name), guess=guess, known=", ".join(known) or "–",
                )  # fmt: skip
        tuned = {name: kind for name, kind in wanted.items() if name not in fixed}
        for name, kind in tuned.items():
            if not isinstance(kind, Range):
                raise UsageError(
                    "The space of {name} is Whole, Real or OneOf, not {kind}.", name=name, kind=type(kind).__name__
                )
            if known[name].default is inspect.Parameter.empty:
                raise UsageError(
                    "{name} of {model} has no default, so tuning has nothing to start from.",
                    hint="Give it a default, or fix it.", name=repr(name), model=label,
                )  # fmt: skip
            if not is_plain(known[name].default):
                raise UsageError(
                    "The default of {name} is {value}, but tuning takes words, numbers, true, false or None.",
                    name=repr(name), value=repr(known[name].default),
                )  # fmt: skip
        defaults = {name: known[name].default for name in tuned}
        return cls(make(**fixed).name, make, fixed, tuned, defaults)

    def model(self, options: Mapping[str, Any]) -> Recommender:
        """An unfitted model with `options` beside what is fixed."""
        return self.make(**self.fixed, **options)

    @property
    def starts_inside(self) -> bool:
        """Whether every default is something that tuning may try."""
        return all(kind.contains(self.defaults[name]) for name, kind in self.space.items())

    def identity(self) -> dict[str, Any]:
        """Plain values that say what is tuned: when they change, old trials answer another question."""
        model = self.model(self.defaults)
        options = getattr(model, "options", None)
        return {
            "name": self.name,
            "made_by": _path(self.make),
            "class": _path(type(model)),
            "options": content_of(options()) if callable(options) else {},
            "fixed": {name: content_of(value) for name, value in self.fixed.items()},
            "space": {name: [type(kind).__name__, vars(kind)] for name, kind in self.space.items()},
            "defaults": dict(self.defaults),
        }


def content_of(value: Any) -> Any:
    """Plain values that differ when `value` does: a table by its fingerprint, a model by its options.

    Raises UsageError for what cannot be told apart from another.
    """
    if is_plain(value):
        return value
    if isinstance(value, pl.DataFrame | pl.LazyFrame):
        return fingerprint({"table": value.lazy()})
    if isinstance(value, list | tuple):
        return [content_of(each) for each in value]
    if isinstance(value, Mapping):
        return {str(name): content_of(each) for name, each in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        each = {one.name: content_of(getattr(value, one.name)) for one in dataclasses.fields(value)}
        return {"class": _path(type(value)), **each}
    if callable(options := getattr(value, "options", None)):
        return {"class": _path(type(value)), "options": content_of(options())}
    raise UsageError(
        "Tuning cannot tell one {kind} from another, so its trials could not be kept apart.",
        hint="Fix plain values, tables or models.", kind=type(value).__name__,
    )  # fmt: skip


def _path(made: Any) -> str:
    return f"{getattr(made, '__module__', '')}.{getattr(made, '__qualname__', '')}"


def same_value(kind: Range, value: Any) -> Any:
    """`value`, which the search proposed, in the type that the constructor expects."""
    match kind:
        case Whole():
            return int(value)
        case Real():
            return float(value)
        case OneOf():
            return value
