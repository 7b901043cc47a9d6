"""Forms of weights that GPTQ and AWQ round: they wait, as they are, until data have been seen."""

from __future__ import annotations

from typing import Any

from ..adapters.grouped import Grouped
from ..adapters.matrix import Matrix
from ..core.quantized_policies import AWQDTypePolicy, GPTQDTypePolicy
from ..quantizers import AWQConfig, GPTQConfig, QuantizationConfig
from .form import Form, Shape


class Calibrated(Form):
    """Whole numbers with a scale for groups of inputs, beside the weight until it was rounded.

    Args:
        mode: "gptq" or "awq".
        *more: further variables, with a number per input.
    """

    mode: str
    more: tuple[str, ...]
    takes_lora = False
    waits = True

    def __init__(self, mode: str, *more: str):
        self.mode, self.more = mode, more

    def in_files(self, weight: str) -> list[str]:
        return ["bias", "quantized_kernel", "kernel_scale", "kernel_zero", *self.more, "g_idx"]

    def policy(self, config: Any) -> str:
        return config.dtype_policy_string()

    def build(self, layer: Any, shape: Shape, config: QuantizationConfig | None) -> None:
        bits, group = self.settings(layer, config)
        matrix = Matrix(layer.contraction(), shape)
        rows, columns = matrix.rows, matrix.columns
        groups = 1 if group == -1 else -(-rows // group)
        numbers = layer.add_kept("quantized_kernel", ((columns + 1) // 2 if bits == 4 else columns, rows), "uint8")
        scale = layer.add_kept("kernel_scale", (columns, groups), initializer="ones")
        zero = layer.add_kept("kernel_zero", (columns, groups), "uint8")
        of_inputs = [layer.add_kept(name, (rows,), initializer="ones") for name in self.more]
        of_groups = layer.add_kept("g_idx", (rows,), "float32")
        numbers.adapter = Grouped(matrix, bits, scale, zero, of_groups, *of_inputs)
        if self.mode == "gptq" and hasattr(layer, "gptq_unpacked_column_size"):
            layer.gptq_unpacked_column_size = columns  # as configs of Keras have it
        # Without the weight in floats, as a file asks for it, there is nothing to wait for.
        setattr(layer, f"is_{self.mode}_calibrated", layer.stored_as not in layer.__dict__)

    def settings(self, layer: Any, config: QuantizationConfig | None) -> tuple[int, int]:
        """Bits and size of groups, by the config or else the dtype policy of a layer."""
        found = config if isinstance(config, (GPTQConfig, AWQConfig)) else layer.dtype_policy.at(layer.path)
        if not isinstance(found, (GPTQConfig, AWQConfig, GPTQDTypePolicy, AWQDTypePolicy)):
            raise ValueError(
                f"Layer '{layer.name}' ({type(layer).__name__}): bits and size of groups must be known, by a"
                f" `GPTQConfig` or `AWQConfig`, or a dtype policy such as 'gptq/4/128_from_float32'. Received:"
                f" config={config!r}, dtype={layer.dtype_policy!r}"
            )
        return found.weight_bits, found.group_size


CALIBRATED: dict[str, Form] = {"gptq": Calibrated("gptq"), "awq": Calibrated("awq", "awq_scales")}
