"""Low-rank adapters alone, in the safetensors format: arrays under the names of their layers, and how much they count.

    base/dense_1/lora_kernel_a        (inputs, rank)
    base/dense_1/lora_kernel_b        (rank, outputs)

The metadata have, as JSON under `alpha`, a number for each layer. Weights that were trained beside the adapters, such
as those of a new head, stand under `weights/` and their names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..core.errors import LoadError
from ..core.types import Path
from . import atomic, tensors
from .source import Source

_FORMAT = "sequax-lora"
_WEIGHTS = "weights/"


class Parts(NamedTuple):
    """What adapts one layer.

    Fields:
        weight: name of the attribute that it adapts.
    """

    weight: str
    a: np.ndarray
    b: np.ndarray
    alpha: float


class Contents(NamedTuple):
    """What a file holds: adapters by the names of their layers, and other weights by theirs."""

    layers: dict[str, Parts]
    weights: dict[str, np.ndarray]


def write(path: Path, layers: Mapping[str, Parts], weights: Mapping[str, np.ndarray] | None = None) -> None:
    """Write the adapters of some layers, by the names of the layers, and other weights; whole or not at all."""
    arrays: dict[str, np.ndarray] = {f"{_WEIGHTS}{name}": array for name, array in (weights or {}).items()}
    for name, parts in layers.items():
        arrays |= {f"{name}/lora_{parts.weight}_a": parts.a, f"{name}/lora_{parts.weight}_b": parts.b}
    texts = {"format": _FORMAT, "alpha": json.dumps({name: parts.alpha for name, parts in layers.items()})}
    atomic.write(path, tensors.assemble(arrays, texts))


def read(path: Path) -> Contents:
    """What `write` has written.

    Raises:
        LoadError: for a file of something else, or one that is damaged.
    """
    with Source.of(path) as source:
        table, texts = tensors.read_parts(source)
        arrays = {name: tensor.read() for name, tensor in table.items()}
        if texts.get("format") != _FORMAT:
            raise LoadError(f"{source.name}: this holds no adapters. `model.save_lora(path)` writes such files.")
        weights = {name: arrays.pop(name) for name in list(arrays) if name.startswith(_WEIGHTS)}
        alphas = _alphas(texts.get("alpha", ""), source.name)
        found = {}
        for name, alpha in alphas.items():
            own = sorted(key for key in arrays if key.rpartition("/")[0] == name)
            weight = own[0].rpartition("/lora_")[2].removesuffix("_a") if own else ""
            if own != [f"{name}/lora_{weight}_a", f"{name}/lora_{weight}_b"]:
                raise LoadError(f"{source.name}: layer {name!r} should have two arrays, A and B; found {own}.")
            found[name] = Parts(weight, arrays.pop(own[0]), arrays.pop(own[1]), alpha)
        if arrays:
            raise LoadError(f"{source.name}: arrays of no layer: {sorted(arrays)[:5]}.")
    return Contents(found, {name.removeprefix(_WEIGHTS): array for name, array in weights.items()})


def _alphas(text: str, name: str) -> dict[str, float]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(_is_factor(value) for value in found.values()):
        raise LoadError(f"{name}: the metadata `alpha` should have a number above 0 for each layer.")
    return {layer: float(value) for layer, value in found.items()}


def _is_factor(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0
