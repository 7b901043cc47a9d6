"""What a built and compiled model says about its data: the facts that `data/checks` compares arrays with."""

from __future__ import annotations

from typing import Any

from .. import activations
from .. import losses as loss_catalogue
from ..core.tensor import KerasTensor, leaves
from ..data.checks import InputFacts, OutputFacts

# Layers that leave the meaning of the values as it is: what stands before them says what the outputs are.
_TRANSPARENT = ("Reshape", "Flatten", "Identity", "Dropout", "Permute", "RepeatVector")
# Layers whose inputs are categories, and the attribute that says how many there are.
_CATEGORIES = {"Embedding": "input_dim", "CategoryEncoding": "num_tokens"}
_ACTIVATION_LAYERS = {"Softmax": "softmax", "ReLU": "relu"}


def free_input(what: str) -> InputFacts:
    """Facts of an input of a model that is not built: any shape will do."""
    return InputFacts(name=what, shape=None)


def inputs(model: Any) -> list[InputFacts]:
    """Facts of each input, in order; inputs that go straight into an Embedding or CategoryEncoding are indices."""
    model = model.compiled_part
    readers = model.input_readers()
    facts = []
    for tensor in leaves(model.symbolic_inputs):
        layer = readers.get(id(tensor))
        limit = getattr(layer, _CATEGORIES.get(type(layer).__name__, ""), None)
        shape = (None, *tensor.shape[1:])
        facts.append(InputFacts(tensor.name, shape, tensor.dtype, limit, layer.name if limit is not None else None))
    return facts


def outputs(model: Any) -> list[OutputFacts]:
    """Facts of each output of a model whose losses are resolved."""
    compilation = model.compilation
    facts = []
    for i, tensor in enumerate(leaves(model.symbolic_outputs)):
        loss = compilation.losses[i]
        name, settings = _loss(loss.function) if loss is not None else (None, {})
        metrics = tuple(m.name for m in (*compilation.metrics[i], *compilation.weighted_metrics[i]))
        facts.append(
            OutputFacts(
                name=model.output_names[i],
                shape=tuple(tensor.shape),
                loss=name,
                from_logits=bool(settings.get("from_logits", False)),
                activation=_activation(tensor) if isinstance(tensor, KerasTensor) else None,
                ignore_class=settings.get("ignore_class"),
                metrics=metrics,
            )
        )
    return facts


def _loss(loss: Any) -> tuple[str | None, dict[str, Any]]:
    """The name of a loss of ours and its settings; no name for a function of the user's."""
    function = getattr(loss, "fn", None)
    name = getattr(function, "__name__", None)
    known = name is not None and loss_catalogue.catalogue.functions.get(name) is function
    return (name if known else None), getattr(loss, "arguments", {})


def _activation(tensor: KerasTensor) -> str | None:
    """The name of the activation that made a tensor; None where it is not known."""
    while tensor.node is not None:
        layer = tensor.node.operation
        kind = type(layer).__name__
        if kind in _TRANSPARENT and tensor.node.inputs:
            tensor = tensor.node.inputs[0]
        elif getattr(layer, "symbolic_outputs", None) is not None:
            tensor = leaves(layer.symbolic_outputs)[tensor.position]
        elif kind in _ACTIVATION_LAYERS:
            return _ACTIVATION_LAYERS[kind]
        else:
            function = getattr(layer, "activation", None)
            name = getattr(function, "__name__", None)
            return name if name and getattr(activations, name, None) is function else None
    return None
