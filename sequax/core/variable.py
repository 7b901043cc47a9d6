"""`Variable`: a named slot that holds one array."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from .._holding import Holding
from . import budget, catalogue, dtypes, names, placement, scope, tracking
from .tensor import KerasTensor

_serials = itertools.count()
T = TypeVar("T")

if TYPE_CHECKING:
    from .adapter import Adapter
    from .operators import Operators
    from .types import DTypeLike, Initial, ShapeLike

    Base = Operators[jax.Array]
else:
    Base = object


class _Noted(Generic[T]):
    """An attribute that compiled programs have in them, so that `tracking` hears of changes."""

    name: str

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, variable: Any, owner: type | None = None) -> T:
        if variable is None:
            raise AttributeError(self.name)
        return variable.__dict__[self.name]

    def __set__(self, variable: Any, value: T) -> None:
        if variable.__dict__.get(self.name, value) is not value:
            tracking.note_change()
        variable.__dict__[self.name] = value


class Variable(Base):
    """A named array that layers, optimizers and metrics own and update.

    Args:
        initializer: an array-like value, or a callable `(shape, dtype) -> array`, or the name of an initializer.
        shape: required with a callable or a name; may not hold None.
        dtype: of the stored array; default: the value's own, floats as `floatx()`.
        trainable: whether optimizers update it.
        autocast: whether a layer reads it in its compute dtype under a mixed policy.
        name: last part of `path`.
        regularizer: callable `(array) -> scalar penalty`, added to the loss.
        constraint: callable `(array) -> array`, applied after each optimizer step.

    Example:

    >>> v = Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0]).numpy().tolist()
    [2.0, 3.0]
    """

    aggregation: str
    synchronization: str
    autocast: _Noted[bool] = _Noted()
    regularizer: _Noted[Callable[..., Any] | None] = _Noted()
    constraint: _Noted[Callable[..., Any] | None] = _Noted()
    adapter: _Noted[Adapter | None] = _Noted()  # what the value is read through, see `adapter.py`

    tracked_as = "variable"
    __array_priority__ = 100  # NumPy's operators leave the work to ours
    place: placement.Placement = placement.DEVICE  # where the array lies
    beside: Variable | None = None  # the variable that this one belongs to, as an optimizer's state does

    def __init__(
        self,
        initializer: Initial,
        shape: ShapeLike | None = None,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        *,
        regularizer: Callable[..., Any] | None = None,
        constraint: Callable[..., Any] | None = None,
        **kwargs: object,
    ):
        layout, beside = kwargs.pop("layout", None), kwargs.pop("beside", None)
        if kwargs:
            raise TypeError(f"Variable: unexpected arguments {sorted(kwargs)}.")
        self.name: str = names.check_name(name if name is not None else names.auto_name("variable"), "Variable")
        self.path: str = "/".join((*(owner.name for owner in scope.owners()), self.name))
        self._trainable, self.autocast = bool(trainable), bool(autocast)
        self.made_trainable: bool = self.trainable  # freezing changes `trainable`; unfreezing goes back to this
        self.aggregation, self.synchronization = aggregation, synchronization
        self.regularizer, self.constraint, self.adapter = regularizer, constraint, None
        self.overwrite_with_gradient = False
        self.serial: int = next(_serials)
        if isinstance(initializer, str):
            initializer = catalogue.get("keras.initializers", initializer)
        if layout is not None:
            self._layout: Any = layout  # goes before that of a distribution
        if isinstance(beside, Variable):
            self.beside = beside
        value = _initial_value(initializer, shape, dtype, self.path)
        self.__dict__["_later" if isinstance(value, _Later) else "_value"] = value
        chosen = placement.chosen()
        if chosen is not None:
            self.move(chosen)
        # An initializer of the user may keep what it returned, as the readers of `value` may.
        self._lent = callable(initializer) and not names.is_ours(initializer)

    def __getattr__(self, name: str) -> Any:
        # Asked for when `_value` is not there yet, and for names that do not exist.
        if name != "_value" or "_later" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        frame = scope.frame()
        if frame is not None and frame.symbolic:
            nothing = jnp.zeros((), self._later.dtype)
            if isinstance(nothing, jax.core.Tracer):  # only the shape counts, and nothing is computed
                return jnp.broadcast_to(nothing, self._later.shape)
        return self.stored

    @property
    def _held(self) -> jax.Array | _Later:
        """The array, or what it will be, for its shape and dtype."""
        found = self.__dict__.get("_value")
        return self._later if found is None else found

    @property
    def trainable(self) -> bool:
        """Whether optimizers update the variable; may be set at any time."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if self._trainable != bool(value):
            self._trainable = bool(value)
            tracking.note_frozen()

    # --- the one value ---

    @property
    def value(self) -> jax.Array:
        """The array; inside a layer's call under a mixed policy, in the compute dtype."""
        adapter = self.__dict__["adapter"]
        return self.stored_value if adapter is None else adapter.read(self.stored_value)

    def product(self, function: Callable[[Any, Any], T], x: Any) -> T:
        """`function(x, value)` for a function that is linear in the value.

        Args:
            function: such as `jnp.matmul`.
            x: its first argument.
        """
        adapter = self.adapter
        return function(x, self.value) if adapter is None else adapter.product(function, x, self.stored_value)

    @property
    def stored_value(self) -> jax.Array:
        """`value` without what it is read through."""
        frame, call = scope.frame(), scope.call()
        if frame is not None and id(self) in frame.values:
            value = frame.values[id(self)]
        else:
            if frame is not None:
                frame.note_read(self)
            # A caller may keep what we hand out; a lent array is copied before its buffer is donated.
            self._lent = True
            value = self._value
        if call is not None and call.autocast and self.autocast and dtypes.is_float(value.dtype):
            return value.astype(call.autocast)
        return value

    def assign(self, value: object) -> Variable:
        """Replace the value; the shape must stay equal. Returns the variable."""
        new = dtypes.own_array(value.value if isinstance(value, Variable) else value, self._held.dtype)
        if new.shape != self._held.shape:
            raise ValueError(
                f"Variable {self.path!r}: the shape of a value to assign must equal the variable's."
                f" Expected {self.shape}, received {tuple(new.shape)}."
            )
        frame = scope.frame()
        if frame is not None:
            frame.assign(self, new)
        elif isinstance(new, jax.core.Tracer):
            raise ValueError(
                f"Variable {self.path!r} was assigned a traced value: the model is called inside your own jax.jit,"
                f" jax.grad or jax.vmap. Use `model.stateless_call(trainable_variables, non_trainable_variables, x)`"
                f" there, which returns the new values."
            )
        else:
            self._value, self._lent = self.place.variable(self, new), True  # `new` may be the caller's own array
        return self

    def move(self, place: placement.Placement) -> None:
        """Let the array lie elsewhere."""
        self.place = place
        value = self.__dict__.get("_value")
        if value is not None:
            self._value, self._lent = place.variable(self, value), True

    def begin_with(self, value: object) -> None:
        """Assign what a file says the variable is: an adapter starts over."""
        self.assign(value)
        if self.adapter is not None:
            self.adapter.start()

    def assign_add(self, value: object) -> Variable:
        return self.assign(self._plain() + self._given(value))

    def assign_sub(self, value: object) -> Variable:
        return self.assign(self._plain() - self._given(value))

    def _given(self, value: object) -> jax.Array:
        return jnp.asarray(value.value if isinstance(value, Variable) else value, self._value.dtype)

    def _plain(self) -> jax.Array:
        """The stored value without autocast."""
        frame = scope.frame()
        return frame.values.get(id(self), self._value) if frame is not None else self._value

    @property
    def given_layout(self) -> Any:
        """The layout that goes before that of a distribution; None if it was given none."""
        return self.__dict__.get("_layout")

    @property
    def stored(self) -> jax.Array:
        """The array itself, outside of any call."""
        try:
            return self.__dict__["_value"]
        except KeyError:
            made = self.place.variable(self, self._later.made())
            return self.__dict__.setdefault("_value", made)  # another thread may have assigned meanwhile

    @property
    def stored_dtype(self) -> np.dtype:
        """The dtype of the array itself, whatever a call reads it as."""
        return self._held.dtype

    def held(self) -> jax.Array | None:
        """The array for `restore`; None if none was needed yet."""
        return self.__dict__.get("_value")

    def restore(self, value: jax.Array | None) -> None:
        """Hold again what `held` gave."""
        if value is None:
            self.__dict__.pop("_value", None)
        else:
            self._value, self._lent = self.place.variable(self, value), True

    def take(self) -> jax.Array:
        """The array for a program that will donate it: a copy if somebody else may hold it."""
        if self._lent:
            self._value, self._lent = jnp.array(self._value, copy=True), False
        return self._value

    def put(self, value: jax.Array) -> None:
        """Point at a new array of the same shape and dtype, made by a program."""
        self._value, self._lent = value, False

    def numpy(self) -> np.ndarray:
        """A NumPy copy of the value."""
        return (
            self.stored_numpy()
            if self.adapter is None
            else np.array(self.place.fetch(self.adapter.read(self._plain())))
        )

    def stored_numpy(self) -> np.ndarray:
        """A NumPy copy of the array itself, whatever it is read through."""
        frame = scope.frame()
        found = None if frame is None else frame.values.get(id(self))
        return np.array(self.place.fetch(self.stored if found is None else found))

    # --- array behaviour ---

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._held.shape)

    @property
    def dtype(self) -> str:
        call = scope.call()
        held = self._held
        if call is not None and call.autocast and self.autocast and dtypes.is_float(held.dtype):
            return call.autocast
        return held.dtype.name

    @property
    def ndim(self) -> int:
        return self._held.ndim

    @property
    def size(self) -> int:
        return self._held.size

    def __jax_array__(self) -> jax.Array:
        return self.value

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.place.fetch(self.value), dtype=dtype)

    def __dlpack__(self, **options: Any) -> Any:
        """The value for libraries that take DLPack, such as `torch.from_dlpack(variable)`, without a copy if possible.

        Args:
            **options: of the protocol: `stream`, `max_version`, `dl_device`, `copy`.
        """
        return self.value.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[Any, int]:
        value: Any = self.value  # JAX' annotations leave it out
        return value.__dlpack_device__()

    def __getitem__(self, index: object) -> jax.Array:
        return self.value[index]

    def __len__(self) -> int:
        return len(self._value)

    def __bool__(self) -> bool:
        raise TypeError(f"Variable {self.path!r} has no truth value; compare its value, e.g. `bool(v.numpy().all())`.")

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self._value.dtype.name}, value={self._plain()}>"

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.__dict__.items() if name not in ("_later", "place")}
        return {**kept, "_value": self.stored_numpy(), "_lent": False}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._value = jnp.asarray(self._value)
        chosen = placement.chosen()
        if chosen is not None:
            self.move(chosen)


def _initial_value(
    initializer: Initial, shape: ShapeLike | None, dtype: DTypeLike | None, path: str
) -> jax.Array | _Later:
    if initializer is None:
        raise ValueError(f"Variable {path!r}: expected an array, a callable or a name as `initializer`. Received: None")
    # Layers may be built while shapes are inferred; the initial value is a real array even then.
    with jax.ensure_compile_time_eval():
        if isinstance(initializer, Variable):
            initializer = initializer.stored
        if not callable(initializer):
            # An array of the caller is copied, so that donation never touches memory of theirs; by NumPy if it may,
            # because JAX compiles a copy for each shape, which at the start of a script takes a quarter of a second.
            name = None if dtype is None else dtypes.standardize(dtype)
            if not isinstance(initializer, jax.Array):
                return dtypes.as_array(np.array(initializer, None if name is None else dtypes.jnp_dtype(name)), name)
            own = dtypes.as_array(initializer, name)
            return jnp.array(own, copy=True) if own is initializer else own
        if shape is None:
            raise ValueError(f"Variable {path!r}: a callable initializer needs `shape`.")
        sizes = tuple(size for size in shape if size is not None)
        if len(sizes) < len(shape):
            raise ValueError(
                f"Variable {path!r}: shapes of variables must be fully defined (no None). Received:"
                f" shape={tuple(shape)}. Give the model an input shape whose feature dimensions are known."
            )
        name = dtypes.standardize(dtype)
        budget.spend(path, sizes, dtypes.jnp_dtype(name))
        if names.is_ours(initializer):
            later = _Later(initializer, sizes, name)
            waits = later.may_wait and (_waiting.get() or (later.size > _SMALL and _is_read()))
            return later if waits else later.made()
        return dtypes.own_array(initializer(sizes, dtype=name), dtypes.jnp_dtype(name))


_SMALL = 256
_waiting: ContextVar[bool] = ContextVar("values_may_wait", default=False)


def values_may_wait() -> Holding[bool]:
    """Inside, layers of ours get their first values when somebody looks: weights of a file often come first."""
    return Holding(_waiting, True)


def _is_read() -> bool:
    """Whether a layer of ours is being made from a config. The `build` of an own one may look at its values."""
    owners = scope.owners()
    return budget.current() is not None and bool(owners) and names.is_ours(owners[-1])


class _Later:
    """The first value of a variable that nobody has looked at: weights from a file may come in its place.

    A few bytes of a config may ask for an initializer that computes for minutes.
    """

    def __init__(self, initializer: Callable[..., Any], shape: tuple[int, ...], dtype: str):
        self.initializer, self.shape, self.dtype = initializer, shape, np.dtype(dtypes.jnp_dtype(dtype))
        self.ndim, self.size = len(shape), math.prod(shape)

    @property
    def may_wait(self) -> bool:
        """Whether the values are the same whenever they are made: all of ours are, without a generator of seeds."""
        return not hasattr(getattr(self.initializer, "seed", None), "next")

    def made(self) -> jax.Array:
        with jax.ensure_compile_time_eval():
            return jnp.asarray(self.initializer(self.shape, dtype=self.dtype.name), self.dtype)


def _binary(function: Callable[..., Any], reflected: bool = False) -> Callable[..., Any]:
    def method(self: Variable, other: object) -> jax.Array:
        if isinstance(other, KerasTensor):
            return NotImplemented  # its own operator makes a node of the graph, which reads the variable when it runs
        other = other.value if isinstance(other, Variable) else other
        return function(other, self.value) if reflected else function(self.value, other)

    return method


def _unary(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: function(self.value)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    _dunder = _name.strip("_")
    setattr(Variable, f"__{_dunder}__", _binary(getattr(operator, _name)))
    setattr(Variable, f"__r{_dunder}__", _binary(getattr(operator, _name), reflected=True))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Variable, f"__{_name}__", _binary(getattr(operator, _name)))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Variable, f"__{_name}__", _unary(getattr(operator, _name)))
