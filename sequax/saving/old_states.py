"""In which order earlier versions of Keras stored the state of an optimizer.

    iteration, learning_rate, slots, momentum_product     Keras 3 on JAX, and ours
    iteration, learning_rate, momentum_product, slots     Keras 3 on TensorFlow (`Nadam`)
    iteration, slots                                      tf.keras 2.11 to 2.15; SGD has a slot without momentum, too
    iter, slots kind by kind (`Ftrl`: as today)           tf.keras up to 2.10, and `optimizers.legacy`

A file names them by number, or in ways that changed; their number and shapes tell which order it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from ..core.variable import Variable
from ..optimizers import SGD, Ftrl, Nadam

if TYPE_CHECKING:
    from ..optimizers.base import Optimizer

_LONG = 100_000  # the product of so many momenta is zero in float32


Order = list[Variable | None]  # None: an array that nothing takes


def arranged(optimizer: Optimizer, shapes: Sequence[tuple[int, ...] | None], oldest: bool = False) -> Order | None:
    """The variables of an optimizer in the order of the arrays in a file; None if no order fits.

    Args:
        shapes: of the arrays.
        oldest: whether the file says by its names that `tf.keras` up to 2.10 wrote it.
    """
    wanted = list(shapes)
    for order in _orders(optimizer, oldest):
        order += [None] * _unused(optimizer, len(wanted) - len(order), oldest)
        pairs = zip(order, wanted, strict=False)
        if len(order) == len(wanted) and all(v is None or v.shape == shape for v, shape in pairs):
            return order
    return None


def completed(optimizer: Optimizer, read: Sequence[Variable | None]) -> None:
    """Give values to variables that follow from those which were read."""
    if isinstance(optimizer, Nadam) and optimizer.built and not any(one is optimizer.momentum_product for one in read):
        steps = jnp.arange(1, min(int(optimizer.iterations.numpy()), _LONG) + 1, dtype="float32")
        optimizer.momentum_product.assign(np.prod(np.asarray(optimizer.momentum_at(steps)), initial=1.0))


def _orders(optimizer: Optimizer, oldest: bool) -> Iterator[Order]:
    variables = list(optimizer.variables)
    first, rest = variables[:1], variables[1:]
    rate = [one for one in rest[:1] if one.path.endswith("/learning_rate")]
    product = [one for one in rest if isinstance(optimizer, Nadam) and one is optimizer.momentum_product]
    slots = [one for one in rest if not any(one is other for other in (*rate, *product))]
    if oldest:
        yield [*first, *product, *(slots if isinstance(optimizer, Ftrl) else _kind_by_kind(optimizer))]
    else:
        yield list(variables)
        yield [*first, *rate, *product, *slots]
        yield [*first, *slots]


def _unused(optimizer: Optimizer, more: int, oldest: bool) -> int:
    """How many of the last arrays nothing takes."""
    alone = type(optimizer) is SGD and not optimizer.momentum and not oldest
    return more if alone and more == len(optimizer._trainable_variables) else 0


def _kind_by_kind(optimizer: Optimizer) -> list[Variable]:
    names = [name for group in optimizer.slot_groups() for name in group]
    return [optimizer.slot(name, variable) for name in names for variable in optimizer._trainable_variables]
