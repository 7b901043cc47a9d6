"""Layers made of layers: `Residual` adds the input to what they make of it, `Parallel` runs branches side by side.

Each is one layer with one input and one output, so that networks with skip connections and branches stay a stack:

    Sequential([
        Input((32, 32, 3)),
        Conv2D(16, 3, padding="same"),
        Residual([BatchNormalization(), ReLU(), Conv2D(16, 3, padding="same")]),
        Residual([BatchNormalization(), ReLU(), Conv2D(32, 3, strides=2, padding="same")], Conv2D(32, 1, strides=2)),
        Parallel([Identity(), [GlobalAveragePooling2D(keepdims=True), Dense(32, "sigmoid")]], merge="multiply"),
        ...
    ])

Keras has no such layers: it cannot read configs and files that hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeGuard, TypeVar, Unpack

from ..core import names, shapes
from ..core.config import deserialize
from ..core.constructor import LayerOptions
from ..core.custom_objects import register_keras_serializable
from ..core.kinds import Axis, Kind, OneOf, Owner
from ..core.layer import Layer
from ..core.tensor import KerasTensor, leaves, shape_of
from ..core.types import CustomObjects, Nested, Shape, ShapeLike, Symbols, T, Tensor
from .attending import AnyTensor, call_on, shape_after, spec_after
from .core import Lambda
from .merging import Add, Average, Concatenate, Maximum, Merging, Minimum, Multiply, Subtract

_MERGES: dict[str, type[Merging]] = {
    "concat": Concatenate,
    "add": Add,
    "subtract": Subtract,
    "multiply": Multiply,
    "average": Average,
    "maximum": Maximum,
    "minimum": Minimum,
}


class _Branch(Kind):
    """A layer, or several one after another: a list in the end; functions become `Lambda`s."""

    expected = "a layer or a list of layers"

    def resolve(self, value: object, name: str, owner: Owner) -> list[Layer]:
        given: Iterable[Any] = value if isinstance(value, Iterable) and not isinstance(value, Layer) else [value]
        found = [Lambda.of(layer) if _is_function(layer) else layer for layer in given]
        wrong = [layer for layer in found if not isinstance(layer, Layer)]
        if wrong or not found:
            received = f"{wrong[0]!r:.100} (of type {type(wrong[0]).__name__})" if wrong else "none"
            raise ValueError(
                f"{owner}: expected {self.expected} as `{name}`. Received: {received}. The way that changes nothing is"
                f" `Identity()`."
            )
        return found

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, (list, tuple, Mapping))


class _Branches(Kind):
    expected = "a list of branches, each a layer or a list of layers"

    def resolve(self, value: object, name: str, owner: Owner) -> list[list[Layer]]:
        if not isinstance(value, (list, tuple)) or not value:
            raise ValueError(f"{owner}: expected {self.expected}. Received: {name}={value!r:.200}")
        return [_Branch().resolve(branch, f"{name}[{i}]", owner) for i, branch in enumerate(value)]

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, (list, tuple))


OneTensor = TypeVar("OneTensor", Tensor, KerasTensor)
LayerLike = Layer | Callable[..., Any]
Branch = Annotated[LayerLike | Sequence[LayerLike], _Branch()]
Branches = Annotated[Sequence[LayerLike | Sequence[LayerLike]], _Branches()]
MergeName = Literal["concat", "add", "subtract", "multiply", "average", "maximum", "minimum"]
Merge = Annotated[MergeName, OneOf(*_MERGES)]


class Container(Layer):
    """Base: branches of layers that all get the input of the container, and a layer that merges their outputs.

    Masks pass as in a stack: each layer passes on its own, and the merging layer makes one of those of the branches.
    Dtypes are those of the layers inside; the container's own policy is that of the merging layer.
    """

    supports_masking = True
    _merging: Merging

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None) -> None:
        return None  # the layers inside have put a mask on the output already

    def parts(self) -> list[tuple[str, list[Layer]]]:
        """The branches with what they are called in summaries and messages."""
        raise NotImplementedError

    def described_layers(self) -> list[tuple[str, Layer, Any]]:
        """All layers inside, with the part they belong to and their output shape (None before `build`)."""
        found = []
        for part, layers in self.parts():
            shape = (self._build_shapes or {}).get("input_shape")
            for layer in layers:
                shape = None if shape is None else shape_after(layer, shape)
                found.append((part, layer, shape))
        return found

    def build(self, input_shape: Nested[ShapeLike]) -> None:
        if not shapes.is_shape(input_shape):
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) takes one input. Received: {input_shape}")
        self._run(_call_symbolically, KerasTensor(input_shape, self.compute_dtype))

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        return self._run(call_on, inputs, **({} if mask is None else {"mask": mask}))

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return self._merging.compute_output_shape([out for _, out in self._outputs(shape_after, tuple(input_shape))])

    def compute_output_spec(
        self, inputs: KerasTensor, training: bool | None = None, mask: Tensor | None = None
    ) -> KerasTensor:
        return self._run(spec_after, inputs)

    def _run(self, step: Callable[..., Any], x: OneTensor, **first: Tensor) -> OneTensor:
        """The merged outputs, for arrays and for symbolic tensors; `step(layer, x)` runs one layer."""
        outputs = self._outputs(step, x, **first)
        self._check([(part, tuple(out.shape)) for part, out in outputs])
        return step(self._merging, [out for _, out in outputs])

    def _outputs(self, step: Callable[..., Any], x: T, **first: Tensor) -> list[tuple[str, T]]:
        return [(part, self._through(part, layers, step, x, **first)) for part, layers in self.parts()]

    def _through(self, part: str, layers: list[Layer], step: Callable[..., Any], x: T, **first: Tensor) -> T:
        for position, layer in enumerate(layers):
            try:
                x = step(layer, x, **(first if position == 0 else {}))
            except (ValueError, TypeError) as error:
                raise _located(error, self, part, position, layer, x) from None
        return x

    def _check(self, outputs: list[tuple[str, tuple[Any, ...]]]) -> None:
        """Refuse outputs that the merging layer would take though they are wrong here."""

    def get_config(self) -> dict[str, Any]:
        return {key: _unbuilt(value) for key, value in super().get_config().items()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> Container:
        """A new layer, with fresh variables, from `get_config()`."""
        return cls(**deserialize(config, custom_objects))

    def __repr__(self) -> str:
        lines = [f"<{type(self).__name__} name={self.name}, built={self.built}>"]
        for part, layer, _ in self.described_layers():
            inside = repr(layer).replace("\n", "\n  ") if isinstance(layer, Container) else layer.name
            kind = "" if isinstance(layer, Container) else f" ({type(layer).__name__})"
            lines.append(f"  {part}{': ' if part else ''}{inside}{kind}")
        return "\n".join(lines)


@register_keras_serializable("sequax")
class Residual(Container):
    """A skip connection: `inputs + layers(inputs)`, or `shortcut(inputs) + layers(inputs)`.

    He et al. 2016, Deep Residual Learning for Image Recognition.

    Shapes: `(batch, ...)` -> the output of the layers, which must be the shape of the input (of the shortcut's output).

    Args:
        layers: a list of layers, one after another, or one layer; functions of one array are wrapped into `Lambda`.
        shortcut: a layer or a list of layers for the way around, where the layers change the shape.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    `MultiHeadAttention` inside is self-attention, and masks reach it: a transformer encoder's block before
    normalization is `Residual([LayerNormalization(), MultiHeadAttention(2, 16)])`. An activation behind the sum is the
    next layer of the stack. Keras has no such layer and cannot read a config that holds one.

    Raises:
        ValueError: when built, if the shapes of both ways differ. Sizes of 1 are not stretched.

    Example:

    >>> from sequax.layers import Dense
    >>> import numpy as np
    >>> Residual([Dense(8, activation="relu"), Dense(4)])(np.ones((2, 4))).shape
    (2, 4)
    """

    layers: list[Layer]
    shortcut: list[Layer] | None

    def __init__(self, layers: Branch, shortcut: Branch | None = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        _check_names(self)
        self._merging = Add(name=f"{self.name}_merge", dtype=self.dtype_policy)

    def parts(self) -> list[tuple[str, list[Layer]]]:
        return [("", self.layers), ("shortcut", self.shortcut or [])]

    def _check(self, outputs: list[tuple[str, tuple[Any, ...]]]) -> None:
        (_, through), (_, around) = outputs
        fits = len(around) == len(through) and all(
            m == n or m is None or n is None for m, n in zip(around, through, strict=True)
        )
        if not fits:
            way, remedy = "input", "Pass a layer that brings the input to that shape as `shortcut`, or let the"
            if self.shortcut:
                way, remedy = "output of the shortcut", "Let the shortcut make that shape, or let the"
            raise ValueError(
                f"Layer '{self.name}' (Residual): the {way} has shape {around}, but the output of the layers has shape"
                f" {through}, so they cannot be added. {remedy} layers keep the shape."
            )


@register_keras_serializable("sequax")
class Parallel(Container):
    """Branches side by side: each gets the input, and their outputs are merged.

    Args:
        branches: a list of branches, each a layer or a list of layers one after another; the input itself is a branch
            as `Identity()`.
        merge: `"concat"`, `"add"`, `"subtract"` (of two branches), `"multiply"`, `"average"`, `"maximum"` or
            `"minimum"`; shapes must fit as for the layers `Concatenate`, `Add`, and so on.
        axis: along which outputs are concatenated; without meaning for the other ways.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Keras has no such layer and cannot read a config that holds one.

    Raises:
        ValueError: for an unknown `merge` or, when built, for outputs that do not fit together.

    Example:

    >>> from sequax.layers import Dense, Identity
    >>> import numpy as np
    >>> Parallel([Identity(), [Dense(8, activation="relu"), Dense(3)]])(np.ones((2, 4))).shape
    (2, 7)
    """

    branches: list[list[Layer]]
    merge: str
    axis: int

    def __init__(self, branches: Branches, merge: Merge = "concat", axis: Axis = -1, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        needed = _MERGES[merge].inputs_needed
        if needed not in (None, len(branches)):
            raise ValueError(
                f"Layer '{self.name}' (Parallel): merge='{merge}' takes exactly {needed} branches. Received:"
                f" {len(branches)}"
            )
        _check_names(self)
        settings: dict[str, Any] = {"axis": axis} if merge == "concat" else {}
        self._merging = _MERGES[merge](name=f"{self.name}_merge", dtype=self.dtype_policy, **settings)

    def parts(self) -> list[tuple[str, list[Layer]]]:
        return [(f"branch {i}", branch) for i, branch in enumerate(self.branches)]


def _unbuilt(config: object) -> object:
    """The config of layers without their build shapes: the container builds them, so that paths begin with its name."""
    if isinstance(config, list):
        return [_unbuilt(one) for one in config]
    return {k: v for k, v in config.items() if k != "build_config"} if isinstance(config, dict) else config


def _is_function(value: object) -> TypeGuard[Callable[..., Any]]:
    """Plain callables such as `jax.nn.relu`, no classes and no objects with a config."""
    return callable(value) and not isinstance(value, (Layer, type)) and not hasattr(value, "get_config")


def _check_names(container: Container) -> None:
    seen: dict[str, Layer] = {}
    for layer in container.flatten_layers(include_self=False, recursive=False):
        if seen.setdefault(layer.name, layer) is not layer:
            raise ValueError(
                f"Layer '{container.name}' ({type(container).__name__}): the layers inside need unique names, but"
                f" '{layer.name}' is the name of two of them. Update the `name` argument of one."
            )


def _call_symbolically(layer: Layer, x: Symbols) -> Nested[AnyTensor]:
    """Run a layer on symbolic tensors, which builds it, without leaving a record of the call."""
    outputs = call_on(layer, x)
    layer.recorded_calls.pop()
    return outputs


def _located(error: Exception, owner: Layer, part: str, position: int, layer: Layer, x: object) -> Exception:
    """An error of a layer, told with its place; errors of the user's own code keep their traceback."""
    given = shape_of(x) if all(hasattr(v, "shape") for v in leaves(x)) else x
    place = (
        f"In {type(owner).__name__} '{owner.name}', {part + ', ' if part else ''}layer {position} '{layer.name}'"
        f" ({type(layer).__name__}), input shape {given}"
    )
    if not names.is_ours(layer):
        error.add_note(place)
        return error
    return type(error)(f"{error}\n{place}.") if type(error) in (ValueError, TypeError) else error
