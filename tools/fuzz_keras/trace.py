"""Run a case in one library and note what it says: numbers, names, configs, or the refusal."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import build
from .case import Case, Step, made

UNTOLD = ("build_config", "jit_compile", "steps_per_execution", "attention_axes")
SAMPLES = 8  # rows for the calls that look at outputs


@dataclass
class Moved:
    """Where weights went: from and to. What is compared is the way, in which a wrong step shows."""

    before: list[np.ndarray]
    after: list[np.ndarray]
    names: list[str]
    learned: list[bool]  # by gradients alone: constraints and averages move weights too


@dataclass
class Trace:
    """Notes by what they are of, in order, and the error that ended the run, if one did."""

    notes: dict[str, Any] = field(default_factory=dict)
    place: str = "build"
    refusal: Exception | None = None


class Run:
    """The run of a case in one library; `nudge` says by how much of itself each weight is off at the start."""

    def __init__(self, library: Any, case: Case, folder: Path, other: Any = None, nudge: float = 0.0):
        self.library, self.case, self.folder, self.other, self.nudge = library, case, folder, other, nudge
        self.trace = Trace()

    def go(self) -> Trace:
        try:
            self.build()
            for number, step in enumerate(self.case.steps):
                self.trace.place = f"{number} {step.method}"
                self.step(step)
            if self.case.files:
                self.trace.place = "file"
                self.write()
        except Exception as error:
            self.trace.refusal = error
        return self.trace

    def note(self, what: str, value: Any) -> None:
        self.trace.notes[f"{self.trace.place}: {what}"] = value

    def build(self) -> None:
        self.net = net = build.model(self.library, self.case)
        self.note("weights", [f"{weight.path} {tuple(weight.shape)} {weight.trainable}" for weight in net.weights])
        self.note("initial", [plain(weight) for weight in net.weights])
        net.set_weights(nudged(build.weights(net, self.case.seed), self.nudge))
        if self.case.kind != "subclass":
            self.note("config", config(net.get_config()))
        self.inputs, rng = build.data(self.case)
        symbolic = net(build.one_or_all(build.inputs(self.library, self.case)))
        shapes = [(self.case.rows, *output.shape[1:]) for output in as_list(symbolic)]
        self.note("shapes", shapes)
        self.targets = [build.targets(head, shape, rng) for head, shape in zip(self.case.heads, shapes, strict=True)]
        self.row_weights = rng.uniform(0.2, 2.0, self.case.rows).astype("float32")
        self.row_weights[rng.random(self.case.rows) < 0.1] = 0
        self.trace.place = "compile"
        build.compile(self.library, self.case, net)
        self.note("config", config(net.get_compile_config()))

    # --- steps ---

    def step(self, step: Step) -> None:
        settings, before = dict(step.settings), self.values()
        result = getattr(self, step.method)(settings)
        if result is not None:
            self.note("result", result)
        if step.method in ("fit", "train_on_batch"):
            names = [weight.path for weight in self.net.weights]
            alone = [w.trainable and w.constraint is None and "spectral" not in w.path for w in self.net.weights]
            self.note("moved", Moved(before, self.values(), names, alone))
            slots = self.net.optimizer.variables
            self.note("optimizer names", [f"{slot.path} {tuple(slot.shape)}" for slot in slots])
            self.note("optimizer", [np.asarray(slot.value, "float32") for slot in slots])

    def values(self) -> list[np.ndarray]:
        return [np.array(weight, "float32") for weight in self.net.get_weights()]

    def rows(self, start: int = 0, stop: int | None = None) -> tuple[Any, Any, Any]:
        cut = slice(start, stop)
        return (
            build.one_or_all([values[cut] for values in self.inputs]),
            build.one_or_all([values[cut] for values in self.targets]),
            self.row_weights[cut],
        )

    def fit(self, settings: dict[str, Any]) -> dict[str, list[float]]:
        weighted, feed = settings.pop("weighted", False), settings.pop("feed", "arrays")
        validation = settings.pop("validation", None)
        if validation is not None:
            x, y, w = self.rows(0, settings.pop("validation_rows", SAMPLES))
            settings["validation_data"] = (x, y, w) if validation == "weighted" else (x, y)
        given = self.given(feed, weighted, settings)
        run = self.net.fit(**given, **made(settings, self.library), shuffle=False, verbose=0)
        return {"epoch": run.epoch, **run.history}

    def evaluate(self, settings: dict[str, Any]) -> Any:
        weighted, feed = settings.pop("weighted", False), settings.pop("feed", "arrays")
        return self.net.evaluate(**self.given(feed, weighted, settings), **settings, verbose=0, return_dict=True)

    def predict(self, settings: dict[str, Any]) -> Any:
        feed = settings.pop("feed", "arrays")
        given = self.given(feed, False, settings)
        return as_list(self.net.predict(given["x"], **settings, verbose=0))

    def given(self, feed: str, weighted: bool, settings: dict[str, Any]) -> dict[str, Any]:
        x, y, w = self.rows()
        if feed == "arrays":
            return {"x": x, "y": y, **({"sample_weight": w} if weighted else {})}
        size = settings.pop("batch_size", 4)
        if feed == "generator":
            return {"x": self.batches(size, weighted)}
        return {"x": self.dataset(size, weighted)}

    def batch(self, number: int, size: int, weighted: bool) -> tuple:
        x, y, w = self.rows(number * size, (number + 1) * size)
        x = tuple(x) if isinstance(x, list) else x
        y = tuple(y) if isinstance(y, list) else y
        return (x, y, w) if weighted else (x, y)

    def batches(self, size: int, weighted: bool) -> Iterator[tuple]:
        while True:
            for number in range(-(-self.case.rows // size)):
                yield self.batch(number, size, weighted)

    def dataset(self, size: int, weighted: bool) -> Any:
        run = self

        class Batches(self.library.utils.PyDataset):  # type: ignore[name-defined]
            def __len__(self) -> int:
                return -(-run.case.rows // size)

            def __getitem__(self, number: int) -> tuple:
                return run.batch(number, size, weighted)

        return Batches()

    def call(self, settings: dict[str, Any]) -> list[np.ndarray]:
        outputs = self.net(build.one_or_all([values[:SAMPLES] for values in self.inputs]), **settings)
        return [np.asarray(output, "float32") for output in as_list(outputs)]

    def train_on_batch(self, settings: dict[str, Any]) -> Any:
        x, y, w = self.rows(0, settings.pop("rows", None))
        if settings.pop("weighted", False):
            settings["sample_weight"] = w
        return self.net.train_on_batch(x, y, **settings, return_dict=True)

    def test_on_batch(self, settings: dict[str, Any]) -> Any:
        x, y, w = self.rows(0, settings.pop("rows", None))
        return self.net.test_on_batch(x, y, w if settings.pop("weighted", False) else None, return_dict=True)

    def predict_on_batch(self, settings: dict[str, Any]) -> Any:
        return as_list(self.net.predict_on_batch(self.rows(0, settings.pop("rows", None))[0]))

    def freeze(self, settings: dict[str, Any]) -> None:
        """Another part of the model trains from here on, by a new optimizer, as `compile` asks for."""
        layers = [layer for layer in self.net.layers if layer.weights]
        if layers:
            layer = layers[settings["layer"] % len(layers)]
            layer.trainable = not layer.trainable
        build.compile(self.library, self.case, self.net)

    def rate(self, settings: dict[str, Any]) -> Any:
        self.net.optimizer.learning_rate = settings["value"]
        return float(self.net.optimizer.learning_rate)

    def reset(self, settings: dict[str, Any]) -> None:
        self.net.reset_metrics()

    # --- files ---

    def write(self) -> None:
        """Save, and have the other library read it and save it again."""
        path = self.folder / f"{self.library.__name__}.keras"
        self.net.save(path)
        read = self.other.saving.load_model(path)
        self.note("weights", [np.array(value, "float32") for value in read.get_weights()])
        outputs = read(build.one_or_all([values[:SAMPLES] for values in self.inputs]))
        self.note("outputs", [np.asarray(output, "float32") for output in as_list(outputs)])
        if read.optimizer is not None:
            self.note("optimizer", [np.asarray(slot.value, "float32") for slot in read.optimizer.variables])


def run(library: Any, case: Case, other: Any = None, nudge: float = 0.0) -> Trace:
    """What `library` says to a case; `other` reads its file."""
    with tempfile.TemporaryDirectory() as folder:
        return Run(library, case, Path(folder), other, nudge).go()


def nudged(weights: list[np.ndarray], nudge: float) -> list[np.ndarray]:
    """Weights of which each number is off by `nudge` times itself, up or down."""
    signs = np.random.default_rng(0)
    return [weight * (1 + nudge * signs.choice([-1, 1], weight.shape)).astype("float32") for weight in weights]


def as_list(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def plain(weight: Any) -> Any:
    """Initial values, where at most two numbers occur: random ones may differ."""
    found = np.asarray(weight.value, "float32")
    return found if len(np.unique(found)) <= 2 < found.size else None


def config(value: Any) -> Any:
    """A config as JSON has it, with the names of either library as one, numbers to six digits.

    Left out are notes that only help to build when a file is read, how the work is cut for the compiler, and what
    Keras fills in when it builds.
    """
    text = json.dumps(value, sort_keys=True, default=repr).replace('"sequax', '"keras')
    found = json.loads(text, parse_float=lambda number: float(f"{float(number):.6g}"))
    return pruned(found)


def pruned(value: Any) -> Any:
    if isinstance(value, dict):
        left = {key: pruned(item) for key, item in value.items() if key not in UNTOLD}
        if isinstance(left.get("axis"), list) and len(left["axis"]) == 1:
            left["axis"] = left["axis"][0]  # Keras turns it into a list when some layers are built
        if "inbound_nodes" in left:  # Keras lists masks and `training` where it was told, we where a call takes them
            for node in left["inbound_nodes"]:
                node["kwargs"] = {key: item for key, item in node["kwargs"].items() if key not in ("mask", "training")}
        return left
    if isinstance(value, list):  # Keras lists operations on masks as layers
        operations = [isinstance(item, dict) and str(item.get("module")).startswith("keras.src.ops") for item in value]
        return [pruned(item) for item, left in zip(value, operations, strict=True) if not left]
    return value
