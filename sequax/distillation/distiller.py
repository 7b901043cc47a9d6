"""`Distiller`: a model that trains another one, the student, on what a third one, the teacher, says of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Unpack

import jax.numpy as jnp

from .. import metrics, tree
from ..core.config import deserialize
from ..core.constructor import UnnamedOptions
from ..core.kinds import Fraction, Kind, Owner, is_number
from ..core.types import Tensor, Tensors
from ..model import Model
from ..training.types import Losses, Metrics, OptimizerLike
from .losses import DistillationLoss, catalogue

_OUTPUT = "final_output"


class _AModel(Kind):
    expected = "a model"

    def resolve(self, value: object, name: str, owner: Owner) -> Model:
        return value if isinstance(value, Model) else self.refuse(value, name, owner)


class _DistillationLosses(Kind):
    expected = "a distillation loss, such as `LogitsDistillation()`, or a list of them"

    def resolve(self, value: object, name: str, owner: Owner) -> list[DistillationLoss]:
        given: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value]
        found = [deserialize(one) if isinstance(one, Mapping) else one for one in given]
        good = found and all(hasattr(one, "compute_loss") and hasattr(one, "validate_outputs") for one in found)
        return found if good else self.refuse(value, name, owner)


class _Weights(Kind):
    expected = "None, or a list of numbers, one for each distillation loss"

    def resolve(self, value: object, name: str, owner: Owner) -> list[float] | None:
        if value is None:
            return None
        numbers = isinstance(value, (list, tuple)) and all(map(is_number, value))
        return list(value) if numbers else self.refuse(value, name, owner)  # type: ignore[call-overload]


ModelLike = Annotated[Model, _AModel()]
DistillationLosses = Annotated[DistillationLoss | Sequence[DistillationLoss], _DistillationLosses()]
WeightsOfLosses = Annotated[Sequence[float] | None, _Weights()]


@catalogue.register()
class Distiller(Model):
    """Trains a student on the labels and on what a teacher says of the same rows.

    Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network". The loss is
    `w * loss(y, student) + (1 - w) * sum of the distillation losses`, with w the `student_loss_weight`; penalties of
    the student count with its loss. The teacher is frozen and computes as in `predict`, in the same compiled step. What
    `predict` gives, and what metrics see, are the outputs of the student. Logs have `student_loss`,
    `distillation_loss` and `total_loss`, too.

    Args:
        teacher: a trained model. It is frozen: `teacher.trainable` is False from here on.
        student: a model with inputs and outputs of the same shapes and dtypes.
        distillation_losses: one, or several.
        distillation_loss_weights: a factor for each of several; default 1.
        student_loss_weight: w, from 0 to 1.
        name: of the distiller.
        **options: `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        ValueError: for models or arguments that do not fit each other.

    Example:

    >>> from sequax import Input, Sequential, layers
    >>> from sequax.distillation import LogitsDistillation
    >>> def dense(*units): return Sequential([Input((4,)), *(layers.Dense(n) for n in units)])
    >>> distiller = Distiller(dense(64, 64, 3), dense(8, 3), LogitsDistillation(temperature=3.0))
    >>> distiller.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    """

    teacher: Model
    student: Model
    distillation_losses: list[DistillationLoss]
    distillation_loss_weights: list[float]
    student_loss_weight: float

    def __init__(
        self,
        teacher: ModelLike,
        student: ModelLike,
        distillation_losses: DistillationLosses,
        distillation_loss_weights: WeightsOfLosses = None,
        student_loss_weight: Fraction = 0.5,
        name: str | None = "distiller",
        **options: Unpack[UnnamedOptions],
    ):
        super().__init__(name=name, **options)
        count = len(self.distillation_losses)
        if distillation_loss_weights is None:
            self.distillation_loss_weights = [1.0] * count
        elif len(distillation_loss_weights) != count:
            raise ValueError(
                f"Distiller '{self.name}': there are {count} distillation losses, and"
                f" {len(distillation_loss_weights)} `distillation_loss_weights`. Give one for each."
            )
        _check_pair(teacher, student)
        for loss in self.distillation_losses:
            loss.validate_model_compatibility(teacher, student)
        teacher.trainable = False
        self.student_loss_tracker: metrics.Mean = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker: metrics.Mean = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker: metrics.Mean = metrics.Mean(name="total_loss")

    def compile(  # type: ignore[override]
        self, optimizer: OptimizerLike = "adam", loss: Losses = None, metrics: Metrics = None, **options: Any
    ) -> None:
        """Say how the student is trained.

        Args:
            optimizer: name, `Optimizer`, or any optax transformation.
            loss: the student's own, of the labels and its outputs; as in `Model.compile`.
            metrics: of the labels and its outputs, a list.
            **options: as in `Model.compile`.

        Raises:
            ValueError: without a loss.
        """
        if loss is None:
            raise ValueError(
                f"Distiller '{self.name}': `loss` cannot be None; it compares the student with the labels."
            )
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise ValueError(
                f"Distiller '{self.name}': metrics must be a list or tuple. Received: metrics={metrics!r} (of type"
                f" {type(metrics).__name__})."
            )
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **options)

    def call(self, inputs: Tensors, training: bool | None = None, mask: Tensors | None = None) -> Any:
        return self.student(inputs, training=training, **({} if mask is None else {"mask": mask}))

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """The loss of the labels and that of the teacher, a scalar.

        Args:
            x: inputs of the batch.
            y: its labels; None: only the teacher counts.
            y_pred: outputs of the student; default: computed from `x`.
            sample_weight: a weight per row, of the loss of the labels.
            training: whether this is a step of training.
        """
        if y_pred is None:
            y_pred = self(x, training=training)
        weight = self.student_loss_weight
        by_labels: Tensor = jnp.zeros((), jnp.float32)
        if weight > 0 and y is not None:
            by_labels = super().compute_loss(x, y, y_pred, sample_weight, training)
        by_teacher: Tensor = jnp.zeros((), jnp.float32)
        if weight < 1:
            by_teacher = self._compared(x, y_pred, training)
        total = weight * by_labels + (1 - weight) * by_teacher
        self.student_loss_tracker.update_state(by_labels)
        self.distillation_loss_tracker.update_state(by_teacher)
        self.total_loss_tracker.update_state(total)
        return total

    def _compared(self, x: Tensors, y_pred: Tensors, training: bool) -> Tensor:
        of_teacher = {loss.teacher_layer_name for loss in self.distillation_losses}
        of_student = {loss.student_layer_name for loss in self.distillation_losses}
        taught = _features(self.teacher, of_teacher, x, training=False)
        learned: dict[str | None, Any] = {None: y_pred}
        if of_student != {None}:
            learned = {**_features(self.student, of_student, x, training), None: y_pred}
        total: Any = 0.0
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            pair = taught[loss.teacher_layer_name], learned[loss.student_layer_name]
            loss.validate_outputs(*pair)
            value = jnp.asarray(loss.compute_loss(*pair))
            if value.ndim:
                raise ValueError(
                    f"{type(loss).__name__}.compute_loss must return a scalar. It returned a non-scalar loss of shape"
                    f" {value.shape}."
                )
            total = total + weight * value
        return total


def _features(model: Model, layer_names: set[str | None], x: Tensors, training: bool) -> dict[str | None, Any]:
    """The outputs of layers of a model by name, under None those of the model."""
    if layer_names == {None}:
        return {None: model(x, training=training)}
    outputs = {str(name): model.get_layer(name).output for name in layer_names if name is not None}
    reading = Model(model.inputs, {**outputs, _OUTPUT: model.outputs}, name=f"{model.name}_features")
    found = reading(x, training=training)
    final = found.pop(_OUTPUT)
    return {**found, None: final[0] if len(final) == 1 else final}


def _check_pair(teacher: Model, student: Model) -> None:
    """Refuse models whose inputs or outputs differ in shape or dtype, as far as they are known."""
    for what in ("inputs", "outputs"):
        theirs, own = (getattr(model, what, None) for model in (teacher, student))
        if not theirs or not own:
            continue
        tree.assert_same_structure(theirs, own)
        for a, b in zip(tree.flatten(theirs), tree.flatten(own), strict=True):
            sizes = [pair for pair in zip(a.shape, b.shape, strict=False) if None not in pair]
            if len(a.shape) != len(b.shape) or any(one != other for one, other in sizes):
                raise ValueError(
                    f"Distiller: the {what} of teacher '{teacher.name}' and student '{student.name}' must have equal"
                    f" shapes. Received: {a.shape} and {b.shape}."
                )
            if a.dtype != b.dtype:
                raise ValueError(
                    f"Distiller: the {what} of teacher '{teacher.name}' and student '{student.name}' must have equal"
                    f" dtypes. Received: {a.dtype} and {b.dtype}."
                )
