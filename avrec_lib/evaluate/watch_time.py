"""Watch time without the length of the clip in it: a long clip is watched longer by being long."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import polars as pl

from avrec_lib.data.durations import item_durations, with_durations
from avrec_lib.errors import DataError

FEWEST_IN_A_BAND = 20


@dataclass(frozen=True)
class WatchTimeGain:
    """How much longer a clip was watched than clips of its length usually are, in standard deviations.

    gain = (w − μ_b) / σ_b over the band b of durations that the clip falls into, after Zheng et al. 2022, "DVR:
    micro-video recommendation optimizing watch-time-gain under duration bias". Fitted on training rows only.
    `edges` are the inner bounds of the bands in seconds, `mean` and `deviation` seconds of watch time a band.
    """

    edges: np.ndarray  # (bands − 1,)
    mean: np.ndarray  # (bands,)
    deviation: np.ndarray  # (bands,), NaN for a band too thin or too even to compare with

    @classmethod
    def fit(cls, train: pl.DataFrame, items: pl.DataFrame, bands: int = 10) -> Self:
        """Bands of about equally many watched training events; `train` has watch_seconds, `items` duration_seconds.

        Raises DataError when no training event has both.
        """
        watched = with_durations(train, items).drop_nulls(["watch_seconds", "duration_seconds"])
        if watched.is_empty():
            raise DataError(
                "No training event has both watch_seconds and the duration_seconds of its item.",
                hint="Bring both, or leave the metrics of watch time out.",
            )
        durations = watched["duration_seconds"].to_numpy()
        edges = np.unique(np.quantile(durations, np.linspace(0, 1, bands + 1)[1:-1]))
        band = np.searchsorted(edges, durations, side="left")
        seconds = watched["watch_seconds"].to_numpy()
        counts = np.bincount(band, minlength=len(edges) + 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(band, seconds, len(counts)) / counts
            deviation = np.sqrt(np.bincount(band, (seconds - mean[band]) ** 2, len(counts)) / counts)
        usable = (counts >= FEWEST_IN_A_BAND) & (deviation > 0)
        return cls(edges, mean, np.where(usable, deviation, np.nan))

    def of(self, watch_seconds: np.ndarray, duration_seconds: np.ndarray) -> np.ndarray:
        """The gain of each pair of seconds; NaN where either is unknown or the band cannot be compared with."""
        band = np.searchsorted(self.edges, duration_seconds, side="left")
        gain = (watch_seconds - self.mean[band]) / self.deviation[band]
        return np.where(np.isnan(duration_seconds), np.nan, gain)


def length_bands(items: pl.DataFrame, bands: int = 5) -> pl.DataFrame:
    """Columns item_id, band (the length as `30–60 s`; equally many items each) and place (of the band, shortest first).

    Items of unknown length have no row.
    """
    known = item_durations(items)
    if known.is_empty():
        return pl.DataFrame(schema={"item_id": pl.String, "band": pl.String, "place": pl.Int32})
    durations = known["duration_seconds"].to_numpy()
    # Rounded first, so that no two bands have the same name.
    edges = np.unique([float(f"{edge:.3g}") for edge in np.quantile(durations, np.linspace(0, 1, bands + 1))])
    names = np.array([f"{low:g}–{high:g} s" for low, high in pairwise(edges)] or [f"{edges[0]:g} s"])
    place = np.searchsorted(edges[1:-1], durations, side="left")
    return known.select("item_id", band=pl.Series(names[place]), place=pl.Series(place.astype(np.int32)))
