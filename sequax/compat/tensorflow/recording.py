"""What is computed while a tape is open: a trace of JAX that lets everything compute as ever, and takes notes.

Values stay plain arrays, so a script may print them, keep them and hand them to NumPy. Notes are taken of what depends
on a watched array, and of nothing else. `jax.core.Trace` comes without promises; all that hangs on it stands here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import jaxpr_as_fun

from ..._holding import Holding
from ...training import compiled

Trace: Any
set_current_trace: Any
take_current_trace: Any
_lacking: str | None = None
try:
    from jax.core import Trace

    try:
        from jax.extend.core import set_current_trace, take_current_trace
    except ImportError:  # where JAX 0.9 has them
        from jax._src.core import set_current_trace, take_current_trace
except ImportError as error:  # pragma: no cover - of no JAX that is known
    _lacking, Trace = str(error), object
    set_current_trace = take_current_trace = lambda *args: nullcontext()

with take_current_trace() as _trace:
    _Usual = type(_trace)  # computes at once

_MOST_KINDS = 4_000  # a script may bring new ones for ever, such as slices with other bounds

_open: ContextVar[tuple[Notes, ...]] = ContextVar("sequax_tapes", default=())


class Kind:
    """A function of arrays that may be repeated; what is computed alike has the very same kind.

    Attributes:
        function: takes arrays and returns arrays, in a structure.
        alone: the same, for calls that are part of nothing else: compiled with the options of all our programs, which
            JAX allows nowhere else.
    """

    __slots__ = ("alone", "function")

    def __init__(self, function: Callable[..., Any], alone: Callable[..., Any] | None = None):
        self.function, self.alone = function, alone or function


def program(function: Callable[..., Any]) -> Kind:
    """A compiled kind."""
    inner = jax.jit(function)
    options = compiled.usual_options()
    if not options:
        return Kind(inner)
    outer = jax.jit(lambda *arrays: inner(*arrays), compiler_options=options)

    def alone(*arrays: Any) -> Any:
        with compiled.tracing(with_options=False):
            return outer(*arrays)

    return Kind(inner, alone)


class Pull(NamedTuple):
    """The way back through one computation, whose way forward has kept what it needs.

    Fields:
        back: takes gradients of the float outputs, returns those of some inputs.
        moving: positions of these inputs.
    """

    back: Callable[[list[Any]], Sequence[Any]]
    moving: list[int]


class Node:
    """A computation that depends on something watched.

    Attributes:
        pull: inside of a program that is being traced, where the way forward would come twice otherwise.
    """

    __slots__ = ("inputs", "kind", "outputs", "pull")

    def __init__(self, kind: Kind, inputs: Sequence[Any], outputs: Sequence[Any], pull: Pull | None = None):
        self.kind, self.inputs, self.outputs, self.pull = kind, inputs, outputs, pull


class Notes:
    """What one tape knows: the arrays that gradients may flow through, and how they were computed.

    Attributes:
        nodes: in the order in which they were computed.
        known: watched arrays and what depends on them, by id; it keeps them alive, so that no id is used again.
        paused: whether nothing is noted for now.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.known: dict[int, Any] = {}
        self.paused = False

    def depends(self, inputs: Sequence[Any]) -> bool:
        return not self.paused and any(id(one) in self.known for one in inputs)

    def take(self, kind: Kind, inputs: Sequence[Any], outputs: Sequence[Any], pull: Pull | None = None) -> list[Any]:
        """Note a node. Returns its outputs, with a copy of each that is known already: nodes are told apart by ids.

        JAX hands out what it was given where a function returns an argument as it is.
        """
        fresh: dict[int, Any] = {}
        for one in outputs:
            one = jnp.array(one, copy=True) if id(one) in self.known or id(one) in fresh else one
            fresh[id(one)] = one
        made = list(fresh.values())
        if any(map(is_float, made)):
            self.nodes.append(Node(kind, inputs, made, pull))
            self.known.update((key, one) for key, one in fresh.items() if is_float(one))
        return made


class Recorder(Trace):
    """Computes under the trace that was current before, and notes what depends on something watched."""

    __slots__ = ("notes", "parent", "traced")

    def __init__(self, parent: Any, notes: Notes):
        super().__init__()
        self.parent, self.notes = parent, notes
        self.traced: bool = parent.traced if isinstance(parent, Recorder) else type(parent) is not _Usual

    def process_primitive(self, primitive: Any, args: Sequence[Any], params: dict[str, Any], /) -> Any:
        if not self.notes.depends(args):
            return self.parent.process_primitive(primitive, args, params)
        if primitive.name == "stop_gradient":
            with set_current_trace(self.parent):
                return jnp.array(self.parent.process_primitive(primitive, args, params), copy=True)
        with set_current_trace(self.parent):
            kind, inputs = _kind_of(primitive, args, params)
            found = self._pulled(kind, inputs) if self.traced else None
        outputs = self.parent.process_primitive(primitive, args, params) if found is None else found
        if found is not None:
            return outputs if primitive.multiple_results else outputs[0]
        with set_current_trace(self.parent):
            if primitive.multiple_results:
                return self.notes.take(kind, inputs, outputs)
            return self.notes.take(kind, inputs, [outputs])[0]

    def _pulled(self, kind: Kind, inputs: Sequence[Any]) -> list[Any] | None:
        """Compute with the way back at hand; None where there is none, as for `lax.while_loop`."""
        moving = [i for i, one in enumerate(inputs) if id(one) in self.notes.known]

        def forward(*given: Any) -> tuple[list[Any], list[Any]]:
            filled = list(inputs)
            for position, one in zip(moving, given, strict=True):
                filled[position] = one
            made = jax.tree.leaves(kind.function(*filled))
            floats.extend(map(is_float, made))
            return [one for one in made if is_float(one)], [one for one in made if not is_float(one)]

        floats: list[bool] = []
        try:
            made, back, others = jax.vjp(forward, *(inputs[i] for i in moving), has_aux=True)
        except (ValueError, NotImplementedError):
            return None
        parts = iter(made), iter(others)
        outputs = [next(parts[0] if is_one else parts[1]) for is_one in floats[: len(made) + len(others)]]
        return self.notes.take(kind, inputs, outputs, Pull(back, moving))

    def process_custom_jvp_call(
        self, primitive: Any, fun: Any, jvp: Any, tracers: Sequence[Any], /, *, symbolic_zeros: bool
    ) -> Any:
        return self._custom("process_custom_jvp_call", primitive, (fun, jvp), tracers, symbolic_zeros=symbolic_zeros)

    def process_custom_vjp_call(
        self, primitive: Any, fun: Any, fwd: Any, bwd: Any, tracers: Sequence[Any], /, **params: Any
    ) -> Any:
        return self._custom("process_custom_vjp_call", primitive, (fun, fwd, bwd), tracers, **params)

    def _custom(self, method: str, primitive: Any, functions: Any, args: Sequence[Any], **params: Any) -> Any:
        """A function with derivatives of its own, outside `jax.jit`: noted as a program, so that its rule is in it."""
        if not self.notes.depends(args):
            return getattr(self.parent, method)(primitive, *functions, args, **params)
        key = _hashable((functions[0], params.get("symbolic_zeros"), *map(_abstract, args)))
        kind = _kinds.get(key) if key is not None else None
        if kind is not None:
            # The function runs all the same: JAX waits for the structure of its outputs.
            outputs = getattr(self.parent, method)(primitive, *functions, args, **params)
            with set_current_trace(self.parent):
                found = self._pulled(kind, args) if self.traced else None
                if found is not None:
                    return found
        else:

            def bound(*inside: Any) -> Any:
                with take_current_trace() as trace:
                    return getattr(trace, method)(primitive, *functions, inside, **params)

            kind = _kept(key, jaxpr_as_fun(jax.make_jaxpr(bound)(*args)))
            with set_current_trace(self.parent):
                found = self._pulled(kind, args) if self.traced else None
                if found is not None:
                    _keep_one_store(functions)
                    return found
                outputs = kind.function(*args)
        with set_current_trace(self.parent):
            return self.notes.take(kind, args, outputs)

    def stage_value(self, val: Any) -> Any:
        return self.parent.stage_value(val)


def run(kind: Kind, arrays: Sequence[Any]) -> Any:
    """Call a compiled function as one node of each open tape. Returns what it returns."""
    with take_current_trace() as trace:
        return _run(trace, kind, arrays)


def _run(trace: Any, kind: Kind, arrays: Sequence[Any]) -> Any:
    if not isinstance(trace, Recorder):
        with set_current_trace(trace):
            return (kind.alone if type(trace) is _Usual else kind.function)(*arrays)
    outputs = _run(trace.parent, kind, arrays)
    if not trace.notes.depends(arrays):
        return outputs
    flat, structure = jax.tree.flatten(outputs)
    with set_current_trace(trace.parent):
        return jax.tree.unflatten(structure, trace.notes.take(kind, arrays, flat))


@contextmanager
def recorded(notes: Notes) -> Iterator[None]:
    """Take notes inside.

    Raises:
        RuntimeError: with a JAX whose traces are not as this module needs them.
    """
    if _lacking is not None:
        raise RuntimeError(
            f"tensorflow.GradientTape: JAX {jax.__version__} has no traces to record with ({_lacking}). Install a JAX"
            f" that Sequax is tested with (see pyproject.toml), or use jax.grad over `model.stateless_call`."
        )
    with take_current_trace() as parent:
        recorder = Recorder(parent, notes)
    with Holding(_open, (*_open.get(), notes)), set_current_trace(recorder):
        yield


@contextmanager
def unrecorded() -> Iterator[None]:
    """No open tape takes notes inside."""
    with take_current_trace() as trace:
        pass
    while isinstance(trace, Recorder):
        trace = trace.parent
    with Holding(_open, ()), set_current_trace(trace):
        yield


def open_notes() -> tuple[Notes, ...]:
    """Those of the tapes that are open, outermost first."""
    return _open.get()


def is_float(value: Any) -> bool:
    """Whether gradients may flow through it."""
    return _is_float(value.dtype if hasattr(value, "dtype") else jnp.result_type(value))


@functools.cache
def _is_float(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.inexact)


_kinds: dict[Hashable, Kind] = {}


def _kind_of(primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> tuple[Kind, Sequence[Any]]:
    """The kind of a primitive, and its inputs: those of a compiled function with the arrays that it closed over."""
    closed = params.get("jaxpr")
    captured = getattr(closed, "consts", ())
    if primitive.name in ("jit", "pjit") and captured:
        inner = closed.jaxpr  # type: ignore[union-attr]
        found = _kinds.get(("closed", inner))
        if found is None:
            count = len(captured)

            def function(*given: Any) -> Any:
                return jax.core.eval_jaxpr(inner, given[:count], *given[count:])

            found = _kept(("closed", inner), function)
        return found, [*captured, *args]
    key = _hashable((primitive, *sorted(params.items())))
    found = _kinds.get(key) if key is not None else None
    return found or _kept(key, lambda *given: _bound(primitive, given, params)), args


def _keep_one_store(functions: Sequence[Any]) -> None:
    """JAX waits for the structure of the outputs from the function or from its rule, and not from both."""
    of_function, of_rule = ([store for store in one.stores if store is not None] for one in functions[:2])
    if any(map(_is_filled, of_rule)):
        for store in of_function:
            store.reset()


def _is_filled(store: Any) -> bool:
    try:
        return store.val is not None
    except Exception:  # that it is empty
        return False


def _bound(primitive: Any, given: Sequence[Any], params: dict[str, Any]) -> Any:
    found = primitive.get_bind_params(params)
    if isinstance(found, tuple):  # JAX 0.9: functions that stand before the other arguments
        functions, found = found
        given = *functions, *given
    return primitive.bind(*given, **found)


def _kept(key: Hashable | None, function: Callable[..., Any]) -> Kind:
    kind = Kind(function)
    if key is not None:
        if len(_kinds) >= _MOST_KINDS:
            _kinds.clear()
        _kinds[key] = kind
    return kind


def _hashable(key: tuple[Any, ...]) -> tuple[Any, ...] | None:
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _abstract(value: Any) -> Hashable:
    return jnp.shape(value), jnp.result_type(value), getattr(value, "weak_type", True)
