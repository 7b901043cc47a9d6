"""Constructors whose signature is the schema: what `kinds.py` says of an argument is done before the body runs.

`keep` wraps each constructor of this package that names kinds. Every argument that has one is checked and resolved,
becomes an attribute of its name, and reaches the body resolved; the body says what is special. Classes of users are
not wrapped: what they are passed is their affair.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, Self, TypedDict

from . import tracebacks
from .kinds import Kind, Owner, RegularizerLike, ShapeLike, kind_of
from .names import is_ours
from .types import DTypeLike


class _Unnamed(TypedDict, total=False):
    dtype: DTypeLike | None
    trainable: bool
    autocast: bool
    # Older spellings of the shape of the input
    input_shape: ShapeLike
    batch_input_shape: ShapeLike
    batch_shape: ShapeLike


class CommonOptions(_Unnamed, total=False):
    """Keyword arguments that every layer takes; `Layer` says what they mean."""

    name: str | None


class Options(CommonOptions, total=False):
    """Those of layers whose own arguments have other names: `input_dim` is one more spelling of the input's shape."""

    input_dim: int | None


class LayerOptions(Options, total=False):
    """Those of layers that do not list `activity_regularizer` themselves."""

    activity_regularizer: RegularizerLike


class UnnamedOptions(_Unnamed, total=False):
    """Those of layers that list `name` themselves."""

    input_dim: int | None
    activity_regularizer: RegularizerLike


class Arguments:
    """The parameters of one constructor, and their kinds.

    Args:
        constructor: the function as it was written.
        module: where it stands.
    """

    def __init__(self, constructor: Callable[..., Any], module: str):
        parameters = list(inspect.signature(constructor).parameters.values())[1:]
        by_name = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self.positional: list[str] = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.any_positional: bool = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.any_keyword: bool = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.parameters: dict[str, inspect.Parameter] = {p.name: p for p in by_name}
        self.defaults: dict[str, Any] = {p.name: p.default for p in by_name if p.default is not p.empty}
        namespace = vars(sys.modules[module])
        own = constructor.__annotations__  # not of `**common`: the module of the base knows their names
        kinds = {p.name: kind_of(own.get(p.name), namespace) for p in by_name}
        self.kinds: dict[str, Kind] = {name: kind for name, kind in kinds.items() if kind is not None}

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
        """All arguments by name, defaults too; None if the call does not fit, of which Python tells more."""
        passed = dict(zip(self.positional, args, strict=False))
        if len(args) > len(self.positional) or passed.keys() & kwargs.keys():
            return None
        bound = {**self.defaults, **passed, **kwargs}
        missing = self.parameters.keys() - bound.keys()
        return None if missing or not (self.any_keyword or bound.keys() <= self.parameters.keys()) else bound


def keep(cls: type) -> None:
    """Have the constructor of a class check, resolve and keep those of its arguments that have a kind."""
    constructor = vars(cls).get("__init__")
    if constructor is None or not is_ours(cls) or not _names_kinds(constructor, cls.__module__):
        return

    common = _with_common(constructor, cls)

    @functools.wraps(constructor)
    def run(self: object, *args: Any, **kwargs: Any) -> None:
        try:
            own = arguments(cls)
            bound = own.bind(args, kwargs)
            if bound is None:
                _explain(common or inspect.signature(constructor), type(self), args, kwargs)
                return constructor(self, *args, **kwargs)
            owner = Owner(self, kwargs.get("name"))
            for name, kind in own.kinds.items():
                bound[name] = value = kind.resolve(bound[name], name, owner)
                if kind.attribute:
                    setattr(self, name, value)
            return constructor(self, **bound)
        except tracebacks.SHOWN as error:
            __tracebackhide__ = True
            tracebacks.cut(error)
            raise

    run.keeps_arguments = True  # type: ignore[attr-defined]
    if common is not None:
        run.__signature__ = common  # type: ignore[attr-defined]
    # An assignment would hide the signature from the completion of some editors.
    setattr(cls, "__init__", run)  # noqa: B010


def _with_common(constructor: Callable[..., Any], cls: type) -> inspect.Signature | None:
    """The signature of a constructor that hands arguments on as `**common`; None for any other one.

    They may be given by position, as in Keras: after its own, in the order of the base class. Those of its own that
    take a keyword only in our code come last.
    """
    signature = inspect.signature(constructor)
    if "common" not in signature.parameters:
        return None
    listed = list(signature.parameters.values())
    own = [p for p in listed if p.kind is p.POSITIONAL_OR_KEYWORD]
    added = [p for name, p in parameters(cls.__mro__[1])[0].items() if name not in signature.parameters]
    last = [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in listed if p.kind is p.KEYWORD_ONLY]
    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    return signature.replace(parameters=[*own, *added, *last, rest])


def _explain(signature: inspect.Signature, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise a TypeError that says which argument does not fit."""
    try:
        signature.bind(None, *args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{cls.__name__}: {error}.") from None


def _names_kinds(constructor: Callable[..., Any], module: str) -> bool:
    """Whether one of the annotations is a kind of `kinds.py`, or stands for the options that all layers take."""
    namespace = vars(sys.modules[module])
    texts = [text.removesuffix(" | None") for text in constructor.__annotations__.values() if isinstance(text, str)]
    return any(text.startswith("Unpack[") or hasattr(namespace.get(text), "__metadata__") for text in texts)


@functools.cache
def arguments(cls: type) -> Arguments:
    """Those of the constructor that a class has itself."""
    return Arguments(vars(cls)["__init__"], cls.__module__)


@functools.cache
def parameters(cls: type) -> tuple[dict[str, inspect.Parameter], bool]:
    """Constructor arguments by name, those of base classes too, and whether any other name may come."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        own = arguments(base)
        found = {**own.parameters, **found}
        if "ends_arguments" in vars(base) or not own.any_keyword:
            return found, False
    return found, bool(found)


@functools.cache
def kinds(cls: type) -> Mapping[str, Kind]:
    """Kinds of all arguments of a class that keeps its arguments, those of base classes too."""
    found: dict[str, Kind] = {}
    for base in cls.__mro__:
        if getattr(vars(base).get("__init__"), "keeps_arguments", False):
            found = {**arguments(base).kinds, **found}
    return found


def ours(cls: type) -> type:
    """The nearest class of this package: what a class of a user's extends."""
    return next(base for base in cls.__mro__ if is_ours(base))


@functools.cache
def written(cls: type) -> Mapping[str, Kind]:
    """Kinds of the arguments that configs of a class of ours hold, in their order."""
    names, of = parameters(cls)[0], kinds(cls)
    order = dict.fromkeys((*getattr(cls, "config_order", ()), *names))
    return {name: of[name] for name in order if name in names and name in of and of[name].in_config}


def config(instance: object) -> dict[str, Any]:
    """What configs hold of the arguments that an object, or the object of ours that it extends, was made with."""
    of = written(ours(type(instance)))
    return {name: kind.config(getattr(instance, kind.kept_as or name)) for name, kind in of.items()}


def added(instance: object, base: type) -> dict[str, Any]:
    """What an object was made with that its base class does not take."""
    return {name: getattr(instance, name) for name in written(ours(type(instance))) if name not in written(base)}


class Kept:
    """Base of classes whose constructors keep their arguments: of ours only, and only those that name kinds."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        keep(cls)


class Configured(Kept):
    """Base of all that configs are made of, layers apart: a config holds the arguments of the constructor.

    Attributes:
        config_order: arguments that come first in configs; the others follow in the order of the constructor.
    """

    config_order: tuple[str, ...] = ()

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, JSON-friendly."""
        return config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new object from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({settings})"
