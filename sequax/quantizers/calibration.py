"""A model is run on data, block after block, and its layers are rounded by what they see.

A block sees what the blocks before it give once they are rounded, so that errors do not pile up unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..utils.progress import Progbar
from .awq import AWQ
from .calibrated import AWQConfig, GPTQConfig
from .gptq import GPTQ
from .samples import get_dataloader
from .utils import Filters, should_quantize_layer

_AT_ONCE = 8  # sequences in one call of a block


class Structure(NamedTuple):
    """The layers that ids go through first, and the blocks behind them, one after another."""

    before: Sequence[Any]
    blocks: Sequence[Any]


def gptq_quantize(
    config: GPTQConfig, quantization_layer_structure: Mapping[str, Any] | None, filters: Filters = None
) -> None:
    """Round the dense layers in the blocks of a model by GPTQ.

    Args:
        config: data and settings.
        quantization_layer_structure: `{"pre_block_layers": [...], "sequential_blocks": [...]}`.
        filters: which layers, as in `model.quantize`.

    Raises:
        ValueError: without data, tokenizer or blocks; the model is as before.
    """
    _calibrate(config, quantization_layer_structure, filters, GPTQ, GPTQ.quantize_and_correct_layer)


def awq_quantize(
    config: AWQConfig, quantization_layer_structure: Mapping[str, Any] | None, filters: Filters = None
) -> None:
    """Round the dense layers in the blocks of a model by AWQ.

    Args:
        config: data and settings.
        quantization_layer_structure: `{"pre_block_layers": [...], "sequential_blocks": [...]}`.
        filters: which layers, as in `model.quantize`.

    Raises:
        ValueError: without data, tokenizer or blocks; the model is as before.
    """
    _calibrate(config, quantization_layer_structure, filters, AWQ, AWQ.quantize_layer)


def _calibrate(
    config: Any, structure: Mapping[str, Any] | None, filters: Filters, statistic: Any, finish: Callable[[Any], None]
) -> None:
    before, blocks = checked(config, structure)
    samples = get_dataloader(config.tokenizer, config.sequence_length, config.dataset, config.num_samples)
    inputs: list[Any] = []
    for start in range(0, len(samples), _AT_ONCE):
        x: Any = jnp.asarray(samples[start : start + _AT_ONCE, 0])
        for layer in before:
            x = layer(x)
        inputs.append(x)

    bar = Progbar(len(blocks), unit_name="block")
    for number, block in enumerate(blocks):
        seen = {layer: statistic(layer, config) for layer in meant(block, config.mode, filters)}
        for layer in seen:
            if layer.quantization_mode is None:
                layer.quantize(config.mode, config=config)
        _run(block, inputs, seen)
        for one in seen.values():
            finish(one)
            one.free()
        if number + 1 < len(blocks):
            inputs = [_first(block(x)) for x in inputs]
        bar.update(number + 1, finalize=number + 1 == len(blocks))


def checked(config: Any, structure: Mapping[str, Any] | None) -> Structure:
    """The parts of a structure.

    Raises:
        ValueError: for one without blocks, or no data.
    """
    mode = config.mode
    if config.dataset is None:
        raise ValueError(
            f"{mode.upper()} quantization requires a dataset, and a tokenizer where it holds texts. Please provide them"
            f" in the `{type(config).__name__}`."
        )
    if structure is None:
        raise ValueError(
            f"For {mode!r} mode, a valid quantization structure must be provided: a dictionary with the keys"
            f" 'pre_block_layers' and 'sequential_blocks', as `quantization_layer_structure` of the config or from"
            f" `model.get_quantization_layer_structure(mode)`."
        )
    blocks = list(structure.get("sequential_blocks") or ())
    if not blocks:
        raise ValueError(
            "No sequential blocks found in the provided structure to quantize. Expected {'pre_block_layers': [...],"
            f" 'sequential_blocks': [...]}} with layers. Received: {structure!r:.200}"
        )
    return Structure(list(structure.get("pre_block_layers") or ()), blocks)


def meant(block: Any, mode: str, filters: Filters) -> list[Any]:
    """The layers in a block that data can round, and that filters mean."""
    inside = [layer for layer in block.flatten_layers() if mode in getattr(layer, "forms", ())]
    return [layer for layer in inside if should_quantize_layer(layer, filters)]


def _run(block: Any, inputs: Sequence[Any], seen: Mapping[Any, Any]) -> None:
    """Call a block on all inputs while statistics look on."""
    watched = {layer: layer.watch(one.observe) for layer, one in seen.items()}
    try:
        for x in inputs if seen else ():
            block(x)
    finally:
        for end in watched.values():
            end()


def _first(outputs: Any) -> jax.Array:
    """What the next block gets: of several outputs the first."""
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs
