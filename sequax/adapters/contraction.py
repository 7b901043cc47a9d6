"""Which axes of inputs, weight and outputs of a product are the same, so that scales find their places."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Contraction:
    """A product as einsum writes it, with a letter for each axis.

    Args:
        inputs, weight, outputs: their axes, without those that an ellipsis stands for.
        scale: the axes of the scale that is kept beside the weight; those that are none of the weight have size 1.
        after: whether the ellipsis, where inputs have further axes, stands behind the letters.
    """

    inputs: str
    weight: str
    outputs: str
    scale: str
    after: bool = False

    @property
    def reduced(self) -> tuple[int, ...]:
        """The axes of the weight that are summed over."""
        return tuple(i for i, axis in enumerate(self.weight) if axis not in self.outputs)

    @property
    def reduced_inputs(self) -> tuple[int, ...]:
        """The axes of the inputs that are summed over."""
        first = 0 if self.after else -len(self.inputs)
        return tuple(first + i for i, axis in enumerate(self.inputs) if axis not in self.outputs)

    def kept(self, scale: jax.Array) -> jax.Array:
        """A scale of the weight, with size 1 where that is summed over, as it is kept."""
        return _aligned(scale, self.weight, self.scale)

    def to_weight(self, scale: jax.Array) -> jax.Array:
        """A scale that is kept, so that it broadcasts with the weight."""
        return _aligned(scale, self.scale, self.weight)

    def to_outputs(self, scale: jax.Array, rank: int) -> jax.Array:
        """A scale that is kept, so that it broadcasts with outputs of a rank."""
        scale = _aligned(scale, self.scale, self.outputs)
        return scale.reshape(*scale.shape, *(1,) * (rank - scale.ndim)) if self.after else scale

    def of_inputs(self, scale: jax.Array) -> jax.Array:
        """A scale of the inputs, with size 1 where they are summed over, so that it broadcasts with the outputs."""
        return _aligned(scale, self.inputs, self.outputs, self.after)


def _aligned(array: jax.Array, axes: str, wanted: str, after: bool = False) -> jax.Array:
    """An array with these axes as one with the axes that are wanted: others have size 1 and go, new ones have it.

    Args:
        after: whether further axes, which stay, stand behind those named; else they stand in front.
    """
    if axes == wanted:
        return array
    more = array.ndim - len(axes)
    first = 0 if after else more
    array = jnp.squeeze(array, tuple(first + i for i, axis in enumerate(axes) if axis not in wanted))
    left = [axis for axis in axes if axis in wanted]
    named = [first + left.index(axis) for axis in wanted if axis in left]
    around = list(range(len(left), len(left) + more) if after else range(more))
    array = jnp.transpose(array, named + around if after else around + named)
    missing = [i for i, axis in enumerate(wanted) if axis not in left]
    return jnp.expand_dims(array, [first + i for i in missing])
