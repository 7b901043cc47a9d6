"""Masks on their way through the call of a layer: which it gets, and which its outputs get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax

from . import masks, shapes
from .operation import FunctionOperation
from .signature import Signature
from .tensor import KerasTensor, is_tensor, leaves, map_structure, record

if TYPE_CHECKING:
    from .layer import Layer
    from .types import Tensors


def previous(layer: Layer, named: dict[str, Any], kwargs: dict[str, Any], accepted: Signature, inputs: object) -> Any:
    """Fill mask arguments that were not given from the masks of the tensors; returns the input's mask."""
    explicit = kwargs.get("mask")
    # Of several tensors, `mask` alone would not say whose it is: each has an argument of its own, such as `query_mask`.
    alone = layer.mask_is_of_first or sum(map(_has_tensors, named.values())) < 2
    for name, value in named.items():
        first = alone and bool(accepted.names) and name == accepted.names[0] and "mask" in accepted.accepts
        slot = "mask" if first else f"{name}_mask"
        if slot in accepted.accepts and kwargs.get(slot) is None and not isinstance(value, (str, bool, int, float)):
            found = map_structure(lambda t: masks.wanted(t, layer.name), value) if value is not None else None
            if leaves(found):
                kwargs[slot] = found
    if explicit is not None:
        return explicit
    return map_structure(masks.state, inputs) if inputs is not None else None


def _has_tensors(value: object) -> bool:
    return any(isinstance(one, (jax.Array, KerasTensor)) for one in leaves(value))


def passed_on(layer: Layer, inputs: Tensors | None, previous: Tensors | None, outputs: object) -> None:
    """Give the outputs their masks; where a layer cannot, note that theirs was dropped."""
    if not layer.supports_masking:
        if leaves(previous) and not layer.flatten_layers(include_self=False):
            for output in leaves(outputs):
                if masks.state(output) is None:
                    masks.put(output, masks.Dropped(layer.name))
        return
    real = map_structure(lambda m: None if isinstance(m, masks.Dropped) else m, previous)
    computed: object = layer.compute_mask(inputs, real if leaves(real) else None)
    if computed is None:
        computed = next((m for m in leaves(previous) if isinstance(m, masks.Dropped)), None)
    if computed is None:
        return
    targets = leaves(outputs)
    # One mask is that of the first output.
    found: list[Any] = list(computed) if isinstance(computed, (list, tuple)) else [computed]
    for output, mask in zip(targets, found, strict=False):
        if masks.state(output) is None:
            masks.put(output, mask)


def symbolic(layer: Layer, inputs: Tensors | None, given: Tensors | None, outputs: list[Any]) -> None:
    """Symbolic outputs get symbolic masks, so that layers behind them are traced with masks as they will run."""
    found = [tensor._keras_mask for tensor in outputs]
    if layer.supports_masking and not leaves(found):
        found = _specs(layer, inputs, map_structure(masks.get, inputs) if given is None else given)
    for tensor, mask in zip(outputs, found, strict=False):
        if mask is not None:
            tensor._keras_mask = record(FunctionOperation(masks.get, "mask"), (tensor,), {}, mask)


def _specs(layer: Layer, inputs: Tensors | None, previous: object) -> list[Any]:
    """What `compute_mask` returns for symbolic inputs, where `compute_output_shape` spared us to trace the call."""
    if not leaves(previous) and not layer.makes_masks:
        return []
    if any(tensor.dtype == "string" for tensor in leaves(inputs) if is_tensor(tensor)):
        return []  # nothing is traced with strings
    specs = shapes.infer(layer.compute_mask, (inputs, previous if leaves(previous) else None), {})
    return list(specs) if isinstance(specs, (list, tuple)) else [specs]
