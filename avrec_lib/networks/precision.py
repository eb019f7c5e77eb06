"""Half precision for matrix products, where the processor is faster at it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch

Precision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager:
    """Matrix products in bfloat16 with weights, sums and losses in float32, or all in float32.

    `auto` takes bfloat16 where the processor has instructions for it.
    """
    if precision == "auto":
        precision = "bfloat16" if has_bfloat16(device) else "float32"
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def has_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are a matter of the hardware there, and not slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
