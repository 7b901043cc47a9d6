"""What a built and compiled model says about its data: the schemas that `data/checks` compares arrays with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .. import activations, losses as loss_catalogue
from ..core.names import is_ours
from ..core.tensor import KerasTensor, leaves
from ..data.checks import IndexedPart, InputSchema, OutputSchema
from ..data.spec import DataSpec
from ..metrics.accuracy import binary_accuracy
from . import counted, custom, plans, readers, scales, sizes

if TYPE_CHECKING:
    from ..model import Model


def of(model: Model, training: bool | None = None) -> DataSpec:
    """What a model says about its data.

    Args:
        training: what they are for: training, or evaluation.
    """
    plan = None if training is None else plans.known(model, training)
    return DataSpec(
        model,
        own=partial(custom.of, model),
        inputs=partial(inputs, model),
        outputs=partial(outputs, model),
        multiplied_by=lambda: scales.multiplied_by(model.compiled_part),
        takes_sizes=lambda arrays: sizes.are_taken(model.compiled_part, arrays),
        output_shapes=lambda xs: sizes.of_outputs(model.compiled_part, xs),
        counting=partial(counted.only, model),
        build=partial(custom.build, model),
        forms={} if plan is None else plan.forms,
    )


def inputs(model: Model) -> list[InputSchema]:
    """Schemas of each input, in order; those that an Embedding or CategoryEncoding reads as they are hold indices."""
    model = model.compiled_part
    schemas = []
    for tensor, found in zip(leaves(model.symbolic_inputs), readers.of(model), strict=True):
        whole = min((r for r in found if r.key is None), key=lambda r: r.layer.index_limit, default=None)
        schemas.append(
            InputSchema(
                tensor.name,
                (None, *tensor.shape[1:]),
                tensor.dtype,
                None if whole is None else whole.layer.index_limit,
                None if whole is None else whole.layer.name,
                tuple(IndexedPart(r.key, r.layer.index_limit, r.layer.name) for r in found if r.key is not None),
            )
        )
    return schemas


def outputs(model: Any) -> list[OutputSchema]:
    """Schemas of each output of a model whose losses are resolved."""
    compilation = model.compilation
    schemas = []
    for i, tensor in enumerate(leaves(model.symbolic_outputs)):
        loss = compilation.losses[i]
        name, settings = _loss(loss.function) if loss is not None else (None, {})
        metrics = [*compilation.metrics[i], *compilation.weighted_metrics[i]]
        accuracies = [m.name for m in metrics if getattr(m, "fn", None) is binary_accuracy]
        schemas.append(
            OutputSchema(
                name=model.output_names[i],
                shape=tuple(tensor.shape),
                loss=name,
                from_logits=bool(settings.get("from_logits", False)),
                activation=activation_of(tensor) if isinstance(tensor, KerasTensor) else None,
                ignore_class=settings.get("ignore_class"),
                metrics=tuple(m.name for m in metrics),
                # A class of the user's may turn other labels into such.
                binary_metrics=tuple(m.name for m in metrics if getattr(m, "binary_labels", False) and is_ours(m)),
                binary_accuracy=accuracies[0] if accuracies else None,
            )
        )
    return schemas


def _loss(loss: object) -> tuple[str | None, dict[str, Any]]:
    """The name of a loss of ours and its settings; no name for a function of the user's. Of a sum, the first."""
    found = [_loss(part) for part in getattr(loss, "parts", ())]
    if found:
        return next((one for one in found if one[0] is not None), found[0])
    function = getattr(loss, "fn", None)
    name = getattr(function, "__name__", None)
    known = name is not None and loss_catalogue.catalogue.functions.get(name) is function
    return (name if known else None), getattr(loss, "arguments", {})


def activation_of(tensor: KerasTensor) -> str | None:
    """The name of the activation that made a tensor; None where it is not known."""
    while tensor.node is not None:
        layer = tensor.node.operation
        if getattr(layer, "keeps_values", False) and tensor.node.inputs:
            tensor = tensor.node.inputs[0]
        elif getattr(layer, "symbolic_outputs", None) is not None:
            tensor = leaves(layer.symbolic_outputs)[tensor.position]
        elif getattr(layer, "activates_by", None) is not None:
            return layer.activates_by
        else:
            function = getattr(layer, "activation", None)
            name = getattr(function, "__name__", None)
            return name if name and getattr(activations, name, None) is function else None
    return None
