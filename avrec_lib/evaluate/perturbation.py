"""Who suffers more from sparse or noisy training rows? The same models asked the same, share by share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.compare import paired_difference, summarise, with_verdicts
from avrec_lib.evaluate.trial import known_values, run_trials
from avrec_lib.protocols import Recommender


def values_by_share(
    models: Sequence[Recommender], splits: Mapping[float, Split], k: int, *, metric: str = "ndcg", seed: int = 0,
    items: pl.DataFrame | None = None, users: pl.DataFrame | None = None,
) -> pl.DataFrame:  # fmt: skip
    """`schema.Values` of `models` on each of `splits` (share -> split, as `perturb.perturbed` makes them), and `share`.

    All splits ask the same queries, so values of different shares can be paired as well as those of two models.
    """
    parts = []
    for share, split in splits.items():
        trials = run_trials(models, [split], k, seeds=[seed], items=items, users=users)
        values = known_values(trials, k=[k], metrics=[metric])
        parts.append(values.with_columns(share=pl.lit(float(share))))
    return pl.concat(parts)


def means_by_share(values: pl.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pl.DataFrame:
    """`compare.summarise` for each share of `values_by_share`: its columns behind `share`."""
    return pl.concat(
        summarise(part.drop("share"), resamples=resamples, seed=seed).select(
            pl.lit(share).alias("share"), pl.all()
        ) for share, part in _parts(values)
    )  # fmt: skip


def differences_by_share(
    values: pl.DataFrame, model: str, baselines: Sequence[str], *, equivalence_zone: float = 0.01,
    resamples: int = 2000, seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """`model` minus each of `baselines` at each share, paired by query: share, model, baseline, then as `compare` has.

    One family of comparisons: p is corrected by Holm over all rows. Raises UsageError for a model that is not there.
    """
    for name in (model, *baselines):
        if name not in values["model"].unique().to_list():
            raise UsageError("{model} is to be compared, but the values hold {known}.", model=repr(name),
                             known=", ".join(values["model"].unique(maintain_order=True)))  # fmt: skip
    rows = []
    for share, part in _parts(values):
        own = part.drop("share").filter(model=model)
        for baseline in baselines:
            other = part.drop("share").filter(model=baseline)
            row = paired_difference(other, own, equivalence_zone=equivalence_zone, resamples=resamples, seed=seed)
            rows.append(row.select(
                pl.lit(share).alias("share"), pl.lit(model).alias("model"), pl.lit(baseline).alias("baseline"), pl.all()
            ))  # fmt: skip
    return with_verdicts(pl.concat(rows))


def shares_by_verdict(differences: pl.DataFrame) -> dict[str, str]:
    """For a sentence on rows of one model and one baseline: the shares, in percent, at which it is better and so on.

    `better`, `worse`, `open` (not decided) and `alike` (equivalent, or the same), each "10 %, 25 %" or "–".
    """
    words = {"better": ["better"], "worse": ["worse"], "alike": ["equivalent", "the same"]}
    named = {word: pl.col("verdict").is_in(verdicts) for word, verdicts in words.items()}
    named["open"] = ~pl.any_horizontal(*named.values())
    found = {word: differences.filter(which)["share"].sort() for word, which in named.items()}
    return {word: ", ".join(f"{share:.0%}".replace("%", " %") for share in shares) or "–"
            for word, shares in found.items()}  # fmt: skip


def _parts(values: pl.DataFrame) -> list[tuple[float, pl.DataFrame]]:
    return [(share, values.filter(pl.col("share") == share)) for share in values["share"].unique(maintain_order=True)]
