"""Bases of layers without variables."""

from __future__ import annotations

from typing import Any

from ..core.layer import Layer
from ..core.tensor import KerasTensor
from ..core.variable import Variable


class Weighted(Layer):
    """Has weights with an initializer, a regularizer and a constraint each, in attributes named after the weight."""

    use_bias: bool

    def add(self, weight: str, shape: tuple, initializer: Any = None, name: str | None = None) -> Variable:
        """Create a weight.

        Args:
            weight: `kernel` is made by `kernel_initializer` and kept in bounds by `kernel_constraint`.
            initializer: another one in place of that of the layer.
            name: of the variable; default: that of the weight.
        """
        return self.add_weight(
            shape,
            getattr(self, f"{weight}_initializer") if initializer is None else initializer,
            regularizer=getattr(self, f"{weight}_regularizer"),
            constraint=getattr(self, f"{weight}_constraint"),
            name=weight if name is None else name,
        )

    def add_bias(self, shape: tuple) -> Variable | None:
        """Create the bias, where the layer has one."""
        return self.add("bias", shape) if self.use_bias else None


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
