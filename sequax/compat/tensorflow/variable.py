"""`tf.Variable`: TensorFlow's constructor and methods on Sequax' variables, which all count as instances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...core import names, scope
from ...core.shapes import ValuesNeeded
from ...core.types import ArrayLike, DTypeLike
from ...core.variable import Variable as Plain
from . import reading, slicing
from .member import Member
from .values import Sizes

_NARROW = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}


class _AnyVariable(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Plain)


class VariableAggregation:
    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = "none", "sum", "mean", "only_first_replica"


class VariableSynchronization:
    AUTO, NONE, ON_WRITE, ON_READ = "auto", "none", "on_write", "on_read"


class Variable(Plain, metaclass=_AnyVariable):
    """A variable by TensorFlow's constructor.

    Args:
        initial_value: anything that becomes an array, or a function without arguments that returns it.
        trainable: whether tapes watch it and optimizers of a model train it; default: yes.
        name: `"Variable"` by default; the attribute ends in `:0`.
        dtype: default: that of the value; 64 bits become 32.
        constraint: callable `(array) -> array`, applied after each step of an optimizer.
        shape: that of the value, if given; it may not change later.
        validate_shape, caching_device, variable_def, import_scope, synchronization, aggregation: without effect.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: object = None,
        name: str | None = None,
        variable_def: object = None,
        dtype: DTypeLike | None = None,
        import_scope: object = None,
        constraint: Callable[..., Any] | None = None,
        synchronization: object = "auto",
        aggregation: object = "none",
        shape: Sizes | None = None,
        **kwargs: object,
    ):
        if initial_value is None:
            raise ValueError("tf.Variable: expected an `initial_value`, or a function that makes it. Received: None")
        value = initial_value() if callable(initial_value) else initial_value
        value = value.value if isinstance(value, Plain) else value
        frame, function = scope.frame(), reading.tracing.get()
        if isinstance(value, jax.core.Tracer) and (function is not None or (frame is not None and frame.symbolic)):
            raise ValuesNeeded
        dtype = np.asarray(value).dtype.name if dtype is None and not hasattr(value, "dtype") else dtype
        dtype = value.dtype if dtype is None else dtype
        label = str(name or "Variable")
        super().__init__(
            value,
            dtype=_narrow(dtype),
            trainable=trainable is not False,
            name=names.auto_name("variable") if name is None else label.replace("/", "_").replace(":", "_"),
            constraint=constraint,
        )
        self.name = f"{label}:0"
        if shape is not None and not _fits(self.shape, shape):
            raise ValueError(
                f"tf.Variable {label!r}: the value must have the given shape, and keeps it: variables whose shape"
                f" changes are not served. Received a value of shape {self.shape} and shape={shape!r}"
            )

    __getitem__ = slicing.part

    def read_value(self) -> jax.Array:
        return self.value

    initialized_value = read_value

    def is_initialized(self) -> bool:
        return True

    def eval(self, session: object = None) -> np.ndarray:
        return self.numpy()

    def scatter_update(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Plain:
        """Set rows: `sparse_delta` is a `tf.IndexedSlices`."""
        return self.assign(self.value.at[jnp.asarray(sparse_delta.indices)].set(jnp.asarray(sparse_delta.values)))

    def scatter_nd_update(self, indices: ArrayLike, updates: ArrayLike, name: str | None = None) -> Plain:
        """Set values at indices, which lie along the last axis of `indices`."""
        return self.assign(self.value.at[_along_last(indices)].set(jnp.asarray(updates)))

    def scatter_nd_add(self, indices: ArrayLike, updates: ArrayLike, name: str | None = None) -> Plain:
        return self.assign(self.value.at[_along_last(indices)].add(jnp.asarray(updates)))

    def scatter_nd_sub(self, indices: ArrayLike, updates: ArrayLike, name: str | None = None) -> Plain:
        return self.assign(self.value.at[_along_last(indices)].add(-jnp.asarray(updates)))

    def gather_nd(self, indices: ArrayLike, name: str | None = None) -> jax.Array:
        return self.value[_along_last(indices)]

    def sparse_read(self, indices: ArrayLike, name: str | None = None) -> jax.Array:
        return self.value[jnp.asarray(indices)]

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype}, numpy={self.numpy()!r}>"


class IndexedSlices:
    """Rows of an array that is zero elsewhere. Gradients are dense here; scripts ask whether one is of this class.

    Args:
        values: the rows.
        indices: where they stand; rows of one place are added up.
        dense_shape: of the array.
    """

    def __init__(self, values: ArrayLike, indices: ArrayLike, dense_shape: Sizes | None = None):
        self.values, self.indices, self.dense_shape = values, indices, dense_shape

    def __jax_array__(self) -> jax.Array:
        if self.dense_shape is None:
            raise ValueError("tf.IndexedSlices: to be an array, it needs a `dense_shape`.")
        values = jnp.asarray(self.values)
        shape = tuple(int(size) for size in np.asarray(self.dense_shape))
        return jnp.zeros(shape, values.dtype).at[jnp.asarray(self.indices)].add(values)


def _along_last(indices: ArrayLike) -> tuple[Any, ...]:
    return tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))


def _narrow(dtype: object) -> str:
    name = str(getattr(dtype, "name", dtype))
    return _NARROW.get(name, name)


def _fits(found: tuple[int, ...], wanted: Any) -> bool:
    sizes = getattr(wanted, "dims", wanted)
    if sizes is None:
        return True
    sizes = [sizes] if isinstance(sizes, int) else list(sizes)
    return len(sizes) == len(found) and all(size in (None, n) for size, n in zip(sizes, found, strict=True))


def _assigning(method: str) -> Callable[..., Plain]:
    """`state_ops.assign(variable, value)`, which is a method outside."""

    def assign(
        ref: Plain, value: Any, validate_shape: object = None, use_locking: object = None, name: object = None
    ) -> Plain:
        found: Plain = getattr(ref, method)(value)
        return found

    return assign


MEMBERS: dict[str, Member] = {
    **{
        f"{place}.state_ops.{method}": Member(_assigning(method))
        for place in ("python", "python.ops")
        for method in ("assign", "assign_add", "assign_sub")
    },
    "Variable": Member(Variable),
    "IndexedSlices": Member(IndexedSlices),
    "VariableAggregation": Member(VariableAggregation),
    "VariableSynchronization": Member(VariableSynchronization),
}
