"""Public namespace `keras.ops.numpy`: the ops that have NumPy's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from . import creation, elementwise, indexing, products, reductions, shaping
from .creation import *
from .elementwise import *
from .indexing import *
from .products import *
from .reductions import *
from .shaping import *

__all__ = [
    *creation.__all__,
    *elementwise.__all__,
    *indexing.__all__,
    *products.__all__,
    *reductions.__all__,
    *shaping.__all__,
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
