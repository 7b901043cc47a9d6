"""What a model is for, in the words of the hub, as far as its inputs, outputs and loss tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.names import is_ours
from ..core.tensor import leaves
from ..data.checks.schema import BINARY, CATEGORICAL, HINGE, REGRESSION, SPARSE
from ..host_prefix import on_host
from ..training import data_spec, readers

if TYPE_CHECKING:
    from ..model import Model

_TASKS = {
    ("image", "classes"): "image-classification",
    ("image", "classes of pixels"): "image-segmentation",
    ("text", "classes"): "text-classification",
    ("text", "classes of steps"): "token-classification",
    ("table", "classes"): "tabular-classification",
    ("table", "numbers"): "tabular-regression",
}


def guess(model: Model) -> str | None:
    """The task; None where nobody can tell."""
    inputs, outputs = leaves(model.symbolic_inputs), leaves(model.symbolic_outputs)
    if len(outputs) != 1 or not inputs:
        return None
    return _TASKS.get((_of_inputs(model, inputs), _of_output(model, outputs[0])))  # type: ignore[arg-type]


def is_known(layer: Any) -> bool:
    """Whether a layer comes with Sequax and Keras."""
    return is_ours(type(layer))


def _of_inputs(model: Model, inputs: list[Any]) -> str | None:
    if any(on_host(layer) for layer in model.flatten_layers()):
        texts = any(hasattr(layer, "get_vocabulary") and hasattr(layer, "split") for layer in model.flatten_layers())
        return "text" if texts else "table"
    ranks = {len(tensor.shape) for tensor in inputs}
    if len(inputs) == 1 and ranks == {4}:
        return "image"
    if len(inputs) == 1 and ranks == {2} and any(one.key is None for one in readers.of(model.compiled_part)[0]):
        return "text"  # numbers that are looked up in a table
    return "table" if ranks <= {1, 2} else None


def _of_output(model: Model, output: Any) -> str | None:
    kind, rank = _kind(model, output), len(output.shape)
    if kind == "numbers":
        return "numbers" if rank <= 2 else None
    if kind != "classes":
        return None
    return {2: "classes", 3: "classes of steps", 4: "classes of pixels"}.get(rank)


def _kind(model: Model, output: Any) -> str | None:
    compilation = model.compilation
    if compilation is not None and compilation.losses:
        loss = data_spec.outputs(model)[0].loss
        if loss in SPARSE | CATEGORICAL | BINARY | HINGE:
            return "classes"
        if loss in REGRESSION:
            return "numbers"
    activation = data_spec.activation_of(output)
    return "classes" if activation in ("softmax", "sigmoid") else None
