"""`sequax run`: a script, or a module, in a process where `import keras` means Sequax."""

from __future__ import annotations

import importlib.util
import io
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from types import ModuleType, TracebackType

from .. import compat

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C
_OWN_FILES = (os.path.abspath(__file__), os.path.dirname(os.path.abspath(compat.__file__)) + os.sep, "<frozen runpy>")


def run_script(script: str, arguments: Sequence[str] = ()) -> int:
    """Run a Python file as `python script arguments...` would, with `keras` served by Sequax.

    Returns:
        The exit code: 0, or 1 after an exception, which is printed. `SystemExit` of the script passes through.
    """
    try:
        with io.open_code(os.path.abspath(script)) as file:
            source = file.read()
    except OSError as error:
        print(f"sequax run: cannot read the script {script!r}: {error.strerror}", file=sys.stderr)
        return 2
    _join_others()
    compat.install()
    compat.dialect.read(source)
    module = _become_main(script, arguments)
    return _finish(lambda: exec(compile(source, module.__file__ or script, "exec", dont_inherit=True), vars(module)))


def run_module(name: str, arguments: Sequence[str] = ()) -> int:
    """Run a module as `python -m name arguments...` would, with `keras` served by Sequax.

    Returns:
        As of `run_script`.
    """
    sys.argv[:] = [name, *arguments]
    if not sys.flags.safe_path:
        sys.path[:1] = [os.getcwd()]
    _join_others()
    compat.install()
    try:
        source = _source_of(name)
    except ImportError as error:
        print(f"sequax run: cannot run the module {name!r}: {error}", file=sys.stderr)
        return 2
    compat.dialect.read(source)
    return _finish(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True))


def _source_of(name: str) -> str:
    """The text of a module, or of the `__main__` of a package; importing the packages that it is in, as Python does."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        name = f"{name}.__main__"
        spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}")
    get_source = getattr(spec.loader, "get_source", None)
    return (get_source(name) if get_source is not None else None) or ""


def _finish(run: Callable[[], object]) -> int:
    """Run what was prepared; an exception of it is printed as Python prints it."""
    try:
        run()
    except SystemExit as error:
        _end_with_others(error)
        raise
    except BaseException as error:
        error.__traceback__ = _trace_of_script(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _join_others() -> None:
    """Where a launcher says that this is one process of several, they find each other before the script begins."""
    if any(name.endswith(("NUM_PROCESSES", "JOB_ADDRESSES")) for name in os.environ):
        from ..distribution import processes

        if processes.expected():
            processes.initialize()


def _end_with_others(error: SystemExit) -> None:
    """End at once after `sys.exit(1)`: at its usual end JAX would wait for processes that wait for this one."""
    processes = sys.modules.get(f"{__package__.rpartition('.')[0]}.distribution.processes")
    if processes is not None and processes.process_count() > 1 and processes.code_of(error):
        if not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
        processes.end(processes.code_of(error))


def _become_main(script: str, arguments: Sequence[str]) -> ModuleType:
    """The state of the interpreter that a script expects of `python script arguments...`."""
    module = ModuleType("__main__")
    module.__file__ = os.path.abspath(script)
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module  # for pickle and multiprocessing, which look classes up there
    sys.argv[:] = [script, *arguments]
    folder = os.path.dirname(os.path.realpath(script))
    # The first entry is the folder of the `sequax` command (or the current one); with -P there is no such entry.
    sys.path[:1] = [folder, *sys.path[:1]] if sys.flags.safe_path else [folder]
    return module


def _trace_of_script(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without our frames around the script, and without those of `compat` in it."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept = [frame for frame in frames if not frame.tb_frame.f_code.co_filename.startswith(_OWN_FILES)]
    linked = None
    for frame in reversed(kept):
        linked = TracebackType(linked, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return linked
