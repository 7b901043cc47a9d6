"""What an exported program takes and gives: names, shapes and dtypes of its inputs and outputs, and how they nest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ..core import building, dtypes
from ..core.input_spec import InputSpec
from ..core.signature import of as parameters_of
from ..core.tensor import KerasTensor, is_tensor, leaves
from .errors import ExportError


class Entry(NamedTuple):
    """One input or output of an exported program.

    Attributes:
        name: of the tensor in the program.
        shape: batch axis included; None where any size will do.
        dtype: its name.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class Signature(NamedTuple):
    """The arguments of a program.

    Attributes:
        entries: one per array.
        nest: the arguments, with the position in `entries` in place of each array.
        names: of the arguments.
    """

    entries: list[Entry]
    nest: tuple[Any, ...]
    names: tuple[str, ...] = ("inputs",)


def is_shape(part: Any) -> bool:
    """Whether a part of an `input_signature` is one shape; arrays of one number are none of its sizes."""
    whole = (int, np.integer)
    return isinstance(part, (tuple, list)) and all(size is None or isinstance(size, whole) for size in part)


# --- nests of positions ---


def positions(structure: Any) -> Any:
    """A structure of tensors with the position of each in its place, counted as `jax.tree` does."""
    parts, tree = jax.tree.flatten(structure, is_leaf=is_tensor)
    return jax.tree.unflatten(tree, range(len(parts)))


def filled(nest: Any, arrays: Sequence[Any]) -> Any:
    """A nest of positions with arrays in their places."""
    if isinstance(nest, Mapping):
        return {key: filled(value, arrays) for key, value in nest.items()}
    if isinstance(nest, (list, tuple)):
        return type(nest)(filled(value, arrays) for value in nest)
    return None if nest is None else arrays[nest]


def flattened(nest: Any, given: Any, where: str = "the input") -> list[Any]:
    """What `given` has in the places of a nest of positions, by position.

    Raises:
        ValueError: if it is nested in another way.
    """
    found: dict[int, Any] = {}

    def walk(nest: Any, given: Any, where: str) -> None:
        if isinstance(nest, Mapping):
            missing = set(nest) - set(given) if isinstance(given, Mapping) else set(nest)
            if missing:
                raise ValueError(f"{where} must be a dict with the keys {list(nest)}. Missing: {sorted(missing)}.")
            for key in nest:
                walk(nest[key], given[key], f"{where}[{key!r}]")
        elif isinstance(nest, (list, tuple)):
            if not isinstance(given, (list, tuple)) or len(given) != len(nest):
                raise ValueError(f"{where} must be a list of {len(nest)}. Received: {type(given).__name__}.")
            for position, part in enumerate(nest):
                walk(part, given[position], f"{where}[{position}]")
        elif nest is not None:
            found[nest] = given

    walk(nest, given, where)
    return [found[position] for position in sorted(found)]


# --- of a model ---


def of_model(model: Any, given: Any = None) -> Signature:
    """The arguments of a model's call: those it was built for, or as an `input_signature` says.

    Args:
        model: a built model.
        given: `InputSpec`s, symbolic tensors, arrays, shapes, or anything else with `shape` and `dtype`, nested as the
            arguments of a call: a list has one entry per argument.

    Raises:
        ExportError: for a model that was never built, and for a signature that does not fit it.
    """
    inputs = model.symbolic_inputs
    if inputs is None:
        names = parameters_of(type(model).call).names
        return of_arguments(_shapes_seen(model) if given is None else given, names)
    nest, names = (positions(inputs),), model.input_names
    if given is None:
        pairs = zip(leaves(inputs), names, strict=True)
        return Signature([Entry(name, _open(tensor), _kept(tensor.dtype)) for tensor, name in pairs], nest)
    parts = _parts(model, inputs, given)
    if len(parts) != len(names):
        raise ExportError(
            f"`input_signature` has {len(parts)} entries; model '{model.name}' takes {len(names)} inputs, {names}."
        )
    found = [_entry(part, name) for part, name in zip(parts, names, strict=True)]
    for entry, tensor in zip(found, leaves(inputs), strict=True):
        _check_fits(entry, tensor, model.name)
    return Signature(_unique(found), nest)


def _open(tensor: KerasTensor) -> tuple[int | None, ...]:
    """The shape of an input; of a stack that was built from data, whose batch size was chance, for any batch."""
    implied = tensor.node is None or getattr(tensor.node.operation, "implied", False)
    return (None, *tensor.shape[1:]) if implied and tensor.shape else tuple(tensor.shape)


def _parts(model: Any, inputs: Any, given: Any) -> list[Any]:
    """The entries of an `input_signature` in the order of a model's inputs."""
    arguments = _arguments(given)
    structure = arguments[0] if len(arguments) == 1 else given
    if isinstance(structure, Mapping):
        names = list(inputs) if isinstance(inputs, Mapping) else model.input_names
        missing = [name for name in names if name not in structure]
        if missing:
            raise ExportError(f"`input_signature` of model '{model.name}' has no entry for the inputs {missing}.")
        return leaves(
            {name: structure[name] for name in names} if isinstance(inputs, Mapping) else [*structure.values()]
        )
    return jax.tree.leaves(structure, is_leaf=lambda part: is_tensor(part) or is_shape(part))


def _check_fits(entry: Entry, tensor: KerasTensor, model: str) -> None:
    sizes = zip(entry.shape, tensor.shape, strict=False)
    if len(entry.shape) == len(tensor.shape) and all(None in pair or pair[0] == pair[1] for pair in sizes):
        return
    raise ExportError(
        f"`input_signature`: input '{entry.name}' of model '{model}' has the shape {tensor.shape}, the signature says"
        f" {entry.shape}."
    )


def of_arguments(given: Any, names: Sequence[str] = ()) -> Signature:
    """The arguments of any function, as an `input_signature` says: a list has one entry per argument.

    Args:
        given: as in `of_model`.
        names: of the parameters, as far as they are known.
    """
    entries: list[Entry] = []

    def place(part: Any, name: str) -> Any:
        if isinstance(part, Mapping):
            return {key: place(value, str(key)) for key, value in part.items()}
        if isinstance(part, (list, tuple)) and not is_shape(part):
            return type(part)(place(value, f"{name}_{i + 1}") for i, value in enumerate(part))
        if part is None:
            return None
        entries.append(_entry(part, name))
        return len(entries) - 1

    arguments = _arguments(given)
    named = tuple(names[i] if i < len(names) else f"input_{i + 1}" for i in range(len(arguments)))
    nest = tuple(place(part, name) for part, name in zip(arguments, named, strict=True))
    return Signature(_unique(entries), nest, named)


def _shapes_seen(model: Any) -> list[Any]:
    """What a model without a graph was called with, for any batch size."""
    seen = building.shapes_of(model)
    if not seen:
        raise ExportError(
            f"Model '{model.name}' ({type(model).__name__}) has not been built, so the shapes of its inputs are"
            f" unknown. It must be built. Call it on data first, or pass"
            f" `input_signature=[keras.InputSpec(shape=(None, 8))]`."
        )

    def shaped(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {key: shaped(value) for key, value in part.items()}
        if is_shape(part):
            return InputSpec(shape=(None, *part[1:]), dtype=model.input_dtype)
        return type(part)(shaped(value) for value in part)

    return [shaped(value) for value in seen.values()]


def _arguments(given: Any) -> list[Any]:
    return list(given) if isinstance(given, (list, tuple)) and not is_shape(given) else [given]


def _entry(given: Any, name: str) -> Entry:
    """From anything with a shape and a dtype; symbolic tensors and arrays stand for any batch size."""
    shape = given if is_shape(given) else getattr(given, "shape", None)
    if shape is None:
        raise ExportError(
            f"`input_signature`: expected `keras.InputSpec(shape=..., dtype=...)`, a symbolic tensor, an array or a"
            f" shape for '{name}'. Received: {given!r:.200}"
        )
    sizes = tuple(None if size is None else int(size) for size in shape)
    if sizes and (is_tensor(given) or isinstance(given, (np.ndarray, jax.Array))):
        sizes = (None, *sizes[1:])
    own = getattr(given, "name", None) if not is_tensor(given) else None
    dtype = getattr(given, "dtype", None) or "float32"
    return Entry(own or name, sizes, _kept(dtypes.standardize(getattr(dtype, "name", dtype))))


_NARROW = {"int64": "int32", "uint64": "uint32", "float16": "float32", "bfloat16": "float32", "float64": "float32"}


def _kept(dtype: str) -> str:
    """The dtype in which a program takes an input: it computes in 32 bits."""
    return _NARROW.get(dtype, dtype)


def _unique(entries: Iterable[Entry]) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries:
        used = {one.name for one in found}
        candidates = (entry.name, *(f"{entry.name}_{i}" for i in range(1, len(found) + 2)))
        found.append(entry._replace(name=next(name for name in candidates if name not in used)))
    return found
