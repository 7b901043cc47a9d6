"""Small models train in one vector: the same numbers as variable by variable, and nothing to be seen of it outside."""

import numpy as np
import pytest

import sequax
from sequax.training import flat
from sequax.training.state import Slots

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
def test_one_vector_trains_like_single_variables(name, data, monkeypatch):
    together = trained(OPTIMIZERS[name], data)
    monkeypatch.setattr(flat, "MOST_NUMBERS", 0)
    sequax.utils.clear_session()
    apart = trained(OPTIMIZERS[name], data)
    np.testing.assert_allclose(together[0], apart[0], rtol=2e-5)
    for one, other in zip(together[1], apart[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


def layout_of(model):
    model.optimizer.build(model.trainable_variables)
    return flat.of(model, Slots.of(model, model.optimizer))


@pytest.mark.parametrize(
    ("why", "optimizer", "kwargs"),
    [
        ("a length per variable", lambda: sequax.optimizers.Adam(clipnorm=1.0), {}),
        ("a factor per variable", lambda: sequax.optimizers.Lamb(), {}),
        ("a class of the user's", lambda: type("Own", (sequax.optimizers.Adam,), {})(), {}),
        ("a constraint", lambda: sequax.optimizers.Adam(), {"kernel_constraint": "non_neg"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_treats_variables_apart_keeps_them_apart(why, optimizer, kwargs):
    assert layout_of(model_with(optimizer(), **kwargs)) is None


def test_variables_that_do_not_decay_are_kept_apart():
    optimizer = sequax.optimizers.AdamW()
    assert layout_of(model_with(optimizer)) is not None
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert layout_of(model_with(optimizer)) is None


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
