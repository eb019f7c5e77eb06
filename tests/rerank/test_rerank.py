"""Methods that pick a better list: each against visible arithmetic or a brute-force twin."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.diversity import item_labels
from avrec_lib.evaluate.lists import Lists
from avrec_lib.evaluate.taste import miscalibration
from avrec_lib.rerank import (
    Calibration,
    Candidates,
    ExposureFloor,
    ItemVectors,
    MaximalMarginalRelevance,
    MaxSumDiversity,
    exposure_groups,
    rerank,
)
from avrec_lib.rerank.max_sum import distances
from avrec_lib.rerank.similarity import blocks_of_cosines
from avrec_lib.schema import Ranked, check_table

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d", "e"],
        "tags": [["war"], ["war"], ["love"], ["war", "love"], None],
    }
)
TAGS = ItemVectors.of_labels(ITEMS)


def ranked(**lists: str) -> pl.DataFrame:
    """A list a query: its items best first, with scores 1, .9, .8, …"""
    rows = [
        (query, f"user of {query}", item, rank, 1.1 - rank / 10)
        for query, items in lists.items()
        for rank, item in enumerate(items, start=1)
    ]
    return pl.DataFrame(rows, schema=Ranked.create_empty().schema, orient="row")


def items_of(table: pl.DataFrame, query: str = "q") -> str:
    return "".join(table.filter(pl.col("query_id") == query).sort("rank")["item_id"])


def random_lists(queries: int, depth: int, rng: np.random.Generator) -> tuple[pl.DataFrame, ItemVectors]:
    """Lists out of 30 items of which some have no vector, some lists being short."""
    unit = rng.normal(size=(30, 4)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    unit[:4] = 0
    names = [f"item {number}" for number in range(30)]
    rows = []
    for query in range(queries):
        length = depth if query % 3 else int(rng.integers(1, depth + 1))
        scores = np.sort(rng.random(length))[::-1]
        picked = rng.permutation(30)[:length]
        rows += [(f"q{query}", "u", names[item], rank + 1, scores[rank]) for rank, item in enumerate(picked)]
    table = pl.DataFrame(rows, schema=Ranked.create_empty().schema, orient="row")
    return table, ItemVectors(pl.Series("item_id", names), unit)


METHODS = {
    "marginal relevance": lambda trade_off: MaximalMarginalRelevance(trade_off, TAGS),
    "max-sum": lambda trade_off: MaxSumDiversity(trade_off, TAGS),
    "max-sum of cosines": lambda trade_off: MaxSumDiversity(trade_off, TAGS, distance="cosine"),
    "calibration": lambda trade_off: Calibration(
        trade_off, item_labels(ITEMS, "tags"), pl.DataFrame({"query_id": ["q"], "item_id": ["c"]})
    ),
}


@pytest.mark.parametrize("method", METHODS)
def test_no_trade_off_leaves_the_list_as_it_was(method: str):
    table = ranked(q="abcde", other="edcba")
    assert rerank(table, 3, METHODS[method](0)).equals(table.filter(pl.col("rank") <= 3))


@pytest.mark.parametrize("method", METHODS)
def test_many_lists_at_once_are_answered_as_one_by_one(method: str):
    table = ranked(q="abcde", other="edcba", short="b", third="baced")
    together = rerank(table, 3, METHODS[method](0.7))
    apart = [rerank(one, 3, METHODS[method](0.7)) for one in table.partition_by("query_id", maintain_order=True)]
    assert together.equals(pl.concat(apart))


@pytest.mark.parametrize("method", METHODS)
def test_the_answer_is_a_ranked_table_with_the_models_scores(method: str):
    table = ranked(q="abcde", short="b")
    answer = check_table(rerank(table, 3, METHODS[method](0.9)), Ranked, "ranked")
    assert answer.group_by("query_id", maintain_order=True).len()["len"].to_list() == [3, 1]
    said = answer.join(table, on=["query_id", "item_id"], how="left", suffix="_before")
    assert said["score"].equals(said["score_before"].rename("score"))


@pytest.mark.parametrize("method", METHODS)
def test_the_first_places_can_be_kept(method: str):
    assert items_of(rerank(ranked(q="abcde"), 3, METHODS[method](1), keep=2)).startswith("ab")


def test_marginal_relevance_by_hand():
    # Relevance 1, .75, .5, .25, 0 by place. After a (war): b is wholly like it, .5 · .75 − .5 · 1 = −.125;
    # c not at all, .5 · .5 = .25; d by 1/√2, .5 · .25 − .5 · .707 = −.229.
    assert items_of(rerank(ranked(q="abcde"), 2, MaximalMarginalRelevance(0.5, TAGS))) == "ac"


def test_an_item_without_a_vector_is_as_far_as_the_average_pair():
    # Cosines of a, b, c: 1, 0, 0, mean ⅓. With relevance aside e (⅓ like a) comes after c (0) and before b (1).
    assert items_of(rerank(ranked(q="abce"), 4, MaximalMarginalRelevance(1, TAGS))) == "aceb"


@pytest.mark.parametrize("trade_off", [0.2, 0.6, 1.0])
def test_marginal_relevance_is_its_formula(trade_off: float):
    table, vectors = random_lists(12, 9, np.random.default_rng(1))
    answer = rerank(table, 5, MaximalMarginalRelevance(trade_off, vectors))
    candidates = Candidates.of(table, 60)
    codes = {name: code for code, name in enumerate(vectors.item_ids)}
    for query, worth in zip(candidates.queries["query_id"], candidates.relevance, strict=True):
        items = table.filter(pl.col("query_id") == query)["item_id"].to_list()
        unit = vectors.unit[[codes[item] for item in items]]
        cosines = unit @ unit.T
        known = np.outer(unit.any(axis=1), unit.any(axis=1))
        pairs = known & ~np.eye(len(items), dtype=bool)
        cosines = np.where(known, cosines, cosines[pairs].mean() if pairs.any() else 0.0)
        left, picked = list(range(len(items))), [0]
        left.remove(0)
        while left and len(picked) < 5:
            best = max(left, key=lambda i: (1 - trade_off) * worth[i] - trade_off * cosines[i, picked].max())
            left.remove(best)
            picked.append(best)
        assert answer.filter(pl.col("query_id") == query)["item_id"].to_list() == [items[place] for place in picked]


@pytest.mark.parametrize("trade_off", [0.1, 0.5, 0.9, 1.0])
def test_max_sum_reaches_half_of_the_best_set(trade_off: float):
    table, vectors = random_lists(30, 8, np.random.default_rng(2))
    candidates = Candidates.of(table, 8)
    method = MaxSumDiversity(trade_off, vectors)
    (_, cosines, known), *_ = blocks_of_cosines(candidates, vectors)
    places = method.pick(candidates, 4)
    for apart, worth, picked, items in zip(
        distances(cosines, known), candidates.relevance, places, candidates.items, strict=True
    ):
        size = min(4, int((items >= 0).sum()))

        def value(chosen: tuple[int, ...], apart: np.ndarray = apart, worth: np.ndarray = worth) -> float:
            pairs = sum(apart[one, other] for one, other in combinations(chosen, 2))
            return float((1 - trade_off) * worth[list(chosen)].sum() + trade_off * 2 / 3 * pairs)

        best = max(value(chosen) for chosen in combinations(range(int((items >= 0).sum())), size))
        assert value(tuple(picked[picked >= 0])) >= best / 2


def test_distances_keep_the_triangle_inequality():
    table, vectors = random_lists(20, 9, np.random.default_rng(3))
    (_, cosines, known), *_ = blocks_of_cosines(Candidates.of(table, 9), vectors)
    apart = distances(cosines, known)
    over = apart[:, :, :, None] + apart[:, None, :, :]  # from a over b to c
    assert (apart[:, :, None, :] <= over + 1e-6).all()


def test_sparse_vectors_answer_as_dense_ones():
    from scipy import sparse

    table, vectors = random_lists(40, 9, np.random.default_rng(4))
    thin = ItemVectors(vectors.item_ids, sparse.csr_matrix(vectors.unit))
    for method in (MaximalMarginalRelevance, MaxSumDiversity):
        assert rerank(table, 5, method(0.5, vectors)).equals(rerank(table, 5, method(0.5, thin)))


def test_calibration_is_greedy_on_its_formula():
    table = ranked(q="abdce", other="abdce", nobody="abdce")
    labels = item_labels(ITEMS, "tags")
    histories = pl.DataFrame({"query_id": ["q", "q", "q", "other"], "item_id": ["c", "c2", "a", "b"]})
    labels = pl.concat([labels, pl.DataFrame({"item_id": ["c2"], "label": ["love"]})])
    answer = rerank(table, 3, Calibration(0.8, labels, histories))
    worth = dict(zip("abdce", [1, 0.75, 0.5, 0.25, 0], strict=True))

    def value(query: str, items: str) -> float:
        listed = ranked(**{query: items})
        lists = Lists.of(listed, listed.select("query_id", "user_id").unique(), len(items))
        divergence = miscalibration(lists, histories, labels, len(items))[0]
        return 0.2 * sum(worth[item] for item in items) - 0.8 * divergence

    for query in ("q", "other"):
        picked = ""
        for _ in range(3):
            left = [item for item in ("abdce" if picked else "abdc") if item not in picked]  # e alone has no mix
            picked += max(left, key=lambda item: value(query, picked + item))
        assert items_of(answer, query) == picked
    assert items_of(answer, "q") != items_of(answer, "other")
    assert items_of(answer, "nobody") == "abd"


@pytest.mark.parametrize("floors", [{"tail": 0.3}, {"tail": 0.3, "new": 0.5}, {"tail": 0.5, "new": 0.5}, {"both": 1.0}])
def test_every_prefix_holds_its_floors(floors: dict[str, float]):
    rng = np.random.default_rng(5)
    table, _ = random_lists(60, 25, rng)
    names = [f"item {number}" for number in range(30)]
    members = {"tail": names[:6], "new": names[6:14], "both": names[3:9]}
    groups = pl.DataFrame([(item, group) for group, own in members.items() for item in own],
                          schema=["item_id", "group"], orient="row")  # fmt: skip
    answer = rerank(table, 10, ExposureFloor(floors, groups))
    for (query,), rows in answer.group_by("query_id"):
        candidates = table.filter(pl.col("query_id") == query)["item_id"]
        for group, share in floors.items():
            could = candidates.is_in(members[group]).sum()
            has = rows.sort("rank")["item_id"].is_in(members[group]).cum_sum().to_numpy()
            floor = np.floor(share * np.arange(1, len(has) + 1) + 1e-9)
            assert (has >= np.minimum(floor, could)).all()


def test_a_floor_moves_no_more_than_it_must():
    groups = pl.DataFrame({"item_id": ["d", "e"], "group": ["tail", "tail"]})
    assert items_of(rerank(ranked(q="abcde"), 4, ExposureFloor({"tail": 0.5}, groups))) == "adbe"
    assert items_of(rerank(ranked(q="abcde"), 4, ExposureFloor({"tail": 0.25}, groups))) == "abcd"
    assert items_of(rerank(ranked(q="abc"), 3, ExposureFloor({"tail": 0.5}, groups))) == "abc"


def test_groups_are_bands_of_popularity_and_creators():
    train = pl.DataFrame({"user_id": list("uvwxu"), "item_id": list("aaaab")})
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "creator_id": ["ann", None, "bo"]})
    found = set(exposure_groups(train, items).rows())
    assert found == {("a", "head"), ("b", "mid"), ("c", "tail"), ("a", "ann"), ("c", "bo")}


def test_relevance_is_scaled_by_list_or_goes_by_rank():
    table = pl.concat([ranked(q="abc"), ranked(flat="ab").with_columns(score=pl.lit(None, dtype=pl.Float64))])
    by_rank = [1, 1 / np.log2(3), 1 / np.log2(4)]
    np.testing.assert_allclose(Candidates.of(table, 3).relevance, [[1, 0.5, 0], [*by_rank[:2], 0]], atol=1e-12)
    np.testing.assert_allclose(Candidates.of(table, 3, "rank").relevance, [by_rank, [*by_rank[:2], 0]])
    np.testing.assert_allclose(Candidates.of(ranked(q="ab"), 2, "given").relevance, [[1, 0.9]])
    with pytest.raises(DataError, match="missing"):
        Candidates.of(table, 3, "given")


def test_an_empty_table_stays_empty():
    assert rerank(Ranked.create_empty(), 3, MaxSumDiversity(0.5, TAGS)).equals(Ranked.create_empty())


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: rerank(ranked(q="ab"), 0, METHODS["max-sum"](0.5)), "k must be"),
        (lambda: rerank(ranked(q="ab"), 9, METHODS["max-sum"](0.5), depth=5), "from 5 candidates"),
        (lambda: rerank(ranked(q="ab"), 2, METHODS["max-sum"](0.5), keep=3), "keep"),
        (lambda: rerank(ranked(q="ab"), 2, METHODS["max-sum"](0.5), relevance="scores"), "score"),
        (lambda: MaximalMarginalRelevance(1.5, TAGS), "trade_off"),
        (lambda: MaxSumDiversity(float("nan"), TAGS), "trade_off"),
        (lambda: MaxSumDiversity(0.5, TAGS, distance="chords"), "chord"),  # type: ignore[arg-type]
        (lambda: Calibration(0.5, ITEMS, ITEMS, alpha=1), "alpha"),
        (lambda: ExposureFloor({"tail": 0.7, "new": 0.4}, ITEMS), "1.1"),
        (lambda: exposure_groups(), "neither"),
    ],
    ids=["k", "depth", "keep", "relevance", "trade-off", "not a number", "distance", "alpha", "floors", "groups"],
)
def test_what_cannot_be_done_is_said(ask, said: str):
    with pytest.raises(UsageError, match=said):
        ask()


def test_a_group_that_nobody_is_in_is_named():
    with pytest.raises(DataError, match="tial"):
        ExposureFloor({"tial": 0.1}, pl.DataFrame({"item_id": ["a"], "group": ["tail"]}))
    with pytest.raises(DataError, match="infinite"):
        rerank(ranked(q="ab").with_columns(score=pl.lit(np.inf)), 1, METHODS["max-sum"](0.5))
