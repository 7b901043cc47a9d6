"""What a student's outputs lack to those of its teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import jax
import jax.numpy as jnp

from .. import losses, tree
from ..core.catalogue import Catalogue
from ..core.constructor import Configured
from ..core.kinds import AboveZero, Kind, NameLike, Owner
from ..core.types import Tensor, Tensors

if TYPE_CHECKING:
    from ..model import Model

catalogue: Catalogue = Catalogue("distillation loss", "keras.distillation")


class _Losses(Kind):
    """A loss for each output: names become functions, and not all of them are None."""

    expected = "a loss, or a list or dict of losses by output, not all of them None"

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        found = tree.map_structure(losses.get, _from_config(value))
        return found if any(one is not None for one in tree.flatten(found)) else self.refuse(value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return value is not None


def _from_config(value: Any) -> Any:
    if isinstance(value, Mapping) and "class_name" in value:
        return losses.deserialize(dict(value))
    if isinstance(value, Mapping):
        return {key: _from_config(one) for key, one in value.items()}
    return [_from_config(one) for one in value] if isinstance(value, (list, tuple)) else value


LossesByOutput = Annotated[Any, _Losses()]


@catalogue.register()
class DistillationLoss(Configured):
    """Base of all distillation losses. A subclass writes `compute_loss`.

    Example:

    >>> class Gap(DistillationLoss):
    ...     def compute_loss(self, teacher_outputs, student_outputs):
    ...         return jnp.mean(jnp.abs(teacher_outputs - student_outputs))
    >>> float(Gap().compute_loss(jnp.ones((2, 3)), jnp.zeros((2, 3))))
    1.0
    """

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(self, teacher_outputs: Tensors, student_outputs: Tensors, **kwargs: object) -> Tensor:
        """A scalar from the outputs (or features) of both.

        Args:
            teacher_outputs: of the teacher, through which no gradient goes.
            student_outputs: of the student, in the same structure.
            **kwargs: for subclasses.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must implement `compute_loss(teacher_outputs, student_outputs)`."
        )

    def validate_outputs(self, teacher_outputs: Tensors, student_outputs: Tensors) -> None:
        """Refuse outputs that cannot be compared.

        Args:
            teacher_outputs, student_outputs: as for `compute_loss`.

        Raises:
            ValueError: if their structures differ.
        """
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        """Refuse models that this loss cannot compare; any two by default.

        Args:
            teacher: the model that is learned from.
            student: the model that learns.
        """


class _ByOutput(DistillationLoss):
    """A loss of functions `(teacher, student)`, one for each output."""

    loss: Any

    def validate_outputs(self, teacher_outputs: Tensors, student_outputs: Tensors) -> None:
        super().validate_outputs(teacher_outputs, student_outputs)
        try:
            tree.assert_same_structure(self.loss, teacher_outputs)
        except ValueError as error:
            raise ValueError(
                f"{type(self).__name__}: Loss structure mismatch: `loss` must have the structure of the outputs."
                f" {error}"
            ) from None

    def compute_loss(self, teacher_outputs: Tensors, student_outputs: Tensors, **kwargs: object) -> Tensor:
        single = not tree.is_nested(self.loss)
        one, teacher, student = self.loss, teacher_outputs, student_outputs
        pairs = (
            [(one, teacher, student)] if single else list(zip(*map(tree.flatten, (one, teacher, student)), strict=True))
        )
        return jnp.sum(jnp.stack([self._of_output(*pair) for pair in pairs if pair[0] is not None]))

    def _of_output(self, loss: Any, teacher: Tensor, student: Tensor) -> Tensor:
        return jnp.mean(loss(teacher, student))


@catalogue.register()
class LogitsDistillation(_ByOutput):
    """Softened classes of the teacher as targets of the student.

    Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network". The outputs of both are logits, which
    are divided by the temperature. For the Kullback-Leibler divergence they become probabilities, and the loss is
    multiplied by the temperature squared, so that its gradients do not shrink with it; other losses get the logits.

    Args:
        temperature: above 0; 3 to 5 as a rule.
        loss: name, function or `Loss`, called with `(teacher, student)`; for several outputs a list or dict of them,
            None for outputs that are left out.

    Raises:
        ValueError: for a temperature that is not above 0, or no loss at all.

    Example:

    >>> soft = LogitsDistillation(temperature=4.0)
    >>> float(soft.compute_loss(jnp.array([[2.0, 0.0]]), jnp.array([[2.0, 0.0]])))
    0.0
    """

    temperature: float

    def __init__(self, temperature: AboveZero = 3.0, loss: LossesByOutput = "kl_divergence"):
        super().__init__()

    def _of_output(self, loss: Any, teacher: Tensor, student: Tensor) -> Tensor:
        teacher, student = teacher / self.temperature, student / self.temperature
        if loss is not losses.kl_divergence and not isinstance(loss, losses.KLDivergence):
            return super()._of_output(loss, teacher, student)
        return super()._of_output(loss, jax.nn.softmax(teacher), jax.nn.softmax(student)) * self.temperature**2


@catalogue.register()
class FeatureDistillation(_ByOutput):
    """What layers of the teacher compute as targets of layers of the student.

    Romero et al. 2015, "FitNets: Hints for Thin Deep Nets".

    Args:
        loss: name, function or `Loss`, called with `(teacher, student)`; for a layer of several outputs a list or dict
            of them, None for outputs that are left out.
        teacher_layer_name: whose outputs are learned from; None: the teacher's own.
        student_layer_name: whose outputs learn; None: the student's own.

    Raises:
        ValueError: for no loss at all.

    Example:

    >>> FeatureDistillation("mse", teacher_layer_name="block5", student_layer_name="block2").student_layer_name
    'block2'
    """

    def __init__(
        self,
        loss: LossesByOutput = "mse",
        teacher_layer_name: NameLike | None = None,
        student_layer_name: NameLike | None = None,
    ):
        super().__init__()

    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        wanted = {"teacher": (teacher, self.teacher_layer_name), "student": (student, self.student_layer_name)}
        for role, (model, layer_name) in wanted.items():
            if layer_name is None:
                continue
            if not getattr(model, "inputs", None):
                raise ValueError(
                    f"FeatureDistillation: the {role} '{model.name}' has no symbolic inputs, so what its layer"
                    f" {layer_name!r} computes cannot be taken from it. Use a `Sequential` with an `Input` or"
                    f" `Model(inputs, outputs)`, or leave the names of layers out to compare the outputs."
                )
            try:
                model.get_layer(layer_name)
            except ValueError as error:
                raise ValueError(f"FeatureDistillation: in the {role} model: {error}") from None
