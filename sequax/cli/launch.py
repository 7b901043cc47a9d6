"""`sequax launch`: one script in several processes of this machine, which train together.

Their output comes line by line, with the number of the process before it. When one fails, the others end by themselves
within moments or are ended, all within two seconds; the one that was first is named, and all can be started again.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

LOST = 75  # what a process ends with whose peer has ended, see `distribution.processes`
INTERRUPTED = 130
_PATIENCE_SECONDS = 1.0  # after one has ended with an error, for the others to end by themselves
_GRACE_SECONDS = 0.8  # after SIGTERM; with the seconds above, less than two
_INTERRUPTED_SECONDS = 5.0  # after a signal to us that was handed on: a script may write a snapshot then
_LAST_LINES_SECONDS = 1.0  # for what was printed last, after all have ended: a child of a script may hold its pipe
_LOOK_SECONDS = 0.02


def launch(script: str, arguments: Sequence[str] = (), processes: int = 2, restarts: int = 0) -> int:
    """Run a script in several processes.

    Args:
        script: a Python file; it runs as by `sequax run`.
        arguments: for the script.
        processes: how many.
        restarts: how often all of them are started again after one has failed.

    Returns:
        The exit code: 0, or that of the process that failed first; 128 and the number of a signal that ended it.
    """
    if not os.path.isfile(script):
        print(f"sequax launch: there is no script {script!r}", file=sys.stderr)
        return 2
    try:
        shares = gpus_for(processes)
    except ValueError as error:
        print(f"sequax launch: {error}", file=sys.stderr)
        return 2
    command, code = command_for(script, arguments), 0
    with _Terminated():
        try:
            for attempt in range(restarts + 1):
                if attempt:
                    _say(f"starts all {processes} processes again ({attempt} of {restarts})")
                code = _Run(command, processes, shares).finish()
                if code in (0, INTERRUPTED, 128 + signal.SIGTERM):
                    break
        except _Signalled as error:
            return 128 + error.number
    return code


def command_for(script: str, arguments: Sequence[str]) -> list[str]:
    """What each process runs."""
    return [sys.executable, "-m", "sequax", "run", script, *arguments]


@dataclass
class _Process:
    number: int
    popen: subprocess.Popen[bytes]
    readers: list[threading.Thread]
    code: int | None = None  # as of `Popen`: below 0 for a signal
    was_ended: bool = False  # by us

    @property
    def failed(self) -> bool:
        return self.code not in (None, 0)


class _Run:
    """All processes, once."""

    def __init__(self, command: Sequence[str], count: int, shares: Sequence[str | None]):
        address, self._printing = f"127.0.0.1:{_free_port()}", threading.Lock()
        cores = None if shares[0] is not None else _cores(count)
        self.ended: list[_Process] = []  # in the order in which they did
        self.noticed = 0.0  # when: that one has failed, or that all have ended
        self.over = 0.0  # when: that all have ended
        self.processes: list[_Process] = []
        try:
            for number in range(count):
                environment = environment_of(os.environ, address, count, number, shares[number])
                self.processes.append(self._started(command, environment, number))
                if cores is not None:
                    os.sched_setaffinity(self.processes[-1].popen.pid, cores[number])
        except BaseException:
            self._end_all()
            raise

    def _started(self, command: Sequence[str], environment: Mapping[str, str], number: int) -> _Process:
        pipe = subprocess.PIPE
        # In sessions of their own: Ctrl-C comes to us, and goes to each of them once.
        popen = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
        )
        assert popen.stdout is not None and popen.stderr is not None
        streams = (popen.stdout, sys.stdout), (popen.stderr, sys.stderr)
        readers = [threading.Thread(target=self._copy, args=(*both, number), daemon=True) for both in streams]
        for reader in readers:
            reader.start()
        return _Process(number, popen, readers)

    def _copy(self, source: BinaryIO, target: object, number: int) -> None:
        with source:
            for line in source:
                # A bar that is drawn again in its line leaves its last state.
                text = line.decode(errors="replace").rstrip("\r\n").rpartition("\r")[2]
                with self._printing:
                    print(f"[{number}] {text}", file=target, flush=True)  # type: ignore[call-overload]

    def finish(self) -> int:
        """Wait for all; returns the exit code."""
        try:
            self._wait_for_all()
        except _Signalled as error:
            with suppress(_Signalled):  # who asks again gets it at once
                self._end_after_signal(error.number)
            return 128 + error.number
        finally:
            self._end_all()
        return self._verdict()

    def _wait_for_all(self) -> None:
        self._wait(lambda: any(one.failed for one in self.ended))
        self.noticed = time.monotonic()
        self._wait(lambda: time.monotonic() > self.noticed + _PATIENCE_SECONDS)
        left = [one for one in self.processes if one.code is None]
        for one in left:
            one.was_ended = True
            one.popen.terminate()
        self._wait(lambda: time.monotonic() > self.noticed + _PATIENCE_SECONDS + _GRACE_SECONDS)

    def _wait(self, enough: Callable[[], bool]) -> None:
        """Until all have ended, or it is enough."""
        self._look()
        while len(self.ended) < len(self.processes) and not enough():
            time.sleep(_LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        for one in self.processes:
            if one.code is None and one.popen.poll() is not None:
                one.code = one.popen.returncode
                self.ended.append(one)

    def _end_after_signal(self, number: int) -> None:
        for one in self.processes:
            if one.popen.poll() is None:
                one.popen.send_signal(number)
        until = time.monotonic() + _INTERRUPTED_SECONDS
        while time.monotonic() < until and any(one.popen.poll() is None for one in self.processes):
            time.sleep(_LOOK_SECONDS)

    def _end_all(self) -> None:
        for one in self.processes:
            if one.popen.poll() is None:
                one.was_ended = True
                one.popen.kill()  # also one that was stopped, which hears nothing else
        for one in self.processes:
            one.code = one.popen.wait()
        self.over = time.monotonic()
        readers = [reader for one in self.processes for reader in one.readers]
        while any(reader.is_alive() for reader in readers) and time.monotonic() < self.over + _LAST_LINES_SECONDS:
            time.sleep(_LOOK_SECONDS)

    def _verdict(self) -> int:
        if not any(one.failed for one in self.processes):
            return 0
        seconds = self.over - self.noticed
        own = [
            one for one in self.ended if one.failed and not one.was_ended and one.code not in (LOST, -signal.SIGABRT)
        ]
        silent = [one for one in self.processes if one.was_ended]
        first = next(iter(own or silent or self.ended))
        others = len(self.processes) - 1
        rest = {0: "", 1: "; the other ended"}.get(others, f"; the other {others} ended")
        if first.was_ended:
            before = f"{rest} before it" if rest else ""
            _say(f"process {first.number} did not answer any more and was ended after {seconds:.1f} s{before}")
            return LOST
        rest = f"{rest} within {seconds:.1f} s" if rest else ""
        _say(f"process {first.number} ended first, {_described(first.code or 0)}{rest}")
        return _exit_code(first.code or 0)


def _described(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


def _exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code


def _say(text: str) -> None:
    print(f"sequax launch: {text}", file=sys.stderr, flush=True)


def environment_of(
    base: Mapping[str, str], address: str, count: int, number: int, devices: str | None
) -> dict[str, str]:
    """The environment of a process: what `distribution.initialize` reads.

    Args:
        base: the environment to begin with.
        address: of process 0, with a port.
        count: how many processes there are.
        number: of this one.
        devices: the numbers of its GPUs, separated by commas; None leaves the choice to JAX.
    """
    made = {
        **base,
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
        "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
        "PYTHONUNBUFFERED": "1",
        # On one machine there is nothing to detect, and address and number are known.
        "JAX_COORDINATOR_BIND_ADDRESS": address,
    }
    if devices is not None:
        made["JAX_LOCAL_DEVICE_IDS"] = devices
    return made


def gpus_for(count: int) -> list[str | None]:
    """Which GPUs of this machine each process gets, by number among the visible ones; None where there are none.

    Raises:
        ValueError: if there are fewer GPUs than processes.
    """
    found = _gpus()
    if not found:
        return [None] * count
    if found < count:
        raise ValueError(
            f"there are {found} GPUs for {count} processes; each needs its own. Start {found}, or set"
            f" JAX_PLATFORMS=cpu to train on the CPU."
        )
    bounds = [number * found // count for number in range(count + 1)]
    return [",".join(map(str, range(*bounds[number : number + 2]))) for number in range(count)]


def _gpus() -> int:
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms and not re.search("cuda|gpu", platforms):
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip() not in ("", "-1")])
    try:
        return sum(1 for name in os.listdir("/dev") if re.fullmatch(r"nvidia\d+", name))
    except OSError:
        return 0


def _cores(count: int) -> list[set[int]] | None:
    """Cores for each process, so that they do not take them from each other; None where there are not enough."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    own = sorted(os.sched_getaffinity(0))
    if count < 2 or len(own) < count:
        return None
    return [set(own[number * len(own) // count : (number + 1) * len(own) // count]) for number in range(count)]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class _Signalled(Exception):
    def __init__(self, number: int):
        self.number = number


class _Terminated:
    """Inside, signals that ask to end are errors, so that the processes are told, too."""

    _signals = (signal.SIGINT, signal.SIGTERM)

    def __enter__(self) -> None:
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._raise) for number in self._signals}

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _raise(self, number: int, frame: object) -> None:
        raise _Signalled(number)
