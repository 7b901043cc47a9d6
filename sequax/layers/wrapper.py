"""Layers around another layer."""

from __future__ import annotations

from typing import Unpack

import jax
import jax.numpy as jnp

from .. import initializers
from ..core import dtypes, scope
from ..core.constructor import LayerOptions
from ..core.kinds import Size
from ..core.layer import Layer
from ..core.types import Nested, ShapeLike, Tensor
from ..core.variable import Variable
from .base import AnyLayer
from .catalogue import layer


@layer()
class Wrapper(Layer):
    """Base of layers that act on one other layer: keeps it as `self.layer` and builds it. `call` is for subclasses.

    Args:
        layer: the layer inside; its variables count as the wrapper's.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        ValueError: if `layer` is not a layer.

    Example:

    >>> import numpy as np
    >>> from sequax.layers import Dense
    >>> class Doubled(Wrapper):
    ...     def call(self, x):
    ...         return 2 * self.layer(x)
    >>> Doubled(Dense(3))(np.ones((2, 4))).shape
    (2, 3)
    """

    layer: Layer

    def __init__(self, layer: AnyLayer, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def build(self, input_shape: Nested[ShapeLike] | None = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)


@layer()
class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value in training: `kernel = kernel / sigma`.

    Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks. With the kernel as a matrix
    `(-1, filters)`, `sigma = v @ kernel @ u.T` for vectors that `power_iterations` steps of
    `v = normalize(u @ kernel.T)`, `u = normalize(v @ kernel)` bring closer to the singular ones at every call; `u` is
    kept in a variable, and both are constants to the gradient. Outputs have the dtype of the inputs, or the compute
    dtype behind whole numbers (there Keras rounds an embedding to whole numbers).

    A call in training also replaces the stored kernel by the divided one. As with Keras on JAX, `fit` does not: there
    the optimizer updates the kernel as it was before the division. In inference the kernel is used as it is stored (the
    paper divides it there too).

    Args:
        layer: a layer with a `kernel` or `embeddings`.
        power_iterations: steps per call.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        ValueError: if `power_iterations` is not positive, or the layer has neither `kernel` nor `embeddings`.

    Example:

    >>> import jax.numpy as jnp
    >>> from sequax.layers import Dense
    >>> SpectralNormalization(Dense(3))(jnp.ones((2, 4)), training=True).shape
    (2, 3)
    """

    power_iterations: int

    def __init__(self, layer: AnyLayer, power_iterations: Size = 1, **options: Unpack[LayerOptions]):
        super().__init__(layer, **options)

    def build(self, input_shape: Nested[ShapeLike] | None = None) -> None:
        super().build(input_shape)
        kernel = getattr(self.layer, "kernel", getattr(self.layer, "embeddings", None))
        if kernel is None:
            raise ValueError(
                f"Layer '{self.name}' (SpectralNormalization): expected a layer with a `kernel` or `embeddings`."
                f" Received: {type(self.layer).__name__}, which has neither."
            )
        self.kernel: Variable = kernel
        self.vector_u: Variable = self.add_weight(
            (1, kernel.shape[-1]), initializers.TruncatedNormal(stddev=0.02), trainable=False, name="vector_u"
        )

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if training:
            with scope.calling(None):  # the stored kernel, not its copy in the compute dtype
                kernel, u = self._normalized(self.kernel.value, self.vector_u.value)
            self.kernel.assign(kernel)
            self.vector_u.assign(u)
        outputs = self.layer(inputs)
        return outputs.astype(inputs.dtype if dtypes.is_float(inputs.dtype) else dtypes.jnp_dtype(self.compute_dtype))

    def normalized_weights(self) -> tuple[Tensor, Tensor]:
        """The vector `u` after the power iterations, and the divided kernel; nothing is assigned."""
        kernel, u = self._normalized(self.kernel.value, self.vector_u.value)
        return u, kernel

    def _normalized(self, kernel: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        matrix = kernel.reshape(-1, kernel.shape[-1])
        constant = jax.lax.stop_gradient(matrix)
        v, before = u, u
        for _ in range(self.power_iterations):
            v = _unit(u @ constant.T)
            u = _unit(v @ constant)
        sigma = v @ matrix @ u.T
        # A kernel of zeros has a largest singular value of 0, and says nothing of a direction: both stay as they are.
        u = jnp.where((constant == 0).all(), before, u)
        return (matrix / jnp.where(sigma == 0, 1, sigma)).reshape(kernel.shape), u

    def compute_output_shape(self, input_shape: Nested[ShapeLike]) -> Nested[ShapeLike]:
        return self.layer.compute_output_shape(input_shape)


def _unit(x: Tensor) -> Tensor:
    """The vector with length 1; zeros stay zeros."""
    return x * jnp.minimum(jax.lax.rsqrt(jnp.square(x).sum()), 1 / dtypes.epsilon())
