"""Rows that are read where they lie: the same rows as NumPy's, from any address, without a copy."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import sequax
from sequax.data import resident, stream_source
from sequax.data.arrays import ArraySource
from sequax.data.source import Batch

DTYPES = ["float32", "float16", "int32", "uint8", "bool"]


def array_at(offset, shape, dtype, rng):
    """Random values in an array that begins `offset` items behind an aligned address."""
    items = int(np.prod(shape))
    memory = np.zeros((items + offset) * np.dtype(dtype).itemsize + 64, np.uint8)
    aligned = memory[-memory.ctypes.data % 64 :]
    array = aligned[: (items + offset) * np.dtype(dtype).itemsize].view(dtype)[offset:].reshape(shape)
    array[...] = rng.integers(0, 2 if dtype == "bool" else 100, size=shape)
    return array


@pytest.fixture
def any_size(monkeypatch):
    monkeypatch.setattr(resident, "_LEAST_BYTES", 1)


@settings(max_examples=60, deadline=None)
@given(
    row_shape=st.lists(st.integers(1, 7), max_size=3).map(tuple),
    rows=st.integers(1, 200),
    dtype=st.sampled_from(DTYPES),
    offset=st.integers(0, 70),
    seed=st.integers(0, 99),
)
def test_rows_are_those_of_numpy(row_shape, rows, dtype, offset, seed):
    rng = np.random.default_rng(seed)
    array = array_at(offset, (rows, *row_shape), dtype, rng)
    index = rng.integers(0, rows, size=rng.integers(1, 9, size=rng.integers(1, 3)))
    index.flat[0], index.flat[-1] = 0, rows - 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resident, "_LEAST_BYTES", 1)
        held = resident.put(array)
        numbers = np.dtype(dtype).itemsize
        few = rows <= 2 * -(-(64 // numbers - 1) // int(np.prod(row_shape)))
        assert isinstance(held, resident.Rows) is not few
        assert np.array_equal(resident.take(held, index.astype(np.int32)), array[index])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 3, 20])
def test_the_fewest_rows_that_stay_are_right_at_every_address(width, dtype, any_size, rng):
    per_line = 64 // np.dtype(dtype).itemsize
    rows = 2 * -(-(per_line - 1) // width) + 1
    for offset in (0, 1, per_line // 2, per_line - 1):
        array = array_at(offset, (rows, width), dtype, rng)
        held = resident.put(array)
        assert isinstance(held, resident.Rows)
        assert np.array_equal(resident.take(held, np.arange(rows, dtype=np.int32)), array)
        assert not isinstance(resident.put(array[:-1]), resident.Rows)


def test_nothing_is_copied(rng):
    array = array_at(3, (600, 500), "float32", rng)
    held = resident.put({"x": array})["x"]
    begin = array.ctypes.data
    assert begin <= held.head.unsafe_buffer_pointer() < begin + 64
    end = held.tail.unsafe_buffer_pointer() + held.tail.nbytes
    assert begin + array.nbytes - 128 < end <= begin + array.nbytes


def test_only_copies_count_against_the_memory_of_the_device(monkeypatch, rng):
    monkeypatch.setenv("SEQUAX_RESIDENT_MB", "0.1")
    large, small = array_at(1, (600, 2_500), "float32", rng), rng.normal(size=(600, 1)).astype("float32")
    assert ArraySource(Batch(large, small), 10).resident
    assert not ArraySource(Batch(large[:, ::2], small), 10).resident
    assert not ArraySource(Batch(large, np.repeat(small, 100, axis=1)), 10).resident


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a[:, ::2],  # not in one piece
        lambda a: np.asfortranarray(a),
        lambda a: a[:3],  # hardly more than its edges
        lambda a: a.astype("float64"),  # becomes float32 on the device
        lambda a: np.frombuffer(b"x" + a.tobytes(), np.float32, count=a.size, offset=1).reshape(a.shape),  # odd address
    ],
)
def test_other_arrays_are_copied_as_before(make, any_size, rng):
    array = make(rng.normal(size=(40, 6)).astype("float32"))
    held = resident.put(array)
    assert isinstance(held, jax.Array)
    assert np.array_equal(held, array.astype("float32"))


def model():
    made = sequax.Sequential([sequax.Input((6,)), sequax.layers.Dense(3, activation="tanh"), sequax.layers.Dense(1)])
    made.compile("adam", "mse")
    return made


def trained(x, y, **how):
    sequax.utils.set_random_seed(1)
    one = model()
    history = one.fit(x, y, batch_size=16, epochs=2, verbose=0, **how).history["loss"]
    return history, [w.tobytes() for w in one.get_weights()], one.evaluate(x, y, verbose=0)


def test_training_does_not_depend_on_where_rows_lie(monkeypatch, rng):
    x, y = rng.normal(size=(90, 6)).astype("float32"), rng.normal(size=(90, 1)).astype("float32")
    copied = trained(x, y)
    monkeypatch.setattr(resident, "_LEAST_BYTES", 1)
    for offset in (0, 5):
        placed = array_at(offset, x.shape, "float32", rng)
        placed[...] = x
        assert trained(placed, y) == copied
        assert np.array_equal(placed, x)


def test_a_generator_may_fill_the_same_array_again(monkeypatch, rng):
    """Its batches wait in a thread while it makes the next: they have to be copies."""
    monkeypatch.setattr(stream_source, "_BLOCK_BYTES", 1)  # every batch is a block of its own
    xs = rng.normal(size=(8, 64, 6)).astype("float32")

    def fresh():
        for x in np.concatenate([xs, xs]):
            yield x, x[:, :1]

    def reused():
        buffers = array_at(0, (64, 6), "float32", rng), array_at(0, (64, 1), "float32", rng)
        for x in np.concatenate([xs, xs]):
            buffers[0][...], buffers[1][...] = x, x[:, :1]
            yield buffers

    def losses(batches):
        sequax.utils.set_random_seed(1)
        return model().fit(batches, steps_per_epoch=8, epochs=2, verbose=0).history["loss"]

    assert losses(reused()) == losses(fresh())


@pytest.mark.parametrize("validate", [False, True])
def test_small_arrays_may_be_changed_while_training_goes_on(validate, rng):
    """JAX reads an array where it lies if that is a multiple of 64 bytes."""

    class Spoil(sequax.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            x[...], y[...] = np.nan, np.nan

    values, targets = rng.normal(size=(64, 6)).astype("float32"), rng.normal(size=(64, 1)).astype("float32")
    losses = []
    for callbacks in ([], [Spoil()]):
        x, y = array_at(0, values.shape, "float32", rng), array_at(0, targets.shape, "float32", rng)
        x[...], y[...] = values, targets
        sequax.utils.set_random_seed(1)
        train = (values, targets) if validate else (x, y)
        held_out = (x, y) if validate else None
        history = model().fit(*train, epochs=2, validation_data=held_out, callbacks=callbacks, verbose=0).history
        losses.append(history)
    assert losses[0] == losses[1]
