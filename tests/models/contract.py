"""What every recommender promises. A model's test class inherits this and says how to make one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models import saving
from avrec_lib.models.contract import PROMISES, Promise
from avrec_lib.models.promises import START, Subject, checkerboard
from avrec_lib.protocols import Query, Recommender
from avrec_lib.schema import Ranked, check_table

__all__ = ["RecommenderContract", "checkerboard"]


def sign(folder: Path) -> None:
    """Let the card of a saved model agree with its files again, as one would who wants to be believed."""
    card = json.loads((folder / "model.json").read_text())
    card["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in card["files"]}
    write_card(folder, card)


def write_card(folder: Path, card: dict) -> None:
    (folder / "model.json").write_text(json.dumps(card | {"seal": saving._seal(card)}))


class RecommenderContract:
    """Inherit, and define `make`. A model that gives everyone the same list says `personal = False`
    and takes the tests that cannot hold for it away by setting them to None, promises by naming them in `unkept`."""

    personal = True
    unkept: tuple[Callable[[Subject], None], ...] = ()

    def make(self) -> Recommender:
        raise NotImplementedError

    def fitted(self) -> Recommender:
        return self.make().fit(checkerboard(12, 12, hide_diagonal=True))

    @pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.kept.__name__)
    def test_it_keeps_what_a_strangers_class_promises_too(self, promise: Promise) -> None:
        if promise.kept not in self.unkept:
            promise.kept(Subject(self.make))

    def test_the_withheld_item_ranks_first(self) -> None:
        top = self.make().fit(checkerboard(40, 40, hide_diagonal=True)).recommend([f"u{n}" for n in range(40)], k=1)
        assert top["item_id"].to_list() == [f"i{n}" for n in range(40)]

    def test_the_ranked_table_keeps_its_schema_its_order_and_its_ranks(self) -> None:
        ranked = self.fitted().recommend(["u3", "u4"], k=4)
        assert check_table(ranked, Ranked, "ranked").equals(ranked)
        for _, rows in ranked.group_by("query_id"):
            assert rows["rank"].to_list() == list(range(1, rows.height + 1))
            assert rows["score"].is_sorted(descending=True)

    def test_the_order_of_training_rows_does_not_matter(self) -> None:
        train = checkerboard(12, 12, hide_diagonal=True)
        shuffled = self.make().fit(train.sample(fraction=1, shuffle=True, seed=1)).recommend(["u1"], k=5)
        assert shuffled["item_id"].equals(self.make().fit(train).recommend(["u1"], k=5)["item_id"])

    def test_a_saved_model_answers_as_before(self, tmp_path: Path) -> None:
        model = self.fitted()
        model.save(tmp_path / "model")
        again = type(model).load(tmp_path / "model")
        assert again.recommend(["u1", "new"], k=5).equals(model.recommend(["u1", "new"], k=5))

    def test_a_damaged_model_folder_is_refused(self, tmp_path: Path) -> None:
        model = self.fitted()
        model.save(tmp_path / "model")
        (tmp_path / "model" / "arrays.safetensors").write_bytes(b"not a model")
        with pytest.raises(DataError):
            type(model).load(tmp_path / "model")

    def test_a_changed_option_is_noticed_and_a_name_of_its_own_is_kept(self, tmp_path: Path) -> None:
        model = self.fitted()
        model.name = "ours"
        model.save(tmp_path / "model")
        assert type(model).load(tmp_path / "model").name == "ours"
        card = tmp_path / "model" / "model.json"
        card.write_text(card.read_text().replace('"ours"', '"theirs"'))
        with pytest.raises(DataError, match="not the file that was saved"):
            type(model).load(tmp_path / "model")

    @pytest.mark.parametrize("file", ["arrays.safetensors", "items.parquet", "log.parquet"])
    def test_one_changed_byte_is_noticed(self, file: str, tmp_path: Path) -> None:
        model = self.fitted()
        model.save(tmp_path / "model")
        content = bytearray((tmp_path / "model" / file).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "model" / file).write_bytes(content)
        with pytest.raises(DataError, match=f"{file} is not the file that was saved"):
            type(model).load(tmp_path / "model")

    @pytest.mark.parametrize("harm", ["missing", "extra", "short", "huge"])
    def test_arrays_that_do_not_fit_are_refused(self, harm: str, tmp_path: Path) -> None:
        model = self.fitted()
        model.save(tmp_path / "model")
        file = tmp_path / "model" / "arrays.safetensors"
        arrays = load_file(file)
        if not arrays and harm != "extra":
            pytest.skip("what it knows is the log")
        # Numbers of columns, where there are any.
        filled = [name for name in arrays if arrays[name].size]
        name = max(filled, key=lambda name: arrays[name].dtype.kind == "i", default="")
        match harm:
            case "missing":
                del arrays[name]
            case "extra":
                arrays["recommend"] = arrays.get(name, np.zeros(1))
            case "short":
                arrays[name] = arrays[name][:-1].copy()
            case "huge":
                arrays[name] = arrays[name].copy()
                arrays[name].flat[0] = np.nan if arrays[name].dtype.kind == "f" else 10**8
        save_file(arrays, file)
        sign(tmp_path / "model")
        with pytest.raises(DataError):
            type(model).load(tmp_path / "model")

    def test_another_format_or_model_is_refused(self, tmp_path: Path) -> None:
        model = self.fitted()
        model.save(tmp_path / "model")
        card = json.loads((tmp_path / "model" / "model.json").read_text())
        for change in ({"format": 1}, {"format": 99}, {"model": "Other"}, {"options": {"unknown": 1}}):
            write_card(tmp_path / "model", card | change)
            with pytest.raises(DataError):
                type(model).load(tmp_path / "model")

    def test_many_queries_at_once_get_the_lists_of_one_at_a_time(self) -> None:
        model, users = self.fitted(), [f"u{n}" for n in range(12)]
        together = model.recommend(users, k=5)
        alone = pl.concat([model.recommend([user], k=5) for user in users])
        assert together.select("query_id", "item_id", "rank").equals(alone.select("query_id", "item_id", "rank"))

    def test_lists_do_not_depend_on_how_queries_fall_into_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        model, users = self.fitted(), [f"u{n}" for n in range(12)]
        together = model.recommend(users, k=5)
        monkeypatch.setattr("avrec_lib.models.matrix_recommender.BLOCK_BYTES", 4 * 12 * 5)
        assert model.recommend(users, k=5).select("query_id", "item_id").equals(together.select("query_id", "item_id"))

    def test_the_order_of_candidates_does_not_break_ties(self) -> None:
        candidates = [f"i{i}" for i in range(12)]
        lists = [self.fitted().recommend(["u1"], k=4, candidates=order) for order in (candidates, candidates[::-1] * 2)]
        assert lists[0].equals(lists[1])

    def test_only_choices_are_learned_from(self) -> None:
        train = checkerboard(12, 12, hide_diagonal=True).with_columns(event=pl.lit("play"))
        noise = train.with_columns(event=pl.lit("impression"), item_id=pl.lit("shown, never chosen"))
        ranked = self.make().fit(pl.concat([train, noise])).recommend(["u1"], k=12)
        assert ranked.equals(self.fitted().recommend(["u1"], k=12))

    def test_ids_that_are_not_strings_are_refused(self) -> None:
        with pytest.raises(DataError, match="strings"):
            self.make().fit(pl.DataFrame({"user_id": [1], "item_id": [2]}))

    def test_a_cut_needs_training_rows_with_times(self) -> None:
        model = self.make().fit(checkerboard(4, 4).drop("timestamp"))
        with pytest.raises(DataError, match="times"):
            model.recommend([Query("q", "u1", cut=START)], k=1)

    def test_a_k_below_one_is_refused(self) -> None:
        with pytest.raises(UsageError):
            self.fitted().recommend(["u1"], k=0)

    def test_an_unknown_user_is_answered_like_any_other_unknown_user(self) -> None:
        ranked = self.fitted().recommend(["new", "newer"], k=3)
        lists = [ranked.filter(pl.col("query_id") == who)["item_id"].to_list() for who in ("new", "newer")]
        assert lists[0] == lists[1]
        assert not (self.personal and lists[0]), "a personal model has nothing to say of a user it knows nothing of"

    def test_a_user_with_one_event(self) -> None:
        train = pl.concat([checkerboard(12, 12), checkerboard(1, 1).with_columns(user_id=pl.lit("once"))])
        items = self.make().fit(train).recommend(["once"], k=3)["item_id"].to_list()
        assert items and "i0" not in items

    def test_a_catalogue_of_one_item(self) -> None:
        model = self.make().fit(checkerboard(1, 1))
        assert model.recommend(["u0", "new"], k=3).filter(pl.col("query_id") == "u0").is_empty()
        again = model.recommend(["u0"], k=3, exclude_seen=False)["item_id"].to_list()
        assert again in ([], ["i0"])  # nothing is near it, so some have nothing to say

    def test_an_empty_history_is_answered_like_an_unknown_user(self) -> None:
        ranked = self.fitted().recommend([Query("empty", "u1", history=[]), "new"], k=3)
        lists = [ranked.filter(pl.col("query_id") == who)["item_id"].to_list() for who in ("empty", "new")]
        assert lists[0] == lists[1]

    def test_a_history_of_items_nobody_has_seen_is_an_empty_one(self) -> None:
        ranked = self.fitted().recommend([Query("unseen", "u1", history=["never seen"]), "new"], k=3)
        lists = [ranked.filter(pl.col("query_id") == who)["item_id"].to_list() for who in ("unseen", "new")]
        assert lists[0] == lists[1]

    def test_it_must_be_fitted_first(self) -> None:
        with pytest.raises(UsageError):
            self.make().recommend(["u1"], k=1)

    def test_training_rows_without_items_are_refused(self) -> None:
        with pytest.raises(DataError):
            self.make().fit(checkerboard(2, 2).clear())
