"""The steps of a model as methods in Keras' JAX form, for subclasses to override or to call.

`fit` does not come here for models that override nothing: `step.py` does the same with less in between. These are
written out of the same parts, among them `step.update`, so both give the same numbers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from .._holding import Holding
from ..core import masks, pure, scope
from ..core.tensor import leaves
from ..core.types import Tensor, Tensors
from ..data.samples import unpack_x_y_sample_weight
from .resolve import compilation_of
from .step import no_loss, update

Arrays = Sequence[Any]

# Where `compute_loss` leaves the losses of single outputs for their trackers, which only the steps below can update.
_parts: ContextVar[list[Any] | None] = ContextVar("sequax_parts", default=None)


if TYPE_CHECKING:
    from ..compiled_model import CompiledModel
    from ..host_prefix import HostFront

    class Base(HostFront, CompiledModel):
        run_eagerly: bool
        jit_compile: bool
else:
    Base = object


class StepMethods(Base):
    """What `Model` does with one batch. A state is a tuple of lists of arrays, ordered as the model's variables are."""

    data_steps = False  # whether steps of a subclass may have TensorFlow's form, `train_step(self, data)`

    def train_step(self, state: tuple[Any, ...], data: Any) -> tuple[dict[str, Any], tuple[Any, ...]]:
        """One update; called by `fit` inside a compiled loop, so it has to be a function of its arguments.

        Args:
            state: `(trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables)`.
            data: `(x, y)`, `(x, y, sample_weight)` or `x`; class weights arrive as sample weights.

        Returns:
            `(logs, state)`; the logs of the last step are those of the epoch.
        """
        trainable, other, optimizer_variables, metrics = state
        x, y, sample_weight = unpack_x_y_sample_weight(data)

        def loss_of(trainable: Arrays) -> tuple[Any, Any]:
            loss, (unscaled, y_pred, after, metrics_after) = self.compute_loss_and_updates(
                *(trainable, other, metrics, x, y, sample_weight),
                training=True,
                optimizer_variables=optimizer_variables,
            )
            return loss, (unscaled, y_pred, masks.of(y_pred), after, metrics_after)

        findings, _, trainable, optimizer_variables = update(loss_of, self.optimizer, trainable, optimizer_variables)
        loss, y_pred, found, other, metrics = findings
        masks.keep(y_pred, found)
        logs, metrics = self._measured(trainable, other, metrics, loss, x, y, y_pred, sample_weight)
        return logs, (trainable, other, optimizer_variables, metrics)

    def test_step(self, state: tuple[Any, ...], data: Any) -> tuple[dict[str, Any], tuple[Any, ...]]:
        """Loss and metrics of one batch.

        Args:
            state: `(trainable_variables, non_trainable_variables, metrics_variables)`.
            data: as for `train_step`.

        Returns:
            `(logs, state)`.
        """
        trainable, other, metrics = state
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        loss, (_, y_pred, other, metrics) = self.compute_loss_and_updates(
            trainable, other, metrics, x, y, sample_weight, training=False
        )
        logs, metrics = self._measured(trainable, other, metrics, loss, x, y, y_pred, sample_weight)
        return logs, (trainable, other, metrics)

    def predict_step(self, state: tuple[Any, ...], data: Any) -> tuple[Any, list[Any]]:
        """Outputs of one batch.

        Args:
            state: `(trainable_variables, non_trainable_variables)`.
            data: x.

        Returns:
            `(outputs, non_trainable_variables)`.
        """
        trainable, other = state
        x, _, _ = unpack_x_y_sample_weight(data)

        def run() -> Any:
            with scope.fresh_call(), scope.calling(self, False):
                return self.compiled_part(x, training=False)

        variables = self.trainable_variables, self.non_trainable_variables
        outputs, values = pure.apply(run, [*variables[0], *variables[1]], [*trainable, *other])
        return outputs, values[len(trainable) :]

    # --- parts ---

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """The loss of `compile` and the penalties of the layers (`add_loss`, regularizers), a scalar.

        Args:
            x: inputs of the batch.
            y: its targets.
            y_pred: outputs of the model.
            sample_weight: a weight per row.
            training: whether this is a step of training.
        """
        loss: Tensor = jnp.zeros((), jnp.float32)
        compilation = self.compilation
        if compilation is not None and compilation.loss is not None:
            names = self.names_for(y_pred)
            if not compilation.resolved:
                compilation.resolve(y, y_pred, names)
            loss, parts = compilation.total_loss(y, y_pred, sample_weight, names)
            noted = _parts.get()
            if noted is not None:
                noted.extend(parts)
        for penalty in self.losses:
            loss = loss + jnp.sum(penalty).astype(jnp.float32)
        return jnp.asarray(loss, jnp.float32)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics of `compile` with one batch; returns the values of all metrics by name.

        Args:
            x: inputs of the batch.
            y: its targets.
            y_pred: outputs of the model.
            sample_weight: a weight per row.
        """
        compilation = self.compilation
        if compilation is not None and compilation.resolved:
            compilation.update_metrics(y, y_pred, sample_weight, self.names_for(y_pred))
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The values of all metrics by name, as the logs have them."""
        return compilation_of(self).results(self.metrics)

    def compute_loss_and_updates(
        self,
        trainable_variables: Arrays,
        non_trainable_variables: Arrays,
        metrics_variables: Arrays,
        x: Tensors,
        y: Tensors | None,
        sample_weight: Tensors | None,
        training: bool = False,
        optimizer_variables: Arrays | None = None,
    ) -> tuple[Any, tuple[Any, ...]]:
        """Forward pass and loss as a pure function, ready for `jax.value_and_grad(..., has_aux=True)`.

        Args:
            trainable_variables, non_trainable_variables, metrics_variables: values, in the order of these lists.
            x, y, sample_weight: the batch.
            training: whether layers act as in training.
            optimizer_variables: of the optimizer that scales the loss.

        Returns:
            `(loss, (unscaled_loss, y_pred, non_trainable_variables, metrics_variables))`; the two losses differ where
            the optimizer scales (`loss_scale_factor`).
        """

        def run() -> tuple[Any, Any, Any]:
            with scope.fresh_call(), scope.calling(self, training):
                y_pred = self.compiled_part(x, training=training)
                if training:
                    self._check_loss()
                return self._tracked_loss(x, y, y_pred, sample_weight, training), y_pred, masks.of(y_pred)

        given = trainable_variables, non_trainable_variables, metrics_variables
        (loss, y_pred, found), (_, other, metrics) = self._applied(run, given)
        masks.keep(y_pred, found)
        scaled = loss
        if training and optimizer_variables is not None and self.optimizer is not None:
            optimizer = self.optimizer
            scaled, _ = pure.apply(optimizer.scale_loss, optimizer.variables, list(optimizer_variables), loss)
        return scaled, (loss, y_pred, other, metrics)

    def stateless_compute_loss(
        self,
        trainable_variables: Arrays,
        non_trainable_variables: Arrays,
        metrics_variables: Arrays,
        x: Tensors | None = None,
        y: Tensors | None = None,
        y_pred: Tensors | None = None,
        sample_weight: Tensors | None = None,
        training: bool = True,
    ) -> tuple[Any, tuple[Any, ...]]:
        """`compute_loss` as a pure function.

        Args:
            trainable_variables, non_trainable_variables, metrics_variables: values, in the order of these lists.
            x, y, y_pred, sample_weight, training: as in `compute_loss`.

        Returns:
            `(loss, (trainable_variables, non_trainable_variables, metrics_variables))`.
        """
        given = trainable_variables, non_trainable_variables, metrics_variables
        return self._applied(lambda: self._tracked_loss(x, y, y_pred, sample_weight, training), given)

    # --- the steps as functions to call by oneself; `fit` and its kin have compiled loops of their own ---

    train_function: Callable[..., Any] | None = None
    test_function: Callable[..., Any] | None = None
    predict_function: Callable[..., Any] | None = None

    def make_train_function(self, force: bool = False) -> None:
        """Set `train_function`, compiled: `(state, iterator) -> (logs, state)` takes one batch off the iterator.

        Args:
            force: rebuild it if there is one.
        """
        if self.train_function is None or force:
            self.train_function = self._batch_function(self.train_step)

    def make_test_function(self, force: bool = False) -> None:
        """Set `test_function`, as `make_train_function` does.

        Args:
            force: make it again.
        """
        if self.test_function is None or force:
            self.test_function = self._batch_function(self.test_step)

    def make_predict_function(self, force: bool = False) -> None:
        """Set `predict_function`: `(state, iterator) -> (outputs, state)`.

        Args:
            force: make it again.
        """

        def step(state: tuple[Any, ...], data: Any) -> tuple[Any, tuple[Any, ...]]:
            outputs, other = self.predict_step(state, data)
            return outputs, (state[0], other)

        if self.predict_function is None or force:
            self.predict_function = self._batch_function(step)

    def _batch_function(self, step: Callable[..., Any]) -> Callable[..., Any]:
        run = step if self.run_eagerly or not self.jit_compile else jax.jit(step)
        return lambda state, iterator: run(state, next(iter(iterator)))

    def jax_state_sync(self) -> None:
        """Nothing to do: weights, optimizer and metrics are up to date whenever a callback runs."""

    # --- inside ---

    def _applied(
        self, function: Callable[[], Any], given: tuple[Arrays, Arrays, Arrays]
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run a function on values of trainable, other and metrics' variables; returns its result and the new values.

        Metrics of `compile` that an overridden `metrics` leaves out are updated in vain.
        """
        groups = self.trainable_variables, self.non_trainable_variables, self.metrics_variables
        known = {id(v) for group in groups for v in group}
        measures = self.compilation.all_metrics if self.compilation is not None else []
        left_out = [v for metric in measures for v in metric.variables if id(v) not in known]
        variables = [*groups[0], *groups[1], *groups[2], *left_out]
        values = [*given[0], *given[1], *given[2], *(v.value for v in left_out)]
        result, after = pure.apply(function, variables, values)
        first, second = len(groups[0]), len(groups[0]) + len(groups[1])
        return result, (after[:first], after[first:second], after[second : len(after) - len(left_out)])

    def _tracked_loss(
        self, x: Tensors | None, y: Tensors | None, y_pred: Tensors | None, weight: Tensors | None, training: bool
    ) -> Tensor:
        """`compute_loss`, and the trackers of the losses of several outputs."""
        compilation = compilation_of(self)
        given: dict[str, Any] = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": weight}
        if "training" in _parameters(self.compute_loss):
            given["training"] = training
        parts: list[Any] = []
        with Holding(_parts, parts):
            loss = self.compute_loss(**given)
        for tracker, part in zip(compilation.output_trackers, parts, strict=False):  # no trackers for a single output
            tracker.update_state(part, sample_weight=_rows(y_pred))
        return loss

    def _measured(
        self,
        trainable: Arrays,
        other: Arrays,
        metrics: Arrays,
        loss: Tensor,
        x: Tensors,
        y: Tensors | None,
        y_pred: Tensors,
        sample_weight: Tensors | None,
    ) -> tuple[dict[str, Any], Any]:
        """Logs and the metrics' variables after `compute_metrics`."""
        found = masks.of(y_pred)
        y_pred = jax.lax.stop_gradient(y_pred)

        def run() -> dict[str, Any]:
            compilation_of(self).loss_tracker.update_state(loss, sample_weight=_rows(y_pred))
            with masks.attached(y_pred, found):
                return self.compute_metrics(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)

        logs, (_, _, metrics) = self._applied(run, (trainable, other, metrics))
        return logs, metrics

    def _check_loss(self) -> None:
        """A step that would train nothing is refused; an own `compute_loss` knows what it does."""
        own = type(self).compute_loss is not StepMethods.compute_loss or "compute_loss" in vars(self)
        if not own and compilation_of(self).loss is None and not self.losses:
            raise no_loss(self.name)

    def names_for(self, y_pred: object) -> list[str]:
        """Names of the outputs; by position where the model does not know them."""
        count = len(leaves(y_pred))
        names = self.output_names
        return names if len(names) == count else [f"output_{i + 1}" for i in range(count)]


def _parameters(function: Callable[..., Any]) -> Collection[str]:
    parameters = inspect.signature(function).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {*parameters, "training"} if takes_all else parameters


def _rows(y_pred: object) -> float:
    """How much the loss of a batch counts in the mean of an epoch: the number of its rows."""
    arrays = leaves(y_pred)
    return float(arrays[0].shape[0]) if arrays and jnp.ndim(arrays[0]) else 1.0
