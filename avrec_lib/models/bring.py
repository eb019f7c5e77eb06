"""A stranger's model class, named on the command line: `package:Class` or `path/to/file.py:Class`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from avrec_lib.errors import AvrecError, UsageError, nearest
from avrec_lib.models.blame import said_by
from avrec_lib.paths import seek, working_folders
from avrec_lib.protocols import Recommender


def bring_model(spec: str, **options: Any) -> Recommender:
    """An unfitted model of the class (or what the function returns) that `spec` names, made with `options`.

    A relative path, and a package, may start in the working folder, where the command was typed, or in the workbench. A
    file that changed is read anew. Raises UsageError when there is no such module, file or class, when the constructor
    asks for other arguments than `options`, and when the stranger's own code fails, with its line.
    """
    make = find_maker(spec)
    try:
        inspect.signature(make).bind(**options)
    except TypeError as error:
        raise UsageError(
            "{spec} cannot be made with the arguments ({given}): {error}.",
            hint="Give its parameters defaults, or name a function without parameters that makes it.",
            spec=spec, given=", ".join(options), error=error,
        ) from error  # fmt: skip
    except ValueError:  # written in C, without a signature: it will say itself what it lacks
        pass
    try:
        return make(**options)
    except AvrecError:
        raise
    except (Exception, SystemExit) as error:
        raise _their_error(spec, error) from error


def find_maker(spec: str) -> Callable[..., Recommender]:
    """The class or function that `spec` names; raises as `bring_model`."""
    where, colon, name = spec.rpartition(":")
    if not (colon and where and name):
        raise UsageError(
            "{spec} names no class.", hint="Expected package.module:Class or path/to/file.py:Class.", spec=repr(spec)
        )
    module = _from_file(Path(where), spec) if where.endswith(".py") else _from_package(where, spec)
    try:
        found = module
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError:
        own = [each for each, value in vars(module).items()
               if callable(value) and not each.startswith("_") and value.__module__ == module.__name__]  # fmt: skip
        guess = nearest(name, own)
        raise UsageError(
            "{where} has no class named {name}.", hint="Did you mean {guess}?" if guess else "Known: {known}.",
            where=where, name=repr(name), guess=f"{where}:{guess}", known=", ".join(own) or "–",
        ) from None  # fmt: skip
    if not callable(found):
        raise UsageError("{spec} is {found}, not a class.", spec=spec, found=type(found).__name__)
    return found


def _from_file(path: Path, spec: str) -> ModuleType:
    file = seek(path)
    if not file.is_file():
        beside = [each.name for folder in working_folders() for each in (folder / path).parent.glob("*.py")]
        guess = nearest(path.name, beside)
        raise UsageError(
            "There is no file {file}.", hint="Did you mean {guess}?" if guess else "", file=path,
            guess=path.with_name(guess) if guess else "",
        )  # fmt: skip
    name = f"{path.stem}_{abs(hash((str(file.resolve()), file.stat().st_mtime_ns))):x}"
    if name in sys.modules:
        return sys.modules[name]
    _look_in(str(file.resolve().parent))
    description = importlib.util.spec_from_file_location(name, file)
    if description is None or description.loader is None:
        raise UsageError("{file} cannot be read as Python.", file=path)
    module = importlib.util.module_from_spec(description)
    sys.modules[name] = module  # dataclasses and pickles look their own module up
    try:
        description.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception | SystemExit):
            raise
        raise _their_error(spec, error) from error
    return module


def _from_package(name: str, spec: str) -> ModuleType:
    for folder in working_folders():
        _look_in(str(folder))
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # What is missing is the module asked for (or a package around it), or something that its code imports.
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(
                "There is no module {name}.",
                hint="Install it into this environment, or name a file: path/to/file.py:Class.", name=repr(error.name),
            ) from None  # fmt: skip
        raise _their_error(spec, error) from error
    except (Exception, SystemExit) as error:
        raise _their_error(spec, error) from error


def _look_in(folder: str) -> None:
    """Let imports look in `folder` too, after all else, so that it shadows nothing."""
    if folder not in sys.path:
        sys.path.append(folder)


def _their_error(spec: str, error: Exception | SystemExit) -> UsageError:
    return UsageError("{spec} cannot be brought. {reason}", spec=spec, reason=said_by(error).text())
