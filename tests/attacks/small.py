"""Small files and configs that would take long, or much memory, if their parts were not counted."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from . import hdf5_raw as raw
from .configs import dense, entry, graph, stack
from .files import CONFIG, METADATA, WEIGHTS, Members, dumps, packed

# --- HDF5 ---


def long_paths(put: raw.Put) -> int:
    """5,000 groups of a few bytes each, at paths of 2,000."""
    address = put(raw.group([put(raw.header()) for _ in range(5_000)]))
    for _ in range(4):
        address = put(raw.header(raw.link("n" * 490, address)))
    return address


def many_groups(number: int) -> Callable[[raw.Put], int]:
    return lambda put: put(raw.group([put(raw.header()) for _ in range(number)]))


def many_datasets(put: raw.Put) -> int:
    empty = raw.dataset(raw.FLOAT32, raw.space(0), raw.UNDEFINED, 0)
    return put(raw.group([put(empty) for _ in range(2_000)]))


def deep_groups(put: raw.Put) -> int:
    address = put(raw.header())
    for _ in range(5_000):
        address = put(raw.header(raw.link("g", address)))
    return address


def doubling_links(put: raw.Put) -> int:
    """2**60 paths."""
    address = put(raw.header())
    for _ in range(60):
        address = put(raw.header(raw.link("a", address), raw.link("b", address)))
    return address


def one_text_for_all(put: raw.Put) -> int:
    """One text of 300 kilobytes, as the name of 3,000 groups."""
    name = raw.attribute("name", raw.TEXT, raw.space(), raw.reference(300_000, put(raw.heap(b"t" * 300_000))))
    return put(raw.group([put(raw.header(name)) for _ in range(3_000)]))


def one_name_for_all_arrays(put: raw.Put) -> int:
    """The name of a group, as long as may be, which stands beside each of the arrays in it."""
    name = raw.attribute("name", raw.TEXT, raw.space(), raw.reference(300_000, put(raw.heap(b"t" * 300_000))))
    empty = raw.dataset(raw.FLOAT32, raw.space(0), raw.UNDEFINED, 0)
    return put(raw.group([put(empty) for _ in range(800)], name))


def types_in_types(put: raw.Put) -> int:
    """Enumerations of enumerations, 7,000 deep."""
    kind = struct.pack("<BBBBI", 0x38, 2, 0, 0, 1) * 7_000 + raw.INTEGER8
    return put(raw.group([put(raw.dataset(kind, raw.space(1), 48, 1))]))


def root_is_an_array(put: raw.Put) -> int:
    return put(raw.dataset(raw.FLOAT32, raw.space(1), put(bytes(4)), 4))


def continued_without_end(put: raw.Put) -> int:
    """5,000 blocks, each of which says that the header goes on in the one before."""
    address, size = put(b"OCHK" + bytes(8)), 12
    for _ in range(5_000):
        block = b"OCHK" + raw.message(0x10, struct.pack("<QQ", address, size)) + bytes(4)
        address, size = put(block), len(block)
    return put(raw.header(raw.message(0x10, struct.pack("<QQ", address, size))))


def continued_in_itself(put: raw.Put) -> int:
    address = put(b"")
    block = b"OCHK" + raw.message(0x10, struct.pack("<QQ", address, 28)) + bytes(4)
    return put(raw.header(raw.message(0x10, struct.pack("<QQ", put(block), len(block)))))


def attributes(number: int) -> Callable[[raw.Put], int]:
    empty = raw.reference(0, 0)

    def make(put: raw.Put) -> int:
        return put(raw.header(*(raw.attribute(f"a{i}", raw.TEXT, raw.space(), empty) for i in range(number))))

    return make


def twice_the_same(put: raw.Put) -> int:
    one = raw.attribute("n" * 40_000, raw.TEXT, raw.space(), b"")
    return put(raw.header(one, one))


def huge_texts(put: raw.Put) -> int:
    """An attribute of 10**12 texts."""
    return put(raw.header(raw.attribute("name", raw.TEXT, raw.space(10**6, 10**6), bytes(16))))


def with_chunks(plan: Callable[[Any], None], shape: tuple[int, ...], chunk: bytes, most: int) -> bytes:
    """A dataset `x` of chunks that are written as they are."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan(properties)
        limits = tuple(h5py.h5s.UNLIMITED for _ in shape)
        one = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(shape, limits), properties)
        for number in range(most):
            one.write_direct_chunk((number, *(0 for _ in shape[1:])), chunk)
    return buffer.getvalue()


def wide_chunks() -> bytes:
    """Chunks of a megabyte for one number each."""

    def plan(properties: Any) -> None:
        properties.set_chunk((1, 260_000))
        properties.set_deflate(1)

    return with_chunks(plan, (400, 1), zlib.compress(bytes(4 * 260_000), 9), 400)


def packed_twice() -> bytes:
    """A thousand times a thousand."""

    def plan(properties: Any) -> None:
        properties.set_chunk((1, 260_000))
        properties.set_deflate(1)
        properties.set_deflate(1)

    return with_chunks(plan, (1_000, 1), zlib.compress(zlib.compress(bytes(4 * 260_000), 9), 9), 1_000)


def same_bytes() -> bytes:
    """All chunks at the place of one."""
    data = with_chunks(lambda properties: properties.set_chunk((1, 4)), (200, 4), b"chunk of 16 byte", 200)
    first = data.index(b"chunk of 16 byte")
    for _ in range(1, 200):
        at = data.index(b"chunk of 16 byte", first + 1)
        data = data[:at] + b"-" * 16 + data[at + 16 :]
        data = data.replace(struct.pack("<Q", at), struct.pack("<Q", first))
    return data


def fill_value() -> bytes:
    """10**12 elements that stand nowhere, and are all 3."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("x", (10**6, 10**6), "f4", chunks=(1000, 1000), fillvalue=3.0)
        file.create_dataset("y", (10**12,), "f4", chunks=(1,))
    return buffer.getvalue()


def scaled() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("x", data=np.zeros(1000), scaleoffset=2)
    return buffer.getvalue()


def newest() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest") as file:
        for number in range(20):
            file[f"g/x{number}"] = np.zeros(3, "f4")
    return buffer.getvalue()


HDF5: dict[str, Callable[[], bytes]] = {
    **{
        make.__name__.replace("_", " "): lambda make=make: raw.whole(make)
        for make in (
            *(long_paths, many_datasets, deep_groups, doubling_links, one_text_for_all, one_name_for_all_arrays),
            *(types_in_types, root_is_an_array, continued_without_end, continued_in_itself, twice_the_same, huge_texts),
        )
    },
    "8,000 groups": lambda: raw.whole(many_groups(8_000)),
    "1,000 attributes": lambda: raw.whole(attributes(1_000)),
    "chunks of a megabyte": wide_chunks,
    "packed twice": packed_twice,
    "all chunks at one place": same_bytes,
    "fill value": fill_value,
    "scale and offset": scaled,
    "libver='latest'": newest,
}


def legacy(*attributes: bytes, names: bytes = b"a") -> Callable[[raw.Put], int]:
    """A file of Keras 2 whose only layer has these attributes."""

    def make(put: raw.Put) -> int:
        layer = put(raw.header(*attributes))
        listed = raw.attribute("layer_names", raw.TEXT, raw.space(1), raw.reference(len(names), put(raw.heap(names))))
        root = put(raw.header(listed, raw.link(names.decode(), layer)))
        config = b'{"class_name": "Sequential", "config": {"name": "s", "layers": []}}'
        model = raw.attribute("model_config", raw.TEXT, raw.space(), raw.reference(len(config), put(raw.heap(config))))
        return put(raw.header(model, raw.link("model_weights", root)))

    return make


def long_names_again(put: raw.Put) -> int:
    """A list of names in 3,000 pieces, each of them one text of 300 kilobytes."""
    name = raw.reference(300_000, put(raw.heap(b"t" * 300_000)))
    pieces = [raw.attribute(f"weight_names{i}", raw.TEXT, raw.space(1), name) for i in range(3_000)]
    return legacy(*pieces)(put)


def names_in_pieces(put: raw.Put) -> int:
    """A list of 4,000 pieces."""
    name = raw.reference(1, put(raw.heap(b"x")))
    return legacy(*(raw.attribute(f"weight_names{i}", raw.TEXT, raw.space(1), name) for i in range(4_000)))(put)


OLD_HDF5: dict[str, Callable[[], bytes]] = {
    "long names again and again": lambda: raw.whole(long_names_again),
    "names in 4,000 pieces": lambda: raw.whole(names_in_pieces),
}

# --- archives ---


def deflated(good: Members, **changes: bytes) -> bytes:
    return packed({**good, **changes}, zipfile.ZIP_DEFLATED)


def noise(size: int) -> bytes:
    return random.Random(0).randbytes(size)


def vocabulary(words: bytes, **config: Any) -> Callable[[Members], bytes]:
    """A model with a lookup layer that learned its words."""
    layer = entry("IntegerLookup", name="words", **config)
    model = json.dumps(stack(layer, shape=(None, 1))).encode()
    member = "assets/layers/integer_lookup/vocabulary.txt"
    return lambda good: deflated(good, **{CONFIG: model, WEIGHTS: empty_weights(), member: words})


def empty_weights() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w"):
        pass
    return buffer.getvalue()


def all_at_once(good: Members) -> bytes:
    """65,534 entries, the most that a list has without 64 bits, for the members that there are."""
    data = packed(good)
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entry = data[start : data.index(b"PK\1\2", start + 1)]
    listed = data[start:end] + entry * (65_534 - len(good))
    counts = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65_534, 65_534, len(listed), start, 0)
    return data[:start] + listed + counts


def nested(good: Members) -> bytes:
    """Each member holds the ones behind it: a quarter of a megabyte that would unpack to millions of millions."""
    data = packed(good, zipfile.ZIP_DEFLATED)
    places = [at for at in range(len(data)) if data.startswith(b"PK\1\2", at)]
    end = data.index(b"PK\5\6")
    for at in places:  # all entries of the list claim everything up to the list
        data = data[: at + 20] + struct.pack("<L", places[0] - 60) + data[at + 24 :]
    assert end > places[-1]
    return data


def objects_beside(size: int) -> Callable[[Members], bytes]:
    """Hundreds of thousands of objects that pack to nothing, in a file that is large for another reason."""
    return lambda good: packed_each({**good, CONFIG: b"[" + b'{"a":1},' * 500_000 + b"0]", "assets/x": noise(size)})


def packed_each(members: Members) -> bytes:
    return packed(members, zipfile.ZIP_DEFLATED)


ARCHIVES: dict[str, Callable[[Members], bytes]] = {
    "65,534 members": all_at_once,
    "members in members": nested,
    "30,000 groups that pack well": lambda g: deflated(g, **{WEIGHTS: raw.whole(many_groups(30_000))}),
    "weights of 15 MB zeros": lambda g: deflated(g, **{WEIGHTS: g[WEIGHTS] + bytes(15 << 20)}),
    "wide letters": lambda g: deflated(g, **{CONFIG: '"\U0001f600'.encode() + b"a" * (4 << 20) + b'"'}),
    "many strings": lambda g: deflated(g, **{CONFIG: b"[" + b'"",' * 1_500_000 + b"0]"}),
    "objects beside a megabyte": objects_beside(1 << 20),
    "metadata of a million values": lambda g: deflated(g, **{METADATA: b"[" + b"0," * 500_000 + b"0]"}),
    "words of 8 MB zeros": vocabulary(bytes(8 << 20)),
    "4 million words": vocabulary(b"1\n" * 4_000_000),
    "half a million words": vocabulary("\n".join(map(str, range(500_000))).encode()),
    "number of 5,000 digits as a word": vocabulary(b"9" * 5_000),
    "numbers of 30 digits as words": vocabulary(b"9" * 30 + b"\n1"),
    "words that are no text": vocabulary(b"\xff\xfe"),
}

# --- configs ---


def layers(number: int, one: dict[str, Any]) -> dict[str, Any]:
    return stack(*[one] * number)


def deep(levels: int, inner: Any) -> Any:
    for _ in range(levels):
        inner = {"k" * 40: [inner]}
    return inner


# Each takes a megabyte at most; a model of them would be made for a minute, or not at all.
CONFIGS: dict[str, Callable[[], Any]] = {
    "20,000 layers": lambda: layers(20_000, {"class_name": "ReLU", "config": {}}),
    "20,000 layers in a layer": lambda: stack(
        {
            "class_name": "StackedRNNCells",
            "config": {"cells": [{"class_name": "LSTMCell", "config": {"units": 1}}] * 20_000},
        }
    ),
    "8,000 calls": lambda: graph(dense(name="a", units=4), 8_000),
    "objects in deep places": lambda: stack(dense(kernel_initializer=deep(40, [entry("Zeros", "x")] * 10_000))),
    "100,000 unknown keys": lambda: stack(dense(**{f"k{number}": 0 for number in range(100_000)})),
    "100,000 shapes": lambda: stack({**dense(), "build_config": {f"k{number}": [1] for number in range(100_000)}}),
    "key of a megabyte": lambda: stack(dense(**{"k" * 10**6: 1})),
    "class of a megabyte": lambda: stack(entry("Den" * 300_000)),
    "module of a megabyte": lambda: stack(entry("Dense", "keras." + "k." * 500_000, units=1)),
    "registered name of a megabyte": lambda: stack({**entry("Dense", None), "registered_name": "k" * 10**6}),
    "activation of a megabyte": lambda: stack(dense(activation="Ab" * 500_000)),
    "initializer of a megabyte": lambda: stack(dense(kernel_initializer="aB" * 500_000)),
    "dtype of a megabyte": lambda: stack(dense(dtype="k" * 10**6)),
    "units of a megabyte": lambda: stack(dense(units="k" * 10**6)),
    "250,000 equal words": lambda: stack(entry("StringLookup", vocabulary=["a"] * 250_000)),
    "kernel of 10,000 dimensions": lambda: stack(entry("Conv2D", filters=2, kernel_size=[3] * 10_000)),
    "shape of 9,000 lists": lambda: stack({**dense(), "build_config": {"input_shape": [[1] * 5] * 9_000}}),
    "tuple of nothing": lambda: stack(dense(kernel_initializer={"class_name": "__tuple__", "config": 3})),
    "tuple as the model": lambda: {"class_name": "__tuple__", "config": 3},
}
TEXTS = {name: lambda make=make: dumps(make()) for name, make in CONFIGS.items()}

# --- .weights.json ---

INDICES: dict[str, Callable[[], str]] = {
    "a million values": lambda: (
        '{"weight_map": {"a": [' + '"m_00000.weights.h5",' * 50_000 + "[" + "[]," * 500_000 + "0]]}}"
    ),
    "200,000 levels": lambda: "[" * 200_000,
    "key twice": lambda: '{"weight_map": {"a": "x"}, "weight_map": {"a": "y"}}',
    "100,000 files": lambda: json.dumps({"weight_map": {"a": [f"m_{n:05d}.weights.h5" for n in range(100_000)]}}),
    "file of a long name": lambda: json.dumps({"weight_map": {"a": ["m_" + "0" * 10**6]}}),
}
