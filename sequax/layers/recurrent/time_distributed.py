"""`TimeDistributed`: a layer at every step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ...core import names, shapes
from ...core.types import Nested, Shape, ShapeLike, Symbols, Tensor, Tensors
from ..catalogue import layer
from ..core import Lambda
from ..wrapper import Wrapper
from .bidirectional import Bidirectional
from .loop import scan_calls
from .rnn import RNN, in_dtype


@layer()
class TimeDistributed(Wrapper):
    """Applies a layer to every step of a sequence, with the same weights.

    The steps of all samples run as one large batch where samples do not influence each other. Otherwise (a
    `BatchNormalization` in training, layers and functions of your own) step by step, each with its own statistics.

    Args:
        layer: any layer, also a model, that takes one step `(batch, ...)`; functions go into `Lambda` first.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call: `(inputs, training=None, mask=None)`. The layer gets the part of the mask that belongs to its step; the mask
    itself is passed on.

    Shapes: `(batch, time, ...)` to `(batch, time, *output_of_the_layer)`.

    Raises:
        ValueError: for what is no layer, an input without steps, or a mask of another shape.

    Example:

    >>> import jax.numpy as jnp
    >>> from sequax.layers import Dense
    >>> TimeDistributed(Dense(4))(jnp.ones((2, 10, 8))).shape
    (2, 10, 4)
    """

    supports_masking = True

    @property
    def input_axes(self) -> tuple[str, ...] | None:  # type: ignore[override]
        return ("time", *(self.layer.input_axes or ("features",)))

    def _step_shape(self, input_shape: Nested[ShapeLike] | None) -> Shape:
        if not shapes.is_shape(input_shape) or len(input_shape) < 3:
            raise ValueError(
                f"Layer '{self.name}' (TimeDistributed): expected one input of at least 3 dimensions (batch, time,"
                f" ...). Received: {input_shape}."
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape: Nested[ShapeLike] | None = None) -> None:
        super().build(self._step_shape(input_shape))

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensors:
        self._step_shape(inputs.shape)
        if mask is not None:
            mask = self._checked(jnp.asarray(mask, bool), inputs.shape)
        run = self._as_one_batch if self._merges(bool(training)) else self._step_by_step
        outputs = run(inputs, mask, training)
        return jax.tree.map(partial(in_dtype, dtype=self.compute_dtype), outputs)

    def _checked(self, mask: Tensor, shape: Sequence[int]) -> Tensor | None:
        if mask.shape[:2] != tuple(shape[:2]):
            raise ValueError(
                f"Layer '{self.name}' (TimeDistributed): expected a mask that begins with the shape (batch, time) ="
                f" {tuple(shape[:2])}. Received: {mask.shape}."
            )
        # A mask of the steps says nothing about the steps inside a step, which is all a recurrent layer could use.
        return None if mask.ndim == 2 and isinstance(self.layer, (RNN, Bidirectional)) else mask

    def _merges(self, training: bool) -> bool:
        """Whether no sample has an influence on another one, nor on what later calls see."""
        inside = self.layer.flatten_layers()
        if not all(names.is_ours(one) and not isinstance(one, Lambda) for one in inside):
            return False
        return not training or all(v.made_trainable for one in inside if one.trainable for v in one.own_variables())

    def _as_one_batch(self, inputs: Tensor, mask: Tensor | None, training: bool | None) -> Tensors:
        batch, time = inputs.shape[:2]
        inputs, mask = jax.tree.map(lambda a: a.reshape(batch * time, *a.shape[2:]), (inputs, mask))
        outputs = self.layer(inputs, training=training, mask=mask)
        return jax.tree.map(lambda a: a.reshape(batch, time, *a.shape[1:]), outputs)

    def _step_by_step(self, inputs: Tensor, mask: Tensor | None, training: bool | None) -> Tensors:
        def step(carry: None, given: tuple[Any, ...]) -> tuple[None, Any]:
            return carry, self.layer(given[0], training=training, mask=given[1])

        steps = jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), (inputs, mask))
        # A mean over the steps, as penalties of the outputs have it when all steps are one batch.
        _, outputs = scan_calls(self.layer, training, jnp.mean, step, None, steps)
        return jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), outputs)

    def compute_output_shape(self, input_shape: ShapeLike) -> Nested[Shape]:
        def with_time(shape: tuple[Any, ...]) -> tuple[Any, ...]:
            return (shape[0], input_shape[1], *shape[1:])

        return shapes.map_shapes(with_time, self.layer.compute_output_shape(self._step_shape(tuple(input_shape))))

    def compute_output_spec(self, *args: object, **kwargs: object) -> Symbols:
        return shapes.infer(self.__call__, args, kwargs)
