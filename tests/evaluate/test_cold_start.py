from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.cold_start import against_bar, better_from
from avrec_lib.schema import Values


def values(model: str, window: int, mean: float, users: int = 200) -> pl.DataFrame:
    rng = np.random.default_rng(window)  # the same users have the same luck with every model
    ids = [f"u{n}" for n in range(users)]
    table = pl.DataFrame({"query_id": ids, "user_id": ids, "value": mean + rng.normal(0, 0.01, users)})
    table = table.with_columns(
        value=pl.col("value") + pl.Series(np.random.default_rng(len(model)).normal(0, 0.01, users)),
        model=pl.lit(model), seed=0, window=pl.lit(window), metric=pl.lit("ndcg"), k=10,
    )  # fmt: skip
    return table.select(pl.col(name).cast(kind) for name, kind in Values.create_empty().schema.items())


def test_a_model_is_better_from_the_first_window_after_which_it_stays_better() -> None:
    tables = [values("bar", window, 0.3) for window in (0, 1, 3, 5)]
    tables += [values("early", 1, 0.4), values("early", 3, 0.2), values("early", 5, 0.5)]
    tables += [values("steady", 1, 0.2), values("steady", 3, 0.32), values("steady", 5, 0.4)]
    tables += [values("never", 5, 0.1)]
    differences = against_bar(pl.concat(tables), "bar")
    assert differences["window"].to_list() == [1, 1, 3, 3, 5, 5, 5]
    assert set(differences["baseline"]) == {"bar"}
    assert set(differences["comparisons"]) == {7}
    assert better_from(differences).select("model", "window").rows() == [("steady", 3), ("early", 5)]


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(UsageError, match="stands alone"):
        against_bar(values("bar", 0, 0.3), "bar")
