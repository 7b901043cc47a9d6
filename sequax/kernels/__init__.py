"""The few operations for which XLA's own form is slow on a CPU, as pure functions over arrays.

Every function takes and returns arrays, keeps channels last and knows nothing of layers. On accelerators each one is
XLA's own operation; on a CPU it is a form that stays fast inside a compiled training loop (see ``dispatch``).
"""

from __future__ import annotations

from .convolution import conv, conv_transpose
from .embedding import embedding
from .formulas import named
from .memory import in_memory
from .moments import Kept, batch_moments, batch_normalized, standardized
from .pooling import avg_pool, max_pool
from .random import dropout_mask, random_bits
from .recurrent import gru, lstm

__all__ = [
    "Kept", "avg_pool", "batch_moments", "batch_normalized", "conv", "conv_transpose", "dropout_mask", "embedding",
    "gru", "in_memory", "lstm", "max_pool", "named", "random_bits", "standardized",
]  # fmt: skip
