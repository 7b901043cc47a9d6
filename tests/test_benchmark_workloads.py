"""The workloads of the benchmark: each library's model of a workload is the same network, and it trains."""

from __future__ import annotations

import inspect
import math
from functools import cache
from typing import Any

import numpy as np
import pytest

import sequax
from benchmarks.loops.keras import compile_, draw_weights, feed
from benchmarks.lowering import programs_of
from benchmarks.workload import Habit, Workload, find
from benchmarks.workloads import NAMES
from benchmarks.works import APPLICATIONS, PREFIX, WORKS
from tests.layer_table import plain_initializers
from tests.long import some

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

# One of each kind of model: the others differ from these in a size or in how the data comes.
TRAINED = ("resnet", "lstm_80", "transformer")
# These have the model of another workload: the batch, the length of the texts or the way of the data is what differs.
REPEATED = ("mlp_256", "lstm_400", "gru_400", "generator", "dataset")
ROWS = 4
# The same networks with other sizes.
RESIZED = ("resnet50_128", "resnet50_224", "mobilenet_v2_224")
# Works that really train here, and such whose weights are compared; the others are only traced, which is what is quick.
TRAINED_WORKS = ("convnet_bn", "mixed_mlp", "embeddings", "prepared", "seq2seq", "gru_forecast")
TRAINED_HABITS = (
    "train_on_batch",
    "q_learning",
    "adversarial",
    "actor_critic",
    "script",
    "early_stopping",
    "per_batch",
)
COMPARED_WORKS = ("inception", "transfer", "wavenet", "seq2seq", "prepared", "causal")


@cache
def model(name: str) -> Any:
    return find(name).keras(sequax)


@cache
def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    return find(name).data()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in REPEATED])
def test_models_of_a_workload_are_the_same_network(name: str, keras: Any) -> None:
    ours, theirs = model(name), find(name).keras(keras)
    params, apply = find(name).jax(np.random.default_rng(0))
    assert [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]
    assert sum(np.size(leaf) for leaf in jax.tree.leaves(params)) == ours.count_params()
    x = jax.ShapeDtypeStruct((ROWS, *ours.input_shape[1:]), ours.inputs[0].dtype)
    key = jax.eval_shape(lambda: jax.random.key(0))
    for training in (True, False):
        y = jax.eval_shape(lambda *args, training=training: apply(*args[:2], training, args[2]), params, x, key)
        assert y.shape[1:] == ours.output_shape[1:] == theirs.output_shape[1:]
        assert y.shape[0] == ROWS


@pytest.mark.parametrize("name", ("tabular", "conv1d", "lstm_80"))
def test_data_fits_its_model(name: str) -> None:
    workload, (x, y) = find(name), data(name)
    assert x.shape[1:] == model(name).input_shape[1:]
    assert len(x) == len(y)
    classes = workload.loss == "sparse_categorical_crossentropy"
    assert (y.dtype, y.ndim) == (("int32", 1) if classes else ("float32", 2))
    assert len(np.unique(y)) == (model(name).output_shape[-1] if classes else 2)


@pytest.mark.parametrize("name", TRAINED)
def test_loss_falls_on_a_few_rows(name: str) -> None:
    workload = find(name)
    x, y = (part[:ROWS] for part in data(name))
    draw_weights(model(name))
    compile_(sequax, model(name), workload)
    losses = model(name).fit(x, y, epochs=5, verbose=0).history["loss"]
    assert math.isfinite(losses[-1])
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ("generator", "dataset"))
def test_feeds_give_whole_batches(name: str) -> None:
    workload = find(name)
    x, y = np.arange(7, dtype="float32"), np.arange(7, dtype="int32")
    source = feed(sequax, workload._replace(batch_size=3), x, y)["x"]
    batches = [next(source) for _ in range(3)] if inspect.isgenerator(source) else [source[i] for i in range(2)]
    assert [batch[0].tolist() for batch in batches[:2]] == [[0, 1, 2], [3, 4, 5]]


def test_names_are_those_of_the_files() -> None:
    workloads = [find(name) for name in NAMES]
    assert all(isinstance(workload, Workload) for workload in workloads)
    assert tuple(workload.name for workload in workloads) == NAMES
    assert len({workload.title for workload in workloads}) == len(NAMES)


@pytest.mark.parametrize("name", some((name for name in WORKS if name not in RESIZED), of=8))
def test_programs_of_works_are_traced(name: str) -> None:
    assert len(programs_of(PREFIX + name, "cuda")) >= (name != "called")


@pytest.mark.parametrize("name", TRAINED_WORKS)
def test_works_train(name: str) -> None:
    work = find(PREFIX + name)
    x, y = jax.tree.map(lambda part: part[:ROWS], work.data())
    model = work.keras(sequax)
    draw_weights(model)
    compile_(sequax, model, work)
    assert math.isfinite(model.fit(x, y, batch_size=ROWS, verbose=0).history["loss"][0])
    assert len(model.predict(x, verbose=0)) == ROWS


def test_applications_are_all_of_them() -> None:
    assert sorted(APPLICATIONS) == sorted(name for name in dir(sequax.applications) if name[0].isupper())
    work = find(f"{PREFIX}MobileNetV3Small")
    assert work.keras(sequax).output_shape == (None, 10)
    assert work.data()[0].shape == (128, 32, 32, 3)


@pytest.mark.parametrize("name", TRAINED_HABITS)
def test_habits_turn(name: str) -> None:
    turn = find(PREFIX + name).make(sequax)
    for _ in range(2):
        turn()


@pytest.mark.parametrize("name", COMPARED_WORKS)
def test_works_are_the_same_network_in_keras(name: str, keras: Any) -> None:
    with plain_initializers(keras):
        theirs = find(PREFIX + name).keras(keras)
    ours = find(PREFIX + name).keras(sequax)
    assert [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]


def test_each_work_has_a_name_and_a_title_of_its_own() -> None:
    assert all(isinstance(work, Workload | Habit) and find(PREFIX + work.name) is work for work in WORKS.values())
    assert len({work.title for work in WORKS.values()}) == len(WORKS)
