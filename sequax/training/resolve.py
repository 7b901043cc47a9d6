"""What `compile` was given, matched with the outputs of the model: one loss and a list of metrics per output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp

from .. import losses as loss_catalogue, metrics as metric_catalogue, optimizers as optimizer_catalogue
from ..core import dtypes, rows, scope, tracking
from ..core.catalogue import serialize
from ..core.names import is_ours, name_of, suggest
from ..core.placement import DEVICE
from ..core.portable import Portable
from ..core.tensor import leaves
from ..core.variable import Variable
from ..data.structures import nested_alike, targets_of, weights_of

if TYPE_CHECKING:
    from ..compiled_model import CompiledModel
    from ..core.types import Tensor, Tensors
    from ..data.spec import Overrides
    from ..metrics.base import Metric
    from ..optimizers.base import Optimizer
    from .types import Losses, LossWeights, Metrics, OptimizerLike

Shape = tuple[int | None, ...]


class OutputLoss(NamedTuple):
    """The loss of one output: where its target stands, and how much it counts."""

    name: str
    function: loss_catalogue.Loss | LossSum
    scale: float


class Compilation(Portable):
    """The settings of `compile`, and after `resolve` the losses and metrics of each output.

    Args: as for `Model.compile`.
    """

    loss: Losses
    loss_weights: LossWeights
    given_metrics: Metrics
    given_weighted_metrics: Metrics

    def __init__(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: Losses = None,
        loss_weights: LossWeights = None,
        metrics: Metrics = None,
        weighted_metrics: Metrics = None,
    ):
        self.optimizer: Optimizer | Any = optimizer_catalogue.get(optimizer)
        self.loss, self.loss_weights = loss, loss_weights
        metrics = _as_first_given(metrics)
        self.given_metrics, self.given_weighted_metrics = metrics, weighted_metrics
        _check_names(loss, metrics, weighted_metrics)
        self.loss_tracker: Metric = metric_catalogue.Mean(name="loss")
        _given_beside[self.loss_tracker] = metrics
        self.output_trackers: list[Any] = []
        self.losses: list[OutputLoss | None] | None = None
        self.output_names: list[str] = []
        self._losses_as_given: list[str] = []  # names of their trackers
        self.metrics: list[list[Any]] = []
        self.weighted_metrics: list[list[Any]] = []
        self._display: list[tuple[Any, str]] = []  # pairs, not a dict by id: copies have metrics of their own
        self.targets: Any = None  # structure of abstract arrays that it was resolved with
        self._resolved_for: tuple[Any, ...] | None = None
        self.run_eagerly = False
        self.overrides: tuple[int, Overrides] | None = None  # what the model overrides, see `custom.of`
        self._gradient_norms: Metric | None = None
        self._augment: list[Any] = []
        self._grouped: CompileMetrics | None = None

    @property
    def gradient_norms(self) -> Metric | None:
        """A metric updated in each step with a dict from variable to gradient; None unless a callback wants one."""
        return self._gradient_norms

    @gradient_norms.setter
    def gradient_norms(self, metric: Metric) -> None:
        self._gradient_norms = metric
        tracking.note_change()  # the step is another one now

    @property
    def augment(self) -> list[Any]:
        """Layers that the batches of training pass first, see `augmenting.py`; they are those of a call of `fit`."""
        return self._augment

    @augment.setter
    def augment(self, layers: list[Any]) -> None:
        if layers or self._augment:
            tracking.note_change()
        self._augment = layers

    @property
    def resolved(self) -> bool:
        return self.losses is not None

    def resolve(self, y: object, outputs: object, names: Sequence[str]) -> None:
        """Match losses and metrics with the outputs.

        Args:
            y: structure of the targets (arrays or abstract ones), None if there are none.
            outputs: structure of the outputs of the model (symbolic tensors or abstract arrays).
            names: of the outputs, in the order of their leaves.
        """
        predictions = leaves(outputs)
        self.output_names = list(names)
        self.targets = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), y)
        # Targets may be a plain list or dict whatever the structure of the outputs is.
        self._display.clear()
        keys = list(names)
        given = _per_output(self.loss, keys, outputs, "loss")
        targets = targets_of(y, outputs, names, given)
        if len(targets) != len(predictions):
            raise ValueError(
                f"y has {len(targets)} array{'s' * (len(targets) != 1)}; the model has {len(predictions)} outputs"
                f" ({', '.join(keys)})."
            )
        scales = _per_output(self.loss_weights, keys, outputs, "loss_weights")
        self.losses = [
            None if one is None else OutputLoss(name, *_scaled(one, scale, target, prediction))
            for name, one, scale, target, prediction in zip(
                _paths(outputs, keys), given, scales, targets, predictions, strict=True
            )
        ]
        several = sum(one is not None for one in self.losses) > 1
        self.output_trackers = (
            [metric_catalogue.Mean(name=f"{one.name}_loss") for one in self.losses if one is not None]
            if several
            else []
        )
        places = jax.tree.unflatten(jax.tree.structure(outputs), range(len(predictions)))
        by_place = [self.losses[place] for place in _as_given(self.loss, places)]
        self._losses_as_given = [f"{one.name}_loss" for one in by_place if one is not None]
        self.metrics = self._metrics(self.given_metrics, "metrics", keys, targets, outputs)
        self.weighted_metrics = self._metrics(self.given_weighted_metrics, "weighted_metrics", keys, targets, outputs)

        self._build_metrics(targets, predictions)

    def _build_metrics(self, targets: list[Any], predictions: list[Any]) -> None:
        """Let metrics that size their variables by the first batch make them now, before anything is compiled."""
        for i, (target, prediction) in enumerate(zip(targets, predictions, strict=True)):
            for metric in (*self.metrics[i], *self.weighted_metrics[i]):
                # Our own hold all their variables from the start, but for those that have to know a shape.
                complete = is_ours(metric) and metric.variables and not hasattr(metric, "build_variables")
                if target is not None and not complete:
                    arrays = [_example(target), _example(prediction)]
                    with scope.framed(scope.Frame([], [], strict=False)):
                        jax.eval_shape(metric.update_state, *arrays)

    def _metrics(
        self, given: Metrics, argument: str, keys: list[str], targets: list[Any], outputs: object
    ) -> list[list[Any]]:
        predictions = leaves(outputs)
        if given is None:
            return [[] for _ in predictions]
        if isinstance(given, str) or not isinstance(given, (list, tuple, dict)):
            raise ValueError(
                f"Expected the `{argument}` argument to be a list, tuple, or dict. Received: {argument}={given!r}."
                f" Write `{argument}=[{given!r}]`."
            )
        flat = isinstance(given, (list, tuple)) and not any(isinstance(m, (list, tuple, dict)) for m in given)
        # A flat list counts for a single output; with several outputs it has one entry per output, as in Keras.
        per_output = [given] if flat and len(predictions) == 1 else _per_output(given, keys, outputs, argument)
        table = []
        for key, entry, target, prediction in zip(keys, per_output, targets, predictions, strict=True):
            entries = [] if entry is None else list(entry) if isinstance(entry, (list, tuple)) else [entry]
            resolved = []
            for one in entries:
                metric = _metric(one, target, prediction)
                name = one if isinstance(one, str) else metric.name  # reported as the user called it
                prefix = f"{key}_" if len(predictions) > 1 else ""
                shown = prefix + name
                if isinstance(one, str):
                    metric.name = shown  # ours to call: steps that the user wrote report by this name
                if argument == "weighted_metrics" and shown in [other for _, other in self._display]:
                    shown = f"{prefix}weighted_{name}"
                self._display.append((metric, shown))
                resolved.append(metric)
            table.append(resolved)
        return table

    def wanted_targets(self, names: Sequence[str]) -> int:
        """How many of the outputs have a loss."""
        if isinstance(self.loss, dict):
            return sum(self.loss.get(name) is not None for name in names)
        return sum(one is not None for one in _per_output(self.loss, list(names), list(names), "loss"))

    def resolve_for(self, y: object, outputs: object, names: Sequence[str]) -> None:
        """`resolve`, unless it was done for the same outputs and kinds of targets."""
        # Of the first axis only whether it is there: a model that is built from data knows theirs.
        predictions = [(len(t.shape), tuple(t.shape[1:]), str(t.dtype)) for t in leaves(outputs)]
        shapes = predictions, [tuple(t.shape[1:]) for t in leaves(y)]
        if shapes != self._resolved_for or not self.resolved:
            self._resolved_for = shapes
            self.resolve(y, outputs, names)

    def scale_loss(self) -> None:
        """Keep small 16-bit gradients from vanishing by a dynamic loss scale."""
        if not isinstance(self.optimizer, optimizer_catalogue.LossScaleOptimizer):
            self.optimizer = optimizer_catalogue.LossScaleOptimizer(self.optimizer, name="loss_scale_optimizer")

    def get_config(self) -> dict[str, Any]:
        """The arguments of `compile`, JSON-friendly."""
        return {
            "optimizer": serialize(self.optimizer),
            "loss": serialize(self.loss),
            "loss_weights": self.loss_weights,
            "metrics": serialize(self.given_metrics),
            "weighted_metrics": serialize(self.given_weighted_metrics),
            "run_eagerly": self.run_eagerly,
        }

    # --- used inside the compiled step ---

    def total_loss(
        self, y: Tensors | None, y_pred: Tensors, weight: Tensors | None, names: Sequence[str]
    ) -> tuple[Any, list[Any]]:
        """Weighted sum of the losses of all outputs, and the single ones (unweighted) for their trackers."""
        assert self.losses is not None
        predictions = leaves(y_pred)
        targets = targets_of(y, y_pred, names, self.losses)
        weights = weights_of(weight, len(predictions), y_pred, names)
        total: Any = 0.0
        parts = []
        for one, target, prediction, sample_weight in zip(self.losses, targets, predictions, weights, strict=True):
            if one is not None:
                value = one.function(target, prediction, sample_weight=sample_weight)
                parts.append(value)
                total = total + value * one.scale
        return total, parts

    def update_losses(self, loss: Tensor, parts: list[Any], y_pred: object) -> None:
        """Update the means of the losses with one batch, which counts by its rows."""
        predictions = leaves(y_pred)
        count = rows.number(float(predictions[0].shape[0])) if predictions and jnp.ndim(predictions[0]) else 1.0
        self.loss_tracker.update_state(loss, sample_weight=count)
        for tracker, part in zip(self.output_trackers, parts, strict=False):  # no trackers for a single output
            tracker.update_state(part, sample_weight=count)

    def update_metrics(self, y: Tensors | None, y_pred: Tensors, weight: Tensors | None, names: Sequence[str]) -> None:
        """Update every metric with one batch."""
        predictions = leaves(y_pred)
        if y is None:
            return
        targets = targets_of(y, y_pred, names, self.losses)
        weights = weights_of(weight, len(predictions), y_pred, names)
        for i, (target, prediction) in enumerate(zip(targets, predictions, strict=True)):
            if target is None:
                continue
            for metric in self.metrics[i]:
                _update(metric, target, prediction, None)
            for metric in self.weighted_metrics[i]:
                _update(metric, target, prediction, weights[i])

    # --- names and results ---

    @property
    def all_metrics(self) -> list[Any]:
        nested = [*self.metrics, *self.weighted_metrics]
        return [self.loss_tracker, *self.output_trackers, *(metric for group in nested for metric in group)]

    @property
    def grouped_metrics(self) -> list[Any]:
        """The loss, and the other metrics as one."""
        several = self.given_metrics or self.given_weighted_metrics or self.output_trackers
        if several and self._grouped is None:
            self._grouped = CompileMetrics(self)
        return [self.loss_tracker, self._grouped] if several else [self.loss_tracker]

    @property
    def step_metrics(self) -> list[Any]:
        """All metrics that a training step updates: those that are reported, and those of callbacks."""
        return self.all_metrics if self._gradient_norms is None else [*self.all_metrics, self._gradient_norms]

    @property
    def traced(self) -> tuple[Any, ...]:
        """What a compiled step depends on, the model and the optimizer apart."""
        losses = [None if one is None else (one.function, one.scale) for one in self.losses or ()]
        reported = self.output_trackers, self.metrics, self.weighted_metrics, self.names
        return losses, self.loss_tracker, *reported, self._gradient_norms, self._augment

    def results(self, metrics: Sequence[Any] | None = None) -> dict[str, Any]:
        """Name -> value of every metric; a metric may give a dict of its own."""
        logs: dict[str, Any] = {}
        for metric in self.all_metrics if metrics is None else metrics:
            value = metric.result()
            value = value.value if isinstance(value, Variable) else value
            for key, one in value.items() if isinstance(value, dict) else [(self._name(metric), value)]:
                logs[_free_name(key, logs)] = one
        return logs

    @property
    def names(self) -> list[str]:
        """Names of the metrics as they are reported, in the order of Keras' lists: the loss, the losses of outputs as
        `loss` names them, the metrics of a single output as they were given, and by the alphabet what is reported by a
        name that is not its own, as all metrics of several outputs are."""
        reported: dict[str, Any] = {}
        for metric in self.all_metrics:
            reported[_free_name(self._name(metric), reported)] = metric
        first = [self.loss_tracker.name, *(self._losses_as_given if self.output_trackers else ())]
        if len(self.metrics) == 1:
            first += [name for name, metric in reported.items() if name == metric.name and name not in first]
        return self.in_order(list(reported), first)

    def in_order(self, names: Sequence[str], order: Sequence[str]) -> list[str]:
        """Names of logs in an order, and by the alphabet those that it lacks."""
        return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))

    def _name(self, metric: Metric) -> str:
        return next((shown for known, shown in self._display if known is metric), metric.name)


def compilation_of(model: CompiledModel) -> Compilation:
    """The settings of `compile`.

    Raises:
        ValueError: for a model that is not compiled.
    """
    if model.compilation is None:
        raise ValueError("You must call `compile()` before using the model.")
    return model.compilation


class CompileMetrics(metric_catalogue.Metric):
    """All metrics of `compile` in one, as steps that the user wrote know them; those that want sample weights get them.

    Args:
        compilation: whose metrics these are.
    """

    def __init__(self, compilation: Compilation):
        super().__init__(name="compile_metrics")
        self._compilation = compilation

    @property
    def metrics(self) -> list[Any]:
        return self._compilation.all_metrics[1:]  # the first is the loss

    @property
    def variables(self) -> list[Any]:
        return [v for metric in self.metrics for v in metric.variables]

    @property
    def state_variables(self) -> list[Any]:
        return [v for metric in self.metrics for v in metric.state_variables]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self._compilation.update_metrics(y_true, y_pred, sample_weight, self._compilation.output_names)

    def reset_state(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        return self._compilation.results(self.metrics)


_given_beside: WeakKeyDictionary[Metric, Metrics] = WeakKeyDictionary()  # by the tracker of the loss


def _as_first_given(metrics: Metrics) -> Metrics:
    """For `compile(metrics=model.metrics)`, which means the metrics of a `compile` before: what that was given."""
    first = metrics[0] if isinstance(metrics, (list, tuple)) and metrics else None
    return _given_beside[first] if isinstance(first, metric_catalogue.Metric) and first in _given_beside else metrics


_BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")  # in any case of letters, as in Keras


def _free_name(name: str, taken: dict[str, Any]) -> str:
    count = 1
    free = name
    while free in taken:
        free, count = f"{name}_{count}", count + 1
    return free


def _check_names(loss: object, *metrics: object) -> None:
    """Refuse unknown names when `compile` is called, not at the first batch."""
    for one in _names_in(loss):
        if one.lower() not in _BY_SHAPE[2:]:
            loss_catalogue.get(one)
    for given in metrics:
        for one in _names_in(given):
            if one.lower() not in _BY_SHAPE:
                metric_catalogue.get(one)


def _names_in(given: object) -> list[str]:
    if isinstance(given, str):
        return [given]
    if isinstance(given, dict) and "class_name" not in given:
        return [name for value in given.values() for name in _names_in(value)]
    return [name for value in given for name in _names_in(value)] if isinstance(given, (list, tuple)) else []


def _per_output(given: object, keys: list[str], outputs: object, argument: str) -> list[Any]:
    """One entry per output from a single value, a list in the order of outputs, a dict by output name, or what nests
    as the outputs do."""
    nest = nested_alike(given, outputs)
    if nest is not None:
        return nest
    count = len(leaves(outputs))
    if isinstance(given, dict) and "class_name" not in given:
        unknown = [key for key in given if key not in keys]
        if unknown:
            raise ValueError(
                f"In the dict argument `{argument}`, key {unknown[0]!r} is no output."
                f"{suggest(unknown[0], keys)} Outputs: {keys}."
            )
        return [
            given.get(key, given.get(_called(tensor, key))) for key, tensor in zip(keys, leaves(outputs), strict=True)
        ]
    if isinstance(given, (list, tuple)):
        if len(given) != count:
            summed = (
                f" Several losses of one output add up: `loss={[given]}`." if (argument, count) == ("loss", 1) else ""
            )
            raise ValueError(
                f"`{argument}` has {len(given)} entries, but the model has {count} output(s): {keys}."
                f" Give one per output.{summed}"
            )
        return list(given)
    return [given] * count


def _called(tensor: object, key: str) -> str | None:
    """The name of the layer that makes an output, if the output is another one of that layer and has a number more."""
    node = getattr(tensor, "node", None)
    name = None if node is None else str(node.operation.name)
    return name if name is not None and key.startswith(f"{name}_") and key[len(name) + 1 :].isdigit() else None


def _as_given(given: object, places: Any) -> list[int]:
    """Places of outputs in the order in which losses name them: dicts have one of their own."""
    if isinstance(given, dict) and isinstance(places, dict):
        return [place for key in given if key in places for place in _as_given(given[key], places[key])]
    if isinstance(given, (list, tuple)) and isinstance(places, (list, tuple)) and len(given) == len(places):
        return [place for pair in zip(given, places, strict=True) for place in _as_given(*pair)]
    return jax.tree.leaves(places)


def _paths(outputs: object, names: Sequence[str]) -> list[str]:
    """What the loss of each output is reported by: its name, behind the keys and places of what holds it within the
    outputs: `z/b` for `{"z": [b]}`."""
    found = zip(jax.tree_util.tree_flatten_with_path(outputs)[0], names, strict=True)
    return [_path(path, tensor, name) if path else name for (path, tensor), name in found]


def _path(path: Sequence[Any], tensor: Any, name: str) -> str:
    places = [str(one.key if hasattr(one, "key") else one.idx) for one in path]
    if not hasattr(path[-1], "key"):  # a place in a list says less than the layer
        node = getattr(tensor, "node", None) if path[1:] else None
        places[-1] = name if node is None else node.operation.name
    return "/".join(places)


class LossSum:
    """Several losses of one output, added up, each times its weight.

    Args:
        parts: the losses.
        weights: one per loss.
    """

    parts: list[loss_catalogue.Loss]
    weights: list[float]

    def __init__(self, parts: Sequence[loss_catalogue.Loss], weights: Sequence[float]):
        self.parts, self.weights = list(parts), list(weights)

    @property
    def reduction(self) -> str | None:
        kinds = {part.reduction for part in self.parts}
        return kinds.pop() if len(kinds) == 1 else None

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> Any:
        return sum(
            part(y_true, y_pred, sample_weight=sample_weight) * weight
            for part, weight in zip(self.parts, self.weights, strict=True)
        )


def _scaled(given: object, scale: Any, target: Tensor | None, prediction: Tensor) -> tuple[Any, float]:
    """A loss, or the sum of a list of losses, and how much it counts."""
    if not isinstance(given, (list, tuple)):
        return _loss(given, target, prediction), 1.0 if scale is None else float(scale)
    parts = [_loss(one, target, prediction) for one in given if one is not None]
    own = isinstance(scale, (list, tuple))
    if not parts or (own and len(scale) != len(parts)):
        raise ValueError(f"`loss` of an output is {given!r} with `loss_weights` {scale!r}. Give one weight per loss.")
    return LossSum(parts, scale if own else [1.0] * len(parts)), 1.0 if own or scale is None else float(scale)


def _loss(identifier: object, target: Tensor | None, prediction: Tensor) -> loss_catalogue.Loss:
    """A Loss from a name, a function or a Loss."""
    if isinstance(identifier, str) and identifier.lower() in _BY_SHAPE[2:]:
        identifier = f"{_kind(target, prediction)}_crossentropy"
    found = loss_catalogue.get(identifier)
    if isinstance(found, loss_catalogue.Loss):
        return found
    return loss_catalogue.LossFunctionWrapper(found, name=name_of(found))


def _kind(target: Tensor | None, prediction: Tensor) -> str:
    """Which of the three forms of a classification a name without a form means, from the shapes."""
    pred = tuple(prediction.shape)
    true = pred if target is None else tuple(target.shape)
    if pred[-1] == 1:
        return "binary"
    if len(true) < len(pred) or (true[-1] == 1 and pred[-1] != 1):
        return "sparse_categorical"
    return "categorical"


def _metric(identifier: object, target: Tensor | None, prediction: Tensor) -> Metric:
    if isinstance(identifier, str) and identifier.lower() in _BY_SHAPE:
        ending = "accuracy" if identifier.lower() in _BY_SHAPE[:2] else "crossentropy"
        name = f"{_kind(target, prediction)}_{ending}"
        return metric_catalogue.MeanMetricWrapper(getattr(metric_catalogue, name), name=identifier)
    found = metric_catalogue.get(identifier)
    if isinstance(found, metric_catalogue.Metric):
        return found
    return metric_catalogue.MeanMetricWrapper(found, name=name_of(found))


def _example(array: Tensor) -> jax.ShapeDtypeStruct:
    """A batch of two rows in the shape and dtype of an array or symbolic tensor."""
    return jax.ShapeDtypeStruct((2, *array.shape[1:]), dtypes.jnp_dtype(dtypes.standardize(array.dtype)))


def _update(metric: Metric, target: Tensor, prediction: Tensor, weight: Tensor | None) -> None:
    given = prediction if weight is None else weight
    counts = rows.kept(given)
    if counts is not None:
        weight = counts.reshape(-1) if weight is None else weight * counts
    if weight is None:
        metric.update_state(target, prediction)
    else:
        metric.update_state(target, prediction, sample_weight=weight)


def scalars(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs of a program as Python numbers, sorted by name as Keras reports them."""
    values = {name: DEVICE.fetch(value) for name, value in sorted(logs.items())}
    return {name: float(value) if value.ndim == 0 else value for name, value in values.items()}
