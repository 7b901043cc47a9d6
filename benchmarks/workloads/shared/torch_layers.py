"""What the PyTorch versions share."""

from __future__ import annotations

from typing import Any

from torch import nn


class ChannelsFirst(nn.Module):
    """From channels last, as the data is. The view keeps the memory's order, which PyTorch's CPU convolutions like."""

    def forward(self, x: Any) -> Any:
        return x.movedim(-1, 1)
