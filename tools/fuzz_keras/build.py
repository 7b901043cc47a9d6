"""The model of a case, in either library, and its data."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from .case import Case, Head, Source, made


def call(case: Case, parts: list[Any], tensors: list[Any], first: int = 0, last: int | None = None) -> list[Any]:
    """`tensors` and what the nodes from `first` to `last` give."""
    tensors = list(tensors)
    for node in case.nodes[first:last]:
        given = [tensors[number] for number in node.inputs]
        layer = parts[node.layer]
        tensors.append(layer(*given) if node.spread or len(given) == 1 else layer(given))
    return tensors


def one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def inputs(library: Any, case: Case) -> list[Any]:
    return [
        library.layers.Input(source.shape, dtype="int32" if source.high else "float32", name=f"given_{number}")
        for number, source in enumerate(case.sources)
    ]


def handed(part: Any, training: Any) -> Any:
    """A layer that is told whether it trains: Keras does not tell those inside a subclass of `Model`."""
    takes = "training" in inspect.signature(part.call).parameters
    return functools.partial(part, training=training) if takes else part


def subclass(library: Any, case: Case, parts: list[Any]) -> Any:
    class Net(library.Model):
        def __init__(self) -> None:
            super().__init__(name="net")
            self.parts = parts

        def call(self, given: Any, training: Any = None) -> Any:
            parts = [handed(part, training) for part in self.parts]
            tensors = call(case, parts, given if len(case.sources) > 1 else [given])
            return one_or_all([tensors[number] for number in case.outputs])

    return Net()


def nested(library: Any, case: Case, parts: list[Any]) -> Any:
    """The first half of the nodes is a model of its own inside the model."""
    half = max(1, len(case.nodes) // 2)
    inner = inputs(library, case)
    after = call(case, parts, inner, 0, half)
    later = {number for node in case.nodes[half:] for number in node.inputs} | set(case.outputs)
    kept = sorted(number for number in later if len(inner) <= number < len(after))
    body = library.Model(one_or_all(inner), one_or_all([after[number] for number in kept]), name="body")
    outer = inputs(library, case)
    given = body(one_or_all(outer))
    tensors = outer + [None] * half
    for number, tensor in zip(kept, given if isinstance(given, list | tuple) else [given], strict=True):
        tensors[number] = tensor
    tensors = call(case, parts, tensors, half)
    return library.Model(one_or_all(outer), one_or_all([tensors[number] for number in case.outputs]), name="net")


def model(library: Any, case: Case) -> Any:
    """Built, with weights drawn by position, so that both libraries have the same."""
    library.utils.clear_session(free_memory=False)
    library.config.set_dtype_policy(case.policy)
    try:
        parts = [layer.of(library) for layer in case.layers]
        for number in case.frozen:
            parts[number].trainable = False
        if case.kind == "sequential":
            return library.Sequential([*inputs(library, case), *parts], name="net")
        if case.kind == "deferred":
            found = library.Sequential(parts, name="net")
            found.build((None, *case.sources[0].shape))
            return found
        if case.kind == "subclass":
            found = subclass(library, case, parts)
            found(one_or_all(inputs(library, case)))
            return found
        if case.kind == "nested":
            return nested(library, case, parts)
        given = inputs(library, case)
        tensors = call(case, parts, given)
        return library.Model(one_or_all(given), one_or_all([tensors[number] for number in case.outputs]), name="net")
    finally:
        library.config.set_dtype_policy("float32")


def compile(library: Any, case: Case, net: Any) -> None:
    lists = {
        name: [list(made(getattr(head, name), library)) for head in case.heads]
        for name in ("metrics", "weighted_metrics")
    }
    losses = one_or_all([made(head.loss, library) for head in case.heads])
    metrics = {name: one_or_all(found) for name, found in lists.items() if any(found)}
    net.compile(case.optimizer.of(library), losses, **metrics, **made(case.settings, library))


def values(source: Source, rows: int, rng: np.random.Generator) -> np.ndarray:
    shape = (rows, *source.shape)
    found = rng.integers(0, source.high, shape).astype("int32") if source.high else rng.normal(size=shape)
    if source.padded:
        lengths = rng.integers(1, source.shape[0] + 1, rows)
        found[np.arange(source.shape[0]) >= lengths[:, None]] = 0
    return found.astype(source.dtype or ("int32" if source.high else "float32"))


def targets(head: Head, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Random targets of the kind that the loss is for, for outputs of `shape`."""
    *outer, last = shape
    classes = rng.integers(0, last, outer)
    made = {
        "real": lambda: rng.normal(size=shape),
        "positive": lambda: rng.uniform(0.1, 3.0, shape),
        "counts": lambda: rng.integers(0, 5, shape),
        "binary": lambda: rng.integers(0, 2, shape),
        "signs": lambda: rng.choice([-1.0, 1.0], shape),
        "classes": lambda: classes,
        "onehot": lambda: np.eye(last)[classes],
        "shares": lambda: rng.dirichlet(np.ones(last), outer),
    }[head.targets]()
    made = made.astype("int32" if head.targets == "classes" else "float32")
    if head.form == "flat":
        return made[..., 0] if made.shape[-1] == 1 and head.targets != "classes" else made
    if head.form == "column":
        return made[..., None] if head.targets == "classes" else made
    return made.astype(head.form or made.dtype)


def data(case: Case) -> tuple[list[np.ndarray], np.random.Generator]:
    """Inputs, and where the numbers after them come from."""
    rng = np.random.default_rng(case.seed)
    return [values(source, case.rows, rng) for source in case.sources], rng


def weights(net: Any, seed: int) -> list[np.ndarray]:
    """Values for all weights, of a size that neither explodes nor vanishes; no zeros that hide what one does."""
    rng = np.random.default_rng(seed)
    found = []
    for weight in net.weights:
        shape = tuple(weight.shape)
        drawn = rng.normal(size=shape).astype("float32")
        if any(word in weight.path.split("/")[-1] for word in ("variance", "stddev", "gamma", "scale", "renorm")):
            drawn = 0.7 + 0.3 * np.abs(drawn)
        elif len(shape) > 1:
            drawn = drawn * 0.7 / max(1, np.prod(shape[:-1])) ** 0.5
        else:
            drawn = drawn * 0.2
        found.append(drawn.astype("float32"))
    return found
