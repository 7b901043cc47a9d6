"""The processes of one run: who they are, and what they tell each other beside arrays.

What they tell goes through the key-value store of `jax.distributed`: a fraction of a millisecond, and nothing has to
wait for the devices. With one process nothing here does anything.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_KEPT = 1000  # keys of the past: nobody is so far behind, since the steps of a run hold all processes together
_PATIENCE_SECONDS = 30
_END = "the end of the script"
_numbers = itertools.count()  # of what was told
_done: dict[str, int] = {}  # how often

# Parts of what JAX, gloo, NCCL and gRPC say when another process is gone.
_SIGNS = (
    "gloo", "nccl", "connection reset", "connection closed", "connection refused", "socket closed", "broken pipe",
    "heartbeat", "coordination service", "coordinationservice", "unavailable:", "failed to connect",
)  # fmt: skip


class PeerLost(RuntimeError):
    """Another process of the run has ended or failed, so that this one cannot go on. Exit code 75: "try again"."""


PeerLost.__module__ = "sequax.distribution"


def _state() -> Any:
    # Private, but the only way: the public functions start the devices, and have no key-value store. Orbax does it so.
    found = sys.modules.get("jax._src.distributed")
    return None if found is None else getattr(found, "global_state", None)


def count() -> int:
    """How many processes the run has."""
    state = _state()
    return 1 if state is None or state.client is None else state.num_processes


def index() -> int:
    """The number of this one, from 0."""
    state = _state()
    return 0 if state is None or state.client is None else state.process_id


def leads() -> bool:
    """Whether this process is the one that writes files and shows what is shown."""
    return index() == 0


def agreed(value: T) -> T:
    """What process 0 has passed; all processes call it, in the same order and thread. For what JSON has."""
    if count() == 1:
        return value
    with told():
        key = _key()
        if leads():
            _state().client.key_value_set(key, json.dumps(value))
            return value
        return json.loads(_read(key, 0))


def gathered(value: T, what: str = "") -> list[T]:
    """What each process has passed, by its number; all processes call it, in the same order and thread.

    Args:
        what: where they meet, for the line that says who is waited for.
    """
    if count() == 1:
        return [value]
    with told():
        key, client = _key(), _state().client
        if leads():
            others = [json.loads(_read(f"{key}/{number}", number, what)) for number in range(1, count())]
            client.key_value_set(key, json.dumps([value, *others]))
        else:
            client.key_value_set(f"{key}/{index()}", json.dumps(value))
        return json.loads(_read(key, 0, what))


def made_by_all(
    items: Iterator[T], what: str, described: Callable[[T | None], str] = lambda item: ""
) -> Iterator[tuple[T | None, list[str]]]:
    """The items that each process makes of its own, without end (None), and what each process says of its own.

    All processes ask for them, in the same order and thread.

    Args:
        what: where they meet, for the line that says who is waited for.

    Raises:
        PeerLost: in the others, if making an item has failed in one, which raises its own error.
    """
    while True:
        item, failed = None, None
        try:
            item = next(items, None)
        except Exception as error:
            failed = error
        told = gathered((described(item) if failed is None else str(failed), failed and type(failed).__name__), what)
        first = next((number for number, (_, name) in enumerate(told) if name), None)
        if first is not None:
            parted()
            text, name = told[first]
            raise failed or PeerLost(f"{what}: process {first} of {count()} has raised {name}: {text}")
        yield item, [text for text, _ in told]


def done_by_first(what: str) -> None:
    """Process 0 says that something is done; others wait until it has been as often as they have come here for it.

    Process 0 may do it more often than the others, or alone: `agreed` and its kin would lose their order then.

    Args:
        what: a name for it.
    """
    if count() == 1:
        return
    number = _done.get(what, 0)
    _done[what] = number + 1
    with told():
        if leads():
            _state().client.key_value_set(f"sequax/done/{number}/{what}", "")
        else:
            _read(f"sequax/done/{number}/{what}", 0, what)


def parted() -> None:
    """Let process 0 wait until all others have come here, and read all: an error that all raise ends them next."""
    if count() == 1:
        return
    with told():
        key = _key()
        if leads():
            for number in range(1, count()):
                _read(f"{key}/{number}", number)
        else:
            _state().client.key_value_set(f"{key}/{index()}", "")


def meet_at_the_end() -> None:
    """Wait for all to come to the end of their script.

    JAX waits there, too, but for so long only as a process may be out of touch: then it ends them all, also one that is
    still busy with something of its own, such as pictures of the results.
    """
    client, what = _state().client, _END
    with told():
        if leads():
            for number in range(1, count()):
                _read(f"sequax/end/{number}", number, what)
            client.key_value_set("sequax/end/0", "")
        else:
            client.key_value_set(f"sequax/end/{index()}", "")
            _read("sequax/end/0", 0, what)


def _key() -> str:
    number = next(_numbers)
    if leads() and number >= _KEPT:
        _state().client.key_value_delete(f"sequax/{number - _KEPT}")  # what is below it, too
    return f"sequax/{number}"


def _read(key: str, process: int, what: str = "") -> str:
    seconds, is_last = 0, False
    while True:
        try:
            return str(_state().client.blocking_key_value_get(key, 100 if is_last else _PATIENCE_SECONDS * 1000))
        except Exception as error:
            if "DEADLINE_EXCEEDED" not in str(error):
                raise
        if is_last:
            raise RuntimeError(
                f"Process {index()} of {count()} waits for process {process}{f' at {what}' if what else ''}, which has"
                f" come to the end of its script: all processes must make the same calls of `fit`, `evaluate`,"
                f" `predict`, `save` and `get_weights`, in the same order."
            )
        is_last = what != _END and _has_come_to_its_end(process)  # it may have told just before
        seconds += _PATIENCE_SECONDS
        if what:
            print(f"Process {index()} has waited {seconds} s for process {process} at {what}.", file=sys.stderr)


def _has_come_to_its_end(process: int) -> bool:
    try:
        _state().client.key_value_try_get(f"sequax/end/{process}")
    except Exception as error:
        if "NOT_FOUND" not in str(error):
            raise
        return False
    return True


@contextmanager
def told() -> Iterator[None]:
    """Around what all processes do together: errors that mean the end of another become `PeerLost`."""
    if count() == 1:
        yield
        return
    try:
        yield
    except Exception as error:
        lost = loss(error)
        if lost is None:
            raise
        raise lost from None


def loss(error: BaseException) -> PeerLost | None:
    """What is to be raised in place of an error that means the end of another process; None for others."""
    if count() == 1 or isinstance(error, PeerLost):
        return None
    text = str(error).lower()
    if not isinstance(error, (RuntimeError, ValueError)) or not any(sign in text for sign in _SIGNS):
        return None
    if not _is_of_the_engine(error):
        return None
    return PeerLost(
        f"Another process of this run has ended, so process {index()} of {count()} cannot go on. What it printed last"
        f" says why. Start all of them again; with `fit(..., resume=FOLDER)` in a folder that all can read, the run"
        f" goes on from its last snapshot. ({str(error).strip().splitlines()[0]:.150})"
    )


def _is_of_the_engine(error: BaseException) -> bool:
    """Whether an error came out of JAX, not of code of the user's, which may speak of connections, too."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return True
    place = trace.tb_frame.f_code.co_filename
    return place.startswith(_PACKAGE) or any(f"{os.sep}{name}{os.sep}" in place for name in ("jax", "jaxlib", "numpy"))
