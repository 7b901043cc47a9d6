"""A model is run on data, block after block, and its layers are rounded by what they see.

A block sees what the blocks before it give once they are rounded, so that errors do not pile up unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..core.warning import warn
from ..utils.progress import Progbar
from .awq import AWQ
from .gptq import GPTQ
from .samples import batches
from .statistics import Statistics
from .utils import Filters, should_quantize_layer

_AT_ONCE = 8  # sequences or rows in one call of a block


class Structure(NamedTuple):
    """The layers that ids go through first, and the blocks behind them, one after another."""

    before: Sequence[Any]
    blocks: Sequence[Any]


BY_DATA: dict[str, type[Statistics]] = {one.mode: one for one in (GPTQ, AWQ)}


def quantize_model(model: Any, config: Any, filters: Filters = None) -> None:
    """Round the layers of a model by what they see, see `calibrate`.

    Args:
        model: says its structure, where the config does not: `get_quantization_layer_structure`.
        config: data and settings.
        filters: which layers, as in `model.quantize`.

    Raises:
        ValueError: without data or structure, and where no layer is meant; the model is as before.
    """
    mode, structure = config.mode, config.quantization_layer_structure
    if structure is None:
        structure = model.get_quantization_layer_structure(mode)
    if structure is None:
        raise ValueError(
            f"For {mode=}, a valid quantization structure must be provided either via"
            f" `config.quantization_layer_structure` or by overriding `model.get_quantization_layer_structure(mode)`: a"
            f" dictionary with the keys 'pre_block_layers', such as embeddings, and 'sequential_blocks', the blocks"
            f" behind them in the order of the model."
        )
    calibrate(config, structure, filters)


def calibrate(config: Any, quantization_layer_structure: Mapping[str, Any] | None, filters: Filters = None) -> None:
    """Round the layers in some blocks by what they see.

    Args:
        config: data and settings.
        quantization_layer_structure: `{"pre_block_layers": [...], "sequential_blocks": [...]}`.
        filters: which layers, as in `model.quantize`.

    Raises:
        ValueError: without data or structure, and where no layer is meant; the model is as before.
    """
    before, blocks = checked(config, quantization_layer_structure)
    left: dict[str, str] = {}
    layers = _once(meant(block, config.mode, filters, left) for block in blocks)
    if not any(layers):
        reasons = "".join(f" {name} {reason}." for name, reason in left.items())
        raise ValueError(
            f"{config.mode.upper()}: nothing to quantize: no layer in the blocks"
            f"{' that `filters` means' if filters is not None else ''} is a Dense or an EinsumDense that data can"
            f" round.{reasons}"
        )
    inputs: list[Any] = []
    for batch in batches(config, bool(before), _AT_ONCE):
        x: Any = jnp.asarray(batch)
        for layer in before:
            x = layer(x)
        inputs.append(x)
    _try(blocks, inputs[0], config.mode)

    bar = Progbar(len(blocks), unit_name="block")
    for number, (block, inside) in enumerate(zip(blocks, layers, strict=True)):
        left |= _round(block, inputs, inside, config)
        if number + 1 < len(blocks):
            inputs = [_first(block(x)) for x in inputs]
        bar.update(number + 1, finalize=number + 1 == len(blocks))
    if left:
        reasons = "; ".join(f"{name} {reason}" for name, reason in left.items())
        warn(f"{config.mode.upper()}: some layers in the blocks stay as they are: {reasons}.")


# One way for all data; the config says which rounding. These are Keras' names of it.
gptq_quantize = awq_quantize = calibrate


def _try(blocks: Sequence[Any], x: Any, mode: str) -> None:
    """Call the blocks one after another: what does not go through them shall be known before a layer is changed.

    Raises:
        ValueError: naming the block.
    """
    for block in blocks:
        try:
            after = _first(block(x))
        except Exception as error:
            raise ValueError(
                f"{mode.upper()}: block '{block.name}' cannot be called on inputs of shape {jnp.shape(x)}, which the"
                f" layers before it in the structure give: {error}"
            ) from error
        x = after


def _once(layers: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Layers by blocks, without those that an earlier block has."""
    seen: set[int] = set()
    found = []
    for inside in layers:
        found.append([layer for layer in inside if id(layer) not in seen])
        seen |= {id(layer) for layer in inside}
    return found


def _round(block: Any, inputs: Sequence[Any], layers: Sequence[Any], config: Any) -> dict[str, str]:
    """Round the layers of one block; what stays as it was, and why."""
    statistics = [BY_DATA[config.mode](layer, config) for layer in layers]
    ends = [layer.watch(one.observe) for layer, one in zip(layers, statistics, strict=True)]
    try:
        for x in inputs if layers else ():
            block(x)
    finally:
        for end in ends:
            end()
    left = {}
    for layer, one in zip(layers, statistics, strict=True):
        if one.num_samples:
            if not layer.waits:
                layer.quantize(config.mode, config=config)
            one.finish()
        else:
            left[layer.name] = f"was not called when {block.name} ran on the data"
        one.free()
    return left


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


def meant(block: Any, mode: str, filters: Filters, left: dict[str, str]) -> list[Any]:
    """The layers in a block that data can round, and that filters mean; why others stay goes into `left`."""
    found = []
    for layer in block.flatten_layers():
        if mode in getattr(layer, "forms", ()) and should_quantize_layer(layer, filters):
            reason = layer.why_not_rounded(mode)
            if reason is None:
                found.append(layer)
            else:
                left[layer.name] = reason
    return found


def _first(outputs: Any) -> jax.Array:
    """What the next block gets: of several outputs the first."""
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs
