"""`RematScope` and `remat`: the same numbers, less memory, whatever a call leaves behind besides its outputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import layers, ops
from sequax.core import jaxprs

X = np.random.default_rng(0).normal(size=(48, 6, 4)).astype("float32")
X[:, 4:] = 0.0
Y = X[:, :3].sum((1, 2))[:, None]


class Penalty(layers.Layer):
    def call(self, x):
        self.add_loss(0.01 * ops.mean(ops.square(x)))
        return x


def stack():
    sequax.utils.set_random_seed(3)
    return sequax.Sequential(
        [
            layers.Input((6, 4)),
            layers.Masking(),
            layers.Dense(8, "relu", activity_regularizer="l2", name="first"),
            layers.Residual([layers.LayerNormalization(), layers.Dense(8, "gelu"), layers.Dropout(0.2)]),
            layers.LSTM(6, return_sequences=True),
            Penalty(),
            layers.GlobalAveragePooling1D(),  # wants the mask
            layers.BatchNormalization(name="norm"),
            layers.GaussianNoise(0.1),
            layers.Dense(1),
        ]
    )


def trained(model):
    sequax.utils.set_random_seed(4)
    model.compile("adam", "mse")
    history = model.fit(X, Y, epochs=3, batch_size=16, verbose=0).history["loss"]
    return history, model.get_weights()


def recomputed(model, x):
    """How many calls a training step of the model computes again."""
    trainable = [v.value for v in model.trainable_variables]
    other = [v.value for v in model.non_trainable_variables]

    def loss(values):
        outputs, _, losses = model.stateless_call(values, other, x, training=True, return_losses=True)
        return outputs.sum() + sum(losses)

    def count(jaxpr):
        found = sum(equation.primitive.name in ("checkpoint", "remat2") for equation in jaxpr.eqns)
        return found + sum(count(inner) for equation in jaxpr.eqns for inner in jaxprs.inside(equation))

    return count(jax.make_jaxpr(loss)(trainable).jaxpr)


@pytest.mark.parametrize("mode", ["full", "activations", "larger_than", "list_of_layers"])
def test_trains_to_the_same_numbers(mode):
    plain = trained(stack())
    with sequax.RematScope(mode, output_size_threshold=100, layer_names=["first", "norm"]):
        again = stack()
    losses, weights = trained(again)
    np.testing.assert_allclose(losses, plain[0], rtol=1e-6)
    for ours, theirs in zip(weights, plain[1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert recomputed(again, X) > 0


def test_a_step_keeps_less():
    def temporary(scope):
        with scope:
            model = sequax.Sequential([layers.Input((1024,)), *(layers.Dense(1024, "gelu") for _ in range(12))])
        values = [v.value for v in model.trainable_variables]

        def loss(values, x):
            return model.stateless_call(values, [], x, training=True)[0].sum()

        lowered = jax.jit(jax.grad(loss)).lower(values, jnp.zeros((4096, 1024)))
        return lowered.compile().memory_analysis().temp_size_in_bytes

    assert temporary(sequax.RematScope("full")) < 0.6 * temporary(sequax.RematScope(None))


def test_models_that_differ_in_it_share_no_program():
    x = np.ones((4, 3), "float32")

    def model():
        return sequax.Sequential([layers.Input((3,)), layers.Dense(2)])

    plain = model()
    with sequax.RematScope():
        again = model()
    counts = [recomputed(m, x) for m in (plain, again, plain, again)]
    assert counts == [0, 1, 0, 1]
    from sequax.training.fingerprint import fingerprint

    assert fingerprint(plain).key != fingerprint(again).key


def test_which_layers():
    x = np.ones((4, 3), "float32")

    def count(*args, **kwargs):
        with sequax.RematScope(*args, **kwargs):
            model = sequax.Sequential(
                [layers.Input((3,)), layers.Dense(100, name="wide"), layers.Dense(2, name="thin")]
            )
        return recomputed(model, x)

    assert count() == count("activations") == 2
    assert count("larger_than", 399) == 1 and count("larger_than", 400) == 0
    assert count("list_of_layers", layer_names=["thin"]) == 1 and count("list_of_layers") == 0
    assert count(None) == 0


def test_a_block_is_computed_again_as_one():
    with sequax.RematScope():
        model = sequax.Sequential([layers.Input((3,)), layers.Residual([layers.Dense(3), layers.Dense(3)])])
    assert recomputed(model, np.ones((4, 3), "float32")) == 1


def test_scopes_nest_and_end():
    with sequax.RematScope():
        with sequax.RematScope(None):
            assert layers.Dense(2).remat_mode is None
        assert layers.Dense(2).remat_mode is not None
    assert layers.Dense(2).remat_mode is None


def test_predicts_and_saves_as_ever(tmp_path):
    with sequax.RematScope():
        model = stack()
    model.save(tmp_path / "model.keras")
    loaded = sequax.models.load_model(tmp_path / "model.keras", custom_objects={"Penalty": Penalty})
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert recomputed(loaded, X) == 0


def test_a_function_is_computed_again():
    calls = []

    def cube(x):
        calls.append(1)
        return x**3

    assert float(jax.grad(sequax.remat(cube))(2.0)) == 12.0
    names = {equation.primitive.name for equation in jax.make_jaxpr(sequax.remat(cube))(2.0).eqns}
    assert names & {"checkpoint", "remat2"} and calls


def test_layers_inside_a_function_keep_their_state():
    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.norm, self.dense = layers.BatchNormalization(), layers.Dense(3)

        def call(self, x, training=None):
            return sequax.remat(lambda x: self.dense(self.norm(x, training=training)))(x)

    x = np.random.default_rng(1).normal(3.0, 1.0, (64, 3)).astype("float32")
    model = sequax.Sequential([layers.Input((3,)), Block()])
    model.compile("sgd", "mse")
    model.fit(x, x, epochs=4, batch_size=16, verbose=0)
    assert np.all(np.asarray(model.layers[0].norm.moving_mean) > 0.3)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match=r"invalid mode 'some'.*'larger_than'"):
        sequax.RematScope("some")
