"""The side of a layer whose weights may be kept in fewer bits: how `quantize` is called, and what comes of the policy.

A layer that can writes `quantize(mode, type_check, config)`, which replaces its weights; `quantized_build`, which makes
those of a mode; and for the call `quantized_call`, or one method for each mode, such as `_int8_call`. Whether they are
used says the layer's dtype policy. Our own layers do it in `layers/quantized.py`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import above, dtypes, tracking
from .names import is_ours
from .policy_map import DTypePolicyMap
from .quantized_policies import MODES, Int4DTypePolicy, QuantizedDTypePolicy

if TYPE_CHECKING:
    from .dtypes import DTypePolicy
    from .layer import Layer

_CALLS = ("quantized_call", *(f"_{mode}_call" for mode in MODES))


class Quantizable:
    """Methods of `Layer`; those that do something are its subclasses'."""

    name: str
    built: bool
    quantization_config: Any
    _dtype_policy: DTypePolicy
    _is_quantized = False
    _in_quantize = False
    calls_when_quantized = False  # the class says what it computes then

    if TYPE_CHECKING:

        @property
        def dtype_policy(self) -> DTypePolicy: ...

        @dtype_policy.setter
        def dtype_policy(self, value: object) -> None: ...

    @property
    def quantization_mode(self) -> str | None:
        """How the weights are kept: `"int8"`, `"int4"`, `"float8"`, `"gptq"`, `"awq"`; None: as they are."""
        return self.dtype_policy.quantization_mode

    def quantize(self, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        """Keep the weights in fewer bits from now on.

        Args:
            mode: `"int8"`, `"int4"`, `"float8"`, `"gptq"` or `"awq"`; may be left out where `config` says it.
            type_check: refuse a subclass of a layer that has a way to do it: what it computes may be something else.
            config: a `QuantizationConfig`, for other quantizers or blocks than the usual ones.

        Raises:
            NotImplementedError: if the layer has no way to do it.
            ValueError: if it is not built, is quantized already, or for arguments that say nothing.
        """
        raise not_implemented(self, "quantize")

    def check_quantization(self, mode: str) -> None:
        """Raise an error if the layer cannot be quantized as it is now, before any is.

        Args:
            mode: that is asked for.
        """

    def quantized_build(self, *args: Any, **kwargs: Any) -> None:
        """Create the variables of a mode."""
        raise not_implemented(self, "quantized_build")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute outputs from inputs with weights in fewer bits."""
        own = getattr(self, f"_{self.quantization_mode}_call", None)
        if own is None:
            raise mode_error(self.quantization_mode)
        return own(*args, **kwargs)

    def take_policy(self, policy: DTypePolicy) -> None:
        """Keep the weights as a policy says; a file will bring them."""
        self.dtype_policy = policy

    def get_quantization_layer_structure(self, mode: str | None = None) -> Any:
        """What a model says of its layers for quantization by data: nothing.

        Args:
            mode: of the quantization.
        """


def adopt(cls: type[Quantizable]) -> None:
    """What a new class of layers is asked for."""
    if "quantize" in cls.__dict__:
        cls.quantize = _guarded(cls.__dict__["quantize"])  # type: ignore[method-assign]
    if any(name in cls.__dict__ for name in _CALLS):
        cls.calls_when_quantized = True


def _guarded(quantize: Callable[..., Any]) -> Callable[..., Any]:
    """Check the arguments once, before the outermost `quantize` of a layer runs, and hand it both mode and config."""

    @functools.wraps(quantize)
    def run(self: Quantizable, *args: Any, **kwargs: Any) -> Any:
        if self._in_quantize:  # by `super()`
            return quantize(self, *args, **kwargs)
        kwargs.update(zip(("mode", "config"), args, strict=False))
        config = checked(self, kwargs.pop("mode", None), kwargs.pop("config", None))
        self._in_quantize = True
        try:
            result = quantize(self, mode=config.mode, config=config, **kwargs)
        finally:
            self._in_quantize = False
        tracking.note_change()
        return result

    return run


def checked(layer: Quantizable, mode: str | None, config: Any) -> Any:
    """The config by which a layer is to be quantized.

    Raises:
        ValueError: for arguments that say nothing, and a layer that cannot be quantized as it is.
    """
    config = above.load("quantizers").validate_and_resolve_config(mode, config)
    who = f"Layer '{layer.name}' (of type '{type(layer).__name__}')"
    if not layer.built:
        raise ValueError(f"Cannot quantize a layer that isn't yet built. {who} is not built yet.")
    if layer._is_quantized:
        raise ValueError(
            f"Layer '{layer.name}' is already quantized with dtype_policy='{layer.dtype_policy.name}'."
            f" Received: mode={config.mode}"
        )
    if config.mode == "int8" and layer.dtype_policy.compute_dtype == "float16":
        raise ValueError(
            f"{who}: Quantization mode='int8' doesn't work well with compute_dtype='float16', which ends at 65,504."
            f" Load the model with another dtype policy, such as 'mixed_bfloat16', before calling `quantize()`."
        )
    layer.check_quantization(config.mode)
    return config


def by_policy(layer: Quantizable, policy: DTypePolicy) -> None:
    """Quantize a layer that was built before it got a policy."""
    mode = policy.quantization_mode
    if mode is None or not layer.built or layer._is_quantized or layer._in_quantize:
        return
    if mode in ("gptq", "awq"):
        raise ValueError(
            f"Layer '{layer.name}': Implicitly enabling {mode.upper()} quantization by setting `dtype_policy` to"
            f" '{policy.name}' is not supported: it needs data. Call `quantize('{mode}', config=...)` of the layer"
            f" or the model."
        )
    config = None
    if isinstance(policy, Int4DTypePolicy):
        config = above.load("quantizers").Int4QuantizationConfig(block_size=policy.block_size)
    layer.quantize(mode, config=config)
    if (
        mode == "int4" and config is None and isinstance(policy, QuantizedDTypePolicy)
    ):  # the usual way is in blocks, of which this policy does not know
        layer.dtype_policy = dtypes.get(f"int4/{layer.quantization_config.block_size}_from_{policy.source_name}")


def policies_inside(layer: Layer) -> DTypePolicyMap | None:
    """What the config of a layer says of quantized layers that it makes itself; None where there are none."""
    inside = [one for one in layer.flatten_layers(include_self=False) if one.quantization_mode is not None]
    if not inside or layer.quantization_mode is not None:
        return None
    return DTypePolicyMap(layer.dtype_policy, {one.path or one.name: one.dtype_policy for one in inside})


def policies_of_parts(layer: Layer) -> DTypePolicyMap | None:
    """What the config of a layer of a user's says, if parts that it makes itself are quantized: the policies of all.

    Those that are not quantized are listed, too, since names may count on: the order says which part is meant.
    """
    if is_ours(layer) or isinstance(layer._dtype_policy, DTypePolicyMap):
        return None
    parts = _parts(layer)
    policies = {part.path or part.name: part.dtype_policy for part in parts}
    quantized = any(part.quantization_mode is not None for part in parts)
    return DTypePolicyMap(layer.dtype_policy, policies) if quantized and len(policies) == len(parts) else None


def fill_parts(layer: Layer) -> None:
    """Keep the weights of the parts of a layer as its config says, which does not hand it on to them.

    Args:
        layer: just made of a config; a file will bring its weights.
    """
    policies = layer._dtype_policy
    if is_ours(layer) or not isinstance(policies, DTypePolicyMap):
        return
    parts = _parts(layer)
    if [_plain(part.name) for part in parts] == [_plain(path) for path in policies]:
        for part, policy in zip(parts, policies.values(), strict=True):
            if part.quantization_mode is None and policy.quantization_mode is not None:
                part.take_policy(policy)


def _parts(layer: Layer) -> list[Layer]:
    return [one for one in layer.flatten_layers(include_self=False) if one.calls_when_quantized]


def _plain(path: str) -> str:
    return re.sub(r"_\d+$", "", path.rpartition("/")[2])


def not_implemented(layer: object, method: str) -> NotImplementedError:
    return NotImplementedError(f"Layer {type(layer).__name__} does not have a `{method}` method implemented.")


def mode_error(mode: str | None, modes: tuple[str, ...] = MODES) -> NotImplementedError:
    return NotImplementedError(
        f"Invalid quantization mode. Expected one of {modes}. Received: quantization_mode={mode}"
    )
