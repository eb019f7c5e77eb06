"""`executed.ipynb`: the notebook of one run, from the source with its parameters to a file of bounded size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avrec_lib.paths import replacing
from avrec_lib.runs.plan import Job
from avrec_lib.strings import say

if TYPE_CHECKING:
    from nbformat import NotebookNode

EXECUTED = "executed.ipynb"
MAXIMUM_BYTES = 2_000_000
KEPT_CHARACTERS = 2_000


def with_parameters(job: Job) -> NotebookNode:
    """The notebook of `job` without outputs; values that are not defaults stand in a cell after the declared ones."""
    import nbformat

    notebook = nbformat.reads(json.dumps(job.notebook.content), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    chosen = {name: entry.value for name, entry in job.parameters.items() if entry.source != "default"}
    if chosen:
        tagged = [index for index, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
        lines = ["# Parameters of this run", *(f"{name} = {value!r}" for name, value in chosen.items())]
        cell = nbformat.v4.new_code_cell("\n".join(lines), metadata={"tags": ["injected-parameters"]})
        notebook.cells.insert(tagged[0] + 1, cell)
    return notebook


def save(notebook: NotebookNode, folder: Path) -> list[str]:
    """Write `executed.ipynb` and return what had to be left out of it to stay within `MAXIMUM_BYTES`, as sentences."""
    import nbformat

    left_out = _shorten(notebook)
    with replacing(folder / EXECUTED) as path:
        path.write_text(nbformat.writes(notebook), "utf-8")
    return left_out


def _shorten(notebook: NotebookNode) -> list[str]:
    """Cut the largest outputs, widget state first, until the rest fits."""
    too_much = _size(notebook) - MAXIMUM_BYTES
    if too_much <= 0:
        return []
    left_out = []
    if "widgets" in notebook.metadata:
        too_much -= _size(notebook.metadata.pop("widgets"))
        left_out.append(say("The state of widgets was left out of executed.ipynb."))
    outputs = [
        (_size(output), cell, place) for cell in notebook.cells for place, output in enumerate(cell.get("outputs", []))
    ]
    for size, cell, place in sorted(outputs, key=lambda entry: -entry[0]):
        if too_much <= 0:
            break
        words = say("An output of {size} MB was left out: a notebook keeps at most {limit} MB.",
                    size=f"{size / 1e6:.1f}", limit=f"{MAXIMUM_BYTES / 1e6:.0f}")  # fmt: skip
        left_out.append(words)
        cell.outputs[place] = _short(cell.outputs[place], words)
        too_much -= size - _size(cell.outputs[place])
    return left_out


def _short(output: NotebookNode, words: str) -> NotebookNode:
    import nbformat

    text = output.get("text", "")
    if not text or len(text) < 4 * KEPT_CHARACTERS:
        return nbformat.v4.new_output("stream", text=f"[{words}]\n")
    kept = f"{text[:KEPT_CHARACTERS]}\n[{words}]\n{text[-KEPT_CHARACTERS:]}"
    return nbformat.v4.new_output("stream", name=output.get("name", "stdout"), text=kept)


def _size(part: Any) -> int:
    return len(json.dumps(part, ensure_ascii=False, indent=1).encode())
