"""A fitted model as a folder: safetensors, Parquet and JSON, never pickle; checked when it is read back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl

from avrec_lib import __version__
from avrec_lib.data.checksums import digest
from avrec_lib.errors import DataError
from avrec_lib.models.interactions import Interactions
from avrec_lib.paths import inside, replacing

if TYPE_CHECKING:
    from avrec_lib.models.matrix_recommender import MatrixRecommender

Model = TypeVar("Model", bound="MatrixRecommender")

FORMAT = 2
CARD, ARRAYS, ITEMS, LOG = "model.json", "arrays.safetensors", "items.parquet", "log.parquet"


def save_model(model: MatrixRecommender, interactions: Interactions, folder: Path) -> None:
    """Write `model` into `folder`, which is replaced as a whole or left as it was.

    `model.json` has the format, the version of avrec, the options of the model and its parts, the SHA-256 of the
    other files, and one of its own.
    """
    from safetensors.numpy import save_file

    arrays = {
        f"{place}.{name}": np.ascontiguousarray(getattr(part, name))
        for place, part in enumerate(model.all_parts())
        for name in part.learned
    }
    with replacing(folder) as beside:
        beside.mkdir(parents=True)
        save_file(arrays, beside / ARRAYS)
        interactions.item_rows.write_parquet(beside / ITEMS)
        interactions.log.write_parquet(beside / LOG)
        card = {"format": FORMAT, "avrec": __version__, **_described(model), "files": _sums(beside)}
        card["seal"] = _seal(card)
        (beside / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")


def load_model(kind: type[Model], folder: Path) -> Model:
    """The model of class `kind` that `save_model` wrote.

    Raises DataError when the folder is damaged (any byte of it), holds another model or format, or arrays that do not
    fit together.
    """
    model = _read(folder, expected=kind.__name__)
    assert isinstance(model, kind)  # its name was checked
    return model


def open_model(folder: Path) -> MatrixRecommender:
    """The model of the house that was saved in `folder`, whatever its class; raises as `load_model`."""
    return _read(folder)


def save_models(models: Iterable[MatrixRecommender], folder: Path) -> None:
    """Save every model in a folder of its own inside `folder`, named after it."""
    taken: list[str] = []
    for model in models:
        taken.append(re.sub(r"\W+", "-", model.name).strip("-").lower() or "model")
        again = taken.count(taken[-1])
        save_model(model, model._fitted(), inside(folder, taken[-1] if again == 1 else f"{taken[-1]}-{again}"))


def saved_models(folder: Path) -> dict[str, Path]:
    """The folders of the models saved inside `folder`, by name; what has a damaged card is named after its folder."""
    found = {}
    for card in sorted(folder.glob(f"*/{CARD}")):
        try:
            name = str(json.loads(card.read_text("utf-8"))["name"])
        except (OSError, ValueError, KeyError, TypeError):
            name = card.parent.name
        found[name] = card.parent
    return found


def _read(folder: Path, expected: str | None = None) -> MatrixRecommender:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        card = json.loads((folder / CARD).read_text("utf-8"))
        if card["format"] != FORMAT or card["model"] != (expected or card["model"]):
            raise DataError(
                "{folder} holds a {found} of format {format}, not a {expected} of format {known}.",
                hint="Train the model again.", folder=folder, found=card["model"], format=card["format"],
                expected=expected or card["model"], known=FORMAT,
            )  # fmt: skip
        changed = [CARD] if card["seal"] != _seal(card) else []
        changed += [name for name, sum_ in _sums(folder).items() if card["files"][name] != sum_]
        if changed:
            raise DataError(
                "{file} is not the file that was saved: its checksum differs.", hint="Train the model again.",
                file=folder / changed[0],
            )  # fmt: skip
        model = _made(card)
        arrays = load_file(folder / ARRAYS)
        for place, part in enumerate(model.all_parts()):
            for name in part.learned:
                setattr(part, name, arrays.pop(f"{place}.{name}"))
        if arrays:
            raise ValueError(f"unexpected arrays {sorted(arrays)}")
        ids = pl.read_parquet(folder / ITEMS).sort("item_row").get_column("item_id").to_numpy()
        log = pl.read_parquet(folder / LOG)
        if log.height and log.get_column("item_row").max() >= len(ids):  # type: ignore[operator]
            raise ValueError("the log names items that are not there")
        model._resume(Interactions(ids, log))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, pl.exceptions.PolarsError) as error:
        raise DataError("The model in {folder} cannot be read: {error}.", folder=folder, error=error) from error
    return model


def _described(model: MatrixRecommender) -> dict[str, Any]:
    """Name, class and options, the models among them described in the same way."""
    options = {name: _plain(each) for name, each in model.options().items()}
    return {"name": model.name, "model": type(model).__name__, "options": options}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return _described(value) if hasattr(value, "options") else value


def _made(card: dict[str, Any]) -> MatrixRecommender:
    """The unfitted model that `_described` describes; only classes of the house."""
    from avrec_lib import models

    if card["model"] not in models.__all__:
        raise ValueError(f"{card['model']} is no model of this version")
    made = getattr(models, card["model"])(**{name: _options(each) for name, each in card["options"].items()})
    made.name = str(card["name"])
    return made


def _options(value: Any) -> Any:
    if isinstance(value, list):
        return [_options(each) for each in value]
    return _made(value) if isinstance(value, dict) and "model" in value else value


def _seal(card: dict[str, Any]) -> str:
    """The SHA-256 of all that the card says but for the seal itself."""
    said = {name: value for name, value in card.items() if name != "seal"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _sums(folder: Path) -> dict[str, str]:
    return {name: digest(folder / name, "sha256") for name in (ARRAYS, ITEMS, LOG)}
