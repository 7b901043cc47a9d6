"""`clone_model`: the same architecture with fresh weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jax

from .core.catalogue import object_config
from .core.config import deserialize
from .core.layer import Layer
from .core.operation import FunctionOperation, Operation
from .core.owner import set_alone
from .core.tensor import is_tensor, leaves, map_structure
from .core.types import Symbols
from .host_prefix import on_host
from .layers.input_layer import Input, InputLayer
from .model import Model
from .sequential import Sequential
from .stack import take_entry, wire_entry


def clone_model(
    model: Model,
    input_tensors: Symbols | None = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: object,
) -> Model:
    """A model of the same architecture, with fresh weights and the same `compile` settings (a new optimizer).

    Args:
        input_tensors: symbolic inputs for the new model.
        clone_function: gives the layer to use in place of each one; returning the same layer shares it.
        call_function: for graphs only: called as `(layer, *args, **kwargs)` in place of the layer itself.
        recursive: hand the layers of nested models to `clone_function` and `call_function` too.

    A model with a `call` of its own is rebuilt from its config.

    Raises:
        ValueError: for functions or `input_tensors` with a model that has a `call` of its own.
    """
    if kwargs:
        raise ValueError(f"clone_model: unexpected arguments {sorted(kwargs)}.")
    replace = _replacement(clone_function, call_function, recursive)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError("`call_function` argument is not supported with Sequential models.")
        clone: Model = _clone_sequential(model, input_tensors, replace)
    elif model.recorded_graph is not None:
        clone = _clone_graph(model, input_tensors, replace, call_function)
    else:
        if clone_function is not None or call_function is not None or input_tensors is not None:
            raise ValueError(
                f"clone_model: `clone_function`, `call_function` and `input_tensors` are for Sequential models and"
                f" graphs, Model(inputs, outputs). Model '{model.name}' ({type(model).__name__}) has its own `call`."
            )
        clone = _from_config(model)
    if model.compiled:
        clone.compile_from_config(model.get_compile_config())
    return clone


def _from_config(model: Model) -> Model:
    config = object_config(model)
    config.pop("compile_config", None)
    return deserialize(config, custom_objects={type(model).__name__: type(model)})


def _replacement(
    clone_function: Callable[..., Any] | None, call_function: Callable[..., Any] | None, recursive: bool
) -> Callable[[Any], Any]:
    made: dict[int, Any] = {}

    def replace(layer: Layer) -> Operation:
        if isinstance(layer, FunctionOperation):
            return layer.again()
        if not isinstance(layer, Layer):
            return layer  # an operation of the user's: without weights, so it is shared
        if id(layer) not in made:
            own_call = not isinstance(layer, Model) or (layer.recorded_graph is None and not layer.is_stack)
            if isinstance(layer, Model) and not own_call and (recursive or clone_function is None):
                inside = call_function if recursive and layer.recorded_graph is not None else None
                made[id(layer)] = clone_model(
                    layer, clone_function=clone_function, call_function=inside, recursive=recursive
                )
            else:
                made[id(layer)] = (clone_function or _fresh)(layer)
        return made[id(layer)]

    return replace


def _fresh(layer: Layer) -> Layer:
    if on_host(layer):
        return copy.deepcopy(layer)  # no weights, but a vocabulary that only data could give again
    return type(layer).from_config(layer.get_config())


def _clone_sequential(model: Sequential, input_tensors: Symbols | None, replace: Callable[..., Any]) -> Sequential:
    clone = (type(model) if type(model).__init__ is Sequential.__init__ else Sequential)(name=model.name)
    if input_tensors is not None:
        tensors = leaves(input_tensors)
        if len(tensors) != 1 or not is_tensor(tensors[0]):
            raise ValueError("clone_model: a Sequential model takes one symbolic input tensor in `input_tensors`.")
        clone.add(Input(batch_shape=tensors[0].shape, dtype=tensors[0].dtype, name=tensors[0].name))
    else:
        take_entry(clone, model)
    for layer in model.layers:
        clone.add(replace(layer), rebuild=False)
    if not wire_entry(clone) and model.built and model.symbolic_inputs is not None:
        clone.build_from(model.symbolic_inputs)
    set_alone(clone, model.trainable)
    _copy_frozen(model, clone)
    return clone


def _clone_graph(
    model: Model, input_tensors: Symbols | None, replace: Callable[..., Any], call_function: Callable[..., Any] | None
) -> Model:
    graph = model.recorded_graph
    assert graph is not None
    inputs = input_tensors
    if isinstance(inputs, (list, tuple)) and len(inputs) == 1 and is_tensor(graph.inputs):
        (inputs,) = inputs
    if inputs is None:
        inputs = map_structure(lambda t: Input(batch_shape=t.shape, dtype=t.dtype, name=t.name), graph.inputs)
    elif _structure(inputs) != _structure(graph.inputs):
        raise ValueError(
            f"`input_tensors` must have the same structure as model.input. Received: {input_tensors!r:.200} for"
            f" model.input={graph.inputs!r:.200}"
        )
    if call_function is None:
        wired = graph.rewired(replace, inputs)
    else:
        wired = graph.rewired(lambda layer: lambda *a, **k: call_function(replace(layer), *a, **k), inputs)
    # A subclass with steps of its own stays one, if it is made as graphs are.
    cls = type(model) if type(model).__init__ is Model.__init__ else Model
    clone = cls(wired.inputs, wired.outputs, name=model.name)
    set_alone(clone, model.trainable)
    _copy_frozen(model, clone)
    return clone


def _structure(tensors: object) -> jax.tree_util.PyTreeDef:
    return jax.tree.structure(tensors, is_leaf=is_tensor)


def _copy_frozen(model: Model, clone: Model) -> None:
    """Layers and weights that were frozen on their own stay so, and adapters inside layers are there again."""
    for old, new in zip(model.layers, clone.layers, strict=False):
        if isinstance(old, InputLayer) or new is old or not isinstance(new, Layer):
            continue
        if not old.trainable:
            new.trainable = False
        if type(new) is type(old):
            new.thaw_inside(old.thawed_inside())
        if type(new) is type(old) and new.built and not isinstance(old, Model):
            new.adapt_inside(old.adapted_inside())
            new.freeze_alone(old.frozen_alone())


__all__ = ["clone_model"]
