"""Loops of small models are one kernel: the same numbers as operation by operation, and only where it is faster."""

import platform

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax.training import compiled, single_kernel
from tools import fuzz_kernel

KNOWN = jax.__version_info__[:2] in compiled.VERSIONS and platform.machine() in single_kernel._PROCESSORS
only_with_known_xla = pytest.mark.skipif(not KNOWN, reason="not a JAX and processor that single_kernel lists")

OPTIMIZERS = {
    "sgd": lambda: sequax.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: sequax.optimizers.Adam(0.01, amsgrad=True, weight_decay=0.01),
    "adamw_ema": lambda: sequax.optimizers.AdamW(0.01, use_ema=True, ema_overwrite_frequency=3),
    "adamax_accumulated": lambda: sequax.optimizers.Adamax(0.01, gradient_accumulation_steps=2),
    "rmsprop": lambda: sequax.optimizers.RMSprop(0.01, momentum=0.5, centered=True, clipvalue=0.5),
    "adagrad": lambda: sequax.optimizers.Adagrad(0.1, global_clipnorm=0.5),
    "adadelta": lambda: sequax.optimizers.Adadelta(1.0, loss_scale_factor=4.0),
    "lion": lambda: sequax.optimizers.Lion(0.01),
    "ftrl_schedule": lambda: sequax.optimizers.Ftrl(sequax.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9)),
}


def model_with(optimizer, **kwargs):
    model = sequax.Sequential(
        [
            sequax.Input((4,)),
            sequax.layers.Dense(5, activation="tanh", kernel_initializer="ones", **kwargs),
            sequax.layers.BatchNormalization(),
            sequax.layers.Dense(1),
        ]
    )
    random = np.random.default_rng(3)
    model.set_weights([random.uniform(0.1, 1.0, w.shape) for w in model.get_weights()])
    model.compile(optimizer=optimizer, loss="mse")
    return model


def trained(optimizer, data):
    model = model_with(optimizer())
    losses = model.fit(*data, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"]
    return losses, [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    return random.normal(size=(12, 4)).astype("float32"), random.normal(size=(12, 1)).astype("float32")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_kernel_trains_like_single_operations(name, data, monkeypatch):
    together = trained(OPTIMIZERS[name], data)
    monkeypatch.setattr(single_kernel, "MOST_NUMBERS", 0)
    compiled.clear()
    apart = trained(OPTIMIZERS[name], data)
    np.testing.assert_allclose(together[0], apart[0], rtol=2e-5)
    for one, other in zip(together[1], apart[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


def is_one_kernel(layers, shape, rows=8, optimizer="sgd"):
    model = sequax.Sequential(
        [sequax.Input(shape), *layers, sequax.layers.Flatten(), sequax.layers.Dense(1, name="last")]
    )
    model.compile(optimizer, "mse")
    compiled.clear()
    model.fit(np.ones((2 * rows, *shape), "float32"), np.ones((2 * rows, 1)), batch_size=rows, verbose=0)
    (program,) = compiled._programs.values()
    return "inlineable" in program.as_text()


@only_with_known_xla
@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([sequax.layers.Dense(16, "gelu"), sequax.layers.Dropout(0.5), sequax.layers.LayerNormalization()], (8,)),
        ([sequax.layers.BatchNormalization(), sequax.layers.PReLU(), sequax.layers.Softmax()], (5,)),
    ],
    ids=["dense", "normalized"],
)
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lamb", "nadam", "adafactor"])
def test_small_models_are_one_kernel(layers, shape, optimizer):
    assert is_one_kernel([layer.__class__.from_config(layer.get_config()) for layer in layers], shape, 8, optimizer)


@pytest.mark.parametrize(
    ("why", "layers", "shape", "rows"),
    [
        ("many multiplications", [sequax.layers.Dense(64), sequax.layers.Dense(32)], (32,), 32),
        ("a product compiled badly", [sequax.layers.Dense(2)], (200,), 8),
        ("many numbers", [sequax.layers.Activation("tanh")], (2, 5000), 4),
        ("a loop", [sequax.layers.SimpleRNN(2)], (5, 2), 8),
        ("scattering", [sequax.layers.Embedding(9, 2)], (5,), 8),
        ("another dtype", [sequax.layers.Dense(2, dtype="mixed_bfloat16")], (5,), 8),
        ("a convolution", [sequax.layers.Conv1D(2, 3)], (6, 2), 8),
        ("a decomposition", [sequax.layers.Lambda(lambda x: x @ jnp.linalg.inv(x + jnp.eye(3)), (3, 3))], (3, 3), 8),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_large_or_calls_a_library_is_not(why, layers, shape, rows):
    assert not is_one_kernel(layers, shape, rows)


@only_with_known_xla
def test_it_can_be_turned_off(monkeypatch):
    assert is_one_kernel([], (3,))
    monkeypatch.setenv("SEQUAX_SINGLE_KERNEL", "off")
    assert not is_one_kernel([], (3,))


def test_without_the_options_of_this_xla_a_model_trains_as_well(data, monkeypatch):
    expected = trained(OPTIMIZERS["adam"], data)
    monkeypatch.setattr(single_kernel, "_OPTIONS", {"xla_cpu_no_such_option": True})
    compiled.clear()
    losses, _ = trained(OPTIMIZERS["adam"], data)
    np.testing.assert_allclose(losses, expected[0], rtol=2e-5)
    assert not any("inlineable" in program.as_text() for program in compiled._programs.values())


def test_frozen_layers_stay_as_they_are(data):
    model = model_with("adam")
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()
    model.fit(*data, batch_size=6, epochs=2, verbose=0)
    model.layers[0].trainable = True
    for one, other in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    model.fit(*data, batch_size=6, epochs=1, verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.layers[0].get_weights(), strict=True))


@pytest.mark.parametrize("number", range(4))
@pytest.mark.filterwarnings("ignore:The output has the regression loss:UserWarning")
def test_random_models_train_alike(number):
    """More of them: `make fuzz-kernel`."""
    fuzz_kernel.compare(number)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_row_alone_whose_order_nobody_reads(rows):
    """XLA ends the process where an argument of a kernel is not used, as it finds out for a single row."""
    model = model_with("sgd")
    assert np.isfinite(model.train_on_batch(np.ones((rows, 4)), np.ones((rows, 1))))
