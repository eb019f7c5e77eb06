"""Two runs are compared on the same truth, paired by query, or not at all."""

from __future__ import annotations

import polars as pl
import pytest
from cells import code

from avrec_lib.errors import DataError, UsageError
from avrec_lib.paths import artefacts_folder
from avrec_lib.report.compare import compare_runs, find_run
from avrec_lib.report.run_record import Parameter, Result

TRUTH = {"truth": "0123456789abcdef"}


@pytest.fixture
def make_evaluated(make_run):
    """A run with stored values: `values` maps a model to its value of each of the users."""

    def make(run_id, values, **more):
        folder = make_run(code("a"), run_id=run_id, **({"fingerprints": TRUTH} | more))
        table = pl.DataFrame(
            [
                {"model": model, "seed": 0, "window": 0, "query_id": f"q{user}", "user_id": f"u{user}",
                 "metric": "ndcg", "k": 10, "value": value}
                for model, of_users in values.items() for user, value in enumerate(of_users)
            ]
        )  # fmt: skip
        path = artefacts_folder() / run_id / "values.parquet"
        path.parent.mkdir(parents=True)
        table.write_parquet(path)
        return folder

    return make


def test_the_difference_is_paired_by_query(make_evaluated):
    # Users differ a lot, and each gains 0.09 or 0.11: unpaired nothing could be said, paired it is certain.
    base = [0.0, 0.2, 0.4, 0.6, 0.8] * 8
    make_evaluated("20260101-000000-aaaaaa", {"EASE": base})
    make_evaluated(
        "20260102-000000-bbbbbb", {"EASE": [value + 0.09 + 0.02 * (place % 2) for place, value in enumerate(base)]}
    )
    row = compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb").differences.row(0, named=True)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((0.1, 0.097, 0.103), abs=1e-3)
    assert (row["n"], row["verdict"]) == (40, "better")


def test_the_recorded_direction_of_a_metric_turns_the_verdict(make_evaluated):
    base = [0.0, 0.2, 0.4, 0.6, 0.8] * 8
    more = [value + 0.1 for value in base]
    recorded = [Result("ndcg@10", 0.4, metric="ndcg", k=10, better="lower")]
    make_evaluated("20260101-000000-aaaaaa", {"EASE": base}, results=recorded)
    make_evaluated("20260102-000000-bbbbbb", {"EASE": more}, results=recorded)
    differences = compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb").differences
    assert differences["verdict"].to_list() == ["worse"]


def test_parameters_that_differ_and_results_stand_side_by_side(make_evaluated):
    make_evaluated(
        "20260101-000000-aaaaaa", {"EASE": [0.1, 0.2]},
        parameters={"k": Parameter(10, "default"), "seed": Parameter(0, "default")}, results=[Result("ndcg@10", 0.15)],
    )  # fmt: skip
    make_evaluated(
        "20260102-000000-bbbbbb", {"EASE": [0.1, 0.3]},
        parameters={"k": Parameter(20, "suite"), "seed": Parameter(0, "default")}, results=[Result("ndcg@10", 0.2)],
    )  # fmt: skip
    comparison = compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb")
    assert comparison.parameters.rows() == [("k", "10", "20")]
    assert comparison.results.select("result", "a", "b").rows() == [("ndcg@10", "0.150", "0.200")]
    page = comparison.path.read_text("utf-8")
    assert comparison.path.name == "20260101-000000-aaaaaa-vs-20260102-000000-bbbbbb.html"
    assert "../40_x/20260101-000000-aaaaaa/report.html" in page
    assert '<script type="application/json">' in page


def test_runs_on_different_truth_are_refused(make_evaluated):
    make_evaluated("20260101-000000-aaaaaa", {"EASE": [0.1]})
    make_evaluated("20260102-000000-bbbbbb", {"EASE": [0.1]}, fingerprints={"truth": "f" * 16})
    with pytest.raises(UsageError, match="measured on different truth") as refused:
        compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb")
    assert refused.value.exit_code == 2


def test_a_run_without_truth_is_refused(make_evaluated):
    make_evaluated("20260101-000000-aaaaaa", {"EASE": [0.1]}, fingerprints={})
    make_evaluated("20260102-000000-bbbbbb", {"EASE": [0.1]})
    with pytest.raises(UsageError, match="does not say on which truth"):
        compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb")


def test_one_model_each_is_paired_under_both_names(make_evaluated):
    make_evaluated("20260101-000000-aaaaaa", {"popular": [0.1, 0.2, 0.3]})
    make_evaluated("20260102-000000-bbbbbb", {"EASE": [0.1, 0.3, 0.3]})
    comparison = compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb")
    assert comparison.differences["model"].to_list() == ["EASE − popular"]


def test_several_models_without_a_shared_name_must_be_named(make_evaluated):
    make_evaluated("20260101-000000-aaaaaa", {"a": [0.1, 0.2], "b": [0.1, 0.2]})
    make_evaluated("20260102-000000-bbbbbb", {"c": [0.1, 0.3]})
    with pytest.raises(UsageError, match="share no model"):
        compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb")
    comparison = compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb", model=("b", "c"))
    assert comparison.differences["model"].to_list() == ["c − b"]
    with pytest.raises(UsageError, match=r"no model named 'bb'.*Did you mean b"):
        compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb", model=("bb", "c"))


def test_runs_without_stored_values_are_still_laid_side_by_side(make_run):
    make_run(code("a"), run_id="20260101-000000-aaaaaa", fingerprints=TRUTH)
    make_run(code("a"), run_id="20260102-000000-bbbbbb", fingerprints=TRUTH)
    comparison = compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb")
    assert comparison.differences.is_empty()
    assert "left no values per user" in comparison.path.read_text("utf-8")


def test_damaged_values_are_one_sentence(make_evaluated):
    make_evaluated("20260101-000000-aaaaaa", {"EASE": [0.1]})
    make_evaluated("20260102-000000-bbbbbb", {"EASE": [0.1]})
    (artefacts_folder() / "20260102-000000-bbbbbb" / "values.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(DataError, match=r"values.parquet cannot be read"):
        compare_runs("20260101-000000-aaaaaa", "20260102-000000-bbbbbb")


def test_a_run_is_found_by_id_by_its_beginning_by_folder_and_by_notebook(make_run):
    older = make_run(code("a"), run_id="20260101-000000-aaaaaa")
    newer = make_run(code("a"), run_id="20260101-000000-bbbbbb")
    assert find_run("20260101-000000-aaaaaa") == older
    assert find_run("20260101-000000-b") == newer
    assert find_run(older) == older.resolve()
    assert find_run("40_x") == newer


def test_a_beginning_that_fits_two_runs_names_both(make_run):
    make_run(code("a"), run_id="20260101-000000-aaaaaa")
    make_run(code("a"), run_id="20260101-000000-bbbbbb")
    with pytest.raises(UsageError, match=r"beginning of 2 runs.*aaaaaa.*bbbbbb"):
        find_run("20260101")


def test_an_unknown_run_names_the_nearest(make_run):
    make_run(code("a"), run_id="20260101-000000-aaaaaa")
    with pytest.raises(UsageError, match="Did you mean 20260101-000000-aaaaaa"):
        find_run("20260101-000001-aaaaaa")


def test_a_run_is_not_compared_with_itself(make_run):
    make_run(code("a"), run_id="20260101-000000-aaaaaa", fingerprints=TRUTH)
    with pytest.raises(UsageError, match="with itself"):
        compare_runs("40_x", "20260101-000000-aaaaaa")
