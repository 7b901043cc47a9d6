"""Several processes as one run: how they find each other, and how they end together."""

from __future__ import annotations

import atexit
import os
import random
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn

import jax
import numpy as np

from ..core import peers, rng
from ..core.peers import PeerLost as PeerLost
from ..core.warning import warn

LOST, FAILED, INTERRUPTED = 75, 1, 130  # exit codes: EX_TEMPFAIL means "try again" to a scheduler

# What launchers set: ours and Keras', JAX' own and that of Kubeflow's Trainer, and Kubeflow's JAXJob.
_ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES", "JAX_COORDINATOR_ADDRESS", "COORDINATOR_ADDRESS"
_COUNTS = "KERAS_DISTRIBUTION_NUM_PROCESSES", "JAX_NUM_PROCESSES", "NUM_PROCESSES"
_NUMBERS = "KERAS_DISTRIBUTION_PROCESS_ID", "JAX_PROCESS_ID", "PROCESS_ID"
_PORT = "COORDINATOR_PORT"
_HEARTBEAT = "SEQUAX_HEARTBEAT_SECONDS"
_HEARTBEAT_SECONDS = 30

_joined: tuple[str | None, int | None, int | None] | None = None  # what this process was told first


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Make this process one of several that train together; to be called before anything is computed.

    What is not passed comes from the environment: `KERAS_DISTRIBUTION_JOB_ADDRESSES`,
    `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID` (`sequax launch` sets them), or what Kubeflow
    sets (`JAX_COORDINATOR_ADDRESS`, `JAX_NUM_PROCESSES`, `JAX_PROCESS_ID`); else JAX looks for SLURM, Open MPI,
    Kubernetes and cloud TPUs. Where nothing speaks of other processes, this one is alone, and a warning says so.

    All processes then run the same script. Random numbers go on everywhere as process 0 would have gone on. An error
    ends a process at once, with exit code 1; one whose peer has ended raises `PeerLost`, exit code 75. A process that
    stops answering is given up after 30 seconds, or `SEQUAX_HEARTBEAT_SECONDS`.

    Args:
        job_addresses: `"host:port"` of process 0, or those of all processes, separated by commas.
        num_processes: how many there are.
        process_id: the number of this one, from 0.

    Raises:
        ValueError: if the three do not fit together, or one is missing.
        RuntimeError: if JAX has computed already, or the process belongs to another run.
    """
    global _joined
    given = _given(job_addresses, num_processes, process_id)
    if _joined is not None:
        if given != _joined and given != (None, None, None):
            raise RuntimeError(f"initialize: this process was told {_joined} before. Received: {given}")
        return
    if given[1] != 1:
        _join(*given)
    _joined = given
    if peers.count() > 1:
        _share_random_numbers()
        end_at_once()
        atexit.register(_finish)


def process_index() -> int:
    """The number of this process among those that train together, from 0."""
    return peers.index()


def process_count() -> int:
    """How many processes train together."""
    return peers.count()


def expected() -> bool:
    """Whether the environment says that this process is one of several, in so many words."""
    return (_number(None, "num_processes", _COUNTS) or 1) > 1 and _number(None, "process_id", _NUMBERS) is not None


# --- what was given ---


def _given(addresses: str | None, count: int | None, number: int | None) -> tuple[str | None, int | None, int | None]:
    addresses = addresses if addresses is not None else _first(_ADDRESSES)
    count = _number(count, "num_processes", _COUNTS)
    number = _number(number, "process_id", _NUMBERS)
    listed = [address.strip() for address in (addresses or "").split(",") if address.strip()]
    if len(listed) > 1 and count is not None and count != len(listed):
        raise ValueError(f"initialize: `job_addresses` has {len(listed)} addresses, and `num_processes` is {count}.")
    count = len(listed) if count is None and len(listed) > 1 else count
    if count is not None and count < 1:
        raise ValueError(f"initialize: expected `num_processes` of at least 1. Received: {count}")
    if number is not None and not 0 <= number < (number + 1 if count is None else count):
        raise ValueError(f"initialize: expected `process_id` from 0 to {(count or 1) - 1}. Received: {number}")
    if count not in (None, 1) and number is None and listed:
        raise ValueError(
            f"initialize: there are {count} processes, and nothing says which one this is. Pass `process_id`, or set"
            f" {_NUMBERS[0]}."
        )
    return _with_port(listed[0]) if listed else None, count, number


def _with_port(address: str) -> str:
    if address.rpartition(":")[2].isdigit() and not address.endswith("]"):
        return address
    port = os.environ.get(_PORT)
    if not port:
        raise ValueError(f"initialize: expected an address with a port, such as '10.0.0.1:1234'. Received: {address!r}")
    return f"{address}:{port}"


def _first(variables: tuple[str, ...]) -> str | None:
    return next((text for text in map(os.environ.get, variables) if text), None)


def _number(value: object, name: str, variables: tuple[str, ...]) -> int | None:
    source = f"`{name}`"
    if value is None:
        variable = next((one for one in variables if os.environ.get(one)), None)
        if variable is None:
            return None
        source, value = variable, os.environ[variable]
    try:
        if isinstance(value, (bool, float)):
            raise TypeError
        return int(value)  # type: ignore[call-overload] # anything: that is what is tried
    except (TypeError, ValueError):
        raise ValueError(f"initialize: expected a whole number as {source}. Received: {value!r}") from None


# --- the run ---


def _join(address: str | None, count: int | None, number: int | None) -> None:
    bridge = sys.modules.get("jax._src.xla_bridge")
    if peers.count() > 1:
        return  # the script has called `jax.distributed.initialize`
    if bridge is not None and getattr(bridge, "backends_are_initialized", bool)():
        raise RuntimeError(
            "initialize: JAX has computed already in this process. Call `initialize` at the top of the script, before"
            " layers, arrays or lists of devices are made."
        )
    patience = _number(None, "", (_HEARTBEAT,)) or _HEARTBEAT_SECONDS
    try:
        jax.distributed.initialize(
            coordinator_address=address,
            num_processes=count,
            process_id=number,
            heartbeat_timeout_seconds=patience,
            shutdown_timeout_seconds=patience,
        )
    except ValueError as error:
        if (address, count, number) != (None, None, None):
            raise ValueError(
                f"initialize: {error} Known: address {address}, {count} processes, this is number {number}. Set"
                f" {_ADDRESSES[0]}, {_COUNTS[0]} and {_NUMBERS[0]}, or pass the three."
            ) from error
        warn("initialize: nothing speaks of other processes, so this one is alone.")


def _share_random_numbers() -> None:
    """All go on drawing as process 0 would have."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    mine: Any = [version, words, gauss, name, np.asarray(keys).tolist(), position, has_gauss, cached, rng.state()]
    version, words, gauss, name, keys, position, has_gauss, cached, ours = peers.agreed(mine)
    if not peers.leads():
        random.setstate((version, tuple(words), gauss))
        np.random.set_state((name, np.array(keys, np.uint32), position, has_gauss, cached))
        rng.restore(ours)


_ends_at_once = False


def end_at_once() -> None:
    """Let an error end the process: at its usual end JAX would wait for the others, which wait for this one."""
    global _ends_at_once
    if _ends_at_once:
        return
    _ends_at_once, before = True, sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        before(kind, error, trace)
        end(code_of(error))

    sys.excepthook = hook


def _finish() -> None:
    if peers.count() == 1:  # `jax.distributed.shutdown` was called
        return
    try:
        peers.meet_at_the_end()
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        end(code_of(error))


def code_of(error: BaseException) -> int:
    """The exit code that says what happened."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0 if error.code is None else FAILED
    if isinstance(error, PeerLost):
        return LOST
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED


def end(code: int) -> NoReturn:
    """End this process now."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)
