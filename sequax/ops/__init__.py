"""Functions of tensors with Keras' names and arguments, over JAX; this is the public namespace `keras.ops`.

They take arrays, variables, NumPy arrays and lists, and symbolic tensors, on which they become nodes of a graph. One
module per family; `sequax/ops/table.py` says how a function becomes an op.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from . import (
    control,
    creation,
    elementwise,
    image,
    indexing,
    linalg,
    math,
    nn,
    numpy,
    products,
    rearranging,
    reductions,
    shaping,
    spectral,
    tensors,
)
from .activations import *
from .alignment import *
from .attention import *
from .blocks import *
from .control import *
from .creation import *
from .crossentropy import *
from .elementwise import *
from .encoding import *
from .indexing import *
from .linalg import *
from .math import *
from .normalization import *
from .products import *
from .rearranging import *
from .reductions import *
from .shaping import *
from .spectral import *
from .tensors import *
from .windows import *

__all__ = [
    *control.__all__,
    *creation.__all__,
    *elementwise.__all__,
    *indexing.__all__,
    *linalg.__all__,
    *math.__all__,
    *nn.__all__,
    *products.__all__,
    *rearranging.__all__,
    *reductions.__all__,
    *shaping.__all__,
    *spectral.__all__,
    *tensors.__all__,
    "image",
    "linalg",
    "nn",
    "numpy",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
