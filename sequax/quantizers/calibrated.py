"""How a model is quantized that is first run on data, to see which weights matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ..core.kinds import Integer, Number
from .base import catalogue
from .config import QuantizationConfig, needs_data

# What is used once, and is no part of a config.
_ONCE = ("dataset", "tokenizer", "quantization_layer_structure")


class _Calibrated(QuantizationConfig):
    dataset: Any
    tokenizer: Any
    quantization_layer_structure: Mapping[str, Any] | None
    weight_bits: int
    num_samples: int
    sequence_length: int
    group_size: int

    def __init__(self, dataset: Any, tokenizer: Any, quantization_layer_structure: Mapping[str, Any] | None):
        super().__init__()
        self.dataset, self.tokenizer = dataset, tokenizer
        self.quantization_layer_structure = quantization_layer_structure

    def _check_sizes(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) <= 0:
                raise ValueError(
                    f"{type(self).__name__}: {name} must be a positive integer. Received: {getattr(self, name)}"
                )
        if self.group_size < -1 or self.group_size == 0:
            raise ValueError(
                f"{type(self).__name__}: Invalid group_size. Supported values are -1 (all inputs of an output in one"
                f" group) or a positive integer. Received: {self.group_size}"
            )

    def get_config(self) -> dict[str, Any]:
        """The settings. Data, tokenizer and the list of layers are None: they are used once."""
        return {**dict.fromkeys(("dataset", "tokenizer")), **super().get_config(), "quantization_layer_structure": None}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new object from `get_config()`, without data."""
        return cls(**{**config, **dict.fromkeys(_ONCE)})

    def without_data(self) -> QuantizationConfig:
        """The settings, which a layer keeps."""
        return type(self).from_config(self.get_config())

    def dtype_policy_string(self) -> str:
        """How dtype policies name it: mode, bits and size of groups, such as `"gptq/4/128"`."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"


@catalogue.register()
class GPTQConfig(_Calibrated):
    """Few bits per weight, chosen one input after another, so that later ones make up for the error of earlier ones.

    Frantar et al. 2023, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers". The
    model is run on data; how the inputs of each layer vary together says what an error costs.

    Args:
        dataset: texts, or arrays of token ids, of shape `(length,)` or `(1, length)`; any iterable of them. Of a model
            that takes no ids an array of floats, `(rows, ...)`.
        tokenizer: makes ids of a text: a function, or an object with `tokenize`. None where the data are ids.
        weight_bits: 2, 3, 4 or 8.
        num_samples: sequences, or rows of floats, to run the model on.
        per_channel: a scale for each output. False: one for all.
        sequence_length: tokens in each of them.
        hessian_damping: what is added to the diagonal before it is inverted, as a share of its mean.
        group_size: inputs that share a scale, per output. -1: all of them.
        symmetric: whether the range is as wide below 0 as above it.
        activation_order: begin with the inputs that vary most.
        quantization_layer_structure: `{"pre_block_layers": [...], "sequential_blocks": [...]}`, the layers in front of
            the blocks and the blocks that are quantized one after another. Default: what the model's
            `get_quantization_layer_structure` says.

    Raises:
        ValueError: for numbers that make no sense.
    """

    per_channel: bool
    hessian_damping: float
    symmetric: bool
    activation_order: bool

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: Integer = 4,
        num_samples: Integer = 128,
        per_channel: bool = True,
        sequence_length: Integer = 512,
        hessian_damping: Number = 0.01,
        group_size: Integer = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: Mapping[str, Any] | None = None,
    ):
        super().__init__(dataset, tokenizer, quantization_layer_structure)
        if weight_bits not in (2, 3, 4, 8):
            raise ValueError(f"Unsupported weight_bits {weight_bits}. GPTQConfig takes 2, 3, 4 and 8.")
        if not 0 <= hessian_damping <= 1:
            raise ValueError(f"GPTQConfig: hessian_damping must be between 0 and 1. Received: {hessian_damping}")
        self._check_sizes("num_samples", "sequence_length")

    @property
    def mode(self) -> str:
        return "gptq"


@catalogue.register()
class AWQConfig(_Calibrated):
    """Four bits per weight, where inputs that are large keep more of their accuracy.

    Lin et al. 2024, "AWQ: Activation-aware Weight Quantization for On-Device LLM Compression and Acceleration". The
    model is run on data; weights are scaled up before rounding by a power of how large their inputs are, and the
    power is searched that leaves the least error.

    Args:
        dataset: texts, or arrays of token ids, of shape `(length,)` or `(1, length)`; any iterable of them. Of a model
            that takes no ids an array of floats, `(rows, ...)`.
        tokenizer: makes ids of a text: a function, or an object with `tokenize`. None where the data are ids.
        weight_bits: 4.
        num_samples: sequences, or rows of floats, to run the model on.
        sequence_length: tokens in each of them.
        group_size: inputs that share a scale, per output. -1: all of them.
        num_grid_points: powers that are tried.
        quantization_layer_structure: as in `GPTQConfig`.

    Raises:
        ValueError: for numbers that make no sense.
    """

    num_grid_points: int

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: Integer = 4,
        num_samples: Integer = 128,
        sequence_length: Integer = 512,
        group_size: Integer = 128,
        num_grid_points: Integer = 20,
        quantization_layer_structure: Mapping[str, Any] | None = None,
    ):
        super().__init__(dataset, tokenizer, quantization_layer_structure)
        if weight_bits != 4:
            raise ValueError(f"AWQ only supports 4-bit quantization. Received: weight_bits={weight_bits}")
        self._check_sizes("num_samples", "sequence_length", "num_grid_points")

    @property
    def mode(self) -> str:
        return "awq"


needs_data(GPTQConfig, "gptq")
needs_data(AWQConfig, "awq")
