"""`MultiOptimizer`: several optimizers for one model, each for its own variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, NoReturn

from ..core import tracking
from ..core.catalogue import object_config, serialize
from ..core.config import deserialize
from ..core.types import CustomObjects
from ..core.variable import Variable
from .base import Optimizer
from .catalogue import optimizer, optimizers
from .loss_scale import LossScaleOptimizer

_NOT_NESTED = "Each optimizer of a MultiOptimizer must be a plain one; for a loss scale give it `loss_scale_factor`."


@optimizers.register("optimizermap")
class OptimizerMap(MutableMapping[str, Optimizer]):
    """Says which optimizer trains which variable: by regular expressions that match the whole of a variable's path.

    Args:
        default_optimizer: for variables that match none.
        optimizer_map: dict from expression to optimizer; more can be assigned, `map["encoder/.*"] = Adam(1e-4)`.

    >>> from sequax.optimizers import SGD, Adam, OptimizerMap
    >>> OptimizerMap(SGD(), {".*/embeddings": Adam()})["model/words/embeddings"].name.startswith("adam")
    True
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None):
        if optimizer_map is not None and not isinstance(optimizer_map, Mapping):
            raise TypeError(
                f"OptimizerMap: `optimizer_map` must be a dict from expression to optimizer. Received:"
                f" {optimizer_map!r}"
            )
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(
                f"OptimizerMap: `default_optimizer` must be an optimizer object. Received: {default_optimizer!r}"
            )
        self._default = default_optimizer
        self._by_pattern: dict[str, Optimizer] = {}
        for pattern, chosen in (optimizer_map or {}).items():
            self[pattern] = chosen

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of all variables that no expression matches."""
        return self._default

    @property
    def optimizers(self) -> list[Optimizer]:
        """Those of the expressions, then the default; each once."""
        return tracking.unique([*self._by_pattern.values(), self._default])

    def __getitem__(self, key: str) -> Optimizer:
        """The optimizer of an expression or of a path.

        Raises:
            ValueError: if expressions of several optimizers match the path.
        """
        if key in self._by_pattern:
            return self._by_pattern[key]
        found = {pattern: o for pattern, o in self._by_pattern.items() if re.fullmatch(pattern, key)}
        if len(tracking.unique(found.values())) > 1:
            raise ValueError(
                f"OptimizerMap: multiple optimizers assigned to variable {key!r}, by the expressions {list(found)}."
                f" Make them exclude each other."
            )
        return next(iter(found.values()), self._default)

    def __setitem__(self, key: str, value: Optimizer) -> None:
        if not isinstance(key, str):
            raise ValueError(f"OptimizerMap: a key must be a string, a regular expression. Received: {key!r}")
        if key in self._by_pattern:
            raise ValueError(f"OptimizerMap: {key!r} already exists. Delete it first, or use another expression.")
        if not isinstance(value, Optimizer):
            raise ValueError(f"OptimizerMap: {key!r} must be given an optimizer object. Received: {value!r}")
        if isinstance(value, (LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(f"OptimizerMap: an optimizer cannot be {type(value).__name__}. {_NOT_NESTED}")
        try:
            re.compile(key)
        except re.error as error:
            raise ValueError(f"OptimizerMap: {key!r} is no regular expression: {error}.") from None
        self._by_pattern[key] = value

    def __delitem__(self, key: str) -> None:
        del self._by_pattern[key]

    def __contains__(self, key: object) -> bool:
        return key in self._by_pattern

    def __len__(self) -> int:
        return len(self._by_pattern)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_pattern)

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a variable."""
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        return {
            "default_optimizer": serialize(self._default),
            "optimizer_map": {pattern: serialize(o) for pattern, o in self._by_pattern.items()},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: CustomObjects | None = None) -> OptimizerMap:
        given = config["optimizer_map"] or {}
        by_pattern = {pattern: deserialize(o, custom_objects) for pattern, o in given.items()}
        return cls(deserialize(config["default_optimizer"], custom_objects), by_pattern)


@optimizer
class MultiOptimizer(Optimizer):
    """Hands each variable to an optimizer of its own: other rates for other layers, Muon beside Adam.

    Args:
        optimizer_map: `OptimizerMap`, or any function from a variable to its optimizer. It is asked once per variable.
        loss_scale_factor: the loss is multiplied by it, all gradients are divided by it. There is one loss, so this
            one replaces those that the optimizers were made with; to be read and set.
        name: prefix of the paths of its own two variables.

    It has no learning rate: those of `.optimizers` can be read and set, also while training. Settings such as
    `clipnorm` or `use_ema` belong to them, too.

    Raises:
        TypeError: for an `optimizer_map` that cannot be called.
        ValueError: for one that gives no optimizer, a `LossScaleOptimizer` or another `MultiOptimizer`.

    Example:

    >>> from sequax.optimizers import SGD, Adam
    >>> [type(one).__name__ for one in MultiOptimizer(OptimizerMap(SGD(), {".*/embeddings": Adam()})).optimizers]
    ['Adam', 'SGD']
    """

    def __init__(
        self,
        optimizer_map: Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ):
        if isinstance(optimizer_map, type) or not callable(optimizer_map):
            raise TypeError(
                f"MultiOptimizer: `optimizer_map` must be an OptimizerMap, or a function from a variable to its"
                f" optimizer. Received: {optimizer_map!r}. For a dict, write"
                f" OptimizerMap(default_optimizer=..., optimizer_map=...)."
            )
        self._chosen: dict[Variable, Optimizer] = {}
        self._known: list[Optimizer] = []
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self.optimizer_map = optimizer_map
        if isinstance(optimizer_map, OptimizerMap):
            for one in optimizer_map.optimizers:
                self._take(one)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers at work; of a function, those it gave so far."""
        return list(self._known)

    @property
    def loss_scale_factor(self) -> float | None:
        """The factor of the loss, and of every optimizer."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._loss_scale_factor = value
        for one in self._known:
            one.loss_scale_factor = value  # it divides, as in Keras, whose files say so

    def build(self, var_list: Sequence[Variable]) -> None:
        super().build(var_list)
        groups = self._groups(self._trainable_variables)
        for one in self._known:
            group = groups.get(id(one), [])
            if group or one.built:  # one that never had a variable stays as it is
                one.build(group)

    def _groups(self, variables: Sequence[Variable]) -> dict[int, list[Variable]]:
        """The variables of each optimizer, by its id."""
        groups: dict[int, list[Variable]] = {}
        for variable in variables:
            groups.setdefault(id(self._optimizer_of(variable)), []).append(variable)
        return groups

    def _optimizer_of(self, variable: Variable) -> Optimizer:
        # Kept, so that a function that makes a new optimizer at each call does not lose the state of the former.
        if variable not in self._chosen:
            self._chosen[variable] = self._take(self.optimizer_map(variable), variable)
        return self._chosen[variable]

    def _take(self, one: object, variable: Variable | None = None) -> Optimizer:
        if not isinstance(one, Optimizer):
            raise ValueError(
                f"MultiOptimizer: `optimizer_map` must give an optimizer for every variable. For"
                f" {variable.path if variable is not None else None!r} it gave: {one!r}"
            )
        if isinstance(one, (LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(f"{type(one).__name__} cannot be used inside a MultiOptimizer. {_NOT_NESTED}")
        one.loss_scale_factor = self.loss_scale_factor
        if all(one is not other for other in self._known):
            self._known.append(one)
            one.exclude_from_weight_decay(self._not_decayed, self._not_decayed_names)
        return one

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update all variables, each by its optimizer."""
        gradients, variables = self._matched(grads, trainable_variables)
        by_variable = dict(zip(variables, gradients, strict=True))
        groups = self._groups(variables)
        for one in self._known:
            group = groups.get(id(one), [])
            if group:
                one.apply([by_variable[variable] for variable in group], group)
        self._iterations.assign_add(1)

    @property
    def counts(self) -> list[Variable]:
        return [v for one in self._known for v in one.counts]

    @property
    def variables(self) -> list[Variable]:
        return tracking.unique([*super().variables, *(v for one in self._known for v in one.variables)])

    @property
    def learning_rate(self) -> NoReturn:
        raise AttributeError(
            "MultiOptimizer has no learning rate of its own. Read or set those of its `.optimizers` instead."
        )

    @learning_rate.setter
    def learning_rate(self, value: object) -> None:
        raise AttributeError(
            "MultiOptimizer: its learning rate cannot be set, it has none of its own. Set those of its `.optimizers`."
        )

    def drive_learning_rate(self, function: Callable[[Any], Any] | None) -> None:
        if function is not None:
            raise TypeError("MultiOptimizer has no learning rate of its own. Drive those of its `.optimizers`.")

    def averages(self) -> list[tuple[Variable, Variable]]:
        return [pair for one in self._known if one.built for pair in one.averages()]

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        for one in self._known:
            one.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        super().exclude_from_weight_decay(var_list, var_names)
        for one in self._known:
            one.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> dict[str, Any]:
        chooser = self.optimizer_map
        is_map = isinstance(chooser, OptimizerMap)  # which `serialize` would take for a plain dict
        return {
            "optimizer_map": object_config(chooser) if is_map else serialize(chooser),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: CustomObjects | None = None) -> MultiOptimizer:
        config = dict(config)
        if isinstance(config["optimizer_map"], Mapping):
            config["optimizer_map"] = deserialize(config["optimizer_map"], custom_objects)
        return cls(**config)

    def __repr__(self) -> str:
        return f"<MultiOptimizer name={self.name}, optimizers={self._known}>"
