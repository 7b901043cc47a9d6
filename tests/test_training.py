"""`compile`, `fit`, `evaluate`, `predict`: parity with Keras at equal weights, and what ours does better."""

from __future__ import annotations

import copy
import pickle
import traceback
import warnings
from contextlib import nullcontext
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import sequax
from sequax import Input, Model, Sequential
from sequax.data import arrays, large
from sequax.data.arrays import ArraySource
from sequax.data.large import LargeSource
from sequax.data.source import Batch
from sequax.layers import LSTM, BatchNormalization, Dense, Dropout, Embedding
from sequax.training import compiled, predict


def dense(keras):
    layers = keras.layers
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
    return model, {"loss": "mse", "metrics": ["mae"]}


def classifier(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="tanh", kernel_regularizer="l2", activity_regularizer="l2"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    return model, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def convolutional(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(3, 2, padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    return model, {"loss": "categorical_crossentropy", "metrics": ["accuracy"]}


def text(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            layers.Embedding(11, 5, mask_zero=True),
            layers.LSTM(4),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    return model, {"loss": "binary_crossentropy", "metrics": ["accuracy", "auc"]}


def normalized(keras):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(5), layers.BatchNormalization(), layers.Activation("relu"), layers.Dense(1)]
    )
    return model, {"loss": "huber", "metrics": ["mse"]}


def data_for(make, rng, rows=50):
    if make is convolutional:
        return rng.normal(size=(rows, 8, 8, 1)).astype("float32"), np.eye(3, dtype="float32")[rng.integers(0, 3, rows)]
    if make is text:
        return rng.integers(0, 11, (rows, 7)).astype("int32"), rng.integers(0, 2, rows).astype("float32")
    x = rng.normal(size=(rows, 6)).astype("float32")
    return x, (rng.integers(0, 3, rows) if make is classifier else rng.normal(size=(rows, 1)).astype("float32"))


def pair(make, keras, optimizer="adam", **options):
    """The same model in both libraries, at equal weights, compiled alike."""
    theirs, settings = make(keras)
    ours, _ = make(sequax)
    ours.set_weights(theirs.get_weights())
    for model in (theirs, ours):
        model.compile(optimizer=optimizer, **{**settings, **options})
    return ours, theirs


MODELS = [dense, classifier, convolutional, text, normalized]


@pytest.mark.parametrize("make", MODELS)
def test_outputs_equal_keras(make, keras, rng):
    ours, theirs = pair(make, keras)
    x, _ = data_for(make, rng)
    arguments = {"batch_size": 32 if make is dense else 50, "verbose": 0}  # a short last batch is one more program
    expected = theirs.predict(x, **arguments)
    assert np.allclose(ours.predict(x, **arguments), expected, rtol=1e-5, atol=1e-5)
    assert np.allclose(ours(x), expected, rtol=1e-5, atol=1e-5)


# Each model once, by either optimizer; the optimizers themselves are compared in `test_optimizers.py`.
@pytest.mark.parametrize(("make", "optimizer"), list(zip(MODELS, ["adam", "sgd"] * len(MODELS), strict=False)))
def test_losses_and_history_equal_keras(make, optimizer, keras, rng):
    ours, theirs = pair(make, keras, optimizer)
    # Short last batches, each of them one more program to compile, in one of the models.
    rows, size = (50, 32) if make is dense else (40, 8)
    x, y = data_for(make, rng, rows)
    arguments = {"epochs": 3, "batch_size": 16, "shuffle": False, "verbose": 0, "validation_split": 0.2}
    expected = theirs.fit(x, y, **arguments)
    result = ours.fit(x, y, **arguments)
    assert list(result.history) == list(expected.history)
    for name, values in expected.history.items():
        assert np.allclose(result.history[name], values, rtol=1e-4, atol=1e-4), name
    assert result.epoch == expected.epoch
    assert result.params["epochs"] == 3
    assert result.params["steps"] == (3 if make is dense else 2)
    assert ours.history is result
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.allclose(a, b, atol=1e-4)
    found, expected = (model.evaluate(x, y, size, verbose=0) for model in (ours, theirs))
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"sample_weight": True},
        {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
        {"steps_per_epoch": 2},
        {"initial_epoch": 1},
        {"batch_size": 64},
        {"validation_freq": 2, "validation": True},
        {"validation": True, "validation_batch_size": 7},
    ],
    ids=str,
)
def test_arguments_of_fit_equal_keras(options, keras, rng):
    ours, theirs = pair(classifier, keras, "sgd", weighted_metrics=["accuracy"])
    x, y = data_for(classifier, rng, 50 if "sample_weight" in options else 48)
    arguments = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0, **options}
    if arguments.pop("sample_weight", None):
        arguments["sample_weight"] = rng.uniform(0.1, 2, len(x))
    if arguments.pop("validation", None):
        arguments["validation_data"] = data_for(classifier, rng, 20 if "validation_batch_size" in options else 16)
    if "steps_per_epoch" in options:
        arguments["epochs"] = 1
    expected, result = (model.fit(x, y, **arguments).history for model in (theirs, ours))
    assert list(result) == list(expected)
    for name, values in expected.items():
        assert np.allclose(result[name], values, rtol=1e-4, atol=1e-5), name


STEPS = {  # of 50 rows
    "divide": ({"batch_size": 10, "steps_per_epoch": 1, "epochs": 7}, None),
    "leave some": ({"batch_size": 10, "steps_per_epoch": 2, "epochs": 5}, "does not divide the 5 batches"),
    "leave a short batch": ({"batch_size": 16, "steps_per_epoch": 3, "epochs": 4}, "does not divide the 4 batches"),
    "begin later": (
        {"batch_size": 10, "steps_per_epoch": 2, "epochs": 5, "initial_epoch": 1},
        "does not divide the 5 batches",
    ),
    "more than there are": ({"batch_size": 16, "steps_per_epoch": 9, "epochs": 2}, "50 rows make 4 batches of 16"),
    "set the size": ({"steps_per_epoch": 5, "epochs": 3}, None),
    "of validation set the size": ({"validation_split": 0.2, "validation_steps": 3}, None),
}


@pytest.mark.parametrize("how", STEPS)
def test_epochs_go_on_where_the_one_before_ended(how, keras, rng):
    options, warning = STEPS[how]
    ours, theirs = pair(classifier, keras, "sgd")
    x, y = data_for(classifier, rng, 50)
    options = {"shuffle": False, "verbose": 0, **options}
    with warnings.catch_warnings(action="ignore"):
        expected = theirs.fit(x, y, **options).history
    with nullcontext([]) if warning is None else pytest.warns(UserWarning, match=warning) as caught:
        result = ours.fit(x, y, **options).history
    assert all(one.filename == __file__ for one in caught)
    assert list(result) == list(expected)
    for name, values in expected.items():
        assert np.allclose(result[name], values, rtol=1e-4, atol=1e-5), name
    for one, two in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.allclose(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shuffle", [True, "batch", False])
@pytest.mark.parametrize("large", [False, True])
def test_a_pass_takes_each_row_once_whatever_the_steps(shuffle, large, monkeypatch):
    monkeypatch.setattr("sequax.data.large._RUN_BYTES", 24)
    rows = np.arange(53.0, dtype="float32")[:, None]
    settings = {"shuffle": shuffle, "seed": 3, "steps": 2, "first_epoch": 4}
    of_large = (rows, None, None), lambda x, y, weight: Batch(x), range(53)
    arguments = of_large if large else (Batch(rows),)

    def make(**more):
        return (LargeSource if large else ArraySource)(*arguments, 5, **{**settings, **more})

    def taken(source, epoch, first=0):
        return [
            float(value)
            for block in source.blocks(epoch, first)
            for value in np.asarray(block.arrays.x)[block.order[block.first * 5 : block.rows], 0]
        ]

    source, whole = make(), make(steps=None)
    epochs = [taken(source, epoch) for epoch in range(4, 4 + 12)]
    assert [len(one) for one in epochs] == [10, 10, 10, 10, 10, 3] * 2
    first, second = ([row for epoch in half for row in epoch] for half in (epochs[:6], epochs[6:]))
    assert sorted(first) == rows[:, 0].tolist() == sorted(second)
    assert (first == second) == (shuffle is False)
    assert first == taken(whole, 4)
    assert taken(source, 6, 1) == epochs[2][5:]  # as a run that is continued inside of an epoch


@pytest.mark.parametrize("held_out", ["split", "data"])
def test_more_steps_of_validation_than_there_are_are_told_once(held_out, rng):
    model, options = classifier(sequax)
    model.compile("sgd", **options)
    x, y = data_for(classifier, rng, 50)
    given = {"validation_split": 0.2} if held_out == "split" else {"validation_data": (x[:10], y[:10])}
    with pytest.warns(UserWarning, match=r"^validation_steps=9 .*10 rows make 3 batches of 4") as caught:
        model.fit(x, y, verbose=0, validation_steps=9, validation_batch_size=4, **given)
    assert [one.filename for one in caught] == [__file__]


@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_steps_are_named_as_the_method_names_them(method, rng):
    model, options = classifier(sequax)
    model.compile("sgd", **options)
    x, y = data_for(classifier, rng, 50)
    given = (x,) if method == "predict" else (x, y)
    with pytest.raises(ValueError, match=r"^steps must be"):
        getattr(model, method)(*given, steps=0, verbose=0)
    if method == "evaluate":
        with pytest.warns(UserWarning, match=r"^steps=9 .*50 rows make 2 batches of 25") as caught:
            model.evaluate(x, y, batch_size=25, steps=9, verbose=0)
        assert [one.filename for one in caught] == [__file__]


def test_prediction_by_steps_takes_all_rows(keras, rng):
    ours, theirs = pair(classifier, keras, "sgd")
    x, _ = data_for(classifier, rng, 50)
    found, expected = (model.predict(x, steps=3, verbose=0) for model in (ours, theirs))
    assert np.allclose(found, expected, atol=1e-5)
    found, expected = (model.predict(x, batch_size=8, steps=3, verbose=0) for model in (ours, theirs))
    assert found.shape == expected.shape == (24, 3)


def test_mask_reaches_the_loss(keras, rng):
    def make(keras):
        layers = keras.layers
        stack = [layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3, return_sequences=True), layers.Dense(1)]
        return keras.Sequential([keras.Input((5,), dtype="int32"), *stack]), {"loss": "mse", "metrics": ["mae"]}

    ours, theirs = pair(make, keras, "sgd")
    x, y = rng.integers(0, 9, (16, 5)).astype("int32"), rng.normal(size=(16, 5, 1)).astype("float32")
    arguments = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}
    # Keras' metrics of `fit` (not those of `evaluate`) count masked steps; ours never do.
    assert np.allclose(*(model.fit(x, y, **arguments).history["loss"] for model in (theirs, ours)), rtol=1e-4)
    expected, result = (model.evaluate(x, y, verbose=0, batch_size=8) for model in (theirs, ours))
    assert np.allclose(result, expected, rtol=1e-4)


def test_batch_methods_equal_keras(keras, rng):
    ours, theirs = pair(dense, keras)
    x, y = data_for(dense, rng, 8)
    for _ in range(2):
        assert np.allclose(ours.train_on_batch(x, y), theirs.train_on_batch(x, y), rtol=1e-4)
    assert np.allclose(ours.test_on_batch(x, y), theirs.test_on_batch(x, y), rtol=1e-4)
    assert ours.train_on_batch(x, y, return_dict=True).keys() == theirs.train_on_batch(x, y, return_dict=True).keys()
    assert np.allclose(ours.predict_on_batch(x), theirs.predict_on_batch(x), rtol=1e-4, atol=1e-5)


# --- the loop ---------------------------------------------------------------------------------------------------------


class EveryBatch(sequax.callbacks.Callback):
    """Makes the loop run one step a dispatch, and notes what it sees."""

    def __init__(self):
        super().__init__()
        self.losses, self.first_weights = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])
        self.first_weights.append(self.model.get_weights()[0])


def noisy():
    sequax.utils.set_random_seed(3)
    model = Sequential([Input((6,)), Dense(8, activation="relu"), BatchNormalization(), Dropout(0.3), Dense(1)])
    model.compile("adam", "mse")
    return model


def test_results_do_not_depend_on_the_chunking(rng, monkeypatch):
    from sequax.training import chunks

    x, y = data_for(dense, rng, 45)
    watched = noisy()
    histories = [watched.fit(x, y, epochs=3, batch_size=8, verbose=0, callbacks=[EveryBatch()])]
    whole = noisy()
    histories.append(whole.fit(x, y, epochs=3, batch_size=8, verbose=0))
    monkeypatch.setattr(chunks.ChunkSchedule, "steps", lambda self, remaining, done=0: min(2, remaining))
    pairs_ = noisy()
    histories.append(pairs_.fit(x, y, epochs=3, batch_size=8, verbose=0))
    for model, history in zip((watched, pairs_), (histories[0], histories[2]), strict=True):
        assert history.history == histories[1].history
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), whole.get_weights(), strict=True))


@pytest.mark.parametrize(("watchers", "most"), [([], 16), ([EveryBatch()], 1)])
def test_batches_that_nobody_watches_run_together(watchers, most, rng, monkeypatch):
    from sequax.training import chunks

    counts, chosen = [], chunks.ChunkSchedule.steps

    def noted(*given):
        counts.append(chosen(*given))
        return counts[-1]

    monkeypatch.setattr(chunks.ChunkSchedule, "steps", noted)
    noisy().fit(*data_for(dense, rng, 64), batch_size=4, verbose=0, callbacks=watchers)
    assert max(counts) == most


def test_few_places_lie_between_fit_and_the_gradient(monkeypatch):
    """A reader can follow a batch; and a step is traced once."""
    differentiated, stacks = jax.value_and_grad, []

    def noted(*args, **kwargs):
        function = differentiated(*args, **kwargs)

        def run(*given):
            stacks.append(traceback.extract_stack())
            return function(*given)

        return run

    monkeypatch.setattr(jax, "value_and_grad", noted)
    compiled.clear()
    model = Sequential([Input((8,)), Dense(4), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((64, 8)), np.ones(64), verbose=0)
    (stack,) = stacks
    package = str(Path(sequax.__file__).parent)
    frames = [frame for frame in stack if frame.filename.startswith(package)]
    frames = [frame for frame in frames if "tracebacks" not in frame.filename]  # around what users call, and in no way
    assert (frames[0].name, frames[-1].name) == ("fit", "update")
    assert len(frames) <= 10
    assert len({frame.filename for frame in frames}) <= 4


def test_later_calls_know_how_fast_the_steps_are(rng, monkeypatch):
    from sequax.training.fit import TrainJob

    start, sizes = TrainJob.start, []

    def noted(self, steps, program):
        sizes.append(steps.end - steps.done)
        start(self, steps, program)

    monkeypatch.setattr(TrainJob, "start", noted)
    x, y = data_for(dense, rng, 40)
    model = noisy()
    model.fit(x, y, batch_size=1, verbose=0)
    assert sizes == [16, 24]  # the first steps are measured
    model.fit(x, y, batch_size=1, verbose=0)
    model.fit(x, y, batch_size=2, verbose=0)
    assert sizes == [16, 24, 40, 16, 4]
    assert copy.deepcopy(model).fit(x, y, batch_size=1, verbose=0)


def test_data_larger_than_the_budget_give_the_same_bits(rng, monkeypatch):
    from sequax.data import arrays

    x, y = data_for(dense, rng, 45)
    resident = noisy()
    first = resident.fit(x, y, epochs=2, batch_size=8, verbose=0)
    monkeypatch.setenv("SEQUAX_RESIDENT_MB", "0")
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 28 * 17)
    streamed = noisy()
    second = streamed.fit(x, y, epochs=2, batch_size=8, verbose=0)
    assert first.history == second.history
    assert all(np.array_equal(a, b) for a, b in zip(resident.get_weights(), streamed.get_weights(), strict=True))


def test_callbacks_see_the_truth_after_each_batch(rng):
    x, y = data_for(dense, rng, 32)
    model, watcher = noisy(), EveryBatch()
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[watcher])
    assert len(watcher.losses) == 4
    assert not any(np.array_equal(a, b) for a, b in zip(watcher.first_weights, watcher.first_weights[1:], strict=False))
    assert np.array_equal(watcher.first_weights[-1], model.get_weights()[0])


def test_a_callback_may_change_weights_and_learning_rate(rng):
    class Meddler(sequax.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.optimizer.learning_rate = 0.0
                self.model.set_weights([w * 0 + 0.5 for w in self.model.get_weights()])

    x, y = data_for(dense, rng)
    model, settings = dense(sequax)
    model.compile("sgd", **settings)
    model.fit(x, y, epochs=3, verbose=0, callbacks=[Meddler()])
    assert all((w == 0.5).all() for w in model.get_weights())


def test_stop_training_stops(rng):
    class Stop(sequax.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    model = noisy()
    assert len(model.fit(*data_for(dense, rng), epochs=9, verbose=0, callbacks=[Stop()]).epoch) == 2


def test_shuffle_orders_anew_but_repeatably(rng):
    from sequax.data.arrays import ArraySource
    from sequax.data.source import Batch

    source = ArraySource(Batch(np.arange(100)), 10, shuffle=True, seed=1)
    assert not np.array_equal(source.order(0), source.order(1))
    assert np.array_equal(source.order(1), ArraySource(Batch(np.arange(100)), 10, shuffle=True, seed=1).order(1))
    assert np.array_equal(np.sort(source.order(0)), np.arange(100))
    whole = ArraySource(Batch(np.arange(25)), 10, shuffle="batch", seed=1).order(0)
    assert set(np.diff(whole.reshape(-1, 5)).ravel()) == {1}
    assert list(whole[-5:]) == [20, 21, 22, 23, 24]


def test_same_seed_same_run(rng):
    x, y = data_for(dense, rng)
    first, second = (noisy() for _ in range(2))
    sequax.utils.set_random_seed(5)
    one = first.fit(x, y, epochs=2, verbose=0).history
    sequax.utils.set_random_seed(5)
    assert second.fit(x, y, epochs=2, verbose=0).history == one


def test_equal_models_share_compiled_programs(rng):
    compiled.clear()
    x, y = data_for(dense, rng)

    def fresh():
        model, settings = dense(sequax)
        model.compile("adam", **settings)
        return model

    model = fresh()
    model.fit(x, y, verbose=0)
    count = len(compiled._programs)
    fresh().fit(x, y, verbose=0)
    sequax.models.clone_model(model).fit(x, y, verbose=0)
    assert len(compiled._programs) == count
    model.layers[0].trainable = False
    model.fit(x, y, verbose=0)
    assert len(compiled._programs) > count


def test_models_with_other_settings_do_not_share_programs(rng):
    x = rng.normal(size=(20, 6)).astype("float32")
    outputs = []
    for scale in (1.0, 2.0):
        model = Sequential([Input((6,)), lambda x, scale=scale: x * scale])
        outputs.append(model.predict(x, verbose=0))
    assert np.allclose(outputs[1], 2 * outputs[0])


@pytest.mark.parametrize(
    ("metrics", "weighted"),
    [
        (["mae", "mae"], ["mae", "mse"]),
        ({"a": ["mae"]}, {"a": ["mae"], "b": ["mae"]}),
        ([["mae", "mae"], []], [["mae"], []]),
    ],
)
def test_names_of_metrics_of_several_outputs_are_keras(metrics, weighted, keras):
    def keys(library):
        inputs = library.Input((2,))
        outputs = [library.layers.Dense(1, name=name)(inputs) for name in "ab"]
        model = library.Model(inputs, outputs)
        model.compile("sgd", "mse", metrics=metrics, weighted_metrics=weighted)
        return set(model.fit(np.ones((4, 2)), [np.ones((4, 1))] * 2, verbose=0).history)

    assert keys(sequax) == keys(keras)


@pytest.mark.parametrize(
    ("several", "settings"),
    [
        (list, {"loss": ["mse", "mae"], "metrics": [["mse", "mae"], ["mape"]]}),
        (list, {"loss": {"a": "mse", "b": "mae"}, "metrics": {"a": ["mape"], "b": ["mse", "mae"]}}),
        (list, {"loss": [["mse", "mae"], "msle"], "metrics": [["mse"], ["mape"]]}),
        (list, {"loss": "mse", "metrics": [["mape"], ["mse"]], "weighted_metrics": [["mape", "mae"], ["mse"]]}),
        (dict, {"loss": {"b": "mae", "a": "mse"}, "metrics": {"b": ["mse", "mae"], "a": ["mape"]}}),
        (dict, {"loss": {"a": "mse", "b": "mae"}, "metrics": {"a": ["mse"]}}),
        (None, {"loss": "mse", "metrics": ["mape", "mae"], "weighted_metrics": ["msle"]}),
    ],
)
def test_lists_of_values_are_in_the_order_of_keras(several, settings, keras):
    def values(library):
        inputs = library.Input((2,))
        outputs = [library.layers.Dense(1, name=name)(inputs) for name in ("b", "a")]
        how = {list: list, dict: lambda found: dict(zip(("b", "a"), found, strict=True)), None: lambda found: found[0]}
        model = library.Model(inputs, how[several](outputs))
        for position, variable in enumerate(model.weights):
            variable.assign(np.full(variable.shape, 0.3 + position))
        model.compile("sgd", run_eagerly=True, **settings)
        y = how[several]([np.arange(1, 5)[:, None], np.arange(5, 9)[:, None]])
        arguments = np.ones((4, 2)), y, np.arange(1, 5) / 4 if several is None else None
        return [*model.test_on_batch(*arguments)], list(model.test_on_batch(*arguments, return_dict=True)), model

    found, names, model = values(sequax)
    expected, keys, _ = values(keras)
    if isinstance(settings["loss"], list) and isinstance(settings["loss"][0], list):
        del expected[1]  # Keras tells the last of the two losses of an output twice, and not the first
        found[1] = expected[1] = None
    assert names == keys
    assert np.allclose(np.array(found, float), np.array(expected, float), rtol=1e-4, equal_nan=True)
    assert model.metrics_names == sorted(names, key=model.metrics_names.index)


def test_a_loss_counts_for_every_output_of_its_layer(keras):
    def loss(library, name, settings):
        inputs, layer = library.Input((2,)), library.layers.Dense(1, kernel_initializer="ones", name=name)
        model = library.Model(inputs, [layer(inputs), layer(inputs * 2.0)])
        model.compile("sgd", run_eagerly=True, **settings)
        return model.test_on_batch(np.ones((4, 2)), [np.ones((4, 1))] * 2)[0]

    settings = {"loss": {"d": "mse"}}
    assert np.isclose(loss(sequax, "d", settings), loss(keras, "d", settings))


def test_several_losses_of_one_output_add_up():
    x, y = np.ones((4, 2)), np.full((4, 1), 5.0)
    model = Sequential([Input((2,)), Dense(1, kernel_initializer="ones")])
    model.compile("sgd", ["mse", "mae"])
    with pytest.raises(ValueError, match=r"loss=\[\['mse', 'mae'\]\]"):
        model.fit(x, y, verbose=0)
    model.compile("sgd", [["mse", "mae"]], loss_weights=[[0.5, 2.0]])
    assert np.isclose(model.evaluate(x, y, verbose=0), 0.5 * 9 + 2 * 3)
    model.compile("sgd", [["sparse_categorical_crossentropy", "mse"]])
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy over 1 class"):
        model.fit(x, y, verbose=0)


def test_run_eagerly_equals_compiled(rng):
    x, y = data_for(dense, rng, 20)
    seen = []

    class Peek(sequax.layers.Layer):
        def call(self, x):
            seen.append(isinstance(x, jax.core.Tracer))
            return x

    def run(**options):
        sequax.utils.set_random_seed(1)
        model = Sequential([Input((6,)), Dense(4), Peek(), Dense(1)])
        model.compile("sgd", "mse", **options)
        seen.clear()
        return model.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0).history["loss"]

    assert np.allclose(run(), run(run_eagerly=True), rtol=1e-5)
    assert run(jit_compile=False)


# --- freezing, popping, adding after fit ------------------------------------------------------------------------------


def slots_of(model, name):
    return {v.path: v.numpy() for v in model.optimizer.variables if name in v.path}


def test_freezing_after_fit_just_works_and_keeps_slots(rng):
    x, y = data_for(dense, rng)
    model, settings = dense(sequax)
    model.compile("adam", **settings)
    model.fit(x, y, verbose=0)
    frozen = model.layers[0]
    before, slots = frozen.get_weights(), slots_of(model, "velocity")
    frozen.trainable = False
    model.optimizer.build(model.trainable_variables)
    kept = slots_of(model, "velocity")
    assert len(slots) == 4
    assert len(kept) == 2
    assert all(np.array_equal(kept[path], slots[path]) for path in kept)
    model.fit(x, y, epochs=2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, frozen.get_weights(), strict=True))
    assert int(model.optimizer.iterations.numpy()) == 6
    frozen.trainable = True
    model.fit(x, y, verbose=0)
    assert not np.array_equal(before[0], frozen.get_weights()[0])


def test_popping_and_adding_after_fit(rng):
    x, y = data_for(dense, rng)
    model, settings = dense(sequax)
    model.compile("adam", **settings)
    model.fit(x, y, verbose=0)
    model[-1] = Dense(2)
    model.fit(x, np.concatenate([y, y], 1), verbose=0)
    model.pop()
    model.add(Dense(1))
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()
    assert model.predict(x, verbose=0).shape == (50, 1)


def test_unfreezing_inside_a_callback(rng):
    class Unfreeze(sequax.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.layers[0].trainable = True

    x, y = data_for(dense, rng)
    model, settings = dense(sequax)
    model.layers[0].trainable = False
    model.compile("sgd", **settings)
    before = model.get_weights()[0]
    model.fit(x, y, epochs=1, verbose=0)
    assert np.array_equal(model.get_weights()[0], before)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[Unfreeze()])
    assert not np.array_equal(model.get_weights()[0], before)


def test_frozen_batch_normalization_stays(rng):
    model = Sequential([Input((6,)), BatchNormalization(trainable=False), Dense(1)])
    model.compile("sgd", "mse")
    before = model.layers[0].get_weights()
    model.fit(*data_for(dense, rng), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.layers[0].get_weights(), strict=True))


# --- compile ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"optimizer": "addam"}, "adam"),
        ({"loss": "mze"}, "mse"),
        ({"metrics": ["mean_absolut_error"]}, "mean_absolute_error"),
    ],
)
def test_unknown_names_are_refused_at_once(arguments, words):
    model, _ = dense(sequax)
    with pytest.raises(ValueError, match=f"Could not interpret.*{words}"):
        model.compile(**{"loss": "mse", **arguments})


def test_compile_rules(rng):
    x, y = data_for(dense, rng)
    model, _ = dense(sequax)
    for use in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"compile\(\)"):
            use(x, y)
    assert model.predict(x, verbose=0).shape == (50, 1)
    model.compile(loss="mse", metrics="mae")
    with pytest.raises(ValueError, match=r"metrics=\['mae'\]"):
        model.fit(x, y, verbose=0)
    model.compile()
    with pytest.raises(ValueError, match="no loss"):
        model.fit(x, y, verbose=0)
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(x, y, verbose=0)
    assert model.metrics_names == ["loss", "mae"]
    assert len(model.evaluate(x, y, verbose=0)) == 2
    assert set(model.evaluate(x, y, verbose=0, return_dict=True)) == {"loss", "mae"}


def test_compile_before_add(rng):
    model = Sequential()
    model.compile("sgd", "mse")
    model.add(Dense(1))
    assert len(model.fit(*data_for(dense, rng), verbose=0).history["loss"]) == 1


@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        sequax.losses.MeanSquaredError(),
        lambda y, p: jnp.mean((y - p) ** 2, -1),
        sequax.losses.mean_squared_error,
    ],
)
def test_kinds_of_losses(loss, rng):
    x, y = data_for(dense, rng)
    sequax.utils.set_random_seed(1)
    model, _ = dense(sequax)
    model.compile("sgd", loss)
    value = model.evaluate(x, y, verbose=0)
    assert np.isclose(value, ((model.predict(x, verbose=0) - y) ** 2).mean(), rtol=1e-5)
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])


def test_own_metrics(rng):
    class Largest(sequax.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.top = self.add_variable((), "zeros", name="top")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.top.assign(jnp.maximum(self.top.value, jnp.max(jnp.abs(y_true - y_pred))))

        def result(self):
            return self.top.value

        def reset_state(self):
            self.top.assign(0.0)

    def mean_error(y_true, y_pred):
        return jnp.abs(y_true - y_pred)

    class MeanGap:
        def __call__(self, y_true, y_pred):
            return y_pred - y_true

    x, y = data_for(dense, rng)
    model, _ = dense(sequax)
    model.compile("sgd", "mse", metrics=[Largest(), mean_error, "mae", lambda t, p: mean_error(t, p), MeanGap()])
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "largest", "mean_error", "mae", "lambda", "mean_gap"}  # names as in Keras
    assert np.isclose(logs["largest"], np.abs(model.predict(x, verbose=0) - y).max(), rtol=1e-5)
    assert np.isclose(logs["mean_error"], logs["mae"])


def test_metric_in_a_layer(rng):
    class Watch(sequax.layers.Layer):
        def __init__(self):
            super().__init__()
            self.mean = sequax.metrics.Mean(name="watched")

        def call(self, x):
            self.mean.update_state(x)
            return x

    x, y = data_for(dense, rng)
    model = Sequential([Input((6,)), Watch(), Dense(1)])
    model.compile("sgd", "mse")
    assert any(m.name == "watched" for m in model.metrics)
    model.fit(x, y, verbose=0)
    assert np.isclose(model.layers[0].mean.result(), x.mean(), atol=1e-5)


def test_optax_as_it_is(rng):
    x, y = data_for(dense, rng)
    sequax.utils.set_random_seed(1)
    model, _ = dense(sequax)
    start = model.get_weights()
    model.compile(optax.sgd(0.01), "mse")
    model.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    other, _ = dense(sequax)
    other.set_weights(start)
    other.compile(sequax.optimizers.SGD(0.01), "mse")
    other.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.allclose(a, b, atol=1e-6)


def test_mixed_precision_trains(rng):
    x, y = data_for(dense, rng)
    for policy in ("mixed_bfloat16", "mixed_float16"):
        sequax.config.set_dtype_policy(policy)
        try:
            model, settings = dense(sequax)
            model.compile("adam", **settings)
            losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
        finally:
            sequax.config.set_dtype_policy("float32")
        assert losses[-1] < losses[0]
        assert model.weights[0].dtype == "float32"


# --- copies, state ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_go_on_like_the_original(how, rng):
    x, y = data_for(dense, rng)
    model = noisy()
    model.fit(x, y, verbose=0)
    twin = how(model)
    assert int(twin.optimizer.iterations.numpy()) == int(model.optimizer.iterations.numpy())
    one, two = (m.fit(x, y, epochs=2, shuffle=False, verbose=0).history for m in (model, twin))
    assert one == two


def test_arrays_of_the_user_survive_training(rng):
    x, y = data_for(dense, rng)
    model = noisy()
    held = model.layers[0].kernel.value
    given = jnp.ones((6, 8))
    model.layers[0].kernel.assign(given)
    model.fit(x, y, verbose=0)
    assert np.isfinite(np.asarray(held)).all()
    assert (np.asarray(given) == 1).all()


def test_stateful_lstm_carries_its_state_through_predict(rng):
    model = Sequential([Input((4, 2), batch_size=3), LSTM(5, stateful=True)])
    x = rng.normal(size=(3, 4, 2)).astype("float32")
    first, second = (model.predict(x, batch_size=3, verbose=0) for _ in range(2))
    assert not np.allclose(first, second)
    model.layers[0].reset_states()
    assert np.allclose(model.predict(x, batch_size=3, verbose=0), first, atol=1e-6)


# --- graph and subclassed models --------------------------------------------------------------------------------------


def test_graph_with_several_inputs_and_outputs_equals_keras(keras, rng):
    def make(keras):
        layers = keras.layers
        a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
        hidden = layers.Dense(5, activation="tanh", name="h")(a)
        left = layers.Dense(1, name="left")(hidden)
        right = layers.Dense(2, activation="softmax", name="right")(layers.Dense(5)(b) + hidden)
        return keras.Model([a, b], [left, right])

    theirs, ours = make(keras), make(sequax)
    ours.set_weights(theirs.get_weights())
    x = [rng.normal(size=(30, 4)).astype("float32"), rng.normal(size=(30, 3)).astype("float32")]
    y = [rng.normal(size=(30, 1)).astype("float32"), rng.integers(0, 2, 30)]
    for a, b in zip(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), strict=True):
        assert np.allclose(a, b, atol=1e-5)
    losses = ["mse", "sparse_categorical_crossentropy"]
    for model in (ours, theirs):
        model.compile("sgd", losses, loss_weights=[1.0, 0.5], metrics=[["mae"], ["accuracy"]])
    arguments = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}
    expected, result = (m.fit(x, y, **arguments).history for m in (theirs, ours))
    assert set(result) == set(expected)
    for name, values in expected.items():
        assert np.allclose(result[name], values, rtol=1e-4, atol=1e-5), name
    by_name = dict(zip(["a", "b"], x, strict=True)), dict(zip(["left", "right"], y, strict=True))
    model = make(sequax)
    model.compile("sgd", {"left": "mse", "right": "sparse_categorical_crossentropy"})
    assert np.isfinite(model.fit(*by_name, verbose=0).history["loss"]).all()


_NESTS = {
    "a dict with a list in it": (
        lambda a, b, c: {"y": a, "z": [b, c]},
        {
            "loss": {"y": "mse", "z": ["mse", "mae"]},
            "loss_weights": {"y": 1.0, "z": [2.0, 0.5]},
            "metrics": {"y": ["mae"], "z": [["mae"], None]},
        },
    ),
    "a list with a dict in it": (
        lambda a, b, c: [a, {"p": b, "q": c}],
        {"loss": ["mse", {"p": "mse", "q": None}], "weighted_metrics": [None, {"p": "mae", "q": None}]},
    ),
    "a list with a tuple in it, one weight for all": (
        lambda a, b, c: [a, (b, c)],
        {"loss": "mse", "loss_weights": 0.5},
    ),
}


@pytest.mark.parametrize("outputs, settings", _NESTS.values(), ids=_NESTS)
def test_settings_that_nest_as_the_outputs_do_equal_keras(outputs, settings, keras, rng):
    x, targets = rng.normal(size=(8, 3)), [rng.normal(size=(8, 1)) for _ in range(3)]
    logs = []
    for library in (keras, sequax):
        entry = library.Input((3,))
        tensors = [library.layers.Dense(1, name=name, kernel_initializer="ones")(entry) for name in "abc"]
        model = library.Model(entry, outputs(*tensors))
        model.compile("sgd", **settings)
        logs.append(model.evaluate(x, outputs(*targets), return_dict=True, verbose=0))
    assert {name: pytest.approx(value, rel=1e-5) for name, value in logs[0].items()} == logs[1]


def test_feature_extractor(rng):
    model, _ = classifier(sequax)
    x, _ = data_for(classifier, rng)
    features = Model(model.inputs, [layer.output for layer in model.layers])
    hidden, output = features(x)
    assert np.allclose(output, model(x), atol=1e-6)
    assert np.allclose(hidden, model.layers[0](x), atol=1e-6)
    assert Model(model.input, model.get_layer(index=0).output).predict(x, verbose=0).shape == (50, 8)


def test_graph_refusals():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    with pytest.raises(ValueError, match="disconnected"):
        Model(a, Dense(1)(a + b))
    with pytest.raises(ValueError, match="unique names"):
        Model(a, Dense(3, name="x")(Dense(3, name="x")(a)))
    with pytest.raises(ValueError, match="symbolic tensors"):
        Model(np.ones((2, 3)), a)
    with pytest.raises(ValueError, match="go together"):
        Model(inputs=a)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), sequax.models.clone_model])
def test_graph_copies(how, rng):
    a = Input((4,))
    model = Model(a, Dense(2)(Dense(3)(a)))
    twin = how(model)
    if how is sequax.models.clone_model:
        twin.set_weights(model.get_weights())
    x = rng.normal(size=(2, 4))
    assert np.allclose(twin(x), model(x))
    assert twin.layers[1] is not model.layers[1]


class Blocks(Model):
    def __init__(self):
        super().__init__()
        self.blocks = [Dense(5, activation="relu") for _ in range(2)]
        self.heads = {"out": Dense(1)}
        self.drop = Dropout(0.2)

    def call(self, x, training=None):
        for block in self.blocks:
            x = block(x)
        return self.heads["out"](self.drop(x, training=training))


def test_subclassed_model(rng):
    x, y = data_for(dense, rng)
    model = Blocks()
    model.compile("adam", "mse", metrics=["mae"])
    losses = model.fit(x, y, epochs=5, batch_size=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert len(model.trainable_variables) == 6
    assert len(model.layers) == 4
    assert model.predict(x, verbose=0).shape == (50, 1)
    assert len(model.evaluate(x, y, verbose=0)) == 2
    with pytest.raises(NotImplementedError, match=r"`call\(\)`"):
        Model()(np.ones((1, 2)))


def test_nested_sequential_trains_like_a_flat_one(rng):
    x, y = data_for(dense, rng)
    flat = Sequential([Input((6,)), Dense(4), Dense(3), Dense(1)])
    nested = Sequential([Input((6,)), Sequential([Dense(4), Dense(3)]), Dense(1)])
    nested.set_weights(flat.get_weights())
    for model in (flat, nested):
        model.compile("sgd", "mse")
    arguments = {"epochs": 2, "shuffle": False, "verbose": 0}
    assert np.allclose(*(m.fit(x, y, **arguments).history["loss"] for m in (flat, nested)), rtol=1e-5)


def test_embedding_model_built_by_fit(rng):
    x, y = data_for(text, rng)
    model = Sequential([Embedding(11, 4), LSTM(3), Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()


# --- losses that are not finite ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("callbacks", [[], [EveryBatch()]], ids=["chunks", "single steps"])
def test_a_loss_that_overflows_stops_training_at_the_last_good_weights(callbacks, rng):
    x, y = data_for(dense, rng, 40)
    y[17] = 1e30
    model, twin = (dense(sequax)[0] for _ in range(2))
    twin.set_weights(model.get_weights())
    for one in (model, twin):
        one.compile("sgd", "mse")
    arguments = {"batch_size": 8, "shuffle": False, "verbose": 0}
    with pytest.raises(FloatingPointError, match=r"step 2 .*last good update"):
        model.fit(x, y, callbacks=callbacks, **arguments)
    twin.fit(x[:16], y[:16], **arguments)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        assert np.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid", "softmax", "gelu"])
@pytest.mark.parametrize("shape", [(6,), (3, 2)])
def test_stacks_of_dense_layers_are_predicted_in_numpy(activation, shape, rng):
    layers = sequax.layers
    stack = [layers.Flatten()] if len(shape) > 1 else []
    stack += [
        Dense(5, activation=activation),
        Dropout(0.5),
        layers.Activation(activation),
        Dense(3, activation=activation),
    ]
    model = Sequential([Input(shape), *stack])
    x = rng.normal(size=(2100, *shape)).astype("float32") * 3
    before = x.copy()
    assert (predict.predictor(model).in_numpy is None) is (activation == "gelu")
    expected = np.asarray(model(x))
    for rows in (1, 4, 33, 2100):
        np.testing.assert_allclose(model.predict(x[:rows], verbose=0), expected[:rows], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(x, batch_size=50, verbose=2), expected, rtol=1e-5, atol=1e-6)
    assert np.array_equal(x, before)
    model.set_weights([w * 0 for w in model.get_weights()])
    np.testing.assert_allclose(model.predict(x[:9], verbose=0), np.asarray(model(x[:9])))


@pytest.mark.parametrize(
    "layers",
    [
        lambda layers: [layers.Activation("relu"), layers.Dense(2)],  # would write to the rows of the user
        lambda layers: [layers.Dense(2, activity_regularizer="l2")],
        lambda layers: [layers.Dense(2, dtype="mixed_bfloat16")],
        lambda layers: [layers.Reshape((2, 3)), layers.Dense(2), layers.Flatten()],
        lambda layers: [layers.Dense(2), layers.BatchNormalization()],
    ],
)
def test_other_stacks_are_not(layers, rng):
    model = Sequential([Input((6,)), *layers(sequax.layers)])
    assert predict.predictor(model).in_numpy is None
    assert predict.predictor(Sequential([Input((6,), dtype="int32"), Dense(2)])).in_numpy is None
    x = rng.normal(size=(70, 6)).astype("float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), np.asarray(model(x)), rtol=1e-2, atol=1e-2)


def test_a_model_is_made_without_compiling():
    compiled_for = []

    def listen(event, seconds, **_):
        if "backend_compile" in event:
            compiled_for.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        wide = sequax.layers.Reshape((1, 173))
        model = Sequential([Input((173,)), Dense(7), Dropout(0.1), Dense(173), wide, sequax.layers.LSTM(173), Dense(1)])
        model.compile("adam", "mse", metrics=["mae"])
        model.optimizer.build(model.trainable_variables)
        assert not compiled_for
        jax.jit(lambda a: a + 173)(1.0)
        assert compiled_for  # the listener hears
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def test_predict_notices_changes_of_the_model(rng):
    x = rng.normal(size=(2, 6)).astype("float32")
    model, _ = dense(sequax)
    before = model.predict(x, verbose=0)
    model.add(Dense(4))
    assert model.predict(x, verbose=0).shape == (2, 4)
    model.pop()
    assert np.array_equal(model.predict(x, verbose=0), before)
    model.layers[-1].activation = sequax.activations.relu
    assert np.array_equal(model.predict(x, verbose=0), np.maximum(before, 0))
    own = Blocks()
    assert own.predict(x, verbose=0).shape == (2, 1)
    own.blocks.append(Dense(5))
    assert own.predict(x, verbose=0).shape == (2, 1)
    assert len(own.weights) == 8


def test_a_copy_reports_metrics_under_the_same_names(rng):
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    model = Sequential([Input((3,)), sequax.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    names = model.fit(x, y, verbose=0).history.keys()
    assert copy.deepcopy(model).fit(x, y, verbose=0).history.keys() == names == {"loss", "mae"}


def pooled_stack(*more):
    layers = sequax.layers
    stack = [layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2), layers.BatchNormalization(), *more]
    return sequax.Sequential([sequax.Input((8, 8, 1)), *stack, layers.Flatten(), layers.Dense(3)])


@pytest.mark.parametrize("rows", [1, 31, 64, 70, 333])
def test_predictions_of_many_rows_at_once_are_those_of_small_batches(rows, rng, monkeypatch):
    model = pooled_stack()
    x = rng.normal(size=(rows, 8, 8, 1)).astype("float32")
    at_once = model.predict(x, batch_size=16, verbose=0)
    assert predict.predictor(model)._step_rows >= 128
    monkeypatch.setattr(predict.predictor(model), "_step_rows", 0)
    np.testing.assert_allclose(at_once, model.predict(x, batch_size=16, verbose=0), rtol=1e-5, atol=1e-6)


def graph(*layers, shape=(8, 8, 1)):
    outputs = inputs = sequax.Input(shape)
    for layer in layers:
        outputs = layer(outputs)
    return sequax.Model(inputs, outputs)


@pytest.mark.parametrize("augmented", [False, True])
def test_graphs_predict_other_numbers_of_rows_without_compiling(augmented, rng):
    layers = sequax.layers
    before = [layers.RandomFlip(), layers.RandomZoom(0.2)] if augmented else []
    model = graph(*before, layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3))
    x = rng.normal(size=(64, 8, 8, 1)).astype("float32")
    whole = model.predict(x, batch_size=16, verbose=0)
    programs = dict(predict.predictor(model)._programs)
    for rows in (63, 50):
        np.testing.assert_allclose(model.predict(x[:rows], batch_size=16, verbose=0), whole[:rows], atol=1e-6)
    assert predict.predictor(model)._programs == programs


@pytest.mark.parametrize("batches, steps", [(2, (32, 1)), (3, (16, 4)), (6, (32, 4)), (17, (64, 8))])
def test_more_rows_at_once_are_few_more_than_there_are(batches, steps, rng):
    model = pooled_stack()
    model.predict(rng.normal(size=(16 * batches, 8, 8, 1)), batch_size=16, verbose=0)
    assert [loop for loop, *_ in predict.predictor(model)._programs] == [steps]


def test_what_lies_inside_of_a_layer_counts_for_how_many_rows_go_at_once():
    layers = sequax.layers
    frames = graph(layers.Conv2D(4, 3, padding="same"), layers.GlobalAveragePooling2D())
    film = graph(layers.TimeDistributed(frames), layers.LSTM(2), shape=(5, 8, 8, 1))
    assert predict._numbers_per_row(frames) == 8 * 8 * 4
    assert predict._numbers_per_row(film) == predict._numbers_per_row(sequax.Sequential([film])) == 5 * 8 * 8 * 4


@pytest.mark.parametrize("build", [graph, lambda *layers, shape: sequax.Sequential([sequax.Input(shape), *layers])])
def test_a_layer_along_the_batch_sees_its_own_batch_alone(build, rng):
    model = build(sequax.layers.Softmax(axis=0), shape=(3,))
    x = rng.normal(size=(40, 3)).astype("float32")
    batches = [model.predict_on_batch(x[start : start + 8]) for start in range(0, 40, 8)]
    np.testing.assert_allclose(model.predict(x, batch_size=8, verbose=0), np.concatenate(batches), atol=1e-6)


@pytest.mark.parametrize(("together", "last"), [(False, 1), (True, 2)])
def test_parts_hold_as_many_batches_as_they_say(together, last, monkeypatch):
    x = np.arange(11)
    monkeypatch.setattr(arrays, "_PART_BYTES", 4 * x[:2].nbytes)
    parts = list(arrays.parts(x, 2, together=together))
    assert np.array_equal(np.concatenate([part.x for part in parts]), x)
    assert [-(-len(part.x) // part.batch_size) for part in parts] == [part.batches for part in parts]
    assert [part.batches for part in parts][:2] == [4, last]


def test_rows_that_may_depend_on_each_other_are_predicted_batch_by_batch(rng):
    model = pooled_stack(sequax.layers.Lambda(lambda x: x - x.mean(0)))
    x = rng.normal(size=(40, 8, 8, 1)).astype("float32")
    batches = [model.predict_on_batch(x[:8]), model.predict_on_batch(x[8:16])]
    np.testing.assert_allclose(model.predict(x, batch_size=8, verbose=0)[:16], np.concatenate(batches), atol=1e-5)


def test_a_callback_that_watches_predictions_sees_each_batch(rng):
    class Watch(sequax.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(len(logs["outputs"]))

    seen = []
    pooled_stack().predict(rng.normal(size=(40, 8, 8, 1)).astype("float32"), batch_size=16, callbacks=[Watch()])
    assert seen == [16, 16, 8]


class Whole(sequax.Model):
    """Takes sequences of any length."""

    def __init__(self):
        super().__init__()
        self.inner = sequax.layers.Dense(1)

    def call(self, inputs):
        return self.inner(inputs)


def deferred(*layers):
    return lambda: sequax.Sequential([layer() for layer in layers])


LEARNED = {
    "stack": (deferred(lambda: sequax.layers.Dense(1)), [(2, 5, 3), (2, 8, 3), (4, 1, 3)], lambda s: (*s[:2], 1)),
    "subclass": (Whole, [(2, 5, 3), (2, 8, 3), (4, 1, 3)], lambda s: (*s[:2], 1)),
    "recurrent": (deferred(lambda: sequax.layers.LSTM(2)), [(2, 5, 3), (3, 8, 3)], lambda s: (s[0], 2)),
    "images": (
        deferred(
            lambda: sequax.layers.Conv2D(2, 3), sequax.layers.GlobalAveragePooling2D, lambda: sequax.layers.Dense(1)
        ),
        [(2, 6, 6, 1), (2, 9, 7, 1)],
        lambda s: (s[0], 1),
    ),
    "reshaped": (
        deferred(lambda: sequax.layers.Reshape((-1, 4)), lambda: sequax.layers.Dense(2)),
        [(2, 6, 2), (2, 10, 2)],
        lambda s: (s[0], s[1] // 2, 2),
    ),
    "transposed": (
        deferred(sequax.layers.Flatten, lambda: sequax.layers.Dense(1)),
        [(3, 5, 7), (2, 7, 5)],
        lambda s: (s[0], 1),
    ),
}


@pytest.mark.parametrize("case", LEARNED)
def test_sizes_that_were_learned_from_data_may_change(case, rng):
    """As in Keras, what no `Input` says is only checked by the layers."""
    make, shapes, of_targets = LEARNED[case]
    batches = [(rng.normal(size=s).astype("float32"), rng.normal(size=of_targets(s)).astype("float32")) for s in shapes]
    sequax.utils.set_random_seed(1)
    one, other = make(), make()
    for model in (one, other):
        model.compile("sgd", "mse")
        model(batches[0][0])
    other.set_weights(one.get_weights())
    for x, y in batches:
        one.train_on_batch(x, y)
    other.fit(iter(batches), verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        assert np.allclose(a, b, rtol=1e-5, atol=1e-6)
    for x, y in batches:
        assert other.predict(x, verbose=0).shape == y.shape
        assert np.isclose(other.evaluate(x, y, verbose=0), np.mean((np.asarray(other(x)) - y) ** 2), rtol=1e-4)


def test_sizes_that_the_layers_or_an_input_do_not_take_are_refused():
    model = sequax.Sequential([sequax.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 5, 3)), np.ones((4, 5, 1)), verbose=0)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"x has shape \(4, 5, 4\); the model expects \(n, 5, 3\)"):
        model.fit(np.ones((4, 5, 4)), np.ones((4, 5, 1)), verbose=0)
    with pytest.raises(ValueError, match=r"y has shape \(4, 5, 1\).*expects the shape of the output, \(n, 7, 1\)"):
        model.fit(np.ones((4, 7, 3)), np.ones((4, 5, 1)), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    said = sequax.Sequential([sequax.Input((5, 7)), sequax.layers.Flatten()])
    with pytest.raises(ValueError, match="axes look swapped"):
        said.predict(np.ones((2, 7, 5)), verbose=0)


@pytest.mark.parametrize("argument", ["metrics", "weighted_metrics"])
def test_a_metric_that_makes_more_variables_at_its_first_batch_is_reported_as_by_hand(argument, rng):
    x, y = rng.normal(size=(10, 3)).astype("float32"), rng.normal(size=(10, 2)).astype("float32")
    model = Sequential([Input((3,)), Dense(2)])
    model.compile("sgd", "mse", **{argument: [sequax.metrics.R2Score()]})
    model.fit(x[:8], y[:8], validation_data=(x[8:], y[8:]), verbose=0)
    by_hand = sequax.metrics.R2Score()
    by_hand.update_state(y, model.predict(x, verbose=0))
    assert model.evaluate(x, y, verbose=0, return_dict=True)["r2_score"] == pytest.approx(float(by_hand.result()), 1e-5)


@pytest.mark.parametrize("on_disk", [False, True])
def test_class_weights_are_for_training_not_for_the_rows_held_out(keras, on_disk, monkeypatch, tmp_path, rng):
    x, y = rng.normal(size=(12, 6)).astype("float32"), rng.integers(0, 3, 12)
    runs = []
    for library in (keras, sequax):
        model, settings = classifier(library)
        model.set_weights([np.sin(np.arange(w.size)).reshape(w.shape) for w in model.get_weights()])
        model.compile("sgd", **settings)
        if on_disk and library is sequax:
            np.save(tmp_path / "x.npy", x)
            x = np.load(tmp_path / "x.npy", mmap_mode="r")
            monkeypatch.setattr(large, "memory_budget", lambda: 0)
        weights = {0: 0.2, 1: 3.0, 2: 1.0}
        runs.append(model.fit(x, y, 4, 1, 0, validation_split=0.34, shuffle=False, class_weight=weights).history)
    assert list(runs[1]) == list(runs[0])
    np.testing.assert_allclose([*runs[1].values()], [*runs[0].values()], rtol=1e-4)


def test_metrics_read_what_the_step_has():
    """A metric may report the learning rate, or a weight: of this step, not of the moment of compiling."""
    optimizer = sequax.optimizers.SGD(0.5)
    model = Sequential([Input((1,)), Dense(1, use_bias=False, kernel_initializer="zeros")])

    def rate(y_true, y_pred):
        return optimizer.learning_rate.value

    def weight(y_true, y_pred):
        return model.layers[0].kernel.value[0, 0]

    model.compile(optimizer, lambda y_true, y_pred: -y_pred, metrics=[rate, weight])
    falling = sequax.callbacks.LearningRateScheduler(lambda epoch: 0.5**epoch)
    logs = model.fit(np.ones((1, 1)), np.ones((1, 1)), epochs=3, callbacks=[falling], verbose=0).history
    assert logs["rate"] == [1.0, 0.5, 0.25]
    assert logs["weight"] == [0.0, 1.0, 1.5]
