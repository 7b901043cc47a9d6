"""Activations: functions of one array that layers apply to their outputs. Shapes stay equal unless a docstring differs.

Integers and booleans are computed in `floatx()`, save by those functions that keep whole numbers whole (`relu`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import jax
import jax.numpy as jnp

from ._lazy import listed
from .core import above, dtypes
from .core.catalogue import Catalogue
from .core.operation import FunctionOperation
from .core.tensor import KerasTensor
from .core.types import ArrayLike, Config, T
from .core.warning import warn
from .kernels.formulas import named

F = TypeVar("F", bound=Callable[..., Any])


class Activations(Catalogue):
    """None stands for `linear`."""

    def get(self, identifier: object) -> Callable[..., Any]:
        return linear if identifier is None else super().get(identifier)


catalogue: Activations = Activations("activation", "keras.activations")


def activation(*aliases: str) -> Callable[[F], F]:
    """Decorator: an activation under its own name and under `aliases`; called on a symbolic tensor it makes a node."""

    def add(function: F) -> F:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if isinstance(kwargs.get("x") if not args else args[0], KerasTensor):
                return _node(function, signature.bind(*args, **kwargs))
            return function(*args, **kwargs)

        return catalogue.register(*aliases)(cast(F, call))

    return add


def _node(function: Callable[..., Any], bound: inspect.BoundArguments) -> Any:
    """A node of the op of that name, which files know, with all its arguments: some have other defaults there."""
    ops = above.load("ops")  # which are made of this module

    bound.apply_defaults()
    x, options = bound.arguments.pop("x"), bound.arguments
    op = getattr(ops, {"exponential": "exp"}.get(function.__name__, function.__name__), None)
    taken = {} if op is None else inspect.signature(op).parameters
    defaults = inspect.signature(function).parameters
    if op is None or any(name not in taken and value != defaults[name].default for name, value in options.items()):
        return FunctionOperation(functools.partial(function, **options), f"{function.__name__}_activation")(x)
    return op(x, **{name: value for name, value in options.items() if name in taken})


def serialize(activation: object) -> Config | str | None:
    """The config of `activation`; of a public function its name."""
    return catalogue.serialize(activation)


def get(identifier: object) -> Callable[..., Any]:
    """The function that `identifier` means: a name, a config or a callable; `linear` for None."""
    return catalogue.get(identifier)


def deserialize(config: Mapping[str, Any], custom_objects: dict[str, Any] | None = None) -> Callable[..., Any]:
    """An activation from `config`, what `serialize` gave; `custom_objects` maps names to functions of your own."""
    return catalogue.deserialize(config, custom_objects)


def _floating(x: ArrayLike) -> jax.Array:
    x = dtypes.as_array(x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(dtypes.jnp_dtype(dtypes.floatx()))


def _called_at_once(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """A function with a derivative of its own, which JAX looks up again in each call outside of a program: 80 us."""
    at_once = jax.jit(function)
    return lambda x: function(x) if isinstance(x, jax.core.Tracer) else at_once(x)


_relu, _relu6 = _called_at_once(jax.nn.relu), _called_at_once(jax.nn.relu6)


@catalogue.register()
def linear(x: T) -> T:
    """`x`, untouched."""
    return x


@activation()
def relu(
    x: ArrayLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> jax.Array:
    """`x` where `x >= threshold`, else `negative_slope (x − threshold)`; at most `max_value`. Nair and Hinton 2010."""
    x = dtypes.as_array(x)
    if not negative_slope and max_value is None and not threshold:
        return _relu(x)
    x = _floating(x)
    if max_value == 6 and not negative_slope and not threshold:
        return _relu6(x)
    result = jnp.where(x > threshold, x, 0) if threshold else _relu(x)
    if max_value is not None:
        result = jnp.clip(result, 0, max_value)
    return result - negative_slope * _relu(threshold - x) if negative_slope else result


@activation()
def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> jax.Array:
    """`x` where positive, else `negative_slope x`. Maas et al. 2013."""
    return named("leaky_relu", jax.nn.leaky_relu, _floating(x), negative_slope=negative_slope)


@activation()
def relu6(x: ArrayLike) -> jax.Array:
    """`min(max(x, 0), 6)`. Krizhevsky 2010, *Convolutional Deep Belief Networks on CIFAR-10*."""
    return _relu6(_floating(x))


@activation()
def softmax(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> jax.Array:
    """`exp(x) / Σ exp(x)` along `axis` (one or several). Bridle 1990.

    Warns if the axis has size 1: the result is then 1 whatever the input.
    """
    x = _floating(x)
    if isinstance(axis, int) and x.ndim > 1 and -x.ndim <= axis < x.ndim and x.shape[axis] == 1:
        warn(
            f"softmax over axis {axis} of an array of shape {x.shape}: the axis has size 1, so every output is 1. For"
            f" one yes-or-no output use `sigmoid`."
        )
    return named("softmax", jax.nn.softmax, x, axis=tuple(axis) if isinstance(axis, list) else axis)


@activation()
def log_softmax(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> jax.Array:
    """`x − log Σ exp(x)` along `axis` (one or several)."""
    return named("log_softmax", jax.nn.log_softmax, _floating(x), axis=tuple(axis) if isinstance(axis, list) else axis)


@activation()
def sigmoid(x: ArrayLike) -> jax.Array:
    """`1 / (1 + exp(−x))`."""
    return jax.nn.sigmoid(_floating(x))


@activation()
def log_sigmoid(x: ArrayLike) -> jax.Array:
    """`−log(1 + exp(−x))`, without overflow."""
    return jax.nn.log_sigmoid(_floating(x))


@activation()
def hard_sigmoid(x: ArrayLike) -> jax.Array:
    """`min(max(x / 6 + ½, 0), 1)`. (Courbariaux et al. 2015 have slope ½; Keras 2 had 0.2.)"""
    return named("hard_sigmoid", jax.nn.hard_sigmoid, _floating(x))


@activation()
def tanh(x: ArrayLike) -> jax.Array:
    """Hyperbolic tangent of `x`."""
    return jnp.tanh(_floating(x))


@activation()
def hard_tanh(x: ArrayLike) -> jax.Array:
    """`min(max(x, −1), 1)`. Collobert 2004."""
    return jax.nn.hard_tanh(_floating(x))


@activation()
def tanh_shrink(x: ArrayLike) -> jax.Array:
    """`x − tanh(x)`."""
    x = _floating(x)
    return x - jnp.tanh(x)


@activation()
def exponential(x: ArrayLike) -> jax.Array:
    """`exp(x)`."""
    return jnp.exp(_floating(x))


@activation()
def softplus(x: ArrayLike) -> jax.Array:
    """`log(1 + exp(x))`. Dugas et al. 2001."""
    return named("softplus", jax.nn.softplus, _floating(x))


@activation()
def softsign(x: ArrayLike) -> jax.Array:
    """`x / (1 + |x|)`. Turian et al. 2009."""
    return named("soft_sign", jax.nn.soft_sign, _floating(x))


@activation()
def squareplus(x: ArrayLike, b: float = 4) -> jax.Array:
    """`(x + √(x² + b)) / 2`. Barron 2021."""
    return jax.nn.squareplus(_floating(x), b)


@activation()
def elu(x: ArrayLike, alpha: float = 1.0) -> jax.Array:
    """`x` where positive, else `alpha (exp(x) − 1)`. Clevert et al. 2016."""
    return named("elu", jax.nn.elu, _floating(x), alpha=alpha)


@activation()
def celu(x: ArrayLike, alpha: float = 1.0) -> jax.Array:
    """`max(x, 0) + min(0, alpha (exp(x / alpha) − 1))`. Barron 2017."""
    return named("celu", jax.nn.celu, _floating(x), alpha=alpha)


@activation()
def selu(x: ArrayLike) -> jax.Array:
    """`1.0507 elu(x, 1.6733)`, which keeps mean 0 and variance 1 from layer to layer. Klambauer et al. 2017."""
    return named("selu", jax.nn.selu, _floating(x))


@activation()
def gelu(x: ArrayLike, approximate: bool = False) -> jax.Array:
    """`x Φ(x)`, Φ the normal distribution function; by a tanh formula if `approximate`. Hendrycks and Gimpel 2016."""
    return named("gelu", jax.nn.gelu, _floating(x), approximate=bool(approximate))


@activation("swish")
def silu(x: ArrayLike) -> jax.Array:
    """`x sigmoid(x)`. Elfwing et al. 2018; as swish Ramachandran et al. 2017."""
    return jax.nn.silu(_floating(x))


@activation("hard_swish")
def hard_silu(x: ArrayLike) -> jax.Array:
    """`x hard_sigmoid(x)`. Howard et al. 2019, *Searching for MobileNetV3*."""
    return named("hard_silu", jax.nn.hard_silu, _floating(x))


@activation()
def mish(x: ArrayLike) -> jax.Array:
    """`x tanh(softplus(x))`. Misra 2019."""
    return named("mish", jax.nn.mish, _floating(x))


@activation()
def glu(x: ArrayLike, axis: int = -1) -> jax.Array:
    """`a sigmoid(b)`, a and b the halves of `x` along `axis`, whose size must be even. Dauphin et al. 2017."""
    x = _floating(x)
    if x.shape[axis] % 2:
        raise ValueError(
            f"glu: the size of axis {axis} must be even, since the axis is split in halves. Received: x.shape={x.shape}"
        )
    return jax.nn.glu(x, axis)


@activation()
def hard_shrink(x: ArrayLike, threshold: float = 0.5) -> jax.Array:
    """`x` where `|x| > threshold`, else 0."""
    x = _floating(x)
    return jnp.where(jnp.abs(x) > threshold, x, 0)


@activation()
def soft_shrink(x: ArrayLike, threshold: float = 0.5) -> jax.Array:
    """`x` moved towards 0 by `threshold`, and 0 where it would pass it."""
    x = _floating(x)
    return jnp.where(x > threshold, x - threshold, jnp.where(x < -threshold, x + threshold, 0))


@activation()
def threshold(x: ArrayLike, threshold: float, default_value: float) -> jax.Array:
    """`x` where `x > threshold`, else `default_value`."""
    x = _floating(x)
    return jnp.where(x > threshold, x, jnp.asarray(default_value, x.dtype))


@activation()
def sparse_plus(x: ArrayLike) -> jax.Array:
    """0 below −1, `x` above 1, `(x + 1)² / 4` between. The sparsemax counterpart of softplus."""
    return jax.nn.sparse_plus(_floating(x))


@activation()
def sparse_sigmoid(x: ArrayLike) -> jax.Array:
    """0 below −1, 1 above 1, `(x + 1) / 2` between. The derivative of `sparse_plus`."""
    return jax.nn.sparse_sigmoid(_floating(x))


@activation()
def sparsemax(x: ArrayLike, axis: int = -1) -> jax.Array:
    """The point of the probability simplex nearest to `x` along `axis`, often exactly 0. Martins and Astudillo 2016."""
    x = jnp.moveaxis(_floating(x), axis, -1)
    ordered = -jnp.sort(-x, axis=-1)
    rank = jnp.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    total = jnp.cumsum(ordered, axis=-1)
    kept = (1 + rank * ordered > total).astype(x.dtype)
    count = jnp.sum(kept, axis=-1, keepdims=True)
    shift = (jnp.sum(ordered * kept, axis=-1, keepdims=True) - 1) / count
    return jnp.moveaxis(jnp.maximum(x - shift, 0), -1, axis)


swish = silu
hard_swish = hard_silu

__all__ = [
    "celu", "deserialize", "elu", "exponential", "gelu", "get", "glu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu",
    "serialize", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid",
    "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
