"""Old arguments and methods, put into Sequax' classes while the import hook is installed.

Classes stay the same objects: `isinstance`, subclasses and files work as ever. Only their constructors (and some
methods) are wrapped by a function that translates what it was called with, and unwrapped again by `undo`. Arrays get
the methods that TensorFlow's tensors have, such as `numpy()`.
"""

from __future__ import annotations

import inspect

from .patching import any_made, put, undo, wrap

__all__ = ["apply", "undo"]


def apply() -> None:
    """Patch all classes; imports what is patched."""
    if any_made():
        return
    from .. import layers, losses, optimizers, regularizers
    from ..callbacks import Callback, History, ModelCheckpoint, TensorBoard
    from ..callbacks.callback_list import CallbackList
    from ..callbacks.monitor import MonitorCallback
    from ..core.layer import Layer
    from ..core.tensor import KerasTensor
    from ..core.variable import Variable
    from ..metrics import Metric
    from ..model import Model
    from ..optimizers.state import State
    from ..sequential import Sequential
    from . import (
        added,
        arguments,
        attributes,
        backend_graph,
        calls,
        captured_calls,
        decay,
        files,
        logs,
        models,
        old_layers,
        old_optimizers,
        waiting,
    )
    from .tensorflow import data, steps, values

    for cls in [*layers.catalogue.classes.values(), Layer]:
        wrap(cls, "__init__", arguments.layer_constructor)
    wrap(layers.InputLayer, "__init__", arguments.input_constructor)
    wrap(layers.StringLookup, "_tokens_of", values.strings_of)
    for cls in (regularizers.L1, regularizers.L2):
        wrap(cls, "__init__", arguments.regularizer_constructor)
    for cls in vars(losses).values():
        if inspect.isclass(cls) and issubclass(cls, losses.Loss):
            wrap(cls, "__init__", arguments.loss_constructor)
    for cls in vars(optimizers).values():
        if inspect.isclass(cls) and issubclass(cls, optimizers.Optimizer):
            wrap(cls, "__init__", arguments.optimizer_constructor)
            if "update_step" in vars(cls):
                wrap(cls, "update_step", old_optimizers.update_step)
    put(optimizers.Optimizer, "lr", arguments.lr)
    put(optimizers.Optimizer, "learning_rate", decay.rate_property(optimizers.Optimizer.learning_rate))
    put(optimizers.Optimizer, "get_updates", backend_graph.get_updates)
    wrap(optimizers.Optimizer, "get_updates", old_optimizers.get_updates)
    put(State, "__init_subclass__", old_optimizers.subclassed(State.__init_subclass__.__func__))  # type: ignore[attr-defined]
    wrap(State, "build", old_optimizers.build)
    for name in ("assign", "assign_add", "assign_sub"):
        wrap(Variable, name, old_optimizers.assigning)
    wrap(optimizers.Optimizer, "add_variable_from_reference", old_optimizers.from_reference)
    wrap(Sequential, "add", old_layers.sequential_add)
    wrap(layers.RNN, "get_initial_state", old_layers.initial_state)
    for cls in (Layer, Sequential):
        wrap(cls, "__call__", calls.call)
    wrap(Layer, "_symbolic", captured_calls.symbolic)
    wrap(Layer, "compute_output_spec", old_layers.output_spec)
    for cls in (Model, Sequential):
        wrap(cls, "build_from", waiting.built)
    wrap(Model, "__call__", waiting.call)
    for cls in (Layer, Metric):
        wrap(cls, "add_weight", arguments.add_weight)
    put(Layer, "add_variable", Layer.add_weight)  # of Keras 2, where it was another name of that
    wrap(Layer, "add_loss", added.add_loss)
    wrap(Model, "__init__", models.constructor)
    put(Model, "more_axes", True)
    for name in ("compile", "fit", "evaluate", "predict", "train_on_batch"):
        wrap(Model, name, getattr(models, name))
    for kind, methods, properties in (
        (Layer, attributes.LAYER_METHODS, attributes.LAYER_PROPERTIES),
        (Model, (*models.METHODS, *models.GENERATOR_METHODS, *attributes.MODEL_METHODS), attributes.MODEL_PROPERTIES),
        (
            optimizers.Optimizer,
            (*attributes.OPTIMIZER_METHODS, *old_optimizers.METHODS),
            attributes.OPTIMIZER_PROPERTIES,
        ),
        (KerasTensor, (), attributes.TENSOR_PROPERTIES),
        (Metric, (), attributes.METRIC_PROPERTIES),
    ):
        for method in methods:
            put(kind, method.__name__, method)
        for name, value in properties.items():
            put(kind, name, value)
    for name in ("save", "save_weights", "load_weights"):
        wrap(Model, name, getattr(files, name))
    wrap(TensorBoard, "__init__", logs.board)
    wrap(ModelCheckpoint, "__init__", files.checkpoint)
    wrap(ModelCheckpoint, "_save_if_due", files.save_if_due)
    wrap(ModelCheckpoint, "_path", files.path_of)
    for name in ("trainable_weights", "non_trainable_weights"):
        put(Layer, name, attributes.settable_weights(name, getattr(Layer, name)))
    wrap(Layer, "_ensure_built", attributes.ensure_built)
    wrap(Layer, "__setattr__", attributes.set_weight)
    put(Layer, "filled_in", frozenset({"training", "mask"}))  # Keras 3 leaves both to the caller
    put(Model, "outputs", attributes.settable_outputs(Model.outputs))
    put(Model, "metrics", attributes.grouped_metrics(Model.metrics))
    put(Callback, "model", attributes.model_property(Callback.model))
    put(Callback, "validation_data", None)
    steps.patch(put)
    wrap(Layer, "add_metric", added.add_metric)
    wrap(History, "__init__", logs.history)
    wrap(CallbackList, "set_params", logs.params)
    wrap(CallbackList, "on_epoch_end", logs.epoch_end)
    wrap(CallbackList, "on_train_batch_begin", logs.of_batch)
    wrap(CallbackList, "on_train_batch_end", logs.of_batch)
    wrap(MonitorCallback, "get_monitor_value", logs.monitored)
    wrap(MonitorCallback, "_resolved_mode", logs.mode_of)
    for owner, attribute, value in (*values.patched(), *data.patched()):
        put(owner, attribute, value)
