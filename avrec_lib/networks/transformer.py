"""A causal transformer over packed sequences: every layer works on real tokens, attention alone on a padded grid."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from avrec_lib.errors import UsageError
from avrec_lib.networks.packing import Packed


def check_heads(width: int, heads: int) -> None:
    """Raises UsageError where `heads` cannot share `width` evenly."""
    if width % heads:
        raise UsageError(
            "A width of {width} cannot be shared by {heads} heads.", hint="Make it a multiple.", width=width,
            heads=heads,
        )  # fmt: skip


class CausalTransformer(nn.Module):
    """`blocks` of attention and a feed-forward layer, each after a layer norm and around a residual.

    A token sees those before it and itself. Where it stands is told by a bias of each attention head for each
    distance, learned, so that a run cut out of a history means the same wherever it was cut (Raffel et al. 2020). It
    begins as −slope · distance with slopes down to 2⁻⁸ (Press et al. 2022): what was lately counts more.
    """

    def __init__(self, width: int, blocks: int, heads: int, longest: int, dropout: float) -> None:
        super().__init__()
        slopes = 2.0 ** -torch.linspace(0, 8, heads + 1)[1:]
        distances = torch.arange(longest, dtype=torch.float32)
        self.bias = nn.Parameter(-slopes[:, None] * distances)  # (heads, distances)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, packed: Packed) -> Tensor:
        """(tokens, width) -> (tokens, width)."""
        longest = packed.longest
        places = torch.arange(longest, device=x.device)
        distances = places[:, None] - places  # query less key; below 0 lies the future
        mask = self.bias[:, distances.clamp(min=0)].masked_fill(distances < 0, -torch.inf)  # (heads, L, L)
        grid, rows = packed.grid(), len(packed.lengths)
        for block in self.blocks:
            x = block(x, grid, rows, mask)
        return self.norm(x)


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)); dropout on what is added."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads = heads
        self.norm_of_attention, self.norm_of_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.forward_in, self.forward_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, grid: Tensor, rows: int, mask: Tensor) -> Tensor:
        """(tokens, width) -> (tokens, width); `grid` has the place of each token in `rows` padded rows."""
        x = x + self.dropout(self.outward(self._attention(self.inward(self.norm_of_attention(x)), grid, rows, mask)))
        return x + self.dropout(self.forward_out(functional.gelu(self.forward_in(self.norm_of_forward(x)))))

    def _attention(self, parts: Tensor, grid: Tensor, rows: int, mask: Tensor) -> Tensor:
        """softmax(q kᵀ / √d + mask) v of each head (Vaswani et al. 2017), from q, k, v side by side."""
        longest, width = mask.shape[-1], parts.shape[1] // 3
        # Rows are filled from the left, so no real token ever looks at padding, and padding needs no mask.
        padded = parts.new_zeros(rows * longest, 3 * width).index_copy(0, grid, parts)
        query, key, value = padded.view(rows, longest, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # (B, H, L, width/H)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask.to(query.dtype)[None])
        return mixed.transpose(1, 2).reshape(rows * longest, width)[grid]
