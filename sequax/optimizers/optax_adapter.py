"""`OptaxOptimizer`: any optax transformation as an optimizer of this package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from ..core.variable import Variable
from .base import Optimizer
from .settings import Common, RateLike
from .slots import make

_RATE = ".hyperparams['learning_rate']"


def is_transformation(value: object) -> bool:
    """Whether an object is an optax `GradientTransformation`, by its two methods."""
    return callable(getattr(value, "init", None)) and callable(getattr(value, "update", None))


class OptaxOptimizer(Optimizer):
    """Runs an optax transformation; its state is kept in variables, leaf by leaf.

    optax sees the parameters as a dict from the variable's path (`"sequential/dense/kernel"`) to its array, so that
    masks and labels by path can be written. A variable whose gradient is missing gets a gradient of zeros, and stays.

    Args:
        transformation: `GradientTransformation`, or any object with the methods `init(params)` and
            `update(updates, state, params)`.
        learning_rate: None: the transformation holds its own rate and sign (`optax.adam(1e-3)`); it can be read and set
            if it was made by `optax.inject_hyperparams`. A number, schedule or callable: updates are multiplied by
            minus this rate (`optax.scale_by_adam()`).
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    It has no config: after loading a model, compile it with the transformation again.

    Example:

    >>> import optax
    >>> w = Variable([1.0])
    >>> OptaxOptimizer(optax.sgd(0.1)).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.8
    """

    def __init__(self, transformation: Any, learning_rate: RateLike | None = None, **common: Unpack[Common]):
        if not is_transformation(transformation):
            raise TypeError(
                f"OptaxOptimizer: expected an optax GradientTransformation, an object with `init` and `update`."
                f" Received: {transformation!r}"
            )
        if common.get("name") is None:
            common["name"] = "optax"
        super().__init__(1.0 if learning_rate is None else learning_rate, **common)
        self.transformation = transformation
        self.owns_rate: bool = learning_rate is not None
        self._parameters: dict[str, Variable] = {}
        self._leaves: dict[str, Variable] = {}
        self._used: list[str] = []
        self._structure: Any = None
        self._key_kinds: dict[str, Any] = {}

    def build(self, variables: Sequence[Variable]) -> None:
        super().build(variables)
        named = _named(self._trainable_variables)
        self._forget(key for key, variable in named.items() if self._parameters.get(key, variable) is not variable)
        self._parameters |= named
        self._keys = list(named)
        with jax.ensure_compile_time_eval():
            state = self.transformation.init({key: jnp.asarray(variable.numpy()) for key, variable in named.items()})
        leaves, self._structure = jax.tree_util.tree_flatten_with_path(state)
        self._used = [jax.tree_util.keystr(path) for path, _ in leaves]
        for key, (_, leaf) in zip(self._used, leaves, strict=True):
            self._keep(key, leaf)

    def _forget(self, keys: Any) -> None:
        """A path that now means another variable: what was learnt about the old one does not hold for it."""
        marks = [f"[{key!r}]" for key in keys]
        self._leaves = {k: leaf for k, leaf in self._leaves.items() if not any(mark in k for mark in marks)}

    def _keep(self, key: str, leaf: Any) -> None:
        """One variable for a leaf of optax' state: the known one if shape and dtype agree."""
        if _is_key(leaf):  # random keys are no arrays of numbers; their bits are
            self._key_kinds[key] = jax.random.key_impl(leaf)
            leaf = jax.random.key_data(leaf)
        leaf = jnp.asarray(leaf)
        known = self._leaves.get(key)
        if known is None or known.shape != leaf.shape or known.dtype != leaf.dtype.name:
            name = key.strip(".[]'").replace("/", "_")
            self._leaves[key] = make(f"{self.name}/{name}", leaf.shape, leaf, leaf.dtype)

    @property
    def variables(self) -> list[Variable]:
        rate = self._rate.variables if self.owns_rate else []
        return [self._iterations, *rate, *self._slots.current, *(self._leaves[key] for key in self._used)]

    def _update_all(self, gradients: list[Any], variables: list[Variable], learning_rate: jax.Array) -> None:
        present = {id(variable): gradient for variable, gradient in zip(variables, gradients, strict=True)}
        named = {key: self._parameters[key] for key in self._keys}
        params = {key: variable.value for key, variable in named.items()}
        grads = {key: present.get(id(variable), jnp.zeros_like(params[key])) for key, variable in named.items()}
        updates, state = self.transformation.update(grads, self._state(), params)
        self._store(state)
        for key, variable in named.items():
            if id(variable) in present:
                update = -learning_rate * updates[key] if self.owns_rate else updates[key]
                variable.assign_add(update)

    def _state(self) -> Any:
        leaves = [self._leaves[key].value for key in self._used]
        wrapped = [
            jax.random.wrap_key_data(leaf, impl=self._key_kinds[key]) if key in self._key_kinds else leaf
            for key, leaf in zip(self._used, leaves, strict=True)
        ]
        return jax.tree_util.tree_unflatten(self._structure, wrapped)

    def _store(self, state: Any) -> None:
        for key, leaf in zip(self._used, jax.tree_util.tree_leaves(state), strict=True):
            self._leaves[key].assign(jax.random.key_data(leaf) if key in self._key_kinds else leaf)

    @property
    def learning_rate(self) -> Variable | Any:
        if self.owns_rate:
            return self._rate.shown()
        return self._injected()

    @learning_rate.setter
    def learning_rate(self, value: object) -> None:
        if self.owns_rate:
            self._rate.set(value)
        else:
            self._injected().assign(value)

    def drive_learning_rate(self, function: Callable[[Any], Any] | None) -> None:
        if function is not None and not self.owns_rate:
            raise TypeError(
                "OptaxOptimizer: optax owns the learning rate, so it cannot be set step by step. Use"
                " `OptaxOptimizer(optax.scale_by_adam(), learning_rate=...)`, or a schedule of optax."
            )
        super().drive_learning_rate(function)

    def _injected(self) -> Variable:
        found = next((self._leaves[key] for key in self._used if key.endswith(_RATE)), None)
        if found is None:
            raise AttributeError(
                "OptaxOptimizer has no `learning_rate` of its own: optax owns it, inside the transformation. To read or"
                " set it, make the transformation with `optax.inject_hyperparams(optax.adam)(learning_rate=...)` (and"
                " build the optimizer), or use `OptaxOptimizer(optax.scale_by_adam(), learning_rate=...)`."
            )
        return found

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            "OptaxOptimizer has no config: an optax transformation consists of functions. After loading, call"
            " `model.compile(optimizer=...)` with the transformation again."
        )

    def __repr__(self) -> str:
        return f"<OptaxOptimizer name={self.name}>"


def _named(variables: Sequence[Variable]) -> dict[str, Variable]:
    """Variables by path; a path that occurs again gets a number in front, so that endings stay as they are."""
    named: dict[str, Variable] = {}
    for variable in variables:
        key, count = variable.path, 0
        while key in named:
            count += 1
            key = f"{count}/{variable.path}"
        named[key] = variable
    return named


def _is_key(leaf: object) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
