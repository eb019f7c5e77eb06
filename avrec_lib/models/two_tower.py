"""Two towers: users by history, profile and moment, items by id and content, so that new ones have a place too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import nn

from avrec_lib.data.dataset import fingerprint
from avrec_lib.errors import UsageError
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import check_attributes
from avrec_lib.models.neural_recommender import NeuralRecommender
from avrec_lib.models.search_space import Real, Space, Whole
from avrec_lib.models.top_k import UNRANKED
from avrec_lib.models.tower_inputs import FEATURES, content_of, moments_of, profiles_of, scale_of, scaled
from avrec_lib.networks.flat_weights import flat_weights
from avrec_lib.networks.held_out import learned_events
from avrec_lib.networks.in_batch import InBatch
from avrec_lib.networks.loop import Learner
from avrec_lib.networks.options import check_whole
from avrec_lib.networks.packing import runs
from avrec_lib.networks.precision import Precision
from avrec_lib.networks.threads import device
from avrec_lib.networks.towers import ItemTower, Towers, UserTower, decayed, pooled, sharpened

ATTRIBUTES = ("tags", "category", "creator_id", "decade")


class TwoTower(NeuralRecommender):
    """Score = u · vᵢ, or cos(u, vᵢ) / `temperature`: a user tower u and an item tower v, learned together.

    v is what is learned of the item's id, and of its content: labels in the columns `attributes` of the table of items
    (or `decade`, see `content.labels`), words (`content.text_embeddings` of so many `dimensions`, 0: none) and a table
    of `embeddings` with item_id and vector, all where they are given. In training the id of a share `id_dropout` of
    items is hidden, so that content learns to place an item that nobody chose (Volkovs et al. 2017, "DropoutNet").
    u reads the history, the mean of the v of its last `length` items weighted by `decay` to their age; age in decades,
    gender, occupation, country and language where the table of users tells them; hour and weekday (UTC) of the cut.
    Past, profile and moment are each hidden for a share `strangers` of the choices, so that u can do without.

    Learned from each choice and what its user chose before, by a softmax over the items of a batch in which their
    popularity is put right (`networks.in_batch`; Yi et al. 2019). Without `in_order` what came before is drawn anew in
    each epoch: what goes together then counts, not what came next, which is the question that new items ask.

    An item that nobody chose is ranked by its content, and not ranked without any. A user without a history is answered
    from profile and moment, and not at all where neither is known; a moment says something only where the log's hours
    or weekdays differ. A saved model has the vectors of its catalogue and the profiles, not the tables. `fit` raises
    DataError for embeddings with nulls, NaN or infinity. With `patience` the last items of some users decide when to
    stop.
    """

    name = "two-tower"
    space: ClassVar[Space] = {
        "width": Whole(32, 128, log=True),
        "decay": Real(0.8, 1.0),
        "dropout": Real(0.0, 0.6),
        "id_dropout": Real(0.1, 0.9),
        "temperature": Real(0.03, 0.5, log=True),
        "epochs": Whole(5, 40, log=True),
        "learning_rate": Real(5e-4, 1e-2, log=True),
    }
    learned = ("weights", "vectors", "users", "profiles", "values", "moments")

    def __init__(
        self, embeddings: pl.DataFrame | None = None, attributes: Sequence[str] = ATTRIBUTES, dimensions: int = 64,
        width: int = 64, length: int = 100, decay: float = 0.98, dropout: float = 0.2, id_dropout: float = 0.5,
        strangers: float = 0.1, in_order: bool = True, temperature: float | None = 0.1, epochs: int = 10,
        batch: int = 1024, learning_rate: float = 2e-3, weight_decay: float = 0.01, averaging: float = 0.0,
        patience: int | None = None, precision: Precision = "auto", seed: int = 0, threads: int | None = None,
    ) -> None:  # fmt: skip
        check_whole(width=width, length=length)
        check_whole(0, dimensions=dimensions)
        shares = all(0 <= share < 1 for share in (dropout, id_dropout, strangers))
        sharp = temperature is None or 0 < temperature < np.inf
        if not shares or not sharp or not 0 < decay <= 1:
            raise UsageError(
                "Two towers take dropout, id_dropout and strangers from 0, below 1, a temperature above 0 or none and "
                "a decay above 0, up to 1, not {options}.",
                options=(dropout, id_dropout, strangers, temperature, decay),
            )  # fmt: skip
        self.embeddings, self.attributes, self.dimensions = embeddings, check_attributes(attributes), dimensions
        self.width, self.length, self.decay, self.dropout = width, length, float(decay), float(dropout)
        self.id_dropout, self.strangers, self.temperature = float(id_dropout), float(strangers), temperature
        self.in_order = in_order
        self.epochs, self.batch, self.learning_rate, self.weight_decay = epochs, batch, learning_rate, weight_decay
        self.averaging, self.patience, self.precision = averaging, patience, precision
        self.seed, self.threads = seed, threads
        self._plan()  # refuses what cannot be

    def options(self) -> dict[str, Any]:
        """The constructor arguments of this model but for the embeddings, which are in what it learned of items."""
        return {name: value for name, value in super().options().items() if name != "embeddings"}

    def _learn(self, interactions: Interactions) -> None:
        self._content = content_of(interactions, self.attributes, self.embeddings, self.dimensions)
        ids, self.profiles, self.values = profiles_of(interactions)
        self.users = np.frombuffer(json.dumps(ids.to_list()).encode(), np.uint8)
        self.moments = scale_of(moments_of(interactions.past.times))
        super()._learn(interactions)
        self.weights = flat_weights(self._towers.users)
        del self._content, self._towers  # of items their vectors are enough

    def _configuration(self, interactions: Interactions) -> dict[str, Any]:
        told = super()._configuration(interactions)
        return told if self.embeddings is None else told | {"embeddings": fingerprint({"e": self.embeddings.lazy()})}

    def _network(self, items: int) -> nn.Module:
        """Both towers to learn, that of users alone to answer."""
        users = UserTower(self.width, self.values, FEATURES if self.moments[1].any() else 0, self.dropout)
        if not hasattr(self, "_content"):
            return users
        return Towers(ItemTower(self._content, self.width, self.dropout), users, self.temperature)

    def _learner(self, network: nn.Module, interactions: Interactions) -> Learner:
        assert isinstance(network, Towers)
        past, plan = interactions.past, self._plan()
        context = scaled(moments_of(past.times), self.moments)
        return InBatch(
            network, past.items, past.starts, self._codes(past.user_ids), context, longest=self.length,
            decay=self.decay, id_dropout=self.id_dropout, strangers=self.strangers, batch=plan.batch,
            in_order=self.in_order, held_out=plan.patience is not None, seed=plan.seed,
        )  # fmt: skip

    def _finish(self, network: nn.Module, interactions: Interactions) -> None:
        """Vectors of all items: by content alone where no choice of one was learned, 0 without content either."""
        assert isinstance(network, Towers)
        rows = np.arange(len(interactions.item_ids))
        past, plan = interactions.past, self._plan()
        chosen = np.isin(rows, past.items[learned_events(past.starts, plan.patience, plan.seed)])
        with torch.inference_mode():
            self.vectors = network.items(rows, chosen).cpu().numpy()
        self._towers = network

    def _prepare(self, items: int) -> None:
        ids = json.loads(self.users.tobytes())
        if (
            self.profiles.shape != (len(ids), len(self.values))
            or ((self.values < 1) | (self.values > len(ids) + 1)).any()
        ):
            raise ValueError("profiles do not fit the users")
        if ((self.profiles < 0) | (self.profiles >= self.values)).any():
            raise ValueError("profiles have values that are not known")
        if self.moments.shape != (2, FEATURES) or not np.isfinite(self.moments).all():
            raise ValueError("moments are not the scale of the features of a moment")
        if self.vectors.shape != (items, self.width) or not np.isfinite(self.vectors).all():
            raise ValueError("vectors do not fit the catalogue")
        super()._prepare(items)
        self._placed = self.vectors.any(axis=1)

    def _codes(self, user_ids: pl.Series) -> np.ndarray:
        """Profiles (users, columns) of `user_ids`, zeros for those of whom nothing is known."""
        ids = pl.DataFrame({"user_id": json.loads(self.users.tobytes())}, schema={"user_id": pl.String})
        # Few are asked at once, so that to read the ids again costs little beside the scores.
        asked = pl.DataFrame({"user_id": user_ids}).join(
            ids.with_row_index("row"), on="user_id", how="left", maintain_order="left"
        )
        rows = asked.get_column("row").cast(pl.Int64).fill_null(-1).to_numpy()
        nobody = np.zeros((1, len(self.values)), np.int32)
        return np.vstack([self.profiles, nobody])[rows]

    def _network_scores(self, histories: Histories) -> np.ndarray:
        profiles, moments = self._codes(histories.user_ids), moments_of(histories.cuts)
        placed = self._placed[histories.items]  # what has no vector says nothing of who chose it
        whole = np.bincount(histories.queries[placed], minlength=len(histories))
        items = histories.items[placed]
        lengths = np.minimum(whole, self.length)
        items = items[runs(np.cumsum(whole) - lengths, lengths)]
        place = device()
        vectors = torch.from_numpy(self.vectors).to(place)
        told = (whole, profiles.astype(np.int64), scaled(moments, self.moments))
        history = pooled(vectors, items, lengths, decayed(lengths, self.decay))
        users = self.network(history, *(torch.from_numpy(each).to(place) for each in told))
        users, vectors = sharpened(users, vectors, self.temperature)
        scores = (users @ vectors.T).cpu().numpy()
        timed = self.moments[1].any() & ~np.isnan(moments[:, 0])
        scores[(whole == 0) & ~profiles.any(axis=1) & ~timed] = UNRANKED
        scores[:, ~self._placed] = UNRANKED
        return scores
