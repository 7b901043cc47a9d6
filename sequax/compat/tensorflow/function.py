"""`tf.function`: a function compiled where it can be, and called as it is where it cannot."""

from __future__ import annotations

import contextlib
import functools
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, NoReturn

import jax
import jax.numpy as jnp

from ...core import scope
from ...core.shapes import ValuesNeeded
from ...core.variable import Variable
from ...data.pipeline.dataset import Dataset
from ...data.pipeline.iterator import Iterator as ElementIterator
from ..patching import is_put, wrap
from . import units
from .member import Member
from .reading import tracing
from .stateful import Program

_eagerly = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Let all functions of `tf.function` run uncompiled from here on, or compiled again."""
    global _eagerly
    _eagerly = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    return _eagerly


class LeaveGraph(Exception):
    """Raised by what cannot be part of a compiled function, such as a loop over a data set."""


def must_run_eagerly(why: str) -> None:
    """Say that what is called now cannot be part of a compiled function. Does nothing elsewhere.

    Raises:
        LeaveGraph: which lets the function run uncompiled.
    """
    if tracing.get() is not None:
        raise LeaveGraph(why)


def _follow_data_sets() -> None:
    """A loop over a data set would become part of the program, batch by batch, with the values that it had once."""
    for cls, name in ((Dataset, "__iter__"), (ElementIterator, "__next__")):
        if not is_put(cls, name):
            wrap(cls, name, _refusing)


def _refusing(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: object) -> Any:
        must_run_eagerly("it takes batches from a data set, one by one.")
        return original(self)

    return method


class Function:
    """What `tf.function` makes of a function.

    Args:
        python_function: the function itself.
        input_signature: a `tf.TensorSpec` for each argument, to which it is cast.
    """

    def __init__(self, python_function: Callable[..., Any], input_signature: Sequence[Any] | None = None):
        functools.update_wrapper(self, python_function)
        self.python_function, self.input_signature = python_function, input_signature
        self._program: Program | None = None
        self._uncompiled = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = self._cast(args, kwargs)
        if _eagerly or self._uncompiled or scope.frame() is not None:
            return self.python_function(*args, **kwargs)
        if self._program is None:
            units.follow()
            _follow_data_sets()
            self._program = Program(self.python_function)
        try:
            return self._program(*args, numbers=True, **kwargs)
        except ValuesNeeded:  # as it is, once: from the next call on it finds its variables
            return self.python_function(*args, **kwargs)
        except Exception as error:
            return self._as_it_is(error, args, kwargs)

    def _as_it_is(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What cannot be compiled runs as it is; an error of the script comes again there, in its own words."""
        said = _reason(error, self.python_function)
        result = self.python_function(*args, **kwargs)
        self._uncompiled, self._program = True, None
        name = getattr(self.python_function, "__name__", type(self.python_function).__name__)
        print(f"sequax: tf.function({name}) runs uncompiled: {said}", file=sys.stderr)
        return result

    def _cast(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if self.input_signature is None:
            return args, kwargs
        count = len(self.input_signature)
        own, given = (args[: len(args) - count], args[len(args) - count :]) if len(args) > count else ((), args)
        specs = self.input_signature
        return (*own, *(jax.tree.map(_as_spec, spec, one, is_leaf=_is_spec) for spec, one in zip(specs, given))), kwargs  # noqa: B905 - fewer may come, with defaults for the rest

    def __get__(self, instance: object, owner: type | None = None) -> Function | Method:
        """As a method: the object is the first argument."""
        return self if instance is None else Method(self, instance)

    def get_concrete_function(self, *args: object, **kwargs: object) -> Callable[..., Any]:
        """The function itself, which keeps a program for each kind of arguments; plain values given here stay."""
        return _with_values(self, args, kwargs)

    @property
    def structured_outputs(self) -> NoReturn:
        raise AttributeError("tf.function: a concrete function has no graph here; call it on arrays.")

    def experimental_get_tracing_count(self) -> int:
        return 0 if self._program is None else self._program.traced


class Method:
    """A `tf.function` of a class, bound to an object."""

    def __init__(self, function: Function, instance: object):
        functools.update_wrapper(self, function)
        self._function, self.__self__ = function, instance
        self.__wrapped__ = self.python_function  # bound: its signature is that of the method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(self.__self__, *args, **kwargs)

    @property
    def python_function(self) -> Callable[..., Any]:
        return self._function.python_function.__get__(self.__self__)

    def get_concrete_function(self, *args: object, **kwargs: object) -> Callable[..., Any]:
        return _with_values(self, args, kwargs)


def _with_values(
    function: Function | Method, args: tuple[object, ...], kwargs: dict[str, object]
) -> Callable[..., Any]:
    """The function with those of the arguments that are plain values, or itself without any."""
    parameters = inspect.signature(function.python_function)
    given = parameters.bind_partial(*args, **kwargs).arguments
    values = {name: value for name, value in given.items() if isinstance(value, (bool, int, float, str))}
    if not values:
        return function
    open_names = [name for name in parameters.parameters if name not in values]

    def concrete(*tensors: object, **named: object) -> Any:
        return function(**dict(zip(open_names, tensors, strict=False)), **named, **values)

    return concrete


def function(
    func: Callable[..., Any] | None = None,
    input_signature: Sequence[Any] | None = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    **options: object,
) -> Callable[..., Any]:
    """Compile a function, or decorate one.

    Args:
        func: reads and assigns variables as it likes.
        input_signature: a `tf.TensorSpec` for each argument.
        autograph, jit_compile, reduce_retracing: without effect. Python's loops are unrolled; what decides by the value
            of an array runs uncompiled.
    """
    if func is None:
        return functools.partial(function, input_signature=input_signature)
    return func if isinstance(func, Function) else Function(func, input_signature)


def _is_spec(value: object) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "shape")


def _as_spec(spec: Any, value: Any) -> Any:
    if isinstance(value, Variable):
        return value
    array = jnp.asarray(value, str(spec.dtype))
    wanted = spec.shape
    sizes = None if wanted is None else getattr(wanted, "dims", wanted)
    if sizes is not None and (
        len(sizes) != array.ndim or any(s not in (None, n) for s, n in zip(sizes, array.shape, strict=True))
    ):
        raise TypeError(f"tf.function: expected a value that fits {spec}. Received shape {array.shape}.")
    return array


_BY_VALUE: tuple[type[Exception], ...] = (
    *(jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError),
    *(jax.errors.TracerIntegerConversionError, jax.errors.NonConcreteBooleanIndexError),
)


def _reason(error: Exception, python_function: Callable[..., Any]) -> str:
    place = _line(error.__traceback__, python_function)
    if isinstance(error, _BY_VALUE):
        return f"{place} decides by a value, or takes it out of JAX. Use tf.where or tf.cond there."
    if isinstance(error, LeaveGraph):
        return f"{place}: {error}"
    return f"{place} cannot be traced ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})."


def _line(trace: TracebackType | None, python_function: Callable[..., Any]) -> str:
    """The last line of the script itself on the way to an error."""
    code = getattr(python_function, "__code__", None)
    home = None if code is None else code.co_filename
    found = None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name == home or (home is None and "sequax" not in name):
            found = trace
        trace = trace.tb_next
    if found is None:
        return "something in it"
    text = linecache.getline(found.tb_frame.f_code.co_filename, found.tb_lineno).strip()
    return f"line {found.tb_lineno}" + (f" (`{text}`)" if text else "")


def _itself(func: Callable[..., Any] | None = None, *args: object, **kwargs: object) -> Any:
    """Decorators of AutoGraph, which is not needed."""
    return func if func is not None else _itself


@contextlib.contextmanager
def init_scope() -> Iterator[None]:
    """What is computed inside is computed at once, and not by the function around it."""
    with scope.framed(None), scope.fresh_call(), jax.ensure_compile_time_eval():
        yield


def _nothing(*args: object, **kwargs: object) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


MEMBERS: dict[str, Member] = {
    "function": Member(function),
    **dict.fromkeys(
        ("config.run_functions_eagerly", "config.experimental_run_functions_eagerly"), Member(run_functions_eagerly)
    ),
    **dict.fromkeys(
        ("config.functions_run_eagerly", "config.experimental_functions_run_eagerly"), Member(functions_run_eagerly)
    ),
    **dict.fromkeys(
        ("autograph.experimental.do_not_convert", "autograph.to_graph", "contrib.eager.defun"), Member(_itself)
    ),
    "autograph.experimental.set_loop_options": Member(_nothing),
    "init_scope": Member(init_scope),
    "control_dependencies": Member(_nothing),
    "inside_function": Member(lambda: scope.frame() is not None),
}
