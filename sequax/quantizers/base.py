"""What turns arrays into whole numbers and their scale, as an object that configs can name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import dtypes
from ..core.catalogue import Catalogue
from ..core.constructor import Configured
from ..core.kinds import AxisLike, Kind, Plain, Positive, is_number, is_tuple
from ..core.types import ArrayLike, Axis
from ..ops.table import array, axes


class _Quantizers(Catalogue):
    def get(self, identifier: object) -> Any:
        # How a whole model is quantized stands in this family, too, and is no function.
        return identifier if isinstance(identifier, Configured) else super().get(identifier)


catalogue: Catalogue = _Quantizers("quantizer", "keras.quantizers")


class RangeOf(Kind):
    """The least and the largest value, as they came."""

    expected = "two numbers, the least and the largest value"

    def resolve(self, value: object, name: str, owner: object) -> Any:
        return tuple(value["items"]) if is_tuple(value) else value

    def fits(self, value: object, cls: type) -> bool:
        ends = value.get("items") if is_tuple(value) else value
        return isinstance(ends, (list, tuple)) and len(ends) == 2 and all(map(is_number, ends))

    def config(self, value: object) -> object:
        return value


ValueRange = Annotated[Sequence[float], RangeOf()]
DtypeName = Annotated[str, Plain("the name of a dtype", str)]


@catalogue.register()
class Quantizer(Configured):
    """Base of all quantizers. A subclass writes `__call__(x)`, which gives whole numbers and their scale.

    Args:
        output_dtype: dtype of the whole numbers.

    Example:

    >>> class Tenths(Quantizer):
    ...     def __call__(self, x):
    ...         return jnp.round(x * 10).astype(self.output_dtype), 10.0
    >>> Tenths()(jnp.array([0.31, -1.0]))[0].tolist()
    [3, -10]
    """

    output_dtype: str

    def __init__(self, output_dtype: DtypeName = "int8"):
        pass

    def __call__(self, x: Any) -> Any:
        return x

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, JSON-friendly; a subclass says them.

        Raises:
            NotImplementedError: where it does not.
        """
        raise NotImplementedError(
            f"{self} does not implement get_config(): return what the constructor needs, as a dict."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} output_dtype={self.output_dtype}>"


@catalogue.register()
class AbsMaxQuantizer(Quantizer):
    """Whole numbers by the largest absolute value along some axes, see `abs_max_quantize`.

    Args:
        axis: the axes that share a scale; of old code, the call takes it, too. None: the last one.
        value_range: least and largest whole number.
        epsilon: keeps the division finite where all values are 0.
        output_dtype: dtype of the whole numbers.

    Raises:
        ValueError: for a range that int8 cannot hold.

    Example:

    >>> numbers, scale = AbsMaxQuantizer()(jnp.array([[0.4, -1.0], [0.0, 2.0]]))
    >>> numbers.tolist(), scale.shape
    ([[51, -127], [0, 127]], (2, 1))
    """

    axis: Any
    value_range: Any
    epsilon: float

    def __init__(
        self,
        axis: AxisLike | None = None,
        value_range: ValueRange = (-127, 127),
        epsilon: Positive = 1e-7,
        output_dtype: DtypeName = "int8",
    ):
        super().__init__(output_dtype=output_dtype)
        self.axis = (axis,) if isinstance(axis, int) else None if axis is None else tuple(axis)
        if output_dtype == "int8" and (value_range[0] < -128 or value_range[1] > 127):
            raise ValueError(
                f"Quantizer with output_dtype='int8' requires `value_range` to be within [-128, 127]. Received:"
                f" value_range={value_range}"
            )

    def __call__(self, x: ArrayLike, axis: Axis = None, to_numpy: bool = False) -> tuple[jax.Array, jax.Array]:
        """Whole numbers and their scale.

        Args:
            x: floats of any shape.
            axis: the axes that share a scale. None: the constructor's, else the last one.
            to_numpy: compute on the host, which spares the device's memory.
        """
        axis = next((one for one in (axis, self.axis) if one is not None), -1)
        return abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor; without an axis where none was given."""
        config = {name: getattr(self, name) for name in ("value_range", "epsilon", "output_dtype")}
        return config if self.axis is None else {**config, "axis": self.axis}


def abs_max_quantize(
    inputs: ArrayLike,
    axis: Axis,
    value_range: Sequence[float] = (-127, 127),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[jax.Array, jax.Array]:
    """`round(inputs * scale)`, where the scale takes the largest absolute value to the end of the range.

    `scale = value_range[1] / (max(abs(inputs)) + epsilon)`; the floats are `numbers / scale`.

    Args:
        inputs: floats of any shape.
        axis: the axes that share a scale: for a kernel of shape (inputs, outputs), 0 gives one scale per output.
        value_range: least and largest whole number.
        dtype: of the whole numbers.
        epsilon: keeps the division finite where all values are 0.
        to_numpy: compute on the host, which spares the device's memory.

    Returns:
        The whole numbers, and the scale in the dtype of the inputs, with size 1 in place of the axes.
    """
    inputs = array(inputs)
    kind, axis = inputs.dtype, axes(axis)
    if to_numpy:
        on_host = np.asarray(inputs)
        scale = np.divide(value_range[1], np.add(np.max(np.abs(on_host), axis=axis, keepdims=True), epsilon))
        numbers = np.clip(np.round(np.multiply(on_host, scale)), value_range[0], value_range[1])
        return jnp.asarray(numbers.astype(dtypes.jnp_dtype(dtype))), jnp.asarray(scale, kind)
    scale = (value_range[1] / (jnp.max(jnp.abs(inputs), axis=axis, keepdims=True) + epsilon)).astype(kind)
    numbers = jnp.clip(jnp.round(inputs * scale), value_range[0], value_range[1])
    return numbers.astype(dtypes.jnp_dtype(dtype)), scale


def get(identifier: Any, **kwargs: Any) -> Any:
    """A quantizer from None, a name such as `"abs_max_quantizer"`, a config, a class or a quantizer.

    Args:
        identifier: what stands for the quantizer.
        **kwargs: arguments of the constructor, where the identifier is a name or a class.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(identifier, str):
        identifier = catalogue.find(identifier)
    return identifier(**kwargs) if inspect.isclass(identifier) else catalogue.get(identifier)


def serialize(initializer: Any) -> Any:
    """The config of a quantizer.

    Args:
        initializer: the quantizer, or how a model is quantized; the name is Keras'.
    """
    return catalogue.serialize(initializer)


def deserialize(config: Mapping[str, Any] | str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A quantizer from its config.

    Args:
        config: what `serialize` returned.
        custom_objects: classes of your own by name.
    """
    return catalogue.deserialize(config, custom_objects)
