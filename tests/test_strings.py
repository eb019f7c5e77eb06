"""Every sentence has a Chinese translation with the same values, found by reading the code and the notebooks.

A call *speaks* when it is `say(…)`, raises an error of the family, or passes its argument on to a call that speaks:
`finding("…")`, `show(figure, "…")` and the like are followed through their parameters. Help texts of the command line
are docstrings and `help=`, which do not speak.
"""

from __future__ import annotations

import ast
import json
import re
import string
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from avrec_lib.data.catalogue import entries
from avrec_lib.strings import say

ROOT = Path(__file__).resolve().parent.parent
STRINGS = ROOT / "avrec_lib" / "strings"
Function = ast.FunctionDef | ast.AsyncFunctionDef
TEMPLATE_CALL = re.compile(r"""\b(?:say|both|plain|rich)\(\s*(["'])(.+?)\1""")


@cache
def sources() -> dict[str, ast.Module]:
    """The syntax trees of the library and of the notebooks' code cells, by path."""
    trees = {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in _files("avrec_lib", "*.py")}
    for path in _files("notebooks", "*.ipynb"):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        for index, cell in enumerate(cells):
            if cell["cell_type"] == "code":
                trees[f"{path.relative_to(ROOT)}[{index}]"] = ast.parse("".join(cell["source"]))
    return trees


def _files(folder: str, pattern: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob(pattern) if ".ipynb_checkpoints" not in path.parts)


def called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@cache
def scopes(tree: ast.Module) -> list[tuple[Function | ast.Module, ast.Call]]:
    """Every call with the innermost function it stands in (or the module)."""

    def walk(node: ast.AST, scope: Function | ast.Module) -> Iterator[tuple[Function | ast.Module, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield scope, child
            yield from walk(child, child if isinstance(child, Function) else scope)

    return list(walk(tree, tree))


@cache
def speakers() -> dict[str, set[str | int]]:
    """Names of what speaks -> which arguments do: positions and keywords."""
    found: dict[str, set[str | int]] = defaultdict(set, say={0}, unknown_name={0})
    for name in error_family():
        found[name] = {0, "hint"}
    before = -1
    while before != (before := sum(map(len, found.values()))):
        for tree in sources().values():
            for scope, call in scopes(tree):
                if called(call) in found:
                    ends = [end for spoken in spoken_arguments(call, found) for end in reached(spoken, scope, tree)]
                    if isinstance(scope, Function):
                        _note(found, scope, {end.id for end in ends if isinstance(end, ast.Name)})
                    for end in ends:
                        if isinstance(end, ast.Attribute):
                            _note_field(found, end.attr)
    return found


def _note(found: dict[str, set[str | int]], function: Function, names: set[str]) -> None:
    places = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    method = bool(places) and places[0] in ("self", "cls")
    for name in names & {*places, *(argument.arg for argument in function.args.kwonlyargs)}:
        found[function.name].add(name)
        if name in places:
            found[function.name].add(places.index(name) - method)


def _note_field(found: dict[str, set[str | int]], field: str) -> None:
    for node in (node for tree in sources().values() for node in ast.walk(tree)):
        if isinstance(node, ast.ClassDef) and any("dataclass" in ast.dump(mark) for mark in node.decorator_list):
            names = [entry.target.id for entry in node.body if isinstance(entry, ast.AnnAssign)]  # type: ignore[union-attr]
            if field in names:
                found[node.name] |= {names.index(field), field}


def error_family() -> set[str]:
    classes = [node for tree in sources().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    family = {"AvrecError"}
    for _ in range(4):
        family |= {c.name for c in classes if {getattr(base, "id", "") for base in c.bases} & family}
    return family


def spoken_arguments(call: ast.Call, found: dict[str, set[str | int]]) -> Iterator[ast.expr]:
    which = found.get(called(call), set())
    yield from (argument for place, argument in enumerate(call.args) if place in which)
    yield from (keyword.value for keyword in call.keywords if keyword.arg in which)


def leaves(expression: ast.AST) -> Iterator[ast.AST]:
    """What the value of an expression can come from: through branches, containers and look-ups in them."""
    match expression:
        case ast.IfExp(body=body, orelse=orelse):
            inner = [body, orelse]
        case ast.BoolOp(values=inner) | ast.Dict(values=inner) | ast.List(elts=inner) | ast.Tuple(elts=inner):
            pass
        case ast.Subscript(value=value) | ast.Starred(value=value):
            inner = [value]
        case ast.Call(func=ast.Attribute(value=value, attr="get" | "items" | "values")):
            inner = [value]
        case _:
            yield expression
            return
    for part in inner:
        yield from leaves(part)


def reached(expression: ast.AST, scope: ast.AST, tree: ast.Module) -> list[ast.AST]:
    """The leaves of `expression`, and of all that its names are assigned to or loop over in the scope or module."""
    ends, todo, seen = [], list(leaves(expression)), set()
    while todo:
        end = todo.pop()
        ends.append(end)
        if isinstance(end, ast.Name) and end.id not in seen:
            seen.add(end.id)
            places = [scope]
            if end.id == end.id.upper():  # a table of sentences, of this module or another
                places = [tree] if end.id in assigned(tree) else list(sources().values())
            todo += [leaf for place in places for value in assigned(place).get(end.id, []) for leaf in leaves(value)]
    return ends


@cache
def assigned(place: ast.AST) -> dict[str, list[ast.AST]]:
    """Name -> what it is assigned to or loops over, anywhere in `place`."""
    found: dict[str, list[ast.AST]] = defaultdict(list)
    for node in ast.walk(place):
        match node:
            case ast.Assign(targets=targets, value=value):
                pass
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                targets = [target]
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                targets = [target]
            case _:
                continue
        for name in (inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)):
            found[name].append(value)
    return found


def is_sentence(end: ast.AST) -> bool:
    """Whether a leaf is text with words of its own, not only values in braces."""
    words = re.sub(r"{.*?}", "", end.value) if isinstance(end, ast.Constant) and isinstance(end.value, str) else ""
    return bool(re.search(r"[A-Za-z]{2}", words))


@cache
def sentences() -> dict[str, str]:
    """Every template that is spoken -> where."""
    found = {}
    for place, tree in sources().items():
        for scope, call in scopes(tree):
            for spoken in spoken_arguments(call, speakers()):
                ends = filter(is_sentence, reached(spoken, scope, tree))
                found |= dict.fromkeys((end.value for end in ends), f"{place}:{call.lineno}")  # type: ignore[attr-defined]
    for path in _files("avrec_lib/report/templates", "*.html"):
        for match in TEMPLATE_CALL.finditer(path.read_text("utf-8")):
            found[match[2]] = str(path.relative_to(ROOT))
    for entry in entries().values():
        found |= dict.fromkeys(filter(None, (entry.good_for, entry.licence, entry.tested)), "catalogue.toml")
    return found


@cache
def translations() -> dict[str, dict[str, str]]:
    return {path.name: json.loads(path.read_text("utf-8")) for path in sorted(STRINGS.glob("*.zh.json"))}


def fields(template: str) -> set[str]:
    names = (name for _, name, _, _ in string.Formatter().parse(template) if name is not None)
    return {re.split(r"[.\[]", name)[0] for name in names}


def test_every_sentence_has_a_translation():
    known = {english for table in translations().values() for english in table}
    missing = [f"{place}: {text}" for text, place in sentences().items() if text not in known]
    assert not missing, "\n".join(sorted(missing))


def test_a_translation_carries_the_same_values():
    wrong = [
        f"{file}: {english}"
        for file, table in translations().items()
        for english, chinese in table.items()
        if "{" in english + chinese and fields(english) != fields(chinese)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_sentence_is_translated_the_same_way_everywhere():
    ways = defaultdict(set)
    for table in translations().values():
        for english, chinese in table.items():
            ways[english].add(chinese)
    assert {english: chinese for english, chinese in ways.items() if len(chinese) > 1} == {}


def test_no_translation_is_left_over():
    written = {
        node.value
        for tree in sources().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    left = [
        f"{file}: {english}"
        for file, table in translations().items()
        for english in table
        if english not in written and english not in sentences()
    ]
    assert not left, "\n".join(left)


def test_the_command_line_prints_no_sentence_past_the_catalogue():
    bare = [
        f"{place}:{call.lineno}"
        for place, tree in sources().items()
        for _, call in scopes(tree)
        if called(call) == "echo"
        for argument in call.args[:1]
        if re.search(r"(?:[a-z]{2,} ){2}[a-z]{2,}", _text(argument))
    ]
    assert not bare, "\n".join(bare)


def _text(expression: ast.expr) -> str:
    parts = expression.values if isinstance(expression, ast.JoinedStr) else [expression]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)


@pytest.mark.parametrize(
    ("template", "values", "said"),
    [
        ("There is no {kind} named {name}.", {"kind": "x", "name": "y"}, "y"),
        ("{braces} stand as they are", {}, "{braces}"),
    ],
)
def test_a_sentence_is_filled_with_its_values(template: str, values: dict[str, str], said: str):
    assert said in say(template, "en", **values)
