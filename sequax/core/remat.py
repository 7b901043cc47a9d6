"""Rematerialization: what a layer computes is computed again for the gradients, in place of being kept for them.

Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost". `jax.checkpoint` does the work. It wants a function
of arrays, so what a call leaves behind besides its outputs (new values of variables, masks, penalties) is handed out of
it and put where the call would have left it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from .._holding import Holding
from . import masks, scope
from .tensor import is_tensor, leaves
from .types import T

if TYPE_CHECKING:
    from .layer import Layer

MODES = ("full", "activations", "larger_than", "list_of_layers", None)
# What "activations" keeps: results of products, whose computation is the expensive part.
_PRODUCTS = frozenset({"conv_general_dilated", "custom_vjp_call", "dot_general"})


class Mode(NamedTuple):
    """What the scope said in which a layer was made."""

    mode: str
    output_size_threshold: int


_scopes: ContextVar[tuple[RematScope, ...]] = ContextVar("sequax_remat", default=())
_recomputing: ContextVar[bool] = ContextVar("sequax_recomputing", default=False)


class RematScope:
    """Layers made inside keep less for the gradients, and compute it again: less memory, more time.

    A block, such as a `Residual`, is computed again as one, with all layers in it. A model is not, but each of its
    layers: a whole model computed again would need all of its memory again.

    Args:
        mode: which layers: `"full"`, all of them; `"activations"` keeps the results of products and computes what
            follows them again (activations, normalizations); `"larger_than"`, those with outputs of more than
            `output_size_threshold` numbers; `"list_of_layers"`, those named in `layer_names`; None, none, inside
            another scope.
        output_size_threshold: for `"larger_than"`, numbers of the output, batch included.
        layer_names: for `"list_of_layers"`.

    Raises:
        ValueError: for another mode.

    Example:

    >>> from sequax import layers
    >>> with RematScope("full"):
    ...     block = layers.Residual([layers.LayerNormalization(), layers.Dense(8)])
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Iterable[str] | None = None
    ):
        if mode not in MODES:
            raise ValueError(f"RematScope: invalid mode {mode!r}. It is one of {', '.join(map(repr, MODES))}.")
        self.mode: str | None = mode
        self.output_size_threshold: int = output_size_threshold
        self.layer_names: list[str] = list(layer_names or ())
        self._outer: list[tuple[RematScope, ...]] = []

    def __enter__(self) -> RematScope:
        self._outer.append(_scopes.get())
        _scopes.set((*self._outer[-1], self))
        return self

    def __exit__(self, *error: object) -> None:
        _scopes.set(self._outer.pop())


def mode_for(layer_name: str) -> Mode | None:
    """What the innermost scope says for a layer that is being made."""
    scopes = _scopes.get()
    if not scopes or scopes[-1].mode is None:
        return None
    if scopes[-1].mode == "list_of_layers":
        return Mode("named", 0) if layer_name in scopes[-1].layer_names else None
    return Mode(scopes[-1].mode, scopes[-1].output_size_threshold)


def call_of(
    layer: Layer, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[..., T]:
    """The call of a layer as its mode wants it: as it is, or computed again for the gradients."""
    wanted = layer.remat_mode
    frame = scope.frame()
    if wanted is None or frame is None or frame.symbolic:  # nobody asks for gradients
        return function
    if _recomputing.get() or (layer.is_model and wanted.mode != "named"):
        return function
    if wanted.mode == "larger_than" and _size(function, args, kwargs) <= wanted.output_size_threshold:
        return function
    return _again(function, _is_product if wanted.mode == "activations" else None)


def remat(f: Callable[..., T]) -> Callable[..., T]:
    """A function that keeps nothing but its inputs for the gradients, and is computed again for them.

    Args:
        f: a function of tensors, or a layer. Layers called inside keep their state as they would without.

    Returns:
        A function with the arguments and results of `f`.

    >>> import jax
    >>> float(jax.grad(remat(lambda x: x**3))(2.0))
    12.0
    """
    return _again(f, None)


def _is_product(primitive: Any, *_: object, **__: object) -> bool:
    return primitive.name in _PRODUCTS


def _size(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    return sum(output.size for output in jax.tree.leaves(jax.eval_shape(lambda: _Left().by(function, args, kwargs)[0])))


def _again(function: Callable[..., T], keeps: Callable[..., bool] | None) -> Callable[..., T]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> T:
        if any(map(is_tensor, leaves((args, kwargs)))):  # a stage of a graph: nothing is computed yet
            return function(*args, **kwargs)
        left = _Left()
        # The arguments are not arguments of this function: tensors stay the objects that masks are looked up by.
        outputs, values = jax.checkpoint(lambda: left.by(function, args, kwargs), policy=keeps)()
        return left.put(outputs, values)

    return run


class _Left:
    """What a call leaves behind: in a frame of its own first, then where the call would have left it."""

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self.masks: list[Any] = []

    def by(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        outer, call = scope.frame(), scope.call()
        frame = scope.Frame([], [], strict=False, outer=outer)
        frame.masks, frame.penalties = dict(frame.masks), dict(frame.penalties)
        before = 0 if call is None else len(call.losses)
        with Holding(_recomputing, True), scope.framed(frame):
            outputs = function(*args, **kwargs)
            self.masks = [masks.state(tensor) for tensor in leaves(outputs)]
        self.variables = list(frame.assigned.values())
        losses = [] if call is None else call.losses[before:]
        if call is not None:
            del call.losses[before:]
        known = {} if outer is None else outer.penalties
        penalties = {key: value for key, value in frame.penalties.items() if known.get(key) is not value}
        arrays = [None if isinstance(mask, masks.Dropped) else mask for mask in self.masks]
        return outputs, ([frame.values[id(v)] for v in self.variables], arrays, losses, penalties)

    def put(self, outputs: T, values: Any) -> T:
        assigned, arrays, losses, penalties = values
        outer, call = scope.frame(), scope.call()
        for variable, value in zip(self.variables, assigned, strict=True):
            variable.assign(value)
        for tensor, array, mask in zip(leaves(outputs), arrays, self.masks, strict=True):
            place = call or outer
            if mask is not None and place is not None:
                place.masks[id(tensor)] = (tensor, mask if isinstance(mask, masks.Dropped) else array)
        if call is not None:
            call.losses.extend(losses)
        if outer is not None:
            outer.penalties.update(penalties)
            if outer.losses is not None:
                outer.losses.extend(losses)
        return outputs
