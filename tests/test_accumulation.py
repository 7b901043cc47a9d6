"""Gradients accumulated in `fit`: the mean over all rows of a round, however they fall into batches."""

import numpy as np
import pytest

import sequax
from sequax import layers, optimizers

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype("float32")
Y = (X.sum(1, keepdims=True) ** 2).astype("float32")
START = [RNG.normal(size=(4, 1)).astype("float32"), np.zeros(1, "float32")]


def trained(optimizer, rows=40, batch=10, loss="mse", library=sequax, epochs=1, weights=None, inner=()):
    model = library.Sequential([library.Input((4,)), *inner, library.layers.Dense(1, kernel_regularizer="l2")])
    model.set_weights(START)
    model.compile(optimizer, loss)
    arguments = {} if weights is None else {"sample_weight": weights}
    model.fit(X[:rows], Y[:rows], batch_size=batch, epochs=epochs, shuffle=False, verbose=0, **arguments)
    return model


def same(ours, theirs, rtol=1e-5, atol=1e-6):
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


OPTIMIZERS = {
    "plain": lambda steps: optimizers.SGD(0.1, gradient_accumulation_steps=steps),
    "loss scale": lambda steps: optimizers.LossScaleOptimizer(
        optimizers.SGD(0.1, gradient_accumulation_steps=steps), initial_scale=8.0
    ),
    "by part": lambda steps: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(
            optimizers.SGD(0.1, gradient_accumulation_steps=steps),
            {".*/bias": optimizers.SGD(0.1, gradient_accumulation_steps=steps)},
        )
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("weights", [None, RNG.random(25).astype("float32")], ids=["", "weighted"])
@pytest.mark.parametrize("filled", [True, False])
def test_a_short_batch_counts_by_its_rows(name, weights, filled):
    # Rows may meet in the function, so the short batch has a program of its own.
    inner = () if filled else (layers.Lambda(lambda x: x),)
    rounds = trained(OPTIMIZERS[name](3), 25, 10, weights=weights, inner=inner)
    same(rounds, trained(optimizers.SGD(0.1), 25, 25, weights=weights, inner=inner))
    keras_way = trained(keras.optimizers.SGD(0.1, gradient_accumulation_steps=3), 25, 10, library=keras)
    assert weights is not None or not np.allclose(rounds.get_weights()[0], keras_way.get_weights()[0], atol=1e-3)


def test_whole_batches_are_keras_to_the_bit_of_their_sums():
    options = {"learning_rate": 0.1, "gradient_accumulation_steps": 3}
    ours = trained(optimizers.SGD(**options), epochs=4)
    theirs = trained(keras.optimizers.SGD(**options), library=keras, epochs=4)
    same(ours, theirs)
    assert len(ours.optimizer.variables) == len(theirs.optimizer.variables)
    for a, b in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), np.asarray(b.value), rtol=1e-4, atol=1e-5)


def test_a_round_goes_on_in_the_next_epoch():
    """As in Keras: 4 batches in rounds of 3 make one update in the first epoch, and none of them is lost."""
    once = trained(optimizers.SGD(0.1, gradient_accumulation_steps=3))
    assert int(once.optimizer.iterations) == 1
    same(once, trained(optimizers.SGD(0.1), 30, 30))
    assert int(trained(optimizers.SGD(0.1, gradient_accumulation_steps=3), epochs=3).optimizer.iterations) == 4


def test_a_short_batch_in_the_middle_of_a_round():
    """25 rows in batches of 10: the first rounds of 2 are 20 rows, then 5 and 10 of the next epoch."""
    ours = trained(optimizers.SGD(0.1, gradient_accumulation_steps=2), 25, 10, epochs=2)
    by_hand = trained(optimizers.SGD(0.1), 20, 20)
    for rows in (np.r_[20:25, 0:10], np.r_[10:25]):
        by_hand.train_on_batch(X[rows], Y[rows])
    same(ours, by_hand)


def test_sums_stay_sums():
    """Losses that are no means, and steps of one's own, are added up as they come, as in Keras."""
    options = {"learning_rate": 0.001, "gradient_accumulation_steps": 3}
    ours = trained(optimizers.SGD(**options), 25, 10, sequax.losses.MeanSquaredError(reduction="sum"))
    theirs = trained(
        keras.optimizers.SGD(**options), 25, 10, keras.losses.MeanSquaredError(reduction="sum"), library=keras
    )
    same(ours, theirs)


def test_a_file_between_two_batches_of_a_round(tmp_path):
    for library, other in ((sequax, keras), (keras, sequax)):
        model = trained(library.optimizers.SGD(0.1, gradient_accumulation_steps=3), library=library)
        model.save(tmp_path / "model.keras")
        again = other.models.load_model(tmp_path / "model.keras")
        for one in (model, again):
            one.fit(X[:20], Y[:20], batch_size=10, shuffle=False, verbose=0)
        same(again, model)


def test_an_ensemble_accumulates():
    def make():
        model = sequax.Sequential([sequax.Input((4,)), layers.Dense(1)])
        model.compile(optimizers.SGD(0.1, gradient_accumulation_steps=3), "mse")
        return model

    members = sequax.Ensemble(make(), 2)
    alone = members.members[1]
    members.fit(X[:25], Y[:25], batch_size=10, shuffle=False, verbose=0)
    alone.fit(X[:25], Y[:25], batch_size=10, shuffle=False, verbose=0)
    same(members.members[1], alone)
    assert not np.allclose(members.members[0].get_weights()[0], alone.get_weights()[0])
