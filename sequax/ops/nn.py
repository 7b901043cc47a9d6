"""Public namespace `keras.ops.nn`: activations, convolutions, normalizations and what else networks are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from . import activations, alignment, attention, blocks, crossentropy, encoding, normalization, windows
from .activations import *
from .alignment import *
from .attention import *
from .blocks import *
from .crossentropy import *
from .encoding import *
from .normalization import *
from .windows import *

__all__ = [
    *activations.__all__,
    *alignment.__all__,
    *attention.__all__,
    *blocks.__all__,
    *crossentropy.__all__,
    *encoding.__all__,
    *normalization.__all__,
    *windows.__all__,
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
