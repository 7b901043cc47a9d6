"""`Bidirectional`: a recurrent layer over a sequence from both ends."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Unpack

import jax
import jax.numpy as jnp

from ...core.catalogue import serialize
from ...core.constructor import LayerOptions
from ...core.kinds import OneOf, StartingWeights
from ...core.layer import Layer
from ...core.types import Nested, ShapeLike, Tensor, Tensors
from ..base import LayerOf
from ..catalogue import layer
from .rnn import in_dtype

MergeMode = Annotated[Literal["sum", "mul", "ave", "concat"] | None, OneOf("sum", "mul", "ave", "concat", None)]
Direction = Annotated[Layer, LayerOf(attribute=False)]
_NEEDED = ("go_backwards", "return_sequences", "return_state")


@layer()
class Bidirectional(Layer):
    """Runs a recurrent layer forwards and a second one backwards, and merges their outputs.

    Schuster and Paliwal 1997, Bidirectional Recurrent Neural Networks. The outputs of the backward layer are turned
    round, so that both outputs of a step belong to the same input. With `return_sequences`, outputs of masked steps are
    zero.

    Args:
        layer: recurrent layer, such as an `LSTM`, or a layer with the attributes `go_backwards`, `return_sequences` and
            `return_state`. Both directions are copies of it: `forward_layer` and `backward_layer`.
        merge_mode: `"concat"` (along the last axis), `"sum"`, `"mul"`, `"ave"`, or None: both outputs, apart.
        weights: initial values, those of the forward layer first.
        backward_layer: another layer for the backward direction; used as it is.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call: `(sequences, initial_state=None, mask=None, training=None)`, the states of the forward layer first. With
    `return_state` it returns `(output, *forward_states, *backward_states)`.

    Raises:
        ValueError: for an unknown merge mode, a layer that is not recurrent, or a backward layer that does not run
            backwards or returns something else than the forward layer.

    Example:

    >>> import jax.numpy as jnp
    >>> from sequax.layers import GRU
    >>> Bidirectional(GRU(4))(jnp.ones((2, 10, 8))).shape
    (2, 8)
    """

    return_sequences: bool
    return_state: bool

    supports_masking = True
    mask_is_of_first = True  # initial states have none
    untracked: frozenset[str] = Layer.untracked | {"_initial_weights"}
    not_in_config: frozenset[str] = frozenset({"layer"})
    merge_mode: str | None

    def __init__(
        self,
        layer: Direction,
        merge_mode: MergeMode = "concat",
        weights: StartingWeights = None,
        backward_layer: Direction | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self._check_recurrent("layer", layer)
        if backward_layer is not None:
            self._check_recurrent("backward_layer", backward_layer)
        self.forward_layer: Any = _renamed(layer, "forward")
        self.backward_layer: Any = (
            _renamed(layer, "backward", go_backwards=True) if backward_layer is None else backward_layer
        )
        self._check_pair()
        self._initial_weights = weights
        self.return_sequences, self.return_state = self.forward_layer.return_sequences, self.forward_layer.return_state
        self.stateful: bool = getattr(layer, "stateful", False)
        if self.return_sequences:
            for one in self._directions():
                if hasattr(one, "zero_output_for_mask"):
                    one.zero_output_for_mask = True

    @property
    def input_axes(self) -> tuple[str, ...] | None:  # type: ignore[override]
        return self.forward_layer.input_axes

    def _who(self) -> str:
        return f"Layer '{self.name}' (Bidirectional)"

    def _check_recurrent(self, argument: str, value: Layer) -> None:
        missing = [name for name in _NEEDED if not hasattr(value, name)]
        if missing:
            raise ValueError(
                f"{self._who()}: `{argument}` must be a recurrent layer, such as `LSTM(8)`. Received: '{value.name}'"
                f" ({type(value).__name__}), which has no attribute {missing}."
            )

    def _check_pair(self) -> None:
        forward, backward = self._directions()
        if forward.go_backwards or not backward.go_backwards:
            raise ValueError(
                f"{self._who()}: the forward layer needs `go_backwards=False` and the backward layer"
                f" `go_backwards=True`. Received: {forward.go_backwards} and {backward.go_backwards}."
            )
        for name in ("return_sequences", "return_state", "stateful"):
            values = [getattr(one, name, False) for one in (forward, backward)]
            if values[0] != values[1]:
                raise ValueError(
                    f"{self._who()}: both directions need the same value of `{name}`. Received: {values[0]} for the"
                    f" forward layer and {values[1]} for the backward layer."
                )

    def _directions(self) -> tuple[Any, Any]:
        return self.forward_layer, self.backward_layer

    def build(self, sequences_shape: ShapeLike, initial_state_shape: Nested[ShapeLike] | None = None) -> None:
        for one in self._directions():
            if not one.built:
                one.build(tuple(sequences_shape))
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    # --- the call ---

    def call(
        self,
        sequences: Tensor,
        initial_state: Tensors | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor | tuple[Any, ...]:
        states = self._halves(initial_state)
        forward, backward = (
            one(sequences, mask=mask, training=training, **given)
            for one, given in zip(self._directions(), states, strict=True)
        )
        after: tuple[Any, ...] = ()
        if self.return_state:
            (forward, *first), (backward, *second) = forward, backward
            after = (*first, *second)
        if self.return_sequences:
            backward = jnp.flip(backward, 1)
        merged = jax.tree.map(lambda output: in_dtype(output, self.compute_dtype), self._merge(forward, backward))
        if not self.return_state:
            return merged
        return (*merged, *after) if self.merge_mode is None else (merged, *after)

    def _halves(self, states: Tensors | None) -> list[dict[str, Any]]:
        """`initial_state` for each direction, as arguments of its call."""
        if states is None:
            return [{}, {}]
        given = list(states) if isinstance(states, (list, tuple)) else [states]
        half, rest = divmod(len(given), 2)
        if rest or not given:
            raise ValueError(
                f"{self._who()}: `initial_state` must hold the states of the forward layer, then those of the backward"
                f" layer. Received: {len(given)} state(s), an odd number."
            )
        return [{"initial_state": given[:half]}, {"initial_state": given[half:]}]

    def _merge(self, forward: Tensor, backward: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if self.merge_mode is None:
            return forward, backward
        if self.merge_mode == "concat":
            return jnp.concatenate([forward, backward], axis=-1)
        if forward.shape != backward.shape:
            raise ValueError(
                f"{self._who()}: merge_mode={self.merge_mode!r} needs outputs of equal shapes. Received:"
                f" {forward.shape} forwards and {backward.shape} backwards. Use merge_mode='concat'."
            )
        if self.merge_mode == "mul":
            return forward * backward
        return (forward + backward) / (2 if self.merge_mode == "ave" else 1)

    # --- states ---

    @property
    def states(self) -> tuple[Any, ...] | None:
        """Variables of a stateful layer, those of the forward layer first; None before it is built."""
        found = [getattr(one, "states", None) for one in self._directions()]
        return None if None in found else tuple(state for states in found for state in states or ())

    def reset_state(self) -> None:
        """Set the states of stateful layers to zero."""
        for one in self._directions():
            if hasattr(one, "reset_state"):
                one.reset_state()

    reset_states = reset_state

    # --- shapes, masks, config ---

    def compute_output_shape(
        self, sequences_shape: ShapeLike, initial_state_shape: Nested[ShapeLike] | None = None
    ) -> tuple[Any, ...]:
        shapes = [one.compute_output_shape(tuple(sequences_shape)) for one in self._directions()]
        after: tuple[Any, ...] = ()
        if self.return_state:
            after = (*shapes[0][1:], *shapes[1][1:])
            shapes = [shape[0] for shape in shapes]
        forward, backward = map(tuple, shapes)
        if self.merge_mode is None:
            return (forward, backward, *after)
        merged = (*forward[:-1], forward[-1] + backward[-1]) if self.merge_mode == "concat" else forward
        return (merged, *after) if self.return_state else merged

    def compute_mask(self, sequences: Tensor, mask: Tensor | None) -> Tensor | list[Tensor | None] | None:
        passed = mask if self.return_sequences else None
        if not self.return_state and self.merge_mode is not None:
            return passed
        outputs = [passed] * (2 if self.merge_mode is None else 1)
        return outputs + [None] * len(jax.tree.leaves(self._state_sizes()) if self.return_state else ())

    def _state_sizes(self) -> list[Any]:
        return [getattr(one, "state_size", []) for one in self._directions()]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": serialize(self.forward_layer)}


def _renamed(layer: Layer, direction: str, **changes: object) -> Any:
    """A copy of a layer, unbuilt, for one direction."""
    config = {**layer.get_config(), "name": f"{direction}_{layer.name.removeprefix('forward_')}", **changes}
    copy = type(layer).from_config(config)
    if hasattr(layer, "use_cudnn"):  # no part of configs
        copy.use_cudnn = layer.use_cudnn
    return copy
