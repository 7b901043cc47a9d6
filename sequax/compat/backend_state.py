"""The part of `keras.backend` that has to do with state: random numbers, variables, phases, sessions."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import jax
import numpy as np

from .. import ops, random
from ..config import floatx, image_data_format, set_image_data_format
from ..core import names, scope
from ..core.names import is_ours
from ..core.rng import SeedGenerator
from ..core.tensor import KerasTensor
from ..core.types import ArrayLike, DTypeLike, ShapeLike, Tensor
from ..core.variable import Variable
from .tensorflow.settings import Session

if TYPE_CHECKING:
    from ..core.layer import Layer

F = TypeVar("F")
Expression = Tensor | Callable[[], Tensor]  # a tensor, or what makes it
_learning_phase = 0

# --- random numbers -------------------------------------------------------------------------------------------------


_RANDOM = {"random_normal", "random_uniform", "random_binomial", "random_bernoulli", "truncated_normal", "dropout"}
_OF_RANDOM = {"normal", "uniform", "truncated_normal", "shuffle", "categorical", "gamma", "poisson"}


def give_seed(layer: Layer) -> None:
    """Let a layer own a seed if it draws numbers by functions of this module; a layer of `keras.layers` has its own."""
    methods = [value for cls in type(layer).__mro__ if not is_ours(cls) for value in vars(cls).values()]
    if any(_calls_what_draws(function, 3) for function in (*methods, getattr(layer, "function", None))):
        layer.backend_seed = SeedGenerator()


def _calls_what_draws(function: Any, depth: int) -> bool:
    """Whether a function of the script's, or one that it calls by name, draws numbers."""
    code = getattr(function, "__code__", None)
    if code is None or is_ours(function):
        return False
    if draws(code):
        return True
    known = getattr(function, "__globals__", {})
    called = [known.get(name) for name in code.co_names]
    return depth > 0 and any(_calls_what_draws(one, depth - 1) for one in called if isinstance(one, FunctionType))


def draws(code: CodeType | None) -> bool:
    """Whether a function, or one inside it, names functions that draw: `K.random_normal`, `tf.random.normal`."""
    if code is None:
        return False
    names = set(code.co_names)
    # `keras.random` and NumPy's have seeds of their own.
    others = names & {"np", "numpy"} or ("keras" in names and not names & {"tf", "tensorflow"})
    if names & _RANDOM or ("random" in names and names & _OF_RANDOM and not others):
        return True
    return any(draws(inner) for inner in code.co_consts if isinstance(inner, CodeType))


def _seed(seed: int | None) -> int | SeedGenerator | None:
    """The seed of the layer that is called, so that each call draws other numbers, as in `Dropout`."""
    call = scope.call()
    if seed is None and call is not None and call.owners:
        return getattr(call.owners[-1], "backend_seed", None)
    return seed


def random_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | None = None,
) -> Tensor:
    return random.normal(tuple(shape), mean, stddev, dtype, _seed(seed))


def random_uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | None = None,
) -> Tensor:
    return random.uniform(tuple(shape), minval, maxval, dtype, _seed(seed))


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | None = None,
) -> Tensor:
    return random.truncated_normal(tuple(shape), mean, stddev, dtype, _seed(seed))


def random_bernoulli(
    shape: Sequence[int], p: float = 0.0, dtype: DTypeLike | None = None, seed: int | None = None
) -> Tensor:
    return ops.cast(random_uniform(shape, seed=seed) < p, dtype or floatx())


random_binomial = random_bernoulli


def random_normal_variable(
    shape: Sequence[int],
    mean: float,
    scale: float,
    dtype: DTypeLike | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Variable:
    return variable(random.normal(shape, mean, scale, seed=seed), dtype, name)


def random_uniform_variable(
    shape: Sequence[int],
    low: float,
    high: float,
    dtype: DTypeLike | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Variable:
    return variable(random.uniform(shape, low, high, seed=seed), dtype, name)


def dropout(x: Tensor, level: float, noise_shape: ShapeLike | None = None, seed: int | None = None) -> Tensor:
    return random.dropout(x, level, noise_shape, _seed(seed))


# --- variables ------------------------------------------------------------------------------------------------------


class Planned:
    """A `get_updates` of a script's optimizer that runs: it makes its variables once, and updates are pairs.

    Args:
        gradients: those of the variables to train.
        known: the variables that it made when it ran first; None: this is that time.
    """

    def __init__(self, gradients: list[Any], known: list[Variable] | None):
        self.gradients, self.made = gradients, known or []
        self._first, self._next = known is None, iter(known or [])

    def variable(self, create: Callable[[], Variable]) -> Variable:
        """A new variable at the first time, that one at every other."""
        if self._first:
            self.made.append(create())
            return self.made[-1]
        found = next(self._next, None)
        if found is None:
            raise ValueError(
                f"`get_updates` made {len(self.made)} variables when the optimizer was built, and makes more inside of"
                f" a step. Make those that it needs in any case, or in the constructor."
            )
        return found

    def variables(self, several: Sequence[Variable]) -> list[Variable]:
        """The same for variables that are there already."""
        return [self.variable(lambda one=one: one) for one in several]  # type: ignore[misc]


class Increment(NamedTuple):
    """An update that adds, to what the updates before it have made of a variable."""

    variable: Variable
    amount: Any


planned: ContextVar[Planned | None] = ContextVar("planned", default=None)


def variable(
    value: ArrayLike, dtype: DTypeLike | None = None, name: str | None = None, constraint: object = None
) -> Variable:
    plan = planned.get()

    def create() -> Variable:
        return Variable(np.asarray(value), dtype=dtype or floatx(), name=name)

    return create() if plan is None else plan.variable(create)


def get_value(x: ArrayLike) -> Any:
    """The value as NumPy; of a scalar, as NumPy's scalar. Inside of `get_updates` a tensor."""
    value = x.value if isinstance(x, Variable) else x
    return value if isinstance(value, jax.core.Tracer) and planned.get() is not None else np.asarray(value)[()]


eval = get_value


def set_value(x: Variable, value: ArrayLike) -> None:
    x.assign(value)


def batch_get_value(tensors: Sequence[ArrayLike]) -> list[Any]:
    return [get_value(tensor) for tensor in tensors]


def batch_set_value(tuples: Sequence[tuple[Variable, ArrayLike]]) -> None:
    for target, value in tuples:
        target.assign(value)


def update(x: Variable, new_x: Any) -> Variable | tuple[Variable, Any]:
    """Assign a value: at once or, inside of `get_updates`, together with the others that it returns."""
    return x.assign(new_x) if planned.get() is None else (x, new_x)


def update_add(x: Variable, increment: Any) -> Variable | tuple[Variable, Any]:
    return x.assign_add(increment) if planned.get() is None else Increment(x, increment)


def update_sub(x: Variable, decrement: Any) -> Variable | tuple[Variable, Any]:
    return x.assign_sub(decrement) if planned.get() is None else Increment(x, -decrement)


def moving_average_update(x: Variable, value: Tensor, momentum: float) -> Variable | tuple[Variable, Any]:
    return update(x, x.value * momentum + value * (1 - momentum))


def cast_to_floatx(x: ArrayLike) -> np.ndarray:
    return np.asarray(x, dtype=floatx())


def count_params(x: Tensor) -> int:
    return math.prod(x.shape)


def dtype(x: Tensor | float) -> str:
    if isinstance(x, float):  # such as `optimizer.decay`, which was a variable
        return floatx()
    return np.dtype(x.dtype).name if not isinstance(x.dtype, str) else x.dtype


def is_tensor(x: object) -> bool:
    return isinstance(x, (jax.Array, KerasTensor, Variable))


def print_tensor(x: Tensor, message: str = "") -> Tensor:
    jax.debug.print(message.replace("{", "{{").replace("}", "}}") + " {}", x)
    return x


# --- phases, sessions, graphs ---------------------------------------------------------------------------------------


def learning_phase() -> int:
    """1 while a model is trained, else 0 (or what was set)."""
    call = scope.call()
    return int(bool(call.training)) if call is not None and call.training is not None else _learning_phase


def set_learning_phase(value: int) -> None:
    global _learning_phase
    if value not in (0, 1):
        raise ValueError(f"Expected learning phase to be 0 or 1. Received: {value!r}")
    _learning_phase = int(value)


def in_train_phase(x: Expression, alt: Expression, training: bool | None = None) -> Tensor:
    chosen = x if (learning_phase() if training is None else training) else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x: Expression, alt: Expression, training: bool | None = None) -> Tensor:
    return in_train_phase(alt, x, training)


def image_dim_ordering() -> str:
    return "th" if image_data_format() == "channels_first" else "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    set_image_data_format({"th": "channels_first", "tf": "channels_last"}.get(dim_ordering, dim_ordering))


def name_scope(name: str) -> contextlib.nullcontext[None]:
    return contextlib.nullcontext()


def reset_uids() -> None:
    names.reset()


def set_session(session: object) -> None:
    """Sessions were TensorFlow's."""


def manual_variable_initialization(value: bool) -> None:
    """All variables have values from the start."""


def get_session() -> object:
    """A session that runs nothing: its `run` says so."""
    return Session()


def get_graph() -> None:
    """There is no graph beside the models."""


@contextlib.contextmanager
def learning_phase_scope(value: int) -> Iterator[None]:
    before = _learning_phase
    set_learning_phase(value)
    try:
        yield
    finally:
        set_learning_phase(before)


def control_dependencies(control_inputs: object) -> contextlib.nullcontext[None]:
    """Operations run in the order in which they are written."""
    return contextlib.nullcontext()


def eager_scope() -> contextlib.nullcontext[None]:
    return contextlib.nullcontext()


def eager(function: F) -> F:
    return function


symbolic = eager


def is_variable(x: object) -> bool:
    return isinstance(x, Variable)


def is_symbolic(x: object) -> bool:
    return isinstance(x, KerasTensor)


def is_placeholder(x: object) -> bool:
    return isinstance(x, KerasTensor) and (x.node is None or not x.node.inputs)


def get_variable_shape(x: Tensor) -> tuple[Any, ...]:
    return tuple(x.shape)


def _get_available_gpus() -> list[str]:
    """Names of the GPUs; scripts count them."""
    kinds = [device for device in jax.local_devices() if device.platform not in ("cpu", "tpu")]
    return [f"/device:GPU:{number}" for number in range(len(kinds))]


def enable_tf_random_generator() -> None:
    """Random numbers come from seeds that layers own."""


disable_tf_random_generator = enable_tf_random_generator


def is_tf_random_generator_enabled() -> bool:
    return True
