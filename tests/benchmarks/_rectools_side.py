"""What RecTools' SASRec says of a log in a file, as JSON lines: run by the interpreter of RecTools' own environment.

    .venv-rectools/bin/python tests/benchmarks/_rectools_side.py FOLDER --epochs 5 10 20 --length 100 …

`make peers` builds the environment. `FOLDER/train.csv` has user_id,
item_id and order (a whole number that rises with time). After each number of epochs a line says the CPU seconds of
training so far, and `FOLDER/ranked-EPOCHS.csv` has the ten best items of every user.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings
from pathlib import Path

import pandas as pd
import torch
from pytorch_lightning import Trainer, seed_everything
from rectools.dataset import Dataset
from rectools.models import SASRecModel

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, nargs="+")
    for name in ("length", "width", "blocks", "heads", "batch", "seed"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    torch.set_num_threads(1)
    seed_everything(options.seed, verbose=False)
    table = pd.read_csv(options.folder / "train.csv", dtype={"user_id": str, "item_id": str})
    table = table.assign(datetime=pd.to_datetime(table["order"], unit="s"), weight=1.0).drop(columns="order")
    data = Dataset.construct(table)
    model = SASRecModel(
        n_blocks=options.blocks, n_heads=options.heads, n_factors=options.width, session_max_len=options.length,
        loss="softmax", lr=1e-3, batch_size=options.batch, dropout_rate=0.2, epochs=options.epochs[-1],
        recommend_n_threads=1, get_trainer_func=_trainer,
    )  # fmt: skip
    seconds, done = 0.0, 0
    for epochs in options.epochs:
        began = time.process_time()
        model.fit_partial(data, min_epochs=epochs - done, max_epochs=epochs - done)
        seconds, done = seconds + time.process_time() - began, epochs
        ranked = model.recommend(table["user_id"].unique(), data, k=10, filter_viewed=True)
        ranked.to_csv(options.folder / f"ranked-{epochs}.csv", index=False)
        print(json.dumps({"epochs": epochs, "seconds": seconds}), flush=True)


def _trainer() -> Trainer:
    return Trainer(
        max_epochs=1, min_epochs=1, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
