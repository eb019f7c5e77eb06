"""Shapes that were measured of real logs, for where the logs themselves are not at hand."""

from __future__ import annotations

import polars as pl

from avrec_lib.errors import unknown_name

MEASURED: dict[str, list[tuple[str, float, int, str]]] = {
    "music": [
        ("gini_items", 0.893, 17_632, "Last.fm 2K, by plays"),
        ("top_tenth_items", 0.850, 17_632, "Last.fm 2K, by plays"),
        ("gini_users", 0.559, 1_892, "Last.fm 2K, by plays"),
        ("top_tenth_users", 0.415, 1_892, "Last.fm 2K, by plays"),
    ],
    "video": [
        ("length_median", 81.2, 7_344, "KuaiRand-Pure, videos"),
        ("length_spread", 1.03, 7_344, "KuaiRand-Pure, videos"),
        ("gini_items", 0.629, 1_682, "MovieLens 100K"),
        ("top_tenth_items", 0.427, 1_682, "MovieLens 100K"),
        ("gini_users", 0.472, 943, "MovieLens 100K"),
        ("top_tenth_users", 0.319, 943, "MovieLens 100K"),
    ],
}
"""By kind of world: shape, value, n and source, as `shapes_of` reads them of these data sets.

Last.fm 2K: play counts of artists, at most 50 a user (Cantador, Brusilovsky and Kuflik 2011). KuaiRand-Pure: lengths of
short videos (Gao et al. 2022). MovieLens 100K: ratings of films, by users with 20 or more (Harper and Konstan 2015).
"""


def measured_shapes(kind: str) -> pl.DataFrame:
    """Columns shape, value, n, source: what `beside` needs of a real log of that kind of world.

    Raises UsageError for an unknown kind.
    """
    if kind not in MEASURED:
        raise unknown_name("world", kind, MEASURED)
    schema = {"shape": pl.String, "value": pl.Float64, "n": pl.Int64, "source": pl.String}
    return pl.DataFrame(MEASURED[kind], schema=schema, orient="row")
