"""How layers and models are quantized: which way, and by which quantizers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from ..core.constructor import Configured
from ..core.kinds import Config, Integer, Like
from .base import AbsMaxQuantizer, Quantizer, catalogue

MODES = ("int8", "float8", "int4", "gptq", "awq")


class _QuantizerOf(Like):
    """A quantizer, what stands for one, or the word `"default"`."""

    def resolve(self, value: object, name: str, owner: object) -> Any:
        return value if value == "default" else catalogue.get(value)


QuantizerLike = Annotated[Quantizer | str | Config | None, _QuantizerOf("keras.quantizers")]


@catalogue.register()
class QuantizationConfig(Configured):
    """Base of all that `layer.quantize(config=...)` takes. A subclass says its `mode`.

    Args:
        weight_quantizer: makes whole numbers of the weights.
        activation_quantizer: makes whole numbers of the inputs. None: they stay floats.
    """

    weight_quantizer: Any
    activation_quantizer: Any

    def __init__(self, weight_quantizer: QuantizerLike = None, activation_quantizer: QuantizerLike = None):
        pass

    @property
    def mode(self) -> str:
        """The way of quantization: one of "int8", "int4", "float8", "gptq", "awq".

        Raises:
            NotImplementedError: of the base class.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no `mode`. Do not instantiate QuantizationConfig directly. Take one of its"
            f" subclasses, such as `Int8QuantizationConfig`."
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new object from `get_config()`."""
        return cls(
            **{key: catalogue.get(value) if isinstance(value, Mapping) else value for key, value in config.items()}
        )

    def without_data(self) -> QuantizationConfig:
        """What a layer keeps of it once it is quantized."""
        return self

    @staticmethod
    def weight_quantizer_or_default(config: QuantizationConfig | None, default: Any) -> Any:
        """The quantizer of weights that a config names.

        Args:
            config: may be None.
            default: where it is, or names none.
        """
        named = None if config is None else config.weight_quantizer
        return default if named is None else named

    @staticmethod
    def activation_quantizer_or_default(config: QuantizationConfig | None, default: Any) -> Any:
        """The quantizer of inputs that a config names, which may be None.

        Args:
            config: may be None.
            default: where it is.
        """
        return default if config is None else config.activation_quantizer

    def _require_int8(self) -> None:
        found = getattr(self.weight_quantizer, "output_dtype", None)
        if self.weight_quantizer is not None and found != "int8":
            raise ValueError(
                f"{type(self).__name__} requires a `weight_quantizer` with output_dtype='int8'. Received:"
                f" output_dtype={found!r} of {self.weight_quantizer!r}"
            )


@catalogue.register()
class Int8QuantizationConfig(QuantizationConfig):
    """Weights in eight bits, with a scale for each column; inputs too, with a scale for each row, at each call.

    Args:
        weight_quantizer: default: `AbsMaxQuantizer` along the axis of the inputs.
        activation_quantizer: default: `AbsMaxQuantizer` along the last axis. None: inputs stay floats.

    Raises:
        ValueError: for a quantizer of weights that gives something else than int8.
    """

    def __init__(self, weight_quantizer: QuantizerLike = None, activation_quantizer: QuantizerLike = "default"):
        inputs = AbsMaxQuantizer() if activation_quantizer == "default" else activation_quantizer
        super().__init__(weight_quantizer, inputs)
        self._require_int8()

    @property
    def mode(self) -> str:
        return "int8"


@catalogue.register()
class Int4QuantizationConfig(QuantizationConfig):
    """Weights in four bits, two of them in a byte; inputs stay floats.

    Args:
        weight_quantizer: default: `AbsMaxQuantizer` with `value_range=(-8, 7)`; only without blocks.
        activation_quantizer: `"default"` and None: inputs stay floats. Another one only without blocks.
        block_size: inputs that share a scale and a zero point, per output. None or -1: one scale per output.

    Raises:
        ValueError: for quantizers together with blocks, and such as give more than four bits.
    """

    block_size: int | None

    def __init__(
        self,
        weight_quantizer: QuantizerLike = None,
        activation_quantizer: QuantizerLike = "default",
        block_size: Integer | None = 128,
    ):
        super().__init__(weight_quantizer, None if activation_quantizer == "default" else activation_quantizer)
        if block_size is not None and block_size != -1 and block_size <= 0:
            raise ValueError(
                f"Int4QuantizationConfig: block_size must be None, -1, or a positive integer. Received:"
                f" block_size={block_size}"
            )
        named = [name for name in ("weight_quantizer", "activation_quantizer") if getattr(self, name) is not None]
        if named and block_size not in (None, -1):
            raise ValueError(
                f"Int4 sub-channel quantization (block_size > 0) does not support custom quantizers. Pass"
                f" `block_size=None` for one scale per output, or leave out {' and '.join(named)}. Received:"
                f" block_size={block_size}"
            )
        self._require_int8()
        value_range = getattr(self.weight_quantizer, "value_range", None)
        if self.weight_quantizer is not None and tuple(value_range or ()) != (-8, 7):
            raise ValueError(
                f"Int4QuantizationConfig requires a `weight_quantizer` with value_range=(-8, 7). Received:"
                f" value_range={value_range}"
            )

    @property
    def mode(self) -> str:
        return "int4"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new object from `get_config()`; of files from before there were blocks, one without."""
        return super().from_config({"block_size": None, **config})


@catalogue.register()
class Float8QuantizationConfig(QuantizationConfig):
    """Training in eight-bit floats, of weights, inputs and gradients. It has no settings."""

    def __init__(self) -> None:
        super().__init__(None, None)

    @property
    def mode(self) -> str:
        return "float8"

    def get_config(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new object."""
        return cls()


def validate_and_resolve_config(mode: str | None, config: Any) -> QuantizationConfig:
    """How to quantize, by what `quantize` was called with.

    Args:
        mode: one of "int8", "int4", "float8", "gptq", "awq". None: the config says it.
        config: a `QuantizationConfig`, a mode, or None: the defaults of the mode.

    Raises:
        ValueError: for what does not go together, or says too little.
    """
    mode, config = (config, None) if isinstance(config, str) else (mode, config)
    if mode is not None and mode not in MODES:
        raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: mode={mode!r}")
    if config is None:
        return _of_mode(mode)
    if not isinstance(config, QuantizationConfig):
        raise ValueError(
            f"Argument `config` must be an instance of `QuantizationConfig`. Received: config={config!r} (of type"
            f" {type(config).__name__})"
        )
    if mode is not None and config.mode != mode:
        raise ValueError(f"Contradictory arguments: mode={mode!r} but config.mode={config.mode!r}")
    if config.mode not in MODES:
        raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: config.mode={config.mode!r}")
    needed = _CALIBRATED.get(config.mode)
    if needed is not None and not isinstance(config, needed):
        raise ValueError(
            f"Mode {config.mode!r} requires a valid `config` argument of type `{needed.__name__}`. Received:"
            f" {type(config).__name__}"
        )
    return config


def _of_mode(mode: str | None) -> QuantizationConfig:
    if mode is None:
        raise ValueError("You must provide either `mode` or `config` to `quantize`.")
    if mode in _CALIBRATED:
        raise ValueError(
            f"For {mode.upper()}, you must pass a `{_CALIBRATED[mode].__name__}` object in the `config` argument: it"
            f" holds the data to calibrate with."
        )
    plain = {"int8": Int8QuantizationConfig, "int4": Int4QuantizationConfig, "float8": Float8QuantizationConfig}
    return plain[mode]()


_CALIBRATED: dict[str, type[QuantizationConfig]] = {}  # modes whose configs hold data, filled by `calibrated.py`


def needs_data(cls: type[QuantizationConfig], mode: str) -> None:
    """Have a mode take configs of a class only."""
    _CALIBRATED[mode] = cls
