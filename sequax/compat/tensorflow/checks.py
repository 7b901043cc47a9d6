"""Checks, structures, and functions of Python amid tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsInt

import jax
import numpy as np

from ... import tree
from ...core.types import ArrayLike, DTypeLike, T
from . import control
from .arrays import sizes
from .member import Member
from .serving import Table
from .values import AnyTensor, Operand, Sizes, StringTensor, TensorShape, Text, as_dtype, bytes_of, tensor

Function = Callable[..., Any]
MEMBERS = Table()


def known(value: object) -> bool:
    """Whether a number is known now, so that Python can decide by it."""
    return not isinstance(value, jax.core.Tracer)


# --- functions of Python --------------------------------------------------------------------------------------------


def _outcome(found: Any, Tout: DTypeLike | Sequence[DTypeLike] | None) -> Any:
    if Tout is None or (isinstance(Tout, (list, tuple)) and not Tout):
        return None
    if isinstance(Tout, (list, tuple)):
        several = found if isinstance(found, (list, tuple)) else [found]
        return [tensor(one, _kind(kind)) for one, kind in zip(several, Tout, strict=True)]
    return tensor(found, _kind(Tout))


def _kind(kind: Any) -> Any:
    return getattr(kind, "dtype", kind)


@MEMBERS.serve("py_function")
def py_function(
    func: Function, inp: Iterable[ArrayLike] | None, Tout: DTypeLike | Sequence[DTypeLike] | None = None
) -> AnyTensor | list[AnyTensor] | None:
    """Called with tensors that have values: what is being compiled is not, and falls back to run as it is."""
    for one in inp or ():
        if not known(one):
            np.asarray(one)  # says that the value is unknown
    return _outcome(func(*map(tensor, inp or ())), Tout)


@MEMBERS.serve("numpy_function", "py_func")
def numpy_function(
    func: Function,
    inp: Iterable[ArrayLike] | None,
    Tout: DTypeLike | Sequence[DTypeLike] | None = None,
    stateful: bool = True,
) -> AnyTensor | list[AnyTensor] | None:
    return _outcome(func(*[_numpy(one) for one in inp or ()]), Tout)


def _numpy(value: ArrayLike) -> np.ndarray:
    value = tensor(value)
    return value.numpy() if isinstance(value, StringTensor) else np.asarray(value)


@MEMBERS.serve("recompute_grad")
def recompute_grad(f: Function) -> Function:
    return jax.checkpoint(f)


@MEMBERS.serve("global_variables_initializer", "local_variables_initializer")
def nothing_to_do(*inputs: object, **kwargs: object) -> None:
    """Operations of graphs: everything has been computed when it was called, and variables have their values."""


@MEMBERS.serve(
    "variables_initializer", "initialize_all_variables", "tables_initializer", "initializers.global_variables"
)
def nothing_to_initialize(*inputs: object, **kwargs: object) -> None:
    """As above."""


@MEMBERS.serve("tuple")
def tuple_of(tensors: Iterable[ArrayLike], control_inputs: object = None) -> list[Any]:
    return [tensor(one) for one in tensors]


def shown(value: object) -> str:
    if isinstance(value, StringTensor):
        return bytes_of(value).decode(errors="replace") if value.ndim == 0 else _list(value.numpy())
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(shown, value))}]" if isinstance(value, list) else f"({', '.join(map(shown, value))})"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        array = np.asarray(value)
        return (
            f"{array[()]}" if array.ndim == 0 else np.array2string(array, threshold=6 * max(array.ndim, 1), edgeitems=3)
        )
    return str(value)


def _list(texts: np.ndarray) -> str:
    return f"[{' '.join(_list(one) if isinstance(one, np.ndarray) else one.decode(errors='replace') for one in texts)}]"


@MEMBERS.serve("Print")
def old_print(
    input_: T, data: Iterable[object], message: str = "", first_n: object = None, summarize: object = None
) -> T:
    control.print(message, *data)
    return input_


# --- checks ---------------------------------------------------------------------------------------------------------


def _fail(what: str, message: object, *values: object) -> None:
    listed = "".join(f"\n{shown(value)}" for value in values)
    raise ValueError(f"{message or what}{listed}")


_COMPARED: dict[str, Function] = {
    "equal": np.equal,
    "none_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}


def _comparison(name: str, holds: Function) -> None:
    def check(
        x: ArrayLike, y: ArrayLike, message: object = None, summarize: object = None, data: object = None
    ) -> None:
        x, y = tensor(x), tensor(y)
        if known(x) and known(y) and not np.all(holds(np.asarray(x), np.asarray(y))):
            _fail(f"tensorflow.debugging.assert_{name}: it does not hold for", message, x, y)

    MEMBERS.serve(f"debugging.assert_{name}", f"assert_{name}")(check)


for _name, _holds in _COMPARED.items():
    _comparison(_name, _holds)
_SIGNS: dict[str, Function] = {
    "positive": lambda x: x > 0,
    "negative": lambda x: x < 0,
    "non_negative": lambda x: x >= 0,
    "non_positive": lambda x: x <= 0,
}


def _sign(name: str, holds: Function) -> None:
    def check(x: ArrayLike, message: object = None, summarize: object = None, data: object = None) -> None:
        x = tensor(x)
        if known(x) and not np.all(holds(np.asarray(x))):
            _fail(f"tensorflow.debugging.assert_{name}: it does not hold for", message, x)

    MEMBERS.serve(f"debugging.assert_{name}", f"assert_{name}")(check)


for _name, _holds in _SIGNS.items():
    _sign(_name, _holds)


@MEMBERS.serve("debugging.assert_near", "assert_near")
def assert_near(
    x: ArrayLike,
    y: ArrayLike,
    rtol: Operand | None = None,
    atol: Operand | None = None,
    message: object = None,
    summarize: object = None,
) -> None:
    x, y = tensor(x), tensor(y)
    close = 10 * np.finfo(np.float32).eps
    rtol, atol = close if rtol is None else rtol, close if atol is None else atol
    if (
        known(x)
        and known(y)
        and not np.all(np.abs(np.asarray(x) - np.asarray(y)) <= atol + rtol * np.abs(np.asarray(y)))
    ):
        _fail("tensorflow.debugging.assert_near: it does not hold for", message, x, y)


@MEMBERS.serve("debugging.Assert", "Assert")
def assert_true(condition: ArrayLike, data: Iterable[object] = (), summarize: object = None) -> None:
    if known(condition) and not np.all(np.asarray(condition)):
        _fail("tensorflow.Assert: the condition is False. Data:", None, *data)


@MEMBERS.serve("debugging.assert_rank", "assert_rank")
def assert_rank(
    x: ArrayLike, rank: SupportsInt, message: object = None, data: object = None, summarize: object = None
) -> None:
    if len(tensor(x).shape) != int(rank):
        _fail(f"tensorflow.debugging.assert_rank: expected rank {rank}, received shape {tensor(x).shape}", message)


@MEMBERS.serve("debugging.assert_rank_at_least", "assert_rank_at_least")
def assert_rank_at_least(
    x: ArrayLike, rank: SupportsInt, message: object = None, data: object = None, summarize: object = None
) -> None:
    if len(tensor(x).shape) < int(rank):
        _fail(f"tensorflow.debugging.assert_rank_at_least: expected {rank}, received shape {tensor(x).shape}", message)


@MEMBERS.serve("debugging.assert_rank_in", "assert_rank_in")
def assert_rank_in(
    x: ArrayLike, ranks: Sizes, message: object = None, data: object = None, summarize: object = None
) -> None:
    if len(tensor(x).shape) not in sizes(ranks):
        _fail(f"tensorflow.debugging.assert_rank_in: expected one of {ranks}, received {tensor(x).shape}", message)


@MEMBERS.serve("debugging.assert_shapes")
def assert_shapes(
    shapes: dict[Any, Any] | Iterable[tuple[Any, Any]],
    data: object = None,
    summarize: object = None,
    message: object = None,
) -> None:
    letters: dict[Any, Any] = {}
    for x, wanted in shapes.items() if isinstance(shapes, dict) else shapes:
        x = x.deref() if hasattr(x, "deref") else tensor(x)
        wanted = tuple(wanted) if isinstance(wanted, (list, tuple, TensorShape, str)) else (wanted,)
        fits = len(wanted) == len(x.shape)
        for size, one in zip(x.shape, wanted, strict=False):
            fits &= one in (None, ".", size) or (isinstance(one, str) and letters.setdefault(one, size) == size)
        if not fits:
            _fail(f"tensorflow.debugging.assert_shapes: expected {wanted}, received shape {tuple(x.shape)}", message)


@MEMBERS.serve("debugging.assert_type", "assert_type")
def assert_type(tensor: AnyTensor, tf_type: DTypeLike, message: object = None) -> None:
    if as_dtype(tensor.dtype) != as_dtype(tf_type):
        raise TypeError(message or f"tensorflow.debugging.assert_type: expected {tf_type!s}, received {tensor.dtype}")


@MEMBERS.serve("debugging.assert_integer", "assert_integer")
def assert_integer(x: ArrayLike, message: object = None) -> None:
    if not as_dtype(tensor(x).dtype).is_integer:
        raise TypeError(message or f"tensorflow.debugging.assert_integer: received {tensor(x).dtype}")


@MEMBERS.serve("debugging.assert_scalar", "assert_scalar")
def assert_scalar(tensor: ArrayLike, message: object = None) -> None:
    assert_rank(tensor, 0, message)


@MEMBERS.serve("debugging.check_numerics", "check_numerics", "debugging.assert_all_finite")
def check_numerics(tensor: ArrayLike, message: object = None) -> jax.Array:
    x = _as_tensor(tensor)
    if known(x) and not np.all(np.isfinite(np.asarray(x))):
        _fail("tensorflow.debugging.check_numerics: NaN or infinity in", message, x)
    return x


_as_tensor = tensor


@MEMBERS.serve("debugging.is_numeric_tensor", "is_numeric_tensor")
def is_numeric_tensor(tensor: Any) -> bool:
    return hasattr(tensor, "dtype") and not isinstance(tensor, StringTensor) and as_dtype(tensor.dtype) != "bool"


@MEMBERS.serve(
    "debugging.set_log_device_placement",
    "debugging.enable_check_numerics",
    "debugging.disable_check_numerics",
    "debugging.enable_traceback_filtering",
    "debugging.disable_traceback_filtering",
    "debugging.experimental.enable_dump_debug_info",
    "config.optimizer.set_experimental_options",
    "config.experimental_connect_to_cluster",
    "config.experimental_connect_to_host",
    "config.experimental.enable_mlir_graph_optimization",
    "profiler.experimental.start",
    "profiler.experimental.stop",
    "profiler.experimental.server.start",
)
def no_setting(*args: object, **kwargs: object) -> None:
    """A setting that has no counterpart."""


@MEMBERS.serve("nest.map_structure")
def map_structure(func: Function, *structure: Any, **kwargs: object) -> Any:
    return tree.map_structure(func, *structure)


@MEMBERS.serve("compat.as_str", "compat.as_text", "compat.as_str_any")
def as_text(bytes_or_text: object, encoding: str = "utf-8") -> str:
    return bytes_or_text.decode(encoding) if isinstance(bytes_or_text, bytes) else str(bytes_or_text)


@MEMBERS.serve("compat.as_bytes")
def as_bytes(bytes_or_text: Text, encoding: str = "utf-8") -> bytes:
    return bytes_or_text.encode(encoding) if isinstance(bytes_or_text, str) else bytes(bytes_or_text)


@MEMBERS.serve("dimension_value", "dimension_at_index", "compat.dimension_value")
def dimension_value(dimension: object) -> Any:
    return getattr(dimension, "value", dimension)


# Errors are Python's own here, so that `except tf.errors.InvalidArgumentError` meets them.
_ERRORS: dict[str, type[Exception]] = {
    "InvalidArgumentError": ValueError,
    "NotFoundError": FileNotFoundError,
    "OutOfRangeError": StopIteration,
    "ResourceExhaustedError": jax.errors.JaxRuntimeError,
    "PermissionDeniedError": PermissionError,
    "AlreadyExistsError": FileExistsError,
    "DeadlineExceededError": TimeoutError,
    "UnimplementedError": NotImplementedError,
    "OpError": Exception,
    **dict.fromkeys(("FailedPreconditionError", "InternalError", "UnknownError", "AbortedError"), RuntimeError),
    **dict.fromkeys(("CancelledError", "UnavailableError", "DataLossError", "UnauthenticatedError"), RuntimeError),
}

MEMBERS |= {
    **{f"errors.{name}": Member(error) for name, error in _ERRORS.items()},
    "OpError": Member(Exception),
    "variable_creator_scope": Member(control.name_scope),
    **{f"nest.{name}": Member(getattr(tree, name)) for name in ("flatten", "is_nested", "pack_sequence_as")},
    "nest.assert_same_structure": Member(tree.assert_same_structure),
}
