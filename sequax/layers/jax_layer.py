"""Layers around functions of JAX and modules of Flax."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from ..core import dtypes, shapes
from ..core.config import deserialize
from ..core.constructor import LayerOptions
from ..core.layer import Layer
from ..core.needed import needed
from ..core.rng import SeedGenerator, fresh_seed
from ..core.types import CustomObjects, Nested, ShapeLike, Tensor, Tensors
from ..core.variable import Variable
from .catalogue import layer


@layer()
class JaxLayer(Layer):
    """A layer whose computation is a function of JAX; its parameters and state are the layer's weights.

    Args:
        call_fn: computes outputs. Its arguments are some of these, in any order: `params`, `state`, `rng` (a key; None
            outside training), `inputs` (an array, or a structure of arrays) and `training`. With `state` it returns
            `(outputs, new_state)`, else only outputs.
        init_fn: makes parameters when the layer is built, from some of `rng`, `inputs` (ones of the shape to come; 1
            for each unknown size) and `training` (True); returns `(params, state)` if `call_fn` takes `state`.
        params, state: structures of arrays to start with, in place of `init_fn`. Leaves that are no arrays or numbers
            are handed to `call_fn` as they are.
        seed: of the keys that `call_fn` gets as `rng`.
        native_serialization_platforms: of export by TensorFlow; only kept in the config.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        ValueError: for functions with other arguments, for neither `init_fn` nor values though `call_fn` takes some,
            and for a new state of another structure.

    Example:

    >>> import numpy as np
    >>> def initialize(rng, inputs):
    ...     return {"scale": jnp.full(inputs.shape[-1:], 2.0)}
    >>> def compute(params, inputs):
    ...     return inputs * params["scale"]
    >>> JaxLayer(compute, initialize)(np.ones((1, 3))).tolist()
    [[2.0, 2.0, 2.0]]
    """

    call_fn: Callable[..., Any]
    init_fn: Callable[..., Any] | None

    not_in_config: frozenset[str] = frozenset({"params", "state", "seed"})

    def __init__(
        self,
        call_fn: Callable[..., Any],
        init_fn: Callable[..., Any] | None = None,
        params: object = None,
        state: object = None,
        seed: int | None = None,
        native_serialization_platforms: Sequence[str] | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.call_fn, self.init_fn = call_fn, init_fn
        self.native_serialization_platforms = native_serialization_platforms
        self._call_arguments = _arguments(call_fn, "call_fn", {"params", "state", "rng", "inputs", "training"})
        self._init_arguments_of_fn = () if init_fn is None else _arguments(init_fn, "init_fn", _OF_INIT)
        self._has_state = "state" in self._call_arguments
        self._needs_values = self._has_state or "params" in self._call_arguments
        if self._needs_values and init_fn is None and params is None and state is None:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': `call_fn` takes `params` or `state`, so `init_fn`, `params` and"
                f" `state` cannot all be None."
            )
        self.seed_generator: SeedGenerator | None = SeedGenerator(seed) if "rng" in self._call_arguments else None
        self.params: Any = self._variables_for(params, trainable=True)
        self.state: Any = self._variables_for(state, trainable=False)
        if params is not None or state is not None:
            self.built = True

    def build(self, input_shape: Nested[ShapeLike]) -> None:
        if self.params is not None or self.state is not None or not self._needs_values:
            return
        assert self.init_fn is not None
        with jax.ensure_compile_time_eval():  # a layer may be built while shapes are inferred
            examples = shapes.map_shapes(lambda s: jnp.ones([1 if n is None else n for n in s]), input_shape)
            given = {"rng": self._get_init_rng(), "inputs": examples, "training": True}
            made = self.init_fn(*(given[name] for name in self._init_arguments_of_fn))
        params, state = made if self._has_state else (made, None)
        self.params = self._variables_for(params, trainable=True)
        self.state = self._variables_for(state, trainable=False)

    def call(self, inputs: Tensors, training: bool = False) -> Any:
        given: dict[str, Any] = {"inputs": inputs, "training": bool(training)}
        given |= {"params": _values(self.params), "state": _values(self.state)}
        if self.seed_generator is not None:
            given["rng"] = self._get_call_rng(bool(training))
        result = self.call_fn(*(given[name] for name in self._call_arguments))
        if not self._has_state:
            return result
        outputs, new = result
        before: object
        after: object
        before, after = jax.tree.structure(self.state), jax.tree.structure(new)
        if before != after:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': `call_fn` returned a state of another structure than the one the"
                f" layer has. Expected {before}, received {after}."
            )
        for variable, value in zip(jax.tree.leaves(self.state), jax.tree.leaves(new), strict=True):
            if isinstance(variable, Variable):
                variable.assign(value)
        return outputs

    def _variables_for(self, values: object, trainable: bool) -> Any:
        """The structure with a variable in place of each array or number; floats in the layer's dtype."""

        def variable(value: object) -> object:
            if not isinstance(value, (bool, int, float, np.ndarray, np.generic, jax.Array)):
                return value
            array = jnp.array(value)  # a copy, which training may overwrite
            dtype = None if dtypes.is_float(array.dtype.name) else array.dtype.name
            return self.add_weight(array.shape, lambda shape, dtype: array.astype(dtype), dtype, trainable=trainable)

        with jax.ensure_compile_time_eval():
            return jax.tree.map(variable, values)

    # Subclasses override these two to hand out other structures of keys, as FlaxLayer does.

    def _get_init_rng(self) -> Tensor | dict[str, Tensor]:
        """What `init_fn` gets as `rng`."""
        return self._get_init_seed()

    def _get_call_rng(self, training: bool) -> Tensor | dict[str, Tensor] | None:
        """What `call_fn` gets as `rng`."""
        return self._get_call_seed() if training else None

    def _get_init_seed(self) -> Tensor:
        return jnp.array([fresh_seed() % 2**32, 0], "uint32")

    def _get_call_seed(self) -> Tensor:
        assert self.seed_generator is not None
        return self.seed_generator.next()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> Any:
        functions = {k: deserialize(v, custom_objects) for k, v in config.items() if k in ("call_fn", "init_fn")}
        return super().from_config({**config, **functions}, custom_objects)


_OF_INIT = frozenset({"rng", "inputs", "training"})


def _arguments(function: Callable[..., Any], what: str, allowed: set[str] | frozenset[str]) -> tuple[str, ...]:
    names = tuple(inspect.signature(function).parameters)
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise ValueError(
            f"Unsupported argument in `{what}`: `{unknown[0]}`; supported arguments are {sorted(allowed)}. Wrap the"
            f" function into one that takes these."
        )
    if "inputs" not in names:
        raise ValueError(f"Missing required argument in `{what}`: `inputs`. Its arguments are {list(names)}.")
    return names


def _values(structure: object) -> Any:
    return jax.tree.map(lambda v: v.value if isinstance(v, Variable) else v, structure)


Collections = Mapping[str, Any] | None  # of Flax: name -> structure of arrays
Keys = Mapping[str, Tensor]


@layer()
class FlaxLayer(JaxLayer):
    """A layer around a module of Flax (`flax.linen`); its variables are the layer's weights.

    Args:
        module: an instance of `flax.linen.Module`.
        method: of the module, to call in place of `__call__`; or a function that takes the module first. It takes
            `inputs`, and may take `training`. Random numbers come from the collections `"params"` and `"dropout"`.
        variables: dict of collections, as `module.init` returns it; `"params"` are trained, all others are state.
        **options: `seed`, `name`, `dtype`, `trainable`, ...: as in `JaxLayer`.

    Raises:
        ImportError: without Flax.

    Example (with Flax installed):

        layer = FlaxLayer(flax.linen.Dense(3))
        layer(np.ones((2, 4))).shape  # (2, 3)
    """

    module: Any
    method: Callable[..., Any] | None

    not_in_config: frozenset[str] = JaxLayer.not_in_config | {"variables", "call_fn", "init_fn"}

    def __init__(
        self, module: Any, method: Callable[..., Any] | None = None, variables: Collections = None, **kwargs: Any
    ):
        mutable = needed("flax.linen", "FlaxLayer").DenyList(["params"])

        trains = "training" in inspect.signature(module.__call__ if method is None else method).parameters

        def apply(params: Collections, state: Collections, rng: Keys, inputs: Tensors, training: bool) -> Any:
            collections = {**(params or {}), **(state or {})}
            flag = {"training": training} if trains else {}
            return module.apply(collections, inputs, rngs=rng, method=method, mutable=mutable, **flag)

        def init(rng: Keys, inputs: Tensors, training: bool) -> tuple[Collections, Collections]:
            flag = {"training": training} if trains else {}
            return _params_and_state(module.init(rng, inputs, method=method, **flag))

        self.module, self.method = module, method
        params, state = _params_and_state(variables)
        super().__init__(apply, init, params, state, **kwargs)

    def _get_init_rng(self) -> dict[str, Tensor]:
        return {"params": self._get_init_seed(), "dropout": self._get_init_seed()}

    def _get_call_rng(self, training: bool) -> dict[str, Tensor]:
        return {"dropout": self._get_call_seed()} if training else {}

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.method is not None and getattr(self.method, "__self__", None) is self.module:
            config["method"] = self.method.__name__
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> Any:
        module, method = (deserialize(config.get(name), custom_objects) for name in ("module", "method"))
        if not callable(getattr(module, "apply", None)):
            raise ValueError(f"FlaxLayer: `module` must be a Flax module. Received: {type(module).__name__}.")
        if isinstance(method, str):
            if not callable(getattr(type(module), method, None)):
                raise ValueError(f"FlaxLayer: {type(module).__name__} has no method {method!r:.80}.")
            method = getattr(module, method)
        return super().from_config({**config, "module": module, "method": method}, custom_objects)


def _params_and_state(variables: Collections) -> tuple[Collections, Collections]:
    if variables is None:
        return None, None
    params = {"params": variables["params"]} if "params" in variables else {}
    return params, {name: values for name, values in variables.items() if name != "params"}
