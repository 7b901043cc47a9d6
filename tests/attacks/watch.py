"""Sees what a process does while it reads a file: memory, time, and each event that Python audits."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

MEGABYTE = 1 << 20
SECONDS = float(os.environ.get("ATTACK_SECONDS", 5))  # of work; a machine that is busy otherwise does not count
WAITING = float(os.environ.get("ATTACK_WAITING", 200))  # in all
ADDRESS_SPACE = 4 << 30  # what comes on top of this is refused by the system, so that no attack can take the machine
_FAMILIES = (
    *("os", "socket", "subprocess", "ctypes", "shutil", "tempfile", "urllib", "http", "ftplib", "webbrowser", "mmap"),
    *("pickle", "marshal", "code", "glob", "fcntl", "pty", "cpython", "signal", "smtplib", "sqlite3"),
)
_EVENTS = ("open", "import", "exec", "compile", "sys.addaudithook", "sys.settrace", "builtins.input")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class TookTooLong(BaseException):
    """Not an `Exception`: code that turns errors into `LoadError` must not hide it."""


class Writable(NamedTuple):
    """A folder in which a command may write."""

    folder: Any


SOURCES = "sources"  # among what may be opened: Python shows lines of its sources when an error comes from them
_IN_FOLDERS = ("os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.listdir", "os.chmod", "os.truncate")
_OF_OPEN_FILES = ("fcntl.flock",)


class Watch:
    """Records events from `start` to `stop`; there can be one in a process, since audit hooks cannot be removed."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.allowed: set[str] = set()
        self.writable: str | None = None
        self.sources = False
        self.watching = False
        sys.addaudithook(self._hook)
        signal.signal(signal.SIGALRM, _too_long)
        signal.signal(signal.SIGPROF, _too_long)

    def _hook(self, event: str, arguments: tuple) -> None:
        if not self.watching or not (event in _EVENTS or event.partition(".")[0] in _FAMILIES):
            return
        if self.writable and (event in _OF_OPEN_FILES or (event in _IN_FOLDERS and self._inside(arguments[0]))):
            return
        if event == "os.scandir" and os.path.abspath(os.fsdecode(arguments[0])) in self.allowed:
            return  # the folder that was named
        if event != "open" or not self._may_open(*arguments):
            self.events.append(f"{event} {arguments!r:.200}")

    def _may_open(self, path: Any, mode: Any, flags: Any) -> bool:
        """The named file, for reading; a number is a file that is open already."""
        if isinstance(path, int):
            return True
        if self.writable and self._inside(path):
            return True
        place, writing = os.path.abspath(os.fsdecode(path)), (flags or 0) & _WRITING
        source = self.sources and place.endswith(".py") and not place.startswith(f"{os.getcwd()}/")
        return (place in self.allowed or source) and not writing

    def _inside(self, path: Any) -> bool:
        return isinstance(path, int) or f"{os.path.abspath(os.fsdecode(path))}/".startswith(f"{self.writable}/")

    def cut_network(self) -> None:
        """For good; after all imports, since modules make classes from sockets."""
        socket.socket = _no_network  # type: ignore[assignment,misc]

    @contextlib.contextmanager
    def on(self, allowed: Iterable[Any]):
        folders = [one.folder for one in allowed if isinstance(one, Writable)]
        paths = [one for one in allowed if not isinstance(one, Writable) and one is not SOURCES]
        self.sources = any(one is SOURCES for one in allowed)
        self.writable = os.path.abspath(os.fspath(folders[0])) if folders else None
        self.allowed = {os.path.abspath(os.fsdecode(os.fspath(path))) for path in paths}
        self.events = []
        signal.setitimer(signal.ITIMER_REAL, WAITING)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        self.watching = True
        try:
            yield
        finally:
            self.watching = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)


def attempt(watch: Watch, load: Callable[[], Any], allowed: Iterable[Any] = ()) -> dict[str, Any]:
    """Call `load`: what came of it, in how many seconds, with how many megabytes more, and which events."""
    from sequax.saving import LoadError

    before, started = reset_peak(), time.process_time()
    outcome, message = "loaded", ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with watch.on(allowed):
                load()
        except LoadError as error:
            outcome, message = "refused", str(error)
        except BaseException as error:
            outcome, message = type(error).__name__, str(error)
    seconds = time.process_time() - started
    return {
        "outcome": outcome,
        "message": message[:300],
        "length": len(message),
        "seconds": round(seconds, 3),
        "megabytes": round((peak() - before) / MEGABYTE, 1),
        "events": watch.events[:5],
    }


def limit_memory() -> None:
    """More than this ends in a `MemoryError`, or in the end of the process; both are seen."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE + _status("VmSize"), resource.RLIM_INFINITY))


def reset_peak() -> int:
    """Bytes in memory now, from which on the peak is counted."""
    with contextlib.suppress(OSError):  # not on every system; the peak is that of the whole process then
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> int:
    return _status("VmHWM")


def _status(field: str) -> int:
    """A number of bytes that the kernel tells about this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def _no_network(*arguments: Any, **_: Any) -> Any:
    raise AssertionError("a socket was made")


def _too_long(*_: Any) -> None:
    raise TookTooLong(f"more than {SECONDS} seconds")
