"""`trainable` as it was when the model was compiled, which is what counted before Keras 3.

A GAN of those days compiles the critic, freezes it and compiles the stack over it: from then on the critic learns by
its own `train_on_batch`, and stands still in that of the stack. Keras 3, and Sequax without the import hook, go by what
is set at the moment of training.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from ..core.owner import Owner, stand, standing
from .notes import say

if TYPE_CHECKING:
    from ..core.variable import Variable
    from ..model import Model

_RECORD = "trainable_when_compiled"  # an attribute of what `compile` keeps


def record(model: Model) -> None:
    """Note which layers are trainable now."""
    setattr(model.compilation, _RECORD, [(layer, standing(layer)) for layer in model.flatten_layers()])


class AsCompiled:
    """A context in which the layers of a model are trainable where they were when it was compiled.

    Afterwards they are what they were before, so that other models over them see what the script has set. Layers that
    came to the model later, and models that were compiled without the hook, stay as they are.

    Args:
        model: that is trained.
    """

    def __init__(self, model: Model):
        self._model = model
        self._before: list[tuple[Owner, tuple[bool, bool], list[tuple[Variable, bool]]]] = []

    def __enter__(self) -> None:
        for layer, then in getattr(self._model.compilation, _RECORD, ()):
            if standing(layer) == then:
                continue
            own = [(variable, variable.trainable) for variable in layer.own_variables() if variable.made_trainable]
            self._before.append((layer, standing(layer), own))
            _set(layer, then, [(variable, then[0]) for variable, _ in own])
        if self._before:
            say(
                f"trainability of {self._model.name}",
                f"`trainable`, set after `compile`, does not count before the next `compile`: model"
                f" {self._model.name!r} is trained as it was compiled, as in Keras 2",
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for layer, before, own in self._before:
            _set(layer, before, own)


def _set(layer: Owner, now: tuple[bool, bool], own: list[tuple[Variable, bool]]) -> None:
    stand(layer, *now)
    for variable, value in own:
        variable.trainable = value
