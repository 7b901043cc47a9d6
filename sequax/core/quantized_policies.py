"""Dtype policies of quantized layers: how the weights are kept, and from which policy they were made."""

from __future__ import annotations

from typing import Any

from . import dtypes, names
from .dtypes import DTypePolicy

_LONGEST = 2**20
MODES = ("int8", "float8", "int4", "gptq", "awq")


@dtypes.catalogue.register()
class QuantizedDTypePolicy(DTypePolicy):
    """Weights are kept in fewer bits; everything else is as in another policy.

    Args:
        mode: `"int8"`, `"int4"` or `"float8"`.
        source_name: name of the policy that says what is computed in, such as `"float32"` or `"mixed_bfloat16"`;
            default: the policy of the process.

    Raises:
        ValueError: for another mode, and for int8 computed in float16, which overflows.

    >>> policy = QuantizedDTypePolicy("int8", "mixed_bfloat16")
    >>> policy.name, policy.compute_dtype, policy.variable_dtype
    ('int8_from_mixed_bfloat16', 'bfloat16', 'float32')
    """

    parts: tuple[str, ...] = ()  # what stands in the mode, the first of it being the mode itself

    def __init__(self, mode: str, source_name: str | None = None):
        source = DTypePolicy(dtypes.dtype_policy().name if source_name is None else source_name)
        kind = mode.split("/")[0] if self.parts else mode
        if kind not in MODES:
            raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: mode={mode}")
        if kind == "int8" and source.compute_dtype == "float16":
            raise ValueError(
                f"Quantization mode='{mode}' doesn't work well with compute_dtype='float16', which ends at 65,504."
                f" Use 'mixed_bfloat16' or 'float32' as the source."
            )
        self._name = f"{mode}_from_{source.name}"
        self._compute_dtype, self._variable_dtype = source.compute_dtype, source.variable_dtype
        self._mode, self._source_name, self._quantization_mode = mode, source.name, kind

    @property
    def config_names(self) -> tuple[str, str, None] | None:
        """Under which name configs have it: Keras does not find it under the one of other policies."""
        return ("keras.dtype_policies", type(self).__name__, None) if names.is_ours(type(self)) else None

    @property
    def source_name(self) -> str:
        """Name of the policy that says what is computed in."""
        return self._source_name

    def get_config(self) -> dict[str, Any]:
        return {"mode": self._mode, "source_name": self._source_name}

    def without_source(self) -> dict[str, Any]:
        return {**self.get_config(), "source_name": None}


@dtypes.catalogue.register()
class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Products are computed of values rounded to 8-bit floats; weights stay what they are, and train.

    Micikevicius et al. 2022, "FP8 Formats for Deep Learning".

    Args:
        mode: `"float8"`.
        source_name: as in `QuantizedDTypePolicy`.
        amax_history_length: of how many steps the largest value is remembered, from which the scale is taken.
    """

    default_amax_history_length = 1024

    def __init__(self, mode: str, source_name: str | None = None, amax_history_length: int = 1024):
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int) or isinstance(amax_history_length, bool):
            raise TypeError(
                f"`amax_history_length` must be an integer. Received: amax_history_length={amax_history_length!r}"
            )
        if not 1 <= amax_history_length <= _LONGEST:  # a file may say it, and three variables have this size
            raise ValueError(f"`amax_history_length` must be from 1 to {_LONGEST:,}. Received: {amax_history_length}")
        self._amax_history_length = amax_history_length

    @property
    def amax_history_length(self) -> int:
        return self._amax_history_length

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amax_history_length": self._amax_history_length}


class _Numbered(QuantizedDTypePolicy):
    """A mode with numbers behind it, such as `int4/128`."""

    def __init__(self, mode: str, source_name: str | None = None):
        given = mode.split("/")
        expected = f"Invalid mode for {type(self).__name__}. Expected format '{'/'.join(self.parts)}', but got '{mode}'"
        if len(given) != len(self.parts) or given[0] != self.parts[0]:
            raise ValueError(f"{expected}.")
        try:
            numbers = [int(part) for part in given[1:]]
        except ValueError:
            raise ValueError(f"{expected}: what is in angle brackets must be an integer.") from None
        self._check(mode, *numbers)
        super().__init__(mode, source_name)
        self.mode: str = given[0]
        for name, number in zip(self.parts[1:], numbers, strict=True):
            setattr(self, name.strip("<>"), number)

    def _check(self, mode: str, *numbers: int) -> None:
        if numbers[-1] < -1 or numbers[-1] == 0:
            raise ValueError(
                f"Invalid {self.parts[-1].strip('<>')} in mode. Supported values are -1 (one group for a whole"
                f" channel) or a positive integer, but got {numbers[-1]} from '{mode}'."
            )


@dtypes.catalogue.register()
class Int4DTypePolicy(_Numbered):
    """Weights of 4 bits, with a scale for each group of them.

    Args:
        mode: `"int4/<block_size>"`: how many weights of an output share a scale; -1: all of them.
        source_name: as in `QuantizedDTypePolicy`.

    >>> Int4DTypePolicy("int4/128", "float32").block_size
    128
    """

    parts = ("int4", "<block_size>")
    block_size: int


@dtypes.catalogue.register()
class GPTQDTypePolicy(_Numbered):
    """Weights that GPTQ has rounded (Frantar et al. 2022, "GPTQ").

    Args:
        mode: `"gptq/<weight_bits>/<group_size>"`, with 2, 3, 4 or 8 bits and groups of that many weights; -1: one.
        source_name: as in `QuantizedDTypePolicy`.
    """

    parts = ("gptq", "<weight_bits>", "<group_size>")
    weight_bits: int
    group_size: int

    def _check(self, mode: str, *numbers: int) -> None:
        if numbers[0] not in (2, 3, 4, 8):
            raise ValueError(
                f"Invalid weight_bits in mode. Supported values are 2, 3, 4 and 8, but got {numbers[0]} from '{mode}'."
            )
        super()._check(mode, *numbers)


@dtypes.catalogue.register()
class AWQDTypePolicy(_Numbered):
    """Weights that AWQ has rounded (Lin et al. 2023, "AWQ").

    Args:
        mode: `"awq/<weight_bits>/<group_size>"`, with 4 bits and groups of that many weights; -1: one.
        source_name: as in `QuantizedDTypePolicy`.
    """

    parts = ("awq", "<weight_bits>", "<group_size>")
    weight_bits: int
    group_size: int

    def _check(self, mode: str, *numbers: int) -> None:
        if numbers[0] != 4:
            raise ValueError(
                f"Invalid weight_bits in mode. AWQ only supports 4-bit quantization, but got {numbers[0]} from"
                f" '{mode}'."
            )
        super()._check(mode, *numbers)


def of_name(name: str) -> QuantizedDTypePolicy:
    """The policy of a name such as `int8_from_float32`, `int4/128_from_mixed_bfloat16` or `gptq/4/128_from_float32`.

    Raises:
        ValueError: for a name that is none.
    """
    mode, _, source = name.partition("_from_")
    kind = mode.split("/")[0]
    if kind not in MODES or not source:
        raise ValueError(
            f"Cannot convert `policy` into a valid pair (`mode`, `source_name`), such as 'int8_from_float32'."
            f" Received: policy={name}"
        )
    made: dict[str, type[QuantizedDTypePolicy]] = {
        "int8": QuantizedDTypePolicy,
        "int4": Int4DTypePolicy if "/" in mode else QuantizedDTypePolicy,
        "float8": QuantizedFloat8DTypePolicy,
        "gptq": GPTQDTypePolicy,
        "awq": AWQDTypePolicy,
    }
    return made[kind](mode, source)
