"""What a file may ask for in memory and work: bounded by its size, whatever it says."""

from __future__ import annotations

import copy
import io
import json
import pickle
import struct
import sys
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

import sequax
from sequax import initializers, layers
from sequax.models import Sequential, load_model, model_from_json
from sequax.saving import LoadError, hdf5_reader, memory_budget, tensors
from sequax.saving.source import Source

MEGABYTE = 1 << 20


def peak(function):
    """What a call takes at most, in bytes."""
    tracemalloc.start()
    try:
        function()
    except LoadError:
        pass
    finally:
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return found


# --- arrays ---


@pytest.mark.parametrize("options", [{}, {"shuffle": True}], ids=str)
def test_a_checksum_takes_little_memory(options, tmp_path):
    path, size = tmp_path / "a.h5", 8 * MEGABYTE
    with h5py.File(path, "w") as file:
        array = np.arange(size // 4, dtype="float32")
        file.create_dataset("a", data=array, chunks=array.shape, fletcher32=True, **options)
    found = []
    taken = peak(lambda: found.append(hdf5_reader.File(Source.of(path.read_bytes())).datasets["a"].read()))
    np.testing.assert_array_equal(found[0], array)
    assert taken < 4.5 * size


@pytest.mark.parametrize("size", [1, 2, 3, 131_071, 131_072, 131_073, 300_001])
def test_checksums_of_any_length(size, tmp_path):
    path = tmp_path / "a.h5"
    array = np.random.default_rng(size).integers(0, 256, size).astype("uint8")
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=array, chunks=(size,), fletcher32=True)
    np.testing.assert_array_equal(hdf5_reader.File(Source.of(path.read_bytes())).datasets["a"].read(), array)
    damaged = bytearray(path.read_bytes())
    damaged[damaged.rindex(array.tobytes()[-1:], 0, damaged.index(array.tobytes()) + size)] ^= 1
    with pytest.raises(LoadError, match="checksum does not match"):
        hdf5_reader.File(Source.of(bytes(damaged))).datasets["a"].read()


def safetensors(header):
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text


HEADERS = {
    "arrays": lambda n: {f"{i:x}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(n // 60)},
    "lists": lambda n: {"a": [[] for _ in range(n // 3)]},
    "numbers": lambda n: {"a": [1] * (n // 2)},
    "texts": lambda n: {"__metadata__": {f"{i:x}": "" for i in range(n // 12)}},
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_take_memory_as_their_length_says(name):
    data = safetensors(HEADERS[name](8 * MEGABYTE))
    assert peak(lambda: tensors.read_table(Source.of(data))) < 6 * len(data)


def test_a_header_of_many_arrays_is_refused_or_allowed():
    data = safetensors(HEADERS["arrays"](8 * MEGABYTE))
    with pytest.raises(LoadError, match=r"lists more than 1\d\d,\d\d\d arrays|lists more than 100,000 arrays"):
        tensors.read_table(Source.of(data))
    with memory_budget(1 << 30):
        assert len(tensors.read_table(Source.of(data))) == 8 * MEGABYTE // 60


def test_many_groups_are_refused_or_allowed(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for number in range(300):
            file.create_group(f"g{number}")
    data = path.read_bytes()
    assert len(hdf5_reader.File(Source.of(data)).groups) == 301
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sequax.core.budget._FREE_LAYERS", 0)
        patch.setattr(hdf5_reader, "_LEAST", len(data) // 200)
        with pytest.raises(LoadError, match="more than 200 arrays and groups"):
            hdf5_reader.File(Source.of(data))
        with memory_budget(1 << 30):
            assert len(hdf5_reader.File(Source.of(data)).groups) == 301


def test_paths_are_bounded_by_the_size_of_the_file():
    """Each group stores its own name alone, but has those of all groups above in its path."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest") as file:
        level = [file.create_group("a" * 1000).create_group("b" * 1000)]
        for _ in range(3):
            level = [group.create_group(str(number)) for group in level for number in range(8)]
    with pytest.raises(LoadError, match="all paths together are far longer than the file"):
        hdf5_reader.File(Source.of(buffer.getvalue()))


# --- work ---


def archive(config, tmp_path):
    """A `.keras` file with another config, packed."""
    Sequential([sequax.Input((2,)), layers.Dense(1)]).save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as good, zipfile.ZipFile(tmp_path / "bad.keras", "w") as bad:
        for name in good.namelist():
            if name != "sequax.json":
                change = config(json.loads(good.read(name))) if name == "config.json" else None
                data = good.read(name) if change is None else json.dumps(change)
                bad.writestr(name, data, zipfile.ZIP_DEFLATED)
    return tmp_path / "bad.keras"


def with_metrics(entry):
    return lambda config: {**config, "compile_config": {"optimizer": "sgd", "loss": "mse", "metrics": entry}}


METRICS = {
    "a list": ["mae"] * 20_000,
    "nested lists": [[["mae"] * 5000] * 4],
    "a dict": {f"m{i}": "mae" for i in range(20_000)},
    "configs": [{"class_name": "Mean", "config": {}}] * 20_000,
}


@pytest.mark.parametrize("name", METRICS)
def test_metrics_are_counted(name, tmp_path, monkeypatch):
    monkeypatch.setattr("sequax.metrics.catalogue.get", lambda one: pytest.fail("a metric was made"))
    with pytest.raises(LoadError, match=r"more than 2,\d{3} layers, calls and metrics"):
        load_model(archive(with_metrics(METRICS[name]), tmp_path))


def test_other_objects_are_counted(tmp_path):
    entry = {"class_name": "Zeros", "module": "keras.initializers", "config": {}}
    many = [entry] * 25_000

    def change(config):
        config["config"]["layers"][-1]["config"]["dtype"] = many
        return config

    with pytest.raises(LoadError, match=r"more than 2,\d{3} layers, calls and metrics"):
        load_model(archive(change, tmp_path))


# --- initializers ---

EXPENSIVE = {
    "LSTM": (layers.LSTM, dict(units=40), (None, 4, 3)),
    "Embedding": (layers.Embedding, dict(input_dim=500, output_dim=4), (None, 4)),
    "identity": (layers.Dense, dict(units=40, kernel_initializer="identity"), (None, 40)),
    "orthogonal": (layers.Dense, dict(units=40, kernel_initializer="orthogonal"), (None, 40)),
    "convolution": (layers.Conv2D, dict(filters=40, kernel_size=3), (None, 8, 8, 3)),
}


def forbid_initializers(patch):
    """Fail where an initializer makes a large array."""

    def forbid(cls):
        made = cls.__call__

        def call(self, shape, dtype=None):
            assert np.prod(shape) < 300, f"{cls.__name__} was run for {shape}"
            return made(self, shape, dtype)

        patch.setattr(cls, "__call__", call)

    for cls in list(initializers.catalogue.classes.values()):
        if "__call__" in vars(cls):
            forbid(cls)


@pytest.mark.parametrize("name", EXPENSIVE)
def test_no_initializer_runs_while_a_file_is_read(name, tmp_path, monkeypatch):
    cls, arguments, shape = EXPENSIVE[name]
    model = Sequential([sequax.Input(batch_shape=shape), cls(**arguments), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    paths = [tmp_path / f"m{ending}" for ending in (".keras", ".h5")]
    for path in paths:
        model.save(path)
    text = model.to_json()
    forbid_initializers(monkeypatch)
    for again in map(load_model, paths):
        for ours, theirs in zip(again.weights, model.weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert model_from_json(text).count_params() == model.count_params()


def test_values_come_when_they_are_needed():
    initializer = {"class_name": "Orthogonal", "module": "keras.initializers", "config": {"seed": 3}}
    text = Sequential([sequax.Input((40,)), layers.Dense(40, kernel_initializer="orthogonal")]).to_json()
    config = json.loads(text)
    config["config"]["layers"][-1]["config"]["kernel_initializer"] = initializer
    expected = initializers.Orthogonal(seed=3)((40, 40), "float32")
    readers = {
        "numpy": lambda model: model.layers[0].kernel.numpy(),
        "value": lambda model: np.asarray(model.layers[0].kernel.value),
        "get_weights": lambda model: model.get_weights()[0],
        "predict": lambda model: model.predict(np.eye(40, dtype="float32"), verbose=0),
        "call": lambda model: np.asarray(model(np.eye(40, dtype="float32"))),
        "pickle": lambda model: pickle.loads(pickle.dumps(model)).get_weights()[0],
        "deepcopy": lambda model: copy.deepcopy(model).get_weights()[0],
    }
    for name, read in readers.items():
        model = model_from_json(json.dumps(config))
        kernel = model.layers[0].kernel
        assert kernel.held() is None and kernel.shape == (40, 40) and kernel.dtype == "float32" and kernel.size == 1600
        np.testing.assert_allclose(read(model), expected, atol=1e-6, err_msg=name)
    model = model_from_json(json.dumps(config))
    model.layers[0].kernel.assign(np.ones((40, 40)))
    assert model.layers[0].kernel.numpy().min() == 1


class Scaled(layers.Dense):
    """Its `build` looks at the values of its weights."""

    def build(self, input_shape):
        super().build(input_shape)
        self.largest = float(np.abs(np.asarray(self.kernel.value)).max())
        self.norm = self.add_weight(
            (), initializer=lambda s, dtype: np.asarray(self.kernel.value).std(), trainable=False
        )

    def call(self, x):
        return super().call(x) / self.norm


class Around(sequax.Layer):
    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def build(self, input_shape):
        self.inner.build(input_shape)
        inner = self.inner
        self.norm = self.add_weight((), initializer=lambda s, dtype: np.asarray(inner.kernel.value).std())

    def call(self, x):
        return self.inner(x) / self.norm


@pytest.mark.parametrize("make", [lambda: Scaled(40), lambda: Around(layers.Dense(40))], ids=["subclass", "around"])
def test_own_layers_may_look_at_values_when_they_are_built(make):
    x = sequax.Input((40,))
    model = sequax.Model(x, make()(x))
    text = model.to_json()
    for again in (sequax.models.clone_model(model), model_from_json(text, {"Scaled": Scaled, "Around": Around})):
        layer = again.layers[1]
        kernel = layer.kernel if isinstance(layer, Scaled) else layer.inner.kernel
        assert float(layer.norm.value) == pytest.approx(kernel.numpy().std(), rel=1e-5) and kernel.numpy().std() > 0


def test_a_refused_file_leaves_values_that_are_not_needed_yet(tmp_path):
    model = Sequential([sequax.Input((40,)), layers.Dense(40)])
    model.save_weights(tmp_path / "a.weights.h5")
    data = bytearray((tmp_path / "a.weights.h5").read_bytes())
    data[data.index(model.layers[0].kernel.numpy().tobytes()) + 5] ^= 1
    (tmp_path / "a.weights.h5").write_bytes(data)
    again = model_from_json(model.to_json())
    with pytest.raises(LoadError, match="checksum"):
        again.load_weights(tmp_path / "a.weights.h5")
    assert again.layers[0].kernel.held() is None and again.layers[0].kernel.numpy().std() > 0


# --- encodings ---


@pytest.mark.parametrize("encoding", ["bz2", "zlib", "rot13", "hex", "idna", "punycode", "unicode_escape", "no such"])
@pytest.mark.parametrize("layer", [layers.TextVectorization, layers.StringLookup])
def test_only_encodings_of_texts_are_looked_up(layer, encoding):
    sys.modules.pop("encodings.bz2_codec", None)
    with pytest.raises(ValueError, match=r"`encoding` must name an encoding of texts"):
        layer(encoding=encoding)
    assert "encodings.bz2_codec" not in sys.modules


@pytest.mark.parametrize("encoding, name", [("UTF-8", "utf-8"), ("latin1", "iso8859-1"), ("Windows-1252", "cp1252")])
def test_encodings_of_texts_by_any_name(encoding, name):
    assert layers.StringLookup(encoding=encoding).encoding == name
