"""A run that was broken off and started again ends with the same bits as one that was not."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import sequax as sq
from sequax.core import rng as sequax_rng
from sequax.saving import atomic, snapshot
from sequax.training import chunks
from tests.long import some

ROWS, SIZE = 23, 4  # six steps, the last one short
STEPS = 6
EPOCHS = 4
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def short_dispatches(monkeypatch):
    """Tiny models would run a whole epoch at once: cut it as epochs of a second and more are cut."""
    monkeypatch.setattr(chunks, "_FIRST_STEPS", 2)
    monkeypatch.setattr(chunks, "_UNWATCHED_SECONDS", 0.0)


# --- models ---


def mixed(optimizer: Any = "adam") -> Any:
    model = sq.Sequential(
        [
            sq.Input((3,)),
            sq.layers.Dense(4, "relu"),
            sq.layers.BatchNormalization(),
            sq.layers.Dropout(0.3),
            sq.layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def averaged() -> Any:
    return mixed(sq.optimizers.Adam(sq.optimizers.schedules.CosineDecay(0.05, 20), use_ema=True, ema_momentum=0.8))


def accumulating() -> Any:
    return mixed(sq.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=4))


def images() -> Any:
    def make() -> dict[str, Any]:
        random = np.random.default_rng(5)
        targets = np.eye(3, dtype="float32")[random.integers(0, 3, ROWS)]
        mix = [sq.layers.MixUp(0.4, seed=2), sq.layers.RandomFlip(seed=3)]
        return {"x": random.random((ROWS, 4, 4, 1)).astype("float32"), "y": targets, "augment": mix}

    return make


def classifier() -> Any:
    model = sq.Sequential([sq.Input((4, 4, 1)), sq.layers.Flatten(), sq.layers.Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy")
    return model


def scaled() -> Any:
    return mixed(sq.optimizers.LossScaleOptimizer(sq.optimizers.RMSprop(0.01), dynamic_growth_steps=3))


def frozen() -> Any:
    layers = [sq.layers.Dense(3, "tanh", trainable=False) for _ in range(3)]
    model = sq.Sequential([sq.Input((3,)), *layers, sq.layers.Dense(1, "sigmoid")])
    model.compile(sq.optimizers.Adam(0.05), "binary_crossentropy")
    return model


def stateful() -> Any:
    model = sq.Sequential([sq.Input((2, 3), batch_size=SIZE), sq.layers.LSTM(2, stateful=True), sq.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


class OwnStep(sq.Model):
    """Trains by a step of its own, which keeps a metric."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = sq.layers.Dense(1, "sigmoid")
        self.dropout = sq.layers.Dropout(0.3)
        self.mean = sq.metrics.Mean(name="mean")

    def call(self, x: Any, training: Any = None) -> Any:
        return self.dense(self.dropout(x, training=training))

    def train_step(self, state: Any, data: Any) -> Any:
        import jax
        import jax.numpy as jnp

        params, other, slots, metrics = state
        x, y = data[:2]

        def loss_of(params: Any) -> Any:
            outputs, after = self.stateless_call(params, other, x, training=True)
            return jnp.mean((outputs - y) ** 2), after

        (loss, other), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
        params, slots = self.optimizer.stateless_apply(slots, grads, params)
        metrics = self.mean.stateless_update_state(metrics, loss)
        return {"mean": self.mean.stateless_result(metrics)}, (params, other, slots, metrics)

    @property
    def metrics(self) -> list[Any]:
        return [self.mean]


def own_step() -> Any:
    model = OwnStep()
    model.compile("adam")
    return model


# --- data: what `fit` gets; a function makes it anew, as a script does that is started again ---


def arrays(rows: int = ROWS) -> tuple[Any, Any]:
    random = np.random.default_rng(5)
    return random.normal(size=(rows, 3)).astype("float32"), random.integers(0, 2, (rows, 1)).astype("float32")


def in_memory(**arguments: Any) -> Any:
    def make() -> dict[str, Any]:
        x, y = arrays()
        return {"x": x, "y": y, "batch_size": SIZE, **arguments}

    return make


def sequences() -> dict[str, Any]:
    random = np.random.default_rng(5)
    x, y = random.normal(size=(20, 2, 3)).astype("float32"), random.normal(size=(20, 1)).astype("float32")
    return {"x": x, "y": y, "batch_size": SIZE, "shuffle": False}


def batch_of(number: int) -> tuple[Any, Any]:
    x, y = arrays()
    return x[number * SIZE : (number + 1) * SIZE], y[number * SIZE : (number + 1) * SIZE]


class Loader:
    """Batches in an order that it draws anew for each pass."""

    def __init__(self, length: bool = True, shuffle: bool = True):
        self.random = np.random.default_rng(3)
        self.shuffle = shuffle
        if length:
            self.__class__ = SizedLoader

    def __iter__(self) -> Any:
        order = self.random.permutation(STEPS) if self.shuffle else range(STEPS)
        return (batch_of(number) for number in order)


class SizedLoader(Loader):
    def __len__(self) -> int:
        return STEPS


class Dataset(sq.utils.PyDataset):
    """Batches by number; mixes rows in `on_epoch_end`, and notes which batches it was asked for."""

    def __init__(self, random: Any = None, **arguments: Any):
        super().__init__(**arguments)
        self.x, self.y = arrays()
        self.random, self.asked = random, []

    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, number: int) -> tuple[Any, Any]:
        self.asked.append(number)
        rows = slice(number * SIZE, (number + 1) * SIZE)
        return self.x[rows], self.y[rows]

    def on_epoch_end(self) -> None:
        if self.random is not None:
            mixed = self.random.permutation(ROWS)
            self.x, self.y = self.x[mixed], self.y[mixed]


def counting(passes: int = 10**9) -> Any:
    for number in range(STEPS * passes):
        yield batch_of(number % STEPS)


def drawing() -> Any:
    """Draws from the generator that all modules share, as many scripts do."""
    x, y = arrays()
    while True:
        rows = np.random.choice(ROWS, SIZE, replace=False)
        yield x[rows], y[rows]


def on_disk(**arguments: Any) -> Any:
    class Rows:
        def __init__(self, array: Any):
            self.array, self.shape, self.dtype = array, array.shape, array.dtype

        def __len__(self) -> int:
            return len(self.array)

        def __getitem__(self, rows: slice) -> Any:
            return self.array[rows]

    def make() -> dict[str, Any]:
        x, y = arrays()
        return {"x": Rows(x), "y": y, "batch_size": SIZE, **arguments}

    return make


# --- callbacks ---


class Broken(Exception):
    """In the place of a kill."""


class Stop(sq.callbacks.Callback):
    """Breaks the run off when it has done so many steps of an epoch; at step 0, between two epochs."""

    def __init__(self, at: Any) -> None:
        super().__init__()
        self.at, self.epoch = at, 0
        self.last: Any = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch
        self.on_train_chunk_end(0)

    def on_train_chunk_end(self, step: int, logs: Any = None) -> None:
        if isinstance(self.at, tuple) and (self.epoch, step) >= self.at:
            raise Broken

    def on_train_end(self, logs: Any = None) -> None:
        self.last = dict(logs)
        if self.at == "end":
            raise Broken


class Unfreeze(sq.callbacks.Callback):
    """Layer 2 in the second epoch, layer 0 in the third: not in the order in which the model has them."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch in (1, 2):
            self.model.layers[{1: 2, 2: 0}[epoch]].trainable = True


def stopping() -> list[Any]:
    return [
        sq.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
        sq.callbacks.ReduceLROnPlateau("val_loss", patience=1, factor=0.5, min_delta=0.01),
    ]


def falling() -> list[Any]:
    return [sq.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.7)]


def watching() -> list[Any]:
    return [sq.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]


def case(
    data: Any, model: Any = mixed, callbacks: Any = list, stops: Any = ((1, 3),), disk: bool = False, **backup: Any
) -> Any:
    backup = backup or {"seconds": 0}  # at every safe point
    return SimpleNamespace(data=data, model=model, callbacks=callbacks, stops=stops, disk=disk, backup=backup)


ONCE_IN_EACH_PLACE = ((0, 3), (0, 5), (2, 0), (2, 3), "end")
CASES = {
    "everything": case(in_memory(validation_split=0.2), callbacks=stopping, stops=ONCE_IN_EACH_PLACE),
    "between epochs": case(in_memory(), stops=((1, 0), (3, 0)), save_freq="epoch"),
    "the epoch again": case(in_memory(shuffle="batch"), stops=((0, 3), (2, 4)), save_freq="epoch"),
    "every four batches": case(in_memory(), stops=((0, 5), (1, 3), (2, 6)), save_freq=4),
    "every eight batches": case(in_memory(), stops=((1, 4),), save_freq=8),
    "batch by batch": case(in_memory(), callbacks=watching, stops=((1, 3), (1, 5))),
    "class weights": case(
        in_memory(class_weight={0: 1.0, 1: 3.0}, shuffle=False, steps_per_epoch=3), stops=((0, 2), (1, 1), (3, 0))
    ),
    "half a pass": case(in_memory(steps_per_epoch=3), stops=((0, 2), (1, 1), (2, 0))),
    "validation stream": case(lambda: {**in_memory()(), "validation_data": SizedLoader(shuffle=False)}),
    "validation generator": case(lambda: {**in_memory()(), "validation_data": counting(), "validation_steps": 4}),
    "validated seldom": case(in_memory(validation_split=0.2, validation_freq=2), stops=((2, 2), (3, 3))),
    "scheduler": case(in_memory(), callbacks=falling, stops=((1, 3), (2, 0), (2, 4))),
    "schedule and averages": case(
        in_memory(validation_split=0.2),
        averaged,
        lambda: [sq.callbacks.SwapEMAWeights(swap_on_epoch=True)],
        stops=((1, 3), (2, 0), "end"),
    ),
    "accumulation": case(in_memory(), accumulating, stops=((0, 3), (1, 3), (2, 5))),
    "mixed rows": case(images(), classifier, stops=((0, 3), (1, 3), (2, 5))),
    "loss scale": case(in_memory(), scaled, stops=((0, 4), (2, 3))),
    "one cycle": case(in_memory(), callbacks=lambda: [sq.callbacks.OneCycle(0.1)], stops=((1, 3), (1, 5), (2, 4))),
    "unfreezing": case(in_memory(), frozen, lambda: [Unfreeze()], stops=((1, 3), (2, 0), (2, 3), (3, 3))),
    "own step": case(in_memory(), own_step, stops=((0, 3), (2, 3))),
    "states of layers": case(sequences, stateful, stops=((0, 3), (2, 3))),
    "rows on disk": case(on_disk(), disk=True, stops=((0, 3), (1, 3), (2, 5))),
    "rows on disk in order": case(on_disk(shuffle=False, validation_split=0.3), disk=True, stops=((0, 3), (2, 3))),
    "fed by blocks": case(in_memory(), disk=True, stops=((0, 3), (1, 3), (2, 5))),
    "dataset": case(lambda: {"x": Dataset()}, stops=((0, 3), (1, 3), (2, 0), (2, 5))),
    "dataset that mixes": case(
        lambda: {"x": Dataset(np.random.default_rng(3))}, stops=((0, 3), (1, 3), (2, 0), (3, 0), (3, 3))
    ),
    "dataset that draws": case(lambda: {"x": Dataset(np.random)}, stops=((0, 3), (1, 3), (3, 0))),
    "dataset in threads": case(lambda: {"x": Dataset(workers=3)}, stops=((0, 3), (2, 2))),
    "dataset by steps": case(lambda: {"x": Dataset(), "steps_per_epoch": 4}, stops=((0, 3), (1, 3), (2, 0), (3, 3))),
    "dataset twice a pass": case(lambda: {"x": Dataset(), "steps_per_epoch": 3}, stops=((1, 3), (3, 3))),
    "loader": case(lambda: {"x": SizedLoader()}, stops=((0, 3), (1, 3), (3, 0))),
    "loader of unknown length": case(lambda: {"x": Loader(length=False)}, stops=((0, 3), (1, 3), (2, 0))),
    "loader by steps": case(lambda: {"x": SizedLoader(), "steps_per_epoch": 4}, stops=((0, 3), (1, 3), (2, 0), (3, 3))),
    "loader by few steps": case(lambda: {"x": SizedLoader(), "steps_per_epoch": 2}, stops=((1, 0), (2, 0))),
    "generator": case(lambda: {"x": counting(), "steps_per_epoch": 5}, stops=((0, 3), (1, 3), (3, 0))),
    "generator of one epoch": case(lambda: {"x": counting(1), "epochs": 1}, stops=((0, 3), (0, 5))),
    "generator that draws": case(lambda: {"x": drawing(), "steps_per_epoch": 5}, stops=((0, 3), (1, 3), (3, 0))),
}


def train(case: Any, folder: Any = None, stop: Any = None, seed: int = 1) -> Any:
    """One start of the script."""
    sq.utils.set_random_seed(seed)
    model, data = case.model(), case.data()
    callbacks = [*case.callbacks(), Stop(stop)]
    if folder is not None:
        callbacks.append(sq.callbacks.BackupAndRestore(folder, **case.backup))
    listeners = sq.callbacks.CallbackList(callbacks, add_history=True, model=model, verbose=0)
    data = {"epochs": EPOCHS, "callbacks": listeners, "verbose": 0, **data}
    listeners.set_params(
        {"epochs": EPOCHS, "steps": STEPS, "verbose": 0, "validation_freq": data.get("validation_freq", 1)}
    )
    model.fit(**data)
    return SimpleNamespace(model=model, listeners=listeners, last=next(c for c in listeners if type(c) is Stop).last)


def trained(result: Any) -> dict[str, Any]:
    """All that a run leaves behind, in plain values."""
    model = result.model
    states = result.listeners.state_dict()
    return {
        "weights": [(v.path.split("/")[-1], np.asarray(v.value).tolist()) for v in model.state_variables],
        "optimizer": [np.asarray(v.value).tolist() for v in model.optimizer.variables],
        "metrics": [np.asarray(v.value).tolist() for m in model.metrics for v in m.variables],
        "history": result.listeners.history.history,
        "epochs": result.listeners.history.epoch,
        "last logs": result.last,
        "callbacks": {k.split(".")[1]: repr(v) for k, v in states.items()},
        "random": (repr(np.random.get_state()), sequax_rng.fresh_seed()),
        "trainable": [layer.trainable for layer in model.layers],
    }


@pytest.mark.parametrize("name", some(CASES, of=2))
def test_a_resumed_run_ends_with_the_same_bits(name, tmp_path, monkeypatch):
    case, folder = CASES[name], tmp_path / "run"
    if case.disk:
        from sequax.data import arrays, large

        monkeypatch.setenv("SEQUAX_RESIDENT_MB", "0")
        monkeypatch.setattr(arrays, "BLOCK_BYTES", 16 * 8)  # two batches of four rows
        monkeypatch.setattr(large, "_RUN_BYTES", 16 * 3)
    expected = trained(train(case))
    for stop in case.stops:
        with pytest.raises(Broken):
            train(case, folder, stop)
    resumed = trained(train(case, folder))
    for part, value in expected.items():
        assert resumed[part] == value, part
    assert not folder.exists()


@pytest.mark.parametrize("name", ["everything", "dataset", "rows on disk in order"])
def test_the_seed_of_the_second_start_does_not_matter(name, tmp_path):
    case = CASES[name]
    expected = trained(train(case))
    with pytest.raises(Broken):
        train(case, tmp_path, (1, 3))
    assert trained(train(case, tmp_path, seed=2)) == expected


def test_shuffled_batches_are_known_whichever_comes_first():
    from sequax.data.source import Batch
    from sequax.data.stream_source import StreamSource
    from sequax.data.streams import stream_of

    signatures = []
    for seed in range(20):
        source = StreamSource(stream_of(Dataset(), "x", shuffle=True, seed=seed), Batch)
        signatures.append((source.resume_signature(), len(source.peek().x)))
    assert {rows for _, rows in signatures} == {SIZE, ROWS % SIZE}
    assert all(signature == signatures[0][0] for signature, _ in signatures)


def test_a_save_is_no_step_back(tmp_path):
    """Resumed runs go on from the last save, not from the beginning: the cases above would pass then, too."""
    case = CASES["every four batches"]
    with pytest.raises(Broken):
        train(case, tmp_path, (1, 5))
    stopped = snapshot.from_file(tmp_path / "snapshot.safetensors")
    assert (stopped.state["epoch"], stopped.state["step"], stopped.state["before"]) == (1, 2, STEPS)


def test_a_dataset_is_not_asked_for_batches_that_are_done(tmp_path):
    case = CASES["dataset"]
    with pytest.raises(Broken):
        train(case, tmp_path, (2, 5))
    made = Dataset()
    train(SimpleNamespace(**{**vars(case), "data": lambda: {"x": made, "shuffle": False}}))
    whole = len(made.asked)
    again = Dataset()
    train(SimpleNamespace(**{**vars(case), "data": lambda: {"x": again}}), tmp_path)
    assert whole == EPOCHS * STEPS
    # One to build the model, one to compare, the last of epoch 2, and epoch 3.
    assert len(again.asked) <= 2 + 2 + STEPS


def test_fit_with_resume_goes_on_and_then_starts_anew(tmp_path):
    x, y = arrays()
    model = mixed()
    with pytest.raises(Broken):
        model.fit(x, y, batch_size=SIZE, epochs=3, verbose=0, callbacks=Stop((1, 0)), resume=tmp_path / "r")
    history = model.fit(x, y, batch_size=SIZE, epochs=3, verbose=0, callbacks=Stop(None), resume=tmp_path / "r")
    assert history.epoch == [0, 1, 2] and len(history.history["loss"]) == 3
    again = model.fit(x, y, batch_size=SIZE, epochs=2, verbose=0, callbacks=Stop(None), resume=tmp_path / "r")
    assert again.epoch == [0, 1]
    assert not (tmp_path / "r").exists()


def test_a_kept_snapshot_lets_a_longer_fit_go_on(tmp_path):
    def fit(epochs, **arguments):
        backup = sq.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        sq.utils.set_random_seed(1)
        return train_with(mixed(), [backup], epochs, **arguments)

    fit(2)
    longer = fit(4)
    sq.utils.set_random_seed(1)
    whole = train_with(mixed(), [], 4)
    assert longer.history == whole.history and longer.epoch == [0, 1, 2, 3]


def train_with(model, callbacks, epochs=2, **arguments):
    x, y = arrays()
    given = {"x": x, "y": y, "batch_size": SIZE, "epochs": epochs, "verbose": 0, **arguments}
    return model.fit(callbacks=callbacks, **given)


def test_another_display_does_not_matter(tmp_path, capsys):
    with pytest.raises(Broken):
        train_with(mixed(), Stop((1, 0)), verbose=0, resume=tmp_path)
    assert train_with(mixed(), Stop(None), verbose=2, resume=tmp_path).epoch == [0, 1]


def test_names_that_were_counted_up_do_not_matter(tmp_path):
    def nested():
        inner = sq.Sequential([sq.Input((3,)), sq.layers.Dense(2)])
        model = sq.Sequential(
            [sq.Input((3,)), inner, sq.layers.Reshape((1, 2)), sq.layers.Bidirectional(sq.layers.LSTM(1))]
        )
        model.compile("sgd", "mse")
        return model

    with pytest.raises(Broken):
        train_with(nested(), Stop((1, 0)), resume=tmp_path, y=np.zeros((ROWS, 2)))
    assert train_with(nested(), Stop(None), resume=tmp_path, y=np.zeros((ROWS, 2))).epoch == [0, 1]


# --- what is refused ---


def other_model():
    model = sq.Sequential([sq.Input((3,)), sq.layers.Dense(5, "relu"), sq.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def other_loss():
    model = mixed()
    model.compile("adam", "binary_focal_crossentropy", metrics=["accuracy"])
    return model


def other_metrics():
    model = mixed()
    model.compile("adam", "binary_crossentropy")
    return model


X, Y = arrays()
CHANGED = {
    "layers": ({"model": other_model}, "its model differs.*Dense"),
    "optimizer": ({"model": lambda: mixed("sgd")}, "its optimizer differs.*class=Adam.*class=SGD"),
    "learning rate": ({"model": lambda: mixed(sq.optimizers.Adam(0.5))}, "its optimizer differs.*learning_rate"),
    "loss": ({"model": other_loss}, "its loss and metrics differ.*loss"),
    "metrics": ({"model": other_metrics}, "its loss and metrics differ.*metrics"),
    "batch size": ({"batch_size": 5}, "its x and y differs.*batch_size=4.*batch_size=5"),
    "rows": ({"x": X[:20], "y": Y[:20]}, "its x and y differs.*23.*20"),
    "values": ({"x": X * 2}, "its x and y differs.*values"),
    "shuffle": ({"shuffle": False}, "its x and y differs.*shuffle"),
    "steps": ({"steps_per_epoch": 3}, "its x and y differs.*steps"),
    "class weight": ({"class_weight": {0: 1.0, 1: 2.0}}, "its x and y differs"),
    "validation": ({"validation_data": (X, Y)}, "its validation_data differs"),
    "callbacks": ({"more": [sq.callbacks.TerminateOnNaN()]}, "its callbacks differ.*TerminateOnNaN"),
    "kind of data": ({"x": counting(), "y": None, "batch_size": None, "steps_per_epoch": 6}, "its x and y differs"),
}


@pytest.fixture(scope="module")
def broken_off(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken") / "run"
    sq.utils.set_random_seed(1)
    with pytest.raises(Broken):
        train_with(mixed(), Stop((1, 0)), resume=folder)
    return folder


@pytest.mark.parametrize("name", CHANGED)
def test_what_has_changed_is_named_and_the_model_left_alone(name, broken_off):
    changes, message = CHANGED[name]
    changes = dict(changes)
    model = changes.pop("model", mixed)()
    callbacks = [*changes.pop("more", []), Stop(None)]
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(ValueError, match="(?s)" + message):
        train_with(model, callbacks, resume=broken_off, **changes)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert (broken_off / "snapshot.safetensors").exists()


def test_a_generator_that_is_too_short_is_refused(tmp_path):
    case = CASES["generator"]
    with pytest.raises(Broken):
        train(case, tmp_path, (3, 0))
    case = SimpleNamespace(**{**vars(case), "data": lambda: {"x": counting(2), "steps_per_epoch": 5}})
    with pytest.raises(ValueError, match=r"x \(generator\) has ended: it gave 12 batches"):
        train(case, tmp_path)


@pytest.mark.parametrize("name", ["generator", "loader", "dataset that mixes"])
def test_a_stream_that_gives_other_batches_is_noticed(name, tmp_path):
    case = CASES[name]
    with pytest.raises(Broken):
        train(case, tmp_path, (3, 0))

    def other():
        data = case.data()
        data["x"] = ((x + 1, y) for x, y in data["x"]) if name == "generator" else data["x"]
        if name != "generator":
            data["x"].random = np.random.default_rng(4)
        return data

    with pytest.warns(UserWarning, match="does not give the batches that it gave to the saved run"):
        train(SimpleNamespace(**{**vars(case), "data": other}), tmp_path)


# --- the folder ---


def small_snapshot(value: float = 1.0) -> snapshot.Snapshot:
    arrays = {"model/a": np.full((5,), value, "float32")}
    state = {"step": value, "nested": [{"t": (1, 2, None)}, "text"], "array": np.arange(3), "nan": float("inf")}
    return snapshot.Snapshot(arrays, {"fact": value}, state)


def value_in(folder: Path) -> float | None:
    opened = snapshot.Folder(folder)
    try:
        found = opened.load()
        return None if found is None else found.state["step"]
    finally:
        opened.close()


def saved(folder: Path, *values: float) -> None:
    opened = snapshot.Folder(folder)
    for value in values:
        opened.save(small_snapshot(value))
    opened.close()


def test_plain_values_come_back_as_they_were(tmp_path):
    saved(tmp_path, 1.0)
    found = snapshot.from_file(tmp_path / "snapshot.safetensors")
    wanted = small_snapshot().state
    assert np.array_equal(found.state.pop("array"), wanted.pop("array"))
    assert found.state == wanted and list(found.arrays) == ["model/a"] and found.signature == {"fact": 1.0}


class Failing:
    """Lets calls of `os` functions through until the n-th, which raises."""

    NAMES = ("open", "fsync", "replace", "link", "unlink")

    def __init__(self, monkeypatch: Any, at: int):
        self.left, self.at = at, at
        for name in self.NAMES:
            monkeypatch.setattr(os, name, self.wrapped(getattr(os, name)))

    def wrapped(self, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left == -1:
                raise OSError(5, "Input/output error")
            return function(*args, **kwargs)

        return call


@pytest.mark.parametrize("generations", [1, 2])
def test_an_error_at_any_step_of_a_save_leaves_the_old_or_the_new(generations, tmp_path):
    outcomes = []
    for at in range(100):
        folder = tmp_path / str(at)
        saved(folder, *[1.0, 2.0][:generations])
        opened = snapshot.Folder(folder)
        with pytest.MonkeyPatch.context() as patch:
            failing = Failing(patch, at)
            try:
                opened.save(small_snapshot(3.0))
                raised = False
            except OSError:
                raised = True
        opened.close()
        assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]
        found = value_in(folder)
        assert found == 3.0 if not raised else found in (float(generations), 3.0)
        outcomes.append(raised)
        if failing.left >= 0:
            break
    assert outcomes[-1] is False and any(outcomes) and len(outcomes) > 4


def test_a_kill_at_any_step_of_a_save_leaves_the_old_or_the_new(tmp_path):
    """The process ends at once, without any clean-up: what is left behind is removed by the next one."""
    script = """
import os, sys
from pathlib import Path
from sequax.saving import snapshot
import numpy as np
def make(value): return snapshot.Snapshot({"a": np.full((5,), value, "float32")}, {}, {"step": value})
root, at = Path(sys.argv[1]), 0
while True:
    folder = root / str(at)
    pid = os.fork()
    if not pid:
        opened = snapshot.Folder(folder)
        opened.save(make(1.0)); opened.save(make(2.0))
        left = [at]
        def ending(function):
            def call(*args, **kwargs):
                left[0] -= 1
                if left[0] == -1: os._exit(9)
                result = function(*args, **kwargs)
                return result
            return call
        for name in ("open", "fsync", "replace", "link", "unlink", "write"):
            setattr(os, name, ending(getattr(os, name)))
        opened.save(make(3.0))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    opened = snapshot.Folder(folder)
    found = opened.load().state["step"]
    assert found == 3.0 if code == 0 else found in (2.0, 3.0), (at, code, found)
    assert not [n for n in os.listdir(folder) if n.endswith(".tmp")], os.listdir(folder)
    opened.clear(); opened.close()
    assert not folder.exists()
    if code == 0: break
    at += 1
print(at)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 4


def test_a_full_disk_leaves_the_old(tmp_path):
    saved(tmp_path, 1.0, 2.0)
    size = (tmp_path / "snapshot.safetensors").stat().st_size
    opened = snapshot.Folder(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for limit in (0, 1, size // 2, size - 1):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            with pytest.raises(OSError, match=r"disk .* is full; an earlier file is unchanged"):
                opened.save(small_snapshot(3.0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert opened.load().state["step"] == 2.0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
        opened.close()
    assert sorted(os.listdir(tmp_path)) == ["snapshot.previous.safetensors", "snapshot.safetensors"]


def test_without_hard_links_the_one_before_is_copied(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    saved(tmp_path, 1.0, 2.0)
    assert snapshot.from_file(tmp_path / "snapshot.previous.safetensors").state["step"] == 1.0
    assert value_in(tmp_path) == 2.0


DAMAGE = {
    "empty": lambda raw: b"",
    "half": lambda raw: raw[: len(raw) // 2],
    "a bit": lambda raw: raw[:-3] + bytes([raw[-3] ^ 1]) + raw[-2:],
    "a letter of the state": lambda raw: raw.replace(b"text", b"tezt"),
    "another file": lambda raw: b"PK\x03\x04" + raw,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_snapshot_gives_way_to_the_one_before(kind, tmp_path):
    saved(tmp_path, 1.0, 2.0)
    newest = tmp_path / "snapshot.safetensors"
    raw = newest.read_bytes()
    assert DAMAGE[kind](raw) != raw
    newest.write_bytes(DAMAGE[kind](raw))  # the other name is another file by now
    with pytest.warns(UserWarning, match="newest snapshot is damaged"):
        assert value_in(tmp_path) == 1.0
    # The good one is kept, also if the next save fails.
    assert value_in(tmp_path) == 1.0


def test_two_damaged_snapshots_are_an_error_and_not_a_new_run(tmp_path):
    saved(tmp_path, 1.0, 2.0)
    for name in os.listdir(tmp_path):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(sq.saving.LoadError, match=r"No snapshot in .* can be read"):
        value_in(tmp_path)
    assert len(os.listdir(tmp_path)) == 2


def test_a_missing_newest_is_no_damage(tmp_path):
    saved(tmp_path, 1.0, 2.0)
    (tmp_path / "snapshot.safetensors").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value_in(tmp_path) == 1.0


@pytest.mark.parametrize("name", ["плотина 水 ☃", "with space", "link"])
def test_folders_of_any_name(name, tmp_path):
    folder = tmp_path / name
    if name == "link":
        (tmp_path / "behind").mkdir()
        folder.symlink_to(tmp_path / "behind")
    with pytest.raises(Broken):
        train_with(mixed(), Stop((1, 0)), resume=str(folder))
    assert train_with(mixed(), Stop(None), resume=folder).epoch == [0, 1]


def test_a_folder_that_cannot_be_used_is_refused_before_training(tmp_path):
    file = tmp_path / "file"
    file.write_text("kept")
    places = {
        file: (NotADirectoryError, "need a folder"),
        file / "below": (OSError, "below"),
        "/proc/none": (OSError, "none"),
    }
    for place, (kind, message) in places.items():
        model = mixed()
        before = model.get_weights()
        with pytest.raises(kind, match=message):
            train_with(model, [], resume=place)
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert file.read_text() == "kept"
    (tmp_path / "taken" / "snapshot.safetensors").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        train_with(mixed(), [], resume=tmp_path / "taken")


@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_without_permission_is_refused_before_training(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        train_with(mixed(), [], resume=tmp_path)


def test_a_folder_in_use_is_refused(tmp_path):
    class Second(sq.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with pytest.raises(RuntimeError, match=rf"in use by another training run \(process {os.getpid()}\)"):
                train_with(mixed(), [], resume=tmp_path)

    assert train_with(mixed(), [Second()], resume=tmp_path).epoch == [0, 1]


HOLDER = """
import sys, time
from sequax.saving import snapshot
folder = snapshot.Folder(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


def test_another_process_is_kept_away_until_it_is_killed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(RuntimeError, match=f"process {holder.pid}"):
                snapshot.Folder(tmp_path)
        finally:
            holder.kill()
        holder.wait()
    assert (tmp_path / "lock").exists()
    saved(tmp_path, 1.0)
    assert value_in(tmp_path) == 1.0


def test_leftovers_of_a_kill_are_removed(tmp_path):
    saved(tmp_path, 1.0)
    (tmp_path / ".sequax-0123.tmp").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("the user's")
    assert value_in(tmp_path) == 1.0
    assert sorted(os.listdir(tmp_path)) == ["notes.txt", "snapshot.safetensors"]


@pytest.mark.parametrize(
    "arguments", [{"backup_dir": ""}, {"backup_dir": "x", "save_freq": 0}, {"backup_dir": "x", "save_freq": "batch"}]
)
def test_arguments_that_are_refused(arguments):
    with pytest.raises(ValueError, match="BackupAndRestore"):
        sq.callbacks.BackupAndRestore(**arguments)


def test_a_state_that_cannot_be_kept_is_named(tmp_path):
    class Odd(sq.callbacks.Callback):
        def state_dict(self):
            return {"file": object()}

    with pytest.raises(TypeError, match="must consist of numbers"):
        train_with(mixed(), [Odd()], resume=tmp_path)


def test_writing_is_checked_against_what_was_meant(tmp_path):
    atomic.write(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content" and os.listdir(tmp_path) == ["file"]


# --- real kills ---


def test_ten_kills(tmp_path):
    command = [
        sys.executable,
        str(ROOT / "tools" / "soak.py"),
        "--kills",
        "10",
        "--seed",
        "0",
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 kills" in done.stdout


class AfterEpochs(sq.callbacks.TimeLimit):
    """Looks at the clock after epochs only."""

    def on_train_chunk_end(self, step: int, logs: Any = None) -> None:
        pass


@pytest.mark.parametrize("limit", [sq.callbacks.TimeLimit, AfterEpochs])
def test_a_time_limit_puts_the_run_off(limit, tmp_path):
    """A job that may run for an hour at a time ends with what one long job would have come to."""
    x, y = arrays()

    def fit(seconds: float, **arguments: Any) -> Any:
        sq.utils.set_random_seed(4)
        model, limited = mixed(), limit(seconds=seconds)
        history = model.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=[limited], **arguments)
        return model, history.history, limited

    expected, losses, _ = fit(1000)
    _, some, limited = fit(1e-9, resume=tmp_path / "run")
    assert limited.ended and len(some["loss"]) == 1 and limited.cut_short == (limit is sq.callbacks.TimeLimit)
    continued, history, _ = fit(1000, resume=tmp_path / "run")
    assert history == losses and not (tmp_path / "run").exists()
    assert all(np.array_equal(a, b) for a, b in zip(continued.get_weights(), expected.get_weights(), strict=True))
