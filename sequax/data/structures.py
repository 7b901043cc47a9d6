"""Targets and sample weights in the order of the outputs they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from ..core.tensor import leaves


def nested_alike(data: object, symbols: object) -> list[Any] | None:
    """What stands where the tensors of a structure in a structure do, in their order.

    None where lists, tuples and dicts do not hold each other in `symbols`, or do otherwise in `data`: a list within a
    list may then be rows as well.

    Args:
        symbols: inputs or outputs of a model.
    """
    if not isinstance(symbols, (list, tuple, dict)) or not isinstance(data, (list, tuple, dict)):
        return None
    parts = symbols.values() if isinstance(symbols, dict) else symbols
    if not any(isinstance(part, (list, tuple, dict)) for part in parts):
        return None
    try:
        how: Any = jax.tree.structure(symbols)
        found: list[Any] = how.flatten_up_to(data)
    except (ValueError, KeyError):
        return None
    return None if any(isinstance(one, dict) for one in found) else found


def targets_of(y: object, outputs: object, names: Sequence[str], losses: Sequence[Any] | None = None) -> list[Any]:
    """Targets in the order of the outputs' leaves; None for an output that has none.

    Args:
        losses: one per output, None where there is none. So many targets as losses belong to those outputs; else there
            is one for each output.
    """
    count = len(leaves(outputs))
    if y is None:
        return [None] * count
    nest = nested_alike(y, outputs)
    if nest is not None:
        return nest
    if isinstance(y, dict):
        keys = list(names)
        missing = [key for key in keys if key not in y]
        if losses is not None:
            missing = [key for key in missing if losses[keys.index(key)] is not None]
        if missing:
            raise ValueError(f"y has no entry for output {missing[0]!r}. Outputs: {keys}; y has {list(y)}.")
        return [y.get(key) for key in keys]
    if isinstance(y, (list, tuple)) and len(y) == count:
        return list(y) if all(len(leaves(one)) <= 1 for one in y) else leaves(y)
    given = leaves(y)
    wanted = [one is not None for one in losses or ()]
    if len(given) < count and len(given) == sum(wanted):
        remaining = iter(given)
        return [next(remaining) if is_wanted else None for is_wanted in wanted]
    return given


def weights_of(weight: object, count: int, outputs: object, names: Sequence[str]) -> list[Any]:
    """Sample weights in the order of the outputs; a single array counts for all."""
    if weight is None:
        return [None] * count
    nest = nested_alike(weight, outputs)
    if nest is not None:
        return nest
    if isinstance(weight, dict):
        return [weight.get(key) for key in names]
    if isinstance(weight, (list, tuple)) and len(weight) == count:
        return list(weight)
    given = leaves(weight)
    return given * count if len(given) == 1 else given
