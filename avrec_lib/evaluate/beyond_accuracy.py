"""What lists do besides hitting: all that the data allows, at once, and what it does not allow, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate import diversity, exposure, popularity, taste
from avrec_lib.evaluate.beyond_inputs import REASONS, Background, gaps
from avrec_lib.evaluate.judged import Judged
from avrec_lib.evaluate.list_sums import first_places
from avrec_lib.evaluate.lists import Lists, as_values
from avrec_lib.evaluate.metric import Metric

METRICS: Mapping[str, Metric] = diversity.METRICS | popularity.METRICS | taste.METRICS | exposure.METRICS


class BeyondAccuracy(NamedTuple):
    """`values`: `schema.Values`, one value a query. `system`: one value for all lists: model, seed, window, metric, k,
    value, lists (how many there were); it has no interval (`exposure` says why).

    `left_out`: metric, reason (a template of `strings`) of what the data cannot show. `gaps`: feature, k, places,
    without: how many of the filled places hold an item whose tags, category, embedding or time is not known.
    """

    values: pl.DataFrame
    system: pl.DataFrame
    left_out: pl.DataFrame
    gaps: pl.DataFrame


class Step(NamedTuple):
    """How a metric is computed: `compute(lists, *needs, k)`, the needs named as in `REASONS`."""

    metric: str
    compute: Callable[..., Any]
    needs: tuple[str, ...] = ()


def beyond_accuracy_values(
    lists: Lists,
    *,
    k: int | Sequence[int] = (10,),
    model: str,
    queries: pl.DataFrame | None = None,
    train: pl.DataFrame | None = None,
    items: pl.DataFrame | pl.LazyFrame | None = None,
    truth: pl.DataFrame | None = None,
    embeddings: pl.DataFrame | None = None,
    catalogue: pl.Series | None = None,
    exclude_seen: bool = True,
    background: Background | None = None,
    seed: int = 0,
    window: int = 0,
) -> BeyondAccuracy:
    """All of METRICS that the inputs allow, for the first `k` of each of `lists`.

    `queries` (their cuts and histories; default: those of the lists, without), `train` (events), `items` (item_id, and
    of tags, category, creator_id, published_at what there is), `truth` (for serendipity), `embeddings` (item_id,
    vector). `catalogue`: what could have been shown (default: all items of `train` and `items`). `exclude_seen` says
    that the lists hide what their user already had; the popularity that serendipity is held against then does too.
    `background` stands for all these tables, worked out once for several models on the same split (`Background.of`).
    Raises DataError for tables that contradict each other or their schema, UsageError for a `k` beyond the lists.
    """
    cuts = [k] if isinstance(k, int) else list(k)
    if not cuts:
        raise UsageError("k must be at least 1, but is {k}.", k=k)
    for cut in cuts:
        first_places(lists, cut)
    if background is None:
        asked = lists.queries if queries is None else queries
        background = Background.of(asked, train, items, truth, embeddings, catalogue, exclude_seen)
    known = background.beside(lists)
    needs = {step.metric: step.needs for step in BY_LIST} | dict(BY_SYSTEM)
    missing = {metric: [need for need in needs[metric] if need not in known] for metric in needs}
    possible = [step for step in BY_LIST if not missing[step.metric]]
    parts, totals = [], []
    for cut in cuts:
        computed = {step.metric: step.compute(lists, *(known[need] for need in step.needs), cut) for step in possible}
        parts.append(as_values(lists, computed, k=cut, model=model, seed=seed, window=window))
        totals += [(metric, cut, value) for metric, value in _system_totals(lists, known, cut).items()]
    system = pl.DataFrame(totals, {"metric": pl.String, "k": pl.Int32, "value": pl.Float64}, orient="row").select(
        model=pl.lit(model), seed=pl.lit(seed, pl.Int64), window=pl.lit(window, pl.Int32), metric="metric", k="k",
        value="value", lists=pl.lit(len(lists.items), pl.Int64),
    )  # fmt: skip
    left_out = [(metric, REASONS[absent[0]]) for metric, absent in missing.items() if absent]
    return BeyondAccuracy(
        pl.concat(parts),
        system,
        pl.DataFrame(left_out, {"metric": pl.String, "reason": pl.String}, orient="row"),
        pl.concat(gaps(lists, known, cut) for cut in cuts),
    )


def answered_share(ranked: pl.DataFrame, queries: pl.DataFrame, k: int) -> float | None:
    """Share of queries that got a full list of `k`; None without queries."""
    return _full_lists(Lists.of(ranked, queries, k), k)


def _full_lists(lists: Lists, k: int) -> float | None:
    return float((lists.items[:, k - 1] >= 0).mean()) if len(lists.items) else None


def _system_totals(lists: Lists, known: Mapping[str, Any], k: int) -> dict[str, float | None]:
    totals: dict[str, float | None] = {"answered_share": _full_lists(lists, k)}
    if "catalogue" in known:
        of_items = exposure.item_exposure(lists, known["catalogue"], k)
        shown = of_items["exposure"]
        totals |= {
            "catalogue_coverage": float((shown.to_numpy() > 0).mean()),
            "gini_items": exposure.gini(shown),
            "entropy_items": exposure.entropy(shown),
        }
        if "creators" in known:
            shown = exposure.creator_exposure(of_items, known["creators"])["exposure"]
            totals |= {"gini_creators": exposure.gini(shown), "entropy_creators": exposure.entropy(shown)}
    return totals


def _serendipity(lists: Lists, judged: Judged, of_items: pl.DataFrame, seen: pl.DataFrame | None, k: int) -> np.ndarray:
    return taste.serendipity(judged, of_items, seen, k)


BY_LIST = (
    Step("novelty", popularity.novelty, ("popularity",)),
    Step("unknown_item_share", popularity.unknown_item_share, ("popularity",)),
    *(Step(f"{band}_share", partial(popularity.band_share, band=band), ("bands",)) for band in popularity.BANDS),
    Step("popularity_lift", taste.popularity_lift, ("histories", "popularity")),
    Step("serendipity", _serendipity, ("judged", "popularity", "seen")),
    *(
        Step(f"intra_list_diversity_{feature}", diversity.intra_list_diversity, (f"{feature} vectors",))
        for feature in ("tags", "category", "embedding")
    ),
    *(Step(f"miscalibration_{column}", taste.miscalibration, ("histories", column)) for column in ("tags", "category")),
    Step("item_age", popularity.item_age, ("births", "cuts")),
)
BY_SYSTEM: Mapping[str, tuple[str, ...]] = {
    "answered_share": (),
    "catalogue_coverage": ("catalogue",),
    "gini_items": ("catalogue",),
    "entropy_items": ("catalogue",),
    "gini_creators": ("catalogue", "creators"),
    "entropy_creators": ("catalogue", "creators"),
}
"""Metrics of all lists together -> what they need."""
