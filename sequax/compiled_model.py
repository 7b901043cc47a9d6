"""What `compile` gave, as a model tells it."""

from __future__ import annotations

from typing import Any

from .core.layer import Layer
from .core.types import ArrayLike, Nested
from .optimizers.base import Optimizer
from .training import custom
from .training.resolve import Compilation, compilation_of
from .training.types import Losses


class CompiledModel(Layer):
    """The side of a model that `compile` has set.

    A model with loops of its own may set `optimizer` and `loss` itself, as in Keras: that counts until `compile`.
    """

    compilation: Compilation | None
    _optimizer_set: Any = None  # before `compile`
    _loss_set: tuple[()] | tuple[Compilation | None, Any] = ()  # with what `compile` had given by then
    symbolic_outputs: Any
    output_names: Any

    @property
    def compiled(self) -> bool:
        return self.compilation is not None

    @property
    def optimizer(self) -> Optimizer | Any:
        return self.compilation.optimizer if self.compilation is not None else self._optimizer_set

    @optimizer.setter
    def optimizer(self, value: Optimizer | Any) -> None:
        if self.compilation is not None:
            self.compilation.optimizer = value
        else:
            self._optimizer_set = value

    @property
    def loss(self) -> Losses:
        if self._loss_set and self._loss_set[0] is self.compilation:
            return self._loss_set[1]
        return self.compilation.loss if self.compilation is not None else None

    @loss.setter
    def loss(self, value: Losses) -> None:
        """For steps of the user's own; that of `compile` stays what `fit` minimises."""
        self._loss_set = self.compilation, value

    @property
    def metrics(self) -> list[Any]:
        if self.compilation is None:
            own = []
        elif any(custom.of(self)[:2]) or not self.compilation.resolved:  # a step of their own updates them
            own = self.compilation.grouped_metrics
        else:
            own = self.compilation.all_metrics
        return [*own, *(m for m in custom.metrics_of_layers(self) if not any(m is one for one in own))]

    @property
    def metrics_names(self) -> list[str]:
        """Names in the order of what `evaluate` returns."""
        if self.compilation is None:
            return []
        names = self.compilation.names if self.compilation.resolved else ["loss"]
        if custom.of(self).test:
            names = [*names, *(m.name for m in self.metrics if m.name not in (*names, "compile_metrics"))]
        return names

    def resolve(self, y: Nested[ArrayLike]) -> None:
        """Match losses and metrics with outputs and targets; again when their shapes have changed."""
        compilation_of(self).resolve_for(y, self.symbolic_outputs, self.output_names)
