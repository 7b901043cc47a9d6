"""How each mode of quantization keeps the weight of a layer: its variables, their values, and the adapter.

`PRODUCTS` is the table for layers that multiply inputs with the weight, `TABLES` the one for layers that look up rows,
`TWO_WAYS` for those that do both. A form adds its variables to the layer under Keras' names; `in_files` is their order
in files.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ..adapters.float8 import Float8, Range
from ..adapters.int4 import Int4
from ..adapters.int8 import Int8
from ..adapters.rows import Back4, Rows4, Rows8
from ..core.placement import whole_here
from ..core.quantized_policies import Int4DTypePolicy, QuantizedFloat8DTypePolicy
from ..quantizers import AbsMaxQuantizer, QuantizationConfig, abs_max_quantize_grouped_with_zero_point, pack_int4
from .calibrated import CALIBRATED
from .form import Form, Shape, Values

if TYPE_CHECKING:
    from .quantized import QuantizableWeight

_INT4 = (-8, 7)


class Int8Product(Form):
    def in_files(self, weight: str) -> list[str]:
        return [weight, "bias", f"{weight}_scale"]

    def build(self, layer: QuantizableWeight, shape: Shape, config: QuantizationConfig | None) -> None:
        layer.inputs_quantizer = QuantizationConfig.activation_quantizer_or_default(config, AbsMaxQuantizer())
        contraction = layer.contraction()
        numbers = layer.add_kept(layer.adapted_weight, shape, "int8")
        sizes = dict(zip(contraction.weight, shape, strict=True))
        scale_shape = tuple(sizes.get(axis, 1) for axis in contraction.scale)
        scale = layer.add_kept(f"{layer.adapted_weight}_scale", scale_shape, initializer="ones")
        numbers.adapter = Int8(scale, contraction, layer.inputs_quantizer)

    def values(self, layer: QuantizableWeight, weight: jax.Array, config: QuantizationConfig | None) -> Values:
        contraction, name = layer.contraction(), layer.adapted_weight
        quantizer = QuantizationConfig.weight_quantizer_or_default(config, AbsMaxQuantizer(contraction.reduced))
        numbers, scale = quantizer(weight, to_numpy=True)
        return {name: numbers, f"{name}_scale": contraction.kept(scale)}


class Int4Product(Form):
    def in_files(self, weight: str) -> list[str]:
        return [weight, "bias", f"{weight}_scale", f"{weight}_zero", "g_idx"]

    def policy(self, config: QuantizationConfig) -> str:
        return f"int4/{block_size(config) or -1}"

    def build(self, layer: QuantizableWeight, shape: Shape, config: QuantizationConfig | None) -> None:
        layer.inputs_quantizer = QuantizationConfig.activation_quantizer_or_default(config, None)
        contraction, name = layer.contraction(), layer.adapted_weight
        rows = math.prod(shape[i] for i in contraction.reduced)
        columns = math.prod(shape) // rows
        block = block_size_of(layer, config)
        layer.note_packing(columns, getattr(config, "block_size", block))
        numbers = layer.add_kept(name, (rows, (columns + 1) // 2), "int8")
        scale_shape = (columns,) if block is None else (-(-rows // block), columns)
        scale, zero, blocks = add_scales(layer, name, scale_shape, rows, block)
        numbers.adapter = Int4(shape, scale, zero, blocks, contraction, layer.inputs_quantizer)

    def values(self, layer: QuantizableWeight, weight: jax.Array, config: QuantizationConfig | None) -> Values:
        name, contraction = layer.adapted_weight, layer.contraction()
        matrix = weight.reshape(math.prod(weight.shape[i] for i in contraction.reduced), -1)
        numbers, scale, zero = rounded_to_4_bits(matrix, block_size_of(layer, config), config)
        return named(name, pack_int4(numbers, axis=-1)[0], scale, zero)


class Float8Product(Form):
    keeps_weight = True
    takes_lora = False
    _KINDS = ("inputs", "kernel", "outputs_grad")

    def in_files(self, weight: str) -> list[str]:
        return [weight, "bias", *(f"{kind}_{part}" for kind in self._KINDS for part in ("scale", "amax_history"))]

    def build(self, layer: QuantizableWeight, shape: Shape, config: QuantizationConfig | None) -> None:
        policy = layer.dtype_policy
        length = QuantizedFloat8DTypePolicy.default_amax_history_length
        length = policy.amax_history_length if isinstance(policy, QuantizedFloat8DTypePolicy) else length
        ranges = []
        for kind in self._KINDS:
            # In float32, whatever the policy says; a step of an optimizer puts their "gradients" in their place.
            options: dict[str, Any] = {"trainable": True, "autocast": False, "overwrite_with_gradient": True}
            scale = layer.add_kept(f"{kind}_scale", (), "float32", "ones", **options)
            history = layer.add_kept(f"{kind}_amax_history", (length,), "float32", "zeros", **options)
            ranges.append(Range(scale, history))
        layer.adapted.adapter = Float8(*ranges)


class Int8Table(Form):
    def in_files(self, weight: str) -> list[str]:
        return [weight, f"{weight}_scale"]

    def build(self, layer: QuantizableWeight, shape: Shape, config: QuantizationConfig | None) -> None:
        table = layer.add_kept(layer.adapted_weight, shape, "int8")
        table.adapter = Rows8(layer.add_kept(f"{layer.adapted_weight}_scale", shape[:1], initializer="ones"))

    def values(self, layer: QuantizableWeight, weight: jax.Array, config: QuantizationConfig | None) -> Values:
        quantizer = QuantizationConfig.weight_quantizer_or_default(config, AbsMaxQuantizer(-1))
        numbers, scale = quantizer(weight, to_numpy=True)
        return named(layer.adapted_weight, numbers, scale[:, 0])


class Int4Table(Form):
    def in_files(self, weight: str) -> list[str]:
        return [weight, f"{weight}_scale", f"{weight}_zero", "g_idx"]

    def policy(self, config: QuantizationConfig) -> str:
        return f"int4/{block_size(config) or -1}"

    def build(self, layer: QuantizableWeight, shape: Shape, config: QuantizationConfig | None) -> None:
        (rows, size), name = shape, layer.adapted_weight
        block = block_size_of(layer, config)
        layer.note_packing(size, getattr(config, "block_size", block))
        table = layer.add_kept(name, (rows, (size + 1) // 2), "int8")
        scale_shape = (rows,) if block is None else (rows, -(-size // block))
        scale, zero, _ = add_scales(layer, name, scale_shape, size, block)
        table.adapter = Rows4(size, scale, zero, block)

    def values(self, layer: QuantizableWeight, weight: jax.Array, config: QuantizationConfig | None) -> Values:
        numbers, scale, zero = rounded_to_4_bits(weight.T, block_size_of(layer, config), config, table=True)
        packed = pack_int4(numbers.T, axis=-1)[0]
        return named(layer.adapted_weight, packed, scale.T, None if zero is None else zero.T)


class TwoWays(Form):
    """A table that is looked up, and multiplied with vectors on the way back, which another weight may do."""

    def __init__(self, table: Form):
        self.table = table

    def in_files(self, weight: str) -> list[str]:
        back = f"reverse_{weight}"
        return [*self.table.in_files(weight), back, f"{back}_scale", f"{back}_zero"]

    def policy(self, config: QuantizationConfig) -> str:
        return self.table.policy(config)

    def build(self, layer: Any, shape: Shape, config: QuantizationConfig | None) -> None:
        self.table.build(layer, shape, config)
        quantizer = layer.inputs_quantizer = QuantizationConfig.activation_quantizer_or_default(
            config, AbsMaxQuantizer(-1)
        )
        contraction, kept, (rows, size) = layer.contraction(), layer.adapted.adapter, shape
        short = isinstance(kept, Rows8)
        if layer.tie_weights:
            layer.backwards = Int8(kept.scale, contraction, quantizer) if short else Back4(kept, contraction, quantizer)
            return
        name = f"reverse_{layer.adapted_weight}"
        if short:
            weight = layer.add_kept(name, (size, rows), "int8")
            scale = layer.add_kept(f"{name}_scale", (rows,), initializer="ones")
            weight.adapter = Int8(scale, contraction, quantizer)
            return
        weight = layer.add_kept(name, ((size + 1) // 2, rows), "int8")
        block = block_size_of(layer, config)
        scale_shape = (rows,) if block is None else (-(-size // block), rows)
        scale = layer.add_kept(f"{name}_scale", scale_shape, initializer="ones")
        zero = None if block is None else layer.add_kept(f"{name}_zero", scale_shape)
        blocks = None if block is None else layer.g_idx  # of the table
        weight.adapter = Int4((size, rows), scale, zero, blocks, contraction, quantizer, along=0)

    def values(self, layer: Any, weight: jax.Array, config: QuantizationConfig | None) -> Values:
        values = self.table.values(layer, weight, config)
        if layer.tie_weights:
            return values
        back, name = whole_here(layer.reverse_embeddings.stored), f"reverse_{layer.adapted_weight}"
        if isinstance(self.table, Int8Table):
            quantizer = QuantizationConfig.weight_quantizer_or_default(config, AbsMaxQuantizer(0))
            numbers, scale = quantizer(back, to_numpy=True)
            return values | named(name, numbers, scale[0])
        numbers, scale, zero = rounded_to_4_bits(back, block_size_of(layer, config), config)
        return values | named(name, pack_int4(numbers, axis=0)[0], scale, zero)


def named(name: str, numbers: jax.Array, scale: jax.Array, zero: jax.Array | None = None) -> Values:
    """Values by the names of their variables."""
    return {name: numbers, f"{name}_scale": scale} | ({} if zero is None else {f"{name}_zero": zero})


def add_scales(
    layer: QuantizableWeight, name: str, shape: Shape, length: int, block: int | None
) -> tuple[Any, Any, Any]:
    """The variables of a weight of 4 bits: scale; in blocks, what stands for zero, and the block of each place."""
    scale = layer.add_kept(f"{name}_scale", shape, initializer="ones")
    if block is None:
        return scale, None, None
    zero = layer.add_kept(f"{name}_zero", shape, "int8")

    def numbered(sizes: Any, dtype: str) -> jax.Array:
        return jnp.asarray(np.arange(length) // block, dtype)

    return scale, zero, layer.add_kept("g_idx", (length,), "float32", numbered, autocast=False)


def rounded_to_4_bits(
    matrix: jax.Array, block: int | None, config: QuantizationConfig | None, table: bool = False
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Whole numbers, scale and what stands for zero, of a matrix (inputs, outputs).

    Args:
        table: whether quantizers of the user's know its transpose.
    """
    if block is not None:
        return abs_max_quantize_grouped_with_zero_point(matrix, block, to_numpy=True)
    usual = AbsMaxQuantizer(-1 if table else 0, value_range=_INT4, output_dtype="int8")
    quantizer = QuantizationConfig.weight_quantizer_or_default(config, usual)
    numbers, scale = quantizer(matrix.T if table else matrix, to_numpy=True)
    return (numbers.T, scale[:, 0], None) if table else (numbers, jnp.squeeze(scale, 0), None)


def block_size(config: QuantizationConfig | None) -> int | None:
    """How many inputs share a scale; None: all."""
    size = getattr(config, "block_size", None)
    return size if size is not None and size > 0 else None


def block_size_of(layer: QuantizableWeight, config: QuantizationConfig | None) -> int | None:
    """The same for a layer: the config says it, else the dtype policy."""
    policy = layer.dtype_policy
    if config is None and isinstance(policy, Int4DTypePolicy):
        return policy.block_size if policy.block_size > 0 else None
    return block_size(config)


PRODUCTS: dict[str, Form] = {"int8": Int8Product(), "int4": Int4Product(), "float8": Float8Product(), **CALIBRATED}
TABLES: dict[str, Form] = {"int8": Int8Table(), "int4": Int4Table()}
TWO_WAYS: dict[str, Form] = {mode: TwoWays(form) for mode, form in TABLES.items()}
FORMS = {"product": PRODUCTS, "table": TABLES, "two ways": TWO_WAYS}
