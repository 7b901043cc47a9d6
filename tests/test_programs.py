"""Programs serve any number of rows: other data of the same kind compile nothing."""

import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax.data import resident
from sequax.training import alone, compiled, predict
from tests import one_program

_lowered = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **how: _lowered.append(event) if event.endswith("jaxpr_to_mlir_module_duration") else None
)


def programs(function):
    """How many programs JAX was asked for meanwhile, those of single operations included."""
    before = len(_lowered)
    function()
    return len(_lowered) - before


def dense():
    model = sequax.Sequential(
        [sequax.Input((6,)), sequax.layers.Dense(5, activation="tanh"), sequax.layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data(rows, rng):
    return rng.normal(size=(rows, 6)).astype("float32"), rng.integers(0, 3, size=rows)


@pytest.mark.parametrize("least", [2**20, 2**13], ids=["copied", "in place"])
def test_other_numbers_of_whole_batches_compile_nothing(least, monkeypatch, rng):
    monkeypatch.setattr(resident, "_LEAST_BYTES", least)
    monkeypatch.setattr(resident, "_ROOM_BYTES", least)
    model = dense()

    def work(rows):
        x, y = data(rows, rng)
        model.fit(x, y, epochs=2, validation_split=0.25, batch_size=16, verbose=0)
        model.evaluate(x, y, batch_size=16, verbose=0)

    assert programs(lambda: work(704)) > 0
    for rows in (960, 832, 704):
        assert programs(lambda rows=rows: work(rows)) == 0, rows


def test_data_that_grows_compiles_as_often_as_its_size_quadruples(rng):
    layers = sequax.layers
    stack = [layers.Conv2D(2, 3, strides=3), layers.Flatten(), layers.Dense(3, activation="softmax")]
    model = sequax.Sequential([sequax.Input((28, 28, 1)), *stack])
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = rng.normal(size=(400, 28, 28, 1)).astype("float32"), rng.integers(0, 3, size=400)
    assert programs(lambda: [model.fit(x[:rows], y[:rows], verbose=0) for rows in range(200, 400, 23)]) == 1


def test_nothing_is_collected_while_a_program_is_traced():
    seen = []

    def traced(x):
        seen.append(gc.isenabled())
        return x

    with compiled.tracing():
        jax.jit(traced).lower(np.float32(1))
    assert seen == [False] and gc.isenabled()


def test_rooms_are_few_and_large_enough():
    rows = np.arange(1, 70_000, 37)
    for bytes_per_row in (1, 400):
        rooms = [resident.room(int(n), bytes_per_row) for n in rows]
        assert all(room >= n for room, n in zip(rooms, rows, strict=True))
        assert len(set(rooms)) <= (6 if bytes_per_row == 1 else 48)
    assert [resident.rounded(n, 4) for n in (1, 3, 9, 17, 100)] == [1, 3, 10, 20, 112]


# --- the short batch as a step like the others ----------------------------------------------------------------------


def test_other_numbers_of_rows_compile_nothing(rng):
    model = dense()

    def work(rows, batch_size=32):
        x, y = data(rows, rng)
        model.fit(x, y, epochs=2, validation_data=(x[: rows // 2], y[: rows // 2]), batch_size=batch_size, verbose=0)
        model.evaluate(x, y, batch_size=batch_size, verbose=0)

    assert programs(lambda: work(614)) > 0
    for rows in (615, 640, 650, 577, 1000):
        assert programs(lambda rows=rows: work(rows)) == 0, rows


def test_unequal_folds_with_a_new_model_each_compile_once(rng):
    sequax.utils.clear_session()  # other tests have the same program
    x, y = data(103, rng)
    counts = []
    for held_out in np.array_split(np.arange(103), 10):
        kept = np.setdiff1d(np.arange(103), held_out)
        model = dense()

        def fold(model=model, kept=kept, held_out=held_out):
            model.fit(x[kept], y[kept], epochs=2, verbose=0)
            model.evaluate(x[held_out], y[held_out], verbose=0)

        counts.append(programs(fold))
    assert counts[0] > 0 and not any(counts[1:])


def test_fewer_rows_than_a_batch_are_a_few_sizes(rng):
    model = dense()

    def work(rows):
        model.fit(*data(rows, rng), batch_size=64, verbose=0)

    counts = [programs(lambda rows=rows: work(rows)) for rows in range(33, 65)]
    assert sum(count > 0 for count in counts) <= 4


def test_the_short_batch_of_a_stream_shares_the_program_of_whole_ones(rng):
    model = dense()

    def work(rows):
        x, y = data(rows, rng)

        class Batches(sequax.utils.PyDataset):
            def __len__(self):
                return -(-rows // 16)

            def __getitem__(self, i):
                return x[16 * i : 16 * i + 16], y[16 * i : 16 * i + 16]

        sequax.utils.set_random_seed(1)
        streamed = model.fit(Batches(), epochs=2, shuffle=False, verbose=0).history
        return streamed, model.evaluate(Batches(), verbose=0)

    work(90)
    for rows in (91, 100, 64, 16 * 64 + 3):  # of which the last makes a block of the short batch alone
        assert programs(lambda rows=rows: work(rows)) == 0, rows


def test_where_rows_meet_only_the_short_batch_has_a_program_of_its_own(rng):
    model = dense()
    model.compile("adam", lambda y, p: jnp.mean((y - p[:, 0]) ** 2) * jnp.ones(len(y)))

    def work(rows):
        x, y = data(rows, rng)
        model.fit(x, y, batch_size=16, verbose=0)

    assert programs(lambda: work(100)) > 0
    assert programs(lambda: work(116)) == 0
    assert programs(lambda: work(117)) == 1


# --- the same results -----------------------------------------------------------------------------------------------


def sequence():
    return sequax.Sequential(
        [
            sequax.Input((5,)),
            sequax.layers.Embedding(9, 4, mask_zero=True),
            sequax.layers.GRU(4, return_sequences=True),
            sequax.layers.Dropout(0.3, seed=1),
            sequax.layers.Dense(3, activation="softmax"),
        ]
    )


def table():
    return sequax.Sequential(
        [
            sequax.Input((6,)),
            sequax.layers.Dense(5, activation="tanh", kernel_regularizer="l2"),
            sequax.layers.Dropout(0.3, seed=1),
            sequax.layers.Dense(3, activation="softmax"),
        ]
    )


def several():
    left, right = sequax.Input((6,), name="left"), sequax.Input((6,), name="right")
    both = sequax.layers.Concatenate()([left, right[:, ::-1] * 2.0])
    hidden = sequax.layers.Residual([sequax.layers.Dense(12, activation="relu")])(both)
    one = sequax.layers.Dense(3, activation="softmax", name="one")(hidden)
    return sequax.Model({"left": left, "right": right}, [one, sequax.layers.Dense(1, name="two")(hidden)])


def moments():
    return sequax.Sequential(
        [
            sequax.Input((6,)),
            sequax.layers.Dense(
                6, use_bias=False
            ),  # the gradient of a bias is 0 up to rounding, which Adam makes large
            sequax.layers.BatchNormalization(momentum=0.5),
            sequax.layers.Reshape((3, 2, 1)),
            sequax.layers.Conv2D(3, 2, use_bias=False),
            sequax.layers.BatchNormalization(momentum=0.5),
            sequax.layers.Flatten(),
            sequax.layers.Dense(3, activation="softmax"),
        ]
    )


CLASSES = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], "weighted_metrics": ["accuracy"]}
SEVERAL = {"loss": [CLASSES["loss"], "mae"], "loss_weights": [1.0, 0.5], "metrics": [["accuracy"], ["mse", "r2_score"]]}
ROWS, BATCH = 43, 8


def cases(rng, rows=ROWS):
    x, y = data(rows, rng)
    words, tags = rng.integers(0, 9, size=(rows, 5)), rng.integers(0, 3, size=(rows, 5))
    words[:, 0] = 1
    weight, per_step = rng.random(rows).astype("float32"), rng.random((rows, 5)).astype("float32")
    two = [y, rng.normal(size=(rows, 1)).astype("float32")]
    return {
        "plain": (table, CLASSES, x, y, {}),
        "sample weights": (table, CLASSES, x, y, {"sample_weight": weight}),
        "class weights": (table, CLASSES, x, y, {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}}),
        "sum": (table, {"loss": sequax.losses.SparseCategoricalCrossentropy(reduction="sum")}, x, y, {}),
        "validation": (table, CLASSES, x, y, {"validation_split": 0.3, "validation_batch_size": 5}),
        "batches": (table, CLASSES, x, y, {"shuffle": "batch"}),
        "in order": (table, CLASSES, x, y, {"shuffle": False, "steps_per_epoch": 3, "initial_epoch": 1}),
        "moments": (moments, CLASSES, x, y, {}),
        "one batch": (table, CLASSES, x, y, {"batch_size": 100}),
        "masked": (sequence, CLASSES, words, tags, {}),
        "masked, weights per step": (sequence, CLASSES, words, tags, {"sample_weight": per_step}),
        "several": (several, SEVERAL, {"left": x, "right": x[::-1]}, two, {}),
    }


NAMES = list(cases(np.random.default_rng(0)))


def trained(case, monkeypatch, fills_up, shortened=None):
    """Losses and metrics, weights, and the evaluation."""
    make, settings, x, y, more = case
    monkeypatch.setattr(alone, "of", ALONE if fills_up else lambda model, training: False)
    sequax.utils.clear_session(free_memory=False)
    sequax.utils.set_random_seed(1)
    model = make()
    model.compile("adam", **settings)
    history = model.fit(x, y, epochs=3, verbose=0, **{"batch_size": BATCH, **more}).history
    assert ALONE(model, training=True) and ALONE(model, training=False)
    return history, model.get_weights(), model.evaluate(x, y, batch_size=BATCH, verbose=0)


ALONE = alone.of


@pytest.mark.parametrize("name", NAMES)
def test_a_short_batch_that_is_filled_up_gives_what_it_gives_alone(name, monkeypatch, rng):
    case = cases(rng)[name]
    expected, found = trained(case, monkeypatch, False), trained(case, monkeypatch, True)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6), expected, found)


@pytest.mark.parametrize("name", ["plain", "masked, weights per step"])
def test_whole_batches_give_the_same_bits(name, monkeypatch, rng):
    case = cases(rng, 40)[name]
    expected, found = trained(case, monkeypatch, False), trained(case, monkeypatch, True)
    assert [w.tobytes() for w in found[1]] == [w.tobytes() for w in expected[1]]


def test_room_for_more_rows_changes_no_bit(monkeypatch, rng):
    case = cases(rng)["sample weights"]
    with_room = trained(case, monkeypatch, True)
    monkeypatch.setattr(resident, "room", lambda rows, bytes_per_row=4: rows + 7)
    exact = trained(case, monkeypatch, True)
    assert with_room[0] == exact[0] and with_room[2] == exact[2]
    assert [w.tobytes() for w in with_room[1]] == [w.tobytes() for w in exact[1]]


def test_members_of_an_ensemble_fill_up_too(monkeypatch, rng):
    x, y = data(ROWS, rng)
    histories = []
    for fills_up in (False, True):
        monkeypatch.setattr(alone, "of", ALONE if fills_up else lambda model, training: False)
        sequax.utils.clear_session(free_memory=False)
        sequax.utils.set_random_seed(1)
        model = table()
        model.compile("adam", **CLASSES)
        ensemble = sequax.Ensemble(model, members=2, seed=3)
        history = ensemble.fit(x, y, batch_size=BATCH, epochs=2, validation_split=0.3, verbose=0).history
        histories.append([history, ensemble.get_weights(), ensemble.evaluate(x, y, batch_size=BATCH, verbose=0)])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6), *histories)


def test_what_is_not_listed_is_not_alone():
    inputs = sequax.Input((6,))
    layers = [
        sequax.layers.Lambda(lambda x: x - x.mean(0)),
        sequax.layers.Dense(3, activation=lambda x: x - x.mean(0)),
        sequax.layers.Dense(3, activity_regularizer="l2"),
        sequax.layers.Softmax(axis=0),
    ]
    outputs = [layer(inputs) for layer in layers]
    outputs += [sequax.ops.mean(inputs, axis=0, keepdims=True), sequax.ops.flip(inputs, axis=0), inputs[:3]]
    assert not any(alone.layers(sequax.Model(inputs, output), True) for output in outputs)
    assert alone.layers(sequax.Model(inputs, inputs[:, :3] * 2.0), True)
    assert alone.layers(moments(), True)
    steps = sequax.layers.TimeDistributed(sequax.layers.BatchNormalization())
    over_time = sequax.Sequential([sequax.Input((4, 2)), steps])
    assert not alone.layers(over_time, True) and alone.layers(over_time, False)
    assert not any(map(alone.loss, [sequax.losses.Dice(), sequax.losses.Circle(), sequax.losses.Tversky()]))

    class Own(sequax.losses.MeanSquaredError):
        pass

    assert not alone.loss(Own()) and alone.loss(sequax.losses.MeanSquaredError())


def test_a_predictor_keeps_no_program_of_each_length(monkeypatch):
    monkeypatch.setattr(compiled, "MOST_PROGRAMS", 3)
    model = sequax.Sequential([sequax.Input((None, 2)), sequax.layers.GlobalMaxPooling1D()])
    for length in range(1, 9):
        model.predict(np.ones((1, length, 2)), verbose=0)
        assert len(predict.predictor(model)._programs) <= 3


def ending_in_normalization(x):
    y = sequax.layers.Dense(16, activation="relu")(x)
    return sequax.layers.LayerNormalization()(sequax.layers.Add()([x, sequax.layers.Dense(8)(y)]))


def beginning_with_normalization(x):
    y = sequax.layers.Dense(16, activation="relu")(sequax.layers.LayerNormalization()(x))
    return x + sequax.layers.Dense(8)(y)


def convolutional(x):
    y = sequax.layers.BatchNormalization()(sequax.layers.Conv1D(8, 3, padding="same")(x))
    return sequax.layers.ReLU()(sequax.layers.Add()([x, y]))


class Highway(sequax.layers.Layer):
    """Without a graph, so that only the layers themselves can cut the chain."""

    def __init__(self):
        super().__init__()
        self.inner, self.normalization = sequax.layers.Dense(8, "tanh"), sequax.layers.LayerNormalization()

    def call(self, x):
        return self.normalization(x + self.inner(x))


@pytest.mark.skipif(jax.__version_info__[:2] not in compiled.VERSIONS, reason="an XLA whose options are not known")
@pytest.mark.parametrize(
    "block", [ending_in_normalization, beginning_with_normalization, convolutional, lambda x: Highway()(x)]
)
def test_programs_grow_with_the_depth_and_not_with_its_square(block):
    def instructions(depth):
        x = inputs = sequax.Input((6, 8))
        for _ in range(depth):
            x = block(x)
        model = sequax.Model(inputs, x)
        trained, other = (
            [v.value for v in found] for found in (model.trainable_variables, model.non_trainable_variables)
        )

        def loss(trained, data):
            return jnp.square(model.stateless_call(trained, other, data, training=True)[0]).mean()

        with compiled.tracing() as options:
            lowered = jax.jit(jax.grad(loss)).lower(trained, jnp.ones((4, 6, 8)))
        return lowered.compile({**options, **one_program.QUICK}).as_text().count(" = ")

    few, many = instructions(3), instructions(9)
    assert many < 3.3 * few
