"""`tf.GradientTape`, and the functions that say what gradients are."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NoReturn

import jax
import jax.numpy as jnp

from ...core import scope
from ...core.types import ArrayLike
from ...core.variable import Variable
from . import backward, reading, units
from .member import Member
from .recording import Notes, is_float, recorded

_FOLDER = __file__.rpartition("tape.py")[0]


class UnconnectedGradients:
    """What `gradient` gives for a source that the target does not depend on: None, or zeros."""

    NONE = "none"
    ZERO = "zero"


class GradientTape(Notes):
    """Notes what is computed in its `with` block, to take gradients of it.

    Args:
        persistent: whether `gradient` may be called more than once.
        watch_accessed_variables: whether trainable variables are watched as soon as they are read.

    Values in the block are plain arrays. What leaves JAX (NumPy, `float`) has no gradient, as in TensorFlow.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        super().__init__()
        self._persistent, self.watches_reads = persistent, watch_accessed_variables
        self._entered: AbstractContextManager[None] | None = None
        self._used = False
        self.frame: object = None  # the pure function in which it was opened
        self._variables: dict[int, tuple[Variable, list[Any]]] = {}  # and the arrays that each has given out

    # --- what is noted ---

    def __enter__(self) -> GradientTape:
        if self._entered is not None:
            raise ValueError("Tape is still recording, This can happen if you try to re-enter an already-active tape.")
        units.follow()
        self.frame, self.paused = scope.frame(), False
        self._entered = recorded(self)
        self._entered.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._entered is not None:
            entered, self._entered = self._entered, None
            entered.__exit__(*error)

    def watch(self, tensor: object) -> None:
        """Take notes of what depends on a tensor, or on each of a structure of them.

        Raises:
            ValueError: for anything but arrays and variables.
        """
        for one in jax.tree.leaves(tensor):
            if isinstance(one, Variable):
                self.see(one)
            elif not isinstance(one, jax.Array):
                raise ValueError(
                    f"Passed in object {one!r} of type {type(one).__name__!r}, not tf.Tensor or tf.Variable."
                    " Watch `tf.constant(value)`, and compute with that."
                )
            elif is_float(one):
                self.known[id(one)] = one
            else:
                warnings.warn(f"The dtype of the watched tensor must be floating, got {one.dtype.name}", stacklevel=2)

    def see(self, variable: Variable) -> None:
        """A variable is about to give out its array: watch that."""
        value = reading.held(variable)
        known = self._variables.get(id(variable))
        if known is not None and any(one is value for one in known[1]):
            return
        if not is_float(value):
            return
        seen = self._variables.setdefault(id(variable), (variable, []))[1]
        if id(value) in self.known:  # of another variable, or computed: gradients would flow to both
            value = reading.apart(variable)
        self.known[id(value)] = value
        seen.append(value)

    def watched_variables(self) -> tuple[Variable, ...]:
        return tuple(variable for variable, _ in self._variables.values())

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Nothing is noted inside."""
        if self._entered is None:
            raise ValueError("Tape is not recording.")
        before, self.paused = self.paused, True
        try:
            yield
        finally:
            self.paused = before

    def reset(self) -> None:
        """Forget what was noted, as if the block began here."""
        self.nodes, self.known, self._variables = [], {}, {}
        self._used = False

    # --- gradients ---

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: str = "none"
    ) -> Any:
        """The gradients of the sum of all targets.

        Args:
            target: a tensor, or a structure of tensors.
            sources: variables, or tensors that were watched or computed in the block; in any structure.
            output_gradients: factors of the targets; default: ones.
            unconnected_gradients: `"none"` or `"zero"`, for sources that the target does not depend on.

        Returns:
            Gradients in the structure of `sources`.

        Raises:
            RuntimeError: at the second call, unless the tape is persistent.
        """
        _check_unconnected(unconnected_gradients)
        self._once()
        targets = _tensors(target, "target")
        given = [None] * len(targets) if output_gradients is None else _structure(output_gradients)[0]
        if len(given) != len(targets):
            raise ValueError(
                f"GradientTape.gradient: expected one of `output_gradients` for each target. Received {len(given)} for"
                f" {len(targets)} targets."
            )
        pairs = [
            (self._found(one), jnp.ones_like(_array(one)) if seed is None else jnp.asarray(seed, _array(one).dtype))
            for one, seed in zip(targets, given, strict=True)
            if is_float(_array(one))
        ]
        flat, structure = _structure(sources)
        seeds = [jnp.broadcast_to(seed, one.shape) for one, seed in pairs]
        found = self._gradients([one for one, _ in pairs], seeds, flat)
        if unconnected_gradients == UnconnectedGradients.ZERO:
            found = [_zeros(source) if one is None else one for one, source in zip(found, flat, strict=True)]
        return structure.unflatten(found)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivatives of each value of a target: of shape `target.shape + source.shape`."""
        _check_unconnected(unconnected_gradients)
        self._once()
        (one,) = _single(target, "jacobian")
        array = self._found(one)
        basis = jnp.eye(array.size, dtype=array.dtype).reshape(array.size, *array.shape)
        flat, structure = _structure(sources)
        found = self._rows([array], basis, flat)
        shaped = [None if rows is None else rows.reshape(*array.shape, *rows.shape[1:]) for rows in found]
        if unconnected_gradients == UnconnectedGradients.ZERO:
            shaped = [
                jnp.zeros(array.shape + _array(source).shape, _array(source).dtype) if rows is None else rows
                for rows, source in zip(shaped, flat, strict=True)
            ]
        return structure.unflatten(shaped)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> jax.Array | None:
        """The derivatives row by row: of shape `(rows, *target.shape[1:], *source.shape[1:])`."""
        _check_unconnected(unconnected_gradients)
        self._once()
        array, (given,) = self._found(_single(target, "batch_jacobian")[0]), _single(source, "batch_jacobian")
        rows, inner, outer = array.shape[0], array.shape[1:], _array(given).shape[1:]
        if _array(given).shape[:1] != (rows,):
            raise ValueError(
                f"GradientTape.batch_jacobian: target and source must have the same number of rows. Received shapes"
                f" {array.shape} and {_array(given).shape}."
            )
        count = array[0].size
        basis = jnp.eye(count, dtype=array.dtype).reshape(count, 1, *inner)
        (found,) = self._rows([array], jnp.broadcast_to(basis, (count, *array.shape)), [given])
        if found is None:
            return None if unconnected_gradients == "none" else jnp.zeros((rows, *inner, *outer), array.dtype)
        return jnp.moveaxis(found, 1, 0).reshape(rows, *inner, *outer)

    def _rows(self, targets: list[Any], basis: jax.Array, sources: list[Any]) -> list[Any]:
        """Gradients for each of many seeds of one target, side by side."""
        connected: list[int] = []

        def one_row(seed: jax.Array) -> list[Any]:
            found = self._gradients(targets, [seed], sources)
            connected[:] = [i for i, one in enumerate(found) if one is not None]
            return [one for one in found if one is not None]

        rows = jax.vmap(one_row)(basis)
        found: list[Any] = [None] * len(sources)
        for position, one in zip(connected, rows, strict=True):
            found[position] = one
        return found

    def _gradients(self, targets: list[Any], seeds: list[Any], sources: list[Any]) -> list[Any]:
        """For a variable, those of all arrays that it gave out are added up."""
        given = [self._arrays_of(source) for source in sources]
        arrays = list({id(one): one for several in given for one in several}.values())
        if not targets or not arrays:
            return [None] * len(sources)
        found = backward.gradients(self, targets, seeds, arrays, _line())
        table = {id(one): gradient for one, gradient in zip(arrays, found, strict=True)}
        return [_sum([table[id(one)] for one in several]) for several in given]

    def _arrays_of(self, source: object) -> list[Any]:
        if isinstance(source, Variable):
            return self._variables.get(id(source), (source, []))[1]
        return [source] if id(source) in self.known else []

    def _found(self, target: Any) -> jax.Array:
        """The array of a target; a variable is its last one."""
        arrays = self._arrays_of(target)
        return arrays[-1] if arrays else _array(target)

    def _once(self) -> None:
        if self._used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)."
                " Open it with `tf.GradientTape(persistent=True)` for more."
            )
        self._used = True
        if not self._persistent:
            self.paused = True


def _check_unconnected(value: object) -> None:
    if value not in (UnconnectedGradients.NONE, UnconnectedGradients.ZERO):
        raise ValueError(f"Unknown value for unconnected_gradients: {value!r}. Expected 'none' or 'zero'.")


def _structure(value: object) -> tuple[list[Any], Any]:
    return jax.tree.flatten(value, is_leaf=lambda one: one is None)


def _tensors(structure: object, what: str) -> list[Any]:
    flat = jax.tree.leaves(structure)
    for one in flat:
        if not isinstance(one, (jax.Array, Variable)):
            raise TypeError(
                f"GradientTape: expected tensors as {what}. Received {type(one).__name__}, which has left the tape, so"
                f" that it has no gradient."
            )
    return flat


def _single(value: object, method: str) -> list[Any]:
    flat = _tensors(value, "target")
    if len(flat) != 1:
        raise ValueError(f"GradientTape.{method}: expected one tensor, not a structure of {len(flat)}.")
    return flat


def _array(value: Any) -> jax.Array:
    return reading.held(value) if isinstance(value, Variable) else value


def _zeros(source: jax.Array | Variable) -> jax.Array:
    return jnp.zeros_like(_array(source))


def _sum(several: Sequence[Any]) -> jax.Array | None:
    some = [one for one in several if one is not None]
    return functools.reduce(jnp.add, some) if some else None


def _line() -> Hashable:
    """The line of the script that asks for gradients."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_FOLDER):
        frame = frame.f_back
    return frame.f_code, frame.f_lineno


# --- functions ------------------------------------------------------------------------------------------------------


def _read(value: object) -> Any:
    return value.value if isinstance(value, Variable) else value


def custom_gradient(f: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Let a function say its gradient: it returns `(outputs, gradient)`, the latter a function of output gradients.

    The function runs a second time for the gradient. Variables that it reads get none: pass them as arguments.
    """
    if f is None:
        return custom_gradient
    function = f

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        arrays = [jnp.asarray(_read(one)) for one in args]

        @jax.custom_vjp
        def computed(*given: Any) -> Any:
            return function(*given, **kwargs)[0]

        def forward(*given: Any) -> Any:
            return computed(*given), given

        def back(given: tuple[jax.Array, ...], upstream: Any) -> Any:
            _, gradient = function(*given, **kwargs)
            found = gradient(*jax.tree.leaves(upstream))
            found = list(found) if isinstance(found, (list, tuple)) else [found]
            if len(found) != len(given):
                raise ValueError(
                    f"custom_gradient: {function.__name__} takes {len(given)} tensors, but its gradient function"
                    f" returned {len(found)}."
                )
            return tuple(_cotangent(one, x) for one, x in zip(found, given, strict=True))

        computed.defvjp(forward, back)
        return computed(*arrays)

    return call


def _cotangent(gradient: ArrayLike | None, x: jax.Array) -> jax.Array:
    if not is_float(x):
        return jax.numpy.zeros(x.shape, jax.dtypes.float0)
    return jnp.zeros_like(x) if gradient is None else jnp.broadcast_to(jnp.asarray(gradient, x.dtype), x.shape)


def gradients(*args: object, **kwargs: object) -> NoReturn:
    raise RuntimeError(
        "tensorflow.gradients is of graphs for sessions (TensorFlow 1), which Sequax does not run. Compute in the block"
        " of a `tf.GradientTape`, and call `tape.gradient(ys, xs)`."
    )


MEMBERS: dict[str, Member] = {
    "GradientTape": Member(GradientTape),
    "autodiff.GradientTape": Member(GradientTape),
    "UnconnectedGradients": Member(UnconnectedGradients),
    "custom_gradient": Member(custom_gradient),
    "gradients": Member(gradients),
}
