"""`Identity`, `Masking`, and `Lambda`, which makes a layer of any function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from ..core import names, shapes
from ..core.catalogue import named_function, serialize
from ..core.constructor import LayerOptions
from ..core.custom_objects import custom_object, custom_object_scope
from ..core.kinds import Factor
from ..core.layer import Layer
from ..core.named import lookup, unknown
from ..core.tensor import KerasTensor
from ..core.types import ArrayLike, CustomObjects, Nested, ShapeLike, Symbols, Tensor, Tensors
from .base import Rearranging, ShapeKeeping
from .catalogue import layer


@layer()
class Identity(Rearranging):
    """Returns its input.

    Shapes: any; several inputs in any structure pass as they are.

    Args:
        **options: `name`, `dtype`, ...: as in `Layer`.

    Example:

    >>> import numpy as np
    >>> Identity()(np.ones(2)).tolist()
    [1.0, 1.0]
    """

    supports_masking = True

    def call(self, inputs: Tensors) -> Tensors:
        return inputs

    def compute_output_shape(self, input_shape: Nested[ShapeLike]) -> Nested[ShapeLike]:
        return input_shape


@layer()
class Masking(ShapeKeeping, Rearranging):
    """Marks the steps in which every feature equals `mask_value`; later layers that use masks skip them.

    Shapes: `(batch, steps, features)` -> the same, masked steps as zeros; mask `(batch, steps)`.

    Args:
        mask_value: the value that all features of a masked step have.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Example:

    >>> import numpy as np
    >>> x = np.array([[[1.0], [0.0]]])
    >>> Masking().compute_mask(x).tolist()
    [[True, False]]
    """

    supports_masking = True
    keeps_values = False  # a mask value that would be wrong elsewhere becomes 0

    mask_value: float

    def __init__(self, mask_value: Factor = 0.0, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def call(self, inputs: Tensor) -> Tensor:
        return jnp.where(self.compute_mask(inputs)[..., None], inputs, 0)

    def compute_mask(self, inputs: Tensor | np.ndarray, mask: Tensor | None = None) -> Tensor:
        return jnp.any(jnp.not_equal(inputs, self.mask_value), axis=-1)


@layer()
class Lambda(Layer):
    """A function as a layer: `function(inputs, **arguments)`.

    Configs and files hold the name of the function only. To come back it has to be one of `sequax.activations`, be
    registered with `register_keras_serializable`, or be given in `custom_objects`. Code in a config is never run.

    Args:
        function: callable on arrays; `mask` and `training` are passed to it if it takes them.
        output_shape: shape without the batch axis, or a function of the input shape; default: found by tracing.
        mask: the mask of the output, or a function `(inputs, mask) -> mask`; default: none.
        arguments: further keyword arguments of the function.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        TypeError: if `function` cannot be called.

    Example:

    >>> import numpy as np
    >>> Lambda(lambda x, by: x * by, arguments={"by": 3})(np.ones(2)).tolist()
    [3.0, 3.0]
    """

    function: Callable[..., Any]
    output_shape: ShapeLike | Callable[..., Any] | None
    mask: Tensors | Callable[..., Any] | None

    supports_masking: bool = False
    not_in_config: frozenset[str] = frozenset({"function", "output_shape", "mask", "arguments"})
    config_keys: frozenset[str] = frozenset({"function_type", "output_shape_type", "output_shape_module", "module"})
    function_keys: frozenset[str] = frozenset({"function", "output_shape", "mask"})

    def __init__(
        self,
        function: object,
        output_shape: ShapeLike | Callable[..., Any] | None = None,
        mask: Tensors | Callable[..., Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        if not callable(function):
            raise TypeError(
                f"Lambda: expected a callable as `function`. Received: {function!r} (of type"
                f" {type(function).__name__}). For an activation by name use `Activation({function!r})`."
            )
        self.function, self.mask = function, mask
        self.output_shape = tuple(output_shape) if isinstance(output_shape, list) else output_shape
        self.arguments: dict[str, Any] = dict(arguments or {})
        self.supports_masking = mask is not None
        self.built = True

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Lambda:
        """A layer named after the function it wraps: `relu` becomes `lambda_relu`."""
        own_name = getattr(function, "__name__", "")
        return cls(function, name=names.auto_name(f"lambda_{own_name}") if own_name.isidentifier() else None)

    def call(self, inputs: Tensors, mask: Tensors | None = None, training: bool | None = None) -> Tensors:
        accepted = _parameters(self.function)
        given = {key: value for key, value in (("mask", mask), ("training", training)) if key in accepted}
        return self.function(inputs, **{**self.arguments, **given})

    def compute_mask(self, inputs: Tensors | None, mask: Nested[ArrayLike] | None = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_spec(self, inputs: Symbols, **kwargs: object) -> Symbols:
        if self.output_shape is None:
            return shapes.infer(self.__call__, (inputs,), kwargs)
        shape = self.compute_output_shape(jax.tree.map(lambda t: t.shape, inputs))
        return shapes.map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape)

    def compute_output_shape(self, input_shape: Nested[ShapeLike]) -> Nested[ShapeLike]:
        if self.output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self.output_shape):
            return self.output_shape(input_shape)
        first: Any = input_shape
        while not shapes.is_shape(first):  # of several inputs
            first = next(iter(first.values())) if isinstance(first, dict) else first[0]
        return (first[0], *self.output_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["function"] = named_function(self.function)
        for name, value in (("output_shape", self.output_shape), ("mask", self.mask)):
            if value is not None:
                config[name] = named_function(value) if callable(value) else serialize(value)
        return {**config, "arguments": serialize(self.arguments)}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: CustomObjects | None = None, safe_mode: object = None
    ) -> Lambda:
        """A layer from its config; its functions are looked up by name.

        Raises:
            ValueError: if the config holds code in place of a name. `safe_mode` does not change that.
            TypeError: for a name that is not known.
        """
        config = {key: value for key, value in config.items() if key not in _OLD_KEYS}
        with custom_object_scope(custom_objects):
            given = custom_object(str(config.get("name")))
            if given is not None and not _names_function(config.get("function")):
                # By the name of the layer, since code in a config has no name.
                config = {key: v for key, v in config.items() if key not in ("output_shape", "mask")}
                config["function"] = given
            for name in ("function", "output_shape", "mask"):
                if name == "function" or isinstance(config.get(name), (Mapping, str)):
                    config[name] = _function_from(config.get(name), name)
            return super().from_config(config)

    def __repr__(self) -> str:
        return f"<Lambda {_name_of(self.function)} name={self.name}>"


_OLD_KEYS = ("module", "function_type", "output_shape_type", "output_shape_module")  # of the oldest files


def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # compiled functions may have no signature
        return frozenset()


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _names_function(config: object) -> bool:
    return isinstance(config, str) or (isinstance(config, Mapping) and config.get("class_name") == "function")


def _function_from(config: object, argument: str) -> Callable[..., Any]:
    if callable(config):
        return config
    if isinstance(config, str):
        config = {"class_name": "function", "config": config}
    if not isinstance(config, Mapping) or config.get("class_name") != "function":
        raise ValueError(
            f"This config of a Lambda layer holds Python code (or nothing) as `{argument}`. Sequax never runs code from"
            f" a config. Build the model in your own program and load its weights, or save the function under a name."
        )
    found = lookup(config)
    if not callable(found):
        raise unknown(config)
    return found
