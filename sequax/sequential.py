"""`Sequential`: a list of layers. Building and calling are loops over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeGuard, overload

import jax
import numpy as np

from .core import names, processes, scope, shapes, signature
from .core.catalogue import serialize
from .core.config import check_own, deserialize, reading
from .core.custom_objects import custom_object_scope
from .core.layer import Layer
from .core.tensor import KerasTensor, is_tensor, leaves, map_structure, shape_of
from .core.types import Config, CustomObjects, Data, Nested, overridable
from .functional import standardize_inputs
from .host_prefix import begins_on_host
from .layers.attending import attends_to_itself, call_on, shape_after
from .layers.base import Elementwise
from .layers.core import Lambda
from .layers.input_layer import InputLayer
from .model import Model, catalogue
from .training.types import Callbacks, Verbose

# What a stack takes: a layer, an `Input`, or a function of one array, which becomes a `Lambda`.
LayerLike = Layer | KerasTensor | Callable[..., Any]


@catalogue.register()
class Sequential(Model):
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

    is_stack = True
    _untracked = Model._untracked | {"_entry", "_tensors"}

    def __init__(self, layers: Iterable[LayerLike] | None = None, trainable: bool = True, name: str | None = None):
        super().__init__(trainable=trainable, name=name)
        self._stack: list[Layer] = []
        self._entry: InputLayer | None = None
        self._tensors: list[Any] | None = None  # symbolic input, then the output of each layer; None: not built
        if isinstance(layers, Layer) or (layers is not None and not isinstance(layers, Iterable)):
            raise TypeError(
                f"Sequential takes a list of layers. Received: {layers!r}."
                f" Write Sequential([{type(layers).__name__}(...)])."
            )
        for layer in layers or ():
            self._append(layer)
        self._wire(0)

    # --- changing the stack ---

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
        """Remove the last layer and return it."""
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

    def extend(self, layers: Iterable[LayerLike]) -> Self:
        """Add several layers, or none if one of them does not fit."""
        with self._undone_on_error():
            start = len(self._stack)
            for layer in layers:
                self._append(layer)
            self._wire(start)
        return self

    def insert(self, index: int, layer: LayerLike) -> None:
        """Put a layer before position `index`."""
        position = range(len(self._stack) + 1)[max(-len(self._stack) - 1, min(index, len(self._stack)))]
        self._replace([*self._stack[:position], _as_layer(layer), *self._stack[position:]])

    def __setitem__(self, key: int | str, layer: LayerLike) -> None:
        position = self._position(key)
        self._replace([*self._stack[:position], _as_layer(layer), *self._stack[position + 1 :]])

    def __delitem__(self, key: int | str | slice) -> None:
        gone = set(range(*key.indices(len(self)))) if isinstance(key, slice) else {self._position(key)}
        self._replace([layer for i, layer in enumerate(self._stack) if i not in gone])

    def _append(self, layer: LayerLike) -> None:
        """Check a layer and put it on the stack, without wiring."""
        if is_tensor(layer) and layer.node is not None and isinstance(layer.node.operation, InputLayer):
            layer = layer.node.operation
        if isinstance(layer, InputLayer):
            self._begin(layer)
            return
        layer = _as_layer(layer)
        if layer is self:
            raise ValueError(f"Sequential model '{self.name}' cannot contain itself.")
        _check_name(layer, self._stack)
        if not self._stack and self._entry is None:
            self._entry = _entry_of(layer)
        self._stack.append(layer)

    def _begin(self, entry: InputLayer) -> None:
        if self._entry is not None:
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape"
                f" {self._entry.batch_shape}. You cannot add a different Input layer to it."
            )
        if self._stack:
            raise ValueError(
                f"Sequential model '{self.name}': an Input must come first, but the stack already has"
                f" {len(self._stack)} layer(s). Use `build(input_shape)`, or begin a new model with the Input."
            )
        self._entry = entry

    def _replace(self, stack: list[Layer]) -> None:
        """Another stack; what stands before the first difference stays as it is."""
        with self._undone_on_error():
            old, self._stack = self._stack, []
            for layer in stack:
                _check_name(layer, self._stack)
                self._stack.append(layer)
            same = next(
                (i for i, (a, b) in enumerate(zip(old, stack, strict=False)) if a is not b), min(len(old), len(stack))
            )
            if self._tensors is not None or self._entry is not None:
                self._wire(same)

    def _undone_on_error(self) -> _Undo:
        return _Undo(self)

    # --- wiring: the symbolic outputs of the layers, which make weights and shapes ---

    def _wire(self, start: int) -> None:
        """Call the layers from `start` on symbolically, if the input is known."""
        if self._tensors is None:
            if self._entry is None:
                return
            self._tensors, start = [self._entry.output], 0
        if not self._stack:
            self._unwire()
            return
        start = min(start, len(self._tensors) - 1)
        self._forget(start)
        with scope.calling(self):
            self._note_path()
            for position in range(start, len(self._stack)):
                _check_call(self._stack[position])
                self._tensors.append(self._run_layer(position, self._tensors[-1]))
        self.built = True
        self._build_shapes = {"input_shape": shape_of(self._tensors[0])}

    def _forget(self, start: int) -> None:
        """Drop the symbolic outputs from layer `start` on, and the record of the calls that made them."""
        assert self._tensors is not None
        for tensor in self._tensors[start + 1 :]:
            for one in leaves(tensor)[:1]:
                if one.node is not None and one.node in one.node.operation._nodes:
                    one.node.operation._nodes.remove(one.node)
        del self._tensors[start + 1 :]

    def _unwire(self) -> None:
        if self._tensors is not None and self._entry is None:
            # Built by data: remember the shape, so that the next build needs none.
            self._entry = _entry_for(self._tensors[0])
        if self._tensors is not None:
            self._forget(0)
        self._tensors = None
        self.built = False

    def build(self, input_shape: Any = None) -> None:
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

    def build_from(self, inputs: Nested[KerasTensor]) -> None:
        with self._undone_on_error():
            dtype = self._stack[0].input_dtype if self._stack else "float32"
            single = is_tensor(inputs)
            entry = map_structure(lambda t: _entry_for(t, dtype if single else None).output, inputs)
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
    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The layers one after another."""
        outputs = inputs
        for position in range(len(self._stack)):
            outputs = self._run_layer(
                position, outputs, **({"mask": mask} if position == 0 and mask is not None else {})
            )
        return outputs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if processes.forked:
            self._check_process(args)
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

    def _fitted(self, inputs: Any) -> Any:
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
        return standardize_inputs(inputs, self._tensors[0], f"Sequential model '{self.name}'")

    def _run_layer(self, position: int, x: Any, **kwargs: Any) -> Any:
        layer = self._stack[position]
        try:
            if isinstance(layer, Elementwise) and len(leaves(x)) > 1:
                # A function of arrays may take a tuple for one array with one more axis.
                raise ValueError(f"Layer '{layer.name}' expects one tensor, but it received {len(leaves(x))}.")
            return call_on(layer, x, **kwargs)
        except (ValueError, TypeError) as error:
            raise _located(error, self, position, x) from None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Output shape for an input shape; unbuilt layers stay so."""
        for layer in self._stack:
            input_shape = shape_after(layer, input_shape)
        return input_shape

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if self.begins_on_host and self._tensors is None:
            self.build_from(inputs)
        if self.host_prefix is not None:
            return self.host_prefix.spec(inputs)
        return shapes.infer(self._plain_call, (inputs,), {})

    def _plain_call(self, inputs: Any) -> Any:
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
        ) -> np.ndarray: ...

    # --- the stack as a list ---

    @property
    def layers(self) -> list[Any]:
        """The layers, without the `InputLayer`; a copy: change the stack by its methods."""
        return list(self._stack)

    @layers.setter
    def layers(self, _: object) -> None:
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. Use `add()` and `pop()` to change the"
            " layers in this model."
        )

    @property
    def _layers(self) -> list[Layer]:
        return [self._entry, *self._stack] if self._entry is not None else list(self._stack)

    def __len__(self) -> int:
        return len(self._stack)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Layer]:
        return iter(list(self._stack))

    def __contains__(self, layer: object) -> bool:
        return any(layer is one for one in self._stack)

    @overload
    def __getitem__(self, key: slice) -> Sequential: ...

    @overload
    def __getitem__(self, key: int | str) -> Any: ...

    def __getitem__(self, key: int | str | slice) -> Any:
        if not isinstance(key, slice):
            return self._stack[self._position(key)]
        part = Sequential(name=f"{self.name}_part")
        chosen = range(*key.indices(len(self._stack)))
        part._stack = [self._stack[i] for i in chosen]
        if self._tensors is not None and len(chosen):
            part.build_from(map_structure(lambda t: KerasTensor(t.shape, t.dtype), self._tensors[chosen[0]]))
        return part

    def __add__(self, other: Iterable[LayerLike]) -> Sequential:
        if not isinstance(other, Iterable):
            return NotImplemented
        joined = Sequential(name=None)
        if self._entry is not None:
            joined._entry = InputLayer(batch_shape=self._entry.batch_shape, dtype=self._entry.dtype)
        elif self._tensors is not None and is_tensor(self._tensors[0]):
            joined._entry = _entry_for(self._tensors[0])
        return joined.extend([*self._stack, *other])

    def _position(self, key: int | str) -> int:
        if isinstance(key, str):
            return self._stack.index(self.get_layer(key))
        if not -len(self._stack) <= key < len(self._stack):
            raise IndexError(f"Sequential model '{self.name}' has {len(self._stack)} layers; there is no index {key}.")
        return key % len(self._stack)

    # --- what a model tells ---

    @property
    def symbolic_inputs(self) -> KerasTensor | Any:
        return self._tensors[0] if self._tensors is not None else None

    @property
    def symbolic_outputs(self) -> KerasTensor | Any:
        return self._tensors[-1] if self._tensors is not None else None

    def through_host(self, x: Any, what: str = "x") -> Any:
        if self._tensors is None and self._entry is not None:
            self._wire(0)
        return super().through_host(x, what)

    @property
    def begins_on_host(self) -> bool:
        first = self._stack[0] if self._stack else None
        return begins_on_host(first)

    @property
    def input_dtype(self) -> str:
        return self._entry.dtype if self._entry is not None else self.dtype_policy.compute_dtype

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
            if cls is Sequential:
                check_own(cls, config)
            model = cls(name=config["name"])
            for entry in config["layers"]:
                model.add(deserialize(entry), rebuild=False)
            shape = config.get("build_input_shape")
            if model._entry is not None:
                model._wire(0)
            elif shape is not None and model._stack:
                model.build(shape)
            # Data have a number of samples, an `Input` has none as a rule.
            if model._entry is not None and model._entry.batch_shape[0] is not None:
                model._entry.implied = True
        model._trainable = bool(config.get("trainable", True))  # each layer brings its own
        return model

    def get_build_config(self) -> dict[str, Any] | None:
        return Layer.get_build_config(self)

    def __getstate__(self) -> dict[str, Any]:
        # Symbolic tensors form a chain as long as the stack; only the input is kept, the rest is made anew.
        inputs = None if self._tensors is None else map_structure(_Spec, self._tensors[0])
        return {**super().__getstate__(), "_tensors": inputs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        inputs = state.pop("_tensors")
        super().__setstate__(state)
        self._tensors = None
        if self._entry is not None:
            entry = InputLayer(**self._entry.get_config())
            entry.implied, self._entry = self._entry.implied, entry
        if inputs is not None and self._entry is not None:
            self._wire(0)
        elif inputs is not None:
            self.build_from(jax.tree.map(lambda s: s.tensor(), inputs, is_leaf=lambda s: isinstance(s, _Spec)))

    def __repr__(self) -> str:
        lines = [f"<Sequential name={self.name}, built={self.built}>"]
        for position, layer in enumerate(self._stack):
            if self._tensors is not None:
                before, after = (shape_of(self._tensors[position + i]) for i in (0, 1))
                lines.append(f"  [{position}] {layer.name}: {before} -> {after}, {layer.count_params():,} params")
            else:
                lines.append(f"  [{position}] {layer.name} ({type(layer).__name__})")
        return "\n".join(lines)


class _Undo:
    """Puts the stack back as it was if the block raises."""

    def __init__(self, model: Sequential):
        self.model = model

    def __enter__(self) -> None:
        model = self.model
        self.saved = list(model._stack), model._entry, model._tensors and list(model._tensors), model.built

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        model = self.model
        if model._tensors is not None:
            model._forget(0)
        model._stack, model._entry, tensors, model.built = self.saved
        model._tensors = None
        if tensors is not None:
            model._tensors = [tensors[0]]
            model._wire(0)


class _Spec:
    """Shape, dtype and name of a symbolic input in a copied model."""

    def __init__(self, tensor: KerasTensor):
        self.shape, self.dtype = tensor.shape, tensor.dtype

    def tensor(self) -> KerasTensor:
        return KerasTensor(self.shape, self.dtype)


def _as_layer(layer: LayerLike) -> Layer:
    if isinstance(layer, Layer):
        return layer
    if _is_function(layer):
        return Lambda.of(layer)
    hint = f" Did you mean `{layer.__name__}(...)`?" if isinstance(layer, type) and issubclass(layer, Layer) else ""
    raise ValueError(
        f"Only instances of Layer, or functions of one array, can be added to a Sequential model."
        f" Received: {layer!r:.100} (of type {type(layer).__name__}).{hint}"
    )


def _is_function(value: object) -> TypeGuard[Callable[..., Any]]:
    """Plain callables such as `jax.nn.relu`; not classes, and not the objects of other kinds that can be called."""
    return callable(value) and not isinstance(value, type) and not hasattr(value, "get_config") and not is_tensor(value)


def _check_name(layer: Layer, stack: list[Layer]) -> None:
    for other in stack:
        if other is not layer and other.name == layer.name:
            raise ValueError(
                f"All layers added to a Sequential model should have unique names. Name '{layer.name}' is already the"
                f" name of a layer in this model. Update the `name` argument to pass a unique name."
            )


def _check_call(layer: Layer) -> None:
    if isinstance(layer, Model):
        return
    accepted = signature.of(type(layer).call)
    if len(accepted.required) > 1 and not attends_to_itself(layer):
        raise ValueError(
            f"Layers added to a Sequential model can only have a single required positional argument, the input tensor."
            f" Layer {type(layer).__name__} has multiple required positional arguments: {accepted.required}"
        )
    if not accepted.names and not accepted.any_positional:
        raise ValueError(
            f"Layers added to a Sequential model should have a single positional argument, the input tensor. Layer"
            f" {type(layer).__name__} has no positional arguments."
        )


def _entry_of(layer: Layer) -> InputLayer | None:
    """The entry that a first layer brings with it: by `input_shape=`, or as a model that is built already."""
    if layer.first_input_shape is not None:
        return InputLayer(batch_shape=layer.first_input_shape, dtype=layer.compute_dtype)
    if isinstance(layer, Model) and is_tensor(layer.symbolic_inputs):
        given = layer.symbolic_inputs
        return InputLayer(batch_shape=given.shape, dtype=given.dtype)
    return None


def _entry_for(tensor: KerasTensor, dtype: str | None = None) -> InputLayer:
    entry = InputLayer(batch_shape=tensor.shape, dtype=dtype or tensor.dtype)
    entry.implied = True
    return entry


def _standard_shape(shape: Any) -> Any:
    if isinstance(shape, (list, tuple)) and shape and not shapes.is_shape(shape):
        return [shapes.standardize(s, "input_shape") for s in shape]
    return shapes.standardize(shape, "input_shape")


def _hint_on_states(before: Layer, x: Any) -> str:
    if len(leaves(x)) < 2 or not getattr(before, "return_state", False):
        return ""
    return (
        f". Layer '{before.name}' has `return_state=True`, so it returns its states beside its output, but a layer in a"
        f" stack takes one tensor. Leave `return_state` out, put the layer last, or wire the states by Model(inputs,"
        f" outputs)"
    )


def _located(error: Exception, model: Sequential, position: int, x: Any) -> Exception:
    """An error of a layer, told with its place in the stack; errors of the user's own code keep their traceback."""
    layer = model._stack[position]
    if getattr(error, "_located", False):
        return error
    given = shape_of(x) if all(hasattr(v, "shape") for v in leaves(x)) else type(x).__name__
    so_far = model._tensors and [shape_of(t) for t in model._tensors[: position + 1]]
    place = (
        f"In Sequential '{model.name}', layer {position} '{layer.name}' ({type(layer).__name__}), input shape {given}"
    )
    if so_far:
        place += f"; shapes up to here: {' -> '.join(map(str, so_far))}"
    place += _hint_on_states(model._stack[position - 1], x) if position else ""
    if not names.is_ours(layer):
        error.add_note(place)
        located: Exception = error
    else:
        located = type(error)(f"{error}\n{place}.") if type(error) in (ValueError, TypeError) else error
    located._located = True  # type: ignore[attr-defined]
    return located
