"""`Dataset`: elements, numbers of elements and their order as in TensorFlow; chunks that nobody sees; training."""

from __future__ import annotations

import gzip
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax as sq
from sequax.data.pipeline.dataset import Dataset
from sequax.data.pipeline.spec import TensorSpec
from sequax.data.pipeline.whole import whole_arrays
from tests.test_compat import python


def ragged():
    for i in range(5):
        yield i, [float(i)] * i


def dicts(count):
    for i in range(count):
        yield {"a": i, "b": f"t{i}"}


# What TensorFlow 2.20 gives: elements, and their number (-1: without end, -2: not known).
OF_TENSORFLOW = {
    "range": (lambda: Dataset.range(2, 11, 3), [2, 5, 8], 3),
    "slices_tuple": (
        lambda: Dataset.from_tensor_slices(([1, 2, 3], [1.5, 2.0, 3.0])),
        [[1, 1.5], [2, 2.0], [3, 3.0]],
        3,
    ),
    "slices_dict": (
        lambda: Dataset.from_tensor_slices({"a": [1, 2], "b": ["x", "y"]}),
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        2,
    ),
    "slices_nested": (
        lambda: Dataset.from_tensor_slices(
            ({"a": np.arange(2), "b": np.ones((2, 2), "float32")}, np.array([0, 1], "uint8"))
        ),
        [[{"a": 0, "b": [1.0, 1.0]}, 0], [{"a": 1, "b": [1.0, 1.0]}, 1]],
        2,
    ),
    "slices_lists": (lambda: Dataset.from_tensor_slices([[1, 2], [3, 4]]), [[1, 2], [3, 4]], 2),
    "slices_strings": (lambda: Dataset.from_tensor_slices(np.array(["a", "bc"])), ["a", "bc"], 2),
    "tensors": (lambda: Dataset.from_tensors(([1, 2], 3)), [[[1, 2], 3]], 1),
    "generator": (
        lambda: Dataset.from_generator(ragged, ("int32", "float32"), ((), (None,))),
        [[0, []], [1, [1.0]], [2, [2.0, 2.0]], [3, [3.0, 3.0, 3.0]], [4, [4.0, 4.0, 4.0, 4.0]]],
        -2,
    ),
    "generator_sig": (
        lambda: Dataset.from_generator(
            dicts, args=[3], output_signature={"a": TensorSpec((), "int32"), "b": TensorSpec((), "string")}
        ),
        [{"a": 0, "b": "t0"}, {"a": 1, "b": "t1"}, {"a": 2, "b": "t2"}],
        -2,
    ),
    "batch": (lambda: Dataset.range(7).batch(3), [[0, 1, 2], [3, 4, 5], [6]], 3),
    "batch_drop": (lambda: Dataset.range(7).batch(3, drop_remainder=True), [[0, 1, 2], [3, 4, 5]], 2),
    "unbatch": (lambda: Dataset.range(7).batch(3).unbatch(), [0, 1, 2, 3, 4, 5, 6], -2),
    "unbatch_tuple": (
        lambda: Dataset.from_tensor_slices(([[1, 2], [3, 4]], [[5, 6], [7, 8]])).unbatch(),
        [[1, 5], [2, 6], [3, 7], [4, 8]],
        4,
    ),
    "rebatch": (lambda: Dataset.range(7).batch(3).rebatch(2), [[0, 1], [2, 3], [4, 5], [6]], -2),
    "rebatch_list": (
        lambda: Dataset.range(10).batch(3).rebatch([1, 2]),
        [[0], [1, 2], [3], [4, 5], [6], [7, 8], [9]],
        -2,
    ),
    "rebatch_drop": (lambda: Dataset.range(7).batch(3).rebatch(2, drop_remainder=True), [[0, 1], [2, 3], [4, 5]], -2),
    "padded": (
        lambda: Dataset.from_generator(ragged, ("int32", "float32"), ((), (None,))).padded_batch(2),
        [[[0, 1], [[0.0], [1.0]]], [[2, 3], [[2.0, 2.0, 0.0], [3.0, 3.0, 3.0]]], [[4], [[4.0, 4.0, 4.0, 4.0]]]],
        -2,
    ),
    "padded_shapes": (
        lambda: Dataset.from_generator(ragged, ("int32", "float32"), ((), (None,))).padded_batch(
            2, padded_shapes=((), (6,)), padding_values=(0, -1.0)
        ),
        [
            [[0, 1], [[-1.0, -1.0, -1.0, -1.0, -1.0, -1.0], [1.0, -1.0, -1.0, -1.0, -1.0, -1.0]]],
            [[2, 3], [[2.0, 2.0, -1.0, -1.0, -1.0, -1.0], [3.0, 3.0, 3.0, -1.0, -1.0, -1.0]]],
            [[4], [[4.0, 4.0, 4.0, 4.0, -1.0, -1.0]]],
        ],
        -2,
    ),
    "padded_texts": (
        lambda: Dataset.from_generator(lambda: [("a", [1]), ("b", [2, 3])], ("string", "int32")).padded_batch(2),
        [[["a", "b"], [[1, 0], [2, 3]]]],
        -2,
    ),
    "ragged_batch_of_equal": (lambda: Dataset.range(3).ragged_batch(2), [[0, 1], [2]], 2),
    "padded_drop": (
        lambda: Dataset.from_generator(ragged, ("int32", "float32"), ((), (None,))).padded_batch(
            2, padded_shapes=([], [None]), drop_remainder=True
        ),
        [[[0, 1], [[0.0], [1.0]]], [[2, 3], [[2.0, 2.0, 0.0], [3.0, 3.0, 3.0]]]],
        -2,
    ),
    "take": (lambda: Dataset.range(5).take(3), [0, 1, 2], 3),
    "take_all": (lambda: Dataset.range(5).take(-1), [0, 1, 2, 3, 4], 5),
    "take0": (lambda: Dataset.range(5).take(0), [], 0),
    "skip": (lambda: Dataset.range(5).skip(3), [3, 4], 2),
    "skip_all": (lambda: Dataset.range(5).skip(-1), [], 0),
    "shard": (lambda: Dataset.range(10).shard(3, 1), [1, 4, 7], 3),
    "shard0": (lambda: Dataset.range(2).shard(3, 2), [], 0),
    "repeat": (lambda: Dataset.range(3).repeat(2), [0, 1, 2, 0, 1, 2], 6),
    "repeat_take": (lambda: Dataset.range(3).repeat().take(7), [0, 1, 2, 0, 1, 2, 0], 7),
    "repeat0": (lambda: Dataset.range(3).repeat(0), [], 0),
    "repeat_batch": (lambda: Dataset.range(3).repeat(2).batch(4), [[0, 1, 2, 0], [1, 2]], 2),
    "batch_repeat": (lambda: Dataset.range(3).batch(2).repeat(2), [[0, 1], [2], [0, 1], [2]], 4),
    "cache": (lambda: Dataset.range(3).cache(), [0, 1, 2], 3),
    "prefetch": (lambda: Dataset.range(3).prefetch(-1), [0, 1, 2], 3),
    "map": (lambda: Dataset.range(4).map(lambda x: x * 2), [0, 2, 4, 6], 4),
    "map_star": (
        lambda: Dataset.zip((Dataset.range(3), Dataset.range(3))).map(lambda a, b: (a + b, a)),
        [[0, 0], [2, 1], [4, 2]],
        3,
    ),
    "map_dict": (
        lambda: Dataset.from_tensor_slices({"a": [1, 2], "b": [3, 4]}).map(lambda d: d["a"] + d["b"]),
        [4, 6],
        2,
    ),
    "map_list": (lambda: Dataset.range(3).map(lambda x: [x, x + 1]), [[0, 1], [1, 2], [2, 3]], 3),
    "map_nested": (
        lambda: Dataset.zip((Dataset.range(3), (Dataset.range(3), Dataset.range(3)))).map(
            lambda a, b: {"s": a + b[0] + b[1]}
        ),
        [{"s": 0}, {"s": 3}, {"s": 6}],
        3,
    ),
    "map_shape": (lambda: Dataset.range(4).batch(3).map(lambda x: x[0]), [0, 3], 2),
    "map_const": (lambda: Dataset.range(2).map(lambda x: 7), [7, 7], 2),
    "filter": (lambda: Dataset.range(9).filter(lambda x: x % 3 == 0), [0, 3, 6], -2),
    "filter2": (
        lambda: Dataset.zip((Dataset.range(5), Dataset.range(5, 10))).filter(lambda a, b: a + b > 7),
        [[2, 7], [3, 8], [4, 9]],
        -2,
    ),
    "take_while": (lambda: Dataset.range(9).take_while(lambda x: x < 4), [0, 1, 2, 3], -2),
    "enumerate": (lambda: Dataset.range(5, 8).enumerate(), [[0, 5], [1, 6], [2, 7]], 3),
    "enumerate2": (lambda: Dataset.range(2).enumerate(start=5).map(lambda i, x: (x, i)), [[0, 5], [1, 6]], 2),
    "concatenate": (lambda: Dataset.range(2).concatenate(Dataset.range(5, 7)), [0, 1, 5, 6], 4),
    "zip": (lambda: Dataset.zip((Dataset.range(3), Dataset.range(5, 10))), [[0, 5], [1, 6], [2, 7]], 3),
    "zip213": (lambda: Dataset.zip(Dataset.range(3), Dataset.range(5, 10)), [[0, 5], [1, 6], [2, 7]], 3),
    "zip_dict": (
        lambda: Dataset.zip({"a": Dataset.range(2), "b": Dataset.range(2)}),
        [{"a": 0, "b": 0}, {"a": 1, "b": 1}],
        2,
    ),
    "zip_single": (lambda: Dataset.zip(Dataset.range(2)), [0, 1], 2),
    "zip_nested": (
        lambda: Dataset.zip((Dataset.range(2), (Dataset.range(2), Dataset.range(2)))),
        [[0, [0, 0]], [1, [1, 1]]],
        2,
    ),
    "flat_map": (lambda: Dataset.range(1, 4).flat_map(lambda x: Dataset.range(x)), [0, 0, 1, 0, 1, 2], -2),
    "flat_map_slices": (
        lambda: Dataset.from_tensor_slices([[1, 2], [3, 4]]).flat_map(lambda x: Dataset.from_tensor_slices(x)),
        [1, 2, 3, 4],
        -2,
    ),
    "interleave1": (
        lambda: Dataset.range(1, 6).interleave(
            lambda x: Dataset.from_tensors(x).repeat(6), cycle_length=2, block_length=4
        ),
        [1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3, 4, 4, 5, 5, 5, 5, 5, 5],
        -2,
    ),
    "interleave2": (
        lambda: Dataset.range(4).interleave(lambda x: Dataset.range(x * 10, x * 10 + x), cycle_length=3),
        [10, 20, 30, 21, 31, 32],
        -2,
    ),
    "interleave3": (
        lambda: Dataset.range(5).interleave(
            lambda x: Dataset.range(5 - x), cycle_length=2, block_length=2, num_parallel_calls=2, deterministic=True
        ),
        [0, 1, 0, 1, 2, 3, 2, 3, 4, 0, 1, 0, 1, 2, 0],
        -2,
    ),
    "interleave4": (
        lambda: Dataset.range(3).interleave(lambda x: Dataset.range(3), cycle_length=7, block_length=2),
        [0, 1, 0, 1, 0, 1, 2, 2, 2],
        -2,
    ),
    "window": (lambda: Dataset.range(7).window(3).flat_map(lambda w: w.batch(3)), [[0, 1, 2], [3, 4, 5], [6]], -2),
    "window_shift": (
        lambda: Dataset.range(7).window(3, shift=2, drop_remainder=True).flat_map(lambda w: w.batch(3)),
        [[0, 1, 2], [2, 3, 4], [4, 5, 6]],
        -2,
    ),
    "window_stride": (
        lambda: Dataset.range(12).window(3, shift=1, stride=2).flat_map(lambda w: w.batch(3)),
        [
            [0, 2, 4],
            [1, 3, 5],
            [2, 4, 6],
            [3, 5, 7],
            [4, 6, 8],
            [5, 7, 9],
            [6, 8, 10],
            [7, 9, 11],
            [8, 10],
            [9, 11],
            [10],
            [11],
        ],
        -2,
    ),
    "window_stride_drop": (
        lambda: Dataset.range(12).window(3, 3, 4, True).flat_map(lambda w: w.batch(3)),
        [[0, 4, 8], [3, 7, 11]],
        -2,
    ),
    "window_gap": (
        lambda: Dataset.range(12).window(2, shift=5).flat_map(lambda w: w.batch(2)),
        [[0, 1], [5, 6], [10, 11]],
        -2,
    ),
    "window_tuple": (
        lambda: (
            Dataset.zip((Dataset.range(5), Dataset.range(5)))
            .window(2, 1, drop_remainder=True)
            .flat_map(lambda a, b: Dataset.zip((a.batch(2), b.batch(2))))
        ),
        [[[0, 1], [0, 1]], [[1, 2], [1, 2]], [[2, 3], [2, 3]], [[3, 4], [3, 4]]],
        -2,
    ),
    "window_dict": (
        lambda: Dataset.from_tensor_slices({"a": [1, 2, 3]}).window(2).flat_map(lambda w: w["a"].batch(2)),
        [[1, 2], [3]],
        -2,
    ),
    "series": (
        lambda: (
            Dataset.from_tensor_slices(np.arange(8, dtype="float32"))
            .window(4, shift=1, drop_remainder=True)
            .flat_map(lambda w: w.batch(4))
            .map(lambda w: (w[:-1], w[-1]))
            .batch(2)
            .prefetch(1)
        ),
        [
            [[[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]], [3.0, 4.0]],
            [[[2.0, 3.0, 4.0], [3.0, 4.0, 5.0]], [5.0, 6.0]],
            [[[4.0, 5.0, 6.0]], [7.0]],
        ],
        -2,
    ),
    "scan": (lambda: Dataset.range(5).scan(np.int64(0), lambda s, x: (s + x, s + x)), [0, 1, 3, 6, 10], 5),
    "unique": (lambda: Dataset.from_tensor_slices([1, 37, 2, 37, 2, 1]).unique(), [1, 37, 2], -2),
    "group": (
        lambda: Dataset.range(10).group_by_window(
            key_func=lambda x: x % 2, reduce_func=lambda k, d: d.batch(3), window_size=3
        ),
        [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]],
        -2,
    ),
    "choose": (
        lambda: Dataset.choose_from_datasets(
            [Dataset.range(0, 3), Dataset.range(10, 13), Dataset.range(20, 23)],
            Dataset.from_tensor_slices(np.array([0, 1, 2, 2, 1, 0, 0, 0, 1], "int64")),
        ),
        [0, 10, 20, 21, 11, 1, 2],
        -2,
    ),
    "choose_nostop": (
        lambda: Dataset.choose_from_datasets(
            [Dataset.range(0, 2), Dataset.range(10, 13)], Dataset.range(2).repeat(4), stop_on_empty_dataset=False
        ),
        [0, 10, 1, 11, 12],
        -2,
    ),
    "mapped_strings": (
        lambda: Dataset.from_tensor_slices(["a b", "c"]).map(lambda s: (s, s)),
        [["a b", "a b"], ["c", "c"]],
        2,
    ),
    "shuffle1": (lambda: Dataset.range(4).shuffle(1), [0, 1, 2, 3], 4),
    "sample": (
        lambda: Dataset.sample_from_datasets(
            [Dataset.range(5).repeat(), Dataset.range(5, 9).repeat()], weights=[1.0, 0.0]
        ).take(6),
        [0, 1, 2, 3, 4, 0],
        6,
    ),
}


def plain(element):
    if isinstance(element, dict):
        return {key: plain(value) for key, value in element.items()}
    if isinstance(element, (tuple, list)):
        return [plain(value) for value in element]
    if isinstance(element, bytes):
        return element.decode()
    array = np.asarray(element)
    return plain(array.tolist()) if array.dtype.hasobject else array.tolist()


@pytest.mark.parametrize("name", OF_TENSORFLOW)
def test_elements_are_those_of_tensorflow(name):
    make, elements, count = OF_TENSORFLOW[name]
    dataset = make()
    assert plain(list(dataset.as_numpy_iterator())) == elements
    assert not elements or plain(dataset.as_numpy_iterator().next()) == elements[0]
    assert plain(list(dataset)) == elements, "as tensors, in a second pass"
    assert int(dataset.cardinality()) == count


def numbers(dataset):
    return [np.asarray(element).tolist() for element in dataset]


def test_elements_are_tensors_and_numpy_is_asked_for():
    x, text = next(iter(Dataset.from_tensor_slices((np.arange(2), ["a", "b"]))))
    assert isinstance(x, jax.Array) and text.numpy() == b"a" and text.shape == ()
    wide = next(iter(Dataset.from_tensor_slices(np.array([2**40, 1]))))
    assert wide.item() == 2**40, "no device would hold it"
    kept = next(iter(Dataset.from_tensor_slices(np.arange(2.0)).as_numpy_iterator()))
    assert type(kept) is np.float64


def test_columns_of_a_table():
    import pandas

    table = pandas.DataFrame({"age": [1, 2], "name": ["x", "y"], "size": [0.5, 1.5]})
    rows = list(Dataset.from_tensor_slices((dict(table), table["age"])).as_numpy_iterator())
    assert rows == [({"age": 1, "name": b"x", "size": 0.5}, 1), ({"age": 2, "name": b"y", "size": 1.5}, 2)]
    assert Dataset.from_tensor_slices(table[["age", "size"]]).element_spec == TensorSpec((2,), "float64")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Dataset.from_tensor_slices(([1, 2], [1])), ValueError, "equal first axes"),
        (lambda: Dataset.from_tensor_slices([[1], [1, 2]]), ValueError, "pad them"),
        (lambda: Dataset.from_tensor_slices(object()), TypeError, "made of arrays"),
        (lambda: Dataset.from_generator(iter([1])), TypeError, "must be a function"),
        (lambda: list(Dataset.from_generator(ragged, ("int32", "int32"), ((), (1,)))), ValueError, "as announced"),
        (lambda: list(Dataset.from_generator(ragged, "int32")), ValueError, "become one array"),
        (lambda: list(Dataset.from_generator(ragged, ("int32",) * 3)), TypeError, "a tuple of 3"),
        (lambda: list(Dataset.from_generator(ragged).batch(2)), ValueError, "padded_batch"),
        (lambda: list(Dataset.from_generator(ragged).padded_batch(5, ((), (2,)))), ValueError, "larger than"),
        (lambda: list(Dataset.from_generator(ragged).ragged_batch(2)), NotImplementedError, "padded_batch"),
        (lambda: Dataset.range(4).batch(0), ValueError, "1 or more"),
        (lambda: list(Dataset.range(4).flat_map(lambda x: x)), TypeError, "must return a data set"),
        (lambda: list(Dataset.range(4).filter(lambda x: x)), ValueError, "one bool"),
        (lambda: list(Dataset.range(4).unbatch()), ValueError, "equal first axes"),
        (lambda: list(Dataset.range(4).map(lambda x: None)), TypeError, "map: .* None"),
        (lambda: len(Dataset.range(4).repeat()), TypeError, "infinite"),
        (lambda: len(Dataset.range(4).filter(lambda x: x > 1)), TypeError, "not known"),
        (lambda: Dataset.list_files("/nowhere/*.png"), FileNotFoundError, "nowhere"),
        (lambda: Dataset.range(4).shard(2, 2), ValueError, "index < num_shards"),
        (lambda: Dataset.range(2).get_single_element(), ValueError, "one element"),
        (lambda: Dataset.zip(3), TypeError, "expected a data set"),
    ],
)
def test_what_is_wrong_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_specs():
    pairs = Dataset.from_tensor_slices((np.ones((5, 3), "float32"), np.arange(5)))
    assert pairs.element_spec == (TensorSpec((3,), "float32"), TensorSpec((), "int64"))
    assert pairs.batch(2).element_spec[0] == TensorSpec((None, 3), "float32")
    assert pairs.batch(2, drop_remainder=True).element_spec[0] == TensorSpec((2, 3), "float32")
    assert pairs.batch(2).map(lambda x, y: x.sum(-1)).element_spec == TensorSpec((None,), "float32")
    assert pairs.batch(2).unbatch().element_spec[0] == TensorSpec((3,), "float32")
    assert "BatchDataset" in repr(pairs.batch(2)) and "(None, 3)" in repr(pairs.batch(2))


def test_looking_at_specs_does_not_count_as_a_pass():
    def of_values(x):
        return np.asarray(x) * 2

    looked_at, other = (Dataset.range(9).shuffle(9, seed=1).map(of_values) for _ in range(2))
    assert looked_at.element_spec == TensorSpec((), "int32")
    assert numbers(looked_at) == numbers(other)
    windows = sq.utils.timeseries_dataset_from_array(np.arange(9), None, 2, shuffle=True, seed=1)
    assert repr(windows.map(of_values)) and windows.epoch == 0


# --- order ---


def test_shuffle_depends_on_seed_and_pass():
    mixed = Dataset.range(50).shuffle(50, seed=3)
    first, second = numbers(mixed), numbers(mixed)
    assert sorted(first) == sorted(second) == list(range(50)) and first != second
    assert numbers(Dataset.range(50).shuffle(50, seed=3)) == first
    fixed = Dataset.range(50).shuffle(50, reshuffle_each_iteration=False)
    assert numbers(fixed) == numbers(fixed)
    sq.utils.set_random_seed(1)
    ours = numbers(Dataset.range(50).shuffle(50))
    sq.utils.set_random_seed(1)
    assert numbers(Dataset.range(50).shuffle(50)) == ours
    repeated = numbers(Dataset.range(50).shuffle(50, seed=3).repeat(2))
    assert repeated == first + second


@pytest.mark.parametrize("source", [Dataset.range(1000), Dataset.from_tensor_slices(np.arange(1000))])
@pytest.mark.parametrize("size", [1, 2, 100, 300, 999])
def test_a_buffer_gives_each_element_once_and_none_too_early(source, size):
    found = numbers(source.shuffle(size, seed=0))
    assert sorted(found) == list(range(1000))
    assert all(number < place + size for place, number in enumerate(found))
    if size >= 100:
        late = np.array(found) - np.arange(1000)
        assert -3000 < late.min() < -size / 2, "some wait long"


def test_elements_of_different_shapes_are_mixed():
    found = list(Dataset.from_generator(ragged).shuffle(3, seed=1).as_numpy_iterator())
    assert sorted(int(i) for i, _ in found) == list(range(5))
    assert all(len(row) == i for i, row in found)


def test_a_cache_keeps_whole_passes_alone(tmp_path):
    made = []

    def source():
        for i in range(4):
            made.append(i)
            yield i, "text" * i

    for kept in (Dataset.from_generator(source).cache(), Dataset.from_generator(source).cache(str(tmp_path / "kept"))):
        made.clear()
        assert len(list(kept.take(2))) == 2
        first = plain(list(kept))
        assert first == plain(list(kept)) == [[i, "text" * i] for i in range(4)]
        assert len(made) <= 2 + 1 + 4
    assert plain(list(Dataset.range(1).cache(str(tmp_path / "kept")))) == first, "the file is read"


def test_saved_elements_are_loaded(tmp_path):
    Dataset.from_tensor_slices({"a": [1, 2], "b": ["x", "yy"]}).batch(2).save(tmp_path / "folder")
    loaded = Dataset.load(tmp_path / "folder")
    assert plain(list(loaded)) == [{"a": [1, 2], "b": ["x", "yy"]}] and len(loaded) == 1


def test_prefetch_runs_ahead_of_slow_elements_alone():
    names = []

    def slow():
        for i in range(3):
            names.append(threading.current_thread().name)
            yield i

    assert numbers(Dataset.from_generator(slow).prefetch(2)) == [0, 1, 2]
    assert set(names) == {"sequax-prefetch"}


def test_a_generator_is_not_run_ahead():
    taken = []

    def source():
        for i in range(10):
            taken.append(i)
            yield np.full(2, i, "float32")

    dataset = Dataset.from_generator(source, output_signature=TensorSpec((2,), "float32"))
    assert [x.tolist() for x in dataset.map(lambda x: x * 2).batch(2).take(1)] == [[[0, 0], [2, 2]]]
    assert taken == [0, 1]


def test_a_generator_may_fill_the_same_array_again():
    def source():
        array = np.zeros(2, "float32")
        for i in range(3):
            array[:] = i
            yield array

    assert [x.tolist() for x in Dataset.from_generator(source).batch(3)] == [[[0, 0], [1, 1], [2, 2]]]


# --- functions: many elements at a time, or one by one ---


def test_functions_that_can_be_traced_run_once_per_shape():
    calls = []

    def function(x, y):
        calls.append(x.shape)
        return x * 2 + x.shape[0], y

    x = np.random.default_rng(0).normal(size=(600, 3)).astype("float32")
    dataset = Dataset.from_tensor_slices((x, np.arange(600))).map(function)
    found = list(dataset.as_numpy_iterator())
    np.testing.assert_array_equal(np.stack([a for a, _ in found]), x * 2 + 3)
    assert [b for _, b in found] == list(range(600))
    assert len(calls) <= 4 and set(calls) == {(3,)}
    assert len(list(dataset)) == 600 and len(calls) <= 4


def test_functions_that_decide_by_values_run_one_by_one():
    seen = []

    def function(x):
        seen.append(1)
        return x + 1 if x % 2 == 0 else -x

    assert numbers(Dataset.range(5).map(function)) == [1, -1, 3, -3, 5]
    assert numbers(Dataset.range(5).map(lambda x: str(int(x))).map(lambda s: s + b"!")) is not None
    assert numbers(Dataset.range(5).map(lambda x: np.asarray(x) ** 2)) == [0, 1, 4, 9, 16]


FORMS = {
    "slices": lambda x: (x[:-1], x[1:], x[-1], x[::2]),
    "arithmetic": lambda x: (x * 2.5 - 1, -x, x / 3, x // 2, x % 3, x**2, abs(x), 2**x),
    "whole": lambda x: (x.astype("int32") // -2, x.astype("int32") % -3, x.astype("uint8"), x > 2, ~(x > 2)),
    "functions": lambda x: (jnp.exp(-x), jnp.log1p(jnp.abs(x)), jnp.tanh(x), jnp.sqrt(jnp.abs(x)), jnp.sign(x)),
    "rounding": lambda x: (jnp.round(x), jnp.floor(x / 2), jnp.ceil(x / 2), jnp.clip(x, 1, 3), jnp.isfinite(x)),
    "sums": lambda x: (x.sum(), x.mean(), x.max(), x.min(), x.std(), x.argmax(), jnp.cumsum(x), (x > 0).any()),
    "shapes": lambda x: (x[None], x[:, None] + x, jnp.flip(x), jnp.tile(x, 2), jnp.pad(x, (1, 2)), x.reshape(-1, 1).T),
    "joined": lambda x: (jnp.concatenate([x, x[:1]]), jnp.stack([x, x]), jnp.arange(x.shape[0]), jnp.zeros_like(x)),
    "chosen": lambda x: (jnp.where(x > 2, x, -1), jnp.sort(-x), jax.nn.relu(x - 2), jax.nn.sigmoid(x), x.shape[0]),
    "no form here": lambda x: (x[:, None] @ x[None], jnp.sort(x), jax.nn.gelu(x)),
}


@pytest.mark.parametrize("name", FORMS)
def test_elements_of_many_shapes_are_computed_without_compiling(name):
    rows = [np.arange(n, dtype="float32") * 0.75 - 1 for n in range(2, 12)]
    found = Dataset.from_generator(lambda: iter(rows)).map(FORMS[name])
    for row, results in zip(rows, found.as_numpy_iterator(), strict=True):
        for result, expected in zip(results, FORMS[name](jnp.asarray(row)), strict=True):
            assert result.dtype == jnp.asarray(expected).dtype
            np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    forms = [program.in_numpy for program in found.stage.call.programs]
    assert forms[:4] == [None] * 4
    assert all(form is None for form in forms) if name == "no form here" else None not in forms[4:]


def test_dicts_keep_the_order_of_their_keys():
    pairs = Dataset.from_tensor_slices({"z": [1, 2], "a": [3, 4]})
    found = pairs.map(lambda row: {name: value + 1 for name, value in row.items()} | {"b": row["a"]})
    assert [list(row) for row in found] == [["z", "a", "b"]] * 2
    assert [list(row) for row in found.batch(2)] == [["z", "a", "b"]]


def test_threads_keep_the_order():
    def function(x):
        return np.asarray(x) * 2

    dataset = Dataset.range(40).map(function, num_parallel_calls=4)
    assert numbers(dataset) == numbers(dataset) == list(range(0, 80, 2))
    with pytest.raises(ZeroDivisionError):
        list(Dataset.range(40).map(lambda x: 1 // (int(x) - 7), num_parallel_calls=-1))


def augmented(compiles):
    sq.utils.set_random_seed(4)
    layer = sq.layers.RandomRotation(0.5, seed=2)
    images = np.random.default_rng(0).normal(size=(20, 6, 6, 1)).astype("float32")

    def function(image):
        if not compiles:
            np.asarray(image)
        return layer(image, training=True) + sq.random.uniform((1,))

    found = list(Dataset.from_tensor_slices(images).map(function).as_numpy_iterator())
    return np.stack(found), layer.random_generator.state if hasattr(layer, "random_generator") else None


def test_each_element_draws_its_own_numbers_compiled_or_not():
    at_once, state = augmented(True)
    one_by_one, other = augmented(False)
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-4)
    assert len({image.round(3).tobytes() for image in at_once}) == 20
    if state is not None:
        np.testing.assert_array_equal(np.asarray(state), np.asarray(other))


def test_variables_are_read_when_a_pass_comes_by_and_may_be_assigned():
    scale, count = sq.Variable(2.0), sq.Variable(0.0)
    scaled = Dataset.range(3).map(lambda x: scale.value * x)
    assert numbers(scaled) == [0, 2, 4]
    scale.assign(3.0)
    assert numbers(scaled) == [0, 3, 6]

    def counting(x):
        count.assign(count.value + 1)
        return count.value

    assert numbers(Dataset.range(4).map(counting)) == [1, 2, 3, 4]


def test_layers_that_are_not_built_yet():
    layer = sq.layers.Dense(2)
    found = list(Dataset.from_tensor_slices(np.ones((5, 1, 3), "float32")).map(layer).as_numpy_iterator())
    np.testing.assert_allclose(found[0], np.asarray(layer(np.ones((1, 3), "float32"))), atol=1e-6)


# --- files ---


def test_files_of_lines_records_and_fields(tmp_path):
    from sequax.data.pipeline import files, tables

    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\n\nfour")
    with gzip.open(tmp_path / "b.gz", "wb") as file:
        file.write(b"zip\n")
    lines = Dataset(files.Lines(lambda: [str(tmp_path / "a.txt")], None))
    assert plain(list(lines)) == ["one", "two", "", "four"]
    assert plain(list(Dataset(files.Lines(lambda: [str(tmp_path / "b.gz")], "GZIP")))) == ["zip"]
    records = Dataset(files.Records(lambda: [str(tmp_path / "a.txt")], 5, 0, 4, None))
    assert plain(list(records)) == ["one\r\n", "two\n\n"]
    (tmp_path / "t.csv").write_text('a,b,c\n1,2.5,u\n3,,v\n,4.0,"w,w"\n')
    table = files.Table(lambda: [str(tmp_path / "t.csv")], [[0], [-1.0], str], header=True)
    assert plain(list(Dataset(table))) == [[1, 2.5, "u"], [3, -1, "v"], [0, 4, "w,w"]]
    batches = tables.make_csv_dataset(str(tmp_path / "*.csv"), 2, label_name="a", num_epochs=1, shuffle=False)
    assert plain(list(batches)) == [[{"b": [2.5, 0], "c": ["u", "v"]}, [1, 3]], [{"b": [4], "c": ["w,w"]}, [0]]]
    assert plain(list(Dataset.list_files(str(tmp_path / "*.txt"), shuffle=False))) == [str(tmp_path / "a.txt")]


# --- training ---

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(100, 3)).astype("float32")
Y = (X.sum(-1, keepdims=True) > 0).astype("float32")


def model():
    sq.utils.set_random_seed(2)
    built = sq.Sequential([sq.Input((3,)), sq.layers.Dense(4, "tanh"), sq.layers.Dense(1, "sigmoid")])
    built.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return built


@pytest.mark.parametrize(
    "dataset",
    [
        Dataset.from_tensor_slices((X, Y)).batch(16),
        Dataset.from_tensor_slices((X, Y)).cache().batch(16).prefetch(-1),
        Dataset.from_tensor_slices((X, Y)).map(lambda x, y: (x, y)).batch(16).prefetch(1),
        Dataset.from_tensor_slices((X * 2, Y)).batch(16).map(lambda x, y: (x / 2, y)),
        Dataset.from_generator(lambda: zip(X, Y, strict=True), ("float32", "float32")).batch(16),
    ],
)
def test_fit_evaluate_and_predict_take_data_sets(dataset):
    arrays, ours = model(), model()
    expected = arrays.fit(X, Y, batch_size=16, shuffle=False, epochs=2, verbose=0, validation_data=(X, Y))
    found = ours.fit(dataset, epochs=2, verbose=0, validation_data=dataset)
    for name, losses in expected.history.items():
        np.testing.assert_allclose(found.history[name], losses, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(ours.evaluate(dataset, verbose=0), arrays.evaluate(X, Y, verbose=0), rtol=1e-4)
    np.testing.assert_allclose(ours.predict(dataset, verbose=0), arrays.predict(X, verbose=0), rtol=1e-4)


def test_plain_data_sets_hand_over_their_arrays():
    plain_ones = Dataset.from_tensor_slices((X, Y))
    assert whole_arrays(plain_ones.batch(32)).values[0] is X
    assert whole_arrays(plain_ones.shuffle(100, seed=5).batch(32).prefetch(1)).seed == 5
    for other in (
        plain_ones.shuffle(10).batch(32),
        plain_ones.shuffle(100, reshuffle_each_iteration=False).batch(32),
        plain_ones.batch(32, drop_remainder=True),
        plain_ones.batch(32).repeat(),
        plain_ones.batch(10).batch(10),
        plain_ones,
        X,
    ):
        assert whole_arrays(other) is None


def test_steps_weights_and_many_inputs():
    ours = model()
    with pytest.raises(ValueError, match="steps_per_epoch"):
        ours.fit(Dataset.from_tensor_slices((X, Y)).batch(10).repeat(), verbose=0)
    with pytest.raises(ValueError, match=r"until `\.batch"):
        ours.fit(Dataset.from_tensor_slices((X, Y[:, 0])), verbose=0)
    endless = Dataset.from_tensor_slices((X, Y)).shuffle(100).batch(10).repeat()
    assert len(ours.fit(endless, steps_per_epoch=3, epochs=2, verbose=0).history["loss"]) == 2
    weights = np.linspace(0, 1, 100).astype("float32")
    arrays, weighted = model(), model()
    expected = arrays.fit(X, Y, sample_weight=weights, batch_size=20, shuffle=False, verbose=0)
    found = weighted.fit(Dataset.from_tensor_slices((X, Y, weights)).batch(20), verbose=0)
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-5)
    weighted.fit(Dataset.from_tensor_slices((X, Y)).batch(20), class_weight={0: 1.0, 1: 2.0}, verbose=0)
    a, b = sq.Input((3,), name="a"), sq.Input((1,), name="b")
    two = sq.Model([a, b], sq.layers.Dense(1, name="out")(sq.layers.Concatenate()([a, b])))
    two.compile("sgd", "mse")
    features = {"b": Y, "a": X}
    two.fit(Dataset.from_tensor_slices((features, {"out": Y})).shuffle(100).batch(10), verbose=0)
    assert two.predict(Dataset.from_tensor_slices((features,)).batch(10), verbose=0).shape == (100, 1)


def test_the_order_of_passes_goes_on_over_calls_of_fit():
    mixed = Dataset.from_tensor_slices((X, Y)).shuffle(100, seed=1).batch(16)
    losses = [model().fit(mixed, verbose=0).history["loss"][0] for _ in range(2)]
    assert losses[0] != losses[1]
    again = Dataset.from_tensor_slices((X, Y)).shuffle(100, seed=1).batch(16)
    assert model().fit(again, verbose=0).history["loss"][0] == losses[0]


class Stop(sq.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.last = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.last:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("make", "steps"),
    [
        (lambda rows: rows.batch(16), {}),
        (lambda rows: rows.map(lambda x, y: (x * 2, y)).batch(16).prefetch(1), {}),
        (lambda rows: rows.repeat().batch(16), {"steps_per_epoch": 4}),
    ],
)
def test_a_run_over_a_data_set_is_resumed_to_the_bit(make, steps, tmp_path):
    def train(**kwargs):
        trained = model()
        trained.fit(
            make(Dataset.from_tensor_slices((X, Y)).shuffle(100, seed=5)), epochs=4, verbose=0, **steps, **kwargs
        )
        return trained.get_weights()

    expected = train()
    with pytest.raises(KeyboardInterrupt):
        train(callbacks=Stop(1), resume=tmp_path / "run")
    for found, weights in zip(train(callbacks=Stop(None), resume=tmp_path / "run"), expected, strict=True):
        np.testing.assert_array_equal(found, weights)


def test_layers_adapt_to_data_sets():
    normal = sq.layers.Normalization()
    normal.adapt(Dataset.from_tensor_slices((X, Y)).batch(16).map(lambda x, y: x))
    np.testing.assert_allclose(np.asarray(normal.mean).ravel(), X.mean(0), atol=1e-5)
    texts = Dataset.from_tensor_slices((["a b", "b c", "b"], [0, 1, 1]))
    words = sq.layers.TextVectorization(output_sequence_length=2)
    words.adapt(texts.batch(2).map(lambda text, label: text))
    assert words.get_vocabulary() == ["", "[UNK]", "b", "c", "a"]
    numbers = texts.batch(2).map(lambda text, label: (words(text), label))
    assert plain(list(numbers))[0] == [[[4, 2], [2, 3]], [0, 1]]
    words.adapt(texts.map(lambda text, label: text))
    assert words.get_vocabulary()[2] == "b"


# --- data sets of samples have the same methods ---


def test_folders_of_images_go_on_as_data_sets(tmp_path):
    from PIL import Image

    for label, color in (("dark", 20), ("light", 220)):
        (tmp_path / label).mkdir()
        for i in range(6):
            Image.fromarray(np.full((8, 8, 3), color + i, "uint8")).save(tmp_path / label / f"{i}.png")
    images = sq.utils.image_dataset_from_directory(
        tmp_path, image_size=(8, 8), batch_size=4, seed=1, validation_split=0.25, subset="training", verbose=False
    )
    assert isinstance(images, Dataset) and images.class_names == ["dark", "light"] and len(images.file_paths) == 9
    for x, y in images.take(1):
        assert isinstance(x, jax.Array) and x.shape == (4, 8, 8, 3) and y.dtype == "int32"
    scale, flip = sq.layers.Rescaling(1 / 255), sq.layers.RandomFlip("horizontal")
    ready = images.map(lambda x, y: (flip(scale(x), training=True), y), num_parallel_calls=-1).cache()
    ready = ready.shuffle(100).prefetch(buffer_size=-1)
    assert len(images) == len(ready) == 3
    assert ready.element_spec[0] == TensorSpec((None, 8, 8, 3), "float32")
    sq.utils.set_random_seed(0)
    net = sq.Sequential([sq.layers.GlobalAveragePooling2D(), sq.layers.Dense(2)])
    net.compile(sq.optimizers.Adam(0.1), sq.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["acc"])
    history = net.fit(ready, epochs=20, verbose=0, validation_data=ready)
    assert history.history["val_acc"][-1] == 1
    singles = images.unbatch().batch(2, drop_remainder=True)
    assert next(iter(singles))[0].shape == (2, 8, 8, 3)


def test_windows_texts_and_splits_go_on_as_data_sets(tmp_path):
    windows = sq.utils.timeseries_dataset_from_array(np.arange(20.0), np.arange(20.0), 3, batch_size=4)
    assert plain(next(iter(windows.map(lambda x, y: (x[:, -1], y)))))[0] == [2, 3, 4, 5]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.txt").write_text("héllo wörld")
    texts = sq.utils.text_dataset_from_directory(tmp_path, label_mode=None, verbose=False)
    assert plain(list(texts)) == [["héllo wörld"]]
    plain_ones = sq.utils.text_dataset_from_directory(tmp_path, label_mode=None, format="grain", verbose=False)
    assert [batch.tolist() for batch in plain_ones] == [["héllo wörld"]] and plain_ones.epoch == 1
    words = sq.layers.TextVectorization()
    words.adapt(texts)
    assert len(words.get_vocabulary()) == 4
    left, right = sq.utils.split_dataset(np.arange(10), left_size=0.8)
    assert numbers(left.map(lambda x: x + 1).batch(8)) == [[1, 2, 3, 4, 5, 6, 7, 8]] and len(right) == 2


UNDER_THE_HOOK = """
from sequax import compat; compat.install()
import numpy as np, tensorflow as tf
from tensorflow.data import Dataset
from tensorflow.data.experimental import AUTOTUNE
ds = Dataset.from_tensor_slices((["a b", "c"], [1, 2]))
assert isinstance(ds, tf.data.Dataset) and isinstance(ds.element_spec[0], tf.TensorSpec)
for text, number in ds.take(1):
    assert isinstance(text, tf.Tensor) and isinstance(number, tf.Tensor)
    assert (text.numpy(), number.numpy()) == (b"a b", 1)
assert Dataset.range(3).cardinality().numpy() == 3
assert Dataset.range(3).repeat().cardinality() == tf.data.INFINITE_CARDINALITY
image = np.arange(8, dtype="uint8").reshape(2, 2, 2)
scaled = Dataset.from_tensor_slices((image, [0, 1])).map(
    lambda x, y: (tf.cast(x, tf.float32) / 255.0, tf.one_hot(y, 3)), num_parallel_calls=AUTOTUNE)
assert scaled.element_spec[1] == tf.TensorSpec((3,), tf.float32)
assert scaled.output_types[1] == tf.float32 and scaled.output_classes == (tf.Tensor, tf.Tensor)
old = scaled.padded_batch(2, scaled.output_shapes).make_one_shot_iterator()
assert old.get_next()[1].shape == (2, 3) and tf.compat.v1.data.get_output_shapes(old)[1].as_list() == [None, 3]
def squared(x):
    y = tf.py_function(lambda v: v.numpy() ** 2, [x], tf.int64)
    y.set_shape(())
    return y
assert [int(x) for x in Dataset.range(3).map(squared)] == [0, 1, 4]
halves = Dataset.range(3).map(lambda x: tf.numpy_function(lambda v: np.float32(v / 2), [x], tf.float32))

@tf.numpy_function(Tout=[tf.float32, tf.int32])
def parted(value):
    return np.float32(value / 2), np.int32(value // 2)

assert [float(one) for one in parted(tf.constant(5))] == [2.5, 2.0]
assert [float(x) for x in halves] == [0, 0.5, 1]
rows = Dataset.from_generator(lambda: iter([[1.0, 2.0], [3.0]]), tf.float32, tf.TensorShape([None]))
assert rows.element_spec.shape.as_list() == [None] and len(list(rows.padded_batch(2))) == 1
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
assert len(ds.with_options(options)) == 2
assert len(list(ds.apply(tf.data.experimental.assert_cardinality(2)))) == 2
iterator = tf.compat.v1.data.make_one_shot_iterator(ds)
assert iterator.get_next()[1].numpy() == 1
compat.uninstall()
from sequax.data.pipeline.dataset import Dataset
assert type(next(iter(Dataset.from_tensor_slices(["a"])))).__name__ == "HostArray"
"""


def test_under_the_import_hook_elements_are_tensors_of_tensorflow():
    done = python(UNDER_THE_HOOK)
    assert done.returncode == 0, done.stderr


def test_compiled_functions_may_be_used_inside_jax():
    total = Dataset.range(5).reduce(np.int64(0), lambda state, x: state + x)
    assert int(total) == 10
    pairs = Dataset.zip(Dataset.range(3), Dataset.range(3))
    assert int(pairs.reduce(0, lambda state, xy: state + xy[0] * xy[1])) == 5
    assert float(jnp.sum(next(iter(pairs.batch(3)))[0])) == 3


SEEDED = """
from sequax import compat; compat.install()
import numpy as np, tensorflow as tf
def drawn(by_values):
    tf.random.set_seed(3)
    def function(x):
        if by_values and float(x) < 0:
            return x
        return tf.random.uniform([], seed=5) + tf.random.uniform([])
    return np.stack(list(tf.data.Dataset.range(5).map(function).as_numpy_iterator()))
np.testing.assert_allclose(drawn(False), drawn(True), rtol=1e-6)
assert len(set(drawn(False).tolist())) == 5
"""


def test_draws_with_a_seed_go_on_from_element_to_element():
    done = python(SEEDED)
    assert done.returncode == 0, done.stderr
