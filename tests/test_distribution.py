"""`distribution`: several devices compute what one does, whatever the model, the data and the size of a batch."""

from __future__ import annotations

import re
import warnings

import jax
import numpy as np
import pytest

import sequax
from sequax import distribution, layers
from sequax.data import resident
from sequax.training import compiled, single_kernel
from tests.long import long

DEVICES = 8

pytestmark = pytest.mark.filterwarnings("ignore:A step of model")  # they are tiny


@pytest.fixture(autouse=True)
def nothing_is_set():
    yield
    distribution.set_distribution(None)


@pytest.fixture(autouse=True)
def enough_devices():
    if distribution.get_device_count() < DEVICES:
        pytest.skip(f"needs {DEVICES} devices: XLA_FLAGS=--xla_force_host_platform_device_count={DEVICES}")


def dense():
    return [
        sequax.Input((12,)),
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(3, activation="softmax"),
    ]


def convnet():
    return [
        sequax.Input((8, 8, 1)),
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]


def recurrent():
    return [sequax.Input((6, 4)), layers.Masking(), layers.LSTM(8), layers.Dense(3, activation="softmax")]


def attention():
    inputs = sequax.Input((6, 8))
    inside = layers.MultiHeadAttention(2, 4)(inputs, inputs)
    inside = layers.LayerNormalization()(layers.Add()([inputs, inside]))
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(inside))
    return sequax.Model(inputs, outputs)


MODELS = {"dense": dense, "convnet": convnet, "recurrent": recurrent, "attention": attention}


def made(name="dense", optimizer="sgd"):
    sequax.utils.clear_session(free_memory=False)
    sequax.utils.set_random_seed(1)
    parts = MODELS[name]()
    model = parts if isinstance(parts, sequax.Model) else sequax.Sequential(parts)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy", sequax.metrics.AUC(num_thresholds=20)])
    return model


def rows(model, count=94):
    random = np.random.default_rng(3)
    x = random.normal(size=(count, *model.input_shape[1:])).astype("float32")
    if len(model.input_shape) == 3:
        x[::3, 4:] = 0  # masked
    return x, np.eye(3, dtype="float32")[random.integers(0, 3, count)]


class Stream:
    """A stream of batches that can start again."""

    def __init__(self, *arrays, size):
        self.arrays, self.size = arrays, size

    def __iter__(self):
        for start in range(0, len(self.arrays[0]), self.size):
            yield tuple(array[start : start + self.size] for array in self.arrays)


def outcome(name, batch_size, data="arrays", optimizer="sgd", **devices):
    model = made(name, optimizer)
    x, y = rows(model)
    given = (Stream(x, y, size=batch_size),) if data == "stream" else (x, y)
    size = {} if data == "stream" else {"batch_size": batch_size}
    held_out = x[:21], y[:21]
    history = model.fit(*given, epochs=2, verbose=0, validation_data=held_out, **size, **devices).history
    measured = model.evaluate(x, y, batch_size=batch_size, verbose=0)
    predictions = [model.predict(x, batch_size, verbose=0), model.predict(x[:5], verbose=0), model.predict_on_batch(x)]
    return [*history.values(), measured, *predictions, *model.get_weights()]


def assert_close(ours, theirs, tolerance=1e-5):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("batch_size", [long(32), 30, long(10)])  # 30: no batch can be shared out evenly
@pytest.mark.parametrize("name", MODELS)
def test_devices_compute_what_one_does(name, batch_size):
    assert_close(outcome(name, batch_size, devices="all"), outcome(name, batch_size))


@pytest.mark.parametrize("batch_size", [32, 30])
@pytest.mark.parametrize("data", ["blocks", "stream"])
def test_of_blocks_and_streams_too(data, batch_size, monkeypatch):
    if data == "blocks":
        monkeypatch.setenv("SEQUAX_RESIDENT_MB", "0")
    for name in ("dense", "together")[: 1 + (batch_size == 30)]:  # its short batch is no step like the others
        assert_close(outcome(name, batch_size, data, "adam", devices="all"), outcome(name, batch_size, data, "adam"))


class Centered(layers.Layer):
    """Of which nobody knows whether rows meet in it."""

    def call(self, x):
        return x - sequax.ops.mean(x, axis=0)


def together():
    return [sequax.Input((12,)), layers.Dense(8, use_bias=False), Centered(), layers.Dense(3, activation="softmax")]


MODELS["together"] = together


def test_rows_in_memory_and_tiny_kernels_are_for_one_device(monkeypatch):
    x, seen = np.ones((70_000, 8), "float32"), []
    for array in jax.tree.leaves(resident.put(x, place=distribution.DataParallel().placement)):
        assert len(array.sharding.device_set) == DEVICES and array.sharding.is_fully_replicated
    monkeypatch.setattr(single_kernel, "_is_small", lambda jaxpr: seen.append(jaxpr))
    for devices in (1, "all"):
        model = sequax.Sequential([sequax.Input((3,)), layers.Dense(2)])
        model.compile("sgd", "mse")
        compiled.clear()
        model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0, devices=devices)
    assert len(seen) <= 1


# --- parameters that are cut ---


def wide():
    return [sequax.Input((16,)), layers.Dense(32, activation="relu"), layers.Dense(8), layers.Dense(3, "softmax")]


MODELS["wide"] = wide
MESH = (2, 4), ["batch", "model"]


def model_parallel(**layouts):
    found = distribution.LayoutMap(distribution.DeviceMesh(*MESH))
    for path, axes in {".*dense.*kernel": (None, "model"), **layouts}.items():
        found[path] = axes
    return distribution.ModelParallel(layout_map=found)


def of_dense_0():
    """By rows and columns in turn, as a device keeps what it computes."""
    found = distribution.LayoutMap(distribution.DeviceMesh(*MESH))
    found[".*dense/kernel"], found[".*dense/bias"] = (None, "model"), ("model",)
    found[".*dense_1/kernel"] = ("model", None)
    return distribution.ModelParallel(layout_map=found)


CUT = {
    "by layers": of_dense_0,
    "fully": lambda: distribution.FullySharded(least=100),
    "fully over four": lambda: distribution.FullySharded(4, least=100),
}


@pytest.mark.parametrize("batch_size", [32, 10])
@pytest.mark.parametrize("cut", CUT)
def test_cut_parameters_learn_the_same(cut, batch_size):
    several = outcome("wide", batch_size, optimizer="adam", devices=CUT[cut]())
    assert_close(several, outcome("wide", batch_size, optimizer="adam"), 3e-5)


def spec(variable):
    return tuple(variable.value.sharding.spec)


def test_parameters_and_the_state_of_their_optimizer_lie_as_asked():
    model = made("wide", "adam")
    model.fit(*rows(model), verbose=0, devices=of_dense_0())
    kernel, bias = model.layers[0].weights
    assert (spec(kernel), spec(bias)) == ((None, "model"), ("model",))
    slots = [v for v in model.optimizer.variables if v.shape == kernel.shape]
    assert len(slots) == 2 and {spec(slot) for slot in slots} == {(None, "model")}
    assert model.layers[1].bias.value.sharding.is_fully_replicated
    assert kernel.value.addressable_shards[0].data.shape == (16, 8)


def test_fully_sharded_state_takes_a_share_of_the_memory():
    model = made("wide", "adam")
    model.fit(*rows(model), verbose=0, devices=distribution.FullySharded(least=100))
    for variable in [*model.weights, *model.optimizer.variables]:
        parts = 1 if variable.size < 100 else DEVICES
        assert variable.value.addressable_shards[0].data.size * parts == variable.size, variable.path


def test_metrics_lie_as_asked_after_an_evaluation_too():
    model, place = made("wide"), distribution.FullySharded(least=1)
    model.compile("sgd", "categorical_crossentropy", metrics=[sequax.metrics.AUC(num_thresholds=2 * DEVICES)])
    x, y = rows(model)
    for between in (lambda: model.evaluate(x, y, verbose=0), model.reset_metrics):
        model.fit(x, y, verbose=0, devices=place)
        between()
        assert [v.path for v in model.metrics_variables if v.stored.sharding != v.place.sharding_of(v)] == []
    model.fit(x, y, verbose=0, devices=place)


class Counts(layers.Layer):
    """Has a state that predictions and evaluations move, too."""

    def build(self, shape):
        self.seen = self.add_weight(shape=(DEVICES,), initializer="zeros", trainable=False)

    def call(self, x):
        self.seen.assign(self.seen + 1)
        return x


def test_what_an_evaluation_or_a_prediction_moves_lies_as_asked():
    model, place = (
        sequax.Sequential([sequax.Input((4,)), Counts(), layers.Dense(3)]),
        distribution.FullySharded(least=1),
    )
    model.compile("sgd", "mse")
    x, y = np.ones((32, 4), "float32"), np.ones((32, 3), "float32")
    for call in (lambda: model.evaluate(x, y, verbose=0, devices=place), lambda: model.predict(x, verbose=0)):
        before = model.layers[0].seen.numpy()
        call()
        assert (model.layers[0].seen.numpy() > before).all()
        assert model.layers[0].seen.value.addressable_shards[0].data.shape == (1,)


def test_layouts_of_nothing_are_named():
    model = made("wide")
    found = distribution.LayoutMap(distribution.DeviceMesh(*MESH))
    found[".*dense/kernel"], found["dense/kernel"], found[".*dense_1/outputs"] = (None, "model"), (None,), ("batch",)
    compiled.clear()  # it is said of programs that are new
    with pytest.warns(UserWarning, match=re.escape("change nothing: ['dense/kernel', '.*dense_1/outputs']")):
        model.fit(*rows(model), verbose=0, devices=distribution.ModelParallel(layout_map=found))


def test_what_is_assigned_lies_where_the_variable_lies():
    with of_dense_0().scope():
        layer = layers.Dense(8, name="dense")
        layer.build((None, 16))
    assert spec(layer.kernel) == (None, "model")
    layer.kernel.assign(np.ones((16, 8)))
    layer.set_weights([np.zeros((16, 8)), np.zeros(8)])
    assert spec(layer.kernel) == (None, "model") and spec(layer.bias) == ("model",)


def test_outputs_lie_as_asked():
    seen = []

    class Looking(layers.Layer):
        def call(self, inputs):
            jax.debug.inspect_array_sharding(inputs, callback=seen.append)
            return inputs

    model = sequax.Sequential([sequax.Input((16,)), layers.Dense(8, name="dense_a"), Looking(), layers.Dense(4)])
    model.compile("sgd", "mse")
    place = model_parallel(**{".*dense_a/output": ("batch", None)})
    model.fit(np.ones((32, 16)), np.ones((32, 4)), verbose=0, devices=model_parallel())
    seen.clear()  # that of a program for the same variables, and other outputs
    model.fit(np.ones((32, 16)), np.ones((32, 4)), verbose=0, devices=place)
    wanted = distribution.TensorLayout(("batch", None), place.device_mesh).backend_layout
    assert seen and seen[0].is_equivalent_to(wanted, 2)


# --- choosing ---


def test_it_is_said_before_training_that_little_is_better_done_by_one():
    x = np.zeros((512, 512), "float32")
    small, large = made(), sequax.Sequential([sequax.Input((512,)), layers.Dense(512)])
    large.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=r"has [\d,]+ operations for each of the 8 devices.*`devices=1`"):
        small.fit(*rows(small), verbose=0, devices="all")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small.fit(*rows(small), verbose=0, devices=1)
        large.fit(x, x, batch_size=512, verbose=0, devices="all")


def places(model):
    return {len(variable.value.sharding.device_set) for variable in model.weights}


def test_weights_stay_until_they_are_brought_back():
    model = made()
    x, y = rows(model)
    model.fit(x, y, verbose=0, devices="all")
    assert places(model) == {8}
    model.evaluate(x, y, verbose=0)
    model.train_on_batch(x, y)
    model.test_on_batch(x, y)
    assert model.predict(x, verbose=0).shape == (94, 3) and places(model) == {8}
    model.predict(x, verbose=0, devices=["cpu:0", "cpu:1"])
    assert places(model) == {2}
    model.evaluate(x, y, verbose=0, devices=4)
    assert places(model) == {4}
    model.fit(x, y, verbose=0, devices=1)
    assert places(model) == {1}


def test_weights_go_wherever_they_are_asked_to_go():
    model = made()
    x, y = rows(model)
    for devices in (8, 8, 1, 1, 4, 4, 2):  # twice, since the second finds all programs
        model.fit(x, y, verbose=0, devices=devices)
        assert places(model) == {devices}
        model.evaluate(x, y, verbose=0)
        model.evaluate(x, y, verbose=0)


def test_weights_stay_during_validation():
    model = made()
    x, y = rows(model)
    seen = []
    watch = sequax.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(places(model)))
    model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y), callbacks=[watch], devices="all")
    assert [*seen, places(model)] == [{8}, {8}, {8}]


def test_layers_are_built_where_a_distribution_says_while_something_is_traced():
    class Subclassed(sequax.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(3)

        def call(self, x):
            return self.inner(x)

    with distribution.DataParallel().scope():
        model = Subclassed()
        model.compile("sgd", "mse")
        x, y = rows(made())
        distribution.set_distribution(distribution.DataParallel())  # which a cleared session forgets
        model.fit(x, y, verbose=0)
        model.predict(x, verbose=0)
    assert places(model) == {8}


def test_a_distribution_may_be_set_before_a_model_is_made_or_after():
    before = made()
    distribution.set_distribution(distribution.DataParallel())
    assert isinstance(distribution.distribution(), distribution.DataParallel)
    after = sequax.models.clone_model(before)
    after.compile("sgd", "categorical_crossentropy")
    assert (places(before), places(after)) == ({1}, {8})
    before.fit(*rows(before), verbose=0)
    assert places(before) == {8}
    before.evaluate(*rows(before), verbose=0, devices=2)
    before.predict(rows(before)[0], verbose=0)
    assert places(before) == {2}  # as it was told last
    distribution.set_distribution(distribution.DataParallel(devices=["cpu:0", "cpu:1", "cpu:2", "cpu:3"]))
    before.predict(rows(before)[0], verbose=0)
    assert places(before) == {4}
    distribution.set_distribution(distribution.DataParallel())
    before.fit(*rows(before), verbose=0)
    distribution.set_distribution(None)
    before.fit(*rows(before), verbose=0)
    assert places(before) == {8} and distribution.distribution() is None


def test_a_fit_between_others_keeps_its_devices():
    model = made()
    x, y = rows(model)

    class Asks(sequax.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.predict(x, verbose=0)
            self.model.evaluate(x, y, verbose=0)

    with distribution.DataParallel().scope():
        model.fit(x, y, epochs=2, verbose=0, devices=2, callbacks=[Asks()])
        assert places(model) == {2}


def test_the_same_program_serves_equal_placements():
    model = made()
    x, y = rows(model)
    model.fit(x, y, verbose=0, devices="all")
    known = len(compiled._programs)
    model.fit(x, y, verbose=0, devices=distribution.DataParallel())
    assert len(compiled._programs) == known
    place = model_parallel(**{".*dense.*kernel": (None, None)})  # in other words, whole
    model.fit(x, y, verbose=0, devices=place)
    known = len(compiled._programs)
    model.fit(x, y, verbose=0, devices=place)
    assert len(compiled._programs) == known


def test_steps_of_the_user_and_eager_ones_are_spread_too():
    class Own(sequax.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return jax.numpy.mean((y - y_pred) ** 2)

    x, y = rows(made())

    def fitted(eager=False, **devices):
        sequax.utils.set_random_seed(0)
        model = Own(dense())
        model.compile("sgd", run_eagerly=eager)
        return [*model.fit(x, y, verbose=0, **devices).history.values(), model.predict(x, verbose=0)]

    assert_close(fitted(devices="all"), fitted())
    assert_close(fitted(eager=True, devices=2), fitted())


def test_a_saved_model_is_whole(tmp_path):
    model = made("wide", "adam")
    x, y = rows(model)
    model.fit(x, y, verbose=0, devices=distribution.FullySharded(least=100))
    model.save(tmp_path / "model.keras")
    again = sequax.models.load_model(tmp_path / "model.keras")
    assert_close(again.get_weights(), model.get_weights(), 0)
    assert places(again) == {1}
    with of_dense_0().scope():
        cut = sequax.models.load_model(tmp_path / "model.keras")
    assert spec(cut.layers[0].kernel) == (None, "model")
    assert_close([cut.predict(x, verbose=0)], [model.predict(x, verbose=0)])


def test_a_run_is_resumed_on_other_devices(tmp_path):
    x, y = rows(made())
    place, whole = distribution.FullySharded(least=10), made()
    whole.fit(x, y, epochs=4, verbose=0)

    class Ends(sequax.callbacks.Callback):
        def __init__(self, epoch=None):
            super().__init__()
            self.epoch, self.seen = epoch, []

        def on_epoch_begin(self, epoch, logs=None):
            self.seen.append(epoch)
            if epoch == self.epoch:
                raise KeyError("ended")

    for places, (begun, ended) in enumerate([(place, 4), (2, place)]):
        folder, again, watch = tmp_path / str(places), made(), Ends()
        with pytest.raises(KeyError, match="ended"):
            made().fit(x, y, epochs=4, verbose=0, resume=folder, devices=begun, callbacks=[Ends(2)])
        again.fit(x, y, epochs=4, verbose=0, resume=folder, devices=ended, callbacks=[watch])
        assert watch.seen == [2, 3]
        assert_close(again.get_weights(), whole.get_weights(), 1e-6)
    assert [v.path for v in again.state_variables if v.stored.sharding != place.placement.sharding_of(v)] == []


REFUSED = {
    "there are 8": lambda model, x, y: model.fit(x, y, devices=9),
    "devices=0": lambda model, x, y: model.fit(x, y, devices=0),
    "devices=True": lambda model, x, y: model.fit(x, y, devices=True),
    "no device 'cpu:99'": lambda model, x, y: model.fit(x, y, devices=["cpu:0", "cpu:99"]),
    "kind 'nonsense'": lambda model, x, y: model.predict(x, devices="nonsense"),
    "named twice": lambda model, x, y: model.evaluate(x, y, devices=["cpu:0", "cpu:0"]),
    "expected 'all', a number": lambda model, x, y: model.fit(x, y, devices=1.5),
    "3 is not divisible by the 4 devices": lambda model, x, y: model.fit(x, y, devices=model_parallel()),
    "or None. Received: 'all'": lambda model, x, y: distribution.set_distribution("all"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_does_not_fit_is_refused_before_anything_changes(sentence):
    model = made()
    before = model.get_weights()
    with pytest.raises(ValueError, match=re.escape(sentence)):
        REFUSED[sentence](model, *rows(model))
    assert model.predict(rows(model)[0], verbose=0).shape == (94, 3) and places(model) == {1}
    assert_close(model.get_weights(), before, 0)
    with pytest.raises(ValueError, match="y"):
        model.fit(rows(model)[0], np.ones(3), verbose=0, devices="all")
    model.evaluate(*rows(model), verbose=0)
    assert places(model) == {1}


# --- members of an ensemble, and what is told ---


@pytest.mark.parametrize(("members", "used"), [(8, 8), (6, 6), (5, 5), (9, 3)])
def test_members_are_trained_on_devices_of_their_own(members, used):
    def trained(**devices):
        ensemble = sequax.Ensemble(made(), members, seed=0)
        x, y = rows(ensemble.members[0])
        history = ensemble.fit(x, y, batch_size=30, epochs=2, verbose=0, validation_data=(x, y), **devices).history
        lies = {len(array.sharding.device_set) for array in ensemble._stack.read().params.values()}
        assert places(ensemble.members[0]) == {1}
        measured = ensemble.evaluate(x, y, verbose=0).members
        found = [*history.values(), *ensemble.get_weights(), *[one["loss"] for one in measured]]
        return [*found, ensemble.predict(x, verbose=0), *ensemble.predict(x[:5], verbose=0, spread=True)], lies

    several, lies = trained(devices="all")
    one, lay = trained()
    assert_close(several, one)
    assert (lies, lay) == ({used}, {1})


def test_members_come_back_and_go_elsewhere():
    ensemble = sequax.Ensemble(made(), 4, seed=0)
    x, y = rows(ensemble.members[0])
    ensemble.fit(x, y, verbose=0, devices="all")
    before = ensemble.predict_members(x, verbose=0)
    assert_close([ensemble.predict_members(x, verbose=0, devices=1)], [before])
    ensemble.fit(x, y, verbose=0, devices=2)
    assert {len(a.sharding.device_set) for a in ensemble._stack.read().params.values()} == {2}


def test_summary_says_what_each_device_holds(capsys):
    model = sequax.Sequential([sequax.Input((64,)), layers.Dense(64, use_bias=False)])
    model.compile("adam", "mse")
    model.summary(costs=True)
    assert "On each of" not in capsys.readouterr().out
    x = np.zeros((8, 64))
    model.fit(x, x, verbose=0, devices=distribution.FullySharded(least=100))
    model.summary(costs=True)
    assert "On each of 8 devices: 2.00 KB of parameters + 4.01 KB of optimizer state" in capsys.readouterr().out


def test_random_numbers_that_hang_on_the_devices_are_refused():
    model = made()
    jax.config.update("jax_threefry_partitionable", False)
    try:
        with pytest.raises(ValueError, match="switched off here"):
            model.fit(*rows(model), verbose=0, devices="all")
        model.fit(*rows(model), verbose=0)
    finally:
        jax.config.update("jax_threefry_partitionable", True)


@pytest.mark.parametrize("mode", [None, "int8"])
def test_adapters_and_integers_of_cut_weights(mode):
    """LoRA and quantization compute on devices that each have a part of the weights what they do on one."""

    def run(place):
        model = made("wide", "sgd")
        x, y = rows(model)
        model.fit(x, y, verbose=0, devices=place)
        if mode:
            model.quantize(mode)
        model.enable_lora(2)
        model.compile("adam", "categorical_crossentropy")
        model.fit(x, y, verbose=0, devices=place)
        found = [model.predict(x[:6], verbose=0)]
        if not mode:
            model.merge_lora()
            found.append(model.predict(x[:6], verbose=0))
        return found

    expected = run(1)
    for place in (distribution.FullySharded(least=1), of_dense_0()):
        assert_close(run(place), expected)
