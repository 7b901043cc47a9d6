"""Masks travel beside tensors: boolean arrays that say which time steps count.

Inside a call they live in a table of that call, since traced values take no attributes. The outputs of the outermost
eager call carry theirs as the attribute `_keras_mask`, so that layers called one by one by hand pass masks on too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import scope
from .tensor import leaves, map_structure
from .types import Tensor
from .warning import warn


class Dropped:
    """In the place of a mask that a layer could not pass on; becomes a warning when a later layer wants the mask."""

    def __init__(self, layer_name: str):
        self.layer_name = layer_name
        self.told = False


def get(tensor: object) -> Tensor | None:
    """The mask of a tensor, None without one."""
    found = _find(tensor)
    return None if isinstance(found, Dropped) else found


def wanted(tensor: object, by: str) -> Tensor | None:
    """The mask of a tensor for a layer that uses masks; warns once if an earlier layer had to drop it."""
    found = _find(tensor)
    if isinstance(found, Dropped):
        if not found.told:
            warn(
                f"Layer '{by}' uses masks, but the mask was lost in layer '{found.layer_name}', which does not support"
                f" masking. Padded steps now count like any others."
            )
            found.told = True
        return None
    return found


def of(structure: object) -> list[Tensor | None] | None:
    """The masks of all tensors in a structure, as a list in the order of its leaves; None if there is none at all."""
    found: list[Any] = []
    map_structure(lambda t: found.append(get(t)), structure)
    return found if any(m is not None for m in found) else None


@contextmanager
def attached(structure: object, found: list[Any] | None) -> Iterator[None]:
    """A call of its own in which the tensors of a structure carry the masks that `of` listed."""
    with scope.fresh_call(), scope.calling(None):
        for tensor, mask in zip(leaves(structure), found or (), strict=False):
            put(tensor, mask)
        yield


def put(tensor: object, mask: Tensor | Dropped | None) -> None:
    call = scope.call()
    if call is not None and mask is not None:
        call.masks[id(tensor)] = (tensor, mask)


def hand_on(tensor: object, copy: object) -> None:
    """The mask of a tensor (or the note that it was dropped) also for another one with the same steps."""
    found = _find(tensor)
    if found is not None and scope.call() is not None:
        put(copy, found)
    elif found is not None:
        publish(copy, found)


def keep(structure: object, found: list[Any] | None) -> None:
    """Attach masks to traced outputs of a finished call, for the rest of the pure function around it."""
    frame = scope.frame()
    for tensor, mask in zip(leaves(structure), found or (), strict=False):
        if frame is not None and mask is not None:
            frame.masks[id(tensor)] = (tensor, mask)


def mark(tensor: object, mask: Tensor | None) -> None:
    """Attach a mask to what a function computed: for the call or the pure function around it, else to the array."""
    if mask is None:
        return
    place = scope.call() or scope.frame()
    if place is None:
        publish(tensor, mask)
    else:
        place.masks[id(tensor)] = (tensor, mask)


def state(tensor: object) -> Tensor | Dropped | None:
    """The mask, or the note that it was dropped, or None."""
    return _find(tensor)


def publish(tensor: Any, mask: Tensor | Dropped | None) -> None:
    """Attach a mask to an array that leaves the outermost eager call; traced values are left as they are."""
    if mask is not None and not isinstance(mask, Dropped):
        try:
            tensor._keras_mask = mask
        except AttributeError:
            return


def _find(tensor: object) -> Tensor | Dropped | None:
    call = scope.call()
    if call is not None and id(tensor) in call.masks:
        return call.masks[id(tensor)][1]
    frame = scope.frame()
    if frame is not None and id(tensor) in frame.masks:
        return frame.masks[id(tensor)][1]
    return getattr(tensor, "_keras_mask", None)
