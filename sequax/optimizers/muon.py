"""Muon: momentum whose step is made orthogonal, for matrices; Adam for everything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Unpack

import jax
import jax.numpy as jnp

from ..core.kinds import Factor, InFiles, Kind, Owner, Whole
from ..core.types import ArrayLike
from ..core.variable import Variable
from .base import Optimizer
from .catalogue import optimizer
from .settings import RateLike, Shared


class _Patterns(Kind):
    """A list of regular expressions; None: an empty one."""

    expected = "a list of regular expressions"

    def resolve(self, value: Any, name: str, owner: Owner) -> list[str]:
        return self.refuse(value, name, owner) if isinstance(value, str) else list(value or [])

    def fits(self, value: object, cls: type) -> bool:
        return value is None or (isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value))


Patterns = Annotated[Sequence[str] | None, _Patterns()]
Rounds = Annotated[int, InFiles(Whole(0, most=1000))]  # each is in the program


@optimizer
class Muon(Optimizer):
    """`m = momentum * m + g`; `d = g + momentum * m` (`nesterov`) or `m`; `w -= rate * size * orthogonal(d)`.

    `orthogonal` pulls all singular values of `d` towards 1, by `ns_steps` rounds of `x = a x + (b A + c A^2) x` with
    `A = x x^T`. `size` is `rms_rate * sqrt(max(rows, columns))`, which makes steps about as long as Adam's, or 1.

    Only variables of two dimensions are trained so. All others, embeddings and those of `exclude_layers` get Adam's
    step with `adam_beta_1`, `adam_beta_2`, `epsilon`, the rate `learning_rate * adam_lr_ratio`, and decay by
    `adam_weight_decay * learning_rate`. The output layer belongs into `exclude_layers`.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        adam_beta_1, adam_beta_2: how long Adam's averages remember.
        adam_weight_decay: decay of the variables that Adam trains.
        epsilon: that of Adam.
        weight_decay: decay of the other variables.
        exclude_layers: regular expressions; where one is found in a variable's path, Adam trains it.
        exclude_embeddings: let Adam train variables with "embedding" in their path.
        muon_a, muon_b, muon_c: the coefficients a, b, c.
        adam_lr_ratio: Adam's rate is that many times `learning_rate`.
        momentum: how long `m` remembers.
        ns_steps: rounds that pull singular values towards 1.
        nesterov: look ahead, see above.
        rms_rate: see above; None: `size` is 1, as in Jordan's first form.
        clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        ValueError: if `exclude_layers` is a string.

    Source: Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks; `rms_rate` from Liu et al.
    2025, Muon is Scalable for LLM Training.

    Example:

    >>> w = Variable(jnp.eye(2))
    >>> Muon(0.1).apply([jnp.ones((2, 2))], [w])
    >>> round(float(w.value[0, 0]), 2)
    0.99
    """

    adam_beta_1: float
    adam_beta_2: float
    adam_weight_decay: float | None
    epsilon: float
    exclude_layers: list[str]
    exclude_embeddings: bool
    muon_a: float
    muon_b: float
    muon_c: float
    adam_lr_ratio: float
    momentum: float
    ns_steps: int
    nesterov: bool
    rms_rate: float | None

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        adam_beta_1: Factor = 0.9,
        adam_beta_2: Factor = 0.999,
        adam_weight_decay: Factor | None = 0.004,
        epsilon: Factor = 1e-07,
        weight_decay: Factor | None = 0.004,
        *,
        exclude_layers: Patterns = None,
        exclude_embeddings: bool = True,
        muon_a: Factor = 3.4445,
        muon_b: Factor = -4.775,
        muon_c: Factor = 2.0315,
        adam_lr_ratio: Factor = 1,
        momentum: Factor = 0.95,
        ns_steps: Rounds = 5,
        nesterov: bool = True,
        rms_rate: Factor | None = 0.2,
        **common: Unpack[Shared],
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, **common)

    def uses_adam(self, variable: Variable) -> bool:
        """Whether Adam trains a variable."""
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def build(self, var_list: Sequence[Variable]) -> None:
        super().build(var_list)
        for variable in self.stepped:
            self.add_variable_from_reference(variable, "momentum")
            if self.uses_adam(variable):
                self.add_variable_from_reference(variable, "velocity")

    def weight_decay_of(self, variable: Variable) -> float | None:
        return self.adam_weight_decay if self.uses_adam(variable) else self.weight_decay

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        step = self._adam_step if self.uses_adam(variable) else self._muon_step
        step(gradient, variable, learning_rate)

    def _muon_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        m = self.slot("momentum", variable)
        m.assign(self.momentum * m.value + gradient)
        direction = gradient + self.momentum * m.value if self.nesterov else m.value
        step = self.zeropower_via_newtonschulz5(direction, self.ns_steps)
        variable.assign_sub(self.lr_adjust(jnp.asarray(learning_rate, variable.dtype) * step))

    def lr_adjust(self, x: jax.Array) -> jax.Array:
        """A step times `size`; to be overridden by those who want another one."""
        if self.rms_rate is None:
            return x
        return x * (self.rms_rate * max(x.shape[0], x.shape[1]) ** 0.5)

    def zeropower_via_newtonschulz5(self, x: jax.Array, steps: int) -> jax.Array:
        """`orthogonal(x)` with the coefficients of this optimizer, of the last two axes."""
        return orthogonal(x, steps, self.muon_a, self.muon_b, self.muon_c)

    def transpose_last_axis(self, X: ArrayLike) -> jax.Array:
        """`X` with its last two axes exchanged."""
        return jnp.swapaxes(jnp.asarray(X), -1, -2)

    def _adam_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        t = jnp.asarray(self.iterations, "float32") + 1
        rate = learning_rate * self.adam_lr_ratio * jnp.sqrt(1 - self.adam_beta_2**t) / (1 - self.adam_beta_1**t)
        m, v = self.slot("momentum", variable), self.slot("velocity", variable)
        m.assign_add((gradient - m.value) * (1 - self.adam_beta_1))
        v.assign_add((jnp.square(gradient) - v.value) * (1 - self.adam_beta_2))
        variable.assign_sub(m.value * rate.astype(variable.dtype) / (jnp.sqrt(v.value) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        last = {name: config.pop(name) for name in ("exclude_embeddings", "adam_weight_decay", "rms_rate")}
        return {**config, **last}


def orthogonal(matrix: jax.Array, steps: int, a: float, b: float, c: float) -> jax.Array:
    """Matrices (the last two axes) with singular values pulled towards 1 by Newton-Schulz (Björck & Bowie 1971).

    With Muon's coefficients they end between about 0.7 and 1.2, after few steps, rather than at 1, after many.
    """
    matrix = jnp.asarray(matrix)
    if matrix.ndim < 2:
        raise ValueError(f"Muon: only matrices can be made orthogonal. Received: shape={matrix.shape}")
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.astype("float32")  # powers of 16-bit numbers would drown in rounding
    x = x.mT if tall else x
    x = x / (jnp.linalg.norm(x, axis=(-2, -1), keepdims=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).astype(matrix.dtype)
