"""`Pipeline`: preprocessing layers in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from ...core.catalogue import serialize
from ...core.config import deserialize
from ...core.kinds import Listed, Owner
from ...core.layer import Layer
from ...core.signature import of as signature_of
from ...core.types import CustomObjects, Tensor, Tensors
from ..catalogue import layer
from .annotated import Batch


class LayersOf(Listed):
    """Layers, as a list of its own."""

    def resolve(self, value: Any, name: str, owner: Owner) -> list[Layer]:
        wrong = [step for step in value if not isinstance(step, Layer)]
        if wrong:
            raise TypeError(
                f"{owner}: expected a list of layers. Received: {wrong[0]!r} (of type {type(wrong[0]).__name__}) among"
                f" them."
            )
        return list(value)


LayerList = Annotated[Sequence[Layer], LayersOf()]


@layer()
class Pipeline(Layer):
    """Applies preprocessing layers one after the other; by default as in training.

    Args:
        layers: list of layers; those that take `training` get that of the call, true by default.
        name: must be unique within a model; None: made from the class name.

    Raises:
        TypeError: if something else stands among them.

    Example:

    >>> import numpy as np
    >>> from sequax.layers import Rescaling
    >>> Pipeline([Rescaling(1 / 255), Rescaling(2.0, offset=-1.0)])(np.array([[0.0, 255.0]])).tolist()
    [[-1.0, 1.0]]
    """

    layers: list[Layer]

    def __init__(self, layers: LayerList, name: str | None = None):
        super().__init__(name=name)

    def call(self, inputs: Tensors, training: bool = True, mask: Tensor | None = None) -> Tensors:
        for step in self.layers:
            accepts = signature_of(type(step).call).accepts
            options = {"training": training, "mask": mask}
            inputs = step(inputs, **{key: value for key, value in options.items() if key in accepts})
        return inputs

    def augment_batch(self, x: Batch, y: Batch | None) -> tuple[Tensors, Tensors | None]:
        """A batch of training that all layers have changed, inputs and targets in the same way."""
        return changed(self.layers, x, y)

    def get_config(self) -> dict[str, Any]:
        return {"layers": [serialize(step) for step in self.layers], "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> Pipeline:
        """A new pipeline from `get_config()`.

        Raises:
            ValueError: without a list of layers.
        """
        if not isinstance(config.get("layers"), (list, tuple)):
            raise ValueError(f"Pipeline: expected a config with a list of `layers`. Received: {config!r:.200}")
        return cls([deserialize(step, custom_objects) for step in config["layers"]], name=config.get("name"))


def changed(layers: Sequence[Any], x: Any, y: Any) -> tuple[Any, Any]:
    """A batch of training that layers have changed one after the other: with its targets, if they know of such."""
    for step in layers:
        if hasattr(step, "augment_batch"):
            x, y = step.augment_batch(x, y)
        else:
            trains = "training" in signature_of(type(step).call).accepts
            x = step(x, **({"training": True} if trains else {}))
    return x, y
