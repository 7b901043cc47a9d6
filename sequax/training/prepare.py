"""From the arguments of `fit`, `evaluate` and `predict` to checked arrays and a built model."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from ..core import rng
from ..core.tensor import KerasTensor, leaves, map_structure
from ..data import arrays, checks, convert
from ..data.arrays import ArraySource
from ..data.source import Batch
from . import facts as model_facts
from .resolve import targets_of, weights_of

DEFAULT_BATCH_SIZE = 32


class TrainingData(NamedTuple):
    """The sources of one call of `fit`."""

    train: ArraySource
    validation: ArraySource | None


def training_data(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    batch_size: int | None,
    shuffle: Any,
    steps_per_epoch: int | None,
    validation_data: Any,
    validation_split: float,
    validation_batch_size: int | None,
    validation_steps: int | None,
    epochs: int,
    initial_epoch: int,
) -> TrainingData:
    """Checked sources for training and validation; builds the model and resolves its losses on the way.

    Nothing of the model changes before all checks have passed, except that a model without weights gets built.
    """
    refuse_streams(x, "x")
    numbers: dict[str, Any] = {
        "batch_size": batch_size,
        "epochs": epochs,
        "initial_epoch": initial_epoch,
        "validation_split": validation_split,
        "steps_per_epoch": steps_per_epoch,
        "validation_batch_size": validation_batch_size,
        "validation_steps": validation_steps,
    }
    checks.check_arguments(**{k: v for k, v in numbers.items() if k not in ("epochs", "initial_epoch")}, stacklevel=4)
    if y is None and model.compilation.loss is not None:
        raise ValueError(_missing_targets(x, "y"))
    checks.check_index_order({"x": x, "y": y}, stacklevel=4)
    data = checked_batch(model, x, y, sample_weight, class_weight, batch_size)
    rows = len(leaves(data)[0])
    held_out = None
    if validation_data is not None:
        held_out = _validation_batch(model, validation_data, validation_batch_size or batch_size)
    held_out_rows = None if held_out is None else len(leaves(held_out)[0])
    checks.check_arguments(**numbers, rows=rows, validation_rows=held_out_rows, stacklevel=4)
    if held_out is None and validation_split:
        outputs = model_facts.outputs(model)
        checks.check_split(
            targets_of(data.y, model.symbolic_outputs, model.output_names), outputs, validation_split, stacklevel=4
        )
        data, held_out = arrays.split(data, validation_split)
    size = batch_size or DEFAULT_BATCH_SIZE
    train = ArraySource(data, size, shuffle=shuffle, seed=rng.fresh_seed(), steps=steps_per_epoch)
    if held_out is None:
        return TrainingData(train, None)
    return TrainingData(train, ArraySource(held_out, validation_batch_size or size, steps=validation_steps))


def evaluation_data(
    model: Any, x: Any, y: Any, sample_weight: Any, batch_size: int | None, steps: int | None
) -> ArraySource:
    """A checked source for `evaluate`."""
    refuse_streams(x, "x")
    checks.check_arguments(batch_size=batch_size, stacklevel=4)
    if y is None and model.compilation.loss is not None:
        raise ValueError(_missing_targets(x, "y"))
    data = checked_batch(model, x, y, sample_weight, None, batch_size)
    if steps is not None:
        checks.check_arguments(batch_size=batch_size, steps_per_epoch=steps, rows=len(leaves(data)[0]), stacklevel=4)
    return ArraySource(data, batch_size or DEFAULT_BATCH_SIZE, steps=steps)


def checked_batch(
    model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any, batch_size: int | None, prefix: str = ""
) -> Batch:
    """Arrays of one set of data, converted and checked against the model, which is built if need be."""
    xs = checked_inputs(model, x, batch_size, f"{prefix}x", {"y": y, "sample_weight": sample_weight}, prefix)
    names = model.output_names
    if y is not None:
        y = convert.to_arrays(y, f"{prefix}y", len(names))
    if sample_weight is not None:
        sample_weight = convert.to_arrays(sample_weight, f"{prefix}sample_weight", None)
        sample_weight = jax.tree.map(lambda a: convert.cast(a, "float32", f"{prefix}sample_weight"), sample_weight)
    model.resolve(y)
    outputs = model_facts.outputs(model)
    targets = targets_of(y, model.symbolic_outputs, names)
    checks.check_configuration(outputs, stacklevel=5)
    if y is not None:
        checks.check_targets(targets, outputs, f"{prefix}y", stacklevel=5)
    weights = weights_of(sample_weight, len(names), model.symbolic_outputs, names)
    checks.check_weights(
        None if sample_weight is None else weights, class_weight, targets, outputs, f"{prefix}sample_weight"
    )
    checks.check_rows(
        {f"{prefix}x": leaves(xs), f"{prefix}y": leaves(y), f"{prefix}sample_weight": leaves(sample_weight)}
    )
    if class_weight is not None:
        sample_weight = _weights_of_classes(class_weight, targets[0])
    if y is not None:
        # Labels that stay whole numbers are cast to int32, all other targets to what the loss computes in.
        kinds = ["int32" if fact.loss in checks.SPARSE else "float32" for fact in outputs]
        cast = [
            None if a is None else convert.cast(a, kind, f"{prefix}y") for a, kind in zip(targets, kinds, strict=True)
        ]
        y = _in_structure(y, cast, names, model.symbolic_outputs)
    return Batch(xs, y, sample_weight)


def _in_structure(y: Any, targets: list[Any], names: list[str], outputs: Any) -> Any:
    """Cast targets where the user's structure has them."""
    if isinstance(y, dict):
        keys = sorted(outputs) if isinstance(outputs, dict) else names
        return dict(zip(keys, targets, strict=True))
    return jax.tree.unflatten(jax.tree.structure(y), [t for t in targets if t is not None])


def checked_inputs(
    model: Any,
    x: Any,
    batch_size: int | None,
    what: str = "x",
    others: dict[str, Any] | None = None,
    prefix: str = "",
) -> Any:
    """Inputs as arrays in the structure the model takes; a model that is not built yet is built from them."""
    if x is None:
        raise ValueError(f"{what} is missing: pass the inputs, one row per sample.")
    x = model.through_host(x, what)
    part = model.compiled_part
    expected = leaves(part.symbolic_inputs) if part.symbolic_inputs is not None else None
    given = convert.to_arrays(x, what, None if expected is None else len(expected))
    if expected is None:
        flat = [convert.cast(a, None, what) for a in leaves(given)]
        rows = checks.check_rows({what: flat})
        for name, other in (others or {}).items():
            if isinstance(getattr(other, "shape", None), tuple):
                checks.check_rows({what: [flat[0]], f"{prefix}{name}": [np.asarray(other)]})
        checked = checks.check_inputs(flat, [model_facts.free_input(what) for _ in flat], what)
        given = jax.tree.unflatten(jax.tree.structure(given), checked)
        size = min(batch_size or DEFAULT_BATCH_SIZE, rows)
        model.build_from(map_structure(lambda a: KerasTensor((size, *a.shape[1:]), a.dtype.name), given))
        if model.symbolic_inputs is None:
            return given
        expected = leaves(model.symbolic_inputs)
    if isinstance(given, dict) and not isinstance(part.symbolic_inputs, dict):
        missing = [t.name for t in expected if t.name not in given]
        if missing:
            raise ValueError(
                f"{what} has no entry for input {missing[0]!r}. Inputs: {[t.name for t in expected]}; {what} has"
                f" {list(given)}."
            )
        given = [given[t.name] for t in expected]
    facts = model_facts.inputs(model)
    flat = checks.check_inputs(leaves(given), facts, what)
    flat = [
        convert.cast(a, "int32" if fact.index_limit is not None else fact.dtype, what)
        for a, fact in zip(flat, facts, strict=True)
    ]
    return jax.tree.unflatten(
        jax.tree.structure(part.symbolic_inputs, is_leaf=lambda t: isinstance(t, KerasTensor)), flat
    )


def refuse_streams(x: Any, what: str) -> None:
    """Generators and data loaders are not read yet: say so instead of failing somewhere inside."""
    is_stream = hasattr(x, "__next__") or (
        hasattr(x, "__getitem__") and hasattr(x, "__len__") and hasattr(x, "on_epoch_end")
    )
    if is_stream or type(x).__module__.split(".")[0] in ("tensorflow", "grain") or type(x).__name__ == "DataLoader":
        raise NotImplementedError(
            f"{what} is a {type(x).__name__}: generators and data loaders are not supported in this version of Sequax."
            f" Pass arrays (NumPy, JAX, pandas), also memory-mapped ones larger than memory."
        )


def _validation_batch(model: Any, data: Any, batch_size: int | None) -> Batch:
    if not isinstance(data, (list, tuple)) or len(data) not in (2, 3):
        raise ValueError(
            f"validation_data needs (x, y) or (x, y, sample_weight). Received: {type(data).__name__}"
            f"{f' of length {len(data)}' if hasattr(data, '__len__') else ''}."
        )
    x, y, *weight = data
    refuse_streams(x, "validation x")
    if y is None:
        raise ValueError("validation_data needs (x, y): its y is None.")
    return checked_batch(model, x, y, weight[0] if weight else None, None, batch_size, prefix="validation ")


def _missing_targets(x: Any, what: str) -> str:
    hint = (
        " x is a tuple of two: write fit(x, y) in place of fit((x, y))." if isinstance(x, tuple) and len(x) == 2 else ""
    )
    return f"{what} is missing: the loss compares the outputs with targets.{hint}"


def _weights_of_classes(class_weight: dict[int, float], y: np.ndarray) -> np.ndarray:
    """A weight per sample from a weight per class; one-hot targets count as their class."""
    labels = y.argmax(-1) if y.ndim > 1 and y.shape[-1] > 1 else np.round(y.reshape(len(y), -1)[:, 0]).astype(int)
    table = np.ones(max([*class_weight, int(labels.max())]) + 1, np.float32)
    for label, weight in class_weight.items():
        table[int(label)] = weight
    return table[labels]
