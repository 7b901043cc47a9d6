"""What a layer owns: variables, layers inside, seeds and metrics."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, NoReturn

import numpy as np

from . import tracking
from .variable import Variable


def set_alone(owner: Owner, trainable: object) -> None:
    """Freeze or unfreeze a layer, and leave the layers inside as they are: what they train goes on to train."""
    if not trainable:
        for layer in owner._inner_layers():
            layer._thawed = layer.trainable
    owner._trainable = bool(trainable)


def standing(owner: Owner) -> tuple[bool, bool]:
    """What `trainable` was set to, and whether that counts inside of what is frozen."""
    return owner.trainable, owner._thawed


def stand(owner: Owner, trainable: bool, thawed: bool) -> None:
    """Put back what `standing` gave, and leave the layers inside as they are."""
    owner._trainable, owner._thawed = trainable, thawed


class Unmade:
    """An attribute that the constructor of `Layer` sets, before it has run: the error says what was forgotten."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        if instance is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {self.name!r}")
        raise AttributeError(
            f"{owner.__name__!r} object has no attribute {self.name!r} yet: its `__init__` must call"
            f" `super().__init__()`, as its first statement."
        )


class Owner:
    """The side of a `Layer` that owns: all of it is found in its attributes when somebody asks, see `tracking.py`."""

    name: str
    built: bool
    untracked: frozenset[str] = frozenset()  # attributes that are not looked into
    _trainable: bool
    _thawed = False  # `trainable = True` was said since it was last frozen, so it counts inside of a frozen layer

    def own_variables(self) -> list[Variable]:
        """Variables of this layer itself: trainable ones first, each group in order of creation."""
        found = sorted(tracking.owned(self, "variable", self.untracked), key=lambda v: v.serial)
        return [v for v in found if v.made_trainable] + [v for v in found if not v.made_trainable]

    def variables_in_files(self) -> list[Variable]:
        """Those of this layer that files hold: adapters' own are not among them, see `core/adapter.py`."""
        found = self.own_variables()
        inside = {id(v) for one in found if one.adapter is not None for v in one.adapter.variables}
        return [v for v in found if id(v) not in inside] if inside else found

    def arrays_in_files(self) -> list[np.ndarray]:
        """What files hold of `variables_in_files()`."""
        return [v.numpy() for v in self.variables_in_files()]

    def frozen_alone(self) -> list[list[Any]]:
        """Which weights are frozen in layers that are not: the place of the layer among those inside, and the name.

        Names, since a layer of fewer bits, which one from a file may become later, has more weights.
        """
        return [
            [place, v.name]
            for place, layer in enumerate(self.flatten_layers())
            for v in layer.variables_in_files()
            if v.made_trainable and not v.trainable and layer.trainable and not (v.adapter and v.adapter.freezes)
        ]

    def freeze_alone(self, places: Sequence[Sequence[Any]]) -> None:
        """Freeze the weights that `frozen_alone` named.

        Args:
            places: what it gave. Those that are not there are passed over.
        """
        inside = self.flatten_layers() if places else []
        for place, name in places:
            for variable in inside[place].variables_in_files() if place < len(inside) else ():
                if variable.name == name:
                    variable.trainable = False

    def thawed_inside(self) -> list[int]:
        """Which layers inside train although the layer around them is frozen: their places among them."""
        frozen = [layer for layer in self.flatten_layers() if not layer.trainable]
        thawed = {id(one) for layer in frozen for one in layer._inner_layers() if one.trainable and one._thawed}
        return [place for place, layer in enumerate(self.flatten_layers()) if id(layer) in thawed]

    def thaw_inside(self, places: Sequence[int]) -> None:
        """Train the layers that `thawed_inside` named.

        Args:
            places: what it gave. Those that are not there are passed over.
        """
        inside = self.flatten_layers() if places else []
        for place in places:
            if place < len(inside):
                inside[place].trainable = True

    def adapted_inside(self) -> list[list[float]]:
        """Which layers inside have low-rank adapters: their places among them, ranks and alphas."""
        inside = enumerate(self.flatten_layers(include_self=False))
        return [[place, layer.lora_rank, layer.lora_alpha] for place, layer in inside if layer.lora_enabled]

    def adapt_inside(self, adapters: Sequence[Sequence[float]]) -> None:
        """Give adapters to the layers inside that `adapted_inside` named, unless their own configs did.

        Args:
            adapters: what it gave. Layers that are not there, or cannot have one, are passed over.
        """
        inside = self.flatten_layers(include_self=False)
        for place, rank, alpha in adapters:
            layer = inside[int(place)] if place < len(inside) else None
            if layer is not None and layer.built and layer.is_adaptable and not layer.lora_enabled:
                layer.enable_lora(int(rank), alpha)

    def _inner_layers(self) -> list[Any]:
        return [layer for layer in tracking.owned(self, "layer", self.untracked) if layer is not self]

    def flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Any]:
        """This layer and all layers inside it, outermost first.

        Args:
            include_self: whether the layer itself stands first.
            recursive: whether layers inside layers come, too.
        """
        found = [self] if include_self else []
        for layer in self._inner_layers():
            found.extend(layer.flatten_layers() if recursive else [layer])
        return tracking.unique(found)

    _flatten_layers = flatten_layers  # its name in Keras, which some scripts call

    @property
    def weights(self) -> list[Variable]:
        """All variables that files hold: trainable and not, without seeds and metrics."""
        own = self.own_variables()
        return tracking.unique(own + [v for layer in self._inner_layers() for v in layer.weights])

    @property
    def variables(self) -> list[Variable]:
        """`weights` and the states of seed generators."""
        own = self.own_variables() + [seed.state for seed in tracking.owned(self, "seed", self.untracked)]
        return tracking.unique(own + [v for layer in self._inner_layers() for v in layer.variables])

    @property
    def state_variables(self) -> list[Variable]:
        """All variables that a call may read or assign: `variables`, and those of metrics that layers own."""
        metrics = [m for layer in self.flatten_layers() for m in tracking.owned(layer, "metric", layer.untracked)]
        return tracking.unique(self.variables + [v for metric in metrics for v in metric.variables])

    def trained_layers(self) -> list[Any]:
        """The layers whose weights optimizers update when this one is trained, outermost first.

        None, if it is frozen itself. A layer inside of a frozen one is among them if its own `trainable` was set to
        True later: a layer that a frozen one has made since does not train unasked.
        """
        return tracking.unique(self._trained_layers(True)) if self.trainable else []

    def _trained_layers(self, around: bool) -> list[Any]:
        trained = self.trainable and (around or self._thawed)
        return [self] * trained + [one for layer in self._inner_layers() for one in layer._trained_layers(trained)]

    @property
    def trainable_variables(self) -> list[Variable]:
        return tracking.unique(v for layer in self.trained_layers() for v in layer.own_variables() if v.trainable)

    @property
    def non_trainable_variables(self) -> list[Variable]:
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trainable]

    @property
    def trainable(self) -> bool:
        """Whether optimizers update the variables; setting it reaches all layers inside. Takes effect at once.

        The last word counts: a layer that is set to True after the one around it was frozen trains in models over both.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = self._thawed = bool(value)
        for variable in self.own_variables():
            if variable.made_trainable and not (variable.adapter and variable.adapter.freezes):
                variable.trainable = self._trainable
        for layer in self._inner_layers():
            layer.trainable = value

    @property
    def metrics(self) -> list[Any]:
        own = tracking.owned(self, "metric", self.untracked)
        return tracking.unique(own + [m for layer in self._inner_layers() for m in layer.metrics])

    @property
    def metrics_variables(self) -> list[Variable]:
        return [v for metric in self.metrics for v in metric.variables]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights as NumPy arrays."""
        return [v.stored_numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights from arrays in the order of `get_weights()`; all or nothing.

        Raises:
            ValueError: if the number or a shape differs; nothing is changed then.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length {len(weights)},"
                f" but the layer was expecting {len(own)} weights."
            )
        arrays = [np.asarray(w) for w in weights]
        for variable, array in zip(own, arrays, strict=True):
            if variable.shape != array.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with provided weight shape"
                    f" {array.shape} (weight {variable.path})."
                )
        for variable, array in zip(own, arrays, strict=True):
            variable.assign(array)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put what a file keeps of this layer alone, without layers inside, into `store`, a dict of arrays."""
        for number, array in enumerate(self.arrays_in_files()):
            store[str(number)] = array

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take back what `save_own_variables` stored.

        Args:
            store: a dict of arrays.
        """
        own = self.variables_in_files()
        if len(store) != len(own):
            raise ValueError(f"Layer '{self.name}': expected {len(own)} stored variables. Received: {sorted(store)}")
        for number, variable in enumerate(own):
            variable.begin_with(store[str(number)])

    def count_params(self) -> int:
        """The number of scalars in all weights."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. Call"
                f" `build(input_shape)` or call it on data first."
            )
        return sum(v.size for v in self.weights)
