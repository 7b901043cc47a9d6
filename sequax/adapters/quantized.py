"""Base of the adapters whose weight is kept in fewer bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core.variable import Variable
from .contraction import Contraction


class Quantized:
    """What is stored stands for a weight; its scale and what else belongs to it are variables of the layer."""

    freezes = False

    @property
    def variables(self) -> list[Variable]:
        return []

    def read(self, stored: jax.Array) -> jax.Array:
        return stored

    def weight(self, stored: jax.Array, dtype: str | np.dtype) -> jax.Array:
        raise NotImplementedError

    def product(self, function: Callable[..., Any], x: Any, stored: jax.Array) -> Any:
        return function(x, self.weight(stored, x.dtype))

    def start(self) -> None:
        pass

    def shown(self, variable: Variable) -> Any:
        return variable


class Scaled(Quantized):
    """Whole numbers with a scale for each output; inputs may become whole numbers, too, at each call.

    Args:
        scale: of the weight.
        contraction: which axes of inputs and weight are the same.
        inputs_quantizer: makes whole numbers of the inputs; None: they stay floats.
    """

    scale: Variable
    contraction: Contraction
    inputs_quantizer: Any

    def weight(self, stored: jax.Array, dtype: str | np.dtype) -> jax.Array:
        return self.scaled(stored, self.scale.value.astype(dtype))

    def scaled(self, stored: jax.Array, scale: jax.Array) -> jax.Array:
        """The weight, in the dtype of a value of the scale."""
        raise NotImplementedError

    def computed(self, function: Callable[..., Any], x: jax.Array, stored: jax.Array, scale: jax.Array) -> jax.Array:
        """The product with inputs that may be rounded, by the weight in floats."""
        weight = self.scaled(stored, scale)
        if self.inputs_quantizer is None:
            return function(x, weight)
        rows, of_rows = self.inputs_quantizer(x, axis=self.contraction.reduced_inputs)
        return function(rows.astype(x.dtype), weight) / self.contraction.of_inputs(of_rows)

    def product(self, function: Callable[..., Any], x: Any, stored: jax.Array) -> Any:
        scale = self.scale.value
        x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(scale.dtype)
        return _product(function, self, x, stored, scale.astype(x.dtype))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _product(
    function: Callable[..., Any], adapter: Scaled, x: jax.Array, stored: jax.Array, scale: jax.Array
) -> jax.Array:
    return adapter.computed(function, x, stored, scale)


@_product.defjvp
def _straight_through(function: Callable[..., Any], adapter: Scaled, primals: Any, tangents: Any) -> Any:
    """Rounding has the slope 0; gradients go through as if there were none (Bengio et al. 2013)."""
    _, stored, scale = primals
    return _product(function, adapter, *primals), function(tangents[0], adapter.scaled(stored, scale))
