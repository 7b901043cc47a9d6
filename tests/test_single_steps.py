"""Loops of the user's own around single steps: nothing is found out twice, and each change counts in the next step."""

import copy

import jax
import numpy as np
import pytest

import sequax
from sequax import Input, Model, Sequential
from sequax.core import tracking
from sequax.layers import BatchNormalization, Dense, Dropout, Layer
from sequax.training import compiled, fingerprint


class Scaled(Layer):
    """An own layer, whose settings lie where `tracking` does not hear of changes."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.settings, self.inner = {"factor": 1.0}, [Dense(6)]

    def call(self, x):
        for layer in self.inner:
            x = layer(x)
        return x * self.settings["factor"]


def small():
    sequax.utils.set_random_seed(0)
    model = Sequential(
        [
            Input((4,)),
            Dense(6, activation="relu", kernel_regularizer=sequax.regularizers.L2(0.01)),
            Scaled(),
            BatchNormalization(),
            Dense(2, activation="sigmoid"),
        ]
    )
    loss = sequax.losses.BinaryCrossentropy()
    model.compile(sequax.optimizers.Adam(0.01, clipnorm=10.0), loss, metrics=["mse", sequax.metrics.BinaryAccuracy()])
    return model


@pytest.fixture
def batch(rng):
    return rng.normal(size=(8, 4)).astype("float32"), rng.integers(0, 2, (8, 2)).astype("float32")


@pytest.fixture
def work(monkeypatch):
    """Counts of walks for fingerprints, and of compiled programs, since the last look."""
    counts = {"walks": 0, "programs": 0}

    def counting(name, function):
        def run(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        return run

    monkeypatch.setattr(fingerprint._Walk, "__init__", counting("walks", fingerprint._Walk.__init__))
    monkeypatch.setattr(compiled.Request, "compiled", counting("programs", compiled.Request.compiled))

    def since():
        found = dict(counts)
        counts.update(walks=0, programs=0)
        return found

    return since


NOTHING = {"walks": 0, "programs": 0}


def adversarial():
    """The turn of a GAN."""
    generator = Sequential([Input((3,)), Dense(5, activation="relu"), Dense(4)])
    critic = Sequential([Input((4,)), Dense(5, activation="relu"), Dropout(0.2), Dense(1, activation="sigmoid")])
    critic.compile("adam", "binary_crossentropy")
    critic.trainable = False
    both = Sequential([Input((3,)), generator, critic])
    both.compile("adam", "binary_crossentropy")
    noise, real = np.ones((8, 3), "float32"), np.ones((8, 4), "float32")

    def turn():
        fake = generator.predict(noise, verbose=0)
        critic.trainable = True
        critic.train_on_batch(real, np.ones((8, 1)))
        critic.train_on_batch(fake, np.zeros((8, 1)))
        critic.trainable = False
        before = critic.get_weights()
        both.train_on_batch(noise, np.ones((8, 1)))
        assert all(map(np.array_equal, critic.get_weights(), before))
        assert not any(map(np.array_equal, generator.predict(noise, verbose=0), fake))

    return turn


class Plain(Model):
    """A subclass without an `Input`: it learns its outputs from the first data."""

    def __init__(self):
        super().__init__()
        self.inside = [Dense(5, activation="relu"), Dropout(0.1), Dense(2, activation="sigmoid")]

    def call(self, x, training=False):
        for layer in self.inside:
            x = layer(x)
        return x


class Stepping(Plain):
    """With a training step of its own."""

    def train_step(self, state, data):
        logs, state = super().train_step(state, data)
        return {"loss": logs["loss"]}, state


def everything(model, x, y):
    """All that users call, by batches of several sizes."""
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])

    def turn():
        for rows in (8, 3, 1):
            model.train_on_batch(x[:rows], y[:rows])
            model.test_on_batch(x[:rows], y[:rows])
            model.predict_on_batch(x[:rows])
            model.predict(x[:rows], verbose=0)
            model.fit(x[:rows], y[:rows], verbose=0)
            model.evaluate(x[:rows], y[:rows], verbose=0)
            model(x[:rows])

    return turn


def one_frozen_in_turns():
    """One model, one optimizer, and a layer that is trained in every other step."""
    model, x, y = small(), np.ones((8, 4), "float32"), np.ones((8, 2), "float32")

    def turn():
        for trainable in (False, True):
            model.layers[0].trainable = trainable
            before = model.layers[0].get_weights()
            model.train_on_batch(x, y)
            assert all(map(np.array_equal, model.layers[0].get_weights(), before)) is not trainable

    return turn


LOOPS = {
    "train_on_batch": lambda model, x, y: lambda: model.train_on_batch(x, y),
    "test_on_batch": lambda model, x, y: lambda: model.test_on_batch(x, y),
    "predict_on_batch": lambda model, x, y: lambda: model.predict_on_batch(x),
    "predict": lambda model, x, y: lambda: model.predict(x, verbose=0),
    "fit": lambda model, x, y: lambda: model.fit(x, y, verbose=0),
    "fit of a row": lambda model, x, y: lambda: model.fit(x[:1], y[:1], verbose=0),
    "evaluate": lambda model, x, y: lambda: model.evaluate(x, y, verbose=0),
    "fit, predict, call": lambda model, x, y: (
        lambda: (
            model(x),
            model.fit(x, y, verbose=0),
            model.predict(x, verbose=0),
            model.train_on_batch(x, y),
        )
    ),
    "freezing, one optimizer": lambda model, x, y: one_frozen_in_turns(),
    "GAN": lambda model, x, y: adversarial(),
    "everything": everything,
    "everything, subclass": lambda model, x, y: everything(Plain(), x, y),
    "everything, own step": lambda model, x, y: everything(Stepping(), x, y),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_turn_finds_what_the_one_before_it_found_out(loop, batch, work):
    turn = LOOPS[loop](small(), *batch)
    turn()
    turn()
    work()
    structure = tracking.structure()
    for _ in range(3):
        turn()
    assert work() == NOTHING
    assert tracking.structure() == structure


def _assign(path, value):
    *owners, name = path.split(".")

    def change(model):
        owner = model
        for one in owners:
            owner = owner[int(one)] if one.isdigit() else getattr(owner, one)
        setattr(owner, name, value)

    return change


def _compile(model):
    model.compile("sgd", "mse", metrics=["mae"])


CHANGES = {
    "learning rate": _assign("optimizer.learning_rate", 0.3),
    "learning rate, assigned": lambda model: model.optimizer.learning_rate.assign(0.3),
    "setting of the optimizer": _assign("optimizer.beta_1", 0.1),
    "clipping": _assign("optimizer.clipnorm", 1e-4),
    "another optimizer": lambda model: setattr(model, "optimizer", sequax.optimizers.SGD(0.5)),
    "setting of the loss": _assign("loss.label_smoothing", 0.5),
    "regularizer": lambda model: setattr(model.layers[0].kernel_regularizer, "l2", 3.0),
    "activation": _assign("layers.0.activation", sequax.activations.tanh),
    "constraint": lambda model: setattr(model.layers[0].kernel, "constraint", sequax.constraints.UnitNorm()),
    "frozen layer": _assign("layers.3.trainable", False),
    "frozen normalization": _assign("layers.2.trainable", False),
    "frozen variable": lambda model: setattr(model.layers[3].bias, "trainable", False),
    "dict of an own layer": lambda model: model.layers[1].settings.update(factor=3.0),
    "list of an own layer": lambda model: model.layers[1].inner.append(
        _built(Dense(6, "tanh", kernel_initializer="ones"), 6)
    ),
    "metric": _assign("metrics.2.threshold", 1.0),
    "compile": _compile,
    "weights": lambda model: model.set_weights([w + 0.5 for w in model.get_weights()]),
}


def _built(layer, size):
    layer.build((None, size))
    return layer


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_counts_in_the_next_step(change, batch):
    model = small()
    model.train_on_batch(*batch)
    anew, as_it_was = copy.deepcopy(model), copy.deepcopy(model)
    for one in (as_it_was, anew, model):
        for _ in range(3):
            one.train_on_batch(*batch)
            one.test_on_batch(*batch)
    CHANGES[change](model)
    logs, tested = model.train_on_batch(*batch), model.test_on_batch(*batch)
    CHANGES[change](anew)
    del anew._known
    assert anew.train_on_batch(*batch) == logs
    assert anew.test_on_batch(*batch) == tested
    assert all(map(np.array_equal, model.get_weights(), anew.get_weights()))
    assert as_it_was.train_on_batch(*batch) != logs or as_it_was.test_on_batch(*batch) != tested


def test_each_batch_is_checked(batch):
    model, (x, y) = small(), batch
    for _ in range(2):
        model.train_on_batch(x, y)
        model.test_on_batch(x, y)
    before = model.get_weights()
    bad = x.copy()
    bad[3, 1] = np.nan
    for method in (model.train_on_batch, model.test_on_batch):
        for given, message in (
            ((bad, y), "NaN .row 3, column 1"),
            ((x, y + 1), "binary labels"),
            ((x[:5], y), "same number of rows"),
            ((x[:, :3], y), "3 features"),
            ((x, y[:, :1].repeat(3, 1)), "y has shape"),
            ((x[:0], y[:0]), "0 samples"),
            ((x, None), "y is missing"),
        ):
            with pytest.raises(ValueError, match=message):
                method(*given)
    assert all(map(np.array_equal, model.get_weights(), before))


def test_forms_of_data_may_alternate(rng):
    """Floats of 64 bits, lists, other sizes and kinds of targets: as if each came first."""
    x = rng.normal(size=(6, 4)).astype("float32")
    forms = [
        (x, rng.integers(0, 3, 6)),
        (x.astype("float64"), rng.integers(0, 3, (6, 1)).astype("int32")),
        (x[:2].tolist(), [0, 2]),
        (x[:5], rng.integers(0, 3, 5).astype("float32")),
        (x, rng.integers(0, 3, 6), np.linspace(0, 1, 6)),
        (jax.numpy.asarray(x), jax.numpy.asarray(rng.integers(0, 3, 6))),
    ]
    once, anew = (
        Sequential([Input((4,)), Dense(3, activation="softmax", kernel_initializer="ones")]) for _ in range(2)
    )
    for model in (once, anew):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in range(2):
        for form in forms:
            vars(anew).pop("_known", None)
            assert once.train_on_batch(*form) == anew.train_on_batch(*form)
            assert once.test_on_batch(*form) == anew.test_on_batch(*form)
    assert all(map(np.array_equal, once.get_weights(), anew.get_weights()))


def test_targets_of_another_kind_get_another_accuracy(rng):
    """What a name without a form means is decided by the targets, whatever came before."""
    model = Sequential([Input((4,)), Dense(3, activation="softmax")])
    model.compile("sgd", "crossentropy", metrics=["accuracy"])
    x, labels = rng.normal(size=(6, 4)).astype("float32"), rng.integers(0, 3, (6, 1))
    one_hot = np.eye(3, dtype="float32")[labels[:, 0]]
    for _ in range(2):
        assert model.test_on_batch(x, labels) == pytest.approx(model.test_on_batch(x, one_hot))
