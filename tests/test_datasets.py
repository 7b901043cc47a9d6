"""Data sets that are downloaded: files of the right shape made here, read by Keras' own functions and by ours."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import os
import pickle
import pickletools
import struct

import numpy as np
import pytest

import sequax
from sequax.datasets import pickles

NAMES = [name for name in sequax.datasets.__all__ if name != "digits"]
TEXTS, NEWS = 12, 20


def lists(rng, count):
    array = np.empty(count, object)
    array[:] = [rng.integers(1, 30, int(length)).tolist() for length in rng.integers(1, 9, count)]
    return array


@pytest.fixture
def files(tmp_path, monkeypatch, keras):
    """Small files under the names of the real ones, which both libraries get; returns what they ask for."""
    rng = np.random.default_rng(0)
    digits = {"x_train": (6, 28, 28), "y_train": (6,), "x_test": (4, 28, 28), "y_test": (4,)}
    np.savez(tmp_path / "mnist.npz", **{k: rng.integers(0, 10, shape).astype("uint8") for k, shape in digits.items()})
    np.savez(tmp_path / "boston_housing.npz", x=rng.normal(size=(20, 13)), y=rng.normal(size=20))
    np.savez(tmp_path / "california_housing.npz", x=rng.normal(size=(700, 8)), y=rng.normal(size=700))
    parts = {f"x_{part}": lists(rng, TEXTS) for part in ("train", "test")}
    parts |= {f"y_{part}": rng.integers(0, 2, TEXTS) for part in ("train", "test")}
    np.savez(tmp_path / "imdb.npz", **parts)
    np.savez(tmp_path / "reuters.npz", x=lists(rng, NEWS), y=rng.integers(0, 46, NEWS))
    for name in ("imdb", "reuters"):
        (tmp_path / f"{name}_word_index.json").write_text(json.dumps({"the": 1, "straße": 2}))
    for part, count in (("train", 5), ("t10k", 3)):
        for kind, shape in (("labels-idx1", (count,)), ("images-idx3", (count, 28, 28))):
            header = struct.pack(f">{1 + len(shape)}I", 0x800 + len(shape), *shape)
            content = header + rng.integers(0, 10, shape).astype("uint8").tobytes()
            (tmp_path / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(content))
    write_cifar(tmp_path, rng)
    return {library: caught(library, tmp_path, monkeypatch) for library in ("keras", "sequax")}


def caught(library, folder, monkeypatch):
    """What a library asks `get_file` for; it gets the files of `folder`."""
    asked = []

    def get_file(fname=None, **options):
        asked.append({"fname": fname, **options})
        return os.path.join(folder, fname)

    for name in NAMES:
        module = importlib.import_module(f"{library}.datasets.{name}")
        for function in ("load_data", "get_word_index", "_file"):
            if hasattr(module, function):
                monkeypatch.setitem(getattr(module, function).__globals__, "get_file", get_file)
    return asked


def write_cifar(folder, rng):
    def batch(count, **labels):
        data = rng.integers(0, 256, (count, 3072)).astype("uint8")
        return {b"data": data, **{key.encode(): rng.integers(0, 9, count).tolist() for key in labels}}

    ten = folder / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    hundred = folder / "cifar-100-python-target" / "cifar-100-python"
    for path in (ten, hundred):
        path.mkdir(parents=True)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        (ten / name).write_bytes(pickle.dumps(batch(2, labels=1), protocol=3))
    for name, count in (("train", 4), ("test", 3)):
        content = batch(count, fine_labels=1, coarse_labels=1)
        (hundred / name).write_bytes(pickle.dumps(content, protocol=3))


CALLS = [
    ("mnist", {}),
    ("fashion_mnist", {}),
    ("cifar100", {}),
    ("cifar100", {"label_mode": "coarse"}),
    ("boston_housing", {}),
    ("boston_housing", {"test_split": 0.5, "seed": 1}),
    ("california_housing", {}),
    ("california_housing", {"version": "small", "seed": 2}),
    ("imdb", {}),
    ("imdb", {"num_words": 10}),
    ("imdb", {"num_words": 20, "skip_top": 5, "oov_char": None}),
    ("imdb", {"maxlen": 6, "seed": 3}),
    ("imdb", {"start_char": None, "index_from": None}),
    ("imdb", {"start_char": None, "index_from": 2}),
    ("reuters", {}),
    ("reuters", {"num_words": 15, "skip_top": 4, "maxlen": 7, "test_split": 0.4, "seed": 5}),
]


@pytest.mark.parametrize(("name", "options"), CALLS)
def test_data_sets_are_those_of_keras(name, options, files, keras):
    expected = getattr(keras.datasets, name).load_data(**options)
    data = getattr(sequax.datasets, name).load_data(**options)
    assert files["sequax"]
    assert sorted(files["sequax"], key=str) == sorted(files["keras"], key=str)  # addresses, names and hashes
    for ours, theirs in zip(data, expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            assert a.tolist() == b.tolist()


def test_cifar10(files, tmp_path):
    (x_train, y_train), (x_test, y_test) = sequax.datasets.cifar10.load_data()
    assert [a.shape for a in (x_train, y_train, x_test, y_test)] == [(10, 32, 32, 3), (10, 1), (2, 32, 32, 3), (2, 1)]
    assert {a.dtype.name for a in (x_train, y_train, x_test, y_test)} == {"uint8"}
    folder = tmp_path / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    batch = pickle.loads((folder / "data_batch_2").read_bytes())
    assert np.array_equal(x_train[3].transpose(2, 0, 1).ravel(), batch[b"data"][1])
    assert y_train[2:4, 0].tolist() == batch[b"labels"]
    assert files["sequax"][0]["file_hash"].startswith("6d958be0")
    assert files["sequax"][0]["extract"] is True


def test_words_and_topics(files, keras):
    for name in ("imdb", "reuters"):
        expected = getattr(keras.datasets, name).get_word_index()
        assert getattr(sequax.datasets, name).get_word_index() == expected == {"the": 1, "straße": 2}
    assert files["sequax"] == files["keras"]
    assert sequax.datasets.reuters.get_label_names() == keras.datasets.reuters.get_label_names()


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("cifar100", {"label_mode": "x"}, ValueError, "`label_mode` must be one of"),
        ("california_housing", {"version": "x"}, ValueError, "`version` must be 'small' or 'large'"),
        ("boston_housing", {"test_split": 2}, ValueError, "Invalid `test_split` argument: 2"),
        ("reuters", {"test_split": 1}, ValueError, "Invalid `test_split` argument: 1"),
        ("imdb", {"maxlen": 1}, ValueError, "no sequence was kept"),
        ("imdb", {"words": 1}, TypeError, "unrecognized keyword arguments"),
    ],
)
def test_arguments_refused(name, options, error, message, files):
    with pytest.raises(error, match=message):
        getattr(sequax.datasets, name).load_data(**options)


def test_damaged_files_are_refused(files, tmp_path):
    for name in ("mnist.npz", "imdb.npz"):
        np.savez(tmp_path / name, other=np.zeros(2))
    (tmp_path / "reuters.npz").write_bytes(b"not a zip")
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">2I", 0x801, 9) + b"123"))
    (tmp_path / "cifar-100-python-target" / "cifar-100-python" / "train").write_bytes(pickle.dumps({b"data": 3}))
    for name in ("mnist", "imdb", "reuters", "fashion_mnist", "cifar100"):
        with pytest.raises(ValueError, match="Delete"):
            getattr(sequax.datasets, name).load_data()


# --- pickles ---


class Call:
    """Pickled as a call of any function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def load(data):
    return pickles.load_pickle(io.BytesIO(data))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL))
def test_data_survive(protocol):
    nested = np.empty(2, object)
    nested[:] = [[1, 2], ["a", np.arange(3)]]
    value = {
        "list": [1, 2.5, None, True, (b"x", "ü")],
        "plain": np.arange(6, dtype=">i2").reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "objects": nested,
        "scalar": np.float32(1.5),
    }
    again = load(pickle.dumps(value, protocol=protocol))
    assert again["list"] == value["list"]
    for name in ("plain", "columns"):
        assert np.array_equal(again[name], value[name])
    assert again["objects"][0] == [1, 2]
    assert again["objects"][1][1].tolist() == [0, 1, 2]
    assert again["scalar"] == 1.5


def python_2_pickle():
    """An array as NumPy on Python 2 pickled it: with byte strings where Python 3 has text."""
    content = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01bq\x03\x87q\x04Rq\x05"
        b"(K\x01K\x02\x85cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89U\x02\x07\x08tb."
    )
    pickletools.dis(content, io.StringIO())
    return content


def test_pickles_of_python_2_are_read():
    assert load(python_2_pickle()).tolist() == [7, 8]
    assert load(b"\x80\x02U\x02\xff\xfe.") == b"\xff\xfe"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_that_call_something_are_refused_before_the_call(protocol, tmp_path):
    marks = tmp_path / "marks"
    for call in (Call(os.mkdir, str(marks)), Call(eval, f"__import__('os').mkdir({str(marks)!r})"), Call(print, "x")):
        for value in (call, [1, {"x": call}], np.array([call, 1], object)):
            with pytest.raises(pickles.UnsafePickleError, match="asks for"):
                load(pickle.dumps(value, protocol=protocol))
    assert not marks.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR(dS'a'\nS'b'\nsb.",
            "byte order",
        ),  # a dtype changed otherwise than NumPy does
        (b"cnumpy\ndtype\n(S'V9'\ntR.", "dtype"),
        (b"cnumpy\nndarray\n(I3\ntR.", "calls numpy.ndarray"),
        (b"cnumpy\nndarray\n.", "holds a _Maker"),
        (b"cnumpy\ndtype\n}S'__class__'\nI1\nsb.", "changes a function"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(tR.", "array without content"),
        (b"c_codecs\nencode\n(Vx\nS'rot13'\ntR.", "encodes something other"),
        (b"csequax.datasets.pickles\n_Array\n(tR.", "asks for sequax.datasets.pickles._Array"),
        (b"cnumpy\ndtype.__class__\n.", "asks for numpy.dtype.__class__"),
    ],
)
def test_crafted_pickles_are_refused(content, message):
    with pytest.raises(pickles.UnsafePickleError, match=message):
        load(content)


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"no pickle", python_2_pickle()[:-30]])
def test_damaged_pickles_are_refused(content):
    with pytest.raises(ValueError, match="damaged"):
        load(content)


def test_sizes_in_pickles_are_not_believed():
    state = (1, (2**40,), np.dtype("u1"), False, b"ab")
    array = pickle.dumps(np.zeros(2, "u1"), protocol=2)
    grown = array.replace(b"K\x02\x85", b"\x8a\x06" + (2**40).to_bytes(6, "little") + b"\x85")
    assert grown != array
    with pytest.raises(pickles.UnsafePickleError, match=rf"shape \({state[1][0]},\)"):
        load(grown)


def test_a_malicious_imdb_file_runs_nothing(files, tmp_path):
    marks = tmp_path / "marks"
    evil = np.empty(2, object)
    evil[:] = [[1, 2], Call(os.mkdir, str(marks))]
    np.savez(tmp_path / "imdb.npz", x_train=evil, y_train=np.zeros(2), x_test=evil, y_test=np.zeros(2))
    with pytest.raises(ValueError, match=r"asks for posix.mkdir|asks for nt.mkdir"):
        sequax.datasets.imdb.load_data()
    assert not marks.exists()
