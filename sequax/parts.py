"""Parts of a model by the names of their layers: to freeze them, to train them again, to give them optimizers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from numbers import Real
from typing import TYPE_CHECKING, Any

from . import optimizers as catalogue
from .core import names, tracking
from .core.layer import Layer
from .core.owner import set_alone
from .core.variable import Variable
from .optimizers.base import Optimizer

if TYPE_CHECKING:
    from .compiled_model import CompiledModel
    from .training.types import OptimizerLike


# --- freezing -------------------------------------------------------------------------------------------------------


class Parts(Layer):
    """The side of a model that knows its layers by name."""

    def layers_by_path(self) -> list[tuple[str, Layer]]:
        """All layers, also those inside layers, with the names that lead to them: `"base/block/dense"`."""
        return list(_paths(self))

    def layers_named(self, *patterns: str) -> list[Layer]:
        """All layers, also those inside layers, that one of the patterns names.

        Args:
            *patterns: names, in which `*` stands for any letters and `?` for any letter; `outer/inner` for a layer
                inside another one.

        Raises:
            ValueError: for a pattern that names none.
        """
        found = (_named(self, pattern, f"Model '{self.name}'") for pattern in patterns)
        return list(dict.fromkeys(layer for layers in found for layer in layers))

    def freeze(self, *layers: str, up_to: str | None = None) -> list[str]:
        """Exclude layers from training, at once and without another `compile`.

        Args:
            *layers: names, in which `*` stands for any letters and `?` for any letter; of layers inside layers the
                inner name, or `outer/inner`.
            up_to: a name: this layer and all before it.

        Without names and `up_to` it is the whole model.

        Returns:
            The names of what was frozen.

        Raises:
            ValueError: if no layer has a name; nothing is changed then.

        >>> from sequax import Input, Sequential, layers
        >>> model = Sequential([Input((4,)), *(layers.Dense(4, name=f"block{i}") for i in range(3))])
        >>> model.freeze(up_to="block1"), model.unfreeze("block[12]")
        (['block0', 'block1'], ['block1', 'block2'])
        """
        found = _chosen(self, layers, up_to, "freeze", "up_to", _until)
        for layer in found:
            layer.trainable = False
        return [layer.name for layer in found]

    def unfreeze(self, *layers: str, back_to: str | None = None) -> list[str]:
        """Train layers again, also those inside a model whose others stay frozen.

        Args:
            *layers: as for `freeze`.
            back_to: a name: this layer and all behind it.

        Returns:
            The names of what is trained again.

        Raises:
            ValueError: if no layer has a name; nothing is changed then.
        """
        found = _chosen(self, layers, back_to, "unfreeze", "back_to", _since)
        for layer in found:
            for outer in _around(self, layer):
                set_alone(outer, True)
            layer.trainable = True
        return [layer.name for layer in found]


def _chosen(
    model: Layer,
    patterns: tuple[str, ...],
    end: str | None,
    method: str,
    argument: str,
    cut: Callable[[list[Layer], list[Layer]], list[Layer]],
) -> list[Layer]:
    """The layers that are meant: all of a model where neither patterns nor an end are given."""
    who = f"Model '{model.name}'.{method}"
    if not patterns and end is None:
        return [model]
    found = [layer for pattern in patterns for layer in _named(model, pattern, who)]
    if end is not None:
        plain = [layer for layer in _inside(model) if not _inside(layer)]
        last = _named(model, end, f"{who}({argument}=...)")
        ends = [layer for one in last for layer in (one, *_inside(one)) if layer in plain]
        found += cut(plain, ends)
    return list(dict.fromkeys(found))


def _until(layers: list[Layer], ends: list[Layer]) -> list[Layer]:
    return layers[: 1 + max(map(layers.index, ends))]


def _since(layers: list[Layer], ends: list[Layer]) -> list[Layer]:
    return layers[min(map(layers.index, ends)) :]


def _named(model: Layer, pattern: str, who: str) -> list[Layer]:
    """The layers whose names match; of layers inside layers `outer/inner`, or the inner name alone.

    Raises:
        ValueError: if there is none.
    """
    by_path = dict(_paths(model))
    found = [layer for path, layer in by_path.items() if _is_named(path, pattern)]
    if not found:
        known = [layer.name for layer in by_path.values()]
        raise ValueError(
            f"{who}: no layer is named {pattern!r}. The layers are {known}; `*` stands for any letters."
            f"{names.suggest(pattern, known)}"
        )
    return found


def _is_named(path: str, pattern: str) -> bool:
    wanted = pattern.count("/") + 1
    own = path.split("/")
    parts = zip(own[-wanted:], pattern.split("/"), strict=False)
    return len(own) >= wanted and all(fnmatchcase(one, part) for one, part in parts)


def _paths(layer: Layer, above: str = "") -> Iterable[tuple[str, Layer]]:
    for inner in layer.flatten_layers(include_self=False, recursive=False):
        path = f"{above}{inner.name}"
        yield path, inner
        yield from _paths(inner, f"{path}/")


def _inside(layer: Layer) -> list[Layer]:
    return layer.flatten_layers(include_self=False)


def _around(model: Layer, layer: Layer) -> list[Layer]:
    """The model and the layers inside it that hold a layer."""
    return [outer for outer in model.flatten_layers() if outer is not layer and layer in _inside(outer)]


# --- optimizers -----------------------------------------------------------------------------------------------------


def optimizer_of(model: CompiledModel, given: OptimizerLike) -> OptimizerLike:
    """What `compile` was given; of a dict from names of layers to rates or optimizers, a `MultiOptimizer`.

    Args:
        model: whose layers are named.
        given: `compile(optimizer=...)`.

    Raises:
        ValueError: for a name that no layer has, or a value that is neither a rate nor an optimizer.
    """
    if not isinstance(given, Mapping) or "class_name" in given or not given:
        return given
    who = f"Model '{model.name}'.compile(optimizer=...)"
    found = {name: _optimizer(name, value, who) for name, value in given.items()}
    default = found.pop("*", None) or catalogue.Adam()
    for name in found:
        _named(model, name, who)
    return catalogue.MultiOptimizer(ByLayer(model, found, default))


class ByLayer(catalogue.OptimizerMap):
    """Says which optimizer trains which variable, by the names of the layers that hold it; the first that fits decides.

    In files it is an `OptimizerMap`: there the paths of the variables stand for the layers.

    Args:
        model: whose layers are named.
        by_name: patterns of names and their optimizers.
        default: for the variables of all other layers.
    """

    config_names = ("keras.optimizers", "OptimizerMap", None)

    def __init__(self, model: Layer, by_name: Mapping[str, Optimizer], default: Optimizer):
        super().__init__(default)
        self._model = model
        self._by_name = dict(by_name)

    @property
    def optimizers(self) -> list[Optimizer]:
        return tracking.unique([*self._by_name.values(), self.default_optimizer])

    def __call__(self, variable: Variable) -> Optimizer:
        for name, one in self._by_name.items():
            if any(variable is own for own in self._variables(name)):
                return one
        return self.default_optimizer

    def _variables(self, name: str) -> list[Variable]:
        layers = [layer for path, layer in _paths(self._model) if _is_named(path, name)]
        return [variable for layer in layers for variable in layer.variables]

    def get_config(self) -> dict[str, Any]:
        paths: dict[int, list[str]] = {}
        for variable in self._model.variables:
            paths.setdefault(id(self(variable)), []).append(_expression(variable.path))
        by_expression = {"|".join(paths[id(one)]): one for one in self._by_name.values() if id(one) in paths}
        return catalogue.OptimizerMap(self.default_optimizer, by_expression).get_config()


def _optimizer(name: object, value: object, who: str) -> Optimizer:
    if isinstance(value, (Real, catalogue.schedules.LearningRateSchedule)) and not isinstance(value, bool):
        return catalogue.Adam(value)
    found = catalogue.get(value) if isinstance(value, (str, Mapping, Optimizer)) else None
    if not isinstance(name, str) or found is None:
        raise ValueError(
            f"{who}: a dict goes from names of layers to learning rates (of Adam), schedules or optimizers, such as"
            f" {{'base*': 1e-5, 'head': 1e-3}}. Received: {{{name!r}: {value!r}}}."
        )
    return found


def _expression(path: str) -> str:
    """A regular expression for the path of a variable. Keras leaves out outer names when it reads a file."""
    parts = list(map(re.escape, path.split("/")))
    return "".join(f"({one}/)?" for one in parts[:-2]) + "/".join(parts[-2:])
