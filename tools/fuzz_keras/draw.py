"""A case of a seed: layers that fit behind one another, how they are wired, and what is done with the model.

Shapes are asked of Keras, whose rule they are; a layer that it refuses there is drawn again.
"""

from __future__ import annotations

import math
import random
import warnings
from typing import Any

import keras
import numpy as np

from . import catalogue, heads
from .case import Case, Head, New, Node, Source, Step
from .catalogue import Shape

LARGEST = 300  # numbers in a sample between two layers
# Layers whose weights all have gradients far above rounding.
STEADY = {"Dense", "Flatten", "Identity", "Rescaling", "GlobalAveragePooling1D", "Embedding", "Conv1D", "Conv2D"}


CALLBACKS = [
    New("callbacks.EarlyStopping", {"monitor": "loss", "patience": 0, "min_delta": 0.05}),
    New(
        "callbacks.EarlyStopping",
        {"monitor": "loss", "patience": 0, "min_delta": 1e-3, "mode": "max", "restore_best_weights": True},
    ),
    New("callbacks.ReduceLROnPlateau", {"monitor": "loss", "patience": 0, "factor": 0.5, "min_delta": 1.0}),
    New("callbacks.TerminateOnNaN"),
]


class Wiring:
    """Layers and nodes while they are drawn, and the shape of each tensor."""

    def __init__(self, pick: random.Random, sources: list[Source]):
        self.pick = pick
        self.sources = sources
        self.layers: list[New] = []
        self.nodes: list[Node] = []
        self.shapes: list[Shape] = [source.shape for source in sources]
        self.whole = [bool(source.high) for source in sources]

    def shape_of(self, layer: New, inputs: tuple[int, ...], spread: bool = False) -> Shape | None:
        """Of what `layer` gives; None where Keras refuses, or too much comes out."""
        given = [
            keras.KerasTensor((None, *self.shapes[number]), "int32" if self.whole[number] else "float32")
            for number in inputs
        ]
        try:
            made = layer.of(keras)
            out = made(*given) if spread or len(given) == 1 else made(given)
            shape = tuple(out.shape[1:])
        except Exception:
            return None
        fits = None not in shape and 0 < math.prod(shape) <= LARGEST and len(shape) <= 5
        return shape if fits and shape else None

    def add(self, layer: New, inputs: tuple[int, ...], spread: bool = False) -> int | None:
        """The number of the tensor that it gives."""
        if "Cropping" in layer.path and not np.any(layer.arguments.get("cropping", 1)):
            return None  # the very array that came, in Keras, whose mask is then that of both
        shape = self.shape_of(layer, inputs, spread)
        if shape is None:
            return None
        self.layers.append(layer)
        return self.join(len(self.layers) - 1, inputs, shape, spread)

    def join(self, layer: int, inputs: tuple[int, ...], shape: Shape, spread: bool = False) -> int:
        self.nodes.append(Node(layer, inputs, spread))
        self.shapes.append(shape)
        self.whole.append(False)
        return len(self.shapes) - 1

    def some(self, tensor: int) -> int:
        """A drawn layer on `tensor`."""
        for _ in range(20):
            found = self.add(catalogue.draw(self.pick, self.shapes[tensor]), (tensor,))
            if found is not None:
                return found
        return self.add(New("layers.Identity"), (tensor,)) or tensor

    def embedded(self, tensor: int) -> int:
        source = self.sources[tensor]
        if self.pick.random() < 0.1:
            modes = {"num_tokens": source.high, "output_mode": self.pick.choice(["one_hot", "multi_hot", "count"])}
            return self.add(New("layers.CategoryEncoding", modes), (tensor,)) or tensor
        arguments: dict[str, Any] = {"input_dim": source.high, "output_dim": self.pick.randint(1, 4)}
        if source.padded:
            arguments["mask_zero"] = True
        choices: catalogue.Choices = {
            "embeddings_regularizer": catalogue.REGULARIZERS,
            "embeddings_constraint": catalogue.CONSTRAINTS,
        }
        arguments |= catalogue.several(self.pick, choices, 0.2)
        name = "ReversibleEmbedding" if self.pick.random() < 0.1 else "Embedding"
        return self.add(New(f"layers.{name}", arguments), (tensor,)) or tensor

    def merged(self, tensor: int) -> int:
        """`tensor` together with an earlier one, where one fits."""
        pick = self.pick
        first = len(self.sources)
        others = [number for number in range(first, tensor) if self.shapes[number] == self.shapes[tensor]]
        if not others:
            return tensor
        inputs = (tensor, *pick.sample(others, min(len(others), pick.randint(1, 2))))
        if len(self.shapes[tensor]) == 2 and pick.random() < 0.4:
            return self.attended(tensor, inputs[1])
        name = pick.choice(catalogue.MERGES)
        arguments = {
            "Concatenate": {"axis": pick.choice([1, -1])},
            "Dot": {"axes": 1, "normalize": pick.random() < 0.3},
        }
        inputs = inputs[:2] if name in ("Subtract", "Dot") else inputs
        return self.add(New(f"layers.{name}", arguments.get(name, {})), inputs) or tensor

    def attended(self, tensor: int, other: int) -> int:
        pick = self.pick
        name = pick.choice(["MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention"])
        kinds: dict[str, dict[str, Any]] = {
            "MultiHeadAttention": {"num_heads": pick.randint(1, 2), "key_dim": pick.randint(1, 3)},
            "GroupQueryAttention": {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": pick.randint(1, 2)},
            "Attention": {"use_scale": pick.random() < 0.5, "score_mode": pick.choice(["dot", "concat"])},
            "AdditiveAttention": {"use_scale": pick.random() < 0.5},
        }
        arguments = kinds[name]
        if "Head" in name or "Query" in name:
            arguments |= catalogue.several(pick, {"use_bias": [False], "kernel_regularizer": ["l2"]}, 0.3)
            return self.add(New(f"layers.{name}", arguments), (tensor, other), spread=True) or tensor
        return self.add(New(f"layers.{name}", arguments), (tensor, other)) or tensor

    def again(self, tensor: int) -> int:
        """The layer that gave `tensor` once more, where its output fits its input."""
        node = self.nodes[-1]
        if len(node.inputs) == 1 and self.shapes[node.inputs[0]] == self.shapes[tensor]:
            return self.join(node.layer, (tensor,), self.shapes[tensor])
        return tensor

    def flat(self, tensor: int) -> int:
        return tensor if len(self.shapes[tensor]) == 1 else self.add(New("layers.Flatten"), (tensor,)) or tensor

    def ended(self, tensor: int) -> tuple[int, Head]:
        """The last layer of an output, mostly of one row of numbers per sample."""
        pick = self.pick
        goal = heads.goal(pick)
        units = pick.randint(goal.least, goal.most)
        head, activation = heads.head(pick, goal, units)
        if len(self.shapes[tensor]) != 2 or pick.random() < 0.7 or goal.targets in ("binary", "real"):
            tensor = self.flat(tensor)
        arguments = {"units": units, **({"activation": activation} if activation else {})}
        tensor = self.add(New("layers.Dense", arguments), (tensor,)) or tensor
        if goal.loss == "Circle":  # is for rows of length 1
            tensor = self.add(New("layers.UnitNormalization"), (tensor,)) or tensor
        return tensor, head


def source(pick: random.Random) -> Source:
    kind = pick.choice(["features"] * 4 + ["steps"] * 4 + ["words"] * 3 + ["image"] * 3 + ["volume"])
    dtype = pick.choice(["float64", "float16", "int32"]) if pick.random() < 0.12 else ""
    if kind == "features":
        return Source((pick.randint(1, 6),), dtype=dtype)
    if kind == "steps":
        return Source((pick.randint(2, 6), pick.randint(1, 4)), padded=pick.random() < 0.3, dtype=dtype)
    if kind == "words":
        dtype = pick.choice(["float32", "int64", "uint8"]) if pick.random() < 0.3 else ""
        return Source((pick.randint(2, 6),), high=pick.randint(3, 8), padded=pick.random() < 0.5, dtype=dtype)
    if kind == "image":
        return Source((pick.randint(3, 7), pick.randint(3, 7), pick.randint(1, 3)))
    return Source((pick.randint(2, 4), pick.randint(2, 4), pick.randint(2, 4), pick.randint(1, 2)))


def case(seed: int) -> Case:
    """The case of that number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where they are errors, layers would seem to be refused
        return drawn(seed, random.Random(seed))


def drawn(seed: int, pick: random.Random) -> Case:
    kind = pick.choice(["sequential"] * 4 + ["deferred", "functional", "functional", "subclass", "nested", "nested"])
    free = kind in ("functional", "subclass", "nested")
    sources = [source(pick) for _ in range(2 if free and pick.random() < 0.25 else 1)]
    wiring = Wiring(pick, sources)
    ends = []
    for number, each in enumerate(sources):
        tensor = wiring.embedded(number) if each.high else number
        if each.padded and not each.high:
            tensor = wiring.add(New("layers.Masking"), (tensor,)) or tensor
        for _ in range(pick.randint(0 if wiring.nodes else 1, 3)):
            tensor = wiring.some(tensor)
            if free and pick.random() < 0.4:
                tensor = wiring.merged(tensor)
            elif free and pick.random() < 0.15:
                tensor = wiring.again(tensor)
        ends.append(tensor)
    if len(ends) > 1:
        flat = tuple(wiring.flat(tensor) for tensor in ends)
        ends = [wiring.add(New("layers.Concatenate"), flat) or flat[0]]
    two = kind in ("functional", "nested") and pick.random() < 0.2
    outputs, wanted = zip(*(wiring.ended(ends[0]) for _ in range(1 + two)), strict=True)
    steady = all(layer.path.split(".")[-1] in STEADY for layer in wiring.layers)
    rows = pick.randint(3, 14)
    flat_heads = all(len(wiring.shapes[tensor]) == 1 for tensor in outputs)
    return Case(
        seed=seed,
        kind=kind,
        policy="mixed_bfloat16" if pick.random() < 0.05 else "float32",
        rows=rows,
        sources=tuple(sources),
        layers=tuple(wiring.layers),
        nodes=tuple(wiring.nodes),
        outputs=tuple(outputs),
        heads=tuple(wanted),
        optimizer=heads.optimizer(pick, steady),
        settings=settings(pick, len(outputs)),
        steps=steps(pick, rows, wanted, flat_heads, wiring.shapes[outputs[0]][-1]),
        frozen=tuple({pick.randrange(len(wiring.layers))}) if pick.random() < 0.12 else (),
        files=kind != "subclass" and pick.random() < 0.15,
    )


def settings(pick: random.Random, outputs: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if outputs > 1 and pick.random() < 0.5:
        made["loss_weights"] = [0.5, 2.0]
    if pick.random() < 0.05:
        made["run_eagerly"] = True
    if pick.random() < 0.05:
        made["steps_per_execution"] = 2
    return made


def steps(pick: random.Random, rows: int, wanted: tuple[Head, ...], weighted: bool, classes: int) -> tuple[Step, ...]:
    """One long training, or a few short calls; in either case something is measured after it."""
    made: list[Step] = []
    if pick.random() < 0.2:
        made.append(Step("call"))
    if pick.random() < 0.25:
        made.append(Step("evaluate", measured(pick, rows, weighted)))
    if pick.random() < 0.75:
        for _ in range(pick.choice([1, 1, 1, 1, 1, 2])):
            made.append(Step("fit", trained(pick, rows, wanted, weighted, classes)))
    else:
        for _ in range(pick.randint(1, 3)):
            more = {"rows": pick.randint(1, rows)} if pick.random() < 0.5 else {}
            more |= {"weighted": True} if weighted and pick.random() < 0.3 else {}
            made.append(Step(pick.choice(["train_on_batch"] * 2 + ["test_on_batch"]), more))
            if pick.random() < 0.2:
                made.append(Step("reset"))
    if pick.random() < 0.12:
        made += [Step("freeze", {"layer": pick.randrange(5)}), Step("train_on_batch")]
    elif pick.random() < 0.1:
        made += [Step("rate", {"value": 0.05}), Step("train_on_batch")]
    last = pick.choice(["evaluate", "predict", "predict_on_batch"])
    made.append(Step(last, measured(pick, rows, weighted) if last == "evaluate" else looked(pick, rows, last)))
    return tuple(made)


def looked(pick: random.Random, rows: int, method: str) -> dict[str, Any]:
    if method == "predict_on_batch":
        return {}
    return {"batch_size": pick.randint(1, rows + 2)} if pick.random() < 0.7 else {}


def measured(pick: random.Random, rows: int, weighted: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"batch_size": pick.randint(1, rows + 2)} if pick.random() < 0.7 else {}
    if weighted and pick.random() < 0.3:
        made["weighted"] = True
    if pick.random() < 0.15:
        made |= {"batch_size": 4, "feed": "dataset"}
    elif pick.random() < 0.1:
        made |= {"batch_size": 4, "feed": "generator", "steps": pick.randint(1, 3)}
    return made


def trained(pick: random.Random, rows: int, wanted: tuple[Head, ...], weighted: bool, classes: int) -> dict[str, Any]:
    size = pick.randint(max(1, rows // 4), rows + 1)
    made: dict[str, Any] = {"epochs": pick.randint(1, 3), "batch_size": size}
    feed = pick.choice(["arrays"] * 4 + ["dataset", "generator"])
    if feed != "arrays":
        made["feed"] = feed
    if weighted and pick.random() < 0.3:
        made["weighted"] = True
    if (
        len(wanted) == 1
        and wanted[0].targets in ("classes", "onehot")
        and weighted
        and pick.random() < 0.2
        and feed == "arrays"
    ):
        made["class_weight"] = dict(zip(range(classes), [0.5, 2.0, 1.5], strict=False))
    if feed == "generator" or (feed == "dataset" and pick.random() < 0.2):
        made["steps_per_epoch"] = pick.randint(1, -(-rows // size))
    validation = pick.choice([None, None, "arrays", "split", "weighted" if weighted else "arrays"])
    if validation == "split" and feed == "arrays":
        made["validation_split"] = pick.choice([0.2, 0.34])
    elif validation and validation != "split":
        made |= {"validation": validation, "validation_rows": pick.randint(1, rows)}
    if validation and feed == "arrays":
        choices: catalogue.Choices = {"validation_batch_size": [2, 3], "validation_freq": [2, [1, 3]]}
        made |= catalogue.several(pick, choices, 0.25)
        if validation != "split" and pick.random() < 0.2:
            made["validation_steps"] = 1
    if pick.random() < 0.15:
        made["callbacks"] = [pick.choice(CALLBACKS)]
    if made["epochs"] > 1 and pick.random() < 0.1:
        made["initial_epoch"] = 1
    return made
