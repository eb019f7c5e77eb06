"""Reference numbers: each has a protocol that can be run, and a tolerance that it is held against."""

from __future__ import annotations

import polars as pl
import pytest

from avrec_lib.data.catalogue import entries
from avrec_lib.data.split import SplitMethod, SplitOptions
from avrec_lib.evaluate.ranking_metrics import METRICS
from avrec_lib.evaluate.references import hold_against, reference_protocols

KNOWN = [protocol for name in entries() for protocol in reference_protocols(name)]


@pytest.mark.parametrize("protocol", KNOWN, ids=lambda protocol: f"{protocol.dataset}, {protocol.name}")
def test_every_reference_names_a_protocol_that_can_be_run(protocol):
    method, *options = protocol.split
    assert method == "method"
    assert protocol.split["method"] in SplitMethod.__args__
    assert set(options) <= set(SplitOptions.__annotations__)
    assert set(protocol.numbers["metric"]) <= set(METRICS)
    assert protocol.numbers.select("model", "metric", "k").is_unique().all()


def test_the_mean_is_held_against_the_reference_as_it_was_published():
    protocol = next(p for p in KNOWN if p.name == "leave last out, ties by item id")
    measured = pl.DataFrame(
        {
            "model": ["EASE"],
            "metric": ["ndcg"],
            "k": [10],
            "value": [0.0454],
            "low": [0.03],
            "high": [0.06],
            "n": [943],
        },
        schema_overrides={"k": pl.Int32},
    )
    table = hold_against(measured, protocol)
    # 0.0454 reads 0.045, which is 0.003 from 0.042; the hit rate was not measured.
    assert table.select("metric", "reached").rows() == [("ndcg", True), ("hit_rate", None)]
    over = hold_against(measured.with_columns(value=pl.lit(0.0456)), protocol)
    assert over["reached"].to_list() == [False, None]


def test_an_own_data_set_has_no_reference():
    assert reference_protocols("mine") == []
