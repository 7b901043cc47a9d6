"""Bases of layers without variables."""

from __future__ import annotations

from typing import Any

from ..core.layer import Layer
from ..core.tensor import KerasTensor


class Elementwise(Layer):
    """Keeps the shape and passes masks on; without variables unless a subclass sets `built` back."""

    supports_masking = True

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)


class DtypeKeeping(Layer):
    """Returns values out of the input: their dtype stays, whole numbers included."""

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        dtype = self.compute_dtype if self.autocast and "float" in inputs.dtype else inputs.dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)


class Rearranging(DtypeKeeping):
    """Moves values without computing."""

    keeps_values = True  # data checks look through such layers: what is wrong in their input is so in their output

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.built = True
