"""Compiled programs: made once per structure and shapes, kept in the process and in JAX's cache on disk."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from .._holding import Holding
from ..core import disk_cache
from ..core.placement import DEVICE, Placement
from ..kernels import dispatch

if TYPE_CHECKING:
    from ..model import Model

# Programs are a few hundred kilobytes each; a search loop over architectures must not keep all it ever compiled.
MOST_PROGRAMS = 128
LONG = 2.0  # seconds of compiling, from which on memory is given back
_programs: OrderedDict[Key, Any] = OrderedDict()
_lock = threading.Lock()


class Key:
    """The key of a program, whose hash is taken once: a fingerprint is a long nested tuple."""

    __slots__ = ("_hash", "_parts")

    def __init__(self, *parts: Hashable):
        self._parts, self._hash = parts, hash(parts)

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, Key):
            return self is other
        return self._hash == other._hash and self._parts == other._parts

    def __hash__(self) -> int:
        return self._hash


class Programs:
    """The programs of one model, found again without a new key."""

    def __init__(self) -> None:
        self._keys: dict[Hashable, Key] = {}

    def find(self, shape: Hashable, place: Placement) -> Callable[..., Any] | None:
        """The program for a shape; None if there is none, or no longer.

        Args:
            place: where it is to run. A plan may be older than the move of its variables.
        """
        key = None if eager() else self._keys.get((shape, place, _place()))
        return None if key is None else _found(key)

    def note(self, shape: Hashable, request: Request) -> None:
        """The program of a request is the one for a shape."""
        if len(self._keys) >= MOST_PROGRAMS:
            self._keys.clear()
        key = request.whole_key
        with _lock:  # the very key of the table, so that finding it compares no fingerprints
            self._keys[shape, request.place, _place()] = next((known for known in _programs if known == key), key)


class Request(NamedTuple):
    """A program that is wanted.

    Fields:
        key: says what the function computes; two functions with one key must trace to the same program.
        make: makes the function, over arrays. A new one each time, as JAX keeps traces by function: without options it
            may be another program. And only when it is traced: most requests find a program.
        examples: arguments, or abstract ones of the same shapes and dtypes.
        donate: positions of arguments whose buffers the program may reuse.
        place: where it runs.
        out: what its results lie like, see `Placement.jitted`.
    """

    key: Hashable
    make: Callable[[], Callable[..., Any]]
    examples: tuple[Any, ...]
    donate: tuple[int, ...] = ()
    place: Placement = DEVICE
    out: Any = None

    @property
    def whole_key(self) -> Key:
        flat, structure = jax.tree.flatten(self.examples)
        shapes = tuple((tuple(x.shape), str(x.dtype)) for x in flat)
        return Key(self.key, self.donate, _place(), self.place.lies(flat), structure, shapes)

    def found(self) -> Callable[..., Any] | None:
        """The program, if there is no need to compile; else None."""
        if eager():
            return self.place.eager(self.make())
        return _found(self.whole_key)

    def jitted(self) -> jax.stages.Wrapped:
        """The function for JAX to trace, see `tracing`."""
        disk_cache.enable()
        # Only the executable is kept, not the function: it would keep the model and its weights alive.
        made = self.make()
        function = dispatch.with_rows_apart(made) if self.place.cuts_rows else made
        return self.place.jitted(function, self.examples, self.donate, self.out)

    def compiled(
        self, traced: jax.stages.Lowered, options: dict[str, Any], meanwhile: Callable[[], None] | None = None
    ) -> Callable[..., Any]:
        """The compiled program.

        Args:
            traced: what `jitted` was lowered to.
            options: of XLA, see `tracing`.
            meanwhile: called while it is compiled, which takes no part of Python's time.
        """
        started = time.perf_counter()
        try:
            if meanwhile is None:
                program = traced.compile(options or None)
            else:
                compiling = Later(lambda: traced.compile(options or None))
                meanwhile()
                program = compiling.result()
        except jax.errors.JaxRuntimeError:
            if not options:
                raise
            # Another version of XLA, which lacks what was asked for.
            with tracing(with_options=False):
                program = self.jitted().lower(*self.examples).compile()
        if time.perf_counter() - started > LONG:
            _give_memory_back()
        return _kept(self.whole_key, program)

    def begun(self) -> Later:
        """Trace it now, and compile it in another thread, so that `found` finds it there later on.

        Traced here and not there: what the function looks at may have changed by then, as may the scopes of the caller.
        """
        key = self.whole_key
        with tracing() as options:
            traced = self.jitted().lower(*self.examples)
        return Later(lambda: _kept(key, traced.compile(options or None)))


class Later:
    """What a function returns, or raises, that runs in another thread meanwhile."""

    def __init__(self, function: Callable[[], Any]):
        self._function = function
        self._outcome: tuple[Any, BaseException | None] = (None, None)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._function(), None
        except BaseException as error:  # it belongs to whoever asks for the result
            self._outcome = None, error

    def wait(self) -> None:
        self._thread.join()

    def result(self) -> Any:
        self.wait()
        value, error = self._outcome
        if error is not None:
            raise error
        return value


def _give_memory_back() -> None:
    """Return what LLVM has freed to the system: hundreds of MB for a deep network, in pieces too small for its arrays.

    ResNet-50's training on images of 64x64 then needs 1.8 GB at most in place of 2.3. Takes a tenth of a second.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc; others have no such function
        if trim is not None:
            trim(0)


def _place() -> Hashable:
    return jax.config.jax_default_device  # type: ignore[attr-defined]


def _found(key: Key) -> Callable[..., Any] | None:
    with _lock:
        if key not in _programs:
            return None
        _programs.move_to_end(key)
        return _programs[key]


def _kept(key: Key, program: Callable[..., Any]) -> Callable[..., Any]:
    with _lock:
        _programs[key] = program
        while len(_programs) > MOST_PROGRAMS:
            _programs.popitem(last=False)
    return program


# XLA has two libraries for convolutions. YNNPACK, its first choice, runs those of up to 64 filters on one thread, Eigen
# runs all on all of them. Named here is what YNNPACK keeps by default, but for convolutions.
_LIBRARY = "xla_cpu_experimental_ynn_fusion_type"
_KEPT = {_LIBRARY: "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"}
# What `kernels.in_memory` asks for is honoured up to the fusion of operations, and not only before it.
_PASSES = "xla_disable_hlo_passes"
_KEPT[_PASSES] = "cse_barrier_expander"
VERSIONS = {(0, 10)}  # of JAX, which needs its own version of XLA, whose options are known

# Options of XLA that the program being traced is to be compiled with; None where it has to do without.
_options: ContextVar[dict[str, Any] | None] = ContextVar("options", default=None)


@contextmanager
def tracing(with_options: bool = True) -> Iterator[dict[str, Any]]:
    """Inside, a program is traced; gives the options that it is to be compiled with, if it may have any."""
    options = usual_options() if with_options else {}
    collects = gc.isenabled()
    # A trace makes a million objects that stay to its end, which Python would look through for garbage again and again:
    # a twentieth of the first fit of a deep network.
    gc.disable()
    try:
        with Holding(_options, options if with_options else None), dispatch.for_platform(jax.default_backend()):
            yield options
    finally:
        if collects:
            gc.enable()


def usual_options() -> dict[str, Any]:
    """Those of all programs, where they are known and nobody has chosen others."""
    known = jax.__version_info__[:2] in VERSIONS and jax.default_backend() == "cpu"
    chosen = os.environ.get("XLA_FLAGS", "")
    return {name: value for name, value in _KEPT.items() if name not in chosen} if known else {}


def request_options(options: dict[str, Any]) -> bool:
    """Called while a program is traced: compile it with these options of XLA. False: it has to do without them."""
    granted = _options.get()
    if granted is None:
        return False
    granted.update(options)
    return True


def eager() -> bool:
    """Whether programs run step by step instead of being compiled (`run_eagerly`)."""
    return bool(jax.config.jax_disable_jit)  # type: ignore[attr-defined]


def eagerly(model: Model) -> AbstractContextManager[None]:
    """A scope in which programs of a model run step by step if it says so."""
    return jax.disable_jit(model.run_eagerly or not model.jit_compile)


def traced_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function such that asking for its shapes or operations and running it within a program are one trace."""
    return function if eager() else jax.jit(function)


def clear() -> None:
    """Forget all programs of this process."""
    with _lock:
        _programs.clear()
