from __future__ import annotations

import math
import tracemalloc
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ranking_tables import queries_of, truth_table

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate import sampled
from avrec_lib.evaluate.ranking import ranking_values
from avrec_lib.evaluate.sampled import METRICS, drawn_candidates, sampled_values
from avrec_lib.models.popularity import Popularity
from avrec_lib.schema import Values, check_table

ITEMS = pl.Series([f"i{number:03d}" for number in range(200)])
QUERIES = pl.DataFrame({"query_id": ["p", "q"], "user_id": ["u", "v"]})
TRUTH = truth_table({"p": {"i000": 1, "i001": 2, "i002": 0}, "q": {"i003": 1}})
SEEN = pl.DataFrame({"user_id": ["u"] * 90, "item_id": ITEMS[100:190]})


def items_of(drawn: pl.DataFrame, query: str) -> list[str]:
    return drawn.filter(query_id=query)["item_id"].to_list()


def scores_by(number: pl.Expr) -> pl.DataFrame:
    """Every query on every item, scored by its number in the catalogue."""
    every = QUERIES.join(ITEMS.alias("item_id").to_frame().with_row_index("number"), how="cross")
    return every.select("query_id", "item_id", score=number.cast(pl.Float64))


def test_what_is_drawn_is_the_relevant_items_and_others_that_were_neither_chosen_nor_seen() -> None:
    drawn = drawn_candidates(TRUTH, QUERIES, ITEMS, seen=SEEN, negatives=50)
    for query, relevant, barred in (("p", {"i000", "i001"}, {"i002", *SEEN["item_id"]}), ("q", {"i003"}, set())):
        items = items_of(drawn, query)
        assert len(items) == len(set(items)) == 50 + len(relevant)
        assert relevant <= set(items)
        assert not barred & set(items)


def test_where_there_are_fewer_others_all_are_taken() -> None:
    drawn = drawn_candidates(TRUTH, QUERIES, ITEMS, seen=SEEN, negatives=150)
    assert len(items_of(drawn, "p")) == 200 - 90 - 1
    assert len(items_of(drawn, "q")) == 151
    assert set(items_of(drawn_candidates(TRUTH, QUERIES, ITEMS, negatives=10**6), "q")) == set(ITEMS)


def test_every_other_item_is_drawn_equally_often() -> None:
    many = pl.DataFrame({"query_id": [f"q{n}" for n in range(20_000)], "user_id": "u"})
    drawn = drawn_candidates(truth_table({"q0": {"i000": 1}}), many, ITEMS[:20], negatives=5, seed=1)
    counts = Counter(drawn["item_id"].to_list())
    # Each is drawn with probability 5/20: 5,000 times, with a standard deviation of √(20,000 · ¼ · ¾) ≈ 61.
    assert all(abs(count - 5000) < 4 * 61 for count in counts.values())


def test_pairs_of_items_are_drawn_equally_often_where_some_must_be_drawn_anew() -> None:
    many = pl.DataFrame({"query_id": [f"q{n}" for n in range(20_000)], "user_id": "u"})
    barred = pl.DataFrame({"user_id": "u", "item_id": ITEMS[:4]})
    truth = truth_table({"q0": {"i000": 1}})
    for negatives, free in ((3, 6), (4, 6)):  # drawn anew, and by lots
        drawn = drawn_candidates(truth, many, ITEMS[:10], seen=barred, negatives=negatives, seed=2)
        others = drawn.filter(pl.col("item_id") > "i003")
        assert others.height == 20_000 * negatives and not others.is_duplicated().any()
        pairs = Counter(others.join(others, on="query_id").filter(pl.col("item_id") < pl.col("item_id_right")).select(
            "item_id", "item_id_right").iter_rows())  # fmt: skip
        chance = negatives * (negatives - 1) / (free * (free - 1))
        spread = math.sqrt(20_000 * chance * (1 - chance))
        assert len(pairs) == 15
        assert all(abs(count - 20_000 * chance) < 4.5 * spread for count in pairs.values())


def test_memory_is_that_of_what_is_drawn_and_not_of_all_queries_on_all_items() -> None:
    queries, items = 2_000, 200_000
    many = pl.DataFrame({"query_id": [f"q{n}" for n in range(queries)], "user_id": [f"u{n}" for n in range(queries)]})
    catalogue = pl.Series([f"i{number}" for number in range(items)])
    truth = truth_table({f"q{n}": {f"i{n}": 1} for n in range(queries)})
    tracemalloc.start()
    drawn = drawn_candidates(truth, many, catalogue, negatives=99)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert drawn.height == queries * 100 and not drawn.is_duplicated().any()
    assert peak < 12 * 8 * queries * 115  # a dozen numbers for each place, where one for each item would be 1,700


@given(st.data())
def test_whatever_is_barred_each_query_gets_as_many_free_items_as_there_are(data: st.DataObject) -> None:
    names = ITEMS[: data.draw(st.integers(1, 12))].to_list()
    asked = [f"q{n}" for n in range(data.draw(st.integers(1, 5)))]
    barred = {query: data.draw(st.sets(st.sampled_from(names))) for query in asked}
    relevances = {query: dict.fromkeys(sorted(items), 0) for query, items in barred.items()}
    truth = truth_table(relevances) if any(barred.values()) else TRUTH.clear()
    negatives = data.draw(st.integers(1, 14))
    drawn = drawn_candidates(truth, queries_of(asked), pl.Series(names), negatives=negatives)
    for query in asked:
        items = items_of(drawn, query)
        free = set(names) - barred[query]
        assert len(items) == len(set(items)) == min(negatives, len(free)) and set(items) <= free


def test_a_model_is_asked_a_block_at_a_time_and_only_for_what_the_block_drew(monkeypatch: pytest.MonkeyPatch) -> None:
    events = pl.DataFrame({"user_id": ["u", "v", "w", "u"], "item_id": ["i000", "i000", "i003", "i003"]})
    model, asked = Popularity().fit(events), []
    whole = sampled_values(model, TRUTH, QUERIES, catalogue=ITEMS, k=2, negatives=20, model="popularity")
    score = model.score

    def listening(queries: pl.DataFrame, candidates: list[str]) -> pl.DataFrame:
        asked.append((queries["query_id"].to_list(), set(candidates)))
        return score(queries, candidates)

    monkeypatch.setattr(model, "score", listening)
    monkeypatch.setattr(sampled, "_BLOCK_CELLS", 30)
    again = sampled_values(model, TRUTH, QUERIES, catalogue=ITEMS, k=2, negatives=20, model="popularity")
    assert [queries for queries, _ in asked] == [["p"], ["q"]]
    assert [len(items) for _, items in asked] == [22, 21]
    assert again["metric"].to_list() == whole["metric"].to_list()


def test_the_same_seed_draws_the_same_and_another_one_something_else() -> None:
    first, again, other = (drawn_candidates(TRUTH, QUERIES, ITEMS, seed=seed) for seed in (3, 3, 4))
    assert first.equals(again)
    assert not first.equals(other)


def test_the_values_are_those_of_the_drawn_list_under_a_name_of_their_own() -> None:
    drawn = drawn_candidates(TRUTH, QUERIES, ITEMS, seen=SEEN, seed=5)
    scores = scores_by((pl.col("number").cast(pl.Int64) * 37) % 200)
    values = sampled_values(scores, TRUTH, QUERIES, catalogue=ITEMS, seen=SEEN, k=[5, 10],
                            metrics=["ndcg", "map", "auc"], model="m", seed=5)  # fmt: skip
    by_score = drawn.join(scores, on=["query_id", "item_id"]).sort("query_id", "score", descending=[False, True])
    ranked = by_score.with_columns(rank=pl.int_range(1, pl.len() + 1).over("query_id"))
    sizes = [len(items_of(drawn, "p")), len(items_of(drawn, "q"))]
    expected = ranking_values(ranked, TRUTH, QUERIES, k=[5, 10], metrics=["ndcg", "map", "auc"], model="m", seed=5,
                              candidates=sizes)  # fmt: skip
    assert set(values["metric"]) == {"sampled_ndcg", "sampled_map", "sampled_auc"} < set(METRICS)
    assert values.drop("metric").equals(expected.drop("metric"))
    assert check_table(values, Values, "values").equals(values)


def test_equal_scores_are_put_in_random_order_and_not_in_that_of_the_truth() -> None:
    queries = queries_of([f"q{n}" for n in range(500)])
    truth = truth_table({query: {"i000": 1} for query in queries["query_id"]})
    drawn = drawn_candidates(truth, queries, ITEMS)
    flat = drawn.select("query_id", "item_id", score=pl.lit(0.5))
    hits = sampled_values(flat, truth, queries, catalogue=ITEMS, k=10, metrics=["hit_rate"], model="m")["value"]
    # One relevant item of 100 in random order is among the first 10 with probability .1, ± 4 · √(.09 / 500).
    assert abs(float(np.mean(hits.to_numpy())) - 0.1) < 4 * 0.0135


def test_sampling_shrinks_a_gap_that_full_ranking_shows() -> None:
    queries = queries_of([f"q{n}" for n in range(400)])
    rng = np.random.default_rng(0)
    relevant = rng.integers(0, 200, 400)
    truth = truth_table({f"q{n}": {ITEMS[int(item)]: 1} for n, item in enumerate(relevant)})
    gaps = {}
    for name, signal in (("good", 3.0), ("poor", 2.0)):
        noisy = rng.normal(size=(400, 200))
        noisy[np.arange(400), relevant] += signal
        scores = queries.join(ITEMS.alias("item_id").to_frame(), how="cross").with_columns(
            score=pl.Series(noisy.ravel())
        )
        ranked = scores.with_columns(rank=pl.col("score").rank("ordinal", descending=True).over("query_id"))
        full = ranking_values(ranked, truth, queries, k=1, metrics=["hit_rate"], model=name)["value"].mean()
        sampled = sampled_values(scores, truth, queries, catalogue=ITEMS, negatives=20, k=1, metrics=["hit_rate"],
                                 model=name)["value"].mean()  # fmt: skip
        gaps[name] = full, sampled
    assert gaps["good"][1] / gaps["poor"][1] < 0.8 * gaps["good"][0] / gaps["poor"][0]
    assert gaps["poor"][1] > 2 * gaps["poor"][0]


def test_a_fitted_model_is_asked_for_its_scores() -> None:
    events = pl.DataFrame({"user_id": ["u", "v", "w", "u"], "item_id": ["i000", "i000", "i003", "i003"]})
    values = sampled_values(Popularity().fit(events), TRUTH, QUERIES, catalogue=ITEMS, k=2, model="popularity")
    hits = dict(values.filter(metric="sampled_hit_rate").select("query_id", "value").iter_rows())
    assert hits == {"p": 1, "q": 1}


def test_items_without_a_score_are_left_out_of_the_list() -> None:
    said = (pl.col("query_id") == "q") | ~pl.col("item_id").is_in(["i000", "i001"])
    scores = scores_by(pl.col("number")).with_columns(score=pl.when(said).then("score"))
    values = sampled_values(scores, TRUTH, QUERIES, catalogue=ITEMS, k=300, metrics=["recall", "auc"], model="m")
    assert values.filter(metric="sampled_recall")["value"].to_list() == [0, 1]
    assert values.filter(metric="sampled_auc")["value"].is_null().to_list() == [True, False]


def test_scores_that_are_missing_doubled_or_nan_are_refused() -> None:
    scores = scores_by(pl.col("number"))
    relevant = (pl.col("query_id") == "p") & (pl.col("item_id") == "i000")
    for broken, said in (
        (scores.filter(~relevant), "no row for 1 of the"),
        (pl.concat([scores, scores.filter(relevant)]), "several rows"),
        (scores.with_columns(score=pl.when(relevant).then(np.nan).otherwise("score")), "1 scores are NaN"),
        (scores.drop("score"), "no column score"),
    ):
        with pytest.raises(DataError, match=said):
            sampled_values(broken, TRUTH, QUERIES, catalogue=ITEMS, model="m")
    with pytest.raises(UsageError, match="negatives must be at least 1"):
        drawn_candidates(TRUTH, QUERIES, ITEMS, negatives=0)
    with pytest.raises(UsageError, match="metric"):
        sampled_values(scores, TRUTH, QUERIES, catalogue=ITEMS, metrics=["magic"], model="m")  # type: ignore[list-item]


def test_without_queries_or_truth_there_is_nothing_to_draw_for() -> None:
    scores = scores_by(pl.col("number"))
    assert sampled_values(scores, TRUTH, QUERIES.clear(), catalogue=ITEMS, model="m").is_empty()
    without = sampled_values(scores, TRUTH.clear(), QUERIES, catalogue=ITEMS, model="m")
    assert without["value"].null_count() == without.height == 6
