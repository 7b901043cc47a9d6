"""Methods of Keras' layers and operations that this version has no use for: they say so, and what to do instead."""

from __future__ import annotations


class Unavailable:
    """Low-rank adaptation of layers that have no weight for it, and what Keras 2 had."""

    name: str
    lora_rank: int | None = None
    lora_alpha: float | None = None
    lora_enabled = False
    is_adaptable = False  # whether there is a weight that LoRA could adapt

    def enable_lora(self, *args: object, **kwargs: object) -> None:
        raise _refusal(
            self,
            "it has no weight that LoRA could adapt. Dense, EinsumDense, Conv1D to Conv3D, Embedding and"
            " ReversibleEmbedding have, and models: `model.enable_lora(rank)`.",
        )

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
