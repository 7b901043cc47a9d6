"""Methods of Keras' layers and operations that this version has no use for: they say so, and what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn


class _NoAdapter:
    """An absent method: scripts ask each layer of a model whether it has `enable_lora`."""

    def __get__(self, instance: Unavailable | None, owner: type[Unavailable]) -> NoReturn:
        named = owner.__name__ if instance is None else f"{owner.__name__} {instance.name!r}"
        raise AttributeError(
            f"{named} has no `enable_lora`: it has no weight that LoRA could adapt. Dense, EinsumDense, Conv1D to"
            f" Conv3D, Embedding and ReversibleEmbedding have, and models: `model.enable_lora(rank)`."
        )


class Unavailable:
    """Low-rank adaptation of layers that have no weight for it, and what Keras 2 had."""

    name: str
    lora_rank: int | None = None
    lora_alpha: float | None = None
    lora_enabled = False
    is_adaptable = False  # whether there is a weight that LoRA could adapt

    enable_lora: Any = _NoAdapter()

    def add_metric(self, *args: object, **kwargs: object) -> None:
        raise _refusal(
            self,
            "`add_metric()` is of Keras 2. Keep a metric as an attribute, made in `__init__` or `build`, and update it"
            " in `call`:\n\n"
            '    self.tracker = Mean(name="...")     # in __init__\n'
            "    self.tracker.update_state(values)   # in call\n\n"
            "It is reset in each epoch and reported in the logs. Or use `metrics=` of `compile()`.",
        )


def _refusal(owner: Unavailable, what: str) -> NotImplementedError:
    return NotImplementedError(f"{type(owner).__name__} '{owner.name}': {what}")
