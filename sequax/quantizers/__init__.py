"""Public namespace `keras.quantizers`: whole numbers in place of floats, and how models are quantized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from .awq import (
    AWQ as AWQ,
    awq_quantize_matrix as awq_quantize_matrix,
    awq_search_optimal_scales as awq_search_optimal_scales,
)
from .base import AbsMaxQuantizer, Quantizer, abs_max_quantize, deserialize, get, serialize
from .calibrated import AWQConfig, GPTQConfig
from .calibration import awq_quantize as awq_quantize, gptq_quantize as gptq_quantize
from .config import (
    Float8QuantizationConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
    QuantizationConfig,
    validate_and_resolve_config as validate_and_resolve_config,
)
from .fake import fake_quant_with_min_max_vars
from .float8 import compute_float8_amax_history, compute_float8_scale, quantize_and_dequantize
from .gptq import GPTQ as GPTQ, gptq_quantize_matrix as gptq_quantize_matrix
from .nibbles import pack_int4, unpack_int4
from .samples import get_dataloader as get_dataloader
from .zero_points import (
    abs_max_quantize_grouped_with_zero_point,
    compute_quantization_parameters as compute_quantization_parameters,
    dequantize_with_sz_map as dequantize_with_sz_map,
    dequantize_with_zero_point as dequantize_with_zero_point,
    quantize_with_sz_map as quantize_with_sz_map,
    quantize_with_zero_point as quantize_with_zero_point,
)

__all__ = [
    "AWQConfig", "AbsMaxQuantizer", "Float8QuantizationConfig", "GPTQConfig", "Int4QuantizationConfig",
    "Int8QuantizationConfig", "QuantizationConfig", "Quantizer", "abs_max_quantize",
    "abs_max_quantize_grouped_with_zero_point", "compute_float8_amax_history", "compute_float8_scale", "deserialize",
    "fake_quant_with_min_max_vars", "get", "pack_int4", "quantize_and_dequantize", "serialize", "unpack_int4",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
