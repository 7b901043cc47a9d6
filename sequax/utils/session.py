"""The state of the process that `clear_session` resets."""

from __future__ import annotations

from ..core import dtypes, names, placement
from ..training import compiled


def clear_session(free_memory: bool = True) -> None:
    """Start automatic names again (`dense`, not `dense_7`), with the dtype policy of a new process.

    Args:
        free_memory: also drop the compiled programs that are kept for models of equal structure.
    """
    names.reset()
    dtypes.reset_dtype_policy()
    placement.choose(None)
    if free_memory:
        compiled.clear()
