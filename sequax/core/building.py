"""Building a layer: calling its `build` once, with the shapes it asks for."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import jax

from . import names, scope, shapes, signature
from .tensor import map_structure, shape_of
from .warning import warn

if TYPE_CHECKING:
    from .layer import Layer


def guarded(build: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a `build` method: paths start at the layer, its shapes are noted, and it is marked as built at the end."""

    around = nullcontext if names.is_ours(build) else at_once  # ours keep nothing but variables

    @functools.wraps(build)
    def run(self: Layer, *args: object, **kwargs: object) -> None:
        outer, self._in_build = self._in_build, True  # `super().build()` marks it as built, and more may follow
        try:
            with scope.calling(self), around():
                self._note_path()
                build(self, *args, **kwargs)
        finally:
            self._in_build = outer
        parameters = [*inspect.signature(build).parameters][1:]  # the first is the layer, whatever it is called
        given = {**dict(zip(parameters, args, strict=False)), **kwargs}
        shapes_given = {key: value for key, value in given.items() if value is not None}
        if shapes_given or not given:
            self._build_shapes = shapes_given
        self.built = True

    return run


@contextmanager
def at_once() -> Iterator[None]:
    """Inside, values are computed now, whatever is traced around it: what a `build` keeps outlives the trace."""
    with scope.framed(None), jax.ensure_compile_time_eval():
        yield


def shapes_of(layer: Layer) -> dict[str, Any] | None:
    """The shapes that a layer was built for, by argument of `build`."""
    return getattr(layer, "_build_shapes", None)


def check_arguments(layer: Layer, wanted: list[inspect.Parameter]) -> None:
    """Of several shapes each needs the name of the argument of `call` that it is of."""
    accepted = signature.of(type(layer).call)
    for parameter in wanted:
        name, optional = parameter.name, parameter.default is not parameter.empty
        if optional or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        who = f"Layer '{layer.name}' ({type(layer).__name__}): for a `build()` method with several arguments"
        if not name.endswith("_shape"):
            raise ValueError(
                f"{who}, all of them need a name that ends in `_shape`: the shape of `call()`'s argument `query`"
                f" is `query_shape`. Received: argument `{name}`, which does not end in `_shape`."
            )
        if name.removesuffix("_shape") not in accepted.accepts and not accepted.any_keyword:
            raise ValueError(
                f"{who}, their names must be those of arguments of `call()`. Received: `{name}`, but `call()` does"
                f" not have argument `{name.removesuffix('_shape')}`."
            )


def spec_of(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The symbolic outputs of a layer that is built.

    Layers inside of one of ours that wait for a call, as in `Dense(4, activation=PReLU())`, get it here.
    """
    ours = names.is_ours(type(layer).compute_output_shape) and not layer.is_model
    if not (ours and any(not inner.built for inner in layer.flatten_layers(False, False))):
        with suppress(NotImplementedError):  # of a `compute_output_spec` or `compute_output_shape` of the user's
            return layer.compute_output_spec(*args, **kwargs)
    return shapes.infer(layer.__call__, args, kwargs)


def shapes_for(method: Callable[..., Any], tensors: object) -> Any:
    """The shapes of tensors, as a `build` or a `compute_output_shape` is told them.

    Args:
        method: that of ours gets tuples. One of a script gets what its tensors have as `shape`: under `sequax run` a
            tuple that also knows what old code asks of it (`as_list`).
        tensors: in any structure.
    """
    return shape_of(tensors) if names.is_ours(method) else map_structure(lambda tensor: tensor.shape, tensors)


def shapes_asked_for(function: Callable[..., Any], given: dict[str, Any]) -> inspect.BoundArguments | None:
    """What a `compute_output_shape` is called with for the tensors of a call; None if it asks for others.

    Args:
        function: bound to its layer.
        given: the tensors by argument of `call`. A shape goes to the parameter of its name, `query_shape` for `query`;
            a function of one parameter gets that of the first tensor.
    """
    wanted = inspect.signature(function)
    named = {f"{name}_shape": value for name, value in given.items()}
    fitting = {name: shapes_for(function, value) for name, value in named.items() if name in wanted.parameters}
    try:
        if len(wanted.parameters) == 1 or not fitting:
            return wanted.bind(*(shapes_for(function, value) for value in list(given.values())[:1]))
        return wanted.bind(**fitting)
    except TypeError:
        return None


def old_input_shape(kwargs: dict[str, Any], name: str) -> tuple[Any, ...] | None:
    """The input shape, batch axis included, from the older keywords; a model that starts with the layer uses it."""
    given = {key: value for key, value in kwargs.items() if value is not None}
    if not given:
        return None
    warn(f"Layer '{name}': do not pass `{next(iter(given))}` to a layer. Begin the model with `Input(shape)` instead.")
    if "input_dim" in given:
        return (None, int(given["input_dim"]))
    if "input_shape" in given:
        return (None, *shapes.standardize(given["input_shape"], "input_shape"))
    return shapes.standardize(next(iter(given.values())))
