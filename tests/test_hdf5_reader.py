"""The reader for HDF5: the same as h5py for files that are as they should be, `LoadError` for all others."""

from __future__ import annotations

import io
import tracemalloc
import warnings
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

import sequax
from sequax.saving import hdf5_parts, legacy_h5, safetensors, weights
from sequax.saving.errors import LoadError
from sequax.saving.hdf5_reader import File
from sequax.saving.source import Source


def h5_bytes(fill, **options):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        fill(file)
    return buffer.getvalue()


def parsed(data):
    return File(Source.of(data))


def contents(file):
    random = np.random.default_rng(0)
    for kind in ("f2", "f4", "f8", "i1", "i4", "i8", "u4", "?", ">f4", ">i2", "S5"):
        file[f"kind {kind}"] = (random.random((3, 4)) * 9).astype(kind)
    file["scalar"] = np.float32(3)
    file["empty"] = np.zeros((0, 3), "f4")
    array = random.random((50, 33)).astype("f4")
    file.create_dataset("all filters", data=array, compression="gzip", shuffle=True, fletcher32=True, chunks=(7, 9))
    file.create_dataset("checksum", data=array, fletcher32=True, chunks=(50, 3))
    file.create_dataset("odd checksum", data=np.full(5001, -1, "i1"), fletcher32=True, chunks=(5001,))
    file.create_dataset("grows", data=array[:, 0], chunks=(7,), maxshape=(None,))
    group = file.create_group("a/b/c")
    for number in range(300):
        group[f"x{number}"] = np.arange(number % 5, dtype="f4")
    group.attrs.update({"text": "hé", "texts": ["a", "bc"], "bytes": np.array([b"ab", b"cde"])})
    group.attrs.update({"number": 3.5, "array": np.arange(4), "flag": True, "none": [], "long": "x" * 100_000})


def test_reads_what_h5py_writes():
    data = h5_bytes(contents)
    found = parsed(data)
    with h5py.File(io.BytesIO(data)) as expected:
        names = []
        expected.visititems(lambda name, item: names.append(name))
        assert set(names) == (set(found.groups) | set(found.datasets)) - {""}
        for name in names:
            if isinstance(expected[name], h5py.Dataset):
                array, wanted = found.datasets[name].read(), expected[name][()]
                assert array.dtype == wanted.dtype and array.shape == wanted.shape
                np.testing.assert_array_equal(array, wanted)
    group = found.groups["a/b/c"]
    assert group.attribute("text") == "hé" and group.attribute("texts") == ["a", "bc"]
    assert group.attribute("bytes") == ["ab", "cde"] and group.attribute("number") == 3.5
    assert group.attribute("array").tolist() == [0, 1, 2, 3] and group.attribute("flag") is True
    assert len(group.attribute("none")) == 0 and len(group.attribute("long")) == 100_000
    assert group.attribute("other") is None and sorted(group.members)[:2] == ["x0", "x1"]


def test_newer_formats():
    def few(file):
        file["group/array"] = np.arange(6.0).reshape(2, 3)
        file["group"].attrs["text"] = "word"

    for options in ({"libver": "latest"}, {"libver": ("v108", "v110")}, {"track_order": True}):
        found = parsed(h5_bytes(few, **options))
        assert found.datasets["group/array"].read().tolist() == [[0, 1, 2], [3, 4, 5]]
        assert found.groups["group"].attribute("text") == "word"


def test_files_of_libver_latest_are_refused_with_a_way_out(tmp_path):
    """The lines in docs/files.md, on a file with groups of many members."""
    (tmp_path / "old.h5").write_bytes(h5_bytes(contents, libver="latest"))
    with pytest.raises(LoadError, match=r"libver='latest'.*docs/files.md has the lines"):
        parsed((tmp_path / "old.h5").read_bytes())
    text = (Path(__file__).parents[1] / "docs/files.md").read_text()
    lines = text.split("```python\n")[1].split("```")[0]
    code = lines.replace('"old.h5"', repr(str(tmp_path / "old.h5"))).replace('"new.h5"', repr(str(tmp_path / "new.h5")))
    exec(code, {})
    with Source.of(tmp_path / "new.h5") as source:
        found = File(source)
        assert len(found.datasets) == 317 and found.groups["a/b/c"].attribute("texts") == ["a", "bc"]
        assert found.datasets["a/b/c/x299"].read().tolist() == [0, 1, 2, 3]


def test_empty_groups_of_newer_files_are_not_too_many():
    def fill(file):
        for number in range(3000):
            file.require_group("/".join(f"{number:04o}"))  # eight in each at most

    for options in ({}, {"libver": ("earliest", "v114")}, {"libver": "latest"}):
        assert len(parsed(h5_bytes(fill, **options)).groups) > 3000


def test_a_list_of_names_in_pieces_takes_linear_time():
    """Each name is looked up once: counted in calls of the decoder."""
    names = [f"{number:05d}" for number in range(500)]

    def fill(file):
        for number, name in enumerate(names):
            file.attrs[f"layer_names{number}"] = [name]
            file.create_group(name).attrs["weight_names"] = np.zeros(0)

    with legacy_h5.LegacyFile(h5_bytes(fill)) as file:
        decoded, before = [], hdf5_parts.attribute
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hdf5_parts, "attribute", lambda data: decoded.append(1) or before(data))
            assert list(file.layers()) == names
        assert len(decoded) <= 2 * len(names)


def test_a_damaged_checksum_of_hdf5_is_noticed():
    data = h5_bytes(lambda f: f.create_dataset("x", data=np.arange(50.0), fletcher32=True, chunks=(50,)))
    at = data.index(np.arange(50.0).tobytes())
    with pytest.raises(LoadError, match="checksum"):
        parsed(data[:at] + b"\x01" + data[at + 1 :]).datasets["x"].read()


def with_chunk(packed):
    """Ten zeros, compressed, with other bytes in place of what they were compressed to."""
    data = h5_bytes(lambda f: f.create_dataset("x", data=np.zeros(10, "f4"), compression="gzip", chunks=(10,)))
    with h5py.File(buffer := io.BytesIO(data), "r+") as file:
        file["x"].id.write_direct_chunk((0,), packed)
    return buffer.getvalue()


def test_damaged_compression_is_noticed():
    with pytest.raises(LoadError, match="compressed data are damaged"):
        parsed(with_chunk(b"not compressed")).datasets["x"].read()


def test_compressed_data_may_not_be_larger_than_their_shape():
    """A megabyte of zeros, claimed to be 40 bytes."""
    data = with_chunk(zlib.compress(bytes(2**20)))
    tracemalloc.start()
    with pytest.raises(LoadError, match="a chunk holds"):
        parsed(data).datasets["x"].read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**19


def test_datasets_may_not_share_bytes():
    data = h5_bytes(lambda f: [f.create_dataset(name, data=np.full(100, i + 1.5)) for i, name in enumerate("ab")])
    first, second = (data.index(np.full(100, value).tobytes()) for value in (1.5, 2.5))
    with pytest.raises(LoadError, match="overlap"):
        parsed(data.replace(first.to_bytes(8, "little"), second.to_bytes(8, "little")))


@pytest.mark.parametrize("at", [32, 48], ids=["free space", "driver"])
def test_files_in_several_parts_are_refused(at):
    """One of two addresses in the superblock that nothing has in a file of one part."""
    data = h5_bytes(lambda f: f.create_dataset("x", data=np.zeros(3)))
    assert data[at : at + 8] == b"\xff" * 8
    with pytest.raises(LoadError, match="several files"):
        parsed(data[:at] + bytes(8) + data[at + 8 :])


@pytest.mark.parametrize("kind", [6, 17], ids=["link", "symbols"])
def test_a_dataset_has_no_members(kind):
    """Its message with the value to fill it with becomes one that only groups have."""
    data = h5_bytes(lambda f: f.create_dataset("x", data=np.zeros(3)))
    fill = b"\x05\x00\x08\x00\x01\x00\x00\x00"
    assert data.count(fill) == 1
    with pytest.raises(LoadError, match="neither a group nor"):
        parsed(data.replace(fill, bytes([kind]) + fill[1:]))


def test_booleans_take_one_byte():
    """An enumeration of two bytes whose members are told to be of one."""
    data = h5_bytes(lambda f: f.create_dataset("x", data=np.array([True, False])))
    start = b"\x02\x00\x00\x01\x00\x00\x00\x10"  # two members, the size, and the class of their type
    assert data.count(start) == 1 and parsed(data).datasets["x"].type.kind == "boolean"
    with pytest.raises(LoadError, match="4 bytes, but 2 are stored"):
        parsed(data.replace(start, start[:3] + b"\x02" + start[4:]))


def test_booleans_use_all_bits_of_their_byte():
    data = h5_bytes(lambda f: f.create_dataset("x", data=np.array([True, False])))
    base = b"\x10\x08\x00\x00\x01\x00\x00\x00\x00\x00\x08\x00"  # a whole number of 8 bits in one byte
    assert data.count(base) == 1
    assert parsed(data.replace(base, base[:-2] + b"\x07\x00")).datasets["x"].type.kind == "enumeration"


def test_arrays_as_elements_are_told_by_name():
    """HDF5 describes them in a later version than numbers; what stands beside them can be read."""

    def fill(file):
        kind, space = h5py.h5t.array_create(h5py.h5t.IEEE_F32LE, (2,)), h5py.h5s.create_simple((3,))
        group = file.create_group("group")
        h5py.h5a.create(group.id, b"arrays", kind, space)
        group.attrs["text"] = "word"

    group = parsed(h5_bytes(fill)).groups["group"]
    assert group.attribute("text") == "word"
    with pytest.raises(LoadError, match=r"'arrays' \(of type array\)"):
        group.attribute("arrays")


# --- mutations ---


@pytest.fixture(scope="module")
def model():
    found = sequax.Sequential([sequax.layers.Input((3,)), sequax.layers.Dense(2), sequax.layers.Dense(2)])
    found.compile("sgd", "mse")
    return found


FORMATS = {
    "weights.h5": (lambda m: bytes(weights.weights_bytes(m)), weights.read_weights),
    "h5": (
        lambda m: bytes(legacy_h5.model_bytes(m, {"model_config": "{}"}, optimizer=True)),
        lambda m, data: legacy_h5.read_weights(m, data, optimizer=True),
    ),
    "safetensors": (safetensors.weights_bytes, safetensors.read_weights),
}


def stored_values(model):
    return [variable.numpy().tobytes() for variable in (*model.weights, *model.optimizer.variables)]


def outcome(model, read, data, expected):
    """Read damaged data: a `LoadError` that changes nothing, or what was stored."""
    before = stored_values(model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(model, data)
    except LoadError:
        assert stored_values(model) == before
        return "refused"
    assert stored_values(model)[: len(model.weights)] == expected[: len(model.weights)]
    return "read"


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_refused_or_read_right(model, name):
    write, read = FORMATS[name]
    data, expected = write(model), stored_values(model)
    assert outcome(model, read, data, expected) == "read"
    for length in range(0, len(data), 64 if name != "safetensors" else 16):
        assert outcome(model, read, data[:length], expected) == "refused", length
    random = np.random.default_rng(7)
    seen = set()
    for position, value in zip(random.integers(0, len(data), 300), random.integers(1, 256, 300), strict=True):
        changed = bytearray(data)
        changed[position] ^= value
        seen.add(outcome(model, read, bytes(changed), expected))
    assert "refused" in seen


def test_what_a_file_claims_takes_no_memory(model):
    """A kernel that is said to have two million million elements."""
    data = bytes(weights.weights_bytes(model))
    shape = np.array([3, 2], "<u8").tobytes()
    assert data.count(shape) >= 1
    claimed = data.replace(shape, np.array([10**6, 2 * 10**6], "<u8").tobytes())
    tracemalloc.start()
    with pytest.raises(LoadError):
        weights.read_weights(model, claimed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
