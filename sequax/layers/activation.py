"""Activations as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Unpack

import jax
import jax.numpy as jnp

from .. import activations
from ..core.constructor import LayerOptions
from ..core.input_spec import InputSpec
from ..core.kinds import (
    ActivationLike,
    AxesOf,
    ConstraintLike,
    Factor,
    InitializerLike,
    Kind,
    Number,
    Owner,
    RegularizerLike,
    is_array,
    is_number,
)
from ..core.types import ShapeLike, Tensor
from ..core.variable import Variable
from .base import Elementwise, Weighted
from .catalogue import layer


@layer()
class Activation(Elementwise):
    """A function of each element: `activation(inputs)`.

    Shapes: any; the output has the shape of the input.

    Args:
        activation: name, layer or callable; None: the identity.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Example:

    >>> import numpy as np
    >>> Activation("relu")(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    numpy_form: str | None = "activation"
    activation: Callable[[Tensor], Tensor]

    def __init__(self, activation: ActivationLike, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)


class _NotNegative(Kind):
    """A number from 0, or an array of them.

    Args:
        none: whether it may be None.
    """

    def __init__(self, none: bool = False):
        self.none, self.expected = none, "a number >= 0, or null" if none else "a number >= 0"

    def resolve(self, value: Any, name: str, owner: Owner) -> Any:
        if (value is None and not self.none) or (value is not None and value < 0):
            refused = "a negative value" if self.none else "None or a negative value"
            raise ValueError(
                f"{name} of a {type(owner.instance).__name__} layer cannot be {refused}. Received: {name}={value}"
            )
        return value

    def fits(self, value: object, cls: type) -> bool:
        return is_array(value) or (self.none if value is None else is_number(value) and value >= 0)


NotNegative = Annotated[Number, _NotNegative()]
MaxValue = Annotated[Number | None, _NotNegative(none=True)]


class SlopeOptions(LayerOptions, total=False):
    """Further keyword arguments of rectifiers with a slope."""

    alpha: Number


def _slope(layer: Elementwise, negative_slope: Number, options: SlopeOptions) -> Number:
    """The slope, which may come under its older name."""
    alpha = options.pop("alpha", None)
    return negative_slope if alpha is None else _NotNegative().resolve(alpha, "negative_slope", Owner(layer))


@layer()
class ReLU(Elementwise):
    """Rectifier: `x` above the threshold, `negative_slope * (x - threshold)` below, at most `max_value`.

    Shapes: any; the output has the shape of the input.

    Args:
        max_value: upper limit; default: none.
        negative_slope: of the line below the threshold.
        threshold: values below it are cut off.
        **options: `name`, `dtype`, ...: as in `Layer`; `alpha`, an older name of `negative_slope`.

    Raises:
        ValueError: for a negative number, or None in place of `negative_slope` or `threshold`.

    Example:

    >>> import numpy as np
    >>> ReLU(max_value=6.0, negative_slope=0.5)(np.array([-2.0, 3.0, 9.0])).tolist()
    [-1.0, 3.0, 6.0]
    """

    activates_by: str | None = "relu"
    max_value: float | None
    negative_slope: float
    threshold: float

    def __init__(
        self,
        max_value: MaxValue = None,
        negative_slope: NotNegative = 0.0,
        threshold: NotNegative = 0.0,
        **options: Unpack[SlopeOptions],
    ):
        self.negative_slope = _slope(self, negative_slope, options)
        super().__init__(**options)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )


@layer()
class LeakyReLU(Elementwise):
    """Rectifier that lets a little through: `x` above 0, `negative_slope * x` below.

    Maas et al. 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models (slope 0.01 there).

    Shapes: any; the output has the shape of the input.

    Args:
        negative_slope: of the line below 0.
        **options: `name`, `dtype`, ...: as in `Layer`; `alpha`, an older name of `negative_slope`.

    Raises:
        ValueError: for a negative slope, or None.

    Example:

    >>> import numpy as np
    >>> LeakyReLU(negative_slope=0.5)(np.array([-2.0, 3.0])).tolist()
    [-1.0, 3.0]
    """

    negative_slope: float

    def __init__(self, negative_slope: NotNegative = 0.3, **options: Unpack[SlopeOptions]):
        self.negative_slope = _slope(self, negative_slope, options)
        super().__init__(**options)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


SharedAxes = Annotated[int | Sequence[int], AxesOf(list, one=False)]


@layer()
class PReLU(Elementwise, Weighted):
    """Rectifier with a trained slope for each feature: `x` above 0, `alpha * x` below.

    He et al. 2015, Delving Deep into Rectifiers. `alpha` starts at 0 here as in Keras, at 0.25 in the paper.

    Shapes: any; the output has the shape of the input.

    Args:
        alpha_initializer: of the slopes; default: zeros.
        alpha_regularizer: penalty of the slopes, added to the loss; name, callable or None.
        alpha_constraint: function applied to the slopes after each update; name, callable or None.
        shared_axes: axes along which one slope serves all, such as `[1, 2]` for one slope per channel of an image.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        TypeError: if `shared_axes` are no whole numbers.
        ValueError: when built, if the size of an axis that is not shared is unknown.

    Example:

    >>> import numpy as np
    >>> PReLU(alpha_initializer="ones")(np.array([[-2.0, 3.0]])).tolist()
    [[-2.0, 3.0]]
    """

    shared_axes: list[int] | None

    def __init__(
        self,
        alpha_initializer: InitializerLike = "Zeros",
        alpha_regularizer: RegularizerLike = None,
        alpha_constraint: ConstraintLike = None,
        shared_axes: SharedAxes | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.built = False

    def build(self, input_shape: ShapeLike) -> None:
        sizes = list(input_shape[1:])
        for axis in self.shared_axes or ():
            sizes[axis - 1 if axis > 0 else axis] = 1
        if None in sizes:
            raise ValueError(
                f"Layer '{self.name}' (PReLU): each axis has slopes of its own unless `shared_axes` names it, so its"
                f" size must be known. Received: input_shape={tuple(input_shape)}, shared_axes={self.shared_axes}"
            )
        self.alpha: Variable = self.add("alpha", tuple(sizes))
        own = {axis: size for axis, size in enumerate(input_shape) if axis > 0 and sizes[axis - 1] != 1}
        self.input_spec: InputSpec = InputSpec(ndim=len(input_shape), axes=own)

    def call(self, inputs: Tensor) -> Tensor:
        return jnp.maximum(inputs, 0) + self.alpha.value * jnp.minimum(inputs, 0)


@layer()
class ELU(Elementwise):
    """Exponential linear unit: `x` above 0, `alpha * (exp(x) - 1)` below.

    Clevert et al. 2016, Fast and Accurate Deep Network Learning by Exponential Linear Units.

    Shapes: any; the output has the shape of the input.

    Args:
        alpha: minus the value that the function nears far below 0.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Example:

    >>> import numpy as np
    >>> ELU()(np.array([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    alpha: float

    def __init__(self, alpha: Factor = 1.0, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.elu(inputs, alpha=self.alpha)


AxesAsGiven = Annotated[int | Sequence[int], AxesOf(several=None)]


@layer()
class Softmax(Elementwise):
    """Shares that sum to one: `exp(x) / sum(exp(x))` along an axis or several.

    Shapes: any; the output has the shape of the input.

    Args:
        axis: one axis or several, typically the features.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Call arguments:
        mask: boolean, of a shape that broadcasts to the inputs'; where False the share is 0. Where nothing counts
            along the axis, all shares are 0. A mask (batch, steps) is refused, it has no axis for the features.

    Raises:
        TypeError: if `axis` is neither a whole number nor several.
        ValueError: for a mask that does not broadcast to the inputs.

    Example:

    >>> import numpy as np
    >>> Softmax()(np.zeros((1, 4))).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """

    activates_by: str | None = "softmax"
    axis: int | list[int] | tuple[int, ...]

    def __init__(self, axis: AxesAsGiven = -1, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        if mask is None:
            return jax.nn.softmax(inputs, axis)
        mask = jnp.asarray(mask, bool)
        if not _broadcasts(mask.shape, inputs.shape):
            raise ValueError(
                f"Layer '{self.name}' (Softmax): the mask must broadcast to the inputs, from the last axis on, each"
                f" size equal or 1. Received: inputs of shape {tuple(inputs.shape)}, mask of shape {tuple(mask.shape)}."
                f" A mask of steps needs an axis for the features: `mask[..., None]`."
            )
        # The lowest number rather than -inf, whose shares are NaN where nothing counts; the product makes those 0.
        return jax.nn.softmax(jnp.where(mask, inputs, jnp.finfo(inputs.dtype).min), axis) * mask


def _broadcasts(mask: tuple[int, ...], inputs: tuple[int, ...]) -> bool:
    of_steps = 1 < len(mask) < len(inputs) and mask == inputs[: len(mask)]  # would be taken for one of features
    fits = all(m in (1, n) for m, n in zip(mask[::-1], inputs[::-1], strict=False))
    return len(mask) <= len(inputs) and fits and not of_steps
