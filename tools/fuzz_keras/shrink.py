"""Make a failing case small: leave out what it also fails without, for as long as anything can be left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from .case import Case, Head, New, Node, Step


def shrink(case: Case, fails: Callable[[Case], bool], seconds: float = 120.0) -> Case:
    """The smallest case found in so many seconds of which `fails` still holds."""
    end = time.monotonic() + seconds
    smaller: Case | None = case
    while smaller is not None:
        case = smaller
        smaller = next((each for each in candidates(case) if time.monotonic() < end and fails(each)), None)
    return case


def candidates(case: Case) -> Iterator[Case]:
    """Cases with one thing less, the largest things first."""
    for number in reversed(range(len(case.steps))):
        if len(case.steps) > 1:
            yield replace(case, steps=case.steps[:number] + case.steps[number + 1 :])
    if case.kind != "sequential" and len(case.sources) == len(case.outputs) == 1:
        chain = all(node.inputs == (number,) for number, node in enumerate(case.nodes))
        once = [node.layer for node in case.nodes] == list(range(len(case.layers)))
        if chain and once:
            yield replace(case, kind="sequential")
    if case.kind in ("nested", "subclass"):
        yield replace(case, kind="functional")
    if len(case.outputs) > 1:
        for number in range(len(case.outputs)):
            left = {key: value for key, value in case.settings.items() if key != "loss_weights"}
            one = replace(case, outputs=(case.outputs[number],), heads=(case.heads[number],), settings=left)
            yield tidied(one)
    for number in range(len(case.nodes) - 1):
        for before in case.nodes[number].inputs:
            yield tidied(without_node(case, number, before))
    yield from simpler_runs(case)
    for number, layer in enumerate(case.layers):
        for smaller in simpler(layer):
            yield replace(case, layers=(*case.layers[:number], smaller, *case.layers[number + 1 :]))
    for smaller in simpler(case.optimizer):
        yield replace(case, optimizer=smaller)


def simpler_runs(case: Case) -> Iterator[Case]:
    if case.files:
        yield replace(case, files=False)
    if case.policy != "float32":
        yield replace(case, policy="float32")
    if case.frozen:
        yield replace(case, frozen=())
    for key in case.settings:
        yield replace(case, settings={name: value for name, value in case.settings.items() if name != key})
    for number, step in enumerate(case.steps):
        for key in step.settings:
            left = Step(step.method, {name: value for name, value in step.settings.items() if name != key})
            yield replace(case, steps=(*case.steps[:number], left, *case.steps[number + 1 :]))
    for number, head in enumerate(case.heads):
        for smaller in simpler_heads(head):
            yield replace(case, heads=(*case.heads[:number], smaller, *case.heads[number + 1 :]))
    if case.optimizer.path != "optimizers.SGD":
        yield replace(case, optimizer=New("optimizers.SGD", {"learning_rate": 0.1}))


def simpler_heads(head: Head) -> Iterator[Head]:
    for name in ("metrics", "weighted_metrics"):
        metrics = getattr(head, name)
        for number in range(len(metrics)):
            yield replace(head, **{name: metrics[:number] + metrics[number + 1 :]})
    if isinstance(head.loss, New):
        for smaller in simpler(head.loss):
            yield replace(head, loss=smaller)


def simpler(made: New) -> Iterator[New]:
    """With an argument less; such as are needed are found out by the refusal of both libraries."""
    for name, value in made.arguments.items():
        yield made.without(name)
        if isinstance(value, New):
            for smaller in simpler(value):
                yield New(made.path, {**made.arguments, name: smaller})


def without_node(case: Case, number: int, before: int) -> Case:
    """What took the output of the node takes its input `before`."""
    gone = len(case.sources) + number

    def moved(tensor: int) -> int:
        return before if tensor == gone else tensor - (tensor > gone)

    nodes = [
        Node(node.layer, tuple(map(moved, node.inputs)), node.spread)
        for place, node in enumerate(case.nodes)
        if place != number
    ]
    return replace(case, nodes=tuple(nodes), outputs=tuple(map(moved, case.outputs)))


def tidied(case: Case) -> Case:
    """Without nodes, layers and inputs that no output needs."""
    first = len(case.sources)
    needed, waiting = set(), list(case.outputs)
    while waiting:
        tensor = waiting.pop()
        if tensor not in needed:
            needed.add(tensor)
            waiting += case.nodes[tensor - first].inputs if tensor >= first else ()
    tensors = sorted(needed)
    if not any(tensor < first for tensor in tensors):
        return case
    layers = sorted({case.nodes[tensor - first].layer for tensor in tensors if tensor >= first})
    nodes = [case.nodes[tensor - first] for tensor in tensors if tensor >= first]
    return replace(
        case,
        sources=tuple(case.sources[tensor] for tensor in tensors if tensor < first),
        layers=tuple(case.layers[layer] for layer in layers),
        nodes=tuple(
            Node(layers.index(node.layer), tuple(tensors.index(tensor) for tensor in node.inputs), node.spread)
            for node in nodes
        ),
        outputs=tuple(tensors.index(tensor) for tensor in case.outputs),
        frozen=tuple(layers.index(layer) for layer in case.frozen if layer in layers),
    )
