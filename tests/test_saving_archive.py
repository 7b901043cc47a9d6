"""`.keras` files: both ways with Keras, whole or absent, and refused where they are not what Keras writes."""

from __future__ import annotations

import errno
import io
import json
import os
import struct
import zipfile
import zlib

import numpy as np
import pytest

import sequax
from sequax import layers, saving
from sequax.models import Sequential, load_model
from sequax.saving import LoadError, atomic, zips
from sequax.saving.source import Source
from tests.long import some
from tests.saving_models import (
    MODELS,
    RANDOM,
    comparable,
    custom_objects,
    data_for,
    optimizer_for,
    plain,
    randomize,
    targets_for,
)

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def outputs(model, data):
    """The outputs of a model as a flat list."""
    # Ours in one program, where a call compiles each operation. Random layers of Keras are in training if not told.
    ours = isinstance(model, sequax.Model)
    found = model.predict(data, verbose=0) if ours else model(data, training=False)
    found = [found[key] for key in sorted(found)] if isinstance(found, dict) else found
    return [np.asarray(one, "float32") for one in (found if isinstance(found, (list, tuple)) else [found])]


def assert_equal_outputs(one, other, data):
    """To 1e-6 of the largest output; numbers of eight bits, as bfloat16 has them, may round to the next one."""
    low = any(layer.compute_dtype == "bfloat16" for layer in one.layers)
    for ours, theirs in zip(outputs(one, data), outputs(other, data), strict=True):
        largest = max(1, np.abs(theirs).max())
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=largest * (2**-7 if low else 1e-6))


def states(model):
    return [np.asarray(variable, "float32") for variable in model.optimizer.variables]


def assert_equal_states(one, other):
    for ours, theirs in zip(states(one), states(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def assert_equal_training(one, other, data, targets):
    """Three more epochs on each side."""
    low = any(layer.compute_dtype == "bfloat16" for layer in one.layers)
    histories = [
        model.fit(data, targets, epochs=3, batch_size=8, shuffle=False, verbose=0).history for model in (one, other)
    ]
    for key in ("loss", "mae") if len(histories[1]) == 2 else ("loss",):
        np.testing.assert_allclose(histories[0][key], histories[1][key], rtol=1e-2 if low else 1e-4, atol=1e-6)


def begin(model, name, data, targets):
    """A first epoch; in models with randomness, state of the optimizer that no training gave."""
    if name not in RANDOM:
        model.fit(data, targets, epochs=1, batch_size=8, shuffle=False, verbose=0)
        return
    model.optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(1)
    for variable in model.optimizer.variables:
        variable.assign(rng.integers(1, 9, variable.shape))


@pytest.mark.parametrize("name", some(MODELS))
def test_files_go_both_ways(name, keras, tmp_path, rng):
    theirs, ours = MODELS[name](keras), MODELS[name](sequax)
    own, own_theirs = custom_objects(ours), custom_objects(theirs)
    config = plain(saving.serialize_keras_object(ours))
    if not own:  # the names of classes inside a function differ
        assert comparable(plain(keras.saving.serialize_keras_object(theirs)), config) == config
    data = data_for(theirs, rng, rows=16)
    if name != "normalization":  # its outputs follow its weights only when they come from a file
        randomize(theirs, rng)
        randomize(ours, rng)
    targets = targets_for(theirs(data, training=False), rng)
    for model, library in ((theirs, keras), (ours, sequax)):
        single = not isinstance(targets, (list, dict))
        model.compile(optimizer_for(name)(library), "mse", metrics=["mae"] if single else None)
    theirs.save(tmp_path / "theirs.keras")
    read = load_model(tmp_path / "theirs.keras", custom_objects=own)
    assert_equal_outputs(read, theirs, data)

    begin(ours, name, data, targets)
    ours.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras", custom_objects=own_theirs)
    for a, b in zip(ours.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert_equal_states(again, ours)
    assert_equal_outputs(again, ours, data)
    if name not in RANDOM:
        assert_equal_training(again, ours, data, targets)

    again.save(tmp_path / "theirs.keras")
    read = load_model(tmp_path / "theirs.keras", custom_objects=own)
    assert_equal_states(read, again)
    assert_equal_outputs(read, again, data)
    if name not in RANDOM:
        if again.optimizer.use_ema:  # Keras on JAX fails in a second `fit` with averages of weights
            again = keras.models.load_model(tmp_path / "theirs.keras", custom_objects=own_theirs)
        assert_equal_training(read, again, data, targets)
    assert sorted(os.listdir(tmp_path)) == ["ours.keras", "theirs.keras"]


def test_own_models_and_learned_vocabularies(tmp_path):
    from tests.test_saving_config import Own

    model = Own(3)
    x = np.ones((2, 4), "float32")
    before = np.asarray(model(x))
    model.save(tmp_path / "own.keras")
    again = load_model(tmp_path / "own.keras", custom_objects={"Own": Own})
    np.testing.assert_array_equal(again(x), before)

    lookup, texts = layers.StringLookup(), layers.TextVectorization(output_mode="tf_idf")
    for layer in (lookup, texts):
        layer.adapt(["b c", "a", "b c", "c"])
        data = np.array([["a"], ["b c"], ["z"]], object)
        model = Sequential([layer])
        before = np.asarray(model(data))
        model.save(tmp_path / "words.keras")
        again = load_model(tmp_path / "words.keras")
        np.testing.assert_allclose(again(data), before)
        assert again.layers[0].get_vocabulary() == layer.get_vocabulary()
    assert (
        zipfile.ZipFile(tmp_path / "words.keras").read("assets/layers/text_vectorization/vocabulary.txt")
        == b"[UNK]\nc\nb\na"
    )


def test_models_without_weights_or_compile(tmp_path):
    Sequential([layers.Dense(2)]).save(tmp_path / "late.keras")
    assert not load_model(tmp_path / "late.keras").built
    model = compiled()
    model.save(tmp_path / "m.keras")
    assert not load_model(tmp_path / "m.keras", compile=False).compiled
    with pytest.warns(UserWarning, match="never run"):
        assert load_model(str(tmp_path / "m.keras"), safe_mode=False).compiled


def test_unknown_losses_say_how_to_go_on(tmp_path):
    model = compiled()
    model.compile("sgd", lambda y_true, y_pred: y_true - y_pred)
    model.save(tmp_path / "m.keras")
    with pytest.raises(LoadError, match=r"loss: Could not locate the function .<lambda>.*compile=False"):
        load_model(tmp_path / "m.keras")
    assert load_model(tmp_path / "m.keras", compile=False).name == "m"


def compiled():
    model = Sequential([sequax.Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")], name="m")
    model.compile("adam", "mse")
    return model


# --- files that are refused ---


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "m.keras"
    compiled().save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "sequax.json"}


def packed(members, method=zipfile.ZIP_STORED, **attributes):
    """A zip file of (name, data) pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            for key, value in attributes.get(name, {}).items():
                setattr(entry, key, value)
            archive.writestr(entry, data)
    return buffer.getvalue()


def changed(good, drop=(), **members):
    return [(name, data) for name, data in {**good, **members}.items() if name not in drop]


def without(text, old, new):
    assert old in text
    return text.replace(old, new)


def bomb(good, name, size):
    return packed([*changed(good, drop=[name]), (name, b" " * size)], zipfile.ZIP_DEFLATED)


def lying(good):
    """Deflated spaces that unpack to more than both headers say."""
    data = bytearray(bomb(good, CONFIG, 1 << 20))
    true, told = struct.pack("<L", 1 << 20), struct.pack("<L", 1000)
    return bytes(data).replace(true, told)


def doubled(good):
    data = packed([*good.items(), ("config.jsoM", good[CONFIG])])
    return data.replace(b"config.jsoM", b"config.json")


def with_other_local_name(good):
    data = packed(list(good.items()))
    at = data.index(b"config.json")
    return data[:at] + b"konfig.json" + data[at + 11 :]


def with_other_local_checksum(good):
    """Larger than any in the list."""
    data = packed(list(good.items()))
    return data[:14] + b"\xff" * 4 + data[18:]


def wrongly_packed(good):
    """The first member begins with a kind of block that deflate does not have."""
    data = bytearray(packed(list(good.items()), zipfile.ZIP_DEFLATED))
    data[30 + len(next(iter(good)))] = 0xFF
    return bytes(data)


def flagged(data, flags):
    """The first member with other flags, in both headers."""
    data = bytearray(data)
    data[6] |= flags
    data[data.index(b"PK\1\2") + 8] |= flags
    return bytes(data)


FILES = {
    "no config": lambda g: packed(changed(g, drop=[CONFIG])),
    "no weights": lambda g: packed(changed(g, drop=[WEIGHTS])),
    "no metadata": lambda g: packed(changed(g, drop=[METADATA])),
    "config is a list": lambda g: packed(changed(g, **{CONFIG: b"[]"})),
    "config is no UTF-8": lambda g: packed(changed(g, **{CONFIG: b"\xff\xfe"})),
    "config is a layer": lambda g: packed(
        changed(g, **{CONFIG: json.dumps(json.loads(g[CONFIG])["config"]["layers"][1])})
    ),
    "metadata is a list": lambda g: packed(changed(g, **{METADATA: b"[]"})),
    "other units": lambda g: packed(changed(g, **{CONFIG: without(g[CONFIG], b'"units": 3', b'"units": 5')})),
    "huge units": lambda g: packed(changed(g, **{CONFIG: without(g[CONFIG], b'"units": 3', b'"units": 90000000')})),
    "weights are text": lambda g: packed(changed(g, **{WEIGHTS: b"x" * 1000})),
    "weights as npz": lambda g: packed(changed(g, drop=[WEIGHTS], **{"model.weights.npz": b"x"})),
    "config bomb": lambda g: bomb(g, CONFIG, 40 << 20),
    "metadata bomb": lambda g: bomb(g, METADATA, 2 << 20),
    "bomb that lies": lying,
    "unknown member": lambda g: packed(changed(g, **{"evil.py": b"x"})),
    **{
        f"member {name!r}": lambda g, name=name: packed(changed(g, **{name: b"x"}))
        for name in ("assets/../../../evil.txt", "/abs.txt", "C:\\x", "assets/./x", "assets//x", "assets/a\nb")
    },
    "link": lambda g: packed(changed(g, **{"assets/l": b"/etc/passwd"}), **{"assets/l": {"external_attr": 0xA1FF0000}}),
    "two configs": doubled,
    "other local name": with_other_local_name,
    "other local checksum": with_other_local_checksum,
    "wrongly packed": wrongly_packed,
    "name in UTF-8 that should be ASCII": lambda g: without(
        packed(changed(g, **{"assets/m__we": b"x"})), b"m__we", "möwe".encode()
    ),
    "encrypted": lambda g: flagged(packed(list(g.items())), 1),
    "flags of its own": lambda g: flagged(packed(list(g.items())), 0x20),
    "bytes in front": lambda g: b"#!/bin/sh\n" + packed(list(g.items())),
    "bytes behind": lambda g: packed(list(g.items())) + b"x",
    "comment": lambda g: packed(list(g.items()))[:-2] + b"\x01\x00x",
    "too many members": lambda g: packed([*g.items(), *((f"assets/{i}", b"") for i in range(zips.MAX_MEMBERS))]),
    "empty": lambda g: b"",
    "no zip": lambda g: b"x" * 1000,
    "HDF5": lambda g: g[WEIGHTS],
    "flipped": lambda g: packed(list(g.items())).replace(b'"units": 3', b'"units": 4'),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_refused(name, good, tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(FILES[name](good))
    with pytest.raises(LoadError) as error:
        load_model(path)
    assert "m.keras" in str(error.value) and len(str(error.value)) < 2000
    assert os.listdir(tmp_path) == ["m.keras"]


def test_the_good_file_is_not_refused(good, tmp_path):
    path = tmp_path / "m.keras"
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path.write_bytes(
            packed([*good.items(), ("assets/", b""), ("assets/other.bin", b"x"), ("assets/möwe", b"x")], method)
        )
        assert load_model(path).compiled


def test_every_truncation_and_many_flips_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    compiled().save(path)
    whole = path.read_bytes()

    def read(data):
        found = zips.Zip(Source.of(data))
        return {name: found.read(name, 1 << 20) for name in found.members}

    members = read(whole)
    for length in range(0, len(whole), 7):
        with pytest.raises(LoadError):
            read(whole[:length])
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(whole), 500).tolist():
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        try:
            found = read(bytes(damaged))
        except LoadError:
            continue
        assert {name: data for name, data in found.items() if name in members} == {
            name: members[name] for name in found if name in members
        }  # a time stamp or the like was hit


def test_checksums_are_verified(good, tmp_path):
    path = tmp_path / "m.keras"
    compiled().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, message in ((METADATA, "does not match its SHA-256"), (None, "does not list")):
        other = {**members, name: members[METADATA] + b" "} if name else {**members, "assets/x": b""}
        path.write_bytes(packed(list(other.items())))
        with pytest.raises(LoadError, match=message):
            load_model(path)


def test_large_numbers_of_zip64_are_read(good):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in good.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    assert zips.Zip(Source.of(buffer.getvalue())).read(CONFIG, 1 << 20) == good[CONFIG]
    data = b"x" * 10
    head = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 0, zlib.crc32(data), 10, 10, 1, 0) + b"a" + data
    extra = struct.pack("<2H4s", 0x5455, 4, b"time") + struct.pack("<2H3Q", 1, 24, 10, 10, 0)
    most = 0xFFFFFFFF
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 0, 0, 0, zlib.crc32(data), most, most, 1, len(extra), 0, 0, 0, 0, most
    )
    entry += b"a" + extra
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(entry), len(head))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(head) + len(entry), 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, most, most, 0)
    assert zips.Zip(Source.of(head + entry + end + locator + last)).read("a", 10) == data
    with pytest.raises(LoadError, match="would have"):
        zips.Zip(Source.of(head + entry + end + locator + last)).read("a", 9)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.keras")
    (tmp_path / "folder.keras").mkdir()
    for path in ("pipe.keras", "folder.keras"):
        with pytest.raises(LoadError, match=r"regular|folder"):
            load_model(tmp_path / path)
    for url in ("gs://a/b", "https://example.com/m.keras"):
        with pytest.raises(LoadError, match="local files"):
            load_model(url)
    with pytest.raises(LoadError, match="regular"):
        load_model("/dev/zero") if os.path.isfile("/dev/zero") else Source.of("/dev/zero")
    with pytest.raises(FileNotFoundError, match="File not found"):
        load_model(tmp_path / "none.keras")
    with pytest.raises(ValueError, match="File not found"):
        load_model(tmp_path / "none")


# --- whole or absent ---


def test_saving_asks_for_a_good_path(tmp_path):
    model = compiled()
    with pytest.raises(ValueError, match=r"ends|extension"):
        model.save(tmp_path / "m.foo")
    with pytest.raises(FileNotFoundError, match="makedirs"):
        model.save(tmp_path / "none" / "m.keras")
    (tmp_path / "d.keras").mkdir()
    with pytest.raises(IsADirectoryError, match="folder"):
        model.save(tmp_path / "d.keras")
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError, match="overwrite"):
        model.save(tmp_path / "m.keras", overwrite=False)
    assert sorted(os.listdir(tmp_path)) == ["d.keras", "m.keras"]


@pytest.mark.parametrize("step", ["fsync", "replace", "write"])
def test_a_failed_save_leaves_the_old_file(step, tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    path.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if step == "write":
        monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="full; an earlier file is unchanged"):
        compiled().save(path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["m.keras"]


def test_what_reads_back_differently_is_not_kept(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    monkeypatch.setattr(zips.Zip, "pieces", lambda self, name: iter([b"?"]))
    with pytest.raises(OSError, match="differently"):
        compiled().save(path)
    assert os.listdir(tmp_path) == []


def test_atomic_writes(tmp_path):
    path = tmp_path / "a.bin"
    atomic.write(path, b"one")
    os.chmod(path, 0o640)
    link = tmp_path / "link.bin"
    link.symlink_to(path)
    atomic.write(link, memoryview(np.arange(3, dtype="uint8")))
    assert link.is_symlink() and path.read_bytes() == b"\0\1\2" and path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(RuntimeError), atomic.replacing(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"\0\1\2" and sorted(os.listdir(tmp_path)) == ["a.bin", "link.bin"]
    atomic.check_writable(path)
    with pytest.raises(FileNotFoundError):
        atomic.check_writable(tmp_path / "none" / "a.bin")
    assert path.read_bytes() == b"\0\1\2" and sorted(os.listdir(tmp_path)) == ["a.bin", "link.bin"]
