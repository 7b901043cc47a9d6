"""Callbacks that change or measure training, on small models; beside Keras' where Keras has them."""

from __future__ import annotations

import http.server
import inspect
import json
import threading
import urllib.parse
from types import SimpleNamespace

import jax
import numpy as np
import optax
import pytest

import sequax
from sequax import callbacks, optimizers
from sequax.callbacks import time_limit

keras = pytest.importorskip("keras")

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(24, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5]], "float32")


def new_model(optimizer, kind=sequax):
    model = kind.Sequential([kind.layers.Input((3,)), kind.layers.Dense(1, kernel_initializer="ones", name="only")])
    model.compile(optimizer, "mse")
    return model


def fit(model, *given, epochs=3, **arguments):
    arguments = {"batch_size": 8, "shuffle": False, "verbose": 0} | arguments
    return model.fit(X, Y, epochs=epochs, callbacks=list(given), **arguments)


def first_weight(model) -> float:
    return float(model.get_weights()[0][0, 0])


NEW = {
    "finder": callbacks.LearningRateFinder,
    "one cycle": lambda: callbacks.OneCycle(0.1),
    "time limit": lambda: callbacks.TimeLimit(minutes=10),
    "statistics": callbacks.LayerStatistics,
    "one line": callbacks.OneLine,
    "swap": callbacks.SwapEMAWeights,
    "remote": callbacks.RemoteMonitor,
    "tensorboard": callbacks.TensorBoard,
}


@pytest.mark.parametrize("name", ["fit", "evaluate", "predict"])
def test_callbacks_are_told_of_compilations_and_only_of_these(name):
    sequax.utils.clear_session()  # forgets programs
    model = sequax.Sequential([sequax.Input((3, 1)), sequax.layers.GRU(2), sequax.layers.Dense(1)])
    model.compile("sgd", "mse")
    told = []
    watcher = callbacks.Callback()
    watcher.on_compile_begin = told.append
    watcher.on_compile_end = told.append
    given = (X[:8],) if name == "predict" else (X[:8], Y[:8])
    what = {"fit": "training step", "evaluate": "evaluation step", "predict": "prediction step"}[name]
    getattr(model, name)(*given, callbacks=[watcher], verbose=0)
    assert told == [what, what]
    getattr(model, name)(*given, callbacks=[watcher], verbose=0)
    assert told == [what, what]


@pytest.mark.parametrize("name", NEW)
def test_only_the_finder_watches_batches(name):
    made = callbacks.CallbackList([NEW[name]()])
    watched = [kind for kind in ("train", "test", "predict") if made.sees_batches(kind)]
    assert watched == (["train"] if name == "finder" else [])


@pytest.mark.parametrize("name", NEW)
def test_states_are_json(name):
    first, again = NEW[name](), NEW[name]()
    again.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert again.state_dict() == first.state_dict()


@pytest.mark.parametrize("name", ["RemoteMonitor", "SwapEMAWeights", "TensorBoard"])
def test_signatures_are_keras(name):
    ours, theirs = (inspect.signature(getattr(kind.callbacks, name)).parameters.values() for kind in (sequax, keras))
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


# --- averages of weights ---


def watcher(kind, seen, mark):
    def note(moment):
        return lambda *_: seen.append((mark, moment, round(first_weight(callback.model), 5)))

    hooks = ("on_epoch_begin", "on_epoch_end", "on_test_begin", "on_test_end")
    callback = kind.callbacks.LambdaCallback(**{hook: note(hook) for hook in hooks})
    return callback


@pytest.fixture(scope="module")
def averaging():
    """One model of each kind, so that each compiles once, and what all its variables hold at first."""
    made = []
    for kind in (sequax, keras):
        model = new_model(kind.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), kind)
        model.optimizer.build(model.trainable_variables)
        variables = [*model.trainable_variables, *model.optimizer.variables]
        made.append((kind, model, [(variable, np.array(variable.numpy())) for variable in variables]))
    return made


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_swapped_averages_are_keras(averaging, swap_on_epoch):
    seen, results = {}, {}
    for kind, model, start in averaging:
        for variable, value in start:
            variable.assign(value)
        mine = seen[kind] = []
        swap = kind.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
        before, after = watcher(kind, mine, "before"), watcher(kind, mine, "after")
        history = fit(model, before, swap, after, validation_data=(X, Y))
        results[kind] = history.history, model.get_weights()[0]
    assert [moment[:2] for moment in seen[sequax]] == [moment[:2] for moment in seen[keras]]
    np.testing.assert_allclose([m[2] for m in seen[sequax]], [m[2] for m in seen[keras]], atol=2e-5)
    for name, values in results[keras][0].items():
        np.testing.assert_allclose(results[sequax][0][name], values, rtol=1e-5)
    np.testing.assert_allclose(results[sequax][1], results[keras][1], rtol=1e-5)


def test_averages_stay_although_training_is_ended_early():
    model = new_model(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    kept = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda *_: kept.append(first_weight(model)))
    stop = callbacks.LambdaCallback(on_epoch_end=lambda *_: setattr(model, "stop_training", True))
    fit(model, callbacks.SwapEMAWeights(swap_on_epoch=True), keep, stop)
    assert [first_weight(model)] == kept
    assert float(model.optimizer.averages()[0][1].numpy()[0, 0]) == kept[0]


def test_averages_at_the_end_whoever_writes_weights_too():
    model = new_model(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    swap = callbacks.SwapEMAWeights(swap_on_epoch=True)
    shown = []
    note = callbacks.LambdaCallback(on_epoch_end=lambda *_: shown.append(first_weight(model)))
    fit(model, swap, note)
    assert first_weight(model) == shown[-1]
    others = [np.full((3, 1), 7.0), np.zeros(1)]
    fit(model, callbacks.LambdaCallback(on_train_end=lambda *_: model.set_weights(others)), swap)
    assert first_weight(model) == 7.0


def test_a_run_resumes_between_two_epochs_that_show_averages():
    def make():
        return new_model(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))

    def swap():
        return callbacks.SwapEMAWeights(swap_on_epoch=True)

    kept, whole, resumed = [], make(), make()
    first, second = swap(), swap()

    def keep(epoch, logs):
        weights = [v.numpy() for v in whole.optimizer.variables]
        kept.append((json.loads(json.dumps(first.state_dict())), whole.get_weights(), weights))

    fit(whole, first, callbacks.LambdaCallback(on_epoch_end=keep))
    state, weights, of_optimizer = kept[0]
    resumed.set_weights(weights)
    resumed.optimizer.build(resumed.trainable_variables)
    resumed.optimizer.set_weights(of_optimizer)
    load = callbacks.LambdaCallback(on_train_begin=lambda *_: second.load_state_dict(state))
    fit(resumed, second, load, initial_epoch=1)
    np.testing.assert_array_equal(resumed.get_weights()[0], whole.get_weights()[0])


def test_weights_come_back_after_an_error():
    model = new_model(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    fit(model, epochs=1)
    model.set_weights([weight + 1 for weight in model.get_weights()])  # away from the averages
    before = model.get_weights()

    def fail(*_):
        assert first_weight(model) != before[0][0, 0]
        raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        model.evaluate(
            X, Y, verbose=0, callbacks=[callbacks.LambdaCallback(on_test_end=fail), callbacks.SwapEMAWeights()]
        )
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_predictions_with_averages():
    model = new_model(optimizers.LossScaleOptimizer(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)))
    swap = callbacks.SwapEMAWeights()
    np.testing.assert_allclose(model.predict(X, verbose=0, callbacks=[swap])[:, 0], X.sum(1), rtol=1e-5, atol=1e-6)
    fit(model, epochs=1)
    (kernel, kernel_average), (_, bias_average) = model.optimizer.averages()
    expected, weights = X @ kernel_average.numpy() + bias_average.numpy(), kernel.numpy()
    np.testing.assert_allclose(model.predict(X, verbose=0, callbacks=[swap]), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(kernel.numpy(), weights)


def test_swapping_needs_averages():
    with pytest.raises(ValueError, match="use_ema=True"):
        fit(new_model("sgd"), callbacks.SwapEMAWeights())


# --- a server ---


@pytest.fixture
def server():
    """Collects what is posted; answers 500 below `/broken`."""
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, dict(self.headers), body))
            self.send_response(500 if self.path.startswith("/broken") else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}", received
        made.shutdown()
        thread.join()


def test_remote_monitor_posts_forms_and_json(server):
    root, received = server
    callbacks.RemoteMonitor(root, field="f", headers={"X-Key": "k"}).on_epoch_end(3, {"loss": np.float32(0.5)})
    callbacks.RemoteMonitor(root, path="/own", send_as_json=True).on_epoch_end(4, {"loss": 0.25})
    (path, headers, form), (own_path, own_headers, text) = received
    assert (path, headers["X-Key"]) == ("/publish/epoch/end/", "k")
    assert json.loads(urllib.parse.parse_qs(form)["f"][0]) == {"epoch": 3, "loss": 0.5}
    assert (own_path, own_headers["Content-Type"]) == ("/own", "application/json")
    assert json.loads(text) == {"epoch": 4, "loss": 0.25}


def test_remote_monitor_survives_its_server(server):
    root, _ = server
    with pytest.warns(UserWarning, match="could not send epoch 0 to http"):
        callbacks.RemoteMonitor(root, path="/broken").on_epoch_end(0, {})
    with pytest.warns(UserWarning, match="could not send epoch 1"):
        callbacks.RemoteMonitor("http://127.0.0.1:9").on_epoch_end(1, {})
    with pytest.raises(ValueError, match="must begin with http"):
        callbacks.RemoteMonitor("file:///etc")


# --- learning rates ---


def test_learning_rate_finder_leaves_no_trace():
    model = new_model(optimizers.SGD(0.01, momentum=0.9))
    fit(model, epochs=1)
    state = [v.numpy() for v in (*model.state_variables, *model.optimizer.variables)]
    loss_of_first_batch = model.evaluate(X[:8], Y[:8], verbose=0)
    finder = callbacks.LearningRateFinder(1e-4, 1e2, steps=40)
    fit(model, finder, epochs=20)
    after = [v.numpy() for v in (*model.state_variables, *model.optimizer.variables)]
    for one, other in zip(after, state, strict=True):
        np.testing.assert_array_equal(one, other)
    assert 10 < len(finder.losses) < 40, "it ends at divergence"
    np.testing.assert_allclose(finder.learning_rates, np.geomspace(1e-4, 1e2, 40)[: len(finder.losses)])
    assert finder.losses[0] == pytest.approx(loss_of_first_batch, rel=1e-5)
    assert finder.learning_rates[0] < finder.suggestion < finder.learning_rates[int(np.argmin(finder.smoothed))]
    fit(model, epochs=1)
    without = new_model(optimizers.SGD(0.01, momentum=0.9))
    fit(without, epochs=2)
    np.testing.assert_array_equal(model.get_weights()[0], without.get_weights()[0])


def test_learning_rate_finder_fits_its_sweep_into_the_epochs(tmp_path):
    model = new_model(optimizers.SGD(0.5))
    finder = callbacks.LearningRateFinder(1e-7, 1e-6, smoothing=0)
    with pytest.raises(ValueError, match="nothing is known yet"):
        _ = finder.suggestion
    with pytest.warns(UserWarning, match="6 batches tell little .* Pass epochs=34, which makes 100"):
        fit(model, finder, epochs=2)
    np.testing.assert_allclose(finder.learning_rates, np.geomspace(1e-7, 1e-6, 6))
    of_batches = [model.evaluate(X[i : i + 8], Y[i : i + 8], verbose=0) for i in (0, 8, 16)]
    assert finder.losses == pytest.approx(of_batches * 2, rel=1e-3), "of one batch each, no means over the epoch"
    assert finder.smoothed == pytest.approx(finder.losses)
    assert float(model.optimizer.learning_rate) == 0.5
    assert finder.plot(tmp_path / "sweep.png").axes[0].get_xscale() == "log"
    finder.learning_rates, finder.smoothed = [1e-3, 1e-2, 1e-1], [1.0, 2.0, 3.0]
    assert finder.suggestion is None


def test_learning_rate_finder_is_not_led_by_the_noise_of_its_first_batches():
    finder = callbacks.LearningRateFinder()
    rates = np.geomspace(1e-7, 10, 100)
    falls = 1 - 0.7 / (1 + np.exp(-3 * np.log10(rates / 0.01)))
    noise = 0.2 * 0.7 ** np.arange(100) * (-1.0) ** np.arange(100)
    finder.learning_rates, finder.smoothed, finder.losses = rates.tolist(), (falls + noise).tolist(), falls.tolist()
    assert 0.003 < finder.suggestion < 0.03


def test_learning_rate_finder_ends_at_a_loss_that_is_not_finite():
    finder = callbacks.LearningRateFinder(1e10, 1e30, steps=30, divergence=1e300)
    fit(new_model(optimizers.SGD(0.5)), finder, epochs=10)
    assert len(finder.losses) < 30 and not np.isfinite(finder.losses[-1])


@pytest.mark.parametrize("anneal", ["cosine", "linear"])
def test_one_cycle_is_optax(anneal):
    last, start = 100, 0.3
    if anneal == "cosine":
        expected = optax.cosine_onecycle_schedule(last, 0.5, start, 10.0, 100.0)
    else:
        rise = optax.linear_schedule(0.05, 0.5, 30)
        expected = optax.join_schedules([rise, optax.linear_schedule(0.5, 0.0005, 70)], [30])
    ours = callbacks.OneCycle(0.5, None, start, 10.0, 100.0, anneal).cycle(last + 1)
    steps = np.arange(last + 5)
    np.testing.assert_allclose(ours(steps), jax.vmap(expected)(np.minimum(steps, last)), rtol=1e-4, atol=1e-7)


def test_one_cycle_drives_the_rate_step_by_step():
    cycle = callbacks.OneCycle(0.2, final_div_factor=10.0)
    model, by_schedule = new_model(optimizers.SGD(0.5)), new_model(optimizers.SGD(cycle.cycle(9)))
    history = fit(model, cycle)
    fit(by_schedule)
    np.testing.assert_allclose(model.get_weights()[0], by_schedule.get_weights()[0], rtol=1e-6)
    np.testing.assert_allclose(history.history["learning_rate"], cycle.cycle(9)(np.array([2, 5, 8])), rtol=1e-5)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.2 / 25 / 10)
    assert float(model.optimizer.get_config()["learning_rate"]) == pytest.approx(0.2 / 25 / 10)
    model.optimizer.learning_rate = 0.5
    fit(model, epochs=1)
    assert float(model.optimizer.learning_rate) == 0.5, "nothing drives it after the training"


def test_one_cycle_goes_on_where_a_run_was_ended():
    whole, parts = new_model(optimizers.SGD(0.5)), new_model(optimizers.SGD(0.5))
    fit(whole, callbacks.OneCycle(0.2), epochs=4)
    first = callbacks.OneCycle(0.2, total_steps=12)
    fit(parts, first, epochs=2)
    state = json.loads(json.dumps(first.state_dict()))
    assert state == {"before_epoch": 3, "done": 3}
    second = callbacks.OneCycle(0.2)
    resume = callbacks.LambdaCallback(on_train_begin=lambda *_: second.load_state_dict(state))
    copy = new_model(optimizers.SGD(0.5))
    copy.set_weights(parts.get_weights())
    fit(parts, second, epochs=4, initial_epoch=2)
    np.testing.assert_allclose(parts.get_weights()[0], whole.get_weights()[0], rtol=1e-6)
    fit(copy, second, resume, epochs=4, initial_epoch=2)
    np.testing.assert_array_equal(copy.get_weights()[0], parts.get_weights()[0])


def test_a_schedule_that_comes_during_training_counts():
    model, expected = new_model(optimizers.SGD(0.5)), new_model(optimizers.SGD(0.0))
    none = optimizers.schedules.PiecewiseConstantDecay([100], [0.0, 0.0])

    def change(epoch, logs):
        if epoch == 1:
            model.optimizer.learning_rate = none
            change.weights = model.get_weights()

    fit(model, callbacks.LambdaCallback(on_epoch_begin=change))
    np.testing.assert_array_equal(model.get_weights()[0], change.weights[0])
    assert first_weight(model) != first_weight(expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: callbacks.LearningRateFinder(1.0, 0.1), "min_learning_rate < max_learning_rate"),
        (lambda: callbacks.LearningRateFinder(steps=1), "`steps` must be an integer >= 2"),
        (lambda: callbacks.LearningRateFinder(smoothing=1.0), "`smoothing` must be a number from 0 to below 1"),
        (lambda: callbacks.OneCycle(0.0), "`max_learning_rate` must be a positive number"),
        (lambda: callbacks.OneCycle(0.1, pct_start=2.0), "pct_start=2.0"),
        (lambda: callbacks.OneCycle(0.1, anneal="cos"), "`anneal` argument must be"),
        (lambda: callbacks.TimeLimit(), "expected a time above 0"),
        (lambda: callbacks.LayerStatistics().plot(), "nothing is recorded yet"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_cycle_of_unknown_length_is_refused():
    cycle = callbacks.OneCycle(0.1)
    cycle.set_model(new_model("sgd"))
    cycle.set_params({"epochs": 2, "steps": None})
    with pytest.raises(ValueError, match="Pass total_steps="):
        cycle.on_train_begin()


# --- time, layers, display ---


def test_time_limit_ends_training(monkeypatch, capsys):
    """A clock that counts how often it is read: at the beginning, and after each dispatch and epoch."""
    ticks = iter(range(1000))
    monkeypatch.setattr(time_limit, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    limit = callbacks.TimeLimit(seconds=1, minutes=0.05, verbose=1)
    assert (limit.seconds, limit.refresh_seconds, callbacks.TimeLimit(hours=1).refresh_seconds) == (4.0, 0.4, 1.0)
    history = fit(new_model("sgd"), limit, epochs=50)
    assert len(history.history["loss"]) < 50
    assert "TimeLimit: ended after" in capsys.readouterr().out


def test_time_limit_ends_within_an_epoch(monkeypatch):
    ticks = iter([0.0, *[9.0] * 1000])
    monkeypatch.setattr(time_limit, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    model = new_model(optimizers.SGD(0.1))
    assert len(fit(model, callbacks.TimeLimit(5), epochs=50, batch_size=1).history["loss"]) == 1
    assert 0 < int(model.optimizer.iterations) < 24


def test_layer_statistics():
    model = new_model(optimizers.SGD(0.1))
    before = model.get_weights()
    statistics = callbacks.LayerStatistics(in_logs=True)
    history = fit(model, statistics, epochs=1)
    after = model.get_weights()
    length = np.sqrt(sum(np.sum(np.square(w)) for w in after))
    change = np.sqrt(sum(np.sum(np.square(a - b)) for a, b in zip(after, before, strict=True)))
    expected = {"weight_norm": [length], "change_norm": [change], "relative_change": [change / length]}
    assert {k: pytest.approx(v, rel=1e-5) for k, v in expected.items()} == statistics.history["only"]
    assert history.history["only/change_norm"] == statistics.history["only"]["change_norm"]
    again = callbacks.LayerStatistics()
    again.load_state_dict(statistics.state_dict())
    assert again.history == statistics.history
    assert again.plot("weight_norm").axes[0].get_ylabel() == "weight norm"
    with pytest.raises(ValueError, match="the measures are"):
        again.plot("size")


@pytest.mark.parametrize("verbose", [0, 1])
def test_one_line_for_a_whole_run(verbose, capsys):
    model = new_model("sgd")
    history = fit(model, callbacks.OneLine(), verbose=verbose, validation_data=(X, Y), epochs=4)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Epoch 4/4 - 12/12 - ")
    assert line.endswith(f"loss: {history.history['loss'][-1]:.4f} - val_loss: {history.history['val_loss'][-1]:.4f}")
    stop = callbacks.LambdaCallback(on_epoch_end=lambda *_: setattr(model, "stop_training", True))
    fit(model, stop, callbacks.OneLine(), verbose=verbose, epochs=4)
    assert capsys.readouterr().out.startswith("Epoch 1/4 - 3/12 - ")
