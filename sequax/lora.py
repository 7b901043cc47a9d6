"""LoRA of a whole model: adapters in many layers at once, merged, and kept in files of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from .core.errors import LoadError
from .core.layer import Layer
from .core.types import Path
from .core.variable import Variable
from .layers.base import Adaptable
from .parts import Parts
from .saving import lora_file, together

Filters = str | Sequence[str] | Callable[[Layer], bool] | None


class LowRankMethods(Parts):
    """The side of a model whose layers get low-rank adapters."""

    def enable_lora(
        self, rank: int, filters: Filters = None, lora_alpha: float | None = None, freeze: bool = True
    ) -> list[str]:
        """Freeze the model, and train small products beside the weights of its layers.

        Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models". What stands around the model, such as a
        new head behind it, trains as ever. `merge_lora` ends it; `save_lora` keeps the adapters alone.

        Args:
            rank: of the products, at least 1.
            filters: which layers: a name or a list of names, as for `freeze`, or a function from a layer to True or
                False; default: all that have a weight for it: `Dense`, `EinsumDense`, `Conv1D` to `Conv3D`,
                embeddings, and what is inside `MultiHeadAttention`.
            lora_alpha: how much the products count; default: the rank.
            freeze: whether everything else in the model is frozen; False freezes the adapted weights alone.

        Adapters in frozen layers train, too: these layers are thawed, their weights stay frozen, and layers without an
        adapter are left as they are. So a base with `BatchNormalization` is frozen first, that its averages stay.

        Returns:
            The names of the layers that got adapters.

        Raises:
            ValueError: if the model is not built, no layer is meant, or one has an adapter already.

        >>> from sequax import Input, Sequential, layers
        >>> model = Sequential([Input((4,)), layers.Dense(8, name="hidden"), layers.Dense(2, name="head")])
        >>> model.enable_lora(2, "hidden"), len(model.trainable_variables)
        (['hidden'], 2)
        """
        who = f"Model '{self.name}'.enable_lora"
        if not self.built:
            raise ValueError(f"{who}: the model is not built. Give it an input shape, or call it on data first.")
        found = [layer for layer in self._meant(filters) if isinstance(layer, Adaptable)]
        if not found:
            raise ValueError(f"{who}: no layer that is meant has a weight for it. Received: filters={filters!r}")
        taken = [layer.name for layer in found if layer.lora_enabled]
        if taken:
            raise ValueError(f"{who}: lora is already enabled in {taken}. `merge_lora` ends it.")
        for layer in found:
            layer.check_adaptable()
        for layer in found:
            layer.enable_lora(rank, lora_alpha)
        self._thaw_around_adapters()
        if freeze:
            self._train_adapters_alone()
        return [layer.name for layer in found]

    def merge_lora(self) -> list[str]:
        """Put the products of all adapters into the weights; outputs stay as they are.

        What `enable_lora` froze is trained again, but for layers that are frozen themselves.

        Returns:
            The names of the layers that had adapters.
        """
        found = self._adapted()
        for layer in found.values():
            layer.merge_lora()
        for layer in self.flatten_layers() if found else ():
            for variable in layer.own_variables():
                variable.trainable = layer.trainable and variable.made_trainable
        return [layer.name for layer in found.values()]

    def save_lora(self, filepath: Path, trained: bool = False) -> None:
        """Write the adapters alone, a small file.

        Args:
            filepath: ends in `.safetensors`. Arrays stand in it under the names of their layers, such as
                `base/dense_1/lora_kernel_a`.
            trained: also write what else training changes: the weights of a new head, biases, and moving statistics
                of layers that are not frozen, so that the file and the old model make up the new one.

        Raises:
            ValueError: if no layer has an adapter, or for another ending.
        """
        found = self._adapted()
        if not found:
            raise ValueError(f"Model '{self.name}'.save_lora: no layer has an adapter. `enable_lora` makes them.")
        _check_ending(filepath, f"Model '{self.name}'.save_lora")
        with together.by_one(self, filepath) as writes:
            if writes:
                others = {name: v.stored_numpy() for name, v in self._moving().items()} if trained else {}
                lora_file.write(filepath, {path: _parts_of(layer) for path, layer in found.items()}, others)

    def load_lora(self, filepath: Path) -> list[str]:
        """Read what `save_lora` wrote, all or nothing.

        A model without adapters gets them, and is frozen otherwise, but for weights that the file holds, too.

        Args:
            filepath: written for a model whose layers have the same names and sizes.

        Returns:
            The names of the layers.

        Raises:
            LoadError: for a file of something else, a layer that is not there, or another shape.
        """
        _check_ending(filepath, f"Model '{self.name}'.load_lora")
        file, (given, weights) = os.fspath(filepath), lora_file.read(filepath)
        layers = {path: layer for path, layer in self.layers_by_path() if isinstance(layer, Adaptable)}
        before = self._adapted()
        left = before.keys() - given.keys()
        if left:
            raise LoadError(f"{file}: it has nothing for {sorted(left)}, which have adapters. Merge them first.")
        for path, parts in given.items():
            _check_fit(file, path, layers.get(path), parts)
        others = self._weights_by_path() if weights else {}
        for name, value in weights.items():
            _check_weight(file, name, others.get(name), value)
        for path, parts in given.items():
            layers[path].adapt_with(parts.a, parts.b, parts.alpha)
        for name, value in weights.items():
            others[name].assign(value)
        self._thaw_around_adapters()
        if not before:
            self._train_adapters_alone(others[name] for name in weights)
        return [layers[path].name for path in given]

    def _meant(self, filters: Filters) -> list[Layer]:
        inside = self.flatten_layers(include_self=False)
        if filters is None:
            return inside
        if callable(filters):
            return [layer for layer in inside if filters(layer)]
        named = self.layers_named(*([filters] if isinstance(filters, str) else filters))
        return [one for layer in named for one in layer.flatten_layers()]

    def _adapted(self) -> dict[str, Adaptable]:
        """The layers with adapters, by the names of the layers around them and their own."""
        return {path: one for path, one in self.layers_by_path() if isinstance(one, Adaptable) and one.lora_enabled}

    def _train_adapters_alone(self, others: Iterable[Variable] = ()) -> None:
        trained = {id(one) for one in others if one.made_trainable} | self._adapter_ids()
        for variable in self.variables:
            variable.trainable = id(variable) in trained

    def _thaw_around_adapters(self) -> None:
        """Let adapters train in frozen layers; what else is in these stays frozen."""
        adapters = self._adapter_ids()
        around = [
            layer for layer in self.flatten_layers() if not adapters.isdisjoint(id(v) for v in layer.state_variables)
        ]
        if all(layer.trainable for layer in around):
            return
        trained = {id(v) for v in self.trainable_variables} | adapters
        still = [layer for layer in self.flatten_layers() if not layer.trainable and layer not in around]
        for layer in around:
            layer.trainable = True
        for layer in still:
            layer.trainable = False  # such as normalization, which would begin to average again
        for variable in self.variables:
            variable.trainable = id(variable) in trained

    def _adapter_ids(self) -> set[int]:
        return {id(part) for layer in self._adapted().values() for part in layer.adapters()}

    def _weights_by_path(self) -> dict[str, Variable]:
        """The weights of all layers, adapters apart, by the names of the layers around them and their own."""
        adapters, known = self._adapter_ids(), {id(weight) for weight in self.weights}
        found: dict[str, Variable] = {}
        for path, layer in [("", self), *self.layers_by_path()]:
            for variable in layer.own_variables():
                if id(variable) in known - adapters:
                    known.remove(id(variable))  # of a layer that is met twice
                    name = f"{path}/{variable.name}" if path else variable.name
                    same = sum(other == name or other.startswith(f"{name}#") for other in found)
                    found[f"{name}#{same}" if same else name] = variable
        return found

    def _moving(self) -> dict[str, Variable]:
        """What training changes beside the adapters, by path."""
        # Frozen, or whole numbers and their scales, which no step moves.
        trained = {id(one) for one in self.trained_layers() if one.quantization_mode is None}
        still = {id(v) for layer in self.flatten_layers() if id(layer) not in trained for v in layer.own_variables()}
        return {
            path: variable
            for path, variable in self._weights_by_path().items()
            if variable.trainable or (not variable.made_trainable and id(variable) not in still)
        }


def _parts_of(layer: Adaptable) -> lora_file.Parts:
    a, b = (part.stored_numpy() for part in layer.adapters())
    assert layer.lora_alpha is not None
    return lora_file.Parts(layer.adapted_weight, a, b, layer.lora_alpha)


def _check_fit(file: str, path: str, layer: Adaptable | None, parts: lora_file.Parts) -> None:
    if layer is None or not layer.built or layer.adapted_weight != parts.weight:
        raise LoadError(f"{file}: the model has no built layer {path!r} with a weight {parts.weight!r} to adapt.")
    shape, rank = getattr(layer, parts.weight).shape, parts.a.shape[-1] if parts.a.ndim else 0
    if not rank or parts.a.shape != (*shape[:-1], rank) or parts.b.shape != (rank, shape[-1]):
        raise LoadError(
            f"{file}: {path!r} has a weight of shape {shape}. Found A of shape {parts.a.shape} and B of shape"
            f" {parts.b.shape}."
        )
    if layer.lora_rank not in (None, rank):
        raise LoadError(
            f"{file}: {path!r} has an adapter of rank {layer.lora_rank}; in the file it is of rank {rank}. Merge first."
        )
    if parts.a.dtype.kind != "f" or parts.b.dtype.kind != "f":
        raise LoadError(f"{file}: {path!r} should have floats. Found {parts.a.dtype} and {parts.b.dtype}.")


def _check_weight(file: str, name: str, variable: Variable | None, value: np.ndarray) -> None:
    if variable is None:
        raise LoadError(f"{file}: the model has no weight {name!r}.")
    if tuple(variable.shape) != value.shape:
        raise LoadError(f"{file}: weight {name!r} has shape {tuple(variable.shape)}; in the file it is {value.shape}.")


def _check_ending(filepath: Path, who: str) -> None:
    if not os.fspath(filepath).endswith(".safetensors"):
        raise ValueError(f"{who}: the name of the file must end in `.safetensors`. Received: {os.fspath(filepath)!r}")
