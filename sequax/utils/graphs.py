"""Questions about the calls that lead to a symbolic tensor."""

from __future__ import annotations

from typing import Any

from ..core.tensor import KerasTensor, is_tensor


def is_keras_tensor(x: object) -> bool:
    """Whether a value is a symbolic tensor, as `Input` and layers called on one return.

    Args:
        x: any value.
    """
    return is_tensor(x)


def get_source_inputs(tensor: object) -> list[KerasTensor] | Any:
    """The symbolic inputs that a symbolic tensor is made from, each once; what is no such tensor comes back as it is.

    >>> from sequax import Input, layers
    >>> start = Input((3,), name="start")
    >>> [t.name for t in get_source_inputs(layers.Dense(2)(start))]
    ['start']
    """
    if not is_tensor(tensor):
        return tensor
    found: dict[int, KerasTensor] = {}
    seen, waiting = set(), [tensor]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if current.node is None or not current.node.inputs:
            found[id(current)] = current
        else:
            waiting.extend(reversed(current.node.inputs))
    return list(found.values())
