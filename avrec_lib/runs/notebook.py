"""A notebook file before it runs: its title, question, parameters and profiles, read as JSON without a kernel."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.paths import notebooks_folder
from avrec_lib.runs.params import ParameterSpec, accept, read_parameters, unknown_parameter
from avrec_lib.strings import say

Profile = Literal["smoke", "standard", "full"]
PROFILES: tuple[Profile, ...] = get_args(Profile)


@dataclass(frozen=True)
class Notebook:
    """The content of an .ipynb file, with its name (the file's, without the ending)."""

    path: Path
    content: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        """The first heading of the first markdown cell; the name when there is none."""
        heading = re.search(r"^#\s+(.+)$", self._opening, re.MULTILINE)
        return heading[1].strip() if heading else self.name

    @property
    def question(self) -> str:
        """The first paragraph under the title, without markdown emphasis."""
        text = re.sub(r"^#.*$", "", self._opening, flags=re.MULTILINE).strip()
        return re.sub(r"[*_`]{1,2}(\S[^*_`]*)[*_`]{1,2}", r"\1", " ".join(text.split("\n\n")[0].split()))

    @property
    def code_cells(self) -> int:
        """How many cells a run executes."""
        return sum(cell["cell_type"] == "code" and bool(source_of(cell).strip()) for cell in self.content["cells"])

    @cached_property
    def parameters(self) -> dict[str, ParameterSpec]:
        """What the cell tagged `parameters` declares; raises UsageError as `read_parameters` does."""
        tagged = [cell for cell in self.content["cells"] if "parameters" in _tags(cell)]
        if len(tagged) > 1:
            raise UsageError("{notebook} has {n} cells tagged parameters.", notebook=self.name, n=len(tagged))
        return read_parameters(source_of(tagged[0]), self.name) if tagged else {}

    def sizes(self, profile: Profile) -> dict[str, Any]:
        """The values that `metadata.avrec.profiles` gives to parameters in `profile`, checked against their types."""
        profiles = self.content.get("metadata", {}).get("avrec", {}).get("profiles", {})
        for name in profiles:
            if name not in PROFILES:
                raise unknown_name("profile", name, PROFILES)
        values = profiles.get(profile, {})
        for name in values:
            if name not in self.parameters:
                raise unknown_parameter(name, self.parameters)
        return {name: accept(self.parameters[name], value) for name, value in values.items()}

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of what a run depends on: sources, kinds and tags of the cells, and the profiles."""
        cells = [(cell["cell_type"], source_of(cell), _tags(cell)) for cell in self.content["cells"]]
        own = self.content.get("metadata", {}).get("avrec", {})
        return hashlib.sha256(json.dumps([cells, own], sort_keys=True).encode()).hexdigest()[:16]

    @property
    def _opening(self) -> str:
        texts = (source_of(cell) for cell in self.content["cells"] if cell["cell_type"] == "markdown")
        return next(texts, "")


def read_notebook(path: Path) -> Notebook:
    """The notebook in `path`; raises UsageError when the file is missing, empty, or no notebook of format 4."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError("There is no file {path}.", path=path) from None
    except (ValueError, OSError) as error:
        reason = say("it is empty") if path.is_file() and not path.stat().st_size else str(error)
        raise UsageError("{path} is not a notebook: {reason}.", path=path, reason=reason) from None
    cells = content.get("cells") if isinstance(content, dict) else None
    good = isinstance(cells, list) and all(isinstance(cell, dict) and "cell_type" in cell for cell in cells)
    if not good or content.get("nbformat") != 4:
        raise UsageError("{path} is not a notebook: {reason}.", path=path, reason=say("it is not of notebook format 4"))
    return Notebook(path, content)


def notebook_paths() -> dict[str, Path]:
    """Name and file of every notebook in `notebooks/`, in the order of their names."""
    return {path.stem: path for path in sorted(notebooks_folder().glob("*.ipynb"))}


def find_notebook(word: str) -> Notebook:
    """The notebook that `word` means: its name, its number (`10`), or the path of a file.

    Raises UsageError with the nearest name when there is none.
    """
    known = notebook_paths()
    name = Path(word).name.removesuffix(".ipynb")
    is_path = word != name
    if is_path and Path(word).is_file():
        return read_notebook(Path(word).resolve())
    if name in known:
        return read_notebook(known[name])
    numbered = [path for known_name, path in known.items() if known_name.startswith(f"{name}_")]
    if len(numbered) == 1 and not is_path:
        return read_notebook(numbered[0])
    raise unknown_name("notebook", word, known)


def source_of(cell: dict[str, Any]) -> str:
    """The text of a cell, which a file may keep as one string or as a list of lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _tags(cell: dict[str, Any]) -> list[str]:
    return cell.get("metadata", {}).get("tags", [])
