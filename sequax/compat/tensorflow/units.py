"""Eager steps by the piece: calls of layers, losses, metrics and optimizers run as one compiled program each.

A loop with a tape calls these one by one, where TensorFlow starts an operation for each line in them. From the first
tape of a process on, a call of an object that is all ours is a program, and one node of a tape. An object with code of
the script in it runs that code line by line, as the script expects, and the objects inside are the pieces.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import jax

from ...core import disk_cache, masks, names, scope, shapes, tracking
from ...core.layer import Layer, forget_losses, keep_losses
from ...core.tensor import KerasTensor, is_tensor, leaves
from ...core.variable import Variable
from ...host_prefix import on_host
from ...losses import Loss
from ...metrics import Metric
from ...optimizers import Optimizer
from ...training.fingerprint import fingerprint
from ..patching import is_put, put
from . import reading
from .reading import tracing
from .recording import unrecorded
from .stateful import Program

_MOST_STAMPS = 16  # an object whose settings change with each call would be compiled for ever
_MOST_FAILURES = 3  # one may be an error of the script


class Unit:
    """What is known of one object: its program, and whether it may be one.

    Args:
        program: `None` where the object has code of the script in it.
    """

    def __init__(self, program: Program | None):
        self.program = program
        self.structure, self.failures = tracking.structure(), 0
        self._version = self._stamp = -1
        self._keys: dict[Hashable, int] = {}

    def stamp(self, owner: object) -> int:
        """A number for the settings of the object as they are now."""
        if self._version != tracking.version():
            self._stamp = self._keys.setdefault(fingerprint(owner).key, len(self._keys))
            self._version = tracking.version()
            if len(self._keys) > _MOST_STAMPS or (isinstance(owner, Layer) and not _is_all_ours(owner)):
                self.program = None
        return self._stamp


_units: WeakKeyDictionary[Any, Unit] = WeakKeyDictionary()


def _unit(owner: Any, may: Callable[[Any], bool], make: Callable[[Any], Callable[..., Any]]) -> Unit:
    found = _units.get(owner)
    if found is None or (found.program is None and found.structure != tracking.structure()):
        found = _units[owner] = Unit(Program(make(owner)) if may(owner) else None)
    return found


def _is_inside() -> bool:
    """Whether a function is traced already, of which a call is a part."""
    return scope.frame() is not None or tracing.get() is not None


def follow() -> None:
    """From here on, calls are units, and reads of variables are heard of."""
    if is_put(Optimizer, "apply"):
        return
    reading.follow()
    disk_cache.enable()
    put(Layer, "__call__", _layer_call(Layer.__call__))
    for cls in _subclasses(Loss):
        if "__call__" in vars(cls):
            put(cls, "__call__", _loss_call(cls.__call__))
    for cls in _subclasses(Metric):
        if "update_state" in vars(cls):
            put(cls, "update_state", _update(cls.update_state))
    for cls in _subclasses(Optimizer):
        if "apply" in vars(cls):
            put(cls, "apply", _apply(cls.apply))


def _subclasses(cls: Any) -> Iterator[Any]:
    if names.is_ours(cls):
        yield cls
        for inner in cls.__subclasses__():
            yield from _subclasses(inner)


# --- layers ---------------------------------------------------------------------------------------------------------


def _layer_call(original: Callable[..., Any]) -> Callable[..., Any]:
    def of(layer: Layer) -> Callable[..., Any]:
        def run(args: tuple[Any, ...], kwargs: dict[str, Any], given: list[Any] | None, training: bool | None) -> Any:
            masks.keep((args, kwargs), given)
            with scope.calling(None, training) as call:
                outputs = original(layer, *args, **kwargs)
                return outputs, masks.of(outputs), list(call.losses)

        return run

    @functools.wraps(original)
    def call(self: Layer, *args: Any, **kwargs: Any) -> Any:
        if _is_inside() or any(map(is_tensor, leaves((args, kwargs)))):
            return original(self, *args, **kwargs)
        if not self.built:
            _build(self, original, args, kwargs)
        unit = _unit(self, _is_all_ours, of)
        if unit.program is None or not self.built:
            return original(self, *args, **kwargs)
        outer = scope.call()
        training = None if outer is None else outer.training
        given = masks.of((args, kwargs))
        stamp = unit.stamp(self)
        if unit.program is None:  # since it was called last, a part of the script has come into it
            return original(self, *args, **kwargs)
        found = _tried(unit, (_plain(args), _plain(kwargs), given, training), stamp)
        if found is None:
            return original(self, *args, **kwargs)
        outputs, found_masks, penalties = found
        _left(self, outer, outputs, found_masks, penalties)
        return outputs

    return call


def _left(layer: Layer, outer: Any, outputs: Any, found: list[Any] | None, penalties: list[Any]) -> None:
    """What a call leaves behind beside its outputs."""
    for output, mask in zip(leaves(outputs), found or (), strict=False):
        if outer is None:
            masks.publish(output, mask)
        else:
            masks.put(output, mask)
    if outer is None:
        forget_losses(layer)
    if penalties:
        keep_losses(layer, penalties)


def _is_all_ours(layer: Layer) -> bool:
    inside = layer.flatten_layers()
    return not _shows_inside(layer) and all(
        names.is_ours(type(one)) and one.built and not on_host(one) and one.supports_jit for one in inside
    )


def _shows_inside(layer: Layer) -> bool:
    """Whether an output is made of another one, so that a tape is asked for the gradient of one by the other."""
    graph = layer.recorded_graph
    if graph is None:
        return False
    outputs = {id(one) for one in leaves(graph.outputs)}
    made = {id(one): node for node in graph.nodes for one in leaves(node.outputs)}
    waiting = [one for key in outputs if key in made for one in made[key].inputs]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in outputs:
            return True
        if id(one) in made and id(one) not in seen:
            seen.add(id(one))
            waiting += made[id(one)].inputs
    return False


def _build(layer: Layer, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Make the weights without computing, which would be compiled line by line."""
    if not all(names.is_ours(type(one)) and not on_host(one) for one in layer.flatten_layers()):
        return

    def symbol(one: Any) -> Any:
        return KerasTensor(tuple(one.shape), str(one.dtype)) if hasattr(one, "shape") and one.shape else one

    given = jax.tree.map(symbol, (args, kwargs))
    with unrecorded():
        try:
            shapes.infer(functools.partial(original, layer), *given)
        except Exception:
            return  # which the call itself will raise


def _plain(structure: Any) -> Any:
    return jax.tree.map(lambda one: one.value if isinstance(one, Variable) else one, structure)


def _tried(unit: Unit, args: tuple[Any, ...], stamp: Hashable) -> Any:
    """What the program returns, in a tuple; None if the call cannot be compiled, or fails for a reason of its own."""
    assert unit.program is not None
    try:
        return unit.program(*args, stamp=stamp)
    except Exception:
        unit.failures += 1
        if unit.failures >= _MOST_FAILURES:
            unit.program = None
        return None


# --- losses, metrics, optimizers ------------------------------------------------------------------------------------


def _loss_call(original: Callable[..., Any]) -> Callable[..., Any]:
    def of(loss: Loss) -> Callable[..., Any]:
        def run(args: tuple[Any, ...], kwargs: dict[str, Any], given: list[Any] | None) -> Any:
            masks.keep((args, kwargs), given)
            return (original(loss, *args, **kwargs),)

        return run

    def may(loss: Loss) -> bool:
        return names.is_ours(type(loss)) and names.is_ours(getattr(loss, "fn", type(loss)))

    @functools.wraps(original)
    def call(self: Loss, *args: Any, **kwargs: Any) -> Any:
        unit = None if _is_inside() else _unit(self, may, of)
        if unit is None or unit.program is None or any(map(is_tensor, leaves((args, kwargs)))):
            return original(self, *args, **kwargs)
        found = _tried(unit, (_plain(args), _plain(kwargs), masks.of((args, kwargs))), unit.stamp(self))
        return original(self, *args, **kwargs) if found is None else found[0]

    return call


def _update(original: Callable[..., Any]) -> Callable[..., Any]:
    def of(metric: Metric) -> Callable[..., Any]:
        def run(args: tuple[Any, ...], kwargs: dict[str, Any], given: list[Any] | None) -> Any:
            masks.keep((args, kwargs), given)
            original(metric, *args, **kwargs)
            return (True,)

        return run

    def may(metric: Metric) -> bool:
        return names.is_ours(type(metric)) and names.is_ours(getattr(metric, "fn", type(metric)))

    @functools.wraps(original)
    def update_state(self: Metric, *args: Any, **kwargs: Any) -> None:
        unit = None if _is_inside() else _unit(self, may, of)
        if unit is None or unit.program is None:
            return original(self, *args, **kwargs)
        with unrecorded():
            if _tried(unit, (_plain(args), _plain(kwargs), masks.of((args, kwargs))), unit.stamp(self)) is None:
                original(self, *args, **kwargs)
        return None

    return update_state


def _apply(original: Callable[..., Any]) -> Callable[..., Any]:
    def of(optimizer: Optimizer) -> Callable[..., Any]:
        def run(grads: Any, variables: Any) -> Any:
            original(optimizer, grads, variables)
            return (True,)

        return run

    def may(optimizer: Optimizer) -> bool:
        inner = getattr(optimizer, "inner_optimizer", None)
        rate = optimizer.get_config().get("learning_rate")
        steady = isinstance(rate, (float, int, dict, type(None)))
        return names.is_ours(type(optimizer)) and steady and (inner is None or may(inner))

    @functools.wraps(original)
    def apply(self: Optimizer, grads: Any, trainable_variables: Any = None) -> None:
        grads = list(grads)
        unit = None if _is_inside() or not grads else _unit(self, may, of)
        if unit is None or unit.program is None:
            return original(self, grads, trainable_variables)
        variables = None if trainable_variables is None else list(trainable_variables)
        if variables:
            self.know(variables)  # before its settings are looked at, among which the state counts
        if _tried(unit, (_plain(grads), variables), unit.stamp(self)) is None:
            original(self, grads, trainable_variables)
        return None

    return apply
