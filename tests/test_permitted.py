"""What Keras trains rightly is not refused: odd arguments, frozen models, partial losses, changes between epochs."""

import threading

import numpy as np
import pandas
import pytest

import sequax
from sequax import layers, ops

X = np.random.default_rng(0).normal(size=(48, 3)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")


def model_of(keras=sequax, outputs=1, **settings):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, kernel_initializer="ones"), keras.layers.Dense(outputs)], name="model"
    )
    model.layers[-1].set_weights([np.full((4, outputs), 0.1), np.zeros(outputs)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **settings})
    return model


def equal(one, two):
    assert list(one) == list(two)
    for name, values in two.items():
        np.testing.assert_allclose(one[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


# --- weights of classes and samples ----------------------------------------------------------------------------------

CLASS_WEIGHTS = {
    "float keys": {0.0: 1.0, 1.0: 3.0},
    "NumPy keys and values": {np.int64(0): np.float32(1), np.float32(1): np.array(3.0)},
    "bools": {False: 1.0, True: 3.0},
    "Series": pandas.Series([1.0, 3.0]),
}


@pytest.mark.parametrize("kind", CLASS_WEIGHTS)
def test_class_weights(kind):
    expected = model_of().fit(X, Y, class_weight={0: 1.0, 1: 3.0}, shuffle=False, verbose=0).history
    assert model_of().fit(X, Y, class_weight=CLASS_WEIGHTS[kind], shuffle=False, verbose=0).history == expected


def test_classes_without_a_weight_count_as_1():
    expected = model_of().fit(X, Y, class_weight={0: 1.0, 1: 3.0}, shuffle=False, verbose=0).history
    with pytest.warns(UserWarning, match="no weight for class 0, found in y: it counts as 1"):
        assert model_of().fit(X, Y, class_weight={1: 3.0}, shuffle=False, verbose=0).history == expected


@pytest.mark.parametrize("rows", [1, 2])
def test_class_weights_of_labels_without_an_axis_for_the_output(rows):
    weights = {0: 2.0, 1: 3.0}
    expected = model_of(sequax).fit(X[:rows], Y[:rows], class_weight=weights, verbose=0).history
    plain = model_of(sequax).fit(X[:rows], Y[:rows], verbose=0).history
    assert model_of(sequax).fit(X[:rows], Y[:rows, 0], class_weight=weights, verbose=0).history == expected != plain


def test_no_class_weights_are_none():
    expected = model_of().fit(X, Y, shuffle=False, verbose=0).history
    assert model_of().fit(X, Y, class_weight={}, shuffle=False, verbose=0).history == expected


def test_negative_sample_weights_train_as_in_keras_with_one_warning(keras):
    weights = np.linspace(-1, 1, 48)
    expected = model_of(keras).fit(X, Y, sample_weight=weights, shuffle=False, verbose=0).history
    with pytest.warns(UserWarning, match="sample_weight has negative weights") as caught:
        found = model_of().fit(X, Y, sample_weight=weights, shuffle=False, verbose=0).history
    equal(found, expected)
    assert [one.filename for one in caught] == [__file__]

    def batches():
        while True:
            yield X[:16], Y[:16], weights[:16]

    with pytest.warns(UserWarning, match="negative weights") as caught:
        model_of().fit(batches(), steps_per_epoch=4, verbose=0)
    assert len(caught) == 1


def test_nan_weights_stay_refused():
    with pytest.raises(ValueError, match="sample_weight has 1 NaN"):
        model_of().fit(X, Y, sample_weight=np.where(np.arange(48) == 5, np.nan, -1.0), verbose=0)


# --- nothing to train ------------------------------------------------------------------------------------------------


def frozen(keras):
    model = model_of(keras)
    model.trainable = False
    model.compile("adam", "mse")
    return model, X


def weightless(keras):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("tanh")], name="model")
    model.compile("adam", "mse")
    return model, Y


@pytest.mark.parametrize(
    ("make", "why"),
    [(frozen, "all of its layers are frozen"), (weightless, "it has no weights")],
    ids=["frozen", "weightless"],
)
def test_a_model_with_nothing_to_train_runs_and_says_why(make, why, keras):
    theirs, x = make(keras)
    expected = theirs.fit(x, Y, epochs=2, shuffle=False, verbose=0).history
    ours, _ = make(sequax)
    before = ours.get_weights()
    with pytest.warns(UserWarning, match=f"Nothing is trained in model 'model': {why}") as caught:
        equal(ours.fit(x, Y, epochs=2, shuffle=False, verbose=0).history, expected)
    assert [one.filename for one in caught] == [__file__]
    with pytest.warns(UserWarning, match=why):
        ours.train_on_batch(x, Y)
    for one, two in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, two)


# --- losses and targets of some outputs ------------------------------------------------------------------------------


def branched(keras, loss, **settings):
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(1, kernel_initializer="ones")(inputs)
    names = "abc"
    scales = {"a": 1.0, "b": 2.0, "c": 3.0}
    outputs = [keras.layers.Rescaling(scales[name], name=name)(hidden) for name in names]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss, **settings)
    return model


PARTIAL = {
    "one target for the one loss": (["mse", None, None], Y),
    "as many targets as losses": (["mse", None, "mae"], [Y, Y]),
}


@pytest.mark.parametrize("kind", PARTIAL)
def test_outputs_without_loss_need_no_targets(kind, keras):
    loss, y = PARTIAL[kind]
    expected = branched(keras, loss).fit(X, y, epochs=2, shuffle=False, verbose=0).history
    equal(branched(sequax, loss).fit(X, y, epochs=2, shuffle=False, verbose=0).history, expected)


def test_a_loss_of_the_users_that_is_called_like_one_of_ours_takes_any_targets():
    def binary_crossentropy(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), -1)

    expected = model_of().fit(X, 5 * Y - 1, shuffle=False, verbose=0).history
    found = model_of(loss=binary_crossentropy).fit(X, 5 * Y - 1, shuffle=False, verbose=0).history
    equal(found, expected)


@pytest.mark.parametrize("y", [[Y, None, Y], (Y, None, Y), {"a": Y, "b": None, "c": Y}], ids=["list", "tuple", "dict"])
def test_none_in_the_place_of_a_target(y):
    expected = branched(sequax, ["mse", None, "mae"]).evaluate(X, [Y, Y], verbose=0, return_dict=True)
    metrics = [["mae"], ["mse"], None]
    model = branched(sequax, ["mse", None, "mae"], metrics=metrics)
    found = model.evaluate(X, y, verbose=0, return_dict=True)
    assert {key: found[key] for key in expected} == expected
    by_name = branched(sequax, {"a": "mse", "c": "mae"})
    assert by_name.evaluate(X, {"a": Y, "c": Y}, verbose=0, return_dict=True) == expected


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([Y, None, None], "no target for output 'b', and its loss needs one"),
        ({"a": Y, "b": None}, "no target for output 'b'"),
        (Y, r"y has 1 array; the model has 3 outputs \(a, b, c\)"),
    ],
)
def test_a_loss_without_a_target_is_refused(y, words):
    with pytest.raises(ValueError, match=words):
        branched(sequax, ["mse", "mse", None]).fit(X, y, verbose=0)


# --- metrics whose variables come with the first batch ---------------------------------------------------------------


def lazy_metric(keras, from_start):
    class Lazy(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="lazy")
            self.total = None
            self.rows = self.add_variable((), "zeros", name="rows") if from_start else None

        def update_state(self, y_true, y_pred, sample_weight=None):
            if self.total is None:
                self.total = self.add_variable((y_pred.shape[-1],), "zeros", name="total")
            self.total.assign(self.total + keras.ops.sum(y_pred, axis=0))

        def result(self):
            return keras.ops.sum(self.total)

    return Lazy()


@pytest.mark.parametrize("from_start", [False, True])
def test_metrics_that_make_variables_in_update_state(from_start, keras):
    histories = []
    for library in (keras, sequax):
        model = model_of(library, metrics=[library.metrics.R2Score(), lazy_metric(library, from_start)])
        histories.append(model.fit(X, Y, epochs=2, shuffle=False, validation_split=0.25, verbose=0).history)
    equal(histories[1], histories[0])


def test_a_metric_may_return_its_variable():
    class Rows(sequax.metrics.Metric):
        def __init__(self):
            super().__init__(name="rows")
            self.rows = self.add_variable((), "zeros", name="rows")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.rows.assign_add(ops.shape(y_pred)[0])

        def result(self):
            return self.rows

    assert model_of(metrics=[Rows()]).evaluate(X, Y, verbose=0)[1] == 48


# --- a compiled model inside a compiled model ------------------------------------------------------------------------


def test_metrics_of_a_model_inside_are_its_own(keras):
    results = []
    for library in (keras, sequax):
        inner = model_of(library, outputs=3, metrics=["mae"])
        inner.fit(X, X, shuffle=False, verbose=0)
        inputs = library.Input((3,))
        outer = library.Model(inputs, library.layers.Dense(1, kernel_initializer="ones")(inner(inputs)))
        outer.compile("sgd", "mse", metrics=["mse"])
        assert len(outer.metrics) == 2
        results.append([outer.train_on_batch(X, Y), outer.evaluate(X, Y, verbose=0)])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5)
    assert outer.metrics_names == ["loss", "mse"]


def test_metrics_of_layers_inside_a_model_are_reported():
    class Counting(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seen = sequax.metrics.Sum(name="seen")

        def call(self, x):
            self.seen.update_state(ops.ones((ops.shape(x)[0],)))
            return x

    inner = sequax.Sequential([sequax.Input((3,)), Counting(), layers.Dense(1)])
    outer = sequax.Sequential([sequax.Input((3,)), inner])
    outer.compile("sgd", "mse")
    assert outer.evaluate(X, Y, verbose=0, return_dict=True)["seen"] == 48


# --- changes while training goes on ----------------------------------------------------------------------------------


class Once(sequax.callbacks.Callback):
    """Calls a function of the model at the end of the first epoch, or after a batch of it."""

    def __init__(self, function, batch=None):
        super().__init__()
        self.function, self.batch, self.epoch = function, batch, 0
        self.watches_batches = batch is not None

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 0 and batch == self.batch:
            self.function(self.model)

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0 and self.batch is None:
            self.function(self.model)
        self.epoch += 1


def recompile(model):
    model.compile(sequax.optimizers.Adam(0.01), "mae", metrics=["mse"])


@pytest.mark.parametrize("stream", [False, True])
def test_compile_between_epochs_counts_from_the_next_epoch_on(stream):
    def data():
        if not stream:
            return {"x": X, "y": Y, "batch_size": 16}
        return {"x": ((X[i % 3 * 16 :][:16], Y[i % 3 * 16 :][:16]) for i in range(9)), "steps_per_epoch": 3}

    settings = {"shuffle": False, "verbose": 0, "validation_data": (X, Y)}
    apart = model_of()
    first = apart.fit(**data(), **settings).history
    recompile(apart)
    second = apart.fit(X, Y, batch_size=16, epochs=2, **settings).history
    model = model_of()
    history = model.fit(**data(), epochs=3, callbacks=[Once(recompile)], **settings).history
    expected = {name: [*first.get(name, []), *second[name]] for name in second}
    equal({name: history[name] for name in expected}, expected)
    for one, two in zip(model.get_weights(), apart.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6)


def test_compile_inside_of_an_epoch_counts_from_the_next_batch_on():
    model = model_of()
    model.fit(X, Y, batch_size=10, shuffle=False, verbose=0, callbacks=[Once(recompile, batch=1)])
    assert int(model.optimizer.iterations) == 3  # of 5 batches, of which the last is short
    assert isinstance(model.optimizer, sequax.optimizers.Adam)


def test_a_loss_that_does_not_suit_the_targets_is_refused_then_too():
    def unsuited(model):
        model.compile("sgd", "sparse_categorical_crossentropy")

    with pytest.raises(ValueError, match="y has label"):
        model_of().fit(X, Y + 7, epochs=2, verbose=0, callbacks=[Once(unsuited)])


def test_run_eagerly_and_jit_compile_may_be_set_at_any_time():
    model = sequax.Sequential([sequax.Input((3,)), layers.Dense(1)])
    expected = model.predict(X, verbose=0)
    assert (model.run_eagerly, model.jit_compile) == (False, True)
    model.run_eagerly = True
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-6)
    for settings, flags in (({"jit_compile": False}, (False, False)), ({"run_eagerly": True}, (True, False))):
        model.compile("sgd", "mse", **settings)
        assert (model.run_eagerly, model.jit_compile) == flags
    model.compile("sgd", "mse")
    assert (model.run_eagerly, model.jit_compile, model.steps_per_execution) == (False, True, 1)
    model.jax_state_sync()


def test_the_steps_as_functions():
    model = model_of(metrics=["mae"])
    expected = model.test_on_batch(X, Y, return_dict=True)
    model.optimizer.build(model.trainable_variables)
    model.make_train_function()
    model.make_test_function()
    model.make_predict_function()
    trainable, other, optimizer, metrics = (
        [v.value for v in group]
        for group in (
            *(model.trainable_variables, model.non_trainable_variables),
            *(model.optimizer.variables, model.metrics_variables),
        )
    )
    outputs, _ = model.predict_function((trainable, other), iter([(X,)]))
    np.testing.assert_allclose(outputs, model.predict(X, verbose=0), rtol=1e-6)
    model.reset_metrics()
    metrics = [v.value for v in model.metrics_variables]
    logs, _ = model.test_function((trainable, other, metrics), iter([(X, Y)]))
    assert {name: pytest.approx(float(value)) for name, value in logs.items()} == expected
    _, (after, *_) = model.train_function((trainable, other, optimizer, metrics), iter([(X, Y)]))
    model.train_on_batch(X, Y)
    np.testing.assert_allclose(after[0], model.trainable_variables[0].value, rtol=1e-6)

    class Own(sequax.Sequential):
        def make_train_function(self, force=False):
            return None

    with pytest.raises(TypeError, match="Override train_step"):
        Own([sequax.Input((3,)), layers.Dense(1)]).compile("sgd", "mse")


@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_batch_hooks_by_steps_per_execution(steps, keras):
    calls = []
    for library in (keras, sequax):

        class Noting(library.callbacks.Callback):
            def __init__(self, called):
                super().__init__()
                self.called = called

            def set_model(self, model):
                super().set_model(model)
                for kind in ("train", "test", "predict"):
                    for when in ("begin", "end"):
                        setattr(self, f"on_{kind}_batch_{when}", self.noting(f"{kind} {when}"))

            def noting(self, name):
                return lambda batch, logs=None: self.called.append((name, batch, self.shown(logs)))

            def shown(self, logs):
                if "outputs" in logs:
                    return np.shape(logs["outputs"][0] if isinstance(logs["outputs"], list) else logs["outputs"])
                return {name: f"{float(value):.3g}" for name, value in logs.items()}

        model = model_of(library, steps_per_execution=steps)
        called = []
        noting = Noting(called)
        settings = {"batch_size": 10, "verbose": 0, "callbacks": [noting]}
        model.fit(X, Y, epochs=2, shuffle=False, validation_data=(X[:35], Y[:35]), **settings)
        model.evaluate(X, Y, **settings)
        model.predict(X, **settings)
        calls.append(called)
    # Keras calls them from a thread, in whatever order.
    assert sorted(calls[1], key=str) == sorted(calls[0], key=str)
    assert [batch for name, batch, _ in calls[1] if name.startswith("train")][:2] == [0, steps - 1]


@pytest.mark.parametrize("steps", [0, 1.5, "auto"])
def test_steps_per_execution_is_a_number_of_batches(steps):
    with pytest.raises(ValueError, match="steps_per_execution must be a whole number"):
        model_of(steps_per_execution=steps)


@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_a_callback_may_end_an_evaluation_or_a_prediction(method):
    def endless():
        while True:
            yield (X[:4], Y[:4]) if method == "evaluate" else (X[:4],)

    class Stopper(sequax.callbacks.Callback):
        seen = 0

        def on_test_batch_end(self, batch, logs=None):
            self.seen += 1
            if self.seen == 5:
                self.model.stop_evaluating = self.model.stop_predicting = True

        on_predict_batch_end = on_test_batch_end

    stopper, model = Stopper(), model_of()
    result = getattr(model, method)(endless(), callbacks=[stopper], verbose=0)
    assert stopper.seen == 5
    assert method == "evaluate" or result.shape == (20, 1)
    assert model.predict(X, callbacks=[], verbose=0).shape == (48, 1)  # the next one runs to its end


def test_a_metric_with_one_value_per_output_may_be_monitored():
    stopper = sequax.callbacks.EarlyStopping("f1_score", mode="max")
    model = model_of(loss="binary_crossentropy", metrics=[sequax.metrics.F1Score(threshold=0.5)])
    model.layers[-1].activation = sequax.activations.sigmoid
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[stopper])
    assert isinstance(stopper.best, float)


# --- callbacks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("raise_error", [False, True])
def test_terminate_on_nan_sees_targets_that_are_not_finite(value, raise_error):
    model = model_of()
    y = np.where(np.arange(48)[:, None] == 7, value, Y)
    callbacks = [sequax.callbacks.TerminateOnNaN(raise_error=raise_error)]
    if raise_error:
        with pytest.raises(RuntimeError, match="the loss is"):
            model.fit(X, y, epochs=3, verbose=0, callbacks=callbacks)
    else:
        assert len(model.fit(X, y, epochs=3, verbose=0, callbacks=callbacks).history["loss"]) == 1
    with pytest.raises(ValueError, match="y has 1"):
        model.fit(X, y, verbose=0)


@pytest.mark.parametrize("change", ["scheduler", "plateau"])
def test_learning_rates_in_a_multi_optimizer(change):
    slow, fast = sequax.optimizers.SGD(0.1, name="slow"), sequax.optimizers.Adam(0.2, name="fast")
    optimizer = sequax.optimizers.MultiOptimizer(lambda v: slow if v.name == "bias" else fast)
    if change == "scheduler":
        callback = sequax.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    else:
        callback = sequax.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    history = model_of(optimizer=optimizer).fit(X, Y, epochs=2, verbose=0, callbacks=[callback]).history
    rates = {name: values for name, values in history.items() if name != "loss"}
    last = 0.5 if change == "scheduler" else 1
    assert {k: pytest.approx(v) for k, v in rates.items()} == {
        "learning_rate_fast": [0.2, 0.2 * last],
        "learning_rate_slow": [0.1, 0.1 * last],
    }
    assert float(slow.learning_rate) == pytest.approx(0.05)


@pytest.mark.parametrize("change", ["assign", "assign_add", "setter", "callback"])
def test_no_learning_rate_below_zero(change):
    model = model_of()
    optimizer = model.optimizer
    with pytest.raises(ValueError, match="must be a finite number >= 0"):
        if change == "setter":
            optimizer.learning_rate = -0.1
        elif change == "callback":
            schedule = sequax.callbacks.LearningRateScheduler(lambda epoch: -0.1)
            model.fit(X, Y, verbose=0, callbacks=[schedule])
        else:
            getattr(optimizer.learning_rate, change)(-0.1)
    assert float(optimizer.learning_rate) == pytest.approx(0.01)
    optimizer.learning_rate.assign(0.5)
    assert float(optimizer.learning_rate) == 0.5


def test_a_lambda_callback_takes_other_attributes():
    callback = sequax.callbacks.LambdaCallback(custom_method=len, settings=3)
    assert (callback.custom_method("ab"), callback.settings) == (2, 3)
    with pytest.raises(ValueError, match="which is no hook"):
        sequax.callbacks.LambdaCallback(on_epoch_ends=len)


def test_monitor_op_says_the_direction_and_may_be_set():
    model = model_of(metrics=["r2_score"])
    for monitor, expected in (("loss", ops.less), ("r2_score", ops.greater)):
        callbacks = [
            sequax.callbacks.EarlyStopping(monitor),
            sequax.callbacks.ReduceLROnPlateau(monitor),
        ]
        assert [one.monitor_op for one in callbacks] == [None, None]
        model.fit(X, Y, verbose=0, callbacks=callbacks)
        assert [one.monitor_op for one in callbacks] == [expected, expected]
    stopper = sequax.callbacks.EarlyStopping("loss", patience=1)
    stopper.monitor_op = np.greater  # the loss is to grow
    assert len(model.fit(X, Y, epochs=9, verbose=0, callbacks=[stopper]).history["loss"]) == 2


def test_a_checkpoint_without_its_metric_warns_once_and_saves(tmp_path):
    path = tmp_path / "{epoch}.keras"
    with pytest.warns(UserWarning, match="have no 'val_f1'.*each model is saved") as caught:
        model_of().fit(
            *(X, Y),
            epochs=2,
            verbose=0,
            callbacks=[sequax.callbacks.ModelCheckpoint(path, "val_f1", save_best_only=True, mode="max")],
        )
    assert len(caught) == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["1.keras", "2.keras"]


@pytest.mark.parametrize("as_json", [False, True])
def test_remote_monitor_by_requests(as_json, monkeypatch):
    class Requests:
        calls = ()

        @classmethod
        def post(cls, *args, **kwargs):
            cls.calls = (*cls.calls, (args, kwargs, threading.current_thread()))
            return cls

        @classmethod
        def raise_for_status(cls):
            if len(cls.calls) > 1:
                raise OSError("503")

    monkeypatch.setitem(__import__("sys").modules, "requests", Requests)
    monitor = sequax.callbacks.RemoteMonitor(send_as_json=as_json, headers={"key": "1"})
    monitor.on_epoch_end(3, {"loss": np.float32(0.5), "val": np.arange(1)})
    args, kwargs, _ = Requests.calls[0]
    assert kwargs.pop("headers") == {"key": "1"}
    assert args[0] == "http://localhost:9000/publish/epoch/end/"
    results = {"epoch": 3, "loss": 0.5, "val": 0}
    if as_json:
        assert kwargs == {"json": results}
    else:
        assert args[1] == {"data": '{"epoch": 3, "loss": 0.5, "val": 0}'}
    with pytest.warns(UserWarning, match="could not send epoch 4"):
        monitor.on_epoch_end(4, {})


BALANCED = {0: 60 / (2 * 48), 1: 60 / (2 * 12)}
ROWS = np.linspace(-1, 1, 60 * 3, dtype="float32").reshape(60, 3)
RARE = (np.arange(60) % 5 == 0).astype("float32")[:, None]


@pytest.mark.parametrize("held_out", [0.0, 0.25])
def test_balanced_class_weights(held_out):
    """As scikit-learn means it; rows that are held out count nowhere."""
    settings = {"validation_split": held_out, "shuffle": False, "verbose": 0}
    labels = RARE.copy()
    labels[45:] = 1 if held_out else labels[45:]
    counted = {0: 45 / (2 * 36), 1: 45 / (2 * 9)} if held_out else BALANCED
    expected = model_of().fit(ROWS, labels, class_weight=counted, **settings).history
    assert model_of().fit(ROWS, labels, class_weight="balanced", **settings).history == expected
    assert model_of().fit(ROWS, labels, **settings).history != expected


@pytest.mark.parametrize("one_hot", [False, True])
def test_balanced_class_weights_of_several_classes(one_hot):
    labels = np.array([0, 0, 0, 2, 1, 0] * 5)
    weights = {0: 30 / (3 * 20), 1: 30 / (3 * 5), 2: 30 / (3 * 5)}
    histories = []
    for given in (weights, "balanced"):
        sequax.utils.set_random_seed(0)
        model = sequax.Sequential([sequax.Input((3,)), sequax.layers.Dense(3, activation="softmax")])
        model.compile("sgd", "categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy")
        y = np.eye(3)[labels] if one_hot else labels
        histories.append(model.fit(ROWS[:30], y, class_weight=given, epochs=2, verbose=0).history)
    assert histories[0] == histories[1]


def test_balanced_class_weights_need_all_rows():
    with pytest.raises(ValueError, match="which a stream does not have"):
        model_of().fit(iter([(ROWS, RARE)]), class_weight="balanced", steps_per_epoch=1, verbose=0)
    with pytest.raises(ValueError, match="which one batch does not have"):
        model_of().train_on_batch(ROWS, RARE, class_weight="balanced")
    with pytest.raises(ValueError, match="or \"balanced\", got 'even'"):
        model_of().fit(ROWS, RARE, class_weight="even", verbose=0)
