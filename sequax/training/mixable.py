"""Whether the data of a model can be mixed with one another, as `fit(augment=)` may be asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax

from ..core.tensor import leaves
from ..data.checks.schema import SPARSE
from . import data_spec
from .resolve import Compilation, compilation_of

if TYPE_CHECKING:
    from ..model import Model


def check(model: Model) -> None:
    """Refuse, before the first step, to mix what cannot be mixed.

    Raises:
        ValueError: for numbers of classes as targets, and numbers of words as inputs.
    """
    compilation = compilation_of(model)
    for layer in [inner for given in compilation.augment for inner in given.flatten_layers()]:
        if hasattr(layer, "mix_targets"):
            who = f"fit(augment={type(layer).__name__})"
            _check_targets(model, compilation, who, layer.pastes)
            for schema in data_spec.inputs(model):
                if schema.index_limit is not None or schema.indexed_parts:
                    raise ValueError(
                        f"{who}: input {schema.name!r} holds numbers that are looked up in a table; what lies between"
                        f" two of them means nothing. Mix behind the table, inside the model, or leave it out."
                    )


def _check_targets(model: Model, compilation: Compilation, who: str, pastes: bool) -> None:
    targets = leaves(compilation.targets)
    outputs = data_spec.outputs(model)
    for i, output in enumerate(outputs):
        if pastes and len(output.shape) > 2:
            continue  # masks, which are cut out and pasted as images are
        target: Any = targets[i] if len(targets) == len(outputs) else None
        whole = target is not None and jax.numpy.issubdtype(target.dtype, jax.numpy.integer)
        last = output.shape[-1] if output.shape else 1
        numbers = whole and last != 1 and (target.ndim < len(output.shape) or target.shape[-1] == 1)
        if output.loss in SPARSE or numbers:
            raise ValueError(
                f"{who}: the targets of output {output.name!r} are numbers of classes, which cannot be mixed. Make them"
                f" one-hot, `y = keras.utils.to_categorical(y, {last})`, and compile with"
                f" `losses.CategoricalCrossentropy()`, which has `label_smoothing=`, too."
            )
