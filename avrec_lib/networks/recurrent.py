"""Recurrent networks over packed sequences, and the mean of what came so far as the reader that knows no order."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from avrec_lib.networks.packing import Packed

Cell = Literal["LSTM", "GRU"]
CELLS: tuple[Cell, ...] = get_args(Cell)


class Recurrent(nn.Module):
    """An LSTM (Hochreiter and Schmidhuber 1997) or a GRU (Cho et al. 2014) of `layers`, dropout between and after."""

    def __init__(self, cell: Cell, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        kind = nn.LSTM if cell == "LSTM" else nn.GRU
        self.cell = kind(width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.dropout, self.norm = nn.Dropout(dropout), nn.LayerNorm(width)

    def forward(self, x: Tensor, sequences: Packed) -> Tensor:
        """(tokens, width) -> (tokens, width)."""
        grid, rows = sequences.grid(), len(sequences)
        # Rows are filled from the left, so what is read of a row's padding comes after all that counts.
        padded = x.new_zeros(rows * sequences.longest, x.shape[1]).index_copy(0, grid, x)
        states, _ = self.cell(padded.view(rows, sequences.longest, -1))
        return self.norm(self.dropout(states.reshape(rows * sequences.longest, -1)[grid]))


class RunningMean(nn.Module):
    """The mean of all tokens so far through one layer: what is left of a reader without any order."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layer, self.dropout, self.norm = nn.Linear(width, width), nn.Dropout(dropout), nn.LayerNorm(width)

    def forward(self, x: Tensor, sequences: Packed) -> Tensor:
        """(tokens, width) -> (tokens, width)."""
        grid, rows = sequences.grid(), len(sequences)
        padded = x.new_zeros(rows * sequences.longest, x.shape[1]).index_copy(0, grid, x)
        sums = padded.view(rows, sequences.longest, -1).cumsum(1)
        counts = torch.arange(1, sequences.longest + 1, device=x.device)[:, None]
        means = (sums / counts).reshape(rows * sequences.longest, -1)[grid]
        return self.norm(means + self.dropout(torch.nn.functional.gelu(self.layer(means))))
