"""Compiled programs: made once per structure and shapes, kept in the process and in JAX's cache on disk."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import jax

# Programs are a few hundred kilobytes each; a search loop over architectures must not keep all it ever compiled.
_MOST_PROGRAMS = 128
_programs: OrderedDict[Hashable, Any] = OrderedDict()
_lock = threading.Lock()


class Request(NamedTuple):
    """A program that is wanted.

    Fields:
        key: says what the function computes; two functions with one key must trace to the same program.
        function: over arrays.
        examples: arguments, or abstract ones of the same shapes and dtypes.
        donate: positions of arguments whose buffers the program may reuse.
    """

    key: Hashable
    function: Callable
    examples: tuple
    donate: tuple[int, ...] = ()

    @property
    def whole_key(self) -> Hashable:
        flat, structure = jax.tree.flatten(self.examples)
        place = jax.config.jax_default_device  # type: ignore[attr-defined]
        return self.key, self.donate, place, structure, tuple((tuple(x.shape), str(x.dtype)) for x in flat)

    @property
    def known(self) -> bool:
        """Whether `program` answers without compiling."""
        return eager() or self.whole_key in _programs

    def program(self, meanwhile: Callable[[], None] | None = None) -> Any:
        """The compiled program.

        Args:
            meanwhile: called while it is compiled, which takes no part of Python's time.
        """
        if eager():
            return self.function
        key = self.whole_key
        with _lock:
            if key in _programs:
                _programs.move_to_end(key)
                return _programs[key]
        _enable_disk_cache()
        return _kept(key, self._compiled(meanwhile))

    def begun(self) -> Later:
        """Trace it now, and compile it in another thread, so that `program` finds it there later on.

        Traced here and not there: what the function looks at may have changed by then, as may the scopes of the caller.
        """
        key, options = self.whole_key, {}  # type: tuple[Hashable, dict[str, Any]]
        _enable_disk_cache()
        lowered = self._lowered(options)
        return Later(lambda: _kept(key, lowered.compile(options or None)))

    def _compiled(self, meanwhile: Callable[[], None] | None) -> Any:
        options: dict[str, Any] = {}
        lowered = self._lowered(options)
        try:
            if meanwhile is None:
                return lowered.compile(options or None)
            compiling = Later(lambda: lowered.compile(options or None))
            meanwhile()
            return compiling.result()
        except jax.errors.JaxRuntimeError:
            if not options:
                raise
        return self._lowered(None).compile()  # another version of XLA, which lacks what was wished for

    def _lowered(self, options: dict[str, Any] | None) -> Any:
        token = _options.set(options)
        try:
            # Only the executable is kept, not the function: it would keep the model and its weights alive. And a new
            # one each time, as JAX keeps traces by function: without options it may be another program.
            return jax.jit(functools.partial(self.function), donate_argnums=self.donate).lower(*self.examples)
        finally:
            _options.reset(token)


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


def _kept(key: Hashable, program: Any) -> Any:
    with _lock:
        _programs[key] = program
        while len(_programs) > _MOST_PROGRAMS:
            _programs.popitem(last=False)
    return program


# Options of XLA that the program being traced is to be compiled with; None where it has to do without.
_options: ContextVar[dict[str, Any] | None] = ContextVar("options", default=None)


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


def traced_once(function: Callable) -> Callable:
    """The function such that asking for its shapes or operations and running it within a program are one trace."""
    return function if eager() else jax.jit(function)


def clear() -> None:
    """Forget all programs of this process."""
    with _lock:
        _programs.clear()


# --- the cache on disk ----------------------------------------------------------------------------------------------

_disk_cache_ready = False


def _enable_disk_cache() -> None:
    """Keep compiled programs in the user's cache folder, once per process, unless told otherwise.

    The folder is for this user only (mode 0700), since programs in it are run, and for this type of machine only, since
    they may use instructions that another one lacks. `SEQUAX_CACHE=off` turns it off, `SEQUAX_CACHE=FOLDER` moves it.
    """
    global _disk_cache_ready
    if _disk_cache_ready:
        return
    _disk_cache_ready = True
    wish = os.environ.get("SEQUAX_CACHE", "")
    if wish.lower() == "off" or jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        return
    if wish:
        root = Path(wish)
    else:
        import platformdirs

        root = Path(platformdirs.user_cache_dir("sequax"))
    folder = root / "programs" / _machine()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
            return
    except OSError:
        return  # an unwritable cache folder costs time, not results
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _machine() -> str:
    """A short name for this type of machine: processor features and versions that programs depend on."""
    features = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(errors="replace").splitlines()
        features += "".join(sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))}))
    text = "|".join((platform.system(), platform.machine(), features, jax.__version__))
    return f"{platform.machine()}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
