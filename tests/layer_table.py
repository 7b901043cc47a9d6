"""One row of the table of layers, and what each row is checked for.

Families put their rows into `tests/rows/<family>.py`, as a list called `ROWS`; `test_layer_table.py` runs every check
of this module on every row. A row is a layer, its arguments and an input:

    Row("Dense", {"units": 3, "activation": "relu"}, (2, 5))
    Row("LSTM", {"units": 3}, (2, 4, 5), mask=True)
    Row("RNN", lambda library: {"cell": library.layers.LSTMCell(3)}, (2, 4, 5))
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np


@dataclass(frozen=True)
class Row:
    """A layer with arguments, on an input.

    Attributes:
        layer: class name.
        arguments: of the constructor; a function of the library (`library.layers`, ...) where they hold objects of it.
        shape: of the input, batch included; a (nested) list of shapes for a layer of several inputs.
        dtype: of the input; integers are drawn from 0 to `high` - 1.
        high: see `dtype`.
        spread: the inputs of a list are passed one by one, `layer(a, b)`, in place of `layer([a, b])`.
        mask: also call it with a mask of shape `shape[:2]` on the input, on each of several.
        random: outputs in training are random, so they are not compared with Keras'.
        call: more arguments of the call.
        unknown: axes that may be unknown besides the batch axis.
        symbolic: whether Keras' symbolic outputs have the shapes that its outputs have.
        tolerance: largest difference from Keras, relative to a size of 1.
        mixed: whether to check it under the policy `mixed_bfloat16`.
        shared_config: whether Keras can read our config and we Keras'.
    """

    layer: str
    arguments: dict[str, Any] | Callable[[Any], dict[str, Any]] = field(default_factory=dict)
    shape: Any = (2, 3)
    dtype: str = "float32"
    high: int = 5
    spread: bool = False
    mask: bool = False
    random: bool = False
    call: dict[str, Any] = field(default_factory=dict)
    unknown: tuple[int, ...] = ()
    symbolic: bool = True
    tolerance: float = 1e-5
    mixed: bool = True
    shared_config: bool = True

    def __str__(self) -> str:
        shown = self.arguments if isinstance(self.arguments, dict) else {"...": ""}
        settings = ",".join(f"{key}={value}" for key, value in shown.items())
        return f"{self.layer}({settings})".replace(" ", "")[:70]


# --- a row in both libraries ---


def sequax_library() -> Any:
    """Ours, under the names that `Row.arguments` uses."""
    names = ("layers", "activations")
    return SimpleNamespace(**{name: importlib.import_module(f"sequax.{name}") for name in names})


def make(library: Any, row: Row, **more: Any) -> Any:
    arguments = row.arguments(library) if callable(row.arguments) else row.arguments
    return getattr(library.layers, row.layer)(**arguments, **more)


def draw_input(row: Row) -> Any:
    """Random inputs of a row, the same on every call."""
    rng = np.random.default_rng(1)

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        if np.issubdtype(np.dtype(row.dtype), np.integer):
            return rng.integers(0, row.high, shape).astype(row.dtype)
        return rng.normal(size=shape).astype(row.dtype)

    return each(draw, row.shape)


def each(function: Callable, shape: Any) -> Any:
    """`function` of a shape, or of all in a nested list of shapes."""
    return [each(function, inner) for inner in shape] if isinstance(shape, list) else function(shape)


def symbolic_input(library: Any, row: Row, unknown: tuple[int, ...] = (0,)) -> Any:
    """`Input`s of a row; sizes of the axes in `unknown` are None."""

    def tensor(shape: tuple[int, ...]) -> Any:
        sizes = tuple(None if axis in unknown else size for axis, size in enumerate(shape))
        return library.layers.Input(batch_shape=sizes, dtype=row.dtype)

    return each(tensor, row.shape)


def draw_weights(layer: Any) -> list[np.ndarray]:
    """Random values for all weights, so that no initial zero or one hides what a weight does."""
    rng = np.random.default_rng(2)
    found = []
    for weight in layer.weights:
        values = rng.normal(size=tuple(weight.shape)).astype("float32")
        positive = any(word in weight.name for word in ("variance", "stddev", "scale", "gamma"))
        found.append(np.abs(values) + 0.5 if positive else values)
    return found


def given(row: Row, inputs: Any) -> tuple:
    """Positional arguments of a call with the inputs of a row, or with anything else that there is one of for each."""
    return tuple(inputs) if row.spread else (inputs,)


def draw_mask(row: Row) -> Any:
    """A mask of the first two axes with at least one step of each sample; one for each of several inputs."""
    rng = np.random.default_rng(3)

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        mask = rng.random(shape[:2]) < 0.6
        mask[:, 0] = True
        return mask

    return each(draw, row.shape)


@contextmanager
def plain_initializers(keras: Any) -> Any:
    """All initializers of Keras give zeros, made by NumPy: compiling a draw per shape takes longer than a check."""
    with ExitStack() as stack:
        for initializer in vars(keras.initializers).values():
            if isinstance(initializer, type) and "__call__" in vars(initializer):
                stack.enter_context(mock.patch.object(initializer, "__call__", zeros))
        yield


def zeros(self: Any, shape: Any, dtype: Any = None, **layout: Any) -> np.ndarray:
    return np.zeros(shape, dtype or "float32")


def pair(keras: Any, row: Row, **more: Any) -> tuple[Any, Any]:
    """Ours and Keras', built for the row's input, with equal weights."""
    libraries = sequax_library(), keras
    with plain_initializers(keras):
        own, oracle = (make(library, row, **more) for library in libraries)
        for layer, library in zip((own, oracle), libraries, strict=True):
            layer(*given(row, symbolic_input(library, row, unknown=())), **row.call)
    weights = draw_weights(oracle)
    own.set_weights(weights)
    oracle.set_weights(weights)
    return own, oracle


# --- what a layer does ---


def states(layer: Any) -> tuple[list, list]:
    """Values of the trainable and of the other variables."""
    return tuple([v.value for v in group] for group in (layer.trainable_variables, layer.non_trainable_variables))


def outcome(layer: Any, row: Row, training: bool, trainable: list, other: list, x: Any) -> tuple[Any, list, list]:
    """Outputs, the new values of those weights that are not trained, and the sum of the penalties, if there are any."""
    if type(layer).__module__.startswith("keras."):
        outputs, new, losses = keras_call(layer, trainable, other, *given(row, x), training=training, **row.call)
    else:
        outputs, new, losses = layer.stateless_call(
            trainable, other, *given(row, x), training=training, return_losses=True, **row.call
        )
    weights = {id(v) for v in layer.weights}
    return (
        outputs,
        [n for n, v in zip(new, layer.non_trainable_variables, strict=True) if id(v) in weights],
        losses and [sum(losses)],
    )


def keras_call(layer: Any, trainable: list, other: list, *inputs: Any, **call: Any) -> tuple[Any, list, list]:
    """What `stateless_call` is for; the one of Keras skips the casts and checks of a layer's `__call__`."""
    import keras

    variables = [*layer.trainable_variables, *layer.non_trainable_variables]
    mapping = list(zip(variables, [*trainable, *other], strict=True))
    with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
        outputs = layer(*inputs, **call)
        losses = layer.losses
    return outputs, [scope.get_current_value(v) for v in layer.non_trainable_variables], losses


def run(layer: Any, row: Row, flags: tuple[bool, ...], trainable: list, other: list, x: Any) -> list:
    """The outcome for each training flag."""
    return [outcome(layer, row, training, trainable, other, x) for training in flags]


def differentiated(layer: Any, row: Row, flags: tuple[bool, ...], trainable: list, other: list, x: Any) -> list:
    """For each training flag: the outcome, and gradients of a weighted sum of the outputs by the trainable weights
    and by inputs of floats."""
    import jax
    import jax.numpy as jnp

    by = (0, 2) if row.dtype.startswith("float") else (0,)

    def loss(trainable: list, other: list, x: Any, training: bool) -> Any:
        found = outcome(layer, row, training, trainable, other, x)
        rng = np.random.default_rng(4)
        return sum(jnp.sum(o * rng.normal(size=o.shape)) for o in jax.tree.leaves(found[0])), found

    grad = jax.grad(loss, argnums=by, has_aux=True)
    return [grad(trainable, other, x, training) for training in flags]


def compiled(what: Callable, layers: tuple[Any, Any], row: Row, flags: tuple[tuple, tuple]) -> list:
    """`run` or `differentiated` of ours and of Keras', by one program: compiling is what takes the time here."""
    import jax

    def both(values: list, x: Any) -> list:
        return [what(layer, row, f, *v, x) for layer, f, v in zip(layers, flags, values, strict=True)]

    return jax.jit(both)([states(layer) for layer in layers], draw_input(row))


# --- comparisons ---


def assert_close(own: Any, oracle: Any, tolerance: float, what: str = "") -> None:
    """Equal structures of arrays whose entries differ by no more than `tolerance`, relative to a size of 1."""
    import jax

    own_leaves, oracle_leaves = jax.tree.leaves(own), jax.tree.leaves(oracle)
    assert len(own_leaves) == len(oracle_leaves), what
    for a, b in zip(own_leaves, oracle_leaves, strict=True):
        np.testing.assert_allclose(
            np.asarray(a, "float32"), np.asarray(b, "float32"), rtol=tolerance, atol=tolerance, err_msg=what
        )


def plain_config(config: Any) -> Any:
    """A config as JSON has it, tuples as lists; numbers to six digits, since Keras rounds some to float32."""
    return json.loads(json.dumps(config), parse_float=lambda number: float(f"{float(number):.6g}"))
