"""Parameters: read from the cell without running it, converted by declared type, refused before a kernel starts."""

from __future__ import annotations

import pytest

from avrec_lib.errors import UsageError
from avrec_lib.runs.params import accept, convert, read_parameters, split_words

CELL = """
from typing import Literal

count: int = 5  # a whole number
rate: float = 1  # a share
name: str = "x"
fast: bool = True
models: list[str] = ["ease", "knn"]
sizes: list[int] = []
mode: Literal["time", "random"] = "time"  # how to split
weight: Literal[1, 2] = 1
limit: int | None = None
label: None | str = "a"
"""
SPECS = read_parameters(CELL, "nb")


def test_a_cell_is_read_with_types_defaults_and_comments():
    assert [str(spec.type) for spec in SPECS.values()] == [
        "int", "float", "str", "bool", "list[str]", "list[int]",
        "Literal['time', 'random']", "Literal[1, 2]", "int | None", "str | None",
    ]  # fmt: skip
    assert SPECS["count"].comment == "a whole number"
    assert SPECS["rate"].default == 1.0 and isinstance(SPECS["rate"].default, float)
    assert SPECS["models"].default == ["ease", "knn"]


def test_reading_a_cell_runs_nothing(tmp_path):
    read_parameters(f"import shutil\nfolder: str = {str(tmp_path)!r}", "nb")
    with pytest.raises(UsageError, match="literal"):
        read_parameters(f"x: str = str(__import__('shutil').rmtree({str(tmp_path)!r}))", "nb")
    assert tmp_path.is_dir()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "12", 12),
        ("count", "-3", -3),
        ("rate", "0.25", 0.25),
        ("rate", "2", 2.0),
        ("rate", "1e-3", 0.001),
        ("name", "007", "007"),
        ("name", "", ""),
        ("name", "none", "none"),
        ("name", "a=b", "a=b"),
        ("fast", "no", False),
        ("fast", "TRUE", True),
        ("fast", "0", False),
        ("models", "ease", ["ease"]),
        ("models", "ease, knn", ["ease", "knn"]),
        ("models", '["a,b", "c"]', ["a,b", "c"]),
        ("models", "", []),
        ("sizes", "1,2,3", [1, 2, 3]),
        ("sizes", "[1, 2]", [1, 2]),
        ("mode", "random", "random"),
        ("weight", "2", 2),
        ("limit", "none", None),
        ("limit", "", None),
        ("limit", "4", 4),
        ("label", "None", None),
    ],
)
def test_text_becomes_the_declared_type(name, text, value):
    converted = convert(SPECS[name], text)
    assert converted == value and type(converted) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("count", "nan", "a whole number"),
        ("count", "1.5", "a whole number"),
        ("count", "", "a whole number"),
        ("count", "none", "a whole number"),
        ("rate", "nan", "a finite number"),
        ("rate", "inf", "a finite number"),
        ("rate", "fast", "a finite number"),
        ("fast", "maybe", "true or false"),
        ("sizes", "1,b", "a list of int"),
        ("sizes", "[1, true]", "a list of int"),
        ("sizes", "[1,", "a list of int"),
        ("mode", "tiem", "one of time, random is expected. Did you mean time?"),
        ("weight", "3", "one of 1, 2"),
        ("limit", "many", "a whole number, or none"),
    ],
)
def test_text_of_another_type_is_refused_with_what_was_expected(name, text, expected):
    with pytest.raises(UsageError) as refusal:
        convert(SPECS[name], text)
    assert expected in str(refusal.value) and repr(name) in str(refusal.value)
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(("name", "value"), [("count", True), ("count", "5"), ("rate", float("nan")), ("models", "a")])
def test_values_from_a_file_must_have_the_type_already(name, value):
    with pytest.raises(UsageError):
        accept(SPECS[name], value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x = 3", "only lines like"),
        ("x: int", "literal of the type int"),
        ("x: int = 'a'", "literal of the type int"),
        ("x: int = len('a')", "literal of the type int"),
        ("x: dict = {}", "has the type dict"),
        ("x: int | str = 3", "has the type int | str"),
        ("x: list = []", "has the type list"),
        ("x: Literal[a] = 3", "has the type Literal[a]"),
        ("x: bool = 1", "literal of the type bool"),
        ("count: int = 3", "declared twice"),
        ("x: int = = 3", "not Python"),
        ("%matplotlib inline", "not Python"),
    ],
)
def test_a_line_that_declares_no_parameter_is_named(line, reason):
    with pytest.raises(UsageError) as refusal:
        read_parameters(f"count: int = 5\n\n{line}\n", "10_explore_logs")
    assert "Line 3 of the parameters cell of 10_explore_logs" in str(refusal.value)
    assert reason in str(refusal.value)


@pytest.mark.parametrize("name", ["password", "api_key", "hf_token", "client_secret", "AWS_SECRET_KEY", "apikey"])
def test_a_name_that_looks_like_a_secret_is_refused(name):
    with pytest.raises(UsageError, match="looks like a secret"):
        read_parameters(f"{name}: str = ''", "nb")
    with pytest.raises(UsageError, match="looks like a secret"):
        split_words([f"{name}=x"], [])


@pytest.mark.parametrize("name", ["max_tokens", "token_limit", "key", "keyword", "author", "n_keys"])
def test_a_size_in_tokens_is_no_secret(name):
    assert list(read_parameters(f"{name}: int = 3", "nb")) == [name]


@pytest.mark.parametrize("text", ["sk-" + "a" * 20, "hf_" + "A1" * 12, "AKIA" + "B" * 16, "https://me:pw@host/path"])
def test_a_value_that_looks_like_a_key_is_refused(text):
    with pytest.raises(UsageError, match="looks like a key"):
        convert(SPECS["name"], text)


def test_words_must_be_known_and_given_once():
    assert split_words(["count=3", " name = a b"], SPECS) == {"count": "3", "name": " a b"}
    with pytest.raises(UsageError, match=r"'cuont'. Did you mean count"):
        split_words(["cuont=3"], SPECS)
    with pytest.raises(UsageError, match="given twice"):
        split_words(["count=3", "count=4"], SPECS)
    with pytest.raises(UsageError, match="name=value"):
        split_words(["count"], SPECS)


@pytest.mark.parametrize(("text", "good"), [("1", True), ("0", False), ("-1", False), ("60", True), ("61", False)])
def test_bounds_at_the_head_of_a_comment_limit_a_value(text: str, good: bool) -> None:
    spec = read_parameters("k: int = 10  # >= 1, <= 60; length of the list", "nb")["k"]
    assert spec.bounds == [(">=", 1), ("<=", 60)]
    if good:
        assert convert(spec, text) == int(text)
    else:
        with pytest.raises(UsageError, match="must be >= 1, <= 60"):
            convert(spec, text)


def test_every_member_of_a_list_keeps_the_bounds_and_a_comment_without_bounds_sets_none() -> None:
    cell = "k: list[int] = [1]  # > 0; lengths\nshare: float | None = None  # a share > 0 of something"
    specs = read_parameters(cell, "nb")
    with pytest.raises(UsageError, match="must be > 0"):
        convert(specs["k"], "5,0")
    assert specs["share"].bounds == []


ENTRIES = read_parameters(
    "k: list[int] = [10]  # not empty, >= 1, <= 60; lengths\n"
    "shelf: list[Literal['knn', 'ease']] = ['knn']  # not empty; baselines\n"
    "title: str = 'x'  # >= 0, not empty; any order will do\n"
    "loose: list[int] = []  # not empty lists are not asked for here",
    "nb",
)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("k", "", "The parameter 'k' is empty, but needs at least one entry: a whole number."),
        ("k", "[]", "The parameter 'k' is empty, but needs at least one entry: a whole number."),
        ("k", "5,0", "The parameter 'k' is 0, but must be >= 1, <= 60."),
        ("shelf", "", "The parameter 'shelf' is empty, but needs at least one entry: one of knn, ease."),
        ("title", " ", "The parameter 'title' is ' ', but text is expected."),
    ],
)
def test_what_must_not_be_empty_is_refused_when_it_is(name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        convert(ENTRIES[name], text)
    assert refusal.value.text("en") == said
    if not text.strip():
        with pytest.raises(UsageError):
            accept(ENTRIES[name], text if name == "title" else [])


def test_not_empty_is_a_bound_only_where_it_stands_as_one() -> None:
    assert convert(ENTRIES["loose"], "") == []
    assert convert(ENTRIES["k"], "5,60") == [5, 60] and convert(ENTRIES["shelf"], "ease") == ["ease"]
    assert ENTRIES["k"].not_empty and ENTRIES["k"].bounds == [(">=", 1), ("<=", 60)]
