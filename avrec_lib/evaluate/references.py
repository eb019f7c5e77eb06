"""Published and independently measured numbers, with the protocol each belongs to: does this house reach them?"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import polars as pl

from avrec_lib.data.dataset import Dataset


@dataclass(frozen=True)
class ReferenceProtocol:
    """One way to cut a data set, and the numbers known for it.

    `split` holds the arguments of `split_windows` (`method` and options). `sampled_negatives` is set where the numbers
    rank the answer among so many sampled items only. `numbers` has model, metric, k, value, tolerance.
    """

    name: str
    dataset: str
    split: dict[str, Any]
    source: str
    numbers: pl.DataFrame
    sampled_negatives: int | None = None


def reference_protocols(dataset: str) -> list[ReferenceProtocol]:
    """All that is known for the data set of this name (see `references.toml`); an empty list where nothing is."""
    text = files("avrec_lib.evaluate").joinpath("references.toml").read_text("utf-8")
    entries = [entry for entry in tomllib.loads(text)["protocol"] if entry["dataset"] == dataset]
    return [ReferenceProtocol(**entry | {"numbers": pl.DataFrame(entry["numbers"])}) for entry in entries]


def protocols_for(dataset: Dataset) -> list[ReferenceProtocol]:
    """The protocols of `reference_protocols`, or for a log without known numbers the usual ones, without numbers."""
    known = reference_protocols(dataset.name)
    if known:
        return known
    timed = ("global_time", "leave_last_out") if dataset.has("timestamp") else ()
    nothing = pl.DataFrame(schema={"model": pl.String, "metric": pl.String, "k": pl.Int64, "value": pl.Float64,
                                   "tolerance": pl.Float64})  # fmt: skip
    return [
        ReferenceProtocol(method, dataset.name, {"method": method}, "–", nothing)
        for method in (*timed, "user_holdout", "random")
    ]


def hold_against(measured: pl.DataFrame, protocol: ReferenceProtocol) -> pl.DataFrame:
    """`measured` (model, metric, k, value, low, high, n) beside the reference: columns reference, tolerance, reached.

    Only what has a reference has a row. `reached` says whether the mean lies within the tolerance of the reference;
    it is null where nothing was measured.
    """
    on = ["model", "metric", "k"]
    reference = protocol.numbers.select(*on, "tolerance", reference="value").with_columns(pl.col("k").cast(pl.Int32))
    table = reference.join(measured, on=on, how="left", maintain_order="left")
    # Measured numbers are compared as they are published: to three digits.
    apart = (pl.col("value").round(3) - pl.col("reference")).abs()
    return table.select(
        pl.lit(protocol.name).alias("protocol"), *on, "reference", "tolerance", "value", "low", "high", "n",
        reached=apart <= pl.col("tolerance") + 1e-9,
    )  # fmt: skip
