"""Numbers that an Embedding has no row for are refused, on whatever way they come; all others train as in Keras."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import sequax
from sequax import Input, Model, Sequential, ops
from sequax.layers import (
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    Lambda,
    Masking,
    Parallel,
    Permute,
    RepeatVector,
    Reshape,
    SpatialDropout1D,
    TimeDistributed,
)

ROWS, ROOM = 12, 10
IDS = np.arange(ROWS * 4).reshape(ROWS, 4) % ROOM
TARGETS = np.ones((ROWS, 1), "float32")


def table(name="words", room=ROOM):
    return Embedding(room, 2, name=name)


def stack(*layers):
    return Sequential([Input((4,)), *layers, Flatten(), Dense(1)])


def graph(function):
    inputs = Input((4,))
    return Model(inputs, Dense(1)(Flatten()(function(inputs))))


def two_of_one_input(x):
    return sequax.layers.Concatenate()([table("big", 99)(x), table()(x)])


def columns(x):
    return sequax.layers.Concatenate()([table("first", 99)(x[:, 0]), table()(Reshape((1, 3))(x[:, 1:]))[:, 0, 0]])


# Ways on which the values of the data come to the table as they are: known before the first step.
KEPT = {
    "directly": lambda: stack(table()),
    "Reshape": lambda: stack(Reshape((2, 2)), table()),
    "Flatten": lambda: stack(Flatten(), table()),
    "Permute": lambda: stack(Reshape((2, 2)), Permute((2, 1)), table()),
    "RepeatVector": lambda: stack(RepeatVector(2), table()),
    "Identity": lambda: stack(Identity(), table()),
    "Dropout": lambda: stack(Dropout(0), table()),
    "SpatialDropout": lambda: stack(Reshape((4, 1)), SpatialDropout1D(0), table()),
    "TimeDistributed": lambda: stack(Reshape((2, 2)), TimeDistributed(table())),
    "Sequential": lambda: stack(Identity(), Sequential([Reshape((2, 2)), table()])),
    "TimeDistributed Sequential": lambda: stack(Reshape((2, 2)), TimeDistributed(Sequential([Flatten(), table()]))),
    "Parallel": lambda: stack(Parallel([table("big", 99), [Identity(), table()]])),
    "graph": lambda: graph(table()),
    "graph in a stack": lambda: stack(Identity(), graph(lambda x: table()(Reshape((2, 2))(x)))),
    "graph of stacks": lambda: graph(lambda x: table()(Sequential([Reshape((2, 2)), Identity()])(x))),
    "two tables of one input": lambda: graph(two_of_one_input),
    "columns": lambda: graph(columns),
}


class Subclass(Model):
    def __init__(self):
        super().__init__()
        self.table, self.last = table(), Dense(1)

    def call(self, inputs):
        return self.last(ops.mean(self.table(inputs), axis=1))


class OwnStep(Subclass):
    def train_step(self, state, data):
        trainable, non_trainable, optimizer, metrics = state
        x, y = data[:2]

        def loss_of(trainable):
            outputs, others = self.stateless_call(trainable, non_trainable, x, training=True)
            return ops.mean((outputs - y) ** 2), others

        (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        return {"loss": loss}, (trainable, others, optimizer, metrics)


def scanned(x):
    return ops.scan(lambda carry, step: (carry, step), 0, x)[1]


# Ways on which only the lookup sees them.
COMPUTED = {
    "Lambda": lambda: stack(Lambda(lambda x: x * 1), table()),
    "scan": lambda: stack(Lambda(scanned), table()),
    "operation": lambda: graph(lambda x: table()(ops.reshape(x, (-1, 2, 2)))),
    "subclass": Subclass,
    "own step": OwnStep,
}


def compiled(make):
    sequax.utils.set_random_seed(3)
    model = make()
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(IDS, TARGETS, batch_size=4, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("bad", [-1, ROOM])
@pytest.mark.parametrize("way", KEPT)
def test_refused_before_the_first_step(way, bad):
    model = compiled(KEPT[way])
    before = model.get_weights()
    x = IDS.copy()
    x[7, 2] = bad
    for call in (
        lambda: model.fit(x, TARGETS, verbose=0),
        lambda: model.fit(IDS, TARGETS, validation_data=(x, TARGETS), verbose=0),
        lambda: model.fit(((x[i : i + 4], TARGETS[i : i + 4]) for i in (4, 8)), verbose=0),
        lambda: model.evaluate(x, TARGETS, verbose=0),
        lambda: model.predict(x, verbose=0),
        lambda: model.predict(x.astype("float32")[7:8], verbose=0),
        lambda: model.train_on_batch(x, TARGETS),
    ):
        with pytest.raises(ValueError, match=f"index {bad} at row (0|3|7),.*outside 0..9 of Embedding 'words'"):
            call()
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("bad", [-1, ROOM])
@pytest.mark.parametrize("way", COMPUTED)
def test_refused_when_looked_up(way, bad):
    model = compiled(COMPUTED[way])
    x = IDS.copy()
    x[5, 2] = bad
    batch = {"batch_size": 4, "verbose": 0}
    expected = compiled(COMPUTED[way])
    expected.fit(IDS[:4], TARGETS[:4], **batch)
    message = (
        rf"Embedding 'words' was asked for index {bad} \(at .*outside 0..9 \(input_dim=10\): (input_dim must be at"
    )
    message += r" least 11|indices must not be negative)"
    with pytest.raises(ValueError, match=f"{message}.* in batch 1 .*those after the last good update"):
        model.fit(x, TARGETS, shuffle=False, **batch)
    assert all(np.array_equal(a, b) for a, b in zip(expected.get_weights(), model.get_weights(), strict=True))
    for call in (
        lambda: model.evaluate(x, TARGETS, **batch),
        lambda: model.fit(IDS, TARGETS, validation_data=(x, TARGETS), **batch),
        lambda: model.predict(x, **batch),
        lambda: model.predict(x[5:6], verbose=0),
        lambda: model.predict_on_batch(x),
        lambda: model.train_on_batch(x, TARGETS),
        lambda: model.test_on_batch(x, TARGETS),
        lambda: model(x),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert all(np.isfinite(array).all() for array in model.get_weights())


def test_a_loss_that_is_not_finite_for_another_reason_says_so():
    model = compiled(Subclass)
    with pytest.raises(FloatingPointError, match="The loss is not finite"):
        model.fit(IDS, TARGETS * 1e30, verbose=0)
    model.set_weights([np.full_like(w, np.inf) for w in model.get_weights()])
    assert not np.isfinite(model.evaluate(IDS, TARGETS, verbose=0)[0])
    assert not np.isfinite(model.predict(IDS, verbose=0)).any()


class Clipped(Embedding):
    def call(self, inputs):
        return super().call(ops.clip(inputs, 0, self.input_dim - 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: stack(Clipped(ROOM, 2)),
        lambda: stack(Lambda(lambda x: ops.clip(x, 0, ROOM - 1)), table()),
        lambda: graph(lambda x: table()(x[:, :2])),
        lambda: stack(Reshape((2, 2)), Masking(-1), table()),
    ],
)
def test_numbers_that_do_not_come_to_the_table_are_not_looked_at(make):
    model = compiled(make)
    x = IDS.copy()
    x[:, 2:] = -1
    model.fit(x, TARGETS, verbose=0)
    assert np.isfinite(model.predict(x, verbose=0)).all()


@pytest.mark.parametrize("way", ["columns", "Reshape", "two tables of one input"])
def test_good_numbers_give_the_rows_of_keras(way, keras):
    """Rows looked up behind other layers, after training steps at equal weights."""
    ours = compiled(KEPT[way])
    rows = ours.get_layer("words").embeddings.numpy()
    layer = keras.layers.Embedding(ROOM, 2)
    layer.build(None)
    layer.set_weights([rows])
    assert np.array_equal(sequax.ops.convert_to_numpy(ours.get_layer("words")(IDS)), np.asarray(layer(IDS)))


def test_without_checks_numbers_mean_what_they_mean_to_keras(keras):
    layer = keras.layers.Embedding(ROOM, 2)
    layer.build(None)
    model = compiled(KEPT["Reshape"])
    x = np.array([[-1, 3, -10, 0]])
    sequax.config.set_data_checks(False)
    try:
        ours = Embedding(ROOM, 2, weights=layer.get_weights())
        assert np.array_equal(ours(x), np.asarray(layer(x)))
        unchecked = model.predict(x, verbose=0)
    finally:
        sequax.config.set_data_checks(True)
    assert np.allclose(unchecked, model.predict(x % ROOM, verbose=0), rtol=1e-6)
    with pytest.raises(ValueError, match="index -1"):
        model.predict(x, verbose=0)
    with pytest.raises(ValueError, match="'words' was asked for index -10"):
        model.get_layer("words")(x[:, 2:])


def test_own_programs_get_nan():
    layer = table()
    layer.build(None)
    rows = jax.jit(lambda x: layer(x))(np.array([-1, 0, ROOM]))
    assert np.isnan(rows).all(-1).tolist() == [True, False, True]


WIDE = [("float32", 2**24 + 2), ("mixed_bfloat16", 3000), ("mixed_float16", 3000), ("bfloat16", 3000)]


@pytest.mark.parametrize(("policy", "room"), WIDE)
@pytest.mark.parametrize("entry", ["none", "int32"])
def test_large_numbers_come_as_they_are(policy, room, entry):
    """16-bit floats hold whole numbers up to 256 or 2048, float32 up to 2^24: others would be other rows."""
    index = room - 1 if policy == "float32" else 2049
    before = sequax.config.dtype_policy()
    sequax.config.set_dtype_policy(policy)
    try:
        words = Embedding(room, 1, "zeros")
        layers = [words] if entry == "none" else [Input((1,), dtype=entry), Reshape((1, 1)), words]
        model = Sequential([*layers, Flatten()])
        model.build((None, 1))
        rows = np.zeros((room, 1), "float32")
        rows[index] = 1
        model.set_weights([rows])
        for x in (np.array([[index]]), np.array([[index]], "int32")):
            assert model.predict(x, verbose=0).item() == 1
            assert np.asarray(model(x)).item() == 1
    finally:
        sequax.config.set_dtype_policy(before)


@pytest.mark.parametrize(("policy", "room"), WIDE)
def test_numbers_that_came_through_a_narrow_dtype_are_refused(policy, room):
    before = sequax.config.dtype_policy()
    sequax.config.set_dtype_policy(policy)
    try:
        model = Sequential([Input((2,)), Reshape((2, 1)), Embedding(room, 1, "zeros"), Flatten()])
        with pytest.raises(ValueError, match=r"gets its indices as .*up to (256|2048|16777216) only.*dtype='int32'"):
            model.predict(np.ones((1, 2)), verbose=0)
    finally:
        sequax.config.set_dtype_policy(before)


def test_outputs_of_lookups_under_mixed_precision_are_those_of_keras(keras):
    ours = Embedding(300, 3, dtype="mixed_bfloat16")
    theirs = keras.layers.Embedding(300, 3, dtype="mixed_bfloat16")
    theirs.build(None)
    ours.build(None)
    ours.set_weights(theirs.get_weights())
    x = np.arange(300)[None]
    assert str(ours(x).dtype) == "bfloat16"
    assert np.array_equal(np.asarray(ours(x), "float32"), np.asarray(theirs(x), "float32"))
