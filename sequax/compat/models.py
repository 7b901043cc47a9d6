"""Old methods and arguments of models."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._holding import Holding
from ..core.input_spec import InputSpec
from ..core.tensor import is_tensor, leaves
from ..core.types import ArrayLike, Data, Nested
from ..data.class_weights import by_class, weights_of_classes
from ..model import Model
from ..sequential import Sequential
from ..utils.py_dataset import PyDataset
from . import captured, dialect, logs, spellings, trainability
from .attributes import give_validation_data, split_off
from .notes import note
from .trainability import AsCompiled

if TYPE_CHECKING:
    from ..callbacks import History
    from ..training.types import Callbacks, Verbose

# How batches are made in advance is a setting of the data set today.
_WORKERS = ("workers", "nb_worker", "use_multiprocessing", "pickle_safe", "max_queue_size", "max_q_size")
_COMPILE_WITHOUT_EFFECT = ("class_mode", "sample_weight_mode", "target_tensors", "experimental_run_tf_function")


def probas_to_classes(probabilities: ArrayLike) -> np.ndarray:
    """Numbers of classes from probabilities: the largest of several, or 0 and 1 of a single one.

    >>> probas_to_classes([[0.2, 0.8], [0.9, 0.1]]).tolist(), probas_to_classes([[0.7], [0.1]]).tolist()
    ([1, 0], [[1], [0]])
    """
    array = np.asarray(probabilities)
    return array.argmax(axis=-1) if array.shape[-1] > 1 else (array > 0.5).astype("int32")


def without_effect(*args: object, **kwargs: object) -> None:
    """A setting that has no counterpart."""


def is_sequence(data: object) -> bool:
    return isinstance(data, PyDataset)


# --- methods that there were ----------------------------------------------------------------------------------------


def predict_classes(
    self: Model, x: Data, batch_size: int | None = None, verbose: Verbose = 0, **kwargs: Any
) -> np.ndarray:
    """The class of each row."""
    note("model.predict_classes(x)", "np.argmax(model.predict(x), axis=-1), or model.predict(x) > 0.5 for one output")
    return probas_to_classes(self.predict(x, batch_size, verbose=verbose, **kwargs))


def predict_proba(
    self: Model, x: Data, batch_size: int | None = None, verbose: Verbose = 0, **kwargs: Any
) -> Nested[np.ndarray]:
    """The outputs, whatever they are."""
    note("model.predict_proba(x)", "model.predict(x)")
    return self.predict(x, batch_size, verbose=verbose, **kwargs)


def fit_generator(
    self: Model,
    generator: Data,
    steps_per_epoch: int | None = None,
    epochs: int = 1,
    verbose: Verbose = 1,
    callbacks: Callbacks = None,
    validation_data: Data | None = None,
    validation_steps: int | None = None,
    **kwargs: Any,
) -> History:
    """`fit` over batches; sizes in samples (Keras 1) become numbers of batches."""
    note("model.fit_generator(...)", "model.fit(...)")
    if "samples_per_epoch" in kwargs:
        note("samples_per_epoch=", "steps_per_epoch=, in batches")
        generator, steps_per_epoch = _steps(generator, kwargs.pop("samples_per_epoch"))
    if "nb_val_samples" in kwargs:
        note("nb_val_samples=", "validation_steps=, in batches")
        validation_data, validation_steps = _steps(validation_data, kwargs.pop("nb_val_samples"))
    return self.fit(
        generator,
        steps_per_epoch=steps_per_epoch,
        epochs=epochs,
        verbose=verbose,
        callbacks=callbacks,
        validation_data=validation_data,
        validation_steps=validation_steps,
        **kwargs,
    )


def evaluate_generator(
    self: Model, generator: Data, steps: int | None = None, **kwargs: Any
) -> float | list[float] | dict[str, float]:
    """`evaluate` over batches."""
    note("model.evaluate_generator(...)", "model.evaluate(...)")
    generator, steps = _in_batches(generator, steps, kwargs)
    return self.evaluate(generator, steps=steps, **{"verbose": 0, **kwargs})


def predict_generator(self: Model, generator: Data, steps: int | None = None, **kwargs: Any) -> Nested[np.ndarray]:
    """`predict` over batches."""
    note("model.predict_generator(...)", "model.predict(...)")
    generator, steps = _in_batches(generator, steps, kwargs)
    return self.predict(generator, steps=steps, **{"verbose": 0, **kwargs})


METHODS = (predict_classes, predict_proba)
GENERATOR_METHODS = (fit_generator, evaluate_generator, predict_generator)


def _in_batches(generator: Data, steps: int | None, kwargs: dict[str, Any]) -> tuple[Data, int | None]:
    if "val_samples" not in kwargs:
        return generator, steps
    note("val_samples=", "steps=, in batches")
    return _steps(generator, kwargs.pop("val_samples"))


def _steps(generator: Any, samples: int) -> tuple[Data, int | None]:
    """The generator, and how many of its batches hold so many samples: as many as the first one tells."""
    if not hasattr(generator, "__next__") and not isinstance(generator, PyDataset):
        return generator, None  # arrays
    if isinstance(generator, PyDataset):
        return generator, math.ceil(samples / _rows(generator[0]))
    first = next(generator)
    return itertools.chain([first], generator), math.ceil(samples / _rows(first))


def _rows(batch: Nested[np.ndarray]) -> int:
    x = batch
    while isinstance(x, (tuple, list, dict)):
        x = next(iter(x.values())) if isinstance(x, dict) else x[0]
    return len(x)


# --- methods that there are -----------------------------------------------------------------------------------------


def fit(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    positions = list(inspect.signature(original).parameters)[2:]

    def fit(self: Model, x: Data | None = None, *args: object, **kwargs: object) -> History:
        if "nb_epoch" in kwargs:
            note("nb_epoch=", "epochs=")
            kwargs["epochs"] = kwargs.pop("nb_epoch")
        _without_workers(kwargs)
        if "show_accuracy" in kwargs:
            note("show_accuracy=", "compile(metrics=['accuracy'])")
            del kwargs["show_accuracy"]
        _class_weights(self, kwargs.get("y", args[0] if args else None), kwargs)
        if kwargs.get("validation_data") is not None:
            kwargs["validation_data"] = _numbered(kwargs["validation_data"])
            give_validation_data(kwargs.get("callbacks"), kwargs["validation_data"])
        elif kwargs.get("validation_split"):
            y = kwargs.get("y", args[0] if args else None)
            give_validation_data(kwargs.get("callbacks"), split_off(x, y, kwargs["validation_split"]))
        with Holding(logs.asked, _facts(positions, x, args, kwargs)), AsCompiled(self):
            return original(self, _numbered(_column(self, x)), *args, **kwargs)

    return fit


def _facts(positions: list[str], x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What Keras 2 told callbacks of a run, besides what is told today."""
    given = {**dict(zip(positions, args, strict=False)), **kwargs}
    split = given.get("validation_split") or 0
    first = next(iter(leaves(x)), None) if isinstance(x, (np.ndarray, list, tuple, dict)) else None
    told: dict[str, Any] = {"do_validation": bool(split) or given.get("validation_data") is not None}
    if isinstance(first, np.ndarray) and first.ndim:
        told |= {"samples": int(len(first) * (1 - split)), "batch_size": given.get("batch_size") or 32}
    return told


def train_on_batch(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def train_on_batch(self: Model, *args: object, **kwargs: object) -> object:
        _class_weights(self, kwargs.get("y", args[1] if len(args) > 1 else None), kwargs)
        with AsCompiled(self):
            return original(self, *args, **kwargs)

    return train_on_batch


def evaluate(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def over_data(self: Model, x: Data | None = None, *args: object, **kwargs: object) -> object:
        _without_workers(kwargs)
        kwargs.pop("show_accuracy", None)
        return original(self, _numbered(_column(self, x)), *args, **kwargs)

    return over_data


def predict(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    over_data = evaluate(owner, original)
    positions = list(inspect.signature(original).parameters)[1:]

    def predict(self: Model, *args: object, **kwargs: object) -> object:
        if dialect.spoken() is not None and "verbose" not in positions[: len(args)]:
            kwargs.setdefault("verbose", 0)  # the default of Keras 1 and 2: agents and GANs predict in each step
        return over_data(self, *args, **kwargs)

    return predict


def _class_weights(model: Model, y: Any, kwargs: dict[str, Any]) -> None:
    """Weights of classes as a list, one dict per output, or "auto", which no version after Keras 0 understood."""
    weights = kwargs.get("class_weight")
    several = weights.values() if isinstance(weights, dict) else weights if isinstance(weights, (list, tuple)) else ()
    if any(isinstance(one, dict) for one in several):
        note("class_weight= of several outputs", "sample_weight=[...], a weight per row for each output")
        del kwargs["class_weight"]
        kwargs["sample_weight"] = _weights_of_rows(model.output_names, y, weights)
    elif isinstance(weights, str):
        note(f"class_weight={weights!r}", "a dict from class number to weight; this one had no effect")
        del kwargs["class_weight"]
    elif isinstance(weights, (list, tuple, np.ndarray)):
        note("class_weight=[...]", "dict(enumerate(weights))", key="class_weight=")
        kwargs["class_weight"] = dict(enumerate(map(float, weights)))


def _weights_of_rows(outputs: list[str], y: Any, class_weights: Any) -> list[np.ndarray]:
    """A weight for each row of each output, from the weights of its classes; 1 for an output that has none.

    As in Keras 2, dicts in another number than that of the outputs have no effect.
    """
    targets = y if isinstance(y, (dict, list, tuple)) else [y]
    if not isinstance(targets, dict):
        targets = dict(zip(outputs, targets, strict=False))
    if not isinstance(class_weights, dict):
        class_weights = dict(zip(outputs, class_weights, strict=True)) if len(class_weights) == len(outputs) else {}
    return [weights_of_classes(by_class(class_weights.get(name)) or {}, np.asarray(targets[name])) for name in outputs]


def _without_workers(kwargs: dict[str, Any]) -> None:
    for name in _WORKERS:
        if name in kwargs:
            note(f"{name}=", "an argument of keras.utils.PyDataset")
            del kwargs[name]


def _column(model: Model, x: Any) -> Any:
    """One number per row as a column, which TensorFlow made of it before 2.7; here where no shape of inputs tells.

    Only for a first layer that takes no less: others may want the numbers as they are.
    """
    if not isinstance(model, Sequential) or model.built or not model.layers:
        return x
    spec = getattr(model.layers[0], "input_spec", None)
    if not isinstance(spec, InputSpec) or 2 not in (spec.min_ndim, spec.ndim) or np.ndim(x) != 1:
        return x
    return np.asarray(x)[:, None]


def _numbered(data: object) -> object:
    """Batches of an image generator as a data set: iterated over, it would never end."""
    return data.numbered() if hasattr(data, "numbered") else data


def compile(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    positions = list(inspect.signature(original).parameters)[1:]

    def compile(self: Model, *args: object, **kwargs: Any) -> None:
        for name in _COMPILE_WITHOUT_EFFECT:
            if name in kwargs:
                note(f"compile({name}=)", "leave it out, it has no effect")
                del kwargs[name]
        given = {**dict(zip(positions, args, strict=False)), **kwargs}
        if isinstance(given.get("loss_weights"), (list, tuple)) and any(
            isinstance(one, str) or callable(one) for one in given["loss_weights"]
        ):
            note("compile(optimizer, loss, metrics)", "compile(optimizer, loss, metrics=metrics)")
            given["loss_weights"], given["metrics"] = given.get("metrics"), given["loss_weights"]
        for name in ("metrics", "weighted_metrics"):
            if isinstance(given.get(name), str) or callable(given.get(name)):  # a metric is called, too
                note(f"{name}={given[name]!r}", f"{name}=[{given[name]!r}]")
                given[name] = [given[name]]
        for name in ("loss", "metrics"):
            given[name] = _renamed(given.get(name))
        given["loss"] = captured.losses(self, given["loss"])
        given["metrics"] = _for_each_output(self, given["metrics"])
        original(self, **given)
        trainability.record(self)

    return compile


def _for_each_output(model: Model, metrics: Any) -> Any:
    """A list of metrics for a model with several outputs is meant for each, as in Keras 2."""
    graph = model.recorded_graph
    count = 1 if graph is None else len(leaves(graph.outputs))
    flat = isinstance(metrics, list) and metrics and not any(isinstance(one, (list, tuple, dict)) for one in metrics)
    return [list(metrics) for _ in range(count)] if flat and count > 1 and len(metrics) != count else metrics


def _renamed(given: object) -> object:
    """Names of losses and metrics, alone or in lists and dicts."""
    if isinstance(given, str) and given in spellings.IN_COMPILE:
        note(repr(given), repr(spellings.IN_COMPILE[given]))
        return spellings.IN_COMPILE[given]
    if isinstance(given, dict) and "class_name" not in given:
        return {key: _renamed(value) for key, value in given.items()}
    return [_renamed(one) for one in given] if isinstance(given, list) else given


def constructor(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`Model(input=..., output=...)`; of a subclass `super().__init__("name")`, and `(self)`, which was ignored."""

    def __init__(self: Model, *args: object, **kwargs: object) -> None:
        if len(args) == 1 and args[0] is self:
            note("super().__init__(self)", "super().__init__()")
            args = ()
        elif len(args) == 1 and isinstance(args[0], str):
            note("super().__init__(name)", "super().__init__(name=name)")
            kwargs["name"], args = args[0], ()
        for old, new in (("input", "inputs"), ("output", "outputs")):
            if old in kwargs:
                note(f"Model({old}=)", f"Model({new}=)")
                kwargs[new] = kwargs.pop(old)
        kwargs |= {name: _single(kwargs[name]) for name in ("inputs", "outputs") if name in kwargs}
        original(self, *map(_single, args), **kwargs)

    return __init__


def _single(tensors: object) -> object:
    """The tensor in a list of one: up to Keras 2, a model of such lists gave `model.output` and its calls without."""
    found = leaves(tensors) if isinstance(tensors, list) else []
    return found[0] if len(found) == 1 and is_tensor(found[0]) else tensors
