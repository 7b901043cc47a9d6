"""`Stack`: a model that holds its layers in a list, the symbolic tensors between them, and a way back from changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeGuard, TypeVar

import jax

from . import explaining
from .core import names, scope, signature
from .core.layer import Layer
from .core.owner import set_alone
from .core.tensor import KerasTensor, is_tensor, leaves, map_structure, shape_of
from .core.types import Data
from .host_prefix import begins_on_host
from .layers.attending import attends_to_itself, call_on
from .layers.base import Elementwise
from .layers.core import Lambda
from .layers.input_layer import InputLayer
from .model import Model

S = TypeVar("S", bound="Stack")
# What a stack takes: a layer, an `Input`, or a function of one array, which becomes a `Lambda`.
LayerLike = Layer | KerasTensor | Callable[..., Any]


class Stack(Model):
    """What `Sequential` stands on: the list of layers, how they are wired, and what that tells of the model.

    Wiring calls the layers on symbolic tensors one after another, which makes their weights and shapes.
    """

    is_stack = True
    config_keys: frozenset[str] = frozenset({"build_input_shape"})
    untracked: frozenset[str] = Model.untracked | {"_entry", "_tensors"}

    def __init__(self, trainable: bool, name: str | None):
        super().__init__(trainable=trainable, name=name)
        self._stack: list[Layer] = []
        self._entry: InputLayer | None = None
        self._tensors: list[Any] | None = None  # symbolic input, then the output of each layer; None: not built

    # --- changes ---

    def _append(self, layer: LayerLike) -> None:
        """Check a layer and put it on the stack, without wiring."""
        if is_tensor(layer) and layer.node is not None and isinstance(layer.node.operation, InputLayer):
            layer = layer.node.operation
        if isinstance(layer, InputLayer):
            self._begin(layer)
            return
        layer = as_layer(layer)
        if layer is self:
            raise ValueError(f"Sequential model '{self.name}' cannot contain itself.")
        self._push(layer)
        if len(self._stack) == 1 and self._entry is None:
            self._entry = _entry_of(layer)

    def _push(self, layer: Layer) -> None:
        _check_name(layer, self._stack)
        self._stack.append(layer)
        if not self.trainable:
            set_alone(self, False)  # the layer brings its own

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
                self._push(layer)
            same = next(
                (i for i, (a, b) in enumerate(zip(old, stack, strict=False)) if a is not b), min(len(old), len(stack))
            )
            if self._tensors is not None or self._entry is not None:
                self._wire(same)

    def _undone_on_error(self) -> _Undo:
        return _Undo(self)

    def _position(self, key: int | str) -> int:
        if isinstance(key, str):
            return self._stack.index(self.get_layer(key))
        if not -len(self._stack) <= key < len(self._stack):
            raise IndexError(f"Sequential model '{self.name}' has {len(self._stack)} layers; there is no index {key}.")
        return key % len(self._stack)

    def _copied_to(self, part: S, chosen: range) -> S:
        """An empty stack, filled with some of the layers; built if this one is."""
        part._stack = [self._stack[i] for i in chosen]
        if self._tensors is not None and len(chosen):
            part.build_from(map_structure(lambda t: KerasTensor(t.shape, t.dtype), self._tensors[chosen[0]]))
        return part

    def _share_entry(self, other: Stack) -> None:
        """Let another stack begin with the same shape."""
        if self._entry is not None:
            other._entry = InputLayer(batch_shape=self._entry.batch_shape, dtype=self._entry.dtype)
        elif self._tensors is not None and is_tensor(self._tensors[0]):
            other._entry = entry_for(self._tensors[0])

    # --- wiring ---

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
                if one.node is not None and one.node in one.node.operation.recorded_calls:
                    one.node.operation.recorded_calls.remove(one.node)
        del self._tensors[start + 1 :]

    def _unwire(self) -> None:
        if self._tensors is not None and self._entry is None:
            # Built by data: remember the shape, so that the next build needs none.
            self._entry = entry_for(self._tensors[0])
        if self._tensors is not None:
            self._forget(0)
        self._tensors = None
        self.built: bool = False

    def _run_layer(self, position: int, x: Any, mask: Any = None) -> Any:
        layer = self._stack[position]
        try:
            if isinstance(layer, Elementwise) and len(leaves(x)) > 1:
                # A function of arrays may take a tuple for one array with one more axis.
                raise ValueError(f"Layer '{layer.name}' expects one tensor, but it received {len(leaves(x))}.")
            return call_on(layer, x, mask)
        except (ValueError, TypeError) as error:
            raise _located(error, self, position, x) from None

    # --- what it tells ---

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

    @property
    def symbolic_inputs(self) -> KerasTensor | Any:
        return self._tensors[0] if self._tensors is not None else None

    @property
    def first_input(self) -> KerasTensor | None:
        """The symbolic input that an `Input` gave, of a stack that may not be built."""
        return None if self._entry is None else self._entry.output

    @property
    def symbolic_outputs(self) -> KerasTensor | Any:
        return self._tensors[-1] if self._tensors is not None else None

    @property
    def begins_on_host(self) -> bool:
        first = self._stack[0] if self._stack else None
        return begins_on_host(first)

    @property
    def symbolic_steps(self) -> list[Any] | None:
        """The symbolic input, then the output of each layer; None if the model is not built."""
        return self._tensors

    def through_host(self, x: Data, what: str = "x") -> Any:
        if self._tensors is None and self._entry is not None:
            self._wire(0)
        return super().through_host(x, what)

    @property
    def input_dtype(self) -> str:
        return self._entry.dtype if self._entry is not None else self.dtype_policy.compute_dtype

    def __getstate__(self) -> dict[str, Any]:
        # Symbolic tensors form a chain as long as the stack; only the input is kept, the rest is made again.
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

    def __init__(self, model: Stack):
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


def take_entry(model: Stack, of: Stack) -> None:
    """Begin a model as another one begins, which may have no entry."""
    if of._entry is not None:
        model._entry = InputLayer.from_config(of._entry.get_config())
        model._entry.implied = of._entry.implied


def mark_implied(model: Stack) -> None:
    """Remember that data, not an `Input`, brought the shape: they have a number of samples, it has none."""
    if model._entry is not None and model._entry.batch_shape[0] is not None:
        model._entry.implied = True


def wire_entry(model: Stack) -> bool:
    """Make the weights of a model if it has an entry; whether it has."""
    if model._entry is not None:
        model._wire(0)
    return model._entry is not None


def check_is_list(layers: object, second: object) -> None:
    """Check the first argument of a `Sequential`.

    Args:
        second: the argument behind it, which is a layer where brackets were forgotten.
    """
    if isinstance(second, Layer):
        raise TypeError("Sequential takes a list of layers: write Sequential([first, second, ...]), with brackets.")
    if isinstance(layers, Layer) or (layers is not None and not isinstance(layers, Iterable)):
        raise TypeError(
            f"Sequential takes a list of layers. Received: {layers!r}."
            f" Write Sequential([{type(layers).__name__}(...)])."
        )


def as_layer(layer: LayerLike) -> Layer:
    if isinstance(layer, Layer):
        return layer
    if _is_function(layer):
        return Lambda.of(layer)
    raise ValueError(
        f"Only instances of Layer, or functions of one array, can be added to a Sequential model."
        f" Received: {layer!r:.100} (of type {type(layer).__name__}).{_meant(layer)}"
    )


def _meant(layer: object) -> str:
    if isinstance(layer, type) and issubclass(layer, Layer):
        return f" Did you mean `{layer.__name__}(...)`?"
    if isinstance(layer, str):
        return f" An activation stands there as `Activation({layer!r})`."
    if isinstance(layer, list | tuple) and any(isinstance(one, Layer) for one in layer):
        return " For the layers of a list write `*` in front of it."
    return ""


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
    if len(set(accepted.required) - layer.filled_in) > 1 and not attends_to_itself(layer):
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


def entry_for(tensor: KerasTensor, dtype: str | None = None) -> InputLayer:
    entry = InputLayer(batch_shape=tensor.shape, dtype=dtype or tensor.dtype)
    entry.implied = True
    return entry


def _hint_on_states(before: Layer, x: object) -> str:
    if len(leaves(x)) < 2 or not getattr(before, "return_state", False):
        return ""
    return (
        f" Layer '{before.name}' has `return_state=True`, so it returns its states beside its output, but a layer in a"
        f" stack takes one tensor. Leave `return_state` out, put the layer last, or wire the states by Model(inputs,"
        f" outputs)."
    )


def _located(error: Exception, model: Stack, position: int, x: object) -> Exception:
    """An error of a layer, told with its place in the stack; errors of the user's own code keep their traceback."""
    layer = model._stack[position]
    if getattr(error, "_located", False):
        return error
    place = explaining.place_of(model, position, x)
    place += _hint_on_states(model._stack[position - 1], x) if position else ""
    if not names.is_ours(layer):
        error.add_note(place)
        located: Exception = error
    else:
        located = type(error)(f"{error}\n{place}") if type(error) in (ValueError, TypeError) else error
    located._located = True  # type: ignore[attr-defined]
    return located
