"""Weights in files: both ways with Keras for models of all families, optimizer state, refusals that change nothing."""

from __future__ import annotations

import json
import os
import struct

import h5py
import numpy as np
import pytest

import sequax
from sequax.models import load_model
from sequax.saving import safetensors, weights
from sequax.saving.errors import LoadError
from sequax.saving.hdf5_reader import File
from sequax.saving.legacy_h5 import LegacyFile, model_bytes, read_weights as read_legacy
from sequax.saving.source import Source
from tests.long import some

from .weights_models import MODELS

# NumPy must not warn for the fills of older h5py; Keras says that `.h5` is a format of the past.
pytestmark = pytest.mark.filterwarnings("ignore:.*HDF5 file.*")


def fill(model, seed=1):
    random = np.random.default_rng(seed)
    for variable in model.weights:
        whole = "int" in str(variable.dtype)
        variable.assign(random.integers(1, 5, variable.shape) if whole else random.uniform(0.1, 0.9, variable.shape))
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def values(model):
    return [np.asarray(variable, "float32") for variable in model.weights]


def equal(ours, theirs):
    return len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def inputs(model):
    shape = [2 if size is None else size for size in getattr(model, "input_shape", None) or (None, 2)]
    return np.random.default_rng(0).integers(0, 4, shape).astype("float32")


@pytest.mark.parametrize("family", some(MODELS, of=2))
def test_files_go_both_ways_with_keras(keras, tmp_path, family):
    theirs, ours = MODELS[family](keras), MODELS[family](sequax)
    fill(theirs)
    theirs.save_weights(tmp_path / "keras.weights.h5")
    ours.load_weights(tmp_path / "keras.weights.h5")
    x = inputs(theirs) if family != "subclass" else np.ones((2, 2), "float32")
    expected = np.asarray(theirs(x, training=False), "float32")
    np.testing.assert_allclose(
        np.asarray(ours(x, training=False), "float32"), expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max()
    )

    ours.save_weights(tmp_path / "ours.weights.h5")
    with Source.of(tmp_path / "keras.weights.h5") as first, Source.of(tmp_path / "ours.weights.h5") as second:
        keras_made, made = File(first).datasets, File(second).datasets
        assert {path: one.read().tobytes() for path, one in made.items()} == {
            path: one.read().tobytes() for path, one in keras_made.items()
        }
    kept = values(theirs)
    fill(theirs, seed=2)
    theirs.load_weights(tmp_path / "ours.weights.h5")
    assert equal(values(theirs), kept)

    for ending in (".safetensors", ".h5"):
        if ending == ".h5" and family == "graph subclass":
            with pytest.raises(ValueError, match="outside of its graph"):
                ours.save_weights(tmp_path / "ours.h5")
            return
        fill(ours, seed=1)
        kept = values(ours)
        ours.save_weights(tmp_path / f"ours{ending}")
        fill(ours, seed=2)
        ours.load_weights(tmp_path / f"ours{ending}")
        assert equal(values(ours), kept)
    if family != "subclass":  # Keras does not save those in its old format
        theirs.load_weights(tmp_path / "ours.h5")
        assert sorted(map(bytes, values(theirs))) == sorted(map(bytes, values(ours)))


@pytest.mark.parametrize("family", ["dense", "nested", "spectral", "functional"])
def test_whole_models_in_the_format_of_keras_2(keras, tmp_path, family):
    theirs, ours = MODELS[family](keras), MODELS[family](sequax)
    trained(theirs, keras, "adam")
    theirs.save(tmp_path / "keras.h5")
    ours.compile("adam", "mse")
    with LegacyFile(tmp_path / "keras.h5") as file:
        config = json.loads(file.model_config)
        attributes = {"model_config": file.model_config, "training_config": file.training_config}
    assert config["class_name"] in ("Sequential", "Functional")
    read_legacy(ours, tmp_path / "keras.h5", optimizer=True)
    x = inputs(theirs)
    np.testing.assert_allclose(np.asarray(ours(x)), np.asarray(theirs(x)), rtol=1e-5, atol=1e-6)
    assert equal(states(ours), states(theirs))

    (tmp_path / "ours.h5").write_bytes(model_bytes(ours, attributes, optimizer=True))
    fill(ours, seed=4)
    ours.load_weights(tmp_path / "ours.h5")  # of a whole model, the weights alone
    again = keras.models.load_model(tmp_path / "ours.h5")
    np.testing.assert_allclose(np.asarray(again(x)), np.asarray(theirs(x)), rtol=1e-5, atol=1e-6)
    own = keras.models.load_model(tmp_path / "keras.h5")  # Keras takes no slots from this format
    assert equal(states(again), states(own))


def test_h5_models_are_compiled_only_if_asked(tmp_path):
    """Settings inside of the model's own config count as little as those beside it."""
    model = MODELS["dense"](sequax)
    model.compile("adam", "mse")
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        file.attrs["model_config"] = model.to_json()
    assert load_model(tmp_path / "m.h5").compiled
    assert not load_model(tmp_path / "m.h5", compile=False).compiled


def trained(model, library, optimizer):
    model.compile(optimizer, library.losses.MeanSquaredError())
    outputs = np.asarray(model(inputs(model)))
    model.fit(inputs(model), np.ones_like(outputs), epochs=2, verbose=0)
    return model


def states(model):
    return [np.asarray(variable, "float32") for variable in model.optimizer.variables]


OPTIMIZERS = {
    "sgd": lambda k: k.optimizers.SGD(0.1, momentum=0.9),
    "rmsprop": lambda k: k.optimizers.RMSprop(centered=True, momentum=0.5),
    "adam": lambda k: k.optimizers.Adam(use_ema=True, gradient_accumulation_steps=2, amsgrad=True),
    "schedule": lambda k: k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.1, 1, 0.9)),
    "loss scale": lambda k: k.optimizers.LossScaleOptimizer(k.optimizers.Adam()),
    "multi": lambda k: k.optimizers.MultiOptimizer(
        k.optimizers.OptimizerMap(k.optimizers.SGD(momentum=0.9), {".*kernel": k.optimizers.Adam()})
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_of_optimizers_goes_both_ways(keras, tmp_path, name):
    theirs = trained(MODELS["dense"](keras), keras, OPTIMIZERS[name](keras))
    ours = MODELS["dense"](sequax)
    ours.compile(OPTIMIZERS[name](sequax), "mse")
    theirs.save_weights(tmp_path / "keras.weights.h5")
    ours.load_weights(tmp_path / "keras.weights.h5")
    assert equal(states(ours), states(theirs))

    ours.save_weights(tmp_path / "ours.weights.h5")
    again = MODELS["dense"](keras)
    again.compile(OPTIMIZERS[name](keras), "mse")
    again.optimizer.build(again.trainable_variables)
    again.load_weights(tmp_path / "ours.weights.h5")
    assert equal(states(again), states(theirs))

    ours.save_weights(tmp_path / "ours.safetensors")
    kept = states(ours)
    other = MODELS["dense"](sequax)
    other.compile(OPTIMIZERS[name](sequax), "mse")
    other.load_weights(tmp_path / "ours.safetensors")
    assert equal(states(other), kept) and equal(values(other), values(ours))


def test_state_that_does_not_fit_is_left_out_with_a_warning(tmp_path):
    model = MODELS["dense"](sequax)
    model.compile("sgd", "mse")
    model.save_weights(tmp_path / "sgd.weights.h5")
    other = MODELS["dense"](sequax)
    other.compile("adam", "mse")
    other.optimizer.build(other.trainable_variables)
    with pytest.warns(UserWarning, match="state of optimizer 'adam' was not loaded"):
        other.load_weights(tmp_path / "sgd.weights.h5")
    assert equal(values(other), values(model))
    MODELS["dense"](sequax).load_weights(tmp_path / "sgd.weights.h5")  # not compiled: nobody asks for the state


# --- refusals ---


@pytest.fixture
def stored(tmp_path):
    """A model and the path of its weights."""
    model = MODELS["nested"](sequax)
    fill(model)
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    return model, path


def refused(model, path, match, **arguments):
    """Loading raises `LoadError`, and no weight has changed."""
    fill(model, seed=3)
    before = values(model)
    with pytest.raises(LoadError, match=match):
        model.load_weights(path, **arguments)
    assert equal(values(model), before)


def rewrite(path, change):
    """Change a file by h5py; the checksums of the datasets stay."""
    with h5py.File(path, "r+") as file:
        change(file)


KERNEL = "layers/dense/vars/0"
INNER = "layers/sequential/layers/dense_1/vars/1"


def replaced(**arguments):
    def change(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, **arguments)

    return change


def moved(link):
    def change(file):
        del file[KERNEL]
        file[KERNEL] = link

    return change


def swapped(file):
    a, b = (file[path][()] for path in (INNER, "layers/sequential/layers/dense_1/vars/0"))
    del file[INNER]
    file[INNER] = np.zeros((7, *a.shape), "float32")
    assert b.shape


def virtual(file):
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "w", (4, 3))
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def cycle(file):
    file["layers/dense/again"] = file["layers"]


def low_level(kind, shape=(4, 3), plist=None):
    def change(file):
        del file[KERNEL]
        space = h5py.h5s.create_simple(shape)
        h5py.h5d.create(file["layers/dense/vars"].id, b"0", kind, space, plist)

    return change


def unknown_filter():
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 3))
    plist.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (1,))
    return low_level(h5py.h5t.IEEE_F32LE, plist=plist)


def no_storage():
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    return low_level(h5py.h5t.IEEE_F32LE, plist=plist)


def big_attribute(file):
    space = h5py.h5s.create_simple((1000,))
    h5py.h5a.create(file[KERNEL].id, b"dtype2", h5py.h5t.IEEE_F64LE, space)


def text_as_bfloat16(file):
    replaced(data=np.full((4, 3), b"ab"))(file)
    file[KERNEL].attrs["dtype"] = "bfloat16"


COMPOUND = np.zeros((4, 3), [("a", "f4"), ("b", "f4")])
TEXT = {"shape": (4, 3), "dtype": h5py.string_dtype()}

ATTACKS = {
    "external storage": (replaced(shape=(4, 3), dtype="f4", external=[("secret.txt", 0, 48)]), "external storage"),
    "external link": (moved(h5py.ExternalLink("other.h5", "/w")), "a newer format|link to another file"),
    "soft link": (moved(h5py.SoftLink("/layers/dense/vars/1")), "soft link"),
    "virtual dataset": (virtual, "virtual dataset|version 4"),
    "cycle": (cycle, "reached twice"),
    "huge shape": (replaced(shape=(2 * 10**6, 10**6), dtype="f4", chunks=(1000, 1000)), "needs .* bytes"),
    "large shape": (replaced(shape=(150_000_000,), dtype="f4", compression="gzip"), "needs .* bytes"),
    "no storage": (no_storage(), "0 are stored"),
    "no chunks": (replaced(shape=(4, 3), dtype="f4", chunks=(4, 3)), "0 are stored"),
    "text": (replaced(**TEXT), "does not fit|needs"),
    "complex": (replaced(data=np.zeros((4, 3), "c8")), "does not fit"),
    "integers": (replaced(data=np.zeros((4, 3), "i8")), "does not fit"),
    "booleans": (replaced(data=np.zeros((4, 3), bool)), "does not fit"),
    "references": (replaced(shape=(4, 3), dtype=h5py.ref_dtype, data=None), "does not fit|needs"),
    "compound": (replaced(data=COMPOUND), "does not fit"),
    "opaque": (replaced(data=np.zeros((4, 3), "V4")), "does not fit"),
    "text as bfloat16": (text_as_bfloat16, "does not fit"),
    "unknown filter": (unknown_filter(), "filter number 32001"),
    "lzf": (replaced(data=np.zeros((4, 3), "f4"), compression="lzf"), "filter number 32000"),
    "missing": (lambda file: file.pop(KERNEL), "expected|nothing"),
    "extra": (lambda file: file.create_dataset("layers/dense_9/vars/0", data=np.zeros(3)), "dense_9"),
    "other shape": (swapped, "sizes|does not fit"),
    "changed": (lambda file: file[KERNEL].write_direct(np.ones((4, 3), "f4")), "checksum"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused(stored, name):
    model, path = stored
    change, match = ATTACKS[name]
    rewrite(path, change)
    refused(model, path, match)


def test_a_mismatch_is_told_as_a_table(stored):
    _, path = stored
    other = sequax.Sequential([sequax.layers.Input((4,)), sequax.layers.Dense(5)])
    with pytest.raises(LoadError) as caught:
        other.load_weights(path)
    message = str(caught.value)
    assert "layers/dense/vars/0" in message and "(4, 5) float32" in message and "(4, 3) float32" in message
    assert "Nothing was loaded" in message


def test_layers_that_do_not_fit_can_be_skipped(stored):
    model, path = stored
    other = sequax.Sequential(
        [sequax.layers.Input((4,)), sequax.layers.Dense(3), sequax.Sequential([sequax.layers.Dense(3)])]
    )
    fill(other, seed=5)
    with pytest.warns(UserWarning, match="left as they are"):
        other.load_weights(path, skip_mismatch=True)
    assert equal(values(other)[:4], values(model)[:4])
    other.layers[0].trainable = False
    fill(model, seed=6)
    model.load_weights(path, objects_to_skip=[model.layers[0]])
    assert not equal(values(model)[:1], values(other)[:1]) and equal(values(model)[2:4], values(other)[2:4])


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".safetensors"])
def test_not_a_number_is_loaded_with_a_warning(tmp_path, ending):
    model = MODELS["dense"](sequax)
    model.layers[0].bias.assign([np.nan, 1, np.inf])
    model.save_weights(tmp_path / f"nan{ending}")
    with pytest.warns(UserWarning, match="NaN or infinite"):
        model.load_weights(tmp_path / f"nan{ending}")


def test_paths(stored, tmp_path):
    model, path = stored
    for place, match in ((tmp_path, "is a folder"), ("/dev/zero", "no regular file"), ("http://h/x", "only local")):
        with pytest.raises(LoadError, match=match):
            weights.read_weights(model, place)
    os.mkfifo(tmp_path / "pipe.weights.h5")
    refused(model, tmp_path / "pipe.weights.h5", "no regular file")
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "none.weights.h5")
    with pytest.raises(ValueError, match="must end in"):
        model.save_weights(tmp_path / "model.npz")
    with pytest.raises(ValueError, match="not supported"):
        model.load_weights(tmp_path / "model.npz")
    with pytest.raises(FileExistsError):
        model.save_weights(path, overwrite=False)
    model.save_weights(path)
    sequax.saving.save_weights(model, path)  # both replace the file
    with pytest.raises(ValueError, match="has not been built"):
        sequax.Sequential([sequax.layers.Dense(2)]).load_weights(path)
    with pytest.raises(LoadError, match="allows 10 bytes"):
        weights.read_weights(model, path, budget=10)
    for contents, match in ((b"", "empty"), (b"PK\x03\x04" * 30, "no HDF5 file")):
        (tmp_path / "other.weights.h5").write_bytes(contents)
        refused(model, tmp_path / "other.weights.h5", match)


def test_sharded_weights_go_both_ways(keras, tmp_path):
    theirs, ours = MODELS["nested"](keras), MODELS["nested"](sequax)
    fill(theirs)
    theirs.save_weights(tmp_path / "keras.weights.json", max_shard_size=1e-7)
    ours.load_weights(tmp_path / "keras.weights.json")
    assert equal(values(ours), values(theirs))
    ours.save_weights(tmp_path / "ours.weights.json", max_shard_size=1e-7)
    assert len(list(tmp_path.glob("ours_*.weights.h5"))) > 1
    fill(theirs, seed=2)
    theirs.load_weights(tmp_path / "ours.weights.json")
    assert equal(values(ours), values(theirs))
    for size in (0, -1, True, "1"):
        with pytest.raises(ValueError, match="a number of gigabytes above 0"):
            ours.save_weights(tmp_path / "none.weights.json", max_shard_size=size)
    index = json.loads((tmp_path / "ours.weights.json").read_text())
    index["weight_map"]["/layers/dense/vars"] = ["../keras_00000.weights.h5"]
    (tmp_path / "ours.weights.json").write_text(json.dumps(index))
    refused(ours, tmp_path / "ours.weights.json", "is not opened")


# --- Keras 2's format ---


def test_files_of_keras_2(tmp_path):
    """Names end in `:0`, are bytes of fixed length, and the optimizer has no learning rate and slots kind by kind."""
    model = MODELS["dense"](sequax)
    model.compile("adam", "mse")
    fill(model)
    arrays = values(model)
    slots = [np.full(array.shape, i + kind / 2, "float32") for kind in (0, 1) for i, array in enumerate(arrays)]
    with h5py.File(tmp_path / "old.h5", "w") as file:
        group = file.create_group("model_weights")
        names = [layer.name for layer in model.layers]
        group.attrs["layer_names"] = np.array([name.encode() for name in names])
        file.attrs["keras_version"], rest = b"2.2.4-tf", iter(arrays)
        for layer in model.layers:
            own = [f"{layer.name}/{variable.name}:0" for variable in layer.weights]
            group.create_group(layer.name).attrs["weight_names"] = np.array([name.encode() for name in own])
            for name in own:
                group[layer.name][name] = next(rest)
        states_group = file.create_group("optimizer_weights")
        kinds = [f"training/Adam/{v.path}/{kind}:0" for kind in "mv" for v in model.weights]
        states_group.attrs["weight_names"] = np.array(["training/Adam/iter:0", *kinds], "S")
        states_group["training/Adam/iter:0"] = np.int64(7)
        for name, value in zip(kinds, slots, strict=True):
            states_group[name] = value
    fill(model, seed=2)
    read_legacy(model, tmp_path / "old.h5", optimizer=True)
    assert equal(values(model), arrays)
    iteration, _, *found = states(model)
    assert iteration == 7 and equal(found[::2] + found[1::2], slots)


def test_layers_by_name(tmp_path):
    layers = sequax.layers
    model = sequax.Sequential([layers.Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")])
    model.save_weights(tmp_path / "model.h5")
    (tmp_path / "old.weights.h5").write_bytes((tmp_path / "model.h5").read_bytes())
    model.load_weights(tmp_path / "old.weights.h5")  # Keras 2 gave this ending to its own format
    other = sequax.Sequential([layers.Input((4,)), layers.Dense(3, name="a"), layers.Dense(5, name="c")])
    fill(other, seed=4)
    before = values(other)
    with pytest.raises(LoadError, match="does not fit"):
        other.load_weights(tmp_path / "model.h5")
    other.load_weights(tmp_path / "model.h5", by_name=True)
    assert equal(values(other)[:2], values(model)[:2]) and equal(values(other)[2:], before[2:])
    third = sequax.Sequential([layers.Input((4,)), layers.Dense(6, name="a")])
    refused(third, tmp_path / "model.h5", r"a/bias +\(6,\) float32 +\(3,\) float32", by_name=True)
    without_bias = sequax.Sequential([layers.Input((4,)), layers.Dense(3, use_bias=False, name="a")])
    refused(without_bias, tmp_path / "model.h5", r"a/bias +nothing +\(3,\) float32", by_name=True)
    without_bias.save_weights(tmp_path / "less.h5")
    refused(other, tmp_path / "less.h5", r"a/1 +\(3,\) float32 +nothing", by_name=True)
    with pytest.warns(UserWarning, match="left as they are"):
        third.load_weights(tmp_path / "model.h5", by_name=True, skip_mismatch=True)


OLD_ATTACKS = {
    "names outside": (lambda f: f["dense"].attrs.__setitem__("weight_names", ["../../x"]), "does not hold it"),
    "name twice": (
        lambda f: f["dense"].attrs.__setitem__("weight_names", [f["dense"].attrs["weight_names"][0]] * 2),
        "twice",
    ),
    "no names": (lambda f: f["dense"].attrs.__delitem__("weight_names"), "has no attribute"),
    "numbers": (lambda f: f["dense"].attrs.__setitem__("weight_names", [1, 2]), "list of names"),
    "layer missing": (lambda f: f.attrs.__setitem__("layer_names", ["dense", "other"]), "is missing"),
    "layer twice": (lambda f: f.attrs.__setitem__("layer_names", ["dense", "dense"]), "same name"),
    "not this format": (lambda f: f.attrs.__delitem__("layer_names"), "does not fit"),
}


@pytest.mark.parametrize("name", OLD_ATTACKS)
def test_attacks_by_old_files_are_refused(tmp_path, name):
    layers = sequax.layers
    model = sequax.Sequential([layers.Input((2,)), layers.Dense(2, name="dense")])
    model.save_weights(tmp_path / "model.h5")
    change, match = OLD_ATTACKS[name]
    rewrite(tmp_path / "model.h5", change)
    refused(model, tmp_path / "model.h5", match)


# --- safetensors ---


def header_of(data):
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_header(header, body):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def changed(name, **entries):
    def change(header, body):
        header[name].update(entries)
        return with_header(header, body)

    return change


FIRST = "layers.dense.kernel"
TENSOR_ATTACKS = {
    "short": (lambda h, b: b"\x01", "bytes only"),
    "long header": (lambda h, b: struct.pack("<Q", 2**60) + b, "header should have"),
    "no json": (lambda h, b: with_header(b"{" * 5000, b), "header: nested more than"),
    "deep": (lambda h, b: with_header(b"[" * 10**6, b), "header: nested more than|more than .* values"),
    "twice": (lambda h, b: with_header(b'{"a":1,"a":2}', b), "stands twice"),
    "list": (lambda h, b: with_header(b"[]", b), "is a list"),
    "dtype": (changed(FIRST, dtype="F8_E4M3"), "has dtype"),
    "shape": (changed(FIRST, shape=[2**40, 2**40]), "does not take"),
    "negative": (changed(FIRST, shape=[-4, -3]), "whole numbers"),
    "hole": (changed(FIRST, data_offsets=[4, 52]), "was expected"),
    "extra key": (changed(FIRST, more=1), "nothing else"),
    "rest": (lambda h, b: with_header(h, b + b"\x00"), "the file at"),
    "truncated": (lambda h, b: with_header(h, b[:-1]), "the file at"),
    "flipped": (lambda h, b: with_header(h, bytes([b[0] ^ 1]) + b[1:]), "checksum"),
    "renamed": (lambda h, b: with_header({("x" if k == FIRST else k): v for k, v in h.items()}, b), "does not fit"),
}


@pytest.mark.parametrize("name", TENSOR_ATTACKS)
def test_attacks_by_safetensors_are_refused(tmp_path, name):
    model = MODELS["dense"](sequax)
    change, match = TENSOR_ATTACKS[name]
    (tmp_path / "model.safetensors").write_bytes(change(*header_of(safetensors.weights_bytes(model))))
    refused(model, tmp_path / "model.safetensors", match)
