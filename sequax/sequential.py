"""`Sequential`: a list of layers. Building and calling are loops over it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from .core import processes, scope, shapes, signature
from .core.catalogue import serialize
from .core.config import check_own, deserialize, reading
from .core.custom_objects import custom_object_scope
from .core.layer import Layer
from .core.owner import set_alone
from .core.tensor import KerasTensor, is_tensor, leaves, map_structure, shape_of
from .core.tracebacks import public
from .core.types import Config, CustomObjects, Data, Nested, Shape, Symbols, Tensors, overridable
from .functional import standardize_inputs
from .layers.attending import shape_after
from .model import catalogue, refuse_fork
from .stack import LayerLike, Stack, as_layer, check_is_list, entry_for, mark_implied, wire_entry
from .training.types import Callbacks, Verbose


@catalogue.register()
class Sequential(Stack):
    """A linear stack of layers: each one's output is the next one's input.

    Args:
        layers: layers, the first of which may be an `Input`; plain functions of one array are wrapped into `Lambda`.
        trainable: whether any of the layers are trained.
        name: of the model.

    A stack that begins with an `Input` has its weights at once. Otherwise they are made by `build(input_shape)` or by
    the first data it sees. The stack is also a list: `len(model)`, `model[2]`, `model["head"]`, `model[:-1]` (a model
    that shares the weights), `model[-1] = layer`, `del model[0]`, `a + b`, `insert`, `extend`, `append`. A change that
    does not fit is refused and leaves the stack as it was.

    A layer that asks for a query and a value (`MultiHeadAttention`) gets the output of the layer before as both, which
    is self-attention; Keras refuses such layers here. Skip connections and branches are layers, too: `Residual` and
    `Parallel`. What does not fit in a line, such as several inputs, is a `Model(inputs, outputs)`.

    Example:

    >>> from sequax.layers import Dense, Input
    >>> model = Sequential([Input((16,)), Dense(8, activation="relu"), Dense(1)])
    >>> model.output_shape, model.count_params()
    ((None, 1), 145)
    """

    @public
    def __init__(self, layers: Iterable[LayerLike] | None = None, trainable: bool = True, name: str | None = None):
        check_is_list(layers, trainable)
        super().__init__(trainable=trainable, name=name)
        for layer in layers or ():
            self._append(layer)
        self._wire(0)
        if not trainable:
            self.trainable = False

    # --- changing the stack ---

    @public
    def add(self, layer: LayerLike, rebuild: bool = True) -> None:
        """Put a layer on top of the stack.

        Args:
            layer: a `Layer`, an `Input`, or a function of one array.
            rebuild: make its weights now if the shapes are known; False leaves that to the next build or call.

        Raises:
            ValueError: if it is no layer, its name is taken, or it does not fit the output of the stack.
        """
        with self._undone_on_error():
            self._append(layer)
            if rebuild:
                self._wire(len(self._stack) - 1)
            else:
                self._unwire()

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it.

        Args:
            rebuild: go on with the weights of the others; False leaves building to the next call.
        """
        if not self._stack:
            raise IndexError(f"Sequential model '{self.name}' has no layers to pop.")
        layer = self._stack[-1]
        self._replace(self._stack[:-1])
        if not rebuild:
            self._unwire()
        return layer

    def append(self, layer: LayerLike) -> Self:
        """`add`, returning the model, so that calls can be chained."""
        self.add(layer)
        return self

    @public
    def extend(self, layers: Iterable[LayerLike]) -> Self:
        """Add several layers, or none if one of them does not fit."""
        with self._undone_on_error():
            start = len(self._stack)
            for layer in layers:
                self._append(layer)
            self._wire(start)
        return self

    @public
    def insert(self, index: int, layer: LayerLike) -> None:
        """Put a layer before position `index`."""
        position = range(len(self._stack) + 1)[max(-len(self._stack) - 1, min(index, len(self._stack)))]
        self._replace([*self._stack[:position], as_layer(layer), *self._stack[position:]])

    @public
    def __setitem__(self, key: int | str, layer: LayerLike) -> None:
        position = self._position(key)
        self._replace([*self._stack[:position], as_layer(layer), *self._stack[position + 1 :]])

    def __delitem__(self, key: int | str | slice) -> None:
        gone = set(range(*key.indices(len(self)))) if isinstance(key, slice) else {self._position(key)}
        self._replace([layer for i, layer in enumerate(self._stack) if i not in gone])

    # --- building ---

    @public
    def build(self, input_shape: Nested[Shape] | None = None) -> None:
        """Make the weights for an input shape (batch axis included, None where unknown).

        Raises:
            ValueError: without layers, without a shape, or for a shape other than that of the `Input`.
        """
        if not self._stack and (self._entry is None or input_shape is None):
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        if input_shape is None:
            if self._entry is None and self._tensors is None:
                raise ValueError(
                    f"Sequential model '{self.name}' cannot be built without knowing its input. Pass the shape with the"
                    f" batch axis, e.g. `build((None, 16))`, or begin the stack with an Input."
                )
            self._wire(0)
            return
        shape = shapes.map_shapes(tuple, input_shape) if isinstance(input_shape, dict) else None
        shape = _standard_shape(input_shape) if shape is None else shape
        known = self._tensors[0] if self._tensors is not None else self._entry.output if self._entry else None
        if known is not None:
            if shape_of(known) != shape:
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input shape {shape_of(known)}."
                    f" You cannot build it with input_shape {shape}."
                )
            if self._tensors is None:
                self._wire(0)
            return
        dtype = self._stack[0].input_dtype
        self.build_from(shapes.map_shapes(lambda s: KerasTensor(s, dtype), shape))

    def shape_for(self, shape: tuple[int, ...]) -> tuple[int | None, ...]:
        open_axes = getattr(self._stack[0], "open_axes", ()) if self._stack else ()
        return tuple(None if axis - len(shape) in open_axes else size for axis, size in enumerate(shape))

    def build_from(self, inputs: Symbols) -> None:
        with self._undone_on_error():
            dtype = self._stack[0].input_dtype if self._stack else "float32"
            single = is_tensor(inputs)
            entry = map_structure(lambda t: entry_for(t, dtype if single else None).output, inputs)
            if single:
                self._entry = entry.node.operation
            self._tensors = [entry]
            self._wire(0)

    def build_from_config(self, config: dict[str, Any]) -> None:
        if config and config.get("input_shape") is not None and not self.built:
            self.build(config["input_shape"])

    # --- calling ---

    _casts_inputs = False

    @overridable
    def call(self, inputs: Tensors, training: bool | None = None, mask: Tensors | None = None) -> Any:
        """The layers one after another."""
        outputs = inputs
        for position in range(len(self._stack)):
            outputs = self._run_layer(position, outputs, mask if position == 0 else None)
        return outputs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if processes.forked:
            refuse_fork(self.name, args)
        if not self._stack and self._entry is None:
            raise ValueError(
                f"Sequential model {self.name} cannot be called because it has no layers. Call `model.add(layer)`."
            )
        if len(args) > 1:
            raise ValueError(
                f"Sequential model '{self.name}' takes one positional argument, the input; received {len(args)}."
                f" Pass several inputs as one list or dict, and options such as `training` by keyword."
            )
        if args:
            kwargs = {key: value for key, value in kwargs.items() if key in ("training", "mask")}
            if not self.begins_on_host:
                args = (self._fitted(args[0]), *args[1:])
        return super().__call__(*args, **kwargs)

    def _fitted(self, inputs: object) -> Any:
        """Inputs converted to arrays in the structure of the model's input; builds the model if need be."""
        inputs = signature.convert(inputs, None, self.name)
        if not (leaves(inputs) or inputs is None) or not all(hasattr(v, "shape") for v in leaves(inputs)):
            raise ValueError(
                f"Sequential model '{self.name}': only input tensors may be passed as positional arguments."
                f" Received: {type(inputs).__name__}."
            )
        if self._tensors is None and inputs is not None:
            if self._entry is not None:
                self._wire(0)
            else:
                self.build_from(map_structure(lambda a: KerasTensor(a.shape, str(a.dtype)), inputs))
        if self._tensors is None:
            return inputs
        return standardize_inputs(inputs, self._tensors[0], f"Sequential model '{self.name}'", self.more_axes)

    def compute_output_shape(self, input_shape: Nested[Shape]) -> Any:
        """Output shape for an input shape; unbuilt layers stay so."""
        for layer in self._stack:
            input_shape = shape_after(layer, input_shape)
        return input_shape

    def compute_output_spec(self, inputs: Symbols, training: bool | None = None, mask: Symbols | None = None) -> Any:
        if self.begins_on_host and self._tensors is None:
            self.build_from(inputs)
        if self.host_prefix is not None:
            return self.host_prefix.spec(inputs)
        return shapes.infer(self._plain_call, (inputs,), {})

    def _plain_call(self, inputs: Tensors) -> Any:
        with scope.calling(self):
            return self.call(inputs)

    if TYPE_CHECKING:

        def predict(
            self,
            x: Data,
            batch_size: int | None = None,
            verbose: Verbose = "auto",
            steps: int | None = None,
            callbacks: Callbacks = None,
            **options: Any,
        ) -> np.ndarray: ...

    # --- the stack as a list ---

    @overload
    def __getitem__(self, key: slice) -> Sequential: ...

    @overload
    def __getitem__(self, key: int | str) -> Any: ...

    def __getitem__(self, key: int | str | slice) -> Any:
        if not isinstance(key, slice):
            return self._stack[self._position(key)]
        return self._copied_to(Sequential(name=f"{self.name}_part"), range(*key.indices(len(self))))

    def __add__(self, other: Iterable[LayerLike]) -> Sequential:
        if not isinstance(other, Iterable):
            return NotImplemented
        joined = Sequential(name=None)
        self._share_entry(joined)
        return joined.extend([*self._stack, *other])

    # --- what a model tells ---

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize(self.dtype_policy),
            "layers": [serialize(layer) for layer in self._layers],
        }
        if self._tensors is not None:
            config["build_input_shape"] = shape_of(self._tensors[0])
        return config

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects | None = None) -> Self:
        """A new model from `get_config()`, with fresh weights."""
        if not isinstance(config, dict) or "name" not in config or "layers" not in config:
            raise ValueError(
                "A Sequential model configuration must be a dictionary containing the 'name' and 'layers' keys."
                f" Received: {config!r:.200}"
            )
        with custom_object_scope(custom_objects), reading():
            check_own(cls, config)
            model = cls(name=config["name"])
            with scope.beginning_with(model):  # so that variables have the paths that they had
                for entry in config["layers"]:
                    model.add(deserialize(entry), rebuild=False)
            shape = config.get("build_input_shape")
            if not wire_entry(model) and shape is not None and len(model):
                model.build(shape)
            mark_implied(model)
        set_alone(model, config.get("trainable", True))  # each layer brings its own
        return model

    def get_build_config(self) -> dict[str, Any] | None:
        return Layer.get_build_config(self)


def _standard_shape(shape: Any) -> Nested[Shape]:
    if isinstance(shape, (list, tuple)) and shape and not shapes.is_shape(shape):
        return [shapes.standardize(s, "input_shape") for s in shape]
    return shapes.standardize(shape, "input_shape")
