"""Wrong data never train: each refusal names the argument, the row or shape, and the remedy; no weight changes."""

from __future__ import annotations

import numpy as np
import pytest

import sequax
from sequax import Input, Sequential
from sequax.layers import Dense, Embedding, Flatten

ROWS = 8
X = np.random.default_rng(0).normal(size=(ROWS, 4)).astype("float32")
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1])
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
BINARY = np.array([0, 1, 0, 1, 0, 1, 0, 1], "float32")
TARGETS = np.linspace(-1, 1, ROWS, dtype="float32")


def with_entry(array, index, value):
    array = np.array(array, copy=True)
    array[index] = value
    return array


def model_for(loss, units=3, activation="softmax", metrics=None, input_shape=(4,)):
    model = Sequential([Input(input_shape), Dense(5), Dense(units, activation=activation)])
    model.compile("adam", loss, metrics=metrics)
    return model


def sparse(**kwargs):
    return model_for("sparse_categorical_crossentropy", **kwargs)


def categorical(**kwargs):
    return model_for("categorical_crossentropy", **kwargs)


def binary(**kwargs):
    return model_for("binary_crossentropy", **{"units": 1, "activation": "sigmoid", **kwargs})


def regression(**kwargs):
    return model_for("mse", **{"units": 1, "activation": None, **kwargs})


def embedding():
    model = Sequential([Input((3,), dtype="int32"), Embedding(10, 2), Flatten(), Dense(1)])
    model.compile("adam", "mse")
    return model


def batches():
    yield X, TARGETS


IDS = np.arange(ROWS * 3).reshape(ROWS, 3) % 10


REFUSED = {
    "label too large": (sparse, X, with_entry(LABELS, 3, 7), {}, ["y", "7", "row 3", "0..2"]),
    "all labels too large": (sparse, X, LABELS + 10, {}, ["y", "0..2", "8"]),
    "negative label": (sparse, X, with_entry(LABELS, 2, -1), {}, ["y", "-1", "row 2"]),
    "labels from 1": (sparse, X, LABELS + 1, {}, ["y", "subtract 1"]),
    "fractional label": (sparse, X, with_entry(LABELS.astype("float32"), 1, 1.7), {}, ["y", "1.7", "row 1", "whole"]),
    "index too large": (embedding, with_entry(IDS, (2, 1), 10), TARGETS, {}, ["x", "10", "row 2", "input_dim"]),
    "negative index": (embedding, with_entry(IDS, (4, 0), -1), TARGETS, {}, ["x", "-1", "row 4"]),
    "fractional index": (embedding, with_entry(IDS.astype("float32"), (4, 0), 1.7), TARGETS, {}, ["x", "1.7", "row 4"]),
    "NaN index": (embedding, with_entry(IDS.astype("float32"), (4, 0), np.nan), TARGETS, {}, ["x", "NaN", "row 4"]),
    "huge index": (embedding, with_entry(IDS.astype("int64"), (1, 1), 2**32 + 1), TARGETS, {}, ["x", "row 1"]),
    "NaN in x": (regression, with_entry(X, (3, 1), np.nan), TARGETS, {}, ["x", "NaN", "row 3", "set_data_checks"]),
    "infinity in x": (regression, with_entry(X, (5, 0), np.inf), TARGETS, {}, ["x", "row 5"]),
    "NaN in y": (regression, X, with_entry(TARGETS, 6, np.nan), {}, ["y", "NaN", "row 6"]),
    "overflow": (regression, with_entry(X.astype("float64"), (2, 2), 1e300), TARGETS, {}, ["x", "row 2", "float32"]),
    "NaN weight": (
        regression,
        X,
        TARGETS,
        {"sample_weight": with_entry(BINARY, 2, np.nan)},
        ["sample_weight", "row 2"],
    ),
    "weight of no class": (
        sparse,
        X,
        LABELS,
        {"class_weight": {0: 1.0, 1: 1.0, 2: 1.0, 9: 1.0}},
        ["class_weight", "9"],
    ),
    "softmax of one": (lambda: binary(activation="softmax"), X, BINARY, {}, ["softmax", "sigmoid"]),
    "sparse with one unit": (lambda: sparse(units=1), X, LABELS * 0, {}, ["1 unit|one unit|single"]),
    "categorical with one unit": (
        lambda: categorical(units=1, activation="sigmoid"),
        X,
        BINARY[:, None],
        {},
        ["binary_crossentropy"],
    ),
    "binary labels to 2": (binary, X, with_entry(BINARY, 1, 2), {}, ["y", "0.*1"]),
    "binary labels -1 and 1": (binary, X, BINARY * 2 - 1, {}, ["y", "-1"]),
    "categorical with class numbers": (categorical, X, LABELS, {}, ["sparse_categorical_crossentropy"]),
    "sparse with one-hot": (sparse, X, ONE_HOT, {}, ["categorical_crossentropy"]),
    "broadcast of y": (lambda: regression(units=3), X, TARGETS, {}, ["y", r"\(8,", "3"]),
    "width of y": (lambda: regression(units=3), X, np.ones((ROWS, 2)), {}, ["y", "2", "3"]),
    "features": (regression, np.ones((ROWS, 5)), TARGETS, {}, ["x", "5 features", "4"]),
    "one sample": (regression, np.ones(4), np.ones(1), {}, [r"x\[None\]"]),
    "channels first": (
        lambda: model_for("mse", units=1, activation=None, input_shape=(6, 5, 3)),
        np.ones((ROWS, 3, 6, 5)),
        np.ones((ROWS, 6, 5, 1)),
        {},
        ["x", "channels"],
    ),
    "ragged": (regression, [[1.0, 2, 3, 4], [1.0, 2]], [1.0, 2.0], {}, ["x", "row|length"]),
    "strings": (sparse, X, np.array(list("abcabcab")), {}, ["strings", "np.unique"]),
    "complex": (regression, X + 1j, TARGETS, {}, ["x", "complex"]),
    "masked": (regression, np.ma.masked_array(X, X > 0), TARGETS, {}, [r"\.filled"]),
    "lengths": (regression, X, TARGETS[:5], {}, ["8 rows", "5 rows"]),
    "list of samples": (regression, list(X), TARGETS, {}, [r"np\.stack"]),
    "no y": (regression, X, None, {}, ["y is missing"]),
    "batches in a list": (regression, [(X, TARGETS)] * 2, None, {}, ["y is missing", r"fit\(iter\(batches\)\)"]),
    "function of a generator": (regression, batches, None, {}, ["y is missing", r"call it, fit\(batches\(\)\)"]),
    "columns in a dict": (
        regression,
        {"a": X[:, 0], "b": X[:, 1]},
        TARGETS,
        {},
        ["no entry", r"np\.column_stack\(list\(x"],
    ),
    "weights of classes in an array": (
        sparse,
        X,
        LABELS,
        {"class_weight": np.ones(3)},
        ["class_weight must be a dict"],
    ),
    "targets as batch size": (
        regression,
        X,
        TARGETS,
        {"batch_size": TARGETS},
        [r"array of shape \(8,\)", "predict takes x"],
    ),
    "a pair": (regression, (X, TARGETS), None, {}, ["y is missing", r"fit\(x, y\)"]),
    "empty": (regression, X[:0], TARGETS[:0], {}, ["x has 0 samples"]),
    "batch size 0": (regression, X, TARGETS, {"batch_size": 0}, ["batch_size", "0"]),
    "batch size -3": (regression, X, TARGETS, {"batch_size": -3}, ["batch_size"]),
    "batch size 3.5": (regression, X, TARGETS, {"batch_size": 3.5}, ["batch_size", "3.5"]),
    "epochs 1.5": (regression, X, TARGETS, {"epochs": 1.5}, ["epochs", "1.5"]),
    "split of everything": (regression, X, TARGETS, {"validation_split": 1.0}, ["validation_split"]),
    "split of nothing": (regression, X, TARGETS, {"validation_split": 0.999}, ["validation_split"]),
    "validation without y": (regression, X, TARGETS, {"validation_data": (X, None)}, ["validation_data"]),
    "validation of one": (regression, X, TARGETS, {"validation_data": X}, ["validation_data"]),
    "validation labels": (sparse, X, LABELS, {"validation_data": (X, LABELS + 5)}, ["validation y", "0..2"]),
    "both weights": (
        sparse,
        X,
        LABELS,
        {"class_weight": {0: 1.0, 1: 1.0, 2: 1.0}, "sample_weight": BINARY},
        ["class_weight"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_and_nothing_changed(case):
    import re

    make, x, y, arguments, words = REFUSED[case]
    model = make()
    before = model.get_weights()
    with pytest.raises((ValueError, NotImplementedError)) as error:
        model.fit(x, y, verbose=0, **arguments)
    for word in words:
        assert re.search(word, str(error.value)), f"{word!r} is not in: {error.value}"
    assert len(str(error.value)) < 700
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.optimizer.iterations.numpy() == 0


WARNED = {
    "linear output": (lambda: sparse(activation=None), X, LABELS, {}, "from_logits=True"),
    "softmax twice": (
        lambda: model_for(sequax.losses.SparseCategoricalCrossentropy(from_logits=True)),
        X,
        LABELS,
        {},
        "from_logits",
    ),
    "rows that do not sum to 1": (categorical, X, ONE_HOT * 2, {}, "sum to 1"),
    "negative weight": (
        regression,
        X,
        TARGETS,
        {"sample_weight": BINARY - 1},
        "sample_weight has negative weights: training raises the loss",
    ),
    "accuracy of a regression": (lambda: regression(metrics=["accuracy"]), X, TARGETS, {}, "accuracy"),
    "sorted labels": (sparse, X, np.sort(LABELS), {"validation_split": 0.25}, "never see"),
    "nothing to train": (regression, X, TARGETS, {"epochs": 2, "initial_epoch": 2}, "Nothing to train"),
}


@pytest.mark.parametrize("case", WARNED)
def test_warned(case):
    make, x, y, arguments, words = WARNED[case]
    with pytest.warns(UserWarning, match=words):
        make().fit(x, y, verbose=0, **arguments)


def test_pandas(rng):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    y = pandas.Series(TARGETS)
    model = regression()
    assert np.isfinite(model.fit(frame, y, verbose=0).history["loss"][0])
    frame["d"] = "text"
    with pytest.raises(ValueError, match="'d'"):
        model.fit(frame, y, verbose=0)
    shuffled = y.sample(frac=1, random_state=1)
    with pytest.warns(UserWarning, match="another order"):
        regression().fit(pandas.DataFrame(X), shuffled, verbose=0)


def test_accepted():
    model = regression()
    for x, y in (
        (X.tolist(), TARGETS.tolist()),
        (X.astype("float64"), TARGETS[:, None]),
        ((X * 10).astype("int64"), TARGETS),
    ):
        assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])
    big = with_entry((X * 10).astype("int64"), (0, 0), 2**40)
    assert np.isclose(
        np.asarray(model.predict(big, verbose=0))[0], np.asarray(model(big.astype("float32")))[0], rtol=1e-5
    )


def test_the_switch_lets_values_pass():
    model = regression()
    sequax.config.set_data_checks(False)
    try:
        model.fit(with_entry(X, (3, 1), np.nan), TARGETS, verbose=0)
    finally:
        sequax.config.set_data_checks(True)
    assert np.isnan(model.get_weights()[0]).any()


def test_evaluate_and_predict_check_too():
    model = regression()
    with pytest.raises(ValueError, match="NaN"):
        model.evaluate(with_entry(X, (3, 1), np.nan), TARGETS, verbose=0)
    with pytest.raises(ValueError, match="5 features"):
        model.predict(np.ones((2, 5)), verbose=0)
    with pytest.raises(ValueError, match="0 samples"):
        model.predict(X[:0], verbose=0)
    with pytest.raises(ValueError, match=r"x\[None\]"):
        model.predict(np.ones(4), verbose=0)


@pytest.mark.parametrize("rate", [-0.1, float("nan")])
def test_learning_rate(rate):
    with pytest.raises(ValueError, match="learning"):
        sequax.optimizers.Adam(rate)


def test_dropout_of_everything():
    with pytest.raises(ValueError, match="rate"):
        sequax.layers.Dropout(1.0)


def test_early_stopping_of_an_unknown_metric():
    with pytest.raises(ValueError, match="val_loss"):
        regression().fit(X, TARGETS, verbose=0, callbacks=[sequax.callbacks.EarlyStopping(monitor="val_los")])


def test_classes_of_steps_are_weighed_step_by_step():
    steps, labels = np.random.default_rng(2).normal(size=(4, 5, 3)), np.arange(20).reshape(4, 5) % 3
    losses = []
    for weights in ({"class_weight": CLASSES}, {"sample_weight": np.array([1.0, 2.0, 3.0])[labels]}):
        for loss, y in (
            ("sparse_categorical_crossentropy", labels),
            ("sparse_categorical_crossentropy", labels[..., None]),
            ("categorical_crossentropy", np.eye(3)[labels]),
        ):
            sequax.utils.set_random_seed(1)
            model = Sequential([Input((5, 3)), Dense(3, "softmax")])
            model.compile("sgd", loss)
            losses.append(model.fit(steps, y, verbose=0, **weights).history["loss"][0])
    assert np.allclose(losses, losses[0], rtol=1e-5)


CLASSES = {0: 1.0, 1: 2.0, 2: 3.0}


@pytest.mark.parametrize(
    "weights",
    [
        {float(k): v for k, v in CLASSES.items()},
        {np.int64(k): np.float32(v) for k, v in CLASSES.items()},
        pytest.importorskip("pandas").Series(CLASSES),
    ],
)
def test_weights_of_classes_come_in_many_forms(weights):
    losses = []
    for given in (CLASSES, weights):
        sequax.utils.set_random_seed(1)
        losses.append(sparse().fit(X, LABELS, class_weight=given, verbose=0).history["loss"])
    assert losses[0] == losses[1]
    sequax.utils.set_random_seed(1)
    plain = sparse().fit(X, LABELS, verbose=0).history["loss"]
    sequax.utils.set_random_seed(1)
    assert sparse().fit(X, LABELS, class_weight={}, verbose=0).history["loss"] == plain != losses[0]


def test_calls_that_do_not_fit_say_what_was_meant():
    class NoSuper(sequax.Model):
        def __init__(self):
            self.dense = Dense(1)

    class NoSuperEither(sequax.losses.Loss):
        def __init__(self):
            self.factor = 2

    class NameFirst(sequax.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight("kernel", shape=(shape[-1], 2))

    model = regression()
    tensor = Input((4,))
    graph = sequax.Model(tensor, Dense(1)(tensor))
    for call, words in {
        "fit": (lambda: model.fit(X, TARGETS, batchsize=3), "Did you mean 'batch_size'"),
        "compile": (lambda: model.compile(optimiser="adam", loss="mse"), "Did you mean 'optimizer'?"),
        "nothing near": (lambda: model.fit(X, TARGETS, hidden=3), "unexpected keyword argument 'hidden'"),
        "without brackets": (lambda: Sequential(Input((4,)), Dense(1)), "Sequential([first, second, ...])"),
        "list in a list": (lambda: Sequential([[Dense(1)]]), "write `*` in front"),
        "activation": (lambda: Sequential([Dense(1), "relu"]), "`Activation('relu')`"),
        "no kernel size": (lambda: sequax.layers.Conv2D(3), "Conv2D: missing a required argument: 'kernel_size'"),
        "no constructor": (lambda: NoSuper()(X), "must call `super().__init__()`"),
        "loss without constructor": (lambda: NoSuperEither()(TARGETS, TARGETS), "must call `super().__init__()`"),
        "name of a weight first": (
            lambda: Sequential([Input((4,)), NameFirst()]),
            "add_weight(shape=..., name='kernel')",
        ),
        "name alone": (lambda: Dense(1).add_weight("kernel", (3, 2)), "add_weight(shape=..., name='kernel')"),
        "rate in place of a schedule": (lambda: sequax.callbacks.LearningRateScheduler(0.1), "a function of the epoch"),
        "targets as training": (
            lambda: graph(X, TARGETS),
            "`training` is True or False. Received an array of shape (8,)",
        ),
        "input as training": (lambda: graph(tensor, tensor), "Several inputs are one argument, a list"),
        "text as class": (lambda: sequax.utils.to_categorical(["a", "b"]), "these are strings; the first is 'a'"),
    }.values():
        with pytest.raises((TypeError, ValueError, AttributeError)) as caught:
            call()
        assert words in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


def test_a_function_that_asks_for_values_is_told_of_compilation():
    model = model_for("mse", units=1, activation=None, metrics=[lambda y, out: float((y - out).mean())])
    with pytest.raises(TypeError) as caught:
        model.fit(X, TARGETS, verbose=0)
    assert "compile(run_eagerly=True)" in caught.value.__notes__[-1]


def test_half_precision_is_measured_without_a_warning():
    assert len(regression().fit(X.astype("float16"), TARGETS, verbose=0).history["loss"]) == 1


def test_sparse_matrices_train_as_with_their_zeros(monkeypatch):
    matrix = pytest.importorskip("scipy.sparse").coo_array(np.where(X > 0, X, 0))
    model = regression()
    first = model.get_weights()
    losses = []
    for x, resident in ((matrix.toarray(), "40"), (matrix, "40"), (matrix.todok(), "0.0001")):  # the last in parts
        monkeypatch.setenv("SEQUAX_RESIDENT_MB", resident)
        model.set_weights(first)
        model.compile("sgd", "mse")
        losses.append(model.fit(x, TARGETS, batch_size=3, shuffle=False, verbose=0, validation_split=0.25).history)
        np.testing.assert_allclose(model.predict(x, verbose=0), model.predict(matrix.toarray(), verbose=0), atol=1e-6)
    assert losses[0] == losses[1] == losses[2]
