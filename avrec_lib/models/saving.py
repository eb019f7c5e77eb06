"""A fitted model as a folder: safetensors, Parquet and JSON, never pickle; checked when it is read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.models.interactions import Interactions
from avrec_lib.paths import replacing

if TYPE_CHECKING:
    from avrec_lib.models.matrix_recommender import MatrixRecommender

Model = TypeVar("Model", bound="MatrixRecommender")

FORMAT = 1
CARD, ARRAYS, ITEMS, LOG = "model.json", "arrays.safetensors", "items.parquet", "log.parquet"


def save_model(model: MatrixRecommender, interactions: Interactions, folder: Path) -> None:
    """Write `model` into `folder`, which is replaced as a whole or left as it was."""
    from safetensors.numpy import save_file

    card = json.dumps({"format": FORMAT, "model": type(model).__name__, "options": model.options()}, indent=1)
    arrays = {name: np.ascontiguousarray(getattr(model, name)) for name in model.learned}
    with replacing(folder) as beside:
        beside.mkdir(parents=True)
        save_file(arrays, beside / ARRAYS)
        interactions.item_rows.write_parquet(beside / ITEMS)
        interactions.log.write_parquet(beside / LOG)
        (beside / CARD).write_text(card + "\n", "utf-8")


def load_model(kind: type[Model], folder: Path) -> Model:
    """The model of class `kind` that `save_model` wrote.

    Raises DataError when the folder is damaged, holds another model or format, or arrays that do not fit together.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        card = json.loads((folder / CARD).read_text("utf-8"))
        if (card["format"], card["model"]) != (FORMAT, kind.__name__):
            raise DataError(
                "{folder} holds a {found} of format {format}, not a {expected} of format {known}.", folder=folder,
                found=card["model"], format=card["format"], expected=kind.__name__, known=FORMAT,
            )  # fmt: skip
        model = kind(**card["options"])
        arrays = load_file(folder / ARRAYS)
        if set(arrays) != set(kind.learned):
            raise ValueError(f"arrays {sorted(arrays)} instead of {sorted(kind.learned)}")
        for name, array in arrays.items():
            setattr(model, name, array)
        ids = pl.read_parquet(folder / ITEMS).sort("item_row").get_column("item_id").to_numpy()
        log = pl.read_parquet(folder / LOG)
        if log.get_column("item_row").max() >= len(ids):  # type: ignore[operator]
            raise ValueError("the log names items that are not there")
        model._resume(Interactions(ids, log))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, pl.exceptions.PolarsError) as error:
        raise DataError("The model in {folder} cannot be read: {error}.", folder=folder, error=error) from error
    return model
