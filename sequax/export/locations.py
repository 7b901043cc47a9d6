"""No path of the machine in what leaves it.

JAX notes for each operation where in which file it was written. Those notes go into the program; here they are kept
out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import jax

_SETTING = "jax_traceback_in_locations_limit"
_lock = Lock()
_inside = 0
_before = 0


@contextmanager
def hidden() -> Iterator[None]:
    """Inside, programs are lowered without notes of source files, in all threads: the setting is one of the process."""
    global _inside, _before
    with _lock:
        if _inside == 0:
            _before = getattr(jax.config, _SETTING)
            jax.config.update(_SETTING, 0)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                jax.config.update(_SETTING, _before)
