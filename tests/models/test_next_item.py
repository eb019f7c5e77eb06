"""Transformer, GRU and LSTM: the contract, and what each can know of the order of events."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models.next_item import NextItemRecommender
from avrec_lib.models.recurrent import RecurrentRecommender
from avrec_lib.models.sequence_transformer import SequenceTransformer
from avrec_lib.protocols import Query

SMALL = {"width": 16, "dropout": 0.0, "epochs": 8, "learning_rate": 0.02, "batch": 512, "threads": 1}
READERS = {
    "transformer": partial(SequenceTransformer, blocks=1, heads=2),
    "GRU": partial(RecurrentRecommender, "GRU"),
    "LSTM": partial(RecurrentRecommender, "LSTM"),
}


class NextItemContract(RecommenderContract):
    # The withheld item stands in the middle of a history; these models say what follows its end.
    test_the_withheld_item_ranks_first = None  # type: ignore[assignment]
    # A log of one event has nothing that comes next: refused, see below.
    test_a_catalogue_of_one_item = None  # type: ignore[assignment]


class TestTransformer(NextItemContract):
    def make(self) -> SequenceTransformer:
        return SequenceTransformer(blocks=1, heads=2, **SMALL)


class TestGRU(NextItemContract):
    def make(self) -> RecurrentRecommender:
        return RecurrentRecommender("GRU", **SMALL)


class TestLSTM(NextItemContract):
    def make(self) -> RecurrentRecommender:
        return RecurrentRecommender("LSTM", **SMALL)


class TestMeanOfHistory(NextItemContract):
    def make(self) -> RecurrentRecommender:
        return RecurrentRecommender("mean", **SMALL)


def cycles(users: int = 30, items: int = 10, length: int = 8) -> pl.DataFrame:
    """User u chooses u, u + 1, u + 2, … of items in a circle: what comes next is certain, popularity says nothing."""
    user = np.repeat(np.arange(users), length)
    item = (user + np.tile(np.arange(length), users)) % items
    return pl.DataFrame(
        {
            "user_id": [f"u{one}" for one in user], "item_id": [f"i{one}" for one in item],
            "timestamp": pl.Series(np.tile(np.arange(length), users) * 60_000_000).cast(pl.Datetime("us", "UTC")),
        }
    )  # fmt: skip


@pytest.mark.parametrize("make", READERS.values(), ids=READERS)
def test_what_always_follows_is_ranked_first(make: Callable[..., NextItemRecommender]) -> None:
    model = make(**SMALL | {"epochs": 40}).fit(cycles())
    told = [Query(f"q{n}", f"q{n}", history=[f"i{n}", f"i{(n + 1) % 10}", f"i{(n + 2) % 10}"]) for n in range(10)]
    top = model.recommend(told, k=1)
    assert top["item_id"].to_list() == [f"i{(n + 3) % 10}" for n in range(10)]


def test_the_mean_of_a_history_does_not_know_its_order() -> None:
    model = RecurrentRecommender("mean", **SMALL).fit(cycles())
    there, back = (
        model.score([Query("q", "q", history=history)], [f"i{n}" for n in range(10)])["score"].to_numpy()
        for history in (["i1", "i2", "i3"], ["i3", "i2", "i1"])
    )
    assert there == pytest.approx(back, abs=1e-5)


@pytest.mark.parametrize("make", READERS.values(), ids=READERS)
def test_only_the_last_events_of_a_long_history_are_read(make: Callable[..., NextItemRecommender]) -> None:
    model = make(**SMALL | {"length": 4}).fit(cycles())
    rng = np.random.default_rng(0)
    long = [f"i{n}" for n in rng.integers(0, 10, 10_000)]
    asked = [Query("long", "long", history=long), Query("short", "short", history=long[-4:])]
    scores = model.score(asked, ["i1", "i7"]).pivot("query_id", index="item_id", values="score")
    assert scores["long"].to_numpy() == pytest.approx(scores["short"].to_numpy(), abs=1e-4)


def test_many_long_histories_are_read_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = SequenceTransformer(blocks=1, **SMALL).fit(cycles())
    users = [f"u{n}" for n in range(30)] + ["a stranger"]
    whole = model.recommend(users, k=3, exclude_seen=False)
    monkeypatch.setattr("avrec_lib.models.next_item.TOKENS", 16)
    assert model.recommend(users, k=3, exclude_seen=False).drop("score").equals(whole.drop("score"))


def test_items_that_nobody_chose_are_not_ranked_and_a_single_event_is_history_enough() -> None:
    items = pl.DataFrame({"item_id": ["i0", "never"]})
    model = SequenceTransformer(blocks=1, **SMALL).fit(cycles(), items=items)
    top = model.recommend([Query("one", "one", history=["i3"]), Query("none", "none", history=[])], k=50)
    assert "never" not in top["item_id"] and set(top["query_id"]) == {"one"}
    assert top.height == 9


def test_a_log_of_single_events_is_refused_in_a_sentence() -> None:
    with pytest.raises(DataError, match="no user of this log has two events"):
        SequenceTransformer(**SMALL).fit(cycles(length=1))


@pytest.mark.parametrize("loss", ["sampled softmax", "gBCE"])
def test_losses_over_a_sample_learn_the_order_too(loss: str) -> None:
    options = SMALL | {"epochs": 60, "loss": loss, "negatives": 4}
    model = SequenceTransformer(blocks=1, **options).fit(cycles())
    top = model.recommend([Query("q", "q", history=["i4", "i5", "i6"])], k=1)
    assert top["item_id"].to_list() == ["i7"]


def test_early_stop_keeps_the_weights_of_the_best_epoch_and_the_curves_say_so() -> None:
    model = SequenceTransformer(blocks=1, **SMALL | {"epochs": 50, "patience": 3}).fit(cycles(users=60))
    curve = model.curves.filter(curve="validation ndcg@10")
    best = curve["value"].arg_max()
    assert curve.height == best + 1 + 3 or curve.height == 50
    assert curve["targets"].is_sorted() and curve["seconds"].is_sorted()


def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = SMALL | {"epochs": 6, "dropout": 0.3, "patience": 20}
    whole = SequenceTransformer(blocks=1, **options).fit(cycles())
    killed_after(monkeypatch, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        SequenceTransformer(blocks=1, **options).with_checkpoints(tmp_path).fit(cycles())
    monkeypatch.undo()
    resumed = SequenceTransformer(blocks=1, **options).with_checkpoints(tmp_path).fit(cycles())
    assert resumed.curves.drop("seconds").equals(whole.curves.drop("seconds"))
    assert np.array_equal(resumed.weights, whole.weights)


def killed_after(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    from avrec_lib.networks.next_item import NextItems

    batches, calls = NextItems.batches, []

    def counted(self: NextItems, rng: np.random.Generator) -> list:
        calls.append(rng)
        if len(calls) > epochs:
            raise KeyboardInterrupt
        return batches(self, rng)

    monkeypatch.setattr(NextItems, "batches", counted)


def test_every_training_has_a_checkpoint_of_its_own_and_a_finished_one_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = SequenceTransformer(blocks=1, **SMALL).with_checkpoints(tmp_path).fit(cycles())
    SequenceTransformer(blocks=1, **SMALL | {"width": 32}).with_checkpoints(tmp_path).fit(cycles())
    copy.deepcopy(first).fit(cycles(users=20))
    assert len(list(tmp_path.iterdir())) == 3
    killed_after(monkeypatch, epochs=0)
    again = SequenceTransformer(blocks=1, **SMALL).with_checkpoints(tmp_path).fit(cycles())
    assert np.array_equal(again.weights, first.weights) and again.curves.equals(first.curves)


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path: Path) -> None:
    SequenceTransformer(blocks=1, **SMALL).with_checkpoints(tmp_path / "a").fit(cycles())
    SequenceTransformer(blocks=1, **SMALL | {"seed": 7}).with_checkpoints(tmp_path / "b").fit(cycles())
    (one,), (other,) = ((tmp_path / folder).iterdir() for folder in "ab")
    other.replace(one)  # as one who copies files about
    with pytest.raises(DataError, match="seed"):
        SequenceTransformer(blocks=1, **SMALL).with_checkpoints(tmp_path / "a").fit(cycles())


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    model = SequenceTransformer(blocks=1, **SMALL).with_checkpoints(tmp_path).fit(cycles())
    file = next(tmp_path.iterdir())
    whole = file.read_bytes()
    harmed = bytearray(whole)
    harmed[-1000] ^= 1
    for content in (whole[:-100], bytes(harmed), b"", whole[:50]):
        file.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            model.fit(cycles())


@pytest.mark.parametrize("rate", [3.0, 1000.0])
def test_a_loss_that_rises_far_above_the_first_step_is_stopped_too(rate: float) -> None:
    with pytest.raises(UsageError, match="Lower learning_rate"):
        SequenceTransformer(blocks=1, **SMALL | {"learning_rate": rate, "epochs": 30}).fit(cycles())


def test_a_loss_that_diverges_is_stopped_and_said() -> None:
    with pytest.raises(UsageError, match="diverged"):
        SequenceTransformer(blocks=1, **SMALL | {"learning_rate": 1e30}).fit(cycles())


def test_without_memory_for_a_batch_a_smaller_one_is_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("avrec_lib.networks.next_item.NextItems.loss", no_memory)
    with pytest.raises(UsageError, match="Set batch=256"):
        SequenceTransformer(**SMALL).fit(cycles())
