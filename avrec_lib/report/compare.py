"""Two runs side by side: parameters that differ, results, and differences paired on the same queries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.paths import artefacts_folder, home, inside, reports_folder
from avrec_lib.report.distributions import interval_chart
from avrec_lib.report.outputs import drawn
from avrec_lib.report.page import as_written, write_page
from avrec_lib.report.results import result_text
from avrec_lib.report.run_record import RUN_FILE, RunRecord, run_folders
from avrec_lib.report.site import COMPARISONS
from avrec_lib.report.status import WORDS
from avrec_lib.schema import Values, check_table
from avrec_lib.strings import LANGUAGES, say

SHORTEST_PREFIX = 4
MOST_NAMED = 5


@dataclass(frozen=True)
class Comparison:
    """What the page says, as tables.

    `parameters`: parameter, a, b. `results`: result, model, slice, a, b (texts with intervals). `differences`:
    model, metric, k, difference (B minus A), low, high, n, users, verdict; empty when a run left no values.
    """

    a: RunRecord
    b: RunRecord
    parameters: pl.DataFrame
    results: pl.DataFrame
    differences: pl.DataFrame
    why_no_differences: str
    path: Path


def compare_runs(
    a: str | Path, b: str | Path, *, model: str | tuple[str, str] | None = None, resamples: int = 2000, seed: int = 0
) -> Comparison:
    """Compare run `b` with run `a` (a run id, its beginning, a notebook for its newest run, or a folder).

    Writes `reports/compare/A-vs-B.html`. Models are paired by name; `model` picks one, or one of each run. Raises
    UsageError for an unknown run or model, and for runs that were not measured on the same truth.
    """
    folders = find_run(a), find_run(b)
    first, second = (RunRecord.read(folder) for folder in folders)
    if folders[0] == folders[1]:
        raise UsageError("{run} cannot be compared with itself.", run=first.run_id)
    _check_same_truth(first, second)
    differences, reason = _differences(first, second, model, resamples, seed)
    comparison = Comparison(
        first, second, _parameters(first, second), _results(first, second), differences, reason,
        inside(reports_folder(), COMPARISONS, f"{first.run_id}-vs-{second.run_id}.html"),
    )  # fmt: skip
    _write(comparison)
    return comparison


def find_run(word: str | Path) -> Path:
    """The folder of the run that `word` means: a run id or its beginning, a notebook (its newest run), or a folder.

    Raises UsageError when there is none, with the nearest name, or when a beginning fits several.
    """
    if (Path(word) / RUN_FILE).is_file():
        return Path(word).resolve()
    folders = run_folders()
    text = str(word)
    exact = [
        folder for folder in folders
        if text in (folder.name, folder.parent.name) or folder.parent.name.startswith(f"{text}_")
    ]  # fmt: skip
    if exact:
        return exact[-1]
    begun = [folder for folder in folders if len(text) >= SHORTEST_PREFIX and folder.name.startswith(text)]
    newest = [folder.name for folder in folders[-MOST_NAMED:]]
    if len(begun) > 1:
        raise UsageError(
            "{name} is the beginning of {count} runs.", hint="The newest are {known}.",
            name=repr(text), count=len(begun), known=", ".join(folder.name for folder in begun[-MOST_NAMED:]),
        )  # fmt: skip
    if not begun:
        raise unknown_name("run", text, {*newest, *(folder.parent.name for folder in folders)})
    return begun[0]


def _check_same_truth(a: RunRecord, b: RunRecord) -> None:
    truths = [record.fingerprints.get("truth") for record in (a, b)]
    for record, truth in zip((a, b), truths, strict=True):
        if not truth:
            raise UsageError(
                "{run} does not say on which truth it was measured, so it cannot be compared.",
                hint="Its notebook records the fingerprint of its truth when it evaluates.", run=record.run_id,
            )  # fmt: skip
    if truths[0] != truths[1]:
        differ = [f"{name} ({of_a}, {of_b})" for name, of_a, of_b in _parameters(a, b).rows() if name not in _FACTS]
        raise UsageError(
            "{a} and {b} were measured on different truth: they differ in {names}.",
            hint="Run both on the same data with the same split.",
            a=a.run_id, b=b.run_id, names=", ".join(differ) or say("their data"),
        )  # fmt: skip


def _parameters(a: RunRecord, b: RunRecord) -> pl.DataFrame:
    def shown(record: RunRecord, name: str) -> str:
        return as_written(record.parameters[name].value) if name in record.parameters else "–"

    names = dict.fromkeys([*a.parameters, *b.parameters])
    rows = [(name, shown(a, name), shown(b, name)) for name in names if shown(a, name) != shown(b, name)]
    facts = [(label, getattr(a, name) or "–", getattr(b, name) or "–") for label, name in _FACTS.items()]
    rows += [row for row in facts if row[1] != row[2]]
    return pl.DataFrame(rows, schema={"parameter": pl.String, "a": pl.String, "b": pl.String}, orient="row")


_FACTS = {"notebook": "notebook", "profile": "profile", "git commit": "git_commit"}


def _results(a: RunRecord, b: RunRecord) -> pl.DataFrame:
    sides = [{(r.name, r.model, r.slice): result_text(r) for r in record.results} for record in (a, b)]
    rows = [(*key, sides[0].get(key, "–"), sides[1].get(key, "–")) for key in dict.fromkeys([*sides[0], *sides[1]])]
    names = ("result", "model", "slice", "a", "b")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _differences(
    a: RunRecord, b: RunRecord, model: str | tuple[str, str] | None, resamples: int, seed: int
) -> tuple[pl.DataFrame, str]:
    """Paired differences by model, judged as one family, and (in the current language) why there are none."""
    from avrec_lib.evaluate.compare import paired_difference, with_verdicts

    sides = []
    for record in (a, b):
        values = _read_values(record)
        if values is None:
            return pl.DataFrame(), say("{run} left no values per user, so nothing can be paired.", run=record.run_id)
        sides.append(values)
    parts = []
    for of_a, of_b in _model_pairs(sides[0], sides[1], model):
        pair = (values.filter(pl.col("model") == name) for values, name in zip(sides, (of_a, of_b), strict=True))
        label = of_a if of_a == of_b else f"{of_b} − {of_a}"
        table = paired_difference(*pair, resamples=resamples, seed=seed)
        parts.append(table.select(pl.lit(label).alias("model"), pl.all()))
    better: dict[str, Literal["higher", "lower"] | None] = {}
    for result in (*a.results, *b.results):
        if result.metric:
            better[result.metric] = result.better or better.get(result.metric)
    return with_verdicts(pl.concat(parts), better=better), ""


def _read_values(record: RunRecord) -> pl.DataFrame | None:
    kept = record.artefacts.get("values")
    path = inside(home(), kept) if kept else artefacts_folder() / record.run_id / "values.parquet"
    if not path.is_file():
        return None
    try:
        return check_table(pl.read_parquet(path), Values, "values")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError("{file} cannot be read: {error}.", file=path, error=error) from error


def _model_pairs(a: pl.DataFrame, b: pl.DataFrame, model: str | tuple[str, str] | None) -> list[tuple[str, str]]:
    names = [list(dict.fromkeys(values["model"])) for values in (a, b)]
    if model is not None:
        pair = (model, model) if isinstance(model, str) else model
        for wanted, known in zip(pair, names, strict=True):
            if wanted not in known:
                raise unknown_name("model", wanted, known)
        return [pair]
    shared = [(name, name) for name in names[0] if name in names[1]]
    if shared:
        return shared
    if len(names[0]) == len(names[1]) == 1:
        return [(names[0][0], names[1][0])]
    raise UsageError(
        "The runs share no model: {a}; {b}.", hint="Name one of each with --model A:B.",
        a=", ".join(names[0]), b=", ".join(names[1]),
    )  # fmt: skip


def _write(comparison: Comparison) -> None:
    figures, table = [], comparison.differences
    groups = table.partition_by("metric", "k", as_dict=True, maintain_order=True) if table.height else {}
    for number, ((metric, k), rows) in enumerate(groups.items(), start=1):
        name = f"{metric}@{k}" if k is not None else str(metric)
        chart = interval_chart(
            rows, value="difference", x_label=f"{name}: B − A", reference=0.0, best_first=False, digits=4
        )
        drawing = json.loads(chart.to_json())
        figures.append(drawn(drawing["data"], drawing["layout"], f"{name}: B − A", number))
    write_page(
        "compare.html",
        comparison.path,
        plotly=bool(figures),
        titles={language: say("Two runs side by side", language) for language in LANGUAGES},
        comparison=comparison,
        figures=figures,
        words=WORDS,
    )
