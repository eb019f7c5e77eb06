"""Where things live, and how to write so that nothing is ever half-written."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from avrec_lib.errors import UsageError

HOME_VARIABLE = "AVREC_HOME"


def home() -> Path:
    """The workbench folder: `AVREC_HOME`, else the checkout that this package lies in."""
    wanted = os.environ.get(HOME_VARIABLE)
    return Path(wanted).expanduser().resolve() if wanted else Path(__file__).resolve().parent.parent


def notebooks_folder() -> Path:
    """Notebooks and `suites.yaml`."""
    return home() / "notebooks"


def data_folder() -> Path:
    """One folder per data set, beside the download cache and `artefacts/`."""
    return home() / "data"


def artefacts_folder() -> Path:
    """`RUN_ID/` holds what a run leaves for other runs: model, ranked, values."""
    return data_folder() / "artefacts"


def reports_folder() -> Path:
    """`index.html`, `_assets/` and `NOTEBOOK/RUN_ID/`."""
    return home() / "reports"


def working_folders() -> list[Path]:
    """Where a person's relative path may start: the working folder, the folder in which the command was typed (the
    kernel of a notebook works in `notebooks/`), and the workbench.
    """
    typed_in = os.environ.get("PWD")
    places = [Path.cwd(), *([Path(typed_in)] if typed_in else []), home()]
    return list(dict.fromkeys(place.resolve() for place in places))


def seek(path: Path) -> Path:
    """`path`, from the first of `working_folders` where it exists; as it stands where it exists in none."""
    path = path.expanduser()
    if path.exists():
        return path
    return next((folder / path for folder in working_folders() if (folder / path).exists()), path)


def inside(folder: Path, *parts: str) -> Path:
    """`folder/parts…`, refused (UsageError) when it would lie outside `folder`."""
    path = folder.joinpath(*parts).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise UsageError("{path} lies outside {folder}.", path=repr("/".join(parts)), folder=folder)
    return path


@contextmanager
def replacing(target: Path, *, over: bool = True) -> Iterator[Path]:
    """A path beside `target` to write a file or folder to; on success it takes the place of `target` by rename.

    On any exception what was written is removed and `target` stays as it was. Where it must not go `over` a folder
    that has come into being meanwhile, that raises FileExistsError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield beside
        if beside.is_dir() and not over:
            _take_free_name(beside, target)
        elif beside.is_dir():
            _swap_folder(beside, target)
        else:
            beside.replace(target)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)


def _take_free_name(beside: Path, target: Path) -> None:
    try:
        beside.rename(target)  # the system refuses it where a folder with files is, so there is no gap to slip through
    except OSError as error:
        if target.exists():
            raise FileExistsError(error.errno, error.strerror, str(target)) from None
        raise


def _swap_folder(beside: Path, target: Path) -> None:
    """Give the folder `beside` the name `target`; where two processes do so at once, both succeed and one stays."""
    for attempt in range(20):
        old = beside.with_name(f"{beside.name}.{attempt}.old")
        # Another process may take the name away or put its own folder there between any two of these lines.
        with suppress(FileNotFoundError):
            target.rename(old)
        try:
            beside.rename(target)
        except OSError:
            if old.exists() and not target.exists():
                with suppress(OSError):
                    old.rename(target)
            if not beside.exists() or not target.exists() or attempt == 19:
                raise
        else:
            return
        finally:
            shutil.rmtree(old, ignore_errors=True)
