"""Data that come as batches, and arrays that stay on disk: the same training as with arrays in memory, to the bit."""

from __future__ import annotations

import itertools
import threading
import time
from itertools import pairwise

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

import sequax as sq
from sequax.core.placement import DEVICE, Spread
from sequax.data import large, stream_source, streams
from sequax.data.prefetch import prefetch
from sequax.data.source import Batch
from sequax.data.stream_source import StreamSource

ROWS, SIZE = 23, 4  # the last batch is short


def data(rows=ROWS):
    random = np.random.default_rng(5)
    return random.normal(size=(rows, 3)).astype("float32"), random.integers(0, 2, (rows, 1)).astype("float32")


def model(seed=1):
    sq.utils.set_random_seed(seed)
    built = sq.Sequential(
        [
            sq.Input((3,)),
            sq.layers.Dense(4, "relu"),
            sq.layers.BatchNormalization(),
            sq.layers.Dropout(0.2),
            sq.layers.Dense(1, "sigmoid"),
        ]
    )
    built.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return built


def batches(x, y, size=SIZE, weight=None):
    for start in range(0, len(x), size):
        rows = slice(start, start + size)
        yield (x[rows], y[rows]) if weight is None else (x[rows], y[rows], weight[rows])


class Numbered(sq.utils.PyDataset):
    """Batches by number; notes in `log` what it was asked for."""

    def __init__(self, x, y, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.log = x, y, []

    def __len__(self):
        return -(-len(self.x) // SIZE)

    def __getitem__(self, index):
        self.log.append(index)
        rows = slice(index * SIZE, (index + 1) * SIZE)
        return self.x[rows], self.y[rows]

    def on_epoch_begin(self):
        self.log.append("begin")

    def on_epoch_end(self):
        self.log.append("end")


class Loader:
    """Iterated over anew for each epoch, in lists, as torch's loader gives them."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __iter__(self):
        return (list(batch) for batch in batches(self.x, self.y))

    def __len__(self):
        return -(-len(self.x) // SIZE)


class Lazy:
    """Rows that exist when asked for; only whole runs of them may be asked for, as with many file formats."""

    def __init__(self, array, largest=None):
        self.array, self.shape, self.dtype, self.largest = array, array.shape, array.dtype, largest
        self.asked = []

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        assert isinstance(rows, slice) and rows.step is None
        self.asked.append((rows.start, rows.stop))
        return self.array[rows]


def endless(x, y):
    while True:
        yield from batches(x, y)


def same_state(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


STREAMS = {
    "generator": lambda x, y: endless(x, y),
    "dataset": lambda x, y: Numbered(x, y),
    "threads": lambda x, y: Numbered(x, y, workers=3, max_queue_size=2),
    "loader": Loader,
}


@pytest.mark.parametrize("kind", STREAMS)
def test_streams_train_as_arrays_do_to_the_bit(kind):
    x, y = data()
    expected, streamed = model(), model()
    steps = {"steps_per_epoch": 6} if kind == "generator" else {}
    first = expected.fit(x, y, batch_size=SIZE, epochs=3, shuffle=False, verbose=0, validation_data=(x, y))
    second = streamed.fit(
        STREAMS[kind](x, y), epochs=3, shuffle=False, verbose=0, validation_data=Loader(x, y), **steps
    )
    assert second.history.keys() == first.history.keys()
    for name in ("loss", "accuracy"):
        assert second.history[name] == first.history[name]
    # `validation_data` as arrays is cut into batches of 4 as well, so these are equal too.
    assert second.history["val_loss"] == first.history["val_loss"]
    assert same_state(expected, streamed)
    assert streamed.evaluate(Loader(x, y), verbose=0) == expected.evaluate(x, y, batch_size=SIZE, verbose=0)
    assert np.array_equal(streamed.predict(Loader(x, y), verbose=0), expected.predict(x, batch_size=SIZE, verbose=0))


class Refilled:
    """Batches that come in the same arrays again and again, as readers of files give them."""

    def __init__(self, x, y, wrap=lambda x: x):
        self.batches, self.wrap = list(batches(x, y)), wrap
        self.buffers = [tuple(np.empty_like(a) for a in batch) for batch in (self.batches[0], self.batches[-1])]

    def __getitem__(self, index):
        buffers = self.buffers[index == len(self.batches) - 1]
        for buffer, array in zip(buffers, self.batches[index], strict=True):
            buffer[...] = array
        return self.wrap(buffers[0]), buffers[1]

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return (self[index] for index in range(len(self)))


class RefilledByNumber(Refilled):
    def on_epoch_end(self):
        pass


REFILLED = {
    "generator": lambda x, y: (batch for _ in range(3) for batch in Refilled(x, y)),
    "dataset": RefilledByNumber,
    "loader": Refilled,
    "lists": lambda x, y: Refilled(x, y, lambda array: array.tolist()),
    "pandas": lambda x, y: Refilled(x, y, pytest.importorskip("pandas").DataFrame),
}


@pytest.mark.parametrize("kind", REFILLED)
def test_a_stream_may_fill_its_arrays_again(kind):
    x, y = data()
    expected, streamed = model(), model()
    steps = {"steps_per_epoch": 6} if kind == "generator" else {}
    expected.fit(x, y, batch_size=SIZE, epochs=3, shuffle=False, verbose=0)
    streamed.fit(REFILLED[kind](x, y), epochs=3, shuffle=False, verbose=0, **steps)
    assert same_state(expected, streamed)
    steps = {"steps": 6} if kind == "generator" else {}
    assert streamed.evaluate(REFILLED[kind](x, y), verbose=0, **steps) == expected.evaluate(
        x, y, batch_size=SIZE, verbose=0
    )
    assert np.array_equal(
        streamed.predict(REFILLED[kind](x, y), verbose=0, **steps), expected.predict(x, batch_size=SIZE, verbose=0)
    )


@pytest.mark.parametrize("kind", ["lists", "loader", "pandas"])
def test_a_stream_may_share_its_arrays_with_that_for_validation(kind):
    x, y = data()
    expected, streamed = model(), model()
    train = REFILLED[kind](x[:12], y[:12])
    held_out = REFILLED[kind](x[11:], y[11:])
    held_out.buffers = train.buffers  # both have batches of 4 and a last one
    fitted = expected.fit(
        x[:12], y[:12], batch_size=SIZE, shuffle=False, verbose=0, epochs=2, validation_data=(x[11:], y[11:])
    )
    refilled = streamed.fit(train, shuffle=False, verbose=0, epochs=2, validation_data=held_out)
    assert refilled.history == fitted.history
    assert same_state(expected, streamed)


def test_worker_processes_give_the_same():
    x, y = data(8)
    one, other = model(), model()
    one.fit(Numbered(x, y), shuffle=False, verbose=0)
    other.fit(Numbered(x, y, workers=2, use_multiprocessing=True), shuffle=False, verbose=0)
    assert same_state(one, other)


def test_data_that_processes_cannot_take_say_so():
    class Local(Numbered):
        pass

    x, y = data(8)
    with pytest.raises(RuntimeError, match="pickle"):
        model().fit(Local(x, y, workers=2, use_multiprocessing=True), verbose=0)


def test_a_callback_on_batches_sees_each_of_them():
    seen = []
    x, y = data()
    watch = sq.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append((batch, logs["loss"])))
    streamed, plain = model(), model()
    streamed.fit(Loader(x, y), verbose=0, callbacks=[watch])
    assert [batch for batch, _ in seen] == list(range(6))
    history = plain.fit(x, y, batch_size=SIZE, shuffle=False, verbose=0).history
    assert seen[-1][1] == history["loss"][0]
    assert same_state(streamed, plain)


def test_a_dataset_is_shuffled_by_batches_and_told_of_epochs():
    x, y = data()
    dataset = Numbered(x, y)
    model().fit(dataset, epochs=2, verbose=0)
    first, second = dataset.log[1:7], dataset.log[9:15]
    assert [dataset.log[i] for i in (0, 7, 8, 15)] == ["begin", "end", "begin", "end"]
    assert sorted(first) == sorted(second) == list(range(6))
    assert first != second and first != sorted(first)


def test_steps_go_on_where_the_epoch_before_ended():
    x, y = data()
    dataset = Numbered(x, y)
    model().fit(dataset, epochs=2, steps_per_epoch=4, shuffle=False, verbose=0)
    assert dataset.log == ["begin", 0, 1, 2, 3, 4, 5, "end", "begin", 0, 1]
    asked = Numbered(x, y)
    model().fit(asked, epochs=2, steps_per_epoch=6, shuffle=False, verbose=0)
    assert asked.log == ["begin", *range(6), "end"] * 2


def test_no_more_batches_are_taken_than_trained_on():
    x, y = data()
    generator = endless(x, y)
    model().fit(generator, steps_per_epoch=2, epochs=2, verbose=0)
    taken, _ = next(generator)
    assert np.array_equal(taken, x[4 * SIZE : 5 * SIZE])


def test_weights_of_samples_and_of_classes():
    x, y = data()
    weight = np.linspace(0.5, 2, ROWS).astype("float32")
    one, other = model(), model()
    one.fit(x, y, sample_weight=weight, batch_size=SIZE, shuffle=False, verbose=0)
    other.fit(batches(x, y, weight=weight), verbose=0)
    assert same_state(one, other)
    one.fit(x, y, class_weight={0: 1.0, 1: 3.0}, batch_size=SIZE, shuffle=False, verbose=0)
    other.fit(batches(x, y), class_weight={0: 1.0, 1: 3.0}, verbose=0)
    assert same_state(one, other)


def test_batches_of_many_sizes_keep_their_order():
    x, y = data()
    cuts = [0, 4, 8, 9, 13, 20, 23]
    parts = [(x[a:b], y[a:b]) for a, b in pairwise(cuts)]
    one, other = model(), model()
    for part in parts:
        one.train_on_batch(*part)
    other.fit(iter(parts), verbose=0)
    assert same_state(one, other)


def test_a_model_is_built_from_the_first_batch():
    x, y = data()
    fresh = sq.Sequential([sq.layers.Dense(2), sq.layers.Dense(1)])
    fresh.compile("sgd", "mse")
    history = fresh.fit(Loader(x, y), epochs=2, verbose=0)
    assert fresh.input_shape[1:] == (3,) and len(history.history["loss"]) == 2


def test_a_model_that_knows_the_size_of_its_batches_is_built_from_one():
    class Knows(sq.Model):
        def __init__(self):
            super().__init__()
            self.dense = sq.layers.Dense(1)

        def call(self, x):
            return self.dense(x) + np.zeros((48, 1), "float32")

    x, y = np.ones((96, 2), "float32"), np.ones((96, 1), "float32")
    batches = [(x[:48], y[:48]), (x[48:], y[48:])]
    model, alone, by_batch = Knows(), Knows(), Knows()
    for one in (model, by_batch):
        one.compile("sgd", "mse")
    model.fit(iter(batches * 2), steps_per_epoch=2, epochs=2, verbose=0)
    assert model.predict(iter([x[:48]]), verbose=0).shape == alone.predict_on_batch(x[:48]).shape == (48, 1)
    assert by_batch.train_on_batch(*batches[0]) > 0


def test_inputs_by_name():
    x, y = data()
    a, b = sq.Input((3,), name="a"), sq.Input((3,), name="b")
    both = sq.Model([a, b], sq.layers.Dense(1)(sq.layers.Add()([a, b])))
    both.compile("sgd", "mse")
    both.fit((({"a": part, "b": part}, target) for part, target in batches(x, y)), verbose=0)
    outputs = both.predict(({"a": part, "b": part} for part, _ in batches(x, y)), verbose=0)
    assert np.array_equal(outputs, both.predict([x, x], batch_size=SIZE, verbose=0))


class Endless(sq.utils.PyDataset):
    """Batches by number, without a word on how many."""

    def __getitem__(self, index):
        x, y = data()
        rows = np.arange(index * SIZE, (index + 1) * SIZE) % ROWS
        return x[rows], y[rows]


def test_a_dataset_need_not_have_a_length():
    expected, endless = model(), model()
    expected.fit((Endless()[i] for i in range(6)), steps_per_epoch=3, epochs=2, verbose=0)
    endless.fit(Endless(), steps_per_epoch=3, epochs=2, verbose=0)
    assert same_state(expected, endless)
    assert len(endless.predict(Endless(), steps=3, verbose=0)) == 3 * SIZE
    tenth = next(itertools.islice(Endless(), 10, None))
    assert np.array_equal(tenth[0], Endless()[10][0])
    with pytest.raises(NotImplementedError, match="or pass `steps_per_epoch`"):
        endless.fit(Endless(), verbose=0)


def failing(position, error=None, change=None):
    """A generator of six batches; that at `position` raises, or is changed."""
    x, y = data()
    for i, batch in enumerate(batches(x, y)):
        if i == position and error is not None:
            raise error
        yield change(*batch) if i == position and change is not None else batch


def no_targets(x, y):
    return x


def nan(x, y):
    return np.full_like(x, np.nan), y


REFUSED = {
    "ends in an epoch": (lambda: failing(9), {"steps_per_epoch": 5, "epochs": 2}, "6 batches in all, 1 of 5"),
    "ends before an epoch": (lambda: failing(9), {"epochs": 2}, "6 batches in all, and another epoch"),
    "empty": (lambda: iter(()), {}, "x gave no batches"),
    "no targets": (lambda: failing(0, change=no_targets), {}, "batch 0 of x .*y is missing"),
    "too many parts": (lambda: failing(2, change=lambda x, y: (x, y, y, y)), {}, "batch 2 of x .*a tuple of 4"),
    "NaN": (lambda: failing(3, change=nan), {}, "batch 3 of x .*x has 12 entries that are NaN"),
    "label": (lambda: failing(3, change=lambda x, y: (x, y + 7)), {}, "batch 3 of x .*label"),
    "features": (lambda: failing(1, change=lambda x, y: (x[:, :2], y)), {}, "batch 1 .*2 features.* expects 3"),
    "rows": (lambda: failing(1, change=lambda x, y: (x, y[1:])), {}, "batch 1 .*same number of rows"),
    "y beside": (lambda: failing(9), {"y": np.zeros(3)}, "y cannot be given beside x when x is a generator"),
    "split": (lambda: failing(9), {"validation_split": 0.5}, "validation_split cannot be given"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    make, arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        model().fit(make(), verbose=0, **arguments)


def test_batches_before_an_error_count_and_the_bad_one_does_not():
    x, y = data()
    one, other = model(), model()
    one.fit(x[: 3 * SIZE], y[: 3 * SIZE], batch_size=SIZE, shuffle=False, verbose=0)
    with pytest.raises(ValueError, match="batch 3"):
        other.fit(failing(3, change=nan), verbose=0)
    assert same_state(one, other)


def test_an_error_of_the_users_says_at_which_batch():
    with pytest.raises(KeyError) as caught:
        model().fit(failing(2, error=KeyError("column")), verbose=0)
    assert "batch 2 of x" in caught.value.__notes__[0]


def test_a_generator_for_validation_is_not_replayed():
    x, y = data()
    with pytest.raises(ValueError, match=r"validation x \(generator\) has ended"):
        model().fit(x, y, epochs=2, validation_data=batches(x, y), verbose=0)
    history = model().fit(x, y, epochs=2, validation_data=endless(x, y), validation_steps=3, verbose=0)
    assert len(history.history["val_loss"]) == 2


def test_a_batch_size_beside_a_stream_warns():
    x, y = data()
    for method in (model().fit, model().evaluate, model().predict):
        with pytest.warns(UserWarning, match="batch_size=8 is not used") as caught:
            method(Loader(x, y), batch_size=8, verbose=0)
        assert [one.filename for one in caught] == [__file__]


class Unmeasured:
    """Loader whose length is not known, as of some data sets of torch and TensorFlow."""

    def __init__(self, x, y):
        self.data = x, y

    def __iter__(self):
        return batches(*self.data)

    def __len__(self):
        raise TypeError("unknown length")


@pytest.mark.parametrize(("kind", "steps"), [(Loader, 6), (Numbered, 6), (Unmeasured, None), (batches, None)])
def test_callbacks_are_told_how_many_steps_an_epoch_has(kind, steps):
    watcher = sq.callbacks.Callback()
    watcher.on_train_begin = lambda logs: told.append(watcher.params["steps"])
    told = []
    stream = kind(*data())
    assert streams.stream_of(stream, "x").batches == steps
    model().fit(stream, verbose=0, callbacks=[watcher])
    assert told == [steps]


@pytest.mark.parametrize("rows", [np.arange(3), [1, 2], {"a": 1}, "text", None, Lazy(np.zeros((2, 2)))])
def test_arrays_and_their_kin_are_no_streams(rows):
    assert not streams.is_stream(rows)


# --- prefetching ---


def test_prefetch_keeps_the_order_and_raises_in_place():
    def items():
        yield from range(5)
        raise OSError("gone")

    seen = []
    with pytest.raises(OSError, match="gone"):
        for item in prefetch(items(), ahead=2):
            seen.append(item)
    assert seen == list(range(5))


@pytest.mark.parametrize(("seconds", "threads"), [(60.0, 1), (0.0, 3)])
def test_batches_that_are_made_in_a_moment_need_no_thread(seconds, threads, monkeypatch):
    """The first epoch has one, as nobody knows how long it takes."""
    monkeypatch.setattr(stream_source, "_QUICK_SECONDS", seconds)
    made_by = []

    class Watched(Numbered):
        def __getitem__(self, index):
            made_by.append(threading.current_thread())
            return super().__getitem__(index)

    one, other = model(), model()
    one.fit(Watched(*data()), epochs=3, shuffle=False, verbose=0)
    other.fit(*data(), batch_size=SIZE, epochs=3, shuffle=False, verbose=0)
    assert same_state(one, other)
    assert len({*made_by} - {threading.main_thread()}) == threads
    assert (threading.main_thread() is made_by[-1]) == (threads == 1)


def test_a_reader_that_leaves_stops_the_thread_and_closes_its_source():
    closed = threading.Event()
    made = []

    def items():
        try:
            for i in range(10**6):
                made.append(i)
                yield i
        finally:
            closed.set()

    reader = prefetch(items(), ahead=2)
    assert next(reader) == 0
    reader.close()
    assert closed.wait(5) and len(made) <= 5


def test_a_slow_stream_is_not_waited_for():
    x, y = data(16)

    def slow():
        for batch in batches(x, y):
            yield batch
            time.sleep(0.12)

    def read(x, y, weight):
        return Batch(x, y, weight)

    blocks = list(StreamSource(streams.stream_of(slow(), "x"), read).blocks(0))
    assert [block.rows for block in blocks] == [8, 4, 4]
    together = list(StreamSource(streams.stream_of(batches(x, y), "x"), read).blocks(0))
    assert [block.rows for block in together] == [16]


# --- arrays larger than memory ---


@pytest.fixture
def tiny_memory(monkeypatch):
    from sequax.data import arrays

    monkeypatch.setenv("SEQUAX_RESIDENT_MB", "0")
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 16 * 8)  # two batches of four rows
    monkeypatch.setattr(large, "_RUN_BYTES", 16 * 3)  # three rows


def on_disk(kind, array, folder):
    if kind == "memmap":
        np.save(folder / "rows.npy", array)
        return np.load(folder / "rows.npy", mmap_mode="r")
    if kind == "hdf5":
        import h5py

        file = h5py.File(folder / "rows.h5", "w")
        return file.create_dataset("rows", data=array)
    return Lazy(array)


@pytest.mark.parametrize("kind", ["memmap", "hdf5", "rows"])
def test_arrays_on_disk_train_as_arrays_in_memory_do(kind, tmp_path, tiny_memory):
    x, y = data()
    stored = on_disk(kind, x.astype("float64"), tmp_path)
    one, other = model(), model()
    first = one.fit(x, y, batch_size=SIZE, epochs=2, shuffle=False, verbose=0)
    second = other.fit(stored, y, batch_size=SIZE, epochs=2, shuffle=False, verbose=0)
    assert first.history == second.history and same_state(one, other)
    assert one.evaluate(x, y, verbose=0) == other.evaluate(stored, y, verbose=0)
    assert np.array_equal(one.predict(x, verbose=0), other.predict(stored, verbose=0))
    history = other.fit(stored, y, validation_split=0.25, epochs=2, verbose=0).history
    assert np.isfinite([history["loss"], history["val_loss"]]).all()


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
@pytest.mark.parametrize("steps", [None, 4])
def test_every_row_comes_once_in_runs(shuffle, steps, tiny_memory):
    rows = np.arange(ROWS * 4, dtype="float32").reshape(ROWS, 4)
    stored = Lazy(rows)
    source = large.LargeSource(
        (stored, None, None), lambda x, y, w: Batch(x), range(2, ROWS), SIZE, shuffle, seed=3, steps=steps
    )
    assert source.steps == (steps or 6)
    orders = []
    for epoch in range(2):
        taken = [
            np.asarray(block.arrays.x)[block.order[block.first * SIZE : block.rows]][:, 0] // 4
            for block in source.blocks(epoch)
        ]
        orders.append(np.concatenate(taken).astype(int).tolist())
    first, second = orders
    assert len(first) == min(21, 4 * (steps or 9)) == len(set(first)) and set(first) <= set(range(2, ROWS))
    if steps is None:
        assert (first == second) == (shuffle is False)
    else:
        assert sorted(first + second) == list(range(2, ROWS))  # the second goes on with the pass
    if shuffle == "batch":
        assert all(np.all(np.diff(first[i : i + SIZE]) == 1) for i in range(0, len(first), SIZE))
    assert max(stop - start for start, stop in stored.asked) <= 8


class OneOf(Spread):
    """A process that has some places of each batch."""

    def __init__(self, *places):
        super().__init__(Mesh(np.array(jax.devices()[:1]), ("batch",)), "batch")
        self.places = places

    def columns(self, batch_size):
        return np.array(self.places)

    def put_columns(self, array, batch_size):
        assert (array.shape[1], batch_size) == (len(self.places), SIZE)
        return array


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
@pytest.mark.parametrize(("rows", "steps"), [(21, None), (23, None), (21, 3), (9, 1)])
def test_a_process_reads_its_part_of_each_batch_alone(shuffle, rows, steps, tiny_memory):
    values = np.arange(rows * 4, dtype="float32").reshape(rows, 4)

    def read(place):
        """Which rows came, in their order (None: to another process), and which were asked for."""
        stored = Lazy(values)
        given = (stored, None, None), lambda x, y, w: Batch(x), range(1, rows), SIZE, shuffle
        source = large.LargeSource(*given, seed=3, steps=steps)
        source.place = place
        came = []
        for epoch, first in ((0, 0), (2, 1)):
            for block in source.blocks(epoch, first):
                x, order = block.arrays.x, block.order[block.first * SIZE : block.rows]
                for number in order.tolist():
                    batch, column = divmod(number, SIZE)
                    if place is DEVICE:
                        came.append(x[number, 0] // 4)
                    else:
                        has = column in place.places
                        came.append(x.rows[batch, place.places.index(column), 0] // 4 if has else None)
        return came, sorted(row for start, stop in stored.asked for row in range(start, stop))

    expected, every = read(DEVICE)
    parts = [read(place) for place in (OneOf(0, 1), OneOf(2), OneOf(3))]
    for place, row in enumerate(expected):
        assert [came[place] for came, _ in parts if came[place] is not None] == [row]
    asked = sorted(row for _, one in parts for row in one)
    if (rows - 1) % SIZE == 0 and steps is None:
        assert asked == every
    # Of a short batch, there may be none for a process: then it reads the last one.
    assert set(asked) <= set(every) and len(asked) <= len(every) + 2 * len(parts)


def test_bad_values_on_disk_are_named_by_their_row(tiny_memory):
    x, y = data()
    x[17, 1] = np.nan
    before = model()
    weights = before.get_weights()
    with pytest.raises(ValueError, match=r"NaN \(row 17, column 1\)"):
        before.fit(Lazy(x), y, batch_size=SIZE, shuffle=True, verbose=0)
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="row 0, column 0"):
        before.fit(Lazy(x), y, verbose=0, shuffle=False)
    assert len(weights) == len(before.get_weights())


def test_small_arrays_on_disk_are_read_as_a_whole():
    x, y = data()
    stored = Lazy(x)
    model().fit(stored, y, verbose=0)
    assert stored.asked == [(0, ROWS)]


def test_validation_data_leave_all_rows_on_disk_to_training(tiny_memory):
    """As with arrays in memory, `validation_split` does not count beside `validation_data`."""
    x, y = data()
    one, other = model(), model()
    arguments = {"validation_data": (x, y), "validation_split": 0.5, "batch_size": SIZE, "shuffle": False, "verbose": 0}
    one.fit(x, y, **arguments)
    other.fit(Lazy(x), y, **arguments)
    assert same_state(one, other)


def test_outputs_without_a_loss_need_no_target_in_streams_and_again():
    entry = sq.Input((4,))
    hidden = sq.layers.Dense(3)(entry)
    model = sq.Model(entry, [sq.layers.Dense(5)(hidden), hidden])
    model.compile("sgd", loss=[sq.losses.SparseCategoricalCrossentropy(from_logits=True), None])
    x, y = np.ones((8, 4), "float32"), np.zeros(8, "int32")

    def batches():
        while True:
            yield x, y

    weights = model.get_weights()
    losses = model.fit(batches(), steps_per_epoch=4, verbose=0).history["loss"]
    model.set_weights(weights)
    for _ in range(2):
        model.set_weights(weights)
        again = model.fit(np.tile(x, (4, 1)), np.tile(y, 4), batch_size=8, verbose=0, shuffle=False).history["loss"]
    np.testing.assert_allclose(again, losses, rtol=1e-6)
