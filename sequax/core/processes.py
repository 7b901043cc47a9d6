"""Processes that were forked while JAX was at work: its threads do not exist there, so a computation waits for ever."""

from __future__ import annotations

import os
import sys

forked: bool = False  # whether this is such a process


def check(what: str) -> None:
    """Refuse to compute in such a process.

    Raises:
        RuntimeError: with the way round, where the call would never return.
    """
    if forked:
        raise RuntimeError(
            f"{what}: this process was forked from one in which JAX had computed already. JAX' threads do not exist"
            f" here, so the call would wait for ever. Start processes afresh (`multiprocessing.get_context('spawn')`,"
            f' under `if __name__ == "__main__":`), or fork before anything is computed.'
        )


def _note_fork() -> None:
    global forked
    # There is no public way to ask whether JAX has started its threads without starting them.
    started = getattr(sys.modules.get("jax._src.xla_bridge"), "backends_are_initialized", None)
    forked = forked or (started is not None and started())


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_note_fork)
