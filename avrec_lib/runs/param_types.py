"""The types a notebook parameter may declare, and how text and values become one of them."""

from __future__ import annotations

import ast
import json
import math
from dataclasses import dataclass
from typing import Any

from avrec_lib.strings import say

SUPPORTED = "int, float, str, bool, list[...], Literal[...], X | None"
SCALARS = ("int", "float", "str", "bool")
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
NONE_WORDS = ("none", "null", "")


@dataclass(frozen=True)
class ParameterType:
    """A declared type: a scalar, `list` of `item`, or `Literal` of `choices`; `optional` when None is allowed."""

    base: str
    item: ParameterType | None = None
    choices: tuple[Any, ...] = ()
    optional: bool = False

    def __str__(self) -> str:
        text = self.base
        if self.base == "Literal":
            text = f"Literal[{', '.join(repr(choice) for choice in self.choices)}]"
        elif self.base == "list":
            text = f"list[{self.item}]"
        return f"{text} | None" if self.optional else text

    def in_words(self) -> str:
        """What a person may write for it."""
        if self.base == "Literal":
            words = say("one of {choices}", choices=", ".join(str(choice) for choice in self.choices))
        elif self.base == "list":
            words = say("a list of {type}, like a,b or a JSON list", type=self.item)
        else:
            scalars = {"int": "a whole number", "float": "a finite number", "str": "text", "bool": "true or false"}
            words = say(scalars[self.base])
        return say("{words}, or none", words=words) if self.optional else words


def parse_type(node: ast.expr) -> ParameterType | None:
    """The type that the annotation `node` declares; None when it is not one of `SUPPORTED`."""
    if isinstance(node, ast.Name) and node.id in SCALARS:
        return ParameterType(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if ast.unparse(side) != "None"]
        inner = parse_type(sides[0]) if len(sides) == 1 else None
        return inner and ParameterType(inner.base, inner.item, inner.choices, optional=True)
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "list":
        inner = parse_type(node.slice)
        return inner and ParameterType("list", item=inner)
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("Literal", "typing.Literal"):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if all(isinstance(part, ast.Constant) for part in parts):
            return ParameterType("Literal", choices=tuple(ast.literal_eval(part) for part in parts))
    return None


def from_text(declared: ParameterType, text: str) -> Any:
    """`text` as a value of the declared type; raises ValueError when it is none."""
    word = text.strip().lower()
    if declared.optional and word in NONE_WORDS:
        return None
    if declared.base == "str":
        return text
    if declared.base == "bool":
        return _fitting(BOOLEANS.get(word), word in BOOLEANS)
    if declared.base == "Literal":
        named = [choice for choice in declared.choices if str(choice) == text.strip()]
        return _fitting(named[0] if named else None, bool(named))
    if declared.base == "list" and declared.item is not None:
        if text.strip().startswith("["):
            return check_value(declared, json.loads(text))
        return [from_text(declared.item, part.strip()) for part in text.split(",")] if word else []
    return check_value(declared, int(text) if declared.base == "int" else float(text))


def check_value(declared: ParameterType, value: Any) -> Any:
    """`value` when it fits the declared type (a whole number fits float); raises ValueError otherwise."""
    if value is None and declared.optional:
        return None
    if declared.base == "list" and isinstance(value, list) and declared.item is not None:
        return [check_value(declared.item, entry) for entry in value]
    if declared.base == "Literal":
        # True == 1 in Python: a choice must have the value's own type.
        fits = any(type(choice) is type(value) and choice == value for choice in declared.choices)
        return _fitting(value, fits)
    if declared.base == "float":
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(_fitting(value, number))
    return _fitting(value, type(value).__name__ == declared.base)


def _fitting(value: Any, fits: bool) -> Any:
    if not fits:
        raise ValueError(value)
    return value
