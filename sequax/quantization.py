"""Quantization of a whole model: its layers one by one, and one sentence about what stayed as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .core import quantizing
from .core.layer import Layer
from .core.warning import warn
from .lora import LowRankMethods

Filters = str | Sequence[str] | Callable[[Layer], bool] | None


class QuantizedMethods(LowRankMethods):
    """The side of a model whose layers are quantized."""

    def quantize(  # type: ignore[override]
        self, mode: str | None = None, config: Any = None, filters: Filters = None, **kwargs: Any
    ) -> None:
        """Keep the weights of the layers in fewer bits: `Dense`, `EinsumDense`, embeddings, also inside other layers.

        `"int8"` takes a quarter of the memory, `"int4"` an eighth; both are for predictions, or for low-rank adapters
        beside them (`enable_lora`). `"float8"` is a way to train. `"gptq"` and `"awq"` run the model on data first.

        Args:
            mode: `"int8"`, `"int4"`, `"float8"`, `"gptq"` or `"awq"`; may be left out where `config` says it.
            config: a `QuantizationConfig`, for other quantizers or blocks than the usual ones.
            filters: which layers: a regular expression that is searched for in the name, a list of such, or a
                function from a layer to True or False; default: all.
            **kwargs: `type_check`, as in `Layer.quantize`.

        Layers with weights that have no way to do it stay as they are, and one warning lists them. `"gptq"` and
        `"awq"` round the layers in the blocks that the config or `get_quantization_layer_structure` names.

        Raises:
            ValueError: if the model is not built, no layer can be quantized, or one is already; nothing is changed.

        >>> from sequax import Input, Sequential, layers
        >>> model = Sequential([Input((64,)), layers.Dense(64), layers.Dense(2, name="head")])
        >>> model.quantize("int8", filters=lambda layer: layer.name != "head")
        >>> [layer.quantization_mode for layer in model.layers]
        ['int8', None]
        """
        from .quantizers.utils import should_quantize_layer  # with all of `ops`, which most scripts do not need

        type_check = kwargs.pop("type_check", True)
        who = f"Model '{self.name}'.quantize"
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        if not (filters is None or callable(filters) or isinstance(filters, (str, list, tuple))):
            raise ValueError(
                f"{who}: The `filters` argument must be a regex string, a list of regex strings, or a callable."
                f" Received: {filters!r} (of type {type(filters).__name__})"
            )
        if config.mode in ("gptq", "awq"):
            from .quantizers.calibration import quantize_model

            quantize_model(self, config, filters)
            return
        meant = [one for one in self._plain_layers() if should_quantize_layer(one, filters)]
        able = [one for one in meant if type(one).quantize is not Layer.quantize]
        for layer in able:
            quantizing.checked(layer, mode, config)
        sizes = {layer: layer.count_params() for layer in meant}
        total = sum(v.size for v in self.weights)
        done = [layer for layer in able if _quantized(layer, mode, config, type_check)]
        if not done:
            raise ValueError(
                f"{who}: nothing was quantized: no layer{' that `filters` means' if filters is not None else ''} has a"
                f" form for mode={mode!r}. Dense, EinsumDense, Embedding and ReversibleEmbedding have."
            )
        left = {one.name: type(one).__name__ for one in meant if one not in done and one.weights}
        if left:
            warn(_about(who, config.mode, left, sum(sizes[layer] for layer in done) / total))

    def _plain_layers(self) -> list[Layer]:
        """Those without layers inside."""
        return [one for one in self.flatten_layers() if len(one.flatten_layers()) == 1]


def _quantized(layer: Layer, mode: str | None, config: Any, type_check: bool) -> bool:
    try:
        layer.quantize(mode, type_check=type_check, config=config)
    except NotImplementedError:  # it has no form for the mode, or is a subclass that may compute something else
        return False
    return True


def _about(who: str, mode: str, left: Mapping[str, str], share: float) -> str:
    shown = ", ".join(f"{name} ({kind})" for name, kind in list(left.items())[:8])
    more = f" and {len(left) - 8} more" if len(left) > 8 else ""
    return f"{who}: {share:.0%} of the weights are {mode} now. These layers have no form for it: {shown}{more}."
