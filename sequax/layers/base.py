"""Bases that layers of many families share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Unpack

from ..core.constructor import LayerOptions
from ..core.kinds import InitializerLike, Kind, Owner
from ..core.layer import Layer
from ..core.tensor import KerasTensor
from ..core.types import Shape, ShapeLike
from ..core.variable import Variable


class LayerOf(Kind):
    """A layer.

    Args:
        attribute: whether it is kept as it is.
    """

    expected = "a layer, such as `Dense(8)`"
    in_file = "the config of a layer"

    def __init__(self, attribute: bool = True):
        self.attribute = attribute

    def resolve(self, value: object, name: str, owner: Owner) -> Layer:
        return value if isinstance(value, Layer) else self.refuse(value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, Mapping)


AnyLayer = Annotated[Layer, LayerOf()]


class Weighted(Layer):
    """Has weights with an initializer, a regularizer and a constraint each, in attributes named after the weight."""

    use_bias: bool

    def add(
        self,
        weight: str,
        shape: ShapeLike,
        initializer: InitializerLike = None,
        name: str | None = None,
        autocast: bool = True,
    ) -> Variable:
        """Create a weight.

        Args:
            weight: `kernel` is made by `kernel_initializer` and kept in bounds by `kernel_constraint`.
            initializer: another one in place of that of the layer.
            name: of the variable; default: that of the weight.
            autocast: whether `call` reads it in the compute dtype.
        """
        return self.add_weight(
            shape,
            getattr(self, f"{weight}_initializer") if initializer is None else initializer,
            autocast=autocast,
            regularizer=getattr(self, f"{weight}_regularizer"),
            constraint=getattr(self, f"{weight}_constraint"),
            name=weight if name is None else name,
        )

    def add_bias(self, shape: ShapeLike) -> Variable | None:
        """Create the bias, where the layer has one."""
        return self.add("bias", shape) if self.use_bias else None


class ActivityListed(Layer):
    """Writes the regularizer of its outputs into configs also where there is none, as Keras does for some layers."""

    def get_config(self) -> dict[str, Any]:
        return {"activity_regularizer": None, **super().get_config()}


class ShapeKeeping(Layer):
    """The output has the shape of the input."""

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return tuple(input_shape)


class Elementwise(ShapeKeeping):
    """Keeps the shape and passes masks on; without variables unless a subclass sets `built` back."""

    supports_masking = True

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.built = True


class DtypeKeeping(Layer):
    """Returns values out of the input: their dtype stays, whole numbers included."""

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        dtype = self.compute_dtype if self.autocast and "float" in inputs.dtype else inputs.dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)


class Rearranging(DtypeKeeping):
    """Moves values without computing."""

    keeps_values = True  # data checks look through such layers: what is wrong in their input is so in their output

    def __init__(self, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.built = True
