"""Naming a stranger's class, and one clear sentence for everything that can be wrong with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from avrec_lib.errors import UsageError
from avrec_lib.models.bring import bring_model
from avrec_lib.models.contract import require_contract

STRANGERS = Path(__file__).parent / "strangers.py"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, and an import path that is put back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVREC_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def why(spec: str, **options: object) -> str:
    with pytest.raises(UsageError) as caught:
        bring_model(spec, **options)
    return caught.value.text("en")


def test_a_class_in_a_file_is_made_and_passes_the_contract() -> None:
    assert bring_model(f"{STRANGERS}:Neighbours").name == "neighbours"
    require_contract(lambda: bring_model(f"{STRANGERS}:Neighbours"))


def test_a_class_in_a_package_is_found_in_the_working_folder_and_in_the_workbench(elsewhere: Path) -> None:
    for number, folder in enumerate((elsewhere, elsewhere / "home")):
        package = folder / f"shop{number}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "models.py").write_text(
            f'from strangers import Neighbours\nclass Mine(Neighbours): name = "shop{number}"'
        )
        assert bring_model(f"shop{number}.models:Mine").name == f"shop{number}"


def test_an_installed_class_is_brought_with_its_options() -> None:
    assert bring_model("avrec_lib.models:EASE", regularisation=3).regularisation == 3  # type: ignore[attr-defined]


def test_a_relative_path_is_sought_from_the_workbench_too_and_its_neighbours_can_be_imported(elsewhere: Path) -> None:
    (elsewhere / "home").mkdir()
    (elsewhere / "home" / "layers_of_mine.py").write_text("NAME = 'deep'")
    (elsewhere / "home" / "mine.py").write_text(
        "from strangers import Neighbours\nfrom layers_of_mine import NAME\nclass Mine(Neighbours): name = NAME"
    )
    assert bring_model("mine.py:Mine").name == "deep"


def test_a_path_may_start_where_the_command_was_typed(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = elsewhere / "typed here"
    folder.mkdir()
    (folder / "mine.py").write_text('from strangers import Neighbours\nclass Mine(Neighbours): name = "typed"')
    monkeypatch.setenv("PWD", str(folder))  # the shell's folder, which a kernel that works elsewhere inherits
    assert bring_model("mine.py:Mine").name == "typed"


def test_a_file_that_changed_is_read_anew(elsewhere: Path) -> None:
    for name in ("first", "second one"):
        (elsewhere / "mine.py").write_text(f'from strangers import Neighbours\nclass Mine(Neighbours): name = "{name}"')
        assert bring_model("mine.py:Mine").name == name


def test_a_function_may_make_the_model(elsewhere: Path) -> None:
    (elsewhere / "mine.py").write_text(
        "from strangers import NeedsArguments\ndef small(): return NeedsArguments(factors=2)"
    )
    assert bring_model("mine.py:small").factors == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "'' names no class. Expected package.module:Class or path/to/file.py:Class."),
        ("mine.py", "'mine.py' names no class."),
        ("mine.py:", "'mine.py:' names no class."),
        ("nowhere.models:Mine", "There is no module 'nowhere'."),
        ("avrec_lib.nowhere:Mine", "There is no module 'avrec_lib.nowhere'."),
        (f"{STRANGERS}:Neighbour", f"has no class named 'Neighbour'. Did you mean {STRANGERS}:Neighbours?"),
        (f"{STRANGERS}:not_a_class", "is int, not a class"),
        (f"{STRANGERS}:NeedsArguments", "missing a required argument: 'factors'"),
        (f"{STRANGERS}:FailsToStart", "It raised RuntimeError: no GPU here in"),
        ("stranger.py:Neighbours", "There is no file stranger.py."),
    ],
)
def test_a_wrong_name_is_one_sentence(spec: str, said: str) -> None:
    assert said in why(spec)


def test_a_misspelt_file_is_guessed(elsewhere: Path) -> None:
    (elsewhere / "mine.py").touch()
    assert "Did you mean mine.py?" in why("mina.py:Mine")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "x = 1\nimport not_installed_anywhere",
            "ModuleNotFoundError: No module named 'not_installed_anywhere' in {file}:2",
        ),
        ("x = 1\ny = 1 / 0", "ZeroDivisionError: division by zero in {file}:2"),
        ("x = 1\n\ndef f(:\n", "SyntaxError: invalid syntax (mine.py, line 3) in {file}:3"),
        ("def f(n):\n    return int(n)\nf('x')", "ValueError: invalid literal for int() with base 10: 'x' in {file}:2"),
    ],
)
def test_an_error_in_their_module_is_given_with_its_line(elsewhere: Path, code: str, said: str) -> None:
    (elsewhere / "mine.py").write_text(code)
    file = elsewhere / "mine.py"
    assert said.format(file=file) in why("mine.py:Mine")
    assert said.format(file=file) in why("mine.py:Mine"), "a second time as well"


def test_an_error_in_their_package_is_given_with_its_line(elsewhere: Path) -> None:
    (elsewhere / "shop_broken.py").write_text("import not_installed_anywhere")
    assert f"No module named 'not_installed_anywhere' in {elsewhere / 'shop_broken.py'}:1" in why("shop_broken:Mine")


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("mina.py:Mine", ""),
        ("mine.py:Mine", "class Other: pass"),
        ("mine.py:Mine", "def f(:"),
        ("mine.py:Mine", "import not_installed_anywhere"),
        ("mine.py:Mine", "class Mine:\n    def __init__(self, factors): pass"),
        ("mine.py:Mine", "class Mine:\n    def __init__(self): raise RuntimeError('no GPU here')"),
        ("mine.py:Mine", "class Mine:\n    def __init__(self): raise SystemExit(0)"),
    ],
)
def test_a_model_that_cannot_be_brought_breaks_no_promise(elsewhere: Path, spec: str, code: str) -> None:
    (elsewhere / "mine.py").write_text(code)
    with pytest.raises(UsageError) as caught:
        require_contract(lambda: bring_model(spec))
    assert caught.value.text("en") == why(spec)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys\nsys.exit()", "It raised SystemExit in {file}:2."),
        ("import sys\nclass Mine:\n    def __init__(self): sys.exit(3)", "It raised SystemExit: 3 in {file}:3."),
    ],
)
def test_a_model_that_leaves_while_it_is_made_is_given_with_its_line(elsewhere: Path, code: str, said: str) -> None:
    (elsewhere / "mine.py").write_text(code)
    assert said.format(file=elsewhere / "mine.py") in why("mine.py:Mine")


def test_a_key_press_while_a_model_is_read_stops_us(elsewhere: Path) -> None:
    (elsewhere / "mine.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        bring_model("mine.py:Mine")
