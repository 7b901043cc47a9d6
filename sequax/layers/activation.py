"""Activations as layers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .. import activations, constraints, initializers, regularizers
from ..core.input_spec import InputSpec
from .arguments import Number, axes_list
from .base import Elementwise
from .catalogue import layer


@layer()
class Activation(Elementwise):
    """A function of each element: `activation(inputs)`.

    Args:
        activation: name, layer or callable.

    >>> import numpy as np
    >>> Activation("relu")(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> jax.Array:
        return self.activation(inputs)


@layer()
class ReLU(Elementwise):
    """Rectifier: `x` above the threshold, `negative_slope * (x - threshold)` below, at most `max_value`.

    Args:
        max_value: upper limit; default: none.
        negative_slope: of the line below the threshold.
        threshold: values below it are cut off.

    >>> import numpy as np
    >>> ReLU(max_value=6.0, negative_slope=0.5)(np.array([-2.0, 3.0, 9.0])).tolist()
    [-1.0, 3.0, 6.0]
    """

    def __init__(
        self,
        max_value: Number | None = None,
        negative_slope: Number | None = 0.0,
        threshold: Number | None = 0.0,
        **kwargs: Any,
    ):
        alpha = kwargs.pop("alpha", None)  # older name of the slope
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0:
            raise ValueError(f"max_value of a ReLU layer cannot be a negative value. Received: max_value={max_value}")
        self.max_value = max_value
        self.negative_slope = _not_negative("ReLU", "negative_slope", negative_slope if alpha is None else alpha)
        self.threshold = _not_negative("ReLU", "threshold", threshold)

    def call(self, inputs: Any) -> jax.Array:
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )


@layer()
class LeakyReLU(Elementwise):
    """Rectifier that lets a little through: `x` above 0, `negative_slope * x` below.

    Maas et al. 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models (slope 0.01 there).

    >>> import numpy as np
    >>> LeakyReLU(negative_slope=0.5)(np.array([-2.0, 3.0])).tolist()
    [-1.0, 3.0]
    """

    def __init__(self, negative_slope: Number | None = 0.3, **kwargs: Any):
        alpha = kwargs.pop("alpha", None)  # older name of the slope
        super().__init__(**kwargs)
        self.negative_slope = _not_negative("LeakyReLU", "negative_slope", negative_slope if alpha is None else alpha)

    def call(self, inputs: Any) -> jax.Array:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


@layer()
class PReLU(Elementwise):
    """Rectifier with a trained slope for each feature: `x` above 0, `alpha * x` below.

    He et al. 2015, Delving Deep into Rectifiers. `alpha` starts at 0 here as in Keras, at 0.25 in the paper.

    Args:
        shared_axes: axes along which one slope serves all, such as `[1, 2]` for one slope per channel of an image.

    Raises:
        ValueError: if the size of an axis that is not shared is unknown.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.built = False
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = None if shared_axes is None else axes_list("PReLU", shared_axes)

    def build(self, input_shape: Any) -> None:
        sizes = list(input_shape[1:])
        for axis in self.shared_axes or ():
            sizes[axis - 1 if axis > 0 else axis] = 1
        if None in sizes:
            raise ValueError(
                f"Layer '{self.name}' (PReLU): each axis has slopes of its own unless `shared_axes` names it, so its"
                f" size must be known. Received: input_shape={tuple(input_shape)}, shared_axes={self.shared_axes}"
            )
        self.alpha = self.add_weight(
            tuple(sizes),
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )
        own = {axis: size for axis, size in enumerate(input_shape) if axis > 0 and sizes[axis - 1] != 1}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=own)

    def call(self, inputs: Any) -> jax.Array:
        return jnp.maximum(inputs, 0) + self.alpha.value * jnp.minimum(inputs, 0)


@layer()
class ELU(Elementwise):
    """Exponential linear unit: `x` above 0, `alpha * (exp(x) - 1)` below.

    Clevert et al. 2016, Fast and Accurate Deep Network Learning by Exponential Linear Units.
    """

    def __init__(self, alpha: Number = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> jax.Array:
        return activations.elu(inputs, alpha=self.alpha)


@layer()
class Softmax(Elementwise):
    """Shares that sum to one: `exp(x) / sum(exp(x))` along an axis or several.

    Call arguments:
        mask: boolean, of a shape that broadcasts to the inputs'; where False the share is 0. Where nothing counts
            along the axis, all shares are 0. A mask (batch, steps) is refused, it has no axis for the features.

    >>> import numpy as np
    >>> Softmax()(np.zeros((1, 4))).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        axes: Any = axis if isinstance(axis, int) else axes_list("Softmax", axis)
        self.axis = tuple(axes) if isinstance(axis, tuple) else axes  # a config keeps what was given

    def call(self, inputs: Any, mask: Any = None) -> jax.Array:
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


def _not_negative(layer_class: str, name: str, value: Any) -> Number:
    if value is None or value < 0:
        raise ValueError(
            f"{name} of a {layer_class} layer cannot be None or a negative value. Expected a float. Received:"
            f" {name}={value}"
        )
    return value
